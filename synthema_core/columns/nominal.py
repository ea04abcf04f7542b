"""The codec of every kind whose levels have no order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import pools
from .levels import Levels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Nominal:
    """Labels. Two of them are at distance 1, and so are a label and missing."""

    levels: Levels

    @property
    def choices(self) -> int:
        """How many levels a flow chooses from."""
        return self.levels.count

    def rows(self, column: pl.Series) -> NDArray[np.int32]:
        """(n,) codes, -1 where missing."""
        return self.levels.codes(column)

    def protected(
        self, column: pl.Series, least: int, traits: Sequence[NDArray[np.int64]] = ()
    ) -> Nominal:
        """The codec with the labels pooled that fewer than `least` patients hold.

        Args:
            column: Training values.
            least: Patients behind whatever a flow sees.
            traits: (L,) what other columns tell of each label; labels that share it are pooled
                first.
        """
        found = pools.alike(self.levels.counts(column), least, traits)
        return Nominal(self.levels.pooled(found, column))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"levels": self.levels.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Nominal:
        """Undo `to_dict`."""
        return cls(Levels.from_dict(data["levels"]))
