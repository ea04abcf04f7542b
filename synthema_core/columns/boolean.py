"""A yes-or-no column: a mutation, an event status; stored as 0 and 1, as words or as booleans."""

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
class Boolean:
    """Two values, the negative one first. They are at distance 1."""

    levels: Levels

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Boolean:
        """Fit to a training column; a third value in `also` gets a code but is never drawn."""
        return cls(Levels.fit(column, spec.categories, also))

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) codes."""
        return RowsView(codes=self.levels.codes(column))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"levels": self.levels.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Boolean:
        """Undo `to_dict`."""
        return cls(Levels.from_dict(data["levels"]))
