"""Which levels that few patients hold a flow sees as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Pools = tuple[tuple[int, ...], ...]


def alike(count: NDArray[np.int64], least: int, traits: Sequence[NDArray[np.int64]] = ()) -> Pools:
    """Pools of levels without an order: the rare ones together, apart where a trait differs.

    Levels that share all traits and that `least` patients hold together are a pool; those that are
    left over are put together where they share all but the last trait, and so on, in the end all.
    A remainder too small joins the smallest pool, or else the next rarest level.

    Args:
        count: (L,) patients that hold each level; one that nobody holds gives nobody away.
        least: A level is rare that fewer patients hold; no pool is held by fewer.
        traits: (L,) what is known of each level, the coarsest first.
    """
    left = np.flatnonzero((count > 0) & (count < least))
    pools = []
    for shared in range(len(traits), -1, -1):
        key = np.stack([np.zeros_like(count), *traits[:shared]])[:, left]
        _, group = np.unique(key, axis=1, return_inverse=True)
        for pool in [left[group == k] for k in range(group.max(initial=-1) + 1)]:
            if count[pool].sum() >= least:
                pools.append(pool)
                left = np.setdiff1d(left, pool)
    if left.size and pools:
        smallest = min(range(len(pools)), key=lambda i: count[pools[i]].sum())
        pools[smallest] = np.append(pools[smallest], left)
    elif left.size:
        rising = np.argsort(count, kind="stable")
        rising = rising[count[rising] > 0]
        pools.append(rising[np.cumsum(count[rising]) - count[rising] < least])
    return _sorted(pools)


def adjacent(count: NDArray[np.int64], least: int) -> Pools:
    """Pools of ordered levels: a rare one with the neighbor that fewer patients hold.

    Args:
        count: (L,) patients that hold each level, in order.
        least: A level is rare that fewer patients hold; no pool is held by fewer.
    """
    pools = [np.array([i]) for i in np.flatnonzero(count)]
    while len(pools) > 1:
        held = np.array([count[pool].sum() for pool in pools])
        rarest = int(held.argmin())
        if held[rarest] >= least:
            break
        beside = [i for i in (rarest - 1, rarest + 1) if 0 <= i < len(pools)]
        first, second = sorted((rarest, min(beside, key=held.__getitem__)))
        pools[first : second + 1] = [np.concatenate(pools[first : second + 1])]
    return _sorted(pools)


def _sorted(pools: Sequence[NDArray[np.int64]]) -> Pools:
    """In the order of their first levels; a level that is alone is no pool."""
    return tuple(sorted(tuple(sorted(pool.tolist())) for pool in pools if pool.size > 1))
