"""How a column's values are read as numbers, and written back in the training dtype."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from . import dtypes
from .storage import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .number import Floats

TICKS = (86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1)  # day, hour, …, in microseconds


@dataclass(frozen=True, slots=True)
class Plain:
    """Numbers in the column's own unit.

    Attributes:
        dtype: Of the column.
        storage: How its decimals were stored, if that is not just as they are.
    """

    dtype: pl.DataType
    storage: Storage | None = None

    @property
    def family(self) -> str:
        """What its values can be compared with."""
        return f"numbers in {self.storage}" if self.storage else "numbers"

    def recognized(self, column: pl.Series) -> Plain:
        """The same, with the form in which decimals of the training column were stored, if any."""
        if not self.dtype.is_float():
            return self
        values = self.floats(column)
        return replace(self, storage=Storage.of(values[np.isfinite(values)]))

    def floats(self, column: pl.Series) -> Floats:
        """(n,) values, NaN where missing."""
        dtypes.require(column, self.dtype)
        return self.read(_floats(column))

    def read(self, values: Floats) -> Floats:
        """(n,) numbers of the table as they are read."""
        return self.storage.read(values) if self.storage else values

    def around(self, low: float, high: float) -> tuple[float, float]:
        """An interval of numbers as they are read that holds those between two of the table."""
        return self.storage.around(low, high) if self.storage else (low, high)

    def series(self, values: Floats, name: str) -> pl.Series:
        """Undo `floats`; a draw that the training dtype cannot hold ends at its limit."""
        stored = self.storage.stored(values) if self.storage else values
        column = pl.Series(name, stored).fill_nan(None)
        if self.dtype.is_integer():
            limits = np.iinfo(str(self.dtype).lower())
            column = column.clip(limits.min, limits.max)
        return column.cast(self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        storage = {"storage": self.storage.to_dict()} if self.storage else {}
        return {"dtype": dtypes.to_dict(self.dtype)} | storage


@dataclass(frozen=True, slots=True)
class Ticks:
    """Instants since 1970, or lengths of time, in the coarsest unit that holds them all.

    Attributes:
        dtype: Date, Datetime or Duration.
        tick: Microseconds of one unit.
    """

    dtype: pl.DataType
    tick: int

    @property
    def family(self) -> str:
        """What its values can be compared with."""
        return f"{self.dtype} in {self.tick}"

    @property
    def days(self) -> float:
        """Days in one unit."""
        return self.tick / TICKS[0]

    @classmethod
    def of(cls, column: pl.Series) -> Ticks:
        """The coarsest of day, hour, minute, second and microsecond that divides every value."""
        whole = _microseconds(column)
        return cls(column.dtype, next(t for t in TICKS if not (whole % t != 0).any()))

    def floats(self, column: pl.Series) -> Floats:
        """(n,) ticks, NaN where missing."""
        dtypes.require(column, self.dtype)
        return _floats(_microseconds(column)) / self.tick

    def read(self, values: Floats) -> Floats:
        """(n,) numbers as they are read: just as they are."""
        return values

    def series(self, values: Floats, name: str) -> pl.Series:
        """Undo `floats`."""
        whole = (pl.Series(name, values).fill_nan(None) * self.tick).round().cast(pl.Int64)
        return whole.cast(_in_microseconds(self.dtype)).cast(self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"dtype": dtypes.to_dict(self.dtype), "tick": self.tick}


Scale = Plain | Ticks


def scale_of(column: pl.Series, *, recognize: bool = False) -> Scale:
    """The scale of a training column.

    Args:
        column: Training values.
        recognize: Whether decimals that were stored in few bits are read as what was recorded.
    """
    if column.dtype.is_temporal():
        return Ticks.of(column)
    return Plain(column.dtype).recognized(column) if recognize else Plain(column.dtype)


def from_dict(data: Mapping[str, Any]) -> Scale:
    """Undo `to_dict`."""
    dtype = dtypes.from_dict(data["dtype"])
    if dtype.is_temporal():
        return Ticks(dtype, int(data["tick"]))
    storage = data.get("storage")
    return Plain(dtype, Storage.from_dict(storage) if storage else None)


def _in_microseconds(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Duration):
        return pl.Duration("us")
    return pl.Datetime("us", dtype.time_zone if isinstance(dtype, pl.Datetime) else None)


def _microseconds(column: pl.Series) -> pl.Series:
    return column.cast(_in_microseconds(column.dtype)).to_physical()


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
