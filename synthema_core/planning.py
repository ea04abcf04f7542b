"""How long an audit will take and how much memory it will hold, before it starts.

The figures are a model: bytes per cell of what is held at the same time, counted from the code and
rounded up, and seconds per cell as measured on one machine. A bound on memory decides how many rows
are looked at together; the result does not depend on that.
"""

import logging
from dataclasses import dataclass

from .memory import MemoryBoundError, resident, words
from .sources import BLOCK_ROWS, FrameSource, Source
from .three_tables import ThreeTables

LOG = logging.getLogger(__name__)

MOST_ROWS = 16 * BLOCK_ROWS  # of a part: more at once is hardly faster
FEWEST_ROWS = 4096  # of a part of the second pass: fewer at once is much slower
FIXED = 288 * 2**20  # compiled kernels and the classifier's library, loaded on the way
FIDELITY_CELL = 8 * 8  # bytes a cell of the fidelity sample costs: floats, ranks, sorted copies
KERNEL_CELL = 24  # bytes a cell of rows that are searched costs: numbers, sketches, tiles
SLACK = 1.25  # allocators keep some of what was given back
PAIR_CELL = 0.02e-9  # seconds to compare one cell of one row with one other row
READ_CELL = 60e-9  # seconds to decode, check, hash and encode one cell
FIDELITY = 6.0  # seconds of the classifier and the rest, at most a few times that


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


def plan(tables: ThreeTables, bound: int | None, *, most_sampled: int) -> Plan:
    """Choose how many rows are looked at together, and say what that will take.

    Args:
        tables: Opened, the real ones read.
        bound: Bytes that the process may hold, or None.
        most_sampled: Rows of a table that fidelity is measured on, at most.

    Raises:
        MemoryBoundError: If it cannot be done within the bound.
    """
    source, cells = tables.synthetic, len(tables.dtypes)
    heights = tables.heights
    real = heights["train"] + heights.get("holdout", 0)
    fidelity = sum(min(n, most_sampled) for n in heights.values()) * cells * FIDELITY_CELL
    search_real = real * (cells * 2 * KERNEL_CELL + 64)
    read_row, search_row = _bytes_a_row(source, cells)
    held = resident() + FIXED

    def most(survey_rows: int, search_rows: int) -> int:
        first = min(survey_rows, source.height) * read_row
        second = search_real + min(search_rows, source.height) * search_row
        return int(held + SLACK * max(first, second, fidelity))

    survey_rows = search_rows = MOST_ROWS
    if bound is not None:
        while survey_rows > BLOCK_ROWS and most(survey_rows, 0) > bound:
            survey_rows //= 2
        while search_rows > FEWEST_ROWS and most(0, search_rows) > bound:
            search_rows //= 2
    made = Plan(
        seconds=_seconds(source.height, real, cells),
        memory=most(survey_rows, search_rows),
        bound=bound,
        survey_rows=survey_rows,
        search_rows=search_rows,
        spill=None if bound is None else bound // 32,
    )
    if bound is not None and made.memory > bound:
        raise MemoryBoundError(
            f"memory: {words(bound)} is not enough: about {words(made.memory)} is needed for "
            f"{real:,} real rows, {len(source.dtypes)} columns and the program itself. Give at "
            f"least memory='{-(-made.memory // 2**20)}MiB', or audit fewer real rows or columns."
        )
    LOG.info("%s", made)
    return made


def _bytes_a_row(source: Source, cells: int) -> tuple[float, float]:
    """Bytes a row costs in the first and in the second pass."""
    rows = min(source.height, FEWEST_ROWS)
    decoded = source.part(0, rows).estimated_size() / rows
    held = 1 if isinstance(source, FrameSource) else 2  # what is decoded, and what from
    return decoded * (held + 2) + 16 * cells, decoded * (held + 1) + 2 * KERNEL_CELL * cells + 64


def _seconds(synthetic: int, real: int, cells: int) -> float:
    pairs = 2.0 * synthetic * real
    return FIDELITY + cells * (pairs * PAIR_CELL + (synthetic + real) * READ_CELL)


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
