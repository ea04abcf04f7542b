"""How long an audit will take and how much memory it will hold, before it starts.

The figures are a model: bytes per cell of what is held at the same time, counted from the code and
rounded up, and seconds per cell as measured on one machine. A bound on memory decides how many rows
are looked at together; the result does not depend on that.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import MemoryBoundError
from .evidence import Cost
from .fidelity.values import NUMBERS
from .memory import resident, words
from .schema import Schema
from .sources import BLOCK_ROWS, Source

LOG = logging.getLogger(__name__)

MOST_ROWS = 16 * BLOCK_ROWS  # of a part: more at once is hardly faster
FEWEST_ROWS = 4096  # of a part of the second pass: fewer at once is much slower
SAMPLED = 1024  # rows that are decoded, here and there, to see how large one is
KEPT_SHARE = 64  # of the bound: one number per row, before it goes to a file
COMPILED = 140 * 2**20  # kernels, compiled on the way if no earlier run has left them in the cache
LEARNED = 140 * 2**20  # the classifier's library
NUMBER, CODE, ROW = 28, 16, 64  # bytes of a cell and of a row that are searched, copies included
CHECKED = 4  # bytes a cell costs while it is checked, besides being decoded
FIDELITY = 40  # bytes of a cell of the fidelity sample: as float, as rank, and sorted
PAIR_SECONDS = 0.01e-9  # to compare a cell of one row with that of another
READ_SECONDS = 40e-9  # to decode, check, hash and encode a cell
PAIRED_SECONDS = 15e-9  # to compare a value of one column with that of another one
LEAST_SECONDS = 5.0  # of the classifier and the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an audit will be done.

    Attributes:
        seconds: About how long it takes.
        memory: About how many bytes the process will hold at most, interpreter included.
        bound: What it may hold; None if nobody said.
        survey_rows: Rows that the first pass looks at together, a multiple of BLOCK_ROWS.
        search_rows: Rows that the second pass looks at together.
        spill: Bytes of one number per row that are kept in memory; None keeps all.
    """

    seconds: float
    memory: int
    bound: int | None
    survey_rows: int
    search_rows: int
    spill: int | None

    def __str__(self) -> str:
        """One line for a person."""
        of = "" if self.bound is None else f" (bound: {words(self.bound)})"
        return (
            f"estimate: about {_duration(self.seconds)} and {words(self.memory)} of memory{of}; "
            f"{self.search_rows:,} synthetic rows at a time"
        )


def plan(
    sources: Mapping[str, Source],
    schema: Schema,
    bound: int | None,
    *,
    most_sampled: int,
    evidence: Cost = Cost(seconds=0.0, memory=0),  # noqa: B008 - frozen
) -> Plan:
    """Choose how many rows are looked at together, and say what that will take.

    Args:
        sources: `train`, `synthetic` and perhaps `holdout`, opened; no real table that lies in a
            file has been read yet.
        schema: What their columns are.
        bound: Bytes that the process may hold, or None.
        most_sampled: Rows of a table that fidelity is measured on, at most.
        evidence: What the attacks take beyond the two passes.

    Raises:
        MemoryBoundError: If it cannot be done within the bound.
    """
    source = sources["synthetic"]
    real = {name: one for name, one in sources.items() if name != "synthetic"}
    n_real = sum(one.height for one in real.values())
    cells = len(schema.modelled)
    numbers = sum(column.kind in NUMBERS for column in schema.modelled)
    row = numbers * NUMBER + (cells - numbers) * CODE + ROW
    decoded = _bytes_a_row(source)
    spill = None if bound is None else bound // KEPT_SHARE
    held = (
        resident()
        + 2 * (spill or 0)
        + int(sum(one.height * 3 * _bytes_a_row(one) for one in real.values()))
    )
    sampled = sum(min(one.height, most_sampled) for one in sources.values())
    fidelity = min(source.height, most_sampled) * decoded + sampled * cells * FIDELITY

    def most(survey_rows: int, search_rows: int) -> int:
        survey_rows, search_rows = (min(n, source.height) for n in (survey_rows, search_rows))
        first = survey_rows * (2 * decoded + CHECKED * cells)
        # Polars keeps some of what it has given back
        kept = max(survey_rows, search_rows) * 1.5 * decoded + COMPILED
        second = 2 * n_real * row + search_rows * row
        attacks = n_real * row + evidence.memory
        return held + int(max(first, kept + second, kept + attacks, kept + LEARNED + fidelity))

    survey_rows = search_rows = MOST_ROWS
    if bound is not None:
        while survey_rows > BLOCK_ROWS and most(survey_rows, 0) > bound:
            survey_rows //= 2
        while search_rows > FEWEST_ROWS and most(survey_rows, search_rows) > bound:
            search_rows //= 2
    made = Plan(
        seconds=_seconds(source.height, n_real, sampled, cells) + evidence.seconds,
        memory=most(survey_rows, search_rows),
        bound=bound,
        survey_rows=survey_rows,
        search_rows=search_rows,
        spill=spill,
    )
    if bound is not None and made.memory > bound:
        need = words(-(-made.memory // 2**20) * 2**20)
        raise MemoryBoundError(
            f"memory: {words(bound)} is not enough: about {need} is needed for {n_real:,} real "
            f"rows, {len(source.dtypes)} columns and the program itself. Give at least that, or "
            "audit fewer real rows or columns."
        )
    LOG.info("%s", made)
    return made


def _bytes_a_row(source: Source) -> float:
    """Bytes of a row that is decoded: the most of some at three places."""
    n = min(source.height, SAMPLED)
    starts = {0, (source.height - n) // 2, source.height - n}
    return max(source.part(start, start + n).estimated_size() / n for start in starts)


def _seconds(synthetic: int, real: int, sampled: int, cells: int) -> float:
    each = 2.0 * synthetic * real * PAIR_SECONDS + (synthetic + real) * READ_SECONDS
    fidelity = LEAST_SECONDS + sampled * cells * cells / 2 * PAIRED_SECONDS
    return cells * each + fidelity


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
