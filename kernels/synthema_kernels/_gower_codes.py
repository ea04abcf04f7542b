"""Pool rows as a few bytes each, from which tables look up lower bounds.

Every column gets *digits*: a numeric column its bins, at most as many as a table has entries, and
one more for missing; a categorical column its levels, or the low bits of them. Columns whose digits
together fit one table share a byte, so that six yes-or-no columns cost one look-up.

What a digit stands for is known exactly: the lowest and highest number in a bin, or the level. So a
table may hold any bound that follows from the digit, and how good the bins are decides how long a
search takes, never what it finds.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._bytes_tile import ENTRIES, PANEL
from ._jit import inner, kernel
from .rows import Rows

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

CELLS = 1024  # of a column's histogram; bins are made of them
SAMPLE = 16_384  # rows that shape the bins
PARTS = 16  # of the pool, encoded side by side
NO_DIGIT = 255  # of a level that the pool does not have


class Book(NamedTuple):
    """What the bytes mean. Columns that weigh nothing have no place in it.

    Numeric columns come first, codes after them; s of `group` and `stride` counts both.

    Attributes:
        numbers: (p,) the column of each numeric place.
        weight: (p + q,) what one unit, or a differing code, adds.
        start, scale: (p,) from a number to a cell of the histogram.
        digit_of: (p, CELLS) from a cell to a bin.
        hole: (p,) the digit of a missing number, or ENTRIES where none is missing.
        codes: (q,) the column of each categorical place.
        base: (q,) what turns a code into a digit: 1 where some are missing.
        levels: (q,) digits in use.
        hashed: (q,) whether only the low bits of a code make its digit.
        group, stride: (p + q,) the byte that a digit is part of, and its place value there.
        digit: (p + q, ENTRIES) the digit that stands behind each entry of the table.
        low, high: (p, ENTRIES) lowest and highest number of the bin behind each entry.
        whole: Whether every distance is a whole number, so that no sum needs a margin.
    """

    numbers: Counts
    weight: Numbers
    start: Numbers
    scale: Numbers
    digit_of: Bytes
    hole: Counts
    codes: Counts
    base: Counts
    levels: Counts
    hashed: NDArray[np.bool_]
    group: Counts
    stride: Counts
    digit: Bytes
    low: Numbers
    high: Numbers
    whole: bool


def encode(pool: Rows, weights: Numbers) -> tuple[Book, Bytes]:
    """The book, and the bytes as panels (panels, groups, PANEL); rows after the last are 0."""
    p = pool.numeric.shape[1]
    numbers, codes = np.flatnonzero(weights[:p]), np.flatnonzero(weights[p:])
    found = np.zeros((PARTS, len(numbers)), np.bool_)
    largest = np.full((PARTS, 2, len(codes)), -1, np.int32)
    _survey(pool.numeric, pool.codes, numbers, codes, found, largest)
    holed = np.asarray(found.any(axis=0))
    start, scale, digit_of, bins = _bins(pool.numeric, numbers, holed)
    hole = np.where(holed, bins, ENTRIES)
    base = 1 * (largest[:, 1].max(axis=0) == 1)
    levels = largest[:, 0].max(axis=0).astype(np.int64) + 1 + base
    hashed = levels > ENTRIES
    levels = np.where(hashed, ENTRIES, levels)
    digits = np.concatenate((bins + (hole < ENTRIES), levels))
    group, stride = _shared(digits)
    entry = np.arange(ENTRIES)
    digit = (entry // stride[:, np.newaxis] % digits[:, np.newaxis]).astype(np.uint8)
    nothing = np.empty((len(numbers), 0))
    weight = np.concatenate((weights[:p][numbers], weights[p:][codes]))
    book = Book(
        numbers=numbers,
        weight=weight,
        start=start,
        scale=scale,
        digit_of=digit_of,
        hole=hole,
        codes=codes,
        base=base,
        levels=levels,
        hashed=hashed,
        group=group,
        stride=stride,
        digit=digit,
        low=nothing,
        high=nothing,
        whole=len(numbers) == 0 and bool((weight == np.floor(weight)).all()),
    )
    panels = _aligned((-(-len(pool) // PANEL), group.max(initial=0) + 1, PANEL))
    low = np.full((PARTS, len(numbers), ENTRIES), np.inf)
    high = np.full((PARTS, len(numbers), ENTRIES), -np.inf)
    _write_bytes(pool.numeric, pool.codes, book, low, high, panels)
    place = np.arange(len(numbers))[:, np.newaxis], np.minimum(digit[: len(numbers)], ENTRIES - 1)
    low, high = (np.ascontiguousarray(x[place]) for x in (low.min(axis=0), high.max(axis=0)))
    return book._replace(low=low, high=high), panels


def _aligned(shape: tuple[int, ...]) -> Bytes:
    """Zeros from the start of a cache line on: elsewhere each vector load would touch two."""
    memory = np.zeros(math.prod(shape) + 64, np.uint8)
    ahead = -memory.ctypes.data % 64
    return memory[ahead : ahead + math.prod(shape)].reshape(shape)


def _bins(
    numeric: Numbers, numbers: Counts, holed: NDArray[np.bool_]
) -> tuple[Numbers, Numbers, Bytes, Counts]:
    """Cells of each column (start, scale), the bin of each cell, and the number of bins."""
    sample = numeric[:: 1 + len(numeric) // SAMPLE][:, numbers]
    low, high = _reach(sample)
    scale = CELLS / np.maximum(high - low, 1e-300)
    counts = np.zeros((len(numbers), CELLS), np.int64)
    _count_cells(sample, low, scale, counts)
    most = ENTRIES - holed[:, np.newaxis]
    used = counts > 0
    each = used.cumsum(axis=1) - 1
    # Bins as wide as one over the root of the density lose least: a bound errs by half a bin.
    share = np.sqrt(counts).cumsum(axis=1)
    middle = share - np.sqrt(counts) / 2
    shared = middle * (most / np.maximum(share[:, -1:], 1.0))
    bins = np.where(used.sum(axis=1, keepdims=True) <= most, each, shared)
    digit_of = bins.clip(0, most - 1).astype(np.uint8)
    return low, scale, digit_of, digit_of[:, -1].astype(np.int64) + 1


def _reach(sample: Numbers) -> tuple[Numbers, Numbers]:
    """Lowest and highest number per column, without outliers that would coarsen the bins."""
    few = np.sort(sample[:: 1 + len(sample) // 512], axis=0)  # NaN sorts last
    last = np.maximum(np.isfinite(few).sum(axis=0) - 1, 0)
    column = np.arange(few.shape[1])
    low, high = few[last // 100, column], few[last - last // 100, column]
    beyond = (high - low) / 4
    low = np.fmax(np.fmin.reduce(sample, axis=0, initial=np.inf), low - beyond)
    high = np.fmin(np.fmax.reduce(sample, axis=0, initial=-np.inf), high + beyond)
    nothing = low > high  # a column of missing numbers only
    low[nothing], high[nothing] = 0.0, 0.0
    return low, high


def _shared(digits: Counts) -> tuple[Counts, Counts]:
    """Columns share a byte while their digits fit one table: first fit, the most digits first."""
    group, stride = np.zeros(len(digits), np.int64), np.ones(len(digits), np.int64)
    room: list[int] = []
    for s in np.argsort(-digits, kind="stable"):
        fitting = (g for g, used in enumerate(room) if used * digits[s] <= ENTRIES)
        g = next(fitting, len(room))
        if g == len(room):
            room.append(1)
        group[s], stride[s] = g, room[g]
        room[g] *= int(digits[s])
    return group, stride


@kernel
def _survey(
    numeric: Numbers,
    codes: NDArray[np.int32],
    numbers: Counts,
    places: Counts,
    holed: NDArray[np.bool_],
    largest: NDArray[np.int32],
) -> None:
    n = numeric.shape[0]
    for part in prange(PARTS):
        for i in range(n * part // PARTS, n * (part + 1) // PARTS):
            for s in range(numbers.size):
                if math.isnan(numeric[i, numbers[s]]):
                    holed[part, s] = True
            for s in range(places.size):
                code = codes[i, places[s]]
                largest[part, 0, s] = max(largest[part, 0, s], code)
                if code < 0:
                    largest[part, 1, s] = 1


@kernel
def _count_cells(sample: Numbers, start: Numbers, scale: Numbers, counts: Counts) -> None:
    for s in prange(sample.shape[1]):
        for i in range(sample.shape[0]):
            number = sample[i, s]
            if not math.isnan(number):
                counts[s, _cell(number, start[s], scale[s])] += 1


@inner
def _cell(number: float, start: float, scale: float) -> int:
    return int(min(max((number - start) * scale, 0.0), CELLS - 1.0))


@kernel
def _write_bytes(
    numeric: Numbers,
    codes: NDArray[np.int32],
    book: Book,
    low: Numbers,
    high: Numbers,
    panels: Bytes,
) -> None:
    n, p = numeric.shape[0], book.numbers.size
    for part in prange(PARTS):
        for i in range(n * part // PARTS, n * (part + 1) // PARTS):
            panel, lane = i // PANEL, i % PANEL
            for s in range(p):
                number = numeric[i, book.numbers[s]]
                digit = book.hole[s]
                if not math.isnan(number):
                    digit = np.int64(book.digit_of[s, _cell(number, book.start[s], book.scale[s])])
                    low[part, s, digit] = min(low[part, s, digit], number)
                    high[part, s, digit] = max(high[part, s, digit], number)
                panels[panel, book.group[s], lane] += np.uint8(digit * book.stride[s])
            for s in range(book.codes.size):
                digit = code_digit(codes[i, book.codes[s]], book, s)
                panels[panel, book.group[p + s], lane] += np.uint8(digit * book.stride[p + s])


@inner
def code_digit(code: int, book: Book, s: int) -> int:
    """Digit of a code in categorical place s; NO_DIGIT if no row of the pool can have it."""
    digit: int = np.int64(code) + book.base[s]
    if book.hashed[s]:
        return digit & (ENTRIES - 1)
    return digit if 0 <= digit < book.levels[s] else NO_DIGIT
