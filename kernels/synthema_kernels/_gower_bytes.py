"""Gower search by tables of lower bounds: one shuffle instruction looks up 64 pool rows.

The pool is a few bytes a row (see `_gower_codes`). For each query and each byte a table says what
any row with that byte is at least away, in whole *steps*, rounded down. The sum of what a row looks
up, cut off at 255, is a lower bound:

    sum of looked-up bytes <= steps a unit * distance

Steps are as fine as the k-th best distance so far allows. Rows whose sum is too large cannot enter
the answer; the others are measured (see `_gower_rows`).

A search that has seen little rules out little. So each query first gets a guess of its k-th
distance, from a few pool rows and from how that turned out for a sample of queries. Rows beyond the
guess are left out; where fewer than k remain, the query is searched again without a guess. A guess
decides how long the search takes, never what it finds.
"""

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._bytes_tile import ENTRIES, HAS_BYTES, LANES, PANEL, QUERIES, VECTORS, fetch, near
from ._gower_codes import Book, Bytes, Numbers, encode
from ._gower_rows import Table, distance_of, insert, rough_distance, rounding_of
from ._gower_tables import write_lower, write_upper
from ._jit import device, inner, kernel
from ._simd import count_bits, lowest_bit
from .contract import Neighbors
from .rows import Rows

BLOCK = 64  # queries that share one pass over the pool
CHUNK = 8  # panels between two looks at the steps of the tables
SEEDS = 16  # pool rows that a guess is made from
NEAR_SEEDS = 4  # of them count
TRIED = 64  # queries that show how good guesses are
MISSED = 0.06  # of the guesses may be too low
STEPS = 254.0
FINEST = 2.0**40  # steps a unit
STALE = 0.8  # of STEPS in use: below, finer tables pay
CROWD = 16  # rows near in a tile from which upper bounds pay
NOT_IN_POOL = (-1, 0)  # of a query: its own row is number first + i * step
MOST_NUMBERS = 48  # numeric columns that leave each enough of the steps
PAIRS_PER_CALL = 2**32  # about a second: a compiled call cannot be interrupted


def suits(weights: Numbers, p: int) -> bool:
    """Whether this engine runs here and is fast for p numeric columns and the codes after them.

    What a look-up rounds down is lost, so with many numeric columns, which share the steps, too
    many rows have to be measured.
    """
    return HAS_BYTES and int(np.count_nonzero(weights[:p])) <= MOST_NUMBERS


def find(queries: Rows, pool: Rows, weights: Numbers, k: int, *, exclude_self: bool) -> Neighbors:
    """The k closest rows of `pool` for each row of `queries`, exactly."""
    n, m = len(queries), len(pool)
    index, distance = np.full((n, k), -1, np.int64), np.full((n, k), np.inf)
    book, panels = encode(pool, weights)
    rows = _table(pool, slice(None), weights)

    factor = 0.0
    if n >= 8 * TRIED:
        every = n // TRIED
        tried = _table(queries, slice(0, n, every), weights)
        first = len(tried.numeric), k
        near_k = np.full(first, -1, np.int64), np.full(first, np.inf)
        own = (0, every) if exclude_self else NOT_IN_POOL
        _find(tried, own, rows, book, panels, factor, *near_k)
        guesses = np.empty(len(tried.numeric))
        _guesses(tried, rows, guesses)
        ratio = near_k[1][:, -1] / np.maximum(guesses, 1e-300)
        factor = min(float(np.quantile(ratio, 1.0 - MISSED)), 2.0)
    at_once = max(BLOCK, PAIRS_PER_CALL // m)
    for start in range(0, n, at_once):
        part = slice(start, start + at_once)
        own = (start, 1) if exclude_self else NOT_IN_POOL
        asked = _table(queries, part, weights)
        _find(asked, own, rows, book, panels, factor, index[part], distance[part])
    return Neighbors(index, distance)


def count(queries: Rows, pool: Rows, weights: Numbers, radii: Numbers) -> NDArray[np.int64]:
    """How many rows of `pool` lie within the radius of each row of `queries`, exactly."""
    n, m = len(queries), len(pool)
    counts = np.zeros(n, np.int64)
    book, panels = encode(pool, weights)
    rows = _table(pool, slice(None), weights)
    at_once = max(BLOCK, PAIRS_PER_CALL // max(m, 1))
    for start in range(0, n, at_once):
        part = slice(start, start + at_once)
        asked = _table(queries, part, weights)
        _count(asked, rows, book, panels, radii[part], counts[part])
    return counts


def _table(rows: Rows, part: slice, weights: Numbers) -> Table:
    chosen = Rows(numeric=rows.numeric[part], codes=rows.codes[part])  # contiguous
    return Table(chosen.numeric, chosen.codes, weights)


@kernel
def _find(
    queries: Table,
    own: tuple[int, int],
    pool: Table,
    book: Book,
    panels: Bytes,
    factor: float,
    index: NDArray[np.int64],
    distance: Numbers,
) -> None:
    n = queries.numeric.shape[0]
    for block in prange((n + BLOCK - 1) // BLOCK):
        start, stop = block * BLOCK, min((block + 1) * BLOCK, n)
        active, size = np.empty(BLOCK, np.int64), 0
        if factor > 0.0:
            for i in range(start, stop):
                guess = factor * _guess(queries, i, pool)
                distance[i, :] = guess + 1e-300  # places for rows that are closer
                active[size] = i
                size += 1
            _scan(active[:size], queries, own, pool, book, panels, index, distance)
        size = 0
        for i in range(start, stop):
            if index[i, -1] < 0:
                _start_without_guess(queries, i, own, pool, index, distance)
                active[size] = i
                size += 1
        if size > 0:
            _scan(active[:size], queries, own, pool, book, panels, index, distance)


@kernel
def _guesses(queries: Table, pool: Table, guess: Numbers) -> None:
    for i in prange(guess.size):
        guess[i] = _guess(queries, i, pool)


@device
def _guess(queries: Table, i: int, pool: Table) -> float:
    """Mean distance to the nearest of a few pool rows, the same rows for all queries."""
    m = pool.numeric.shape[0]
    nearest = np.full(NEAR_SEEDS, np.inf)
    for seed in range(SEEDS):
        d = rough_distance(queries, i, pool, seed * m // SEEDS)
        at = NEAR_SEEDS
        while at > 0 and d < nearest[at - 1]:
            if at < NEAR_SEEDS:
                nearest[at] = nearest[at - 1]
            at -= 1
        if at < NEAR_SEEDS:
            nearest[at] = d
    mean: float = nearest.mean()
    return mean


@device
def _start_without_guess(
    queries: Table,
    i: int,
    own: tuple[int, int],
    pool: Table,
    index: NDArray[np.int64],
    distance: Numbers,
) -> None:
    """Places for rows closer than a distance that at least k rows are within."""
    m, k = pool.numeric.shape[0], distance.shape[1]
    distance[i, :], index[i, :] = np.inf, -1
    seeds = min(m, 2 * SEEDS + 4 * k)
    for seed in range(seeds):
        j = seed * m // seeds
        if j != own[0] + i * own[1]:
            insert(rough_distance(queries, i, pool, j), -1, i, index, distance)
    distance[i, :] = distance[i, k - 1] * rounding_of(pool) + 1e-300


@device
def _scan(
    active: NDArray[np.int64],
    queries: Table,
    own: tuple[int, int],
    pool: Table,
    book: Book,
    panels: Bytes,
    index: NDArray[np.int64],
    distance: Numbers,
) -> None:
    """Measure the rows that may be closer than the k-th best so far, for up to BLOCK queries."""
    n, m, last = active.size, pool.numeric.shape[0], distance.shape[1] - 1
    panel_count, groups = panels.shape[0], panels.shape[1]
    rounding = 1.0 if book.whole else rounding_of(pool)
    tables, sums = _table_memory(BLOCK, groups), np.empty((groups, ENTRIES))
    step, limits = np.zeros(BLOCK), np.zeros(BLOCK, np.uint8)
    masks = np.empty((QUERIES, VECTORS), np.int64)
    queue = np.empty((QUERIES * PANEL * CHUNK, 2), np.int64)
    for chunk in range(0, panel_count, CHUNK):
        for first in range(0, n, QUERIES):
            some = False
            for a in range(first, min(first + QUERIES, n)):
                worst = distance[active[a], last] * rounding
                if worst * step[a] < STEPS * STALE and worst > 0.0:
                    finer = _step(worst, book)
                    if finer > step[a]:
                        step[a] = finer
                        write_lower(queries, active[a], book, finer, sums, tables[a])
                limits[a] = _limit(worst * step[a])
                some |= limits[a] > 0
            if not some:
                continue
            waiting = 0
            for panel in range(chunk, min(chunk + CHUNK, panel_count)):
                if near(tables, first, panels, panel, groups, limits, masks) != 0:
                    for a in range(first, min(first + QUERIES, n)):
                        for v in range(VECTORS):
                            bits = masks[a - first, v]
                            while bits != 0:
                                j = panel * PANEL + v * LANES + lowest_bit(bits)
                                bits &= bits - 1
                                if j < m and j != own[0] + active[a] * own[1]:
                                    fetch(pool.numeric, j)
                                    fetch(pool.codes, j)
                                    queue[waiting, 0], queue[waiting, 1] = active[a], j
                                    waiting += 1
            for w in range(waiting):  # not earlier: the rows are on their way from memory
                i, j = queue[w, 0], queue[w, 1]
                if rough_distance(queries, i, pool, j) < distance[i, last] * rounding_of(pool):
                    insert(distance_of(queries, i, pool, j), j, i, index, distance)


@inner
def _limit(steps: float) -> np.uint8:
    """The lowest sum that rules a row out, given the k-th best distance so far in steps."""
    return np.uint8(math.ceil(min(steps, STEPS)))


@kernel
def _count(
    queries: Table,
    pool: Table,
    book: Book,
    panels: Bytes,
    radii: Numbers,
    counts: NDArray[np.int64],
) -> None:
    n = queries.numeric.shape[0]
    for block in prange((n + BLOCK - 1) // BLOCK):
        start, stop = block * BLOCK, min((block + 1) * BLOCK, n)
        _count_block(start, stop, queries, pool, book, panels, radii, counts)


@device
def _count_block(
    start: int,
    stop: int,
    queries: Table,
    pool: Table,
    book: Book,
    panels: Bytes,
    radii: Numbers,
    counts: NDArray[np.int64],
) -> None:
    n, m = stop - start, pool.numeric.shape[0]
    panel_count, groups = panels.shape[0], panels.shape[1]
    rounding = 1.0 if book.whole else rounding_of(pool)
    sums = np.empty((groups, ENTRIES))
    lower, upper = _table_memory(BLOCK, groups), _table_memory(BLOCK, groups)
    outer, inner = np.zeros(BLOCK, np.uint8), np.zeros(BLOCK, np.uint8)
    possible, sure = np.empty((2, QUERIES, VECTORS), np.int64)
    for a in range(n):
        radius = radii[start + a]
        if radius >= 0.0:
            step = _step(max(radius * rounding, 1e-300), book)
            write_lower(queries, start + a, book, step, sums, lower[a])
            write_upper(queries, start + a, book, step, sums, upper[a])
            # A row whose least sum is not below `outer` is farther, one whose
            # largest sum is below `inner` is within.
            outer[a] = np.uint8(min(math.floor(radius * rounding * step), STEPS) + 1.0)
            inner[a] = np.uint8(min(math.floor(radius / rounding / rounding * step), STEPS) + 1.0)
    for panel in range(panel_count):
        for first in range(0, n, QUERIES):
            if near(lower, first, panels, panel, groups, outer, possible) == 0:
                continue
            crowd = 0
            for q in range(QUERIES):
                for v in range(VECTORS):
                    possible[q, v] &= _rows_up_to(m - panel * PANEL - v * LANES)
                    crowd += count_bits(possible[q, v])
            sure[:] = 0
            if crowd > CROWD:
                near(upper, first, panels, panel, groups, inner, sure)
            for a in range(first, min(first + QUERIES, n)):
                i = start + a
                for v in range(VECTORS):
                    within = possible[a - first, v] & sure[a - first, v]
                    counts[i] += count_bits(within)
                    bits = possible[a - first, v] & ~within
                    while bits != 0:
                        j = panel * PANEL + v * LANES + lowest_bit(bits)
                        bits &= bits - 1
                        if rough_distance(queries, i, pool, j) <= radii[i] * rounding_of(pool):
                            counts[i] += distance_of(queries, i, pool, j) <= radii[i]


@inner
def _rows_up_to(end: int) -> int:
    """Bits of the lanes before `end`."""
    if end >= 64:
        return -1
    return (1 << max(end, 0)) - 1


@device
def _table_memory(queries: int, groups: int) -> Bytes:
    """From the start of a cache line on."""
    size = queries * groups * ENTRIES
    memory = np.zeros(size + 64, np.uint8)
    ahead = -memory.ctypes.data % 64
    return memory[ahead : ahead + size].reshape((queries, groups, ENTRIES))


@inner
def _step(worst: float, book: Book) -> float:
    """Steps a unit, so that `worst` is at most STEPS of them."""
    step = min(STEPS / worst, FINEST)
    if step >= 16.0 or (book.whole and step >= 1.0):
        return math.floor(step)  # nothing is lost where codes differ
    return step
