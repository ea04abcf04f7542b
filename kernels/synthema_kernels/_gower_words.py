"""Exact nearest rows of a mixed table, by a cheap bound and an exact check, on any processor.

Every row is also written as a *sketch*: one int16 word per column. Numbers are rounded down to
whole steps, codes keep their low bits. The distance between two sketches is a sum of small
integers, which the compiler turns into full-width vector instructions on any CPU, and it exceeds
the true distance by less than one step per numeric column, by construction:

    sketch distance < step * distance + p          (step: words per unit of distance)

Let `worst` be the k-th best distance so far. A pool row whose sketch distance is `step * worst + p`
or more cannot enter the answer. The few others are measured in float64, in the order of
`reference.distances`. Counting within a radius also needs the other side: a sketch that left
nothing out falls short of the true distance by less than p words. The sketch decides how long the
search takes, never what it finds.

The pool lies in tiles [column, row], so that the inner loop runs over contiguous memory. Each query
walks all tiles in order and writes only its own rows of the answer: the number of threads cannot
change it.
"""

import math
from collections.abc import Iterator

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import device, kernel
from ._words import TILE, UNROLL, WORD_LIMIT, Grid, Table, Words, shortfall, sketch, tiles
from .contract import FARTHEST, Neighbors
from .rows import Rows

BLOCK = 64  # queries that share one pass over the tiles
PAIRS_PER_CALL = 2**31  # about a second: a compiled call cannot be interrupted


def find(
    queries: Rows, pool: Rows, weights: NDArray[np.float64], k: int, *, exclude_self: bool
) -> Neighbors:
    """The k closest rows; the arguments are checked."""
    n, m = len(queries), len(pool)
    index, distance = np.full((n, k), -1), np.full((n, k), FARTHEST)
    grid = Grid.of(queries, pool, weights)
    tiled = table(pool, grid)
    for rows, part in parts(queries, m, grid):
        first = rows.start if exclude_self else -n - m  # of no use: no row has such a number
        _find(part, tiled, grid, first, index[rows], distance[rows])
    return Neighbors(index, distance)


def count(
    queries: Rows, pool: Rows, weights: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Pool rows at the radius or closer; the arguments are checked, a radius may be below 0."""
    counted = np.zeros(len(queries), np.int64)
    grid = Grid.of(queries, pool, weights)
    tiled, short = table(pool, grid), shortfall(queries, pool, grid)
    for rows, part in parts(queries, len(pool), grid):
        _count(part, tiled, grid, radii[rows], short, counted[rows])
    return counted


def table(pool: Rows, grid: Grid) -> Table:
    """The pool with its sketch in tiles."""
    return Table(pool.numeric, pool.codes, tiles(sketch(pool.numeric, pool.codes, grid)))


def parts(queries: Rows, m: int, grid: Grid) -> Iterator[tuple[slice, Table]]:
    """Queries with their sketches, in parts that keep a compiled call short."""
    at_once = max(BLOCK, PAIRS_PER_CALL // m)
    for start in range(0, len(queries), at_once):
        rows = slice(start, start + at_once)
        numeric, codes = queries.numeric[rows], queries.codes[rows]
        yield rows, Table(numeric, codes, sketch(numeric, codes, grid))


@kernel
def _find(
    queries: Table,
    pool: Table,
    grid: Grid,
    first: int,
    index: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    n, m = queries.numeric.shape[0], pool.numeric.shape[0]
    p = queries.numeric.shape[1]
    step = _step(grid)
    slack = p * (1.0 + 2.0**-20)  # one step per number, and the rounding of its word
    for block in prange((n + BLOCK - 1) // BLOCK):
        bound = np.empty(TILE, np.int16)
        for tile in range(pool.sketch.shape[0]):
            start = tile * TILE
            rows = bound[: min(TILE, m - start)]
            for i in range(block * BLOCK, min((block + 1) * BLOCK, n)):
                limit = _limit(distance[i, -1], step, slack)
                if limit > 0:
                    lowest = _bound(queries.sketch, i, pool.sketch, tile, grid.cap, grid.unit, rows)
                    if lowest < limit:
                        own = first + i
                        _check(
                            queries,
                            i,
                            pool,
                            start,
                            own,
                            rows,
                            grid.weight,
                            step,
                            slack,
                            index[i],
                            distance[i],
                        )


@kernel
def _count(
    queries: Table,
    pool: Table,
    grid: Grid,
    radius: NDArray[np.float64],
    shortfall: float,
    count: NDArray[np.int64],
) -> None:
    n, m = queries.numeric.shape[0], pool.numeric.shape[0]
    p = queries.numeric.shape[1]
    rounding = grid.weight.size * 2.0**-50  # of a float64 sum
    slack = p * (1.0 + 2.0**-20)  # one step per number, and the rounding of its word
    for block in prange((n + BLOCK - 1) // BLOCK):
        bound = np.empty(TILE, np.int16)
        for tile in range(pool.sketch.shape[0]):
            start = tile * TILE
            rows = bound[: min(TILE, m - start)]
            for i in range(block * BLOCK, min((block + 1) * BLOCK, n)):
                words = grid.step * radius[i]
                # A sketch from `outer` on is farther than the radius, one below `inner` is closer.
                outer = np.int16(min(words * (1.0 + rounding) + slack, WORD_LIMIT) + 1.0)
                sure = min(words * (1.0 - rounding), WORD_LIMIT + p + 1.0) - shortfall
                inner = np.int16(math.ceil(min(max(sure, 0.0), WORD_LIMIT + 1.0)))
                if _bound(queries.sketch, i, pool.sketch, tile, grid.cap, grid.unit, rows) < outer:
                    count[i] += _within(
                        queries, i, pool, start, rows, inner, outer, radius[i], grid.weight
                    )


@device
def _within(
    queries: Table,
    i: int,
    pool: Table,
    start: int,
    bound: Words,
    inner: np.int16,
    outer: np.int16,
    radius: float,
    weight: NDArray[np.float64],
) -> int:
    """Rows of a tile within the radius: the sure ones, and those of the others that measure so."""
    sure, possible = np.int16(0), np.int16(0)  # a tile has fewer rows than int16 counts
    for j in range(bound.size):
        sure += np.int16(bound[j] < inner)
        possible += np.int16(bound[j] < outer)
    within = int(sure)
    if possible > sure:
        for j in range(bound.size):
            if inner <= bound[j] < outer:
                within += _distance(queries, i, pool, start + j, weight) <= radius
    return within


@device
def _step(grid: Grid) -> float:
    """Words per unit of distance, and what the rounding of a float64 sum may add."""
    return grid.step * (1.0 + grid.weight.size * 2.0**-50)


@device
def _limit(worst: float, step: float, slack: float) -> np.int16:
    """The lowest sketch distance that rules a row out, given the k-th best distance so far."""
    if worst == 0.0:
        return np.int16(0)  # nothing later is closer
    return np.int16(math.ceil(min(step * worst + slack, WORD_LIMIT + 1.0)))


@device
def _bound(
    words: Words, i: int, tiles: Words, tile: int, cap: Words, unit: Words, bound: Words
) -> np.int16:
    """Sketch distance from one query to the rows of a tile, and the lowest of them."""
    bound[:] = 0
    for c in range(0, cap.size, UNROLL):
        q0, q1, q2, q3 = words[i, c], words[i, c + 1], words[i, c + 2], words[i, c + 3]
        cap0, cap1, cap2, cap3 = cap[c], cap[c + 1], cap[c + 2], cap[c + 3]
        for j in range(bound.size):
            bound[j] += (
                _word_gap(q0, tiles[tile, c, j], cap0)
                + _word_gap(q1, tiles[tile, c + 1, j], cap1)
                + _word_gap(q2, tiles[tile, c + 2, j], cap2)
                + _word_gap(q3, tiles[tile, c + 3, j], cap3)
            )
    for c in range(cap.size, words.shape[1], UNROLL):
        q0, q1, q2, q3 = words[i, c], words[i, c + 1], words[i, c + 2], words[i, c + 3]
        u = c - cap.size
        unit0, unit1, unit2, unit3 = unit[u], unit[u + 1], unit[u + 2], unit[u + 3]
        for j in range(bound.size):
            bound[j] += (
                _word_differs(q0, tiles[tile, c, j], unit0)
                + _word_differs(q1, tiles[tile, c + 1, j], unit1)
                + _word_differs(q2, tiles[tile, c + 2, j], unit2)
                + _word_differs(q3, tiles[tile, c + 3, j], unit3)
            )
    lowest = np.int16(WORD_LIMIT)
    for j in range(bound.size):
        lowest = min(lowest, bound[j])
    return lowest


@device
def _word_gap(a: np.int16, b: np.int16, cap: np.int16) -> np.int16:
    return min(np.int16(abs(np.int16(a - b))), cap)


@device
def _word_differs(a: np.int16, b: np.int16, unit: np.int16) -> np.int16:
    return unit if a != b else np.int16(0)


@device
def _check(
    queries: Table,
    i: int,
    pool: Table,
    start: int,
    own: int,
    bound: Words,
    weight: NDArray[np.float64],
    step: float,
    slack: float,
    index: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    """Measure the rows of a tile that may be close enough, and insert those that are."""
    last = distance.size - 1
    limit = _limit(distance[last], step, slack)
    for j in range(bound.size):
        if bound[j] < limit and start + j != own:
            d = _distance(queries, i, pool, start + j, weight)
            if d < distance[last]:  # strict: a tie keeps the lower index
                at = last
                while at > 0 and d < distance[at - 1]:
                    distance[at], index[at] = distance[at - 1], index[at - 1]
                    at -= 1
                distance[at], index[at] = d, start + j
                limit = _limit(distance[last], step, slack)


@device
def _distance(queries: Table, i: int, pool: Table, j: int, weight: NDArray[np.float64]) -> float:
    total, differing, p = 0.0, 0.0, queries.numeric.shape[1]
    for c in range(p):
        a, b = queries.numeric[i, c], pool.numeric[j, c]
        gap = abs(a - b)
        if math.isnan(gap):
            gap = 0.0 if math.isnan(a) and math.isnan(b) else 1.0
        total += weight[c] * gap
    for c in range(queries.codes.shape[1]):
        differing += weight[p + c] if queries.codes[i, c] != pool.codes[j, c] else 0.0
    return total + differing
