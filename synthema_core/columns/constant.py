"""A column that holds one value, or none at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .levels import Levels
from .view import RowsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from ..schema import Column


@dataclass(frozen=True, slots=True)
class Constant:
    """One value: it says nothing about a row, but a table that leaves it is told apart."""

    levels: Levels

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Constant:
        """Fit to a training column; another value in `also` gets a code but is never drawn."""
        return cls(Levels.fit(column, spec.categories, also))

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) codes."""
        return RowsView(codes=self.levels.codes(column))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"levels": self.levels.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Constant:
        """Undo `to_dict`."""
        return cls(Levels.from_dict(data["levels"]))
