"""Nearest rows in many groups of columns at once: all columns, less the few that are left out.

The sketch distance (`_gower_words`) is a sum of whole numbers, one per column, so the sketch of a
group is exactly that of all columns less that of the columns left out. Leaving out one column of d,
for each of them, costs about 2 d columns a pair of rows instead of d * (d - 1).
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._gower_words import (
    BLOCK,
    _bound,
    _check,
    _limit,
    _step,
    _word_differs,
    _word_gap,
    parts,
    table,
)
from ._jit import device, kernel
from ._words import TILE, Grid, Table, Words
from .contract import FARTHEST, Neighbors
from .rows import Rows

AHEAD = 3  # times as fast a search of its own may be, per column: it has the best engine


def worth(groups: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which groups are best searched together, (g,) booleans."""
    size = groups.sum(axis=1)
    left_out = groups.shape[1] - size
    together: NDArray[np.bool_] = AHEAD * (left_out + 1) < size
    if size[together].sum() < AHEAD * (groups.shape[1] + (left_out[together] + 1).sum()):
        together[:] = False
    return together


def find(
    queries: Rows,
    pool: Rows,
    weights: NDArray[np.float64],
    groups: NDArray[np.bool_],
    k: int,
    *,
    exclude_self: bool,
) -> list[Neighbors]:
    """The k closest rows in each group (g, p + q); the arguments are checked."""
    n, m = len(queries), len(pool)
    p, count = queries.numeric.shape[1], len(groups)
    index, distance = np.full((count, n, k), -1), np.full((count, n, k), FARTHEST)
    grid = Grid.of(queries, pool, weights)
    tiled = table(pool, grid)
    left_out = np.full((count, int((~groups).sum(axis=1).max(initial=0))), -1)
    for group, columns in enumerate(groups):
        words = np.flatnonzero(~columns)
        words[words >= p] += len(grid.cap) - p  # where the sketch holds the codes
        left_out[group, : len(words)] = words
    slack = groups[:, :p].sum(axis=1) * (1.0 + 2.0**-20)  # as in `_gower_words`, per group
    weight = weights * groups
    for rows, part in parts(queries, m * (1 + count // 8), grid):
        first = rows.start if exclude_self else -n - m
        _find(part, tiled, grid, left_out, weight, slack, first, index[:, rows], distance[:, rows])
    return [Neighbors(*answer) for answer in zip(index, distance, strict=True)]


@kernel
def _find(
    queries: Table,
    pool: Table,
    grid: Grid,
    left_out: NDArray[np.int64],
    weight: NDArray[np.float64],
    slack: NDArray[np.float64],
    first: int,
    index: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    n, m = queries.numeric.shape[0], pool.numeric.shape[0]
    step = _step(grid)
    for block in prange((n + BLOCK - 1) // BLOCK):
        whole, bound = np.empty(TILE, np.int16), np.empty(TILE, np.int16)
        for tile in range(pool.sketch.shape[0]):
            start = tile * TILE
            size = min(TILE, m - start)
            for i in range(block * BLOCK, min((block + 1) * BLOCK, n)):
                _bound(queries.sketch, i, pool.sketch, tile, grid.cap, grid.unit, whole[:size])
                for g in range(slack.size):
                    limit = _limit(distance[g, i, -1], step, slack[g])
                    if limit > 0:
                        rows = bound[:size]
                        _less(queries.sketch, i, pool.sketch, tile, grid, left_out[g], whole, rows)
                        if rows.min() < limit:
                            _check(
                                queries,
                                i,
                                pool,
                                start,
                                first + i,
                                rows,
                                weight[g],
                                step,
                                slack[g],
                                index[g, i],
                                distance[g, i],
                            )


@device
def _less(
    words: Words,
    i: int,
    tiles: Words,
    tile: int,
    grid: Grid,
    left_out: NDArray[np.int64],
    whole: Words,
    bound: Words,
) -> None:
    """The sketch distance without some columns."""
    for j in range(bound.size):
        bound[j] = whole[j]
    for at in range(left_out.size):
        c = left_out[at]
        if c < 0:
            break
        q = words[i, c]
        if c < grid.cap.size:
            for j in range(bound.size):
                bound[j] -= _word_gap(q, tiles[tile, c, j], grid.cap[c])
        else:
            unit = grid.unit[c - grid.cap.size]
            for j in range(bound.size):
                bound[j] -= _word_differs(q, tiles[tile, c, j], unit)
