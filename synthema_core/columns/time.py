"""The time of a time-to-event endpoint; its status is a column of its own."""

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
class Time:
    """Times since the endpoint's origin, in the column's unit, whole or not."""

    number: Number
    dtype: str

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Time:
        """Fit to a training column."""
        del also  # numbers beyond the training range need no code of their own
        number = Number.fit(floats_of(column), sentinels=spec.sentinels)
        return cls(number, str(column.dtype.base_type()))

    def with_number(self, number: Number) -> Time:
        """The same column with another numeric half."""
        return replace(self, number=number)

    def floats(self, column: pl.Series) -> Floats:
        """(n,) values, NaN where missing."""
        return floats_of(column)

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) numbers, 0 to 1 over the training range."""
        return RowsView(numeric=self.number.rows(self.floats(column)))

    def series(self, values: Floats, name: str) -> pl.Series:
        """Undo `floats`, in the training dtype or, where a draw does not fit it, in Int64."""
        column = pl.Series(name, values).fill_nan(None)
        narrow = column.cast(getattr(pl, self.dtype), strict=False)
        return narrow if narrow.null_count() == column.null_count() else column.cast(pl.Int64)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"number": self.number.to_dict(), "dtype": self.dtype}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Time:
        """Undo `to_dict`."""
        return cls(Number.from_dict(data["number"]), data["dtype"])
