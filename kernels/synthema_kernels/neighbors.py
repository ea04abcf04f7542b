"""Exact nearest rows of a mixed table, by a cheap bound and an exact check.

Every row is also written as a *sketch*: one int16 word per column. Numbers are rounded down to
whole steps, codes keep their low bits. The distance between two sketches is a sum of small
integers, which the compiler turns into full-width vector instructions on any CPU, and it exceeds
the true distance by less than one step per numeric column, by construction:

    sketch distance < step * distance + p          (step: words per unit of distance)

Let `worst` be the k-th best distance so far. A pool row whose sketch distance is `step * worst + p`
or more cannot enter the answer. The few others are measured in float64, in the order of
`reference.nearest`. The sketch decides how long the search takes, never what it finds.

The pool lies in tiles [column, row], so that the inner loop runs over contiguous memory. Each query
walks all tiles in order and writes only its own rows of the answer: the number of threads cannot
change it.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import device, kernel
from .contract import Neighbors, checked_k
from .rows import Rows

Words = NDArray[np.int16]

TILE = 512  # pool rows a tile: 32 KB at 32 columns; shorter loops cost more than they save
BLOCK = 64  # queries that share one pass over the tiles
UNROLL = 4  # columns a pass: enough arithmetic for each load and store of the running sum
WORD_LIMIT = 32_000  # below 2**15, so that no sum of words overflows
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
    tiled = _Table(pool.numeric, pool.codes, _tiles(_sketch(pool.numeric, pool.codes, grid)))
    at_once = max(BLOCK, PAIRS_PER_CALL // m)
    for start in range(0, n, at_once):
        rows = slice(start, start + at_once)
        numeric, codes = queries.numeric[rows], queries.codes[rows]
        part = _Table(numeric, codes, _sketch(numeric, codes, grid))
        first = start if exclude_self else -n  # -n: no query is a row of the pool
        _nearest(part, tiled, grid, first, index[rows], distance[rows])
    return Neighbors(index, distance)


class _Table(NamedTuple):
    """Rows and their sketch, which lies as rows (n, width) or as tiles (tiles, width, TILE)."""

    numeric: NDArray[np.float64]
    codes: NDArray[np.int32]
    sketch: Words


class _Grid(NamedTuple):
    """How numbers and codes become words; clips and caps only ever bring two rows closer.

    Attributes:
        low: (p,) numbers below it are clipped.
        high: (p,) numbers above it are clipped.
        hole: (p,) the word of a missing number, at least one unit above every other.
        cap: (p, padded) the largest gap that counts: one unit in a column with missing numbers.
        step: Words per unit of distance.
        unit: What a differing code, or a missing number against a value, adds.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    hole: Words
    cap: Words
    step: float
    unit: np.int16

    @staticmethod
    def of(queries: Rows, pool: Rows) -> "_Grid":
        """The finest grid on which no sum of words exceeds WORD_LIMIT."""
        low, high = _ranges(queries.numeric, pool.numeric)
        width = high - low
        holed = np.isnan(queries.numeric).any(axis=0) | np.isnan(pool.numeric).any(axis=0)
        largest_sum = np.where(holed, 1.0, width).sum() + pool.codes.shape[1]
        largest_word = (width + holed).max(initial=0.0)
        step = WORD_LIMIT / max(largest_sum, largest_word, 1e-9)
        if step > 1:
            step = math.floor(step)  # whole: the sketch of codes alone is exact
        unit = np.int16(min(step, WORD_LIMIT))
        cap = np.zeros(_padded(len(width)), np.int16)
        cap[: len(width)] = np.where(holed, unit, WORD_LIMIT)
        hole = np.where(holed, np.floor(width * step) + unit, 0).astype(np.int16)
        return _Grid(low, high, hole, cap, float(step), unit)


def _ranges(
    queries: NDArray[np.float64], pool: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest number per column, without outliers that would coarsen the whole grid."""
    low = np.minimum(*(np.fmin.reduce(x, axis=0, initial=np.inf) for x in (queries, pool)))
    high = np.maximum(*(np.fmax.reduce(x, axis=0, initial=-np.inf) for x in (queries, pool)))
    nothing = low > high  # a column of missing numbers only
    low[nothing], high[nothing] = 0.0, 0.0
    sample = np.sort(pool[:: 1 + len(pool) // 1024], axis=0)  # NaN sorts last
    last = np.maximum(np.isfinite(sample).sum(axis=0) - 1, 0)
    column = np.arange(sample.shape[1])
    bulk_low, bulk_high = sample[last // 100, column], sample[last - last // 100, column]
    reach = np.fmax(1.0, bulk_high - bulk_low)
    return np.fmax(low, bulk_low - reach), np.fmin(high, bulk_high + reach)


def _padded(columns: int) -> int:
    return -(-columns // UNROLL) * UNROLL


def _sketch(numeric: NDArray[np.float64], codes: NDArray[np.int32], grid: _Grid) -> Words:
    """Rows as words (n, width): numbers, zeros up to a multiple of UNROLL, codes, zeros again."""
    words = np.zeros((len(numeric), len(grid.cap) + _padded(codes.shape[1])), np.int16)
    _write_words(numeric, codes, grid, words)
    return words


def _tiles(words: Words) -> Words:
    """Words (m, width) as tiles (tiles, width, TILE), aligned to the 64 bytes of a cache line."""
    m, width = words.shape
    shape = (-(-m // TILE), width, TILE)
    memory = np.zeros(math.prod(shape) + 32, np.int16)
    ahead = -memory.ctypes.data % 64 // 2  # unaligned, each vector load would touch two lines
    tiles = memory[ahead : ahead + math.prod(shape)].reshape(shape)
    full = m // TILE
    tiles[:full] = words[: full * TILE].reshape(full, TILE, width).swapaxes(1, 2)
    if full < len(tiles):
        tiles[full, :, : m - full * TILE] = words[full * TILE :].T
    return tiles


@kernel
def _write_words(
    numeric: NDArray[np.float64], codes: NDArray[np.int32], grid: _Grid, words: Words
) -> None:
    for i in prange(numeric.shape[0]):
        for c in range(numeric.shape[1]):
            number = numeric[i, c]
            if math.isnan(number):
                words[i, c] = grid.hole[c]
            else:
                inside = min(max(number, grid.low[c]), grid.high[c])
                words[i, c] = np.int16(math.floor((inside - grid.low[c]) * grid.step))
        for c in range(codes.shape[1]):
            words[i, grid.cap.size + c] = np.int16(codes[i, c] & 0x7FFF)


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
