"""An order of rows in which a panel is a small box: a k-d tree along the principal axes."""

import math

import numpy as np
from numba import get_num_threads, prange
from numpy.typing import NDArray

from ._jit import device, kernel
from ._panels import (
    PANEL,
    Floats,
    Frame,
    Integers,
    Ranges,
    Singles,
    _clipped,
    chosen,
    ranges_of,
    sampled,
)
from ._simd import (
    add,
    converted,
    highest,
    load,
    lowest,
    maximum,
    minimum,
    multiply,
    multiply_add,
    splat,
    store,
    subtract,
)
from ._threads import at_most

SPREAD = 128  # rows of a part that choose where it is split
PARTS = 4  # of a table for each thread: from here on, one thread finishes each
AXES = 16  # directions of a box at most, lanes of a vector: later ones add little to a bound
ROW = 2**32 - 1  # the lower half of a key


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
    return axes, min(width, AXES, enough)


def turned(rows: Floats, frame: Frame, axes: Singles) -> Singles:
    """Coordinates of rows along the directions."""
    out = np.empty((len(rows), AXES), np.float32)
    _turn(chosen(rows, frame), ranges_of(frame), axes, out)
    return out


@kernel
def _turn(rows: Floats, ranges: Ranges, axes: Singles, out: Singles) -> None:
    width = axes.shape[0]
    whole = width - width % 8
    low, high, middle, scale, hole = ranges
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
    on, each is finished by one thread. How many that takes does not change the order.

    Source: Bentley (1975), Communications of the ACM 18, 509-517.
    """
    n = len(points)
    keys, spare = np.arange(n), np.empty(n, np.int64)
    start, stop = np.array([0]), np.array([n])
    threads = get_num_threads()
    parts = PARTS * threads if threads > 1 else 1
    while start.size < parts and (split := stop - start > leaf).any():
        halved = [x[split] for x in (start, stop)]
        middle = halved[0] + (-(-(halved[1] - halved[0]) // leaf) + 1) // 2 * leaf
        with at_most(middle.size):
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
