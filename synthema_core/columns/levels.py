"""What every discrete kind shares: an ordered list of levels and their codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from . import dtypes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..schema import Value


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of a discrete column.

    Attributes:
        known: Levels seen in training or declared, in the schema's order: what a generator can
            draw.
        extra: Levels seen only in other tables: they get codes, so that two of them differ in a
            distance.
        missing: Whether training values were missing; missing is then the level after the known
            ones.
        dtype: Dtype of the training column.
    """

    known: tuple[Value, ...]
    extra: tuple[Value, ...]
    missing: bool
    dtype: pl.DataType

    @classmethod
    def fit(
        cls, column: pl.Series, declared: Sequence[Value] | None, also: Sequence[pl.Series] = ()
    ) -> Levels:
        """Levels of a training column.

        Args:
            column: Training values.
            declared: The schema's categories; those absent from training keep their place.
            also: The same column of other tables, for their unseen levels.
        """
        known = dict.fromkeys(declared if declared is not None else distinct(column))
        known.update(dict.fromkeys(distinct(column)))
        extra = dict.fromkeys(v for other in also for v in distinct(other) if v not in known)
        missing = column.null_count() > 0
        return cls(tuple(known), tuple(extra), missing, column.dtype)

    @property
    def count(self) -> int:
        """How many levels a generator can draw."""
        return len(self.known) + self.missing

    def codes(self, column: pl.Series) -> NDArray[np.int32]:
        """Code of each value: its place among known and extra levels, -1 where missing."""
        dtypes.require(column, self.dtype)
        levels = [*self.known, *self.extra]
        if not levels:
            return np.full(len(column), -1, np.int32)
        codes = plain(column).replace_strict(
            levels, list(range(len(levels))), default=-1, return_dtype=pl.Int32
        )
        out = codes.to_numpy().astype(np.int32)
        out[column.is_null().to_numpy()] = -1
        return out

    def states(self, column: pl.Series) -> NDArray[np.int32]:
        """Level a flow sees; -1 for a level unseen in training, missing included."""
        codes = self.codes(column)
        codes[codes >= len(self.known)] = -1
        if self.missing:
            codes[column.is_null().to_numpy()] = len(self.known)
        return codes

    def series(self, states: NDArray[np.int32], name: str) -> pl.Series:
        """Undo `states`: a column of the training dtype."""
        missing = len(self.known)
        levels = pl.Series(name, [*self.known, None])
        known = (states >= 0) & (states < missing)
        column = levels.gather(np.where(known, states, missing))
        return column.cast(self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {
            "known": list(self.known),
            "extra": list(self.extra),
            "missing": self.missing,
            "dtype": dtypes.to_dict(self.dtype),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Levels:
        """Undo `to_dict`."""
        dtype = dtypes.from_dict(data["dtype"])
        return cls(tuple(data["known"]), tuple(data["extra"]), bool(data["missing"]), dtype)


def plain(column: pl.Series) -> pl.Series:
    """The column with categorical and enum dtypes read as strings."""
    return column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column


def distinct(column: pl.Series) -> list[Value]:
    """The values that occur, ascending, missing left out."""
    return plain(column).drop_nulls().unique().sort().to_list()
