"""The codec of every kind whose levels have no order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .levels import Levels

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"levels": self.levels.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Nominal:
        """Undo `to_dict`."""
        return cls(Levels.from_dict(data["levels"]))
