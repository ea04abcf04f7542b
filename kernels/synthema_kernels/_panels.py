"""Numeric rows as coordinates of a filter: small, equally scaled, lying in panels.

The filter works on other coordinates than the definition, chosen so that no two rows are farther
apart in them than they are: every column is clipped to a range that holds almost all of the pool
(clipping brings rows closer, never apart), multiplied by the root of its weight, and divided by one
unit for all columns, such that they lie in [-127, 127]. In a column with missing values the range
reaches at most 1 to either side of the coordinate of a missing value: no farther than the
definition says. What rounding adds is recorded for each row, and goes into every bound.

A *panel* is PANEL rows, one a vector lane. `_order` sorts rows so that a panel is a small box.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import inlined, kernel
from ._simd import (
    HAS_AVX512,
    add,
    bits_eq,
    converted,
    known,
    load,
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
