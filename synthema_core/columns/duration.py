"""A length of time: a number with a unit, or a Polars Duration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from .number import Number, floats_of
from .view import RowsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..schema import Column
    from .number import Floats

TICKS = (86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1)  # day, hour, …, in microseconds


@dataclass(frozen=True, slots=True)
class Duration:
    """Lengths of time, counted in the coarsest unit that holds them all. Missing is NaN in floats.

    Attributes:
        number: The numeric half.
        dtype: "Duration", or the numeric dtype of a column counted in its own unit.
        tick: Microseconds of one unit; 0 for a numeric column.
    """

    number: Number
    dtype: str
    tick: int

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Duration:
        """Fit to a training column."""
        del also
        tick = coarsest_tick(column.dt.total_microseconds()) if column.dtype == pl.Duration else 0
        floats = _floats(column, tick)
        return cls(
            Number.fit(floats, sentinels=spec.sentinels), str(column.dtype.base_type()), tick
        )

    def with_number(self, number: Number) -> Duration:
        """The same column with another numeric half."""
        return replace(self, number=number)

    def floats(self, column: pl.Series) -> Floats:
        """(n,) lengths in ticks, NaN where missing."""
        return _floats(column, self.tick)

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) numbers, 0 to 1 over the training range."""
        return RowsView(numeric=self.number.rows(self.floats(column)))

    def series(self, values: Floats, name: str) -> pl.Series:
        """Undo `floats`, in the training dtype or, where a draw does not fit it, in Int64."""
        column = pl.Series(name, values).fill_nan(None)
        if self.tick:
            return (column * self.tick).round().cast(pl.Int64).cast(pl.Duration("us"))
        narrow = column.cast(getattr(pl, self.dtype), strict=False)
        return narrow if narrow.null_count() == column.null_count() else column.cast(pl.Int64)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"number": self.number.to_dict(), "dtype": self.dtype, "tick": self.tick}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Duration:
        """Undo `to_dict`."""
        return cls(Number.from_dict(data["number"]), data["dtype"], int(data["tick"]))


def coarsest_tick(microseconds: pl.Series) -> int:
    """The coarsest of day, hour, minute, second and microsecond that divides every value."""
    return next(tick for tick in TICKS if not (microseconds % tick != 0).any())


def _floats(column: pl.Series, tick: int) -> Floats:
    return floats_of(column.dt.total_microseconds()) / tick if tick else floats_of(column)
