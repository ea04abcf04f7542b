"""Exact nearest rows of a mixed table, by a cheap bound and an exact check.

Every row is also written as a *sketch*: one int16 word per column. Numbers are rounded down to
whole steps, codes keep their low bits. The distance between two sketches is a sum of small
integers, which the compiler turns into full-width vector instructions on any CPU, and it exceeds
the true distance by less than one step per numeric column, by construction:

    sketch distance < step * distance + p          (step: words per unit of distance)

Let `worst` be the k-th best distance so far. A pool row whose sketch distance is `step * worst + p`
or more cannot enter the answer. The few others are measured in float64, in the order of
`reference.nearest`. Counting within a radius also needs the other side: a sketch that left nothing
out falls short of the true distance by less than p words. The sketch decides how long the search
takes, never what it finds.

The pool lies in tiles [column, row], so that the inner loop runs over contiguous memory. Each query
walks all tiles in order and writes only its own rows of the answer: the number of threads cannot
change it.
"""

import math
from collections.abc import Iterator

import numpy as np
from numba import prange
from numpy.typing import ArrayLike, NDArray

from ._jit import device, kernel
from ._sketch import (
    TILE,
    UNROLL,
    WORD_LIMIT,
    Words,
    _Grid,
    _shortfall,
    _sketch,
    _Table,
    _tiles,
)
from .contract import Neighbors, check_self, checked_k
from .rows import Rows, check_same_columns

BLOCK = 64  # queries that share one pass over the tiles
FARTHEST = 1e200  # no two rows are: in place of infinity, so that products stay finite
PAIRS_PER_CALL = 2**31  # about a second: a compiled call cannot be interrupted


def nearest(queries: Rows, pool: Rows, k: int = 2, *, exclude_self: bool = False) -> Neighbors:
    """The k closest rows of `pool` for each row of `queries`, exactly.

    The distance adds |a - b| per numeric column and 0 or 1 per categorical one. Missing equals
    missing and is at distance 1 from any value. A copy is at distance exactly 0. On a tie the lower
    pool index wins. The answer has the same bits at any number of threads; memory grows with the
    rows, never with queries times pool.

    Speed needs numeric columns on one scale, such as [0, 1]; the answer does not.

    Args:
        queries: n rows.
        pool: m rows with the same columns in the same order, m >= 1.
        k: Neighbors per query, at most m, or m - 1 with `exclude_self`.
        exclude_self: Query i *is* pool row i, and is not its own neighbor; copies of it may be.

    Returns:
        Index (n, k) and distance (n, k), the latter in [0, p + q] for columns scaled to [0, 1].

    Raises:
        TypeError: If `queries` or `pool` is not `Rows`, or `k` is not an integer.
        ValueError: If the columns differ, the pool is empty, or `k` is out of range.

    Example:
        >>> import numpy as np
        >>> from synthema_kernels import Rows, nearest
        >>> nan = np.nan  # missing; among codes it is -1
        >>> pool = Rows(numeric=np.array([[0.0], [0.5], [nan]]), codes=np.array([[0], [1], [-1]]))
        >>> query = Rows(numeric=np.array([[0.25]]), codes=np.array([[1]]))
        >>> index, distance = nearest(query, pool, k=3)
        >>> index.tolist(), distance.tolist()
        ([[1, 0, 2]], [[0.25, 1.25, 2.0]])

    Source: Gower (1971), Biometrics 27, 857-871; `synthema_kernels.reference` is the definition.
    """
    k = checked_k(queries, pool, k, exclude_self=exclude_self)
    n, m = len(queries), len(pool)
    index, distance = np.full((n, k), -1, np.int64), np.full((n, k), np.inf)
    grid = _Grid.of(queries, pool)
    tiled = _tiled(pool, grid)
    for rows, part in _parts(queries, m, grid):
        first = rows.start if exclude_self else -n  # -n: no query is a row of the pool
        _nearest(part, tiled, grid, first, index[rows], distance[rows])
    return Neighbors(index, distance)


def count_within(
    queries: Rows,
    pool: Rows,
    radius: ArrayLike,
    *,
    strict: bool = False,
    exclude_self: bool = False,
) -> NDArray[np.int64]:
    """How many rows of `pool` lie within a radius of each row of `queries`, exactly.

    The distance is that of `nearest`, bit for bit: a row at the distance that `nearest` reports is
    within that radius, and not strictly within it. A copy lies within radius 0. The answer is the
    same at any number of threads; memory grows with the rows, never with queries times pool.

    Rows far inside or outside the radius are counted by their sketches alone. Speed needs numeric
    columns on one scale without far outliers, such as [0, 1]; the answer does not.

    Args:
        queries: n rows.
        pool: m rows with the same columns in the same order; none means that nothing is within.
        radius: One for all queries, or (n,), in units of distance, at least 0; infinity is allowed.
        strict: Count what is closer than the radius, instead of closer or as close.
        exclude_self: Query i *is* pool row i, and is not counted; copies of it may be.

    Returns:
        Count (n,), from 0 to m, or to m - 1 with `exclude_self`.

    Raises:
        TypeError: If `queries` or `pool` is not `Rows`, or `radius` is not a number.
        ValueError: If the columns differ, or `radius` has another shape, is NaN or below 0.

    Example:
        >>> import numpy as np
        >>> from synthema_kernels import Rows, count_within
        >>> pool = Rows(numeric=np.array([[0.0], [0.25], [1.0]]))
        >>> query = Rows(numeric=np.array([[0.0], [0.75]]))
        >>> count_within(query, pool, 0.25).tolist()
        [2, 1]
        >>> count_within(query, pool, [0.25, 0.75], strict=True).tolist()
        [1, 2]

    Source: Gower (1971), Biometrics 27, 857-871; `synthema_kernels.reference` is the definition.
    """
    check_same_columns(queries=queries, pool=pool)
    n, m = len(queries), len(pool)
    check_self(n, m, exclude_self=exclude_self)
    radii, count = _checked_radius(radius, n), np.zeros(n, np.int64)
    if strict:
        radii = np.nextafter(radii, -np.inf)  # below 0 for 0: nothing is closer
    if m == 0:
        return count
    grid = _Grid.of(queries, pool)
    tiled, shortfall = _tiled(pool, grid), _shortfall(queries, pool, grid)
    for rows, part in _parts(queries, m, grid):
        _count_within(part, tiled, grid, radii[rows], shortfall, count[rows])
    if exclude_self:  # it was counted: it is at distance 0
        count -= radii >= 0
    return count


def _checked_radius(radius: ArrayLike, n: int) -> NDArray[np.float64]:
    array = np.asarray(radius)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"radius: expected numbers, got {array.dtype}")
    if array.shape not in ((), (n,)):
        raise ValueError(
            f"radius: expected one number or shape ({n},) as in queries, got shape {array.shape}"
        )
    refused = np.count_nonzero(~(array >= 0))
    if refused:
        raise ValueError(f"radius: expected at least 0, got {refused} negative or NaN")
    return np.minimum(np.full(n, array, np.float64), FARTHEST)


def _tiled(pool: Rows, grid: _Grid) -> _Table:
    return _Table(pool.numeric, pool.codes, _tiles(_sketch(pool.numeric, pool.codes, grid)))


def _parts(queries: Rows, m: int, grid: _Grid) -> Iterator[tuple[slice, _Table]]:
    """Queries with their sketches, in parts that keep a compiled call short."""
    at_once = max(BLOCK, PAIRS_PER_CALL // m)
    for start in range(0, len(queries), at_once):
        rows = slice(start, start + at_once)
        numeric, codes = queries.numeric[rows], queries.codes[rows]
        yield rows, _Table(numeric, codes, _sketch(numeric, codes, grid))


@kernel
def _nearest(
    queries: _Table,
    pool: _Table,
    grid: _Grid,
    first: int,
    index: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    n, m = queries.numeric.shape[0], pool.numeric.shape[0]
    p = queries.numeric.shape[1]
    step = grid.step * (1.0 + p * 2.0**-50)  # the rounding of a float64 sum of p terms
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
                        _check(
                            queries, i, pool, start, first + i, rows, step, slack, index, distance
                        )


@kernel
def _count_within(
    queries: _Table,
    pool: _Table,
    grid: _Grid,
    radius: NDArray[np.float64],
    shortfall: float,
    count: NDArray[np.int64],
) -> None:
    n, m = queries.numeric.shape[0], pool.numeric.shape[0]
    p = queries.numeric.shape[1]
    rounding = p * 2.0**-50  # of a float64 sum of p terms
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
                    count[i] += _count(queries, i, pool, start, rows, inner, outer, radius[i])


@device
def _count(
    queries: _Table,
    i: int,
    pool: _Table,
    start: int,
    bound: Words,
    inner: np.int16,
    outer: np.int16,
    radius: float,
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
                within += _distance(queries, i, pool, start + j) <= radius
    return within


@device
def _limit(worst: float, step: float, slack: float) -> np.int16:
    """The lowest sketch distance that rules a row out, given the k-th best distance so far."""
    if worst == 0.0:
        return np.int16(0)  # nothing later is closer
    return np.int16(math.ceil(min(step * worst + slack, WORD_LIMIT + 1.0)))


@device
def _bound(
    words: Words, i: int, tiles: Words, tile: int, cap: Words, unit: np.int16, bound: Words
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
        for j in range(bound.size):
            bound[j] += (
                _word_differs(q0, tiles[tile, c, j], unit)
                + _word_differs(q1, tiles[tile, c + 1, j], unit)
                + _word_differs(q2, tiles[tile, c + 2, j], unit)
                + _word_differs(q3, tiles[tile, c + 3, j], unit)
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
    queries: _Table,
    i: int,
    pool: _Table,
    start: int,
    own: int,
    bound: Words,
    step: float,
    slack: float,
    index: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    """Measure the rows of a tile that may be close enough, and insert those that are."""
    k = distance.shape[1]
    limit = _limit(distance[i, k - 1], step, slack)
    for j in range(bound.size):
        if bound[j] < limit and start + j != own:
            d = _distance(queries, i, pool, start + j)
            if d < distance[i, k - 1]:  # strict: a tie keeps the lower index
                at = k - 1
                while at > 0 and d < distance[i, at - 1]:
                    distance[i, at], index[i, at] = distance[i, at - 1], index[i, at - 1]
                    at -= 1
                distance[i, at], index[i, at] = d, start + j
                limit = _limit(distance[i, k - 1], step, slack)


@device
def _distance(queries: _Table, i: int, pool: _Table, j: int) -> float:
    total = 0.0
    for c in range(queries.numeric.shape[1]):
        a, b = queries.numeric[i, c], pool.numeric[j, c]
        gap = abs(a - b)
        if math.isnan(gap):
            gap = 0.0 if math.isnan(a) and math.isnan(b) else 1.0
        total += gap
    differing = 0
    for c in range(queries.codes.shape[1]):
        differing += queries.codes[i, c] != pool.codes[j, c]
    return total + differing
