"""Numeric rows as coordinates of a filter: small, equally scaled, lying in panels.

The filter works on other coordinates than the definition, chosen so that no two rows are farther
apart in them than they are: every column is clipped to a range that holds almost all of the pool
(clipping brings rows closer, never apart), multiplied by the root of its weight, and divided by one
unit for all columns, such that they lie in [-127, 127]. In a column with missing values the range
reaches at most 1 to either side of the coordinate of a missing value: no farther than the
definition says. What rounding adds is recorded for each row, and goes into every bound.

A *panel* is PANEL rows, one a vector lane. `ordered` sorts rows so that a panel is a small box.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import device, inlined, kernel
from ._simd import (
    HAS_AVX512,
    add,
    bits_eq,
    converted,
    highest,
    known,
    load,
    lowest,
    maximum,
    minimum,
    multiply,
    multiply_add,
    reinterpret,
    rounded,
    splat,
    store,
    subtract,
    total,
)

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

PANEL = 64 if HAS_AVX512 else 16  # lanes: four sums of so many fit the registers
REACH = 127.0  # of a coordinate: int8
SAMPLE = 1024  # rows that choose the ranges and the directions
CLIPPED = 0.001  # share of the pool beyond either end of a range
SPREAD = 128  # rows of a part that choose where it is split
PARTS = 64  # of a table: from here on, one thread finishes each
AXES = 32  # directions computed, lanes of a vector
MOST_AXES = 24  # of a box at most: later ones add little to a bound
ROW = 2**32 - 1  # the lower half of a key
NARROWEST = 1e-150  # of a range: its square is a number


class Frame(NamedTuple):
    """How a number becomes a coordinate.

    Attributes:
        columns: (c,) those that take part: of positive weight, and not constant.
        low: (c,) smaller numbers count as this one.
        high: (c,) larger numbers count as this one.
        middle: (c,) the number at coordinate 0.
        scale: (c,) coordinates per unit of the column.
        hole: (c,) the number that stands for a missing one.
        unit: Distance of one step of a coordinate.
        holed: Some number is missing.
        complete: Every column of positive weight takes part.
    """

    columns: Integers
    low: Floats
    high: Floats
    middle: Floats
    scale: Floats
    hole: Floats
    unit: float
    holed: bool
    complete: bool


class Coded(NamedTuple):
    """Rows as coordinates, in the order in which they were asked for.

    Attributes:
        cells: Coordinates; [panel, step, lane] of one int32 (four bytes) or one float32.
        norm: (rows,) squared length.
        total: (rows,) sum of coordinates.
        error: (rows,) how far rounding moved the row.
        pure: (rows,) nothing was clipped or missing: the coordinates also bound from above.
    """

    cells: NDArray[Any]
    norm: Floats
    total: Floats
    error: Floats
    pure: NDArray[np.bool_]


def sampled(rows: Floats) -> Floats:
    """At most SAMPLE rows, evenly spread."""
    return rows[:: -(-len(rows) // SAMPLE)]


def framed(queries: Floats, pool: Floats, weights: Floats) -> Frame:
    """The frame of a search; without columns if no column can tell rows apart."""
    holed = np.isnan(queries.sum(axis=0) + pool.sum(axis=0))
    values = np.sort(np.ascontiguousarray(sampled(pool).T))  # missing last
    known = values.shape[1] - np.isnan(values).sum(axis=1)
    rank = (CLIPPED * known).astype(np.int64)
    at, last = np.arange(len(values)), np.maximum(known - 1, 0)
    low, high = values[at, np.minimum(rank, last)], values[at, np.maximum(last - rank, 0)]
    median = values[at, last // 2]
    low, high, median = (np.nan_to_num(x) for x in (low, high, median))
    middle = low / 2 + high / 2
    wide = holed & ~((high - middle <= 1.0) & (middle - low <= 1.0))
    middle[wide] = median[wide]
    high = np.where(wide, np.minimum(high, middle + 1.0), high)
    low = np.where(wide, np.maximum(low, middle - 1.0), low)
    # One unit away may round to more than one, of large numbers.
    high = np.where(wide & (high - middle > 1.0), middle, high)
    low = np.where(wide & (middle - low > 1.0), middle, low)
    hole, middle = middle, low / 2 + high / 2
    root = np.sqrt(weights)
    columns = np.flatnonzero(
        (root > 0) & (high - low > NARROWEST) & ((high - low) * root > NARROWEST)
    )
    chosen = [x[columns] for x in (low, high, middle, root, hole)]
    low, high, middle, root, hole = chosen
    complete = columns.size == np.count_nonzero(weights)
    unit = float(((high - low) * root).max(initial=0.0)) / (2 * REACH)
    scale = root / unit if columns.size else root
    return Frame(columns, low, high, middle, scale, hole, unit, bool(holed.any()), complete)


def coded(rows: Floats, order: Integers, frame: Frame, lanes: int, *, whole: bool) -> Coded:
    """Rows in the given order as coordinates, `lanes` rows a panel.

    Args:
        rows: Numbers of the table.
        order: Which rows, and where.
        frame: Of the search.
        lanes: Rows a panel; 1 for queries.
        whole: Coordinates are bytes (of the pool without sign, 128 more), not float32.
    """
    group = 4 if whole else 1
    panels = -(-order.size // lanes)
    steps = -(-frame.columns.size // group)
    cells: NDArray[Any] = np.zeros(panels * steps * lanes, np.int32 if whole else np.float32)
    size = panels * lanes
    norm, sums, error = np.zeros(size), np.zeros(size), np.zeros(size)
    pure = np.zeros(size, np.bool_)
    code = _code_bytes if whole else _code_floats
    offset = 128 if lanes > 1 else 0
    code(chosen(rows, frame), order, frame, lanes, offset, cells, norm, sums, error, pure)
    return Coded(cells, norm, sums, error, pure)


def chosen(rows: Floats, frame: Frame) -> Floats:
    """The columns that take part; a view if all do."""
    if frame.columns.size == rows.shape[1]:
        return rows
    columns = np.ascontiguousarray(rows[:, frame.columns])
    columns.flags.writeable = False  # one type for the compiler
    return columns


@kernel
def _code_bytes(
    rows: Floats,
    order: Integers,
    frame: Frame,
    lanes: int,
    offset: int,
    cells: NDArray[np.int32],
    norms: Floats,
    sums: Floats,
    errors: Floats,
    pures: NDArray[np.bool_],
) -> None:
    width = rows.shape[1]
    whole, steps = width - width % 8, (width + 3) // 4
    low, high, middle, scale, hole = frame.low, frame.high, frame.middle, frame.scale, frame.hole
    batch = max(1, 64 // lanes)
    panels = (order.size + lanes - 1) // lanes
    for part in prange((panels + batch - 1) // batch):
        line = np.zeros(steps + 1, np.int32)
        octets = line.view(np.uint8)
        for panel in range(part * batch, min((part + 1) * batch, panels)):
            for lane in range(min(lanes, order.size - panel * lanes)):
                row = panel * lanes + lane
                i = order[row]
                norm, away, error = splat(0.0, 8), splat(0.0, 8), splat(0.0, 8)
                moved = np.int64(0)
                shift = splat(np.float64(offset), 8)
                for c in range(0, whole, 8):
                    x = load(rows, i * width + c, 8)
                    near = _clipped(x, low, high, hole, c)
                    moved |= bits_eq(x, near) ^ 0xFF  # NaN equals nothing
                    z = multiply(subtract(near, load(middle, c, 8)), load(scale, c, 8))
                    r = rounded(z)
                    norm = multiply_add(r, r, norm)
                    away = add(away, r)
                    gap = subtract(z, r)
                    error = multiply_add(gap, gap, error)
                    if offset:
                        packed = reinterpret(converted(add(r, shift), "uint8"), "int32")
                        store(line, c // 4, packed)
                    else:
                        packed = reinterpret(converted(r, "int8"), "int32")
                        store(line, c // 4, packed)
                norm1, away1, error1 = total(norm), total(away), total(error)
                pure = moved == 0
                for c in range(whole, width):
                    x1 = rows[i, c]
                    if math.isnan(x1):
                        x1, pure = hole[c], False
                    near1 = min(max(x1, low[c]), high[c])
                    pure &= near1 == x1
                    z1 = (near1 - middle[c]) * scale[c]
                    r1 = np.rint(z1)
                    norm1 += r1 * r1
                    away1 += r1
                    error1 += (z1 - r1) * (z1 - r1)
                    octets[c] = np.int64(r1) + offset
                norms[row], sums[row], pures[row] = norm1, away1, pure
                errors[row] = math.sqrt(error1) * (1.0 + 1e-9) + 1e-11 * width
                for k in range(steps):
                    cells[(panel * steps + k) * lanes + lane] = line[k]


@kernel
def _code_floats(
    rows: Floats,
    order: Integers,
    frame: Frame,
    lanes: int,
    offset: int,
    cells: Singles,
    norms: Floats,
    sums: Floats,
    errors: Floats,
    pures: NDArray[np.bool_],
) -> None:
    width = rows.shape[1]
    low, high, middle, scale, hole = frame.low, frame.high, frame.middle, frame.scale, frame.hole
    for panel in prange((order.size + lanes - 1) // lanes):
        for lane in range(min(lanes, order.size - panel * lanes)):
            row = panel * lanes + lane
            norm, away, error, pure = 0.0, 0.0, 0.0, True
            for c in range(width):
                x = rows[order[row], c]
                if math.isnan(x):
                    x, pure = hole[c], False
                near = min(max(x, low[c]), high[c])
                pure &= near == x
                z = (near - middle[c]) * scale[c]
                cell = (panel * width + c) * lanes + lane
                cells[cell] = z
                r = float(cells[cell])
                norm += r * r
                away += r
                error += (z - r) * (z - r)
            norms[row], sums[row], pures[row] = norm, away, pure
            errors[row] = math.sqrt(error) * (1.0 + 1e-9) + 1e-11 * width


@inlined
def _clipped(x: Any, low: Floats, high: Floats, hole: Floats, c: int) -> Any:
    """Eight numbers from column `c` on, brought into their ranges."""
    return minimum(maximum(known(x, load(hole, c, 8)), load(low, c, 8)), load(high, c, 8))


def directions(pool: Floats, frame: Frame) -> tuple[Singles, int]:
    """Orthonormal directions (c, AXES) in which the pool is widest first, and how many to use.

    Source: Pearson (1901), Philosophical Magazine 2, 559-572.
    """
    sample = chosen(sampled(pool), frame)
    sample = np.where(np.isnan(sample), frame.hole, sample)
    placed = (np.clip(sample, frame.low, frame.high) - frame.middle) * frame.scale
    placed -= placed.mean(axis=0)
    if placed.shape[1] <= 64:  # the threads of a BLAS go on spinning after it, beside ours
        spread, vectors = np.linalg.eigh(np.einsum("ij,ik->jk", placed, placed))
    else:
        spread, vectors = np.linalg.eigh(placed.T @ placed)
    width = spread.size
    share = np.cumsum(spread[::-1]) / max(spread.sum(), 1e-300)
    enough = max(8, 4 + int(np.searchsorted(share, 0.9)))
    axes = np.zeros((width, AXES), np.float32)
    axes[:, : min(width, AXES)] = vectors[:, ::-1][:, :AXES]
    return axes, min(width, MOST_AXES, enough)


def turned(rows: Floats, frame: Frame, axes: Singles) -> Singles:
    """Coordinates of rows along the directions."""
    out = np.empty((len(rows), AXES), np.float32)
    _turn(chosen(rows, frame), frame, axes, out)
    return out


@kernel
def _turn(rows: Floats, frame: Frame, axes: Singles, out: Singles) -> None:
    width = axes.shape[0]
    whole = width - width % 8
    low, high, middle, scale, hole = frame.low, frame.high, frame.middle, frame.scale, frame.hole
    chunk = 64
    for part in prange((rows.shape[0] + chunk - 1) // chunk):
        line = np.empty(width, np.float32)
        for i in range(part * chunk, min((part + 1) * chunk, rows.shape[0])):
            for c in range(0, whole, 8):
                near = _clipped(load(rows, i * width + c, 8), low, high, hole, c)
                z = multiply(subtract(near, load(middle, c, 8)), load(scale, c, 8))
                store(line, c, converted(z, "float32"))
            for c in range(whole, width):
                x = rows[i, c]
                if math.isnan(x):
                    x = hole[c]
                line[c] = (min(max(x, low[c]), high[c]) - middle[c]) * scale[c]
            along = splat(np.float32(0.0), AXES)
            for c in range(width):
                along = multiply_add(splat(line[c], AXES), load(axes, c * AXES, AXES), along)
            store(out, i * AXES, along)


def ordered(points: Singles, depth: int, leaf: int) -> Integers:
    """Row numbers such that each `leaf` in a row lie in a small box (a k-d tree's leaves).

    The upper levels are split one after the other, all parts of a level at once; from enough parts
    on, each is finished by one thread. Parts do not depend on the number of threads.

    Source: Bentley (1975), Communications of the ACM 18, 509-517.
    """
    n = len(points)
    keys, spare = np.arange(n), np.empty(n, np.int64)
    start, stop = np.array([0]), np.array([n])
    while start.size < PARTS and (split := stop - start > leaf).any():
        halved = [x[split] for x in (start, stop)]
        middle = halved[0] + (-(-(halved[1] - halved[0]) // leaf) + 1) // 2 * leaf
        _split(points, points.view(np.int32), depth, keys, spare, halved[0], middle, halved[1])
        start = np.concatenate((start[~split], halved[0], middle))
        stop = np.concatenate((stop[~split], middle, halved[1]))
    _finish(points, points.view(np.int32), depth, keys, spare, start, stop, leaf)
    return keys & ROW


@kernel
def _split(
    points: Singles,
    bits: NDArray[np.int32],
    depth: int,
    keys: Integers,
    spare: Integers,
    start: Integers,
    middle: Integers,
    stop: Integers,
) -> None:
    for part in prange(start.size):
        spread = np.empty(2 * AXES, np.float32)
        _halve(points, bits, depth, keys, spare, start[part], middle[part], stop[part], spread)


@kernel
def _finish(
    points: Singles,
    bits: NDArray[np.int32],
    depth: int,
    keys: Integers,
    spare: Integers,
    start: Integers,
    stop: Integers,
    leaf: int,
) -> None:
    for part in prange(start.size):
        spread = np.empty(2 * AXES, np.float32)
        open_parts = np.empty((128, 2), np.int64)
        open_parts[0, 0], open_parts[0, 1] = start[part], stop[part]
        waiting = 1
        while waiting:
            waiting -= 1
            first, last = open_parts[waiting, 0], open_parts[waiting, 1]
            if last - first > leaf:
                middle = first + ((last - first + leaf - 1) // leaf + 1) // 2 * leaf
                _halve(points, bits, depth, keys, spare, first, middle, last, spread)
                open_parts[waiting, 0], open_parts[waiting, 1] = first, middle
                open_parts[waiting + 1, 0], open_parts[waiting + 1, 1] = middle, last
                waiting += 2


@device
def _halve(
    points: Singles,
    bits: NDArray[np.int32],
    depth: int,
    keys: Integers,
    spare: Integers,
    first: int,
    middle: int,
    last: int,
    spread: Singles,
) -> None:
    """Sort rows to either side of `middle` along the axis on which a sample of them varies most."""
    sums, squares, count = splat(np.float32(0.0), AXES), splat(np.float32(0.0), AXES), 0
    for a in range(first, last, max(1, (last - first) // SPREAD)):
        z = load(points, (keys[a] & ROW) * AXES, AXES)
        sums, squares, count = add(sums, z), multiply_add(z, z, squares), count + 1
    store(spread, 0, sums)
    store(spread, AXES, squares)
    axis, widest = 0, np.float32(-1.0)
    for k in range(depth):
        variance = spread[AXES + k] - spread[k] * spread[k] / np.float32(count)
        if variance > widest:
            axis, widest = k, variance
    for a in range(first, last):
        row = keys[a] & ROW
        number = np.int64(bits[row, axis])
        number ^= (number >> 63) & 0x7FFFFFFF  # floats in the order of integers
        keys[a] = (number << 32) | row
    _select(keys, spare, first, last, middle)


@device
def _select(keys: Integers, spare: Integers, low: int, high: int, rank: int) -> None:
    """Move the smallest keys before place `rank`; keys differ (Hoare 1961, CACM 4, 321)."""
    sample = np.empty(16, np.int64)
    while high - low > 32:
        for a in range(15):
            key, at = keys[low + (high - low) * (2 * a + 1) // 30], a
            while at > 0 and sample[at - 1] > key:
                sample[at] = sample[at - 1]
                at -= 1
            sample[at] = key
        pivot = sample[min(max((rank - low) * 15 // (high - low), 1), 13)]
        left, right = low, high - 1
        for a in range(low, high):  # without a branch: nobody can predict it
            key = keys[a]
            less = int(key < pivot)
            spare[left], spare[right] = key, key
            left += less
            right -= 1 - less
        for a in range(low, high):
            keys[a] = spare[a]
        if rank < left:
            high = left
        elif rank > left:
            low = left
        else:
            return
    for a in range(low + 1, high):
        key, at = keys[a], a
        while at > low and keys[at - 1] > key:
            keys[at] = keys[at - 1]
            at -= 1
        keys[at] = key


@kernel
def boxes(
    points: Singles, order: Integers, low: Singles, high: Singles, low16: Singles, high16: Singles
) -> None:
    """Bounds of panels and of 16 panels along each axis: (boxes / 16, axes, 16), padding empty."""
    depth = low.shape[1]
    for group in prange(low.shape[0]):
        ends = np.empty(2 * AXES, np.float32)
        for lane in range(16):
            first = (group * 16 + lane) * PANEL
            least, most = splat(np.float32(np.inf), AXES), splat(np.float32(-np.inf), AXES)
            for a in range(first, min(first + PANEL, order.size)):
                z = load(points, order[a] * AXES, AXES)
                least, most = minimum(least, z), maximum(most, z)
            store(ends, 0, least)
            store(ends, AXES, most)
            for k in range(depth):
                low[group, k, lane], high[group, k, lane] = ends[k], ends[AXES + k]
        for k in range(depth):
            at = (group * depth + k) * 16
            low16[group // 16, k, group % 16] = lowest(load(low, at, 16))
            high16[group // 16, k, group % 16] = highest(load(high, at, 16))
