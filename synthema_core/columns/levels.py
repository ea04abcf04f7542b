"""What every discrete kind shares: an ordered list of levels and their codes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
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
        pool: Places among `known` of the levels that a flow sees as one, the one after the others,
            since too few patients hold them.
        weights: How often each level of the pool is written for it; they sum to 1.
        held: Training patients in the pool.
    """

    known: tuple[Value, ...]
    extra: tuple[Value, ...]
    missing: bool
    dtype: pl.DataType
    pool: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    held: int = 0

    @classmethod
    def fit(
        cls,
        column: pl.Series,
        declared: Sequence[Value] | None,
        also: Sequence[pl.Series] = (),
        least: int = 1,
    ) -> Levels:
        """Levels of a training column.

        Args:
            column: Training values.
            declared: The schema's categories; those absent from training keep their place.
            also: The same column of other tables, for their unseen levels.
            least: A level that fewer patients hold is pooled with the next rarest, until the pool
                holds so many.
        """
        known = dict.fromkeys(declared if declared is not None else distinct(column))
        known.update(dict.fromkeys(distinct(column)))
        extra = dict.fromkeys(v for other in also for v in distinct(other) if v not in known)
        missing = column.null_count() > 0
        levels = cls(tuple(known), tuple(extra), missing, column.dtype)
        return levels._pooled(column, least) if least > 1 else levels

    def _pooled(self, column: pl.Series, least: int) -> Levels:
        """The same levels with the rare ones pooled."""
        codes = self.codes(column)
        count = np.bincount(codes[codes >= 0], minlength=len(self.known))
        rising = np.argsort(count, kind="stable")
        rising = rising[count[rising] > 0]  # a level nobody holds gives nobody away
        before = np.cumsum(count[rising]) - count[rising]
        pool = np.sort(rising[(count[rising] < least) | (before < least)])
        if not pool.size or count[rising[0]] >= least or pool.size < 2:
            return self
        held = int(count[pool].sum())
        share = count[pool] / held
        return replace(self, pool=tuple(pool.tolist()), weights=tuple(share.tolist()), held=held)

    @property
    def count(self) -> int:
        """How many levels a flow chooses from."""
        return len(self.known) - len(self.pool) + bool(self.pool) + self.missing

    @property
    def pooled(self) -> int:
        """The level that stands for the pool."""
        return len(self.known) - len(self.pool)

    def _state_of_known(self) -> NDArray[np.int32]:
        """The level a flow sees for each known one."""
        apart = np.ones(len(self.known), bool)
        apart[list(self.pool)] = False
        return np.where(apart, np.cumsum(apart) - 1, self.pooled).astype(np.int32)

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
        known = (codes >= 0) & (codes < len(self.known))
        states = np.full(codes.shape, -1, np.int32)
        states[known] = self._state_of_known()[codes[known]]
        if self.missing:
            states[column.is_null().to_numpy()] = self.count - 1
        return states

    def log_share(self, column: pl.Series) -> NDArray[np.float64]:
        """Log of the share that each value has of the level a flow sees; 0 outside the pool."""
        share = np.ones(len(self.known) + 1)
        share[list(self.pool)] = self.weights
        codes = self.codes(column)
        return np.log(share[np.where((codes < 0) | (codes > len(self.known)), -1, codes)])

    def series(self, states: NDArray[np.int32], name: str) -> pl.Series:
        """Undo `states`: a column of the training dtype; the pool becomes one of its levels.

        Which one is drawn from the states themselves, so that the same states are always read the
        same.
        """
        missing = len(self.known)
        place = np.full(self.count + 1, missing)  # the last for what is no state at all
        alone = self._state_of_known()
        place[alone] = np.arange(missing)
        found = place[np.where((states >= 0) & (states < self.count), states, -1)]
        if self.pool:
            rare = states == self.pooled
            rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(states).tobytes()))
            found[rare] = rng.choice(self.pool, int(rare.sum()), p=self.weights)
        return pl.Series(name, [*self.known, None]).gather(found).cast(self.dtype)

    def examples(self, name: str) -> tuple[pl.Series, NDArray[np.int32]]:
        """Every value that can be drawn, missing last if it can be, and the level of each."""
        place = np.arange(len(self.known) + self.missing)
        state = np.append(self._state_of_known(), np.int32(self.count - 1))[place]
        return pl.Series(name, [*self.known, None]).gather(place).cast(self.dtype), state

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {
            "known": list(self.known),
            "extra": list(self.extra),
            "missing": self.missing,
            "dtype": dtypes.to_dict(self.dtype),
            "pool": list(self.pool),
            "weights": list(self.weights),
            "held": self.held,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Levels:
        """Undo `to_dict`."""
        dtype = dtypes.from_dict(data["dtype"])
        return cls(
            tuple(data["known"]),
            tuple(data["extra"]),
            bool(data["missing"]),
            dtype,
            tuple(data["pool"]),
            tuple(data["weights"]),
            int(data["held"]),
        )


def plain(column: pl.Series) -> pl.Series:
    """The column with categorical and enum dtypes read as strings."""
    return column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column


def distinct(column: pl.Series) -> list[Value]:
    """The values that occur, ascending, missing left out."""
    return plain(column).drop_nulls().unique().sort().to_list()
