"""A real-valued column: hemoglobin, a dose, a ratio."""

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


@dataclass(frozen=True, slots=True)
class Continuous:
    """Real numbers in the column's unit."""

    number: Number
    dtype: str

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Continuous:
        """Fit to a training column."""
        del also  # numbers beyond the training range need no code of their own
        number = Number.fit(floats_of(column), sentinels=spec.sentinels)
        return cls(number, str(column.dtype.base_type()))

    def with_number(self, number: Number) -> Continuous:
        """The same column with another numeric half."""
        return replace(self, number=number)

    def floats(self, column: pl.Series) -> Floats:
        """(n,) values, NaN where missing."""
        return floats_of(column)

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) numbers, 0 to 1 over the training range."""
        return RowsView(numeric=self.number.rows(self.floats(column)))

    def series(self, values: Floats, name: str) -> pl.Series:
        """Undo `floats`, in the training dtype."""
        return pl.Series(name, values).fill_nan(None).cast(getattr(pl, self.dtype))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"number": self.number.to_dict(), "dtype": self.dtype}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Continuous:
        """Undo `to_dict`."""
        return cls(Number.from_dict(data["number"]), data["dtype"])
