"""The sketch of a row: one int16 word per column, so that a bound costs a few integer instructions.

`_gower_words` tells what the bound is and uses it. The constants are compiled into its kernels:
after a change here, clear the cache (see `_jit`).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import kernel
from .rows import Rows

Words = NDArray[np.int16]

TILE = 512  # pool rows a tile: 32 KB at 32 columns; shorter loops cost more than they save
UNROLL = 4  # columns a pass: enough arithmetic for each load and store of the running sum
WORD_LIMIT = 32_000  # below 2**15, so that no sum of words overflows
LOW_BITS = 0x7FFF  # of a code; the word of a missing code is all of them


class Table(NamedTuple):
    """Rows and their sketch, which lies as rows (n, width) or as tiles (tiles, width, TILE)."""

    numeric: NDArray[np.float64]
    codes: NDArray[np.int32]
    sketch: Words


class Grid(NamedTuple):
    """How numbers and codes become words; clips and caps only ever bring two rows closer.

    Attributes:
        weight: (p + q,) of each column in a distance.
        low: (p,) numbers below it are clipped.
        high: (p,) numbers above it are clipped.
        hole: (p,) the word of a missing number, at least its weight above every other.
        cap: (p, padded) the largest gap that counts: a column's weight, if it has missing numbers.
        unit: (q, padded) what a differing code adds: its weight.
        step: Words per unit of distance.
    """

    weight: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    hole: Words
    cap: Words
    unit: Words
    step: float

    @staticmethod
    def of(queries: Rows, pool: Rows, weight: NDArray[np.float64]) -> "Grid":
        """The finest grid on which no sum of words exceeds WORD_LIMIT."""
        low, high = _ranges(queries.numeric, pool.numeric)
        p, width = len(low), high - low
        holed = np.isnan(queries.numeric).any(axis=0) | np.isnan(pool.numeric).any(axis=0)
        largest_sum = (weight[:p] * np.where(holed, 1.0, width)).sum() + weight[p:].sum()
        largest_word = (weight[:p] * (width + holed)).max(initial=0.0)
        step = WORD_LIMIT / max(largest_sum, largest_word, 1e-9)
        if step > 1:
            step = math.floor(step)  # whole: the sketch of unweighted codes alone is exact
        one = np.floor(np.minimum(weight * step, WORD_LIMIT)).astype(np.int16)
        cap, unit = np.zeros(padded(p), np.int16), np.zeros(padded(len(one) - p), np.int16)
        cap[:p], unit[: len(one) - p] = np.where(holed, one[:p], WORD_LIMIT), one[p:]
        last = np.floor(width * (weight[:p] * step)).astype(np.int16)
        hole = np.where(holed, last + one[:p], 0).astype(np.int16)
        return Grid(weight, low, high, hole, cap, unit, float(step))


def shortfall(queries: Rows, pool: Rows, grid: Grid) -> float:
    """Words by which a sketch distance may fall short of the true one; infinity for no promise.

    Where nothing was clipped, capped or shortened it is less than one step per number, and less
    than one per code whose weight is no whole number of steps.
    """
    for rows in (queries, pool):
        low = np.fmin.reduce(rows.numeric, axis=0, initial=np.inf)
        high = np.fmax.reduce(rows.numeric, axis=0, initial=-np.inf)
        if (low < grid.low).any() or (high > grid.high).any():
            return np.inf
        if rows.codes.max(initial=0) >= LOW_BITS:
            return np.inf
    p = len(grid.low)
    words = grid.weight * grid.step
    largest_gap = np.floor((grid.high - grid.low) * words[:p])
    if (largest_gap > grid.cap[:p]).any():
        return np.inf
    uneven = p + np.count_nonzero(words[p:] != np.floor(words[p:]))
    return uneven * (1.0 + 2.0**-20)  # and the rounding of its word


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


def padded(columns: int) -> int:
    return -(-columns // UNROLL) * UNROLL


def sketch(numeric: NDArray[np.float64], codes: NDArray[np.int32], grid: Grid) -> Words:
    """Rows as words (n, width): numbers, zeros up to a multiple of UNROLL, codes, zeros again."""
    words = np.zeros((len(numeric), len(grid.cap) + len(grid.unit)), np.int16)
    _write_words(numeric, codes, grid, words)
    return words


def tiles(words: Words) -> Words:
    """Words (m, width) as tiles (tiles, width, TILE), aligned to the 64 bytes of a cache line."""
    m, width = words.shape
    shape = (-(-m // TILE), width, TILE)
    memory = np.zeros(math.prod(shape) + 32, np.int16)
    ahead = -memory.ctypes.data % 64 // 2  # unaligned, each vector load would touch two lines
    tiled = memory[ahead : ahead + math.prod(shape)].reshape(shape)
    full = m // TILE
    tiled[:full] = words[: full * TILE].reshape(full, TILE, width).swapaxes(1, 2)
    if full < len(tiled):
        tiled[full, :, : m - full * TILE] = words[full * TILE :].T
    return tiled


@kernel
def _write_words(
    numeric: NDArray[np.float64], codes: NDArray[np.int32], grid: Grid, words: Words
) -> None:
    for i in prange(numeric.shape[0]):
        for c in range(numeric.shape[1]):
            number = numeric[i, c]
            if math.isnan(number):
                words[i, c] = grid.hole[c]
            else:
                inside = min(max(number, grid.low[c]), grid.high[c])
                word = math.floor((inside - grid.low[c]) * (grid.weight[c] * grid.step))
                words[i, c] = np.int16(word)
        for c in range(codes.shape[1]):
            words[i, grid.cap.size + c] = np.int16(codes[i, c] & LOW_BITS)
