"""A calendar date or a date with a time of day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from .duration import coarsest_tick
from .number import Number, floats_of
from .view import RowsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..schema import Column
    from .number import Floats


@dataclass(frozen=True, slots=True)
class Date:
    """Instants, counted from 1970 in the coarsest unit that holds them all.

    Attributes:
        number: The numeric half.
        dtype: "Date" or "Datetime".
        zone: Time zone of a datetime column, or None.
        tick: Microseconds of one unit: a day for dates.
    """

    number: Number
    dtype: str
    zone: str | None
    tick: int

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Date:
        """Fit to a training column."""
        del also, spec
        tick = coarsest_tick(_microseconds(column))
        number = Number.fit(floats_of(_microseconds(column)) / tick)
        zone = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
        return cls(number, str(column.dtype.base_type()), zone, tick)

    def with_number(self, number: Number) -> Date:
        """The same column with another numeric half."""
        return replace(self, number=number)

    def floats(self, column: pl.Series) -> Floats:
        """(n,) ticks since 1970, NaN where missing."""
        return floats_of(_microseconds(column)) / self.tick

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) numbers, 0 to 1 over the training range."""
        return RowsView(numeric=self.number.rows(self.floats(column)))

    def series(self, values: Floats, name: str) -> pl.Series:
        """Undo `floats`, in the training dtype."""
        ticks = (pl.Series(name, values).fill_nan(None) * self.tick).round().cast(pl.Int64)
        instants = ticks.cast(pl.Datetime("us"))
        if self.dtype == "Date":
            return instants.cast(pl.Date)
        return (
            instants
            if self.zone is None
            else instants.dt.replace_time_zone("UTC").dt.convert_time_zone(self.zone)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {
            "number": self.number.to_dict(),
            "dtype": self.dtype,
            "zone": self.zone,
            "tick": self.tick,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Date:
        """Undo `to_dict`."""
        number = Number.from_dict(data["number"])
        return cls(number, data["dtype"], data["zone"], int(data["tick"]))


def _microseconds(column: pl.Series) -> pl.Series:
    return column.cast(pl.Datetime("us") if column.dtype == pl.Date else column.dtype).dt.epoch(
        "us"
    )
