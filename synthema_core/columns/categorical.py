"""A nominal column: karyotype class, center, ICD code."""

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
class Categorical:
    """Labels without an order. Two labels are at distance 1, missing is a label of its own."""

    levels: Levels

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Categorical:
        """Fit to a training column; labels only `also` holds get codes but are never drawn."""
        return cls(Levels.fit(column, spec.categories, also))

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) codes."""
        return RowsView(codes=self.levels.codes(column))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"levels": self.levels.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Categorical:
        """Undo `to_dict`."""
        return cls(Levels.from_dict(data["levels"]))
