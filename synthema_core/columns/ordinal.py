"""A column of ordered grades: ECOG status, a stage, a number of mutated alleles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .levels import Levels
from .view import RowsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from ..schema import Column


@dataclass(frozen=True, slots=True)
class Ordinal:
    """Grades in the schema's order. Neighbors are at distance 1 / (grades - 1)."""

    levels: Levels

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Ordinal:
        """Fit to a training column; grades only `also` holds come after the known ones."""
        return cls(Levels.fit(column, spec.categories, also))

    def rows(self, column: pl.Series) -> RowsView:
        """(n,) ranks, 0 for the first grade and 1 for the last."""
        codes = self.levels.codes(column)
        rank = codes / max(len(self.levels.known) - 1, 1)
        return RowsView(numeric=np.where(codes < 0, np.nan, rank))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"levels": self.levels.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Ordinal:
        """Undo `to_dict`."""
        return cls(Levels.from_dict(data["levels"]))
