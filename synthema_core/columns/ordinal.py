"""A column of ordered grades: ECOG status, a stage, a number of mutated alleles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from . import dtypes, pools
from .levels import Levels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..schema import Column
    from .number import Floats
    from .protected import Protection


@dataclass(frozen=True, slots=True)
class Ordinal:
    """Grades in the schema's order. Neighbors are at distance 1 / (grades - 1)."""

    levels: Levels

    @property
    def choices(self) -> int:
        """How many levels a flow chooses from."""
        return self.levels.count

    def rows(self, column: pl.Series) -> Floats:
        """(n,) ranks, 0 for the first grade and 1 for the last, NaN where missing."""
        codes = self.levels.codes(column)
        return np.where(codes < 0, np.nan, codes / max(len(self.levels.known) - 1, 1))

    @property
    def counts(self) -> bool:
        """Whether the grades are numbers, as calendar years are."""
        return not any(isinstance(grade, str | bool) for grade in self.levels.known)

    def floats(self, column: pl.Series) -> Floats:
        """(n,) grades that are numbers, NaN where missing."""
        dtypes.require(column, self.levels.dtype)
        return np.asarray(column.cast(pl.Float64).to_numpy(), np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"levels": self.levels.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ordinal:
        """Undo `to_dict`."""
        return cls(Levels.from_dict(data["levels"]))


def fit(
    column: pl.Series, spec: Column, also: Sequence[pl.Series], protection: Protection
) -> Ordinal:
    """Grades in the schema's order; one that only `also` holds comes after the known ones."""
    levels = Levels.fit(column, spec.categories, also)
    found = pools.adjacent(levels.counts(column), protection.min_count)
    return Ordinal(levels.pooled(found, column))
