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
    from .pools import Pools


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
        pools: Places among `known` of the levels that a flow sees as one, since too few patients
            hold them; the pools come after the other levels.
        shares: How often each level of a pool is written for it; of each pool they sum to 1.
        held: Training patients in each pool.
    """

    known: tuple[Value, ...]
    extra: tuple[Value, ...]
    missing: bool
    dtype: pl.DataType
    pools: Pools = ()
    shares: tuple[tuple[float, ...], ...] = ()
    held: tuple[int, ...] = ()

    @classmethod
    def fit(
        cls,
        column: pl.Series,
        declared: Sequence[Value] | None,
        also: Sequence[pl.Series] = (),
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
        return cls(tuple(known), tuple(extra), column.null_count() > 0, column.dtype)

    def counts(self, column: pl.Series) -> NDArray[np.int64]:
        """(L,) how often each known level occurs in a column."""
        codes = self.codes(column)
        return np.bincount(codes[codes >= 0], minlength=len(self.known))[: len(self.known)]

    def pooled(self, pools: Pools, column: pl.Series) -> Levels:
        """The same levels, those of a pool seen as one; `column` says how often each is held."""
        count = self.counts(column)
        held = [int(count[list(pool)].sum()) for pool in pools]
        shares = [count[list(pool)] / n for pool, n in zip(pools, held, strict=True)]
        return replace(
            self, pools=pools, shares=tuple(tuple(s.tolist()) for s in shares), held=tuple(held)
        )

    @property
    def count(self) -> int:
        """How many levels a flow chooses from."""
        return self._alone + len(self.pools) + self.missing

    @property
    def _alone(self) -> int:
        """Known levels in no pool; the first pool has this state."""
        return len(self.known) - sum(map(len, self.pools))

    def _state_of_known(self) -> NDArray[np.int32]:
        """The level a flow sees for each known one."""
        state = np.full(len(self.known), -1, np.int32)
        for j, pool in enumerate(self.pools):
            state[list(pool)] = self._alone + j
        state[state < 0] = np.arange(self._alone)
        return state

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
        """Log of the share that each value has of the level a flow sees; 0 outside the pools."""
        share = np.ones(len(self.known) + 1)
        for pool, of_each in zip(self.pools, self.shares, strict=True):
            share[list(pool)] = of_each
        codes = self.codes(column)
        return np.log(share[np.where((codes < 0) | (codes > len(self.known)), -1, codes)])

    def series(self, states: NDArray[np.int32], name: str) -> pl.Series:
        """Undo `states`: a column of the training dtype; a pool becomes one of its levels.

        Which one is drawn from the states themselves, so that the same states are always read the
        same.
        """
        missing = len(self.known)
        place = np.full(self.count + 1, missing)  # the last for what is no state at all
        alone = self._state_of_known()
        place[alone] = np.arange(missing)
        found = place[np.where((states >= 0) & (states < self.count), states, -1)]
        if self.pools:
            rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(states).tobytes()))
            for j, (pool, shares) in enumerate(zip(self.pools, self.shares, strict=True)):
                rare = states == self._alone + j
                found[rare] = rng.choice(pool, int(rare.sum()), p=shares)
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
            "pools": [list(pool) for pool in self.pools],
            "shares": [list(shares) for shares in self.shares],
            "held": list(self.held),
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
            tuple(tuple(pool) for pool in data["pools"]),
            tuple(tuple(shares) for shares in data["shares"]),
            tuple(data["held"]),
        )


def plain(column: pl.Series) -> pl.Series:
    """The column with categorical and enum dtypes read as strings."""
    return column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column


def distinct(column: pl.Series) -> list[Value]:
    """The values that occur, ascending, missing left out."""
    return plain(column).drop_nulls().unique().sort().to_list()
