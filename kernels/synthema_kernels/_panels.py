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

from ._jit import device, kernel
from ._simd import HAS_AVX512

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

PANEL = 64 if HAS_AVX512 else 16  # lanes: four sums of so many fit the registers
REACH = 127.0  # of a coordinate: int8
SAMPLE = 2048  # rows that choose the ranges and the directions
CLIPPED = 0.001  # share of the pool beyond either end of a range
SPREAD = 128  # rows of a part that choose where it is split
NARROWEST = 1e-150  # of a range: its square is a number


class Frame(NamedTuple):
    """How a number becomes a coordinate.

    Attributes:
        columns: (c,) those that take part: of positive weight, and not constant.
        low: (c,) smaller numbers count as this one.
        high: (c,) larger numbers count as this one.
        middle: (c,) the number at coordinate 0.
        scale: (c,) coordinates per unit of the column.
        hole: (c,) the coordinate of a missing value.
        unit: Distance of one step of a coordinate.
        holed: Some number is missing.
    """

    columns: Integers
    low: Floats
    high: Floats
    middle: Floats
    scale: Floats
    hole: Floats
    unit: float
    holed: bool


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
    columns = np.flatnonzero((root > 0) & (high - low > NARROWEST) & ((high - low) * root > NARROWEST))
    chosen = [x[columns] for x in (low, high, middle, root, hole)]
    low, high, middle, root, hole = chosen
    unit = float(((high - low) * root).max(initial=0.0)) / (2 * REACH)
    scale = root / unit if columns.size else root
    return Frame(columns, low, high, middle, scale, (hole - middle) * scale, unit, bool(holed.any()))


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
    signed, unsigned = (np.int8, np.uint8) if whole else (np.float32, np.float32)
    cells = np.zeros(panels * steps * lanes * group, signed if lanes == 1 else unsigned)
    offset = 128.0 if whole and lanes > 1 else 0.0
    size = panels * lanes
    norm, total, error = np.zeros(size), np.zeros(size), np.zeros(size)
    pure = np.zeros(size, np.bool_)
    result = Coded(cells, norm, total, error, pure)
    _code(rows, order, frame, lanes, group, offset, *result)
    return result._replace(cells=cells.view(np.int32) if whole else cells)


@kernel
def _code(
    rows: Floats,
    order: Integers,
    frame: Frame,
    lanes: int,
    group: int,
    offset: float,
    cells: NDArray[Any],
    norms: Floats,
    totals: Floats,
    errors: Floats,
    pures: NDArray[np.bool_],
) -> None:
    width = frame.columns.size
    steps = -(-width // group)
    for panel in prange((order.size + lanes - 1) // lanes):
        for lane in range(min(lanes, order.size - panel * lanes)):
            row = panel * lanes + lane
            norm, total, error, pure = 0.0, 0.0, 0.0, True
            for c in range(width):
                x = rows[order[row], frame.columns[c]]
                coordinate, kept = _coordinate(x, frame, c)
                pure &= kept
                rounded = np.rint(coordinate) if group > 1 else np.float64(np.float32(coordinate))
                norm += rounded * rounded
                total += rounded
                error += (coordinate - rounded) * (coordinate - rounded)
                cell = ((panel * steps + c // group) * lanes + lane) * group + c % group
                cells[cell] = rounded + offset
            norms[row], totals[row], pures[row] = norm, total, pure
            errors[row] = math.sqrt(error) * (1.0 + 1e-9) + 1e-11 * width


@device
def _coordinate(x: float, frame: Frame, c: int) -> tuple[float, bool]:
    """Coordinate of a number, and whether it is where it was."""
    if math.isnan(x):
        return frame.hole[c], False
    clipped = min(max(x, frame.low[c]), frame.high[c])
    return (clipped - frame.middle[c]) * frame.scale[c], clipped == x


def directions(pool: Floats, frame: Frame, most: int) -> Floats:
    """Orthonormal directions (c, at most `most`) in which the pool is widest, widest first.

    Source: Pearson (1901), Philosophical Magazine 2, 559-572.
    """
    sample = sampled(pool)
    width = frame.columns.size
    everything = np.eye(width)
    placed = turned(sample, frame, everything).astype(np.float64)
    placed -= placed.mean(axis=0)
    spread, vectors = np.linalg.eigh(placed.T @ placed)
    share = np.cumsum(spread[::-1]) / max(spread.sum(), 1e-300)
    enough = max(8, 4 + int(np.searchsorted(share, 0.9)))
    return np.ascontiguousarray(vectors[:, ::-1][:, : min(width, most, enough)])


def turned(rows: Floats, frame: Frame, axes: Floats) -> Singles:
    """Coordinates of rows along orthonormal axes."""
    out = np.empty((len(rows), axes.shape[1]), np.float32)
    _turn(rows, frame, axes, out)
    return out


@kernel
def _turn(rows: Floats, frame: Frame, axes: Floats, out: Singles) -> None:
    width, depth = axes.shape
    chunk = 64
    for part in prange((rows.shape[0] + chunk - 1) // chunk):
        along = np.empty(depth)
        for i in range(part * chunk, min((part + 1) * chunk, rows.shape[0])):
            along[:] = 0.0
            for c in range(width):
                coordinate, _ = _coordinate(rows[i, frame.columns[c]], frame, c)
                for k in range(depth):
                    along[k] += coordinate * axes[c, k]
            for k in range(depth):
                out[i, k] = along[k]


def ordered(points: Singles, leaf: int) -> Integers:
    """Row numbers such that each `leaf` in a row lie in a small box (a k-d tree's leaves).

    Source: Bentley (1975), Communications of the ACM 18, 509-517.
    """
    n = len(points)
    order, keys = np.arange(n), np.empty(n, np.float32)
    start, stop = np.array([0]), np.array([n])
    while True:
        split = stop - start > leaf
        start, stop = start[split], stop[split]
        if not start.size:
            return order
        middle = start + (-(-(stop - start) // leaf) + 1) // 2 * leaf
        _split(points, order, keys, start, middle, stop)
        start, stop = np.concatenate((start, middle)), np.concatenate((middle, stop))


@kernel
def _split(
    points: Singles,
    order: Integers,
    keys: Singles,
    start: Integers,
    middle: Integers,
    stop: Integers,
) -> None:
    for part in prange(start.size):
        first, last = start[part], stop[part]
        axis = _widest(points, order, first, last)
        for a in range(first, last):
            keys[a] = points[order[a], axis]
        _select(keys, order, first, last - 1, middle[part])


@device
def _widest(points: Singles, order: Integers, first: int, last: int) -> int:
    """The axis along which rows vary most, by a sample."""
    depth = points.shape[1]
    step = max(1, (last - first) // SPREAD)
    mean, square, count = np.zeros(depth), np.zeros(depth), 0
    for a in range(first, last, step):
        count += 1
        for k in range(depth):
            z = np.float64(points[order[a], k])
            mean[k] += z
            square[k] += z * z
    best, widest = 0, -1.0
    for k in range(depth):
        variance = square[k] - mean[k] * mean[k] / count
        if variance > widest:
            best, widest = k, variance
    return best


@device
def _select(keys: Singles, order: Integers, low: int, high: int, rank: int) -> None:
    """Move the smallest keys, with their rows, before place `rank` (Hoare 1961, CACM 4, 321)."""
    while high > low:
        a, b, c = keys[low], keys[(low + high) // 2], keys[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            return


@kernel
def boxes(points: Singles, order: Integers, leaf: int, low: Singles, high: Singles) -> None:
    """Bounds of each `leaf` rows along each axis, into (boxes / 16, axes, 16); padding is empty."""
    n, depth = order.size, points.shape[1]
    for group in prange(low.shape[0]):
        low[group], high[group] = np.inf, -np.inf
        for lane in range(16):
            first = (group * 16 + lane) * leaf
            for a in range(first, min(first + leaf, n)):
                for k in range(depth):
                    z = points[order[a], k]
                    low[group, k, lane] = min(low[group, k, lane], z)
                    high[group, k, lane] = max(high[group, k, lane], z)
