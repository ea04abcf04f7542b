"""The two passes over a synthetic table that may be larger than memory.

A pass is a *step*, a pure function of a span of rows, and an associative, commutative merge of what
it returns. `in_turn` runs the steps one after the other; any other `Run` may run them elsewhere and
yield the results, or merged ones, in any order: the audit has the same bits.

1. `Survey`: what each block hashes to, which rules are broken, which levels occur, and the rows
   that fidelity is measured on.
2. `Search`: distances and votes, see `synthema_core.privacy.tally`.

A step is a frozen dataclass that holds all it needs, so it pickles with its `Source`: a path, or a
frame.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .encoding import Encoder
from .errors import MemoryBoundError, TableError
from .memory import resident, words
from .privacy.row_values import RowValues
from .privacy.tally import Measured, Real, Tally, measure
from .schema import Schema
from .sources import BLOCK_ROWS, Source, Span
from .tables import block_digest, joined_digest
from .three_tables import ThreeTables, alike

MOST_LEVELS = 2**18  # of one column: they are kept, and compared one by one
LISTED = ("boolean", "categorical", "ordinal", "constant")  # kinds whose unseen levels get codes

Part = TypeVar("Part", covariant=True)


class Mergeable(Protocol):
    """What a step gives."""

    def merge(self, other: Self) -> Self:
        """Of the rows of both; associative and commutative, to the last bit."""

    def apart(self) -> tuple[Self, Self | None]:
        """What adds up, and what grows with the rows and need not be merged: None if nothing."""


Found = TypeVar("Found", bound=Mergeable)


class Step(Protocol[Part]):
    """A pure function of the rows `start` to `stop - 1` of the synthetic table."""

    def __call__(self, start: int, stop: int) -> Part:
        """What these rows give."""


class Run(Protocol):
    """Something that runs a step on every span, and yields the results in any order."""

    def __call__(self, step: Step[Found], spans: Sequence[Span]) -> Iterable[Found]:
        """Results, one per span, or merged or apart: whatever merges to the same."""


def in_turn(step: Step[Found], spans: Sequence[Span]) -> Iterator[Found]:
    """The simplest `Run`: one span after the other, here."""
    for start, stop in spans:
        yield step(start, stop)


def within(bound: int, run_all: Run = in_turn) -> Run:
    """As `run_all`, but it stops once the process holds more than `bound` bytes.

    A plan is a forecast. Where it was wrong the work ends with an error and not with the machine.
    """

    def run(step: Step[Found], spans: Sequence[Span]) -> Iterator[Found]:
        for found in run_all(step, spans):
            if (held := resident()) > bound:
                raise MemoryBoundError(
                    f"memory: the process holds {words(held)}, more than the {words(bound)} "
                    "allowed and more than was foreseen. Give more, or write the Parquet files "
                    "anew with small row groups, as row_group_size=65_536."
                )
            yield found

    return run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surveyed:
    """What some blocks of a synthetic table hold.

    Attributes:
        blocks: Number of each block, from 0, and its digest.
        broken: Rows that break a rule, by column and sentence of the rule.
        violating: Rows that break at least one.
        levels: Of each discrete column, the distinct values that occur.
        rows: First row number of a span, and those of its rows that fidelity is measured on.
    """

    blocks: Mapping[int, bytes]
    broken: Mapping[tuple[str, str], int]
    violating: int
    levels: Mapping[str, pl.Series]
    rows: Mapping[int, pl.DataFrame]

    def merge(self, other: "Surveyed") -> "Surveyed":
        """Of the rows of both. Associative and commutative, but for the order of `levels`."""
        keys = {**self.broken, **other.broken}
        together = Surveyed(
            blocks={**self.blocks, **other.blocks},
            broken={key: self.broken.get(key, 0) + other.broken.get(key, 0) for key in keys},
            violating=self.violating + other.violating,
            levels={n: pl.concat([a, other.levels[n]]).unique() for n, a in self.levels.items()},
            rows={**self.rows, **other.rows},
        )
        return _checked(together)

    def apart(self) -> tuple["Surveyed", None]:
        """All of it adds up to little: its rows are those that fidelity is measured on."""
        return self, None

    def digest(self, source: Source) -> str:
        """Of the whole table, once all blocks are there; as `tables.digest`."""
        blocks = [self.blocks[number] for number in sorted(self.blocks)]
        return joined_digest(source.dtypes, source.height, blocks)

    def sample(self) -> pl.DataFrame:
        """All rows for fidelity, sorted by all columns."""
        together = pl.concat([self.rows[start] for start in sorted(self.rows)])
        return together.sort(map(pl.col, together.columns), nulls_last=True)

    def seen(self) -> pl.DataFrame:
        """The distinct values of each discrete column, ascending, filled up with nulls."""
        longest = max((len(values) for values in self.levels.values()), default=0)
        return pl.DataFrame(
            [
                values.sort(nulls_last=True).extend_constant(None, longest - len(values))
                for values in self.levels.values()
            ]
        )


def _checked(found: Surveyed) -> Surveyed:
    """Refuse levels without end before they fill the memory."""
    for name, levels in found.levels.items():
        if len(levels) > MOST_LEVELS:
            raise TableError(
                f"synthetic: column '{name}': more than {MOST_LEVELS:,} different values, "
                "too many for categories. Declare it text or identifier in the schema."
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """The first pass. Spans must start at multiples of BLOCK_ROWS.

    Attributes:
        source: The synthetic table.
        schema: What its columns are.
        dtypes: Of the modelled columns, see `ThreeTables`.
        drawn: Ascending numbers of the rows that fidelity is measured on; None means all.
    """

    source: Source
    schema: Schema
    dtypes: Mapping[str, pl.DataType]
    drawn: NDArray[np.int64] | None

    def __call__(self, start: int, stop: int) -> Surveyed:
        """Look at some rows.

        Raises:
            TableError: If they are not fit to be looked at.
        """
        if start % BLOCK_ROWS:
            raise ValueError(f"start: expected a multiple of {BLOCK_ROWS}, got {start}")
        frame = self.source.part(start, stop)
        found = self.schema.validate(frame, name=self.source.name)
        common = alike(frame, self.dtypes)
        first = start // BLOCK_ROWS
        return Surveyed(
            blocks={
                first + i: block_digest(block)
                for i, block in enumerate(frame.iter_slices(BLOCK_ROWS))
            },
            broken={(v.column, v.rule): v.count for v in found.violations},
            violating=int(found.rows.sum()),
            levels={
                c.name: common[c.name].drop_nulls().unique()
                for c in self.schema.modelled
                if c.kind in LISTED
            },
            rows=self._rows(common, start, stop),
        )

    def _rows(self, common: pl.DataFrame, start: int, stop: int) -> dict[int, pl.DataFrame]:
        if self.drawn is None:
            return {start: common}
        low, high = np.searchsorted(self.drawn, [start, stop])
        return {start: common[self.drawn[low:high] - start]} if low < high else {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """The second pass. Spans may be any.

    Attributes:
        source: The synthetic table.
        dtypes: Of the modelled columns.
        encoder: Fitted on the training table, with the levels that the survey found.
        real: The encoded real tables.
    """

    source: Source
    dtypes: Mapping[str, pl.DataType]
    encoder: Encoder
    real: Real

    def __call__(self, start: int, stop: int) -> Measured:
        """Measure some rows."""
        frame = self.source.part(start, stop, list(self.dtypes))
        return measure(self.encoder.rows(alike(frame, self.dtypes)), self.real)


def survey(
    tables: ThreeTables,
    schema: Schema,
    drawn: NDArray[np.int64] | None,
    spans: Sequence[Span],
    run: Run,
) -> Surveyed:
    """The first pass over all spans."""
    step = Survey(source=tables.synthetic, schema=schema, dtypes=tables.dtypes, drawn=drawn)
    found: Surveyed | None = None
    for part in run(step, spans):
        found = _checked(part) if found is None else found.merge(part)
    assert found is not None  # a source has a row
    return found


def prepared(
    tables: ThreeTables, schema: Schema, surveyed: Surveyed, *, seed: int
) -> tuple[Encoder, Real]:
    """What the second pass needs besides the synthetic table."""
    others = [surveyed.seen(), *([] if tables.holdout is None else [tables.holdout])]
    encoder = Encoder.fit(tables.train, schema, also=others)
    holdout = None if tables.holdout is None else encoder.rows(tables.holdout)
    return encoder, Real.of(encoder.rows(tables.train), holdout, seed=seed)


def search(
    tables: ThreeTables,
    encoder: Encoder,
    real: Real,
    spans: Sequence[Span],
    run: Run,
    values: RowValues,
) -> Tally:
    """The second pass over all spans; what is one number per row is put into `values`."""
    step = Search(source=tables.synthetic, dtypes=tables.dtypes, encoder=encoder, real=real)
    tally: Tally | None = None
    for part in run(step, spans):
        values.append(part.values)
        if part.tally is not None:
            tally = part.tally if tally is None else tally.merge(part.tally)
    assert tally is not None
    return tally
