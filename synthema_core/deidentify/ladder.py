"""A quasi-identifier on its levels: the group of each row, the released column, the penalty."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import SchemaError
from ..schema.types import NUMERIC
from .hierarchy import Hierarchy, Level, Periods, Pooled, Steps, check_nested, removed, round_bands

if TYPE_CHECKING:
    from ..schema import Column

POOL = (0.01, 0.05, 0.2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ladder:
    """One column, its distinct values, and the levels above them; level 0 is the column itself."""

    column: pl.Series
    levels: tuple[Level, ...]
    code: NDArray[np.int64]  # (n,) of the distinct value; the number of values where missing

    @property
    def groups(self) -> list[NDArray[np.int64]]:
        """(n,) group of each row at every level; a missing field is a group of its own."""
        return [self._group(level) for level in self.levels]

    def _group(self, level: Level) -> NDArray[np.int64]:
        alone = 0 if level.labels == (None,) else len(level.labels)
        return np.append(level.group, alone)[self.code]

    def penalty(self, at: int) -> NDArray[np.float64]:
        """(n,) certainty penalty of each cell; 0 where it was missing from the start."""
        level = self.levels[at]
        known = self.code < len(level.group)
        out = np.zeros(len(self.code))
        out[known] = level.cost[level.group[self.code[known]]]
        return out

    @property
    def costs(self) -> list[float]:
        """Mean penalty of the column at every level."""
        return [float(self.penalty(i).mean()) for i in range(len(self.levels))]

    def released(self, at: int) -> pl.Series:
        """The column at a level: itself at 0, labels above."""
        if at == 0:
            return self.column
        labels = pl.Series([*self.levels[at].labels, None], dtype=pl.String)
        return labels.gather(self._group(self.levels[at])).alias(self.column.name)


def climb(
    column: pl.Series, declared: "Column", hierarchy: Hierarchy | None, *, removable: bool
) -> Ladder:
    """The ladder of one column; without a hierarchy, one that suits its kind.

    Raises:
        SynthemaError: If the hierarchy does not fit the column.
    """
    values = column.drop_nulls().unique().sort()
    d = len(values)
    code = column.cast(pl.Int8) if column.dtype == pl.Boolean else column
    if column.dtype == pl.Null:
        rank = np.zeros(len(column), np.int64)
    else:
        rank = (code.rank("dense").cast(pl.Int64) - 1).fill_null(d).to_numpy()
    first = Level(
        name="as it is",
        group=np.arange(d),
        labels=tuple(values.cast(pl.String).to_list()),
        cost=np.zeros(d),
    )
    levels = [first]
    if d:
        chosen = hierarchy or _suited(column, declared)
        levels += [] if chosen is None else chosen.levels(values)
    elif hierarchy is not None and column.dtype == pl.Null:
        raise SchemaError(f"column '{column.name}': holds no value. Leave its hierarchy out.")
    check_nested(levels, column.name)
    distinct = [a for a, b in pairwise(levels) if a.labels != b.labels]
    levels = [*distinct, levels[-1]]  # a level that changes nothing is no level
    if removable:
        levels.append(removed(d))
    return Ladder(column=column, levels=tuple(levels), code=rank)


def _suited(column: pl.Series, declared: "Column") -> Hierarchy | None:
    if declared.kind in ("date", "datetime") and column.dtype.is_temporal():
        return Periods()
    if declared.kind == "ordinal" and declared.categories:
        return Steps(declared.categories)
    if declared.kind in NUMERIC and column.dtype.is_numeric():
        return round_bands(column)
    if declared.kind == "categorical":
        counts = column.drop_nulls().value_counts()
        known = dict(counts.iter_rows())
        return Pooled(POOL, known, len(column))
    return None
