"""Numeric rows as coordinates of a filter: small, equally scaled, lying in panels.

The filter works on other coordinates than the definition, chosen so that no two rows are farther
apart in them than they are: every column is clipped to a range that holds almost all of the pool
(clipping brings rows closer, never apart), multiplied by the root of its weight, and divided by one
unit for all columns. In a column with missing values the range reaches at most 1 to either side of
the coordinate of a missing value: no farther than the definition says. Coordinates come in four
*forms*, and the unit is as fine as the form allows. What rounding adds is recorded for each row,
and goes into every bound.

- bytes: the least work for a row, and a coarse bound;
- pairs: bytes again, for processors that add two products to an int16 (AVX2 without VNNI). Scores
  are int16, too, exact once all products are in; so the longest row decides about the unit;
- words of 16 bits: twice the work, and hardly a row passes that is not nearer;
- floats: any processor, any number of columns.

A *panel* is PANEL rows, one a vector lane. `_order` sorts rows so that a panel is a small box.
"""

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._bytes_tile import fetch
from ._holes import with_holes
from ._jit import inlined, kernel
from ._simd import (
    HAS_AVX2,
    HAS_PAIRS,
    HAS_VNNI,
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
Ranges = tuple[Floats, Floats, Floats, Floats, Floats]
Form = Literal["bytes", "pairs", "words", "floats"]

PANEL = 64 if HAS_VNNI else 32 if HAS_AVX2 else 16  # rows
LANES = 64 if HAS_VNNI else 16  # of them at once: four sums of so many fit the registers
REACH = 127.0  # of a coordinate at most: int8
PAIRED_REACH = 90.0  # the same where two products, one of a byte twice as large, share an int16
PAIRED_LENGTH = 180.5  # of a row: all scores lie within 65,000, and LIFT brings them into int16
LIFT = 16384.0
WORDS_REACH = 30_000.0  # int16
LARGEST_SUM = 1.2e9  # of squares of words: half as much more fits int32, and lies within LOWEST
WIDEST = 1000  # columns whose sums stay above PADDING
SAMPLE = 1024  # rows that choose the ranges and the directions
CLIPPED = 0.001  # share of the pool beyond either end of a range
AHEAD = 8  # rows that are asked from memory before their turn
WIDER = 2.0  # a range of words, than one of bytes
NARROWEST = 1e-150  # of a range: its square is a number


class Frame(NamedTuple):
    """How a number becomes a coordinate.

    Attributes:
        columns: (c,) those that take part: of positive weight, and not constant.
        low: (c,) smaller numbers count as this one.
        high: (c,) larger numbers count as this one.
        middle: (c,) the number at coordinate 0.
        root: (c,) distance per unit of the column.
        hole: (c,) the number that stands for a missing one.
        holed: Some number is missing.
        complete: Every column of positive weight takes part.
        form: Of the coordinates.
        unit: Distance of one step of a coordinate.
        scale: (c,) steps per unit of the column.
        reach: Largest coordinate.
        shift: What makes a byte one without sign.
    """

    columns: Integers
    low: Floats
    high: Floats
    middle: Floats
    root: Floats
    hole: Floats
    holed: bool
    complete: bool
    form: Form
    unit: float
    scale: Floats
    reach: float
    shift: int


class Coded(NamedTuple):
    """Rows as coordinates.

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
    holed = with_holes(queries) | with_holes(pool)
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
    return Frame(
        columns,
        low,
        high,
        middle,
        root,
        hole,
        holed=bool(holed.any()),
        complete=columns.size == np.count_nonzero(weights),
        form="floats",
        unit=1.0,
        scale=root,
        reach=0.0,
        shift=0,
    )


def form_of(width: int, *, boxed: bool) -> Form:
    """The best form for so many columns, for a search with boxes or without."""
    if not (HAS_VNNI or HAS_PAIRS) or width > WIDEST:
        return "floats"
    if HAS_PAIRS:
        return "words" if boxed else "pairs"
    return "bytes"


def fitted(frame: Frame, form: Form, length: float = 0.0) -> Frame:
    """The frame with the finest unit in which coordinates fit their form.

    Args:
        frame: Of the search.
        form: Of the coordinates.
        length: Of the longest row (`longest`), where pairs need it.
    """
    if form == "words" and not frame.holed:  # fine enough to leave hardly a row clipped
        half = (frame.high - frame.low) / 2 * WIDER
        frame = frame._replace(low=frame.middle - half, high=frame.middle + half)
    reach = (frame.high - frame.low) / 2 * frame.root
    farthest = float(reach.max(initial=0.0))
    most, shift = REACH, 128
    if form == "words":
        most = min(WORDS_REACH, math.floor((LARGEST_SUM / reach.size) ** 0.5) - 1.0)
    elif form == "pairs":
        most, shift = PAIRED_REACH - 0.5, int(PAIRED_REACH)  # less what rounding adds
    unit = farthest / most
    if form == "pairs":
        unit = max(unit, length / (PAIRED_LENGTH - 0.5 * reach.size**0.5))
    return frame._replace(
        form=form, unit=unit, scale=frame.root / unit, reach=farthest / unit, shift=shift
    )


def ranges_of(frame: Frame) -> Ranges:
    """What compiled code has to know of a frame."""
    return frame.low, frame.high, frame.middle, frame.scale, frame.hole


def coded(rows: Floats, frame: Frame, lanes: int, order: Integers) -> Coded:
    """Rows in some order as coordinates of the frame's form, `lanes` rows a panel.

    Args:
        rows: Numbers of the table.
        frame: Of the search.
        lanes: Rows a panel; 1 for queries. Bytes of one side have no sign: of the pool, in pairs
            of the queries.
        order: (rows,) row numbers.
    """
    if frame.form == "pairs" and lanes > 1:
        code = _coded(rows, frame, 1, 0, order)
        return _paneled(code._replace(cells=code.cells.view(np.int16)), order.size)
    if frame.form == "pairs":
        code = _coded(rows, frame, 1, frame.shift, order)
        both = np.repeat(code.cells.view(np.int16), 2)  # each pair fills the lane of a step
        return code._replace(cells=both.view(np.int32))
    shift = frame.shift if frame.form == "bytes" and lanes > 1 else 0
    return _coded(rows, frame, lanes, shift, order)


def _coded(rows: Floats, frame: Frame, lanes: int, shift: int, order: Integers) -> Coded:
    group = {"bytes": 4, "pairs": 4, "words": 2, "floats": 1}[frame.form]
    panels = -(-len(rows) // lanes)
    steps = -(-frame.columns.size // group)
    whole = frame.form != "floats"
    cells: NDArray[Any] = np.zeros(panels * steps * lanes, np.int32 if whole else np.float32)
    size = panels * lanes
    norm, sums, error = np.zeros(size), np.zeros(size), np.zeros(size)
    pure = np.zeros(size, np.bool_)
    rest = lanes, cells, norm, sums, error, pure
    ranges = ranges_of(frame)
    if whole:
        wide = frame.form == "words"
        _code_integers(chosen(rows, frame), order, ranges, shift, wide, *rest)
    else:
        _code_floats(chosen(rows, frame), order, ranges, *rest)
    return Coded(cells.view(np.uint32) if frame.form == "words" else cells, norm, sums, error, pure)


def _paneled(code: Coded, n: int) -> Coded:
    """Rows that were coded one a panel, PANEL a panel."""
    rest = -n % PANEL
    cells = np.zeros(code.cells.size // n * (n + rest), code.cells.dtype)
    _arrange(code.cells, n, cells)
    norm, sums, error = (np.pad(x, (0, rest)) for x in (code.norm, code.total, code.error))
    return Coded(cells, norm, sums, error, np.pad(code.pure, (0, rest)))


@kernel
def _arrange(codes: NDArray[np.int16], n: int, cells: NDArray[np.int16]) -> None:
    steps = codes.size // n
    for panel in prange((n + PANEL - 1) // PANEL):
        first = panel * PANEL
        for lane in range(min(PANEL, n - first)):
            for k in range(steps):
                cells[first * steps + k * PANEL + lane] = codes[(first + lane) * steps + k]


def chosen(rows: Floats, frame: Frame) -> Floats:
    """The columns that take part; a view if all do."""
    if frame.columns.size == rows.shape[1]:
        return rows
    columns = np.ascontiguousarray(rows[:, frame.columns])
    columns.flags.writeable = False  # one type for the compiler
    return columns


@kernel
def _code_integers(
    rows: Floats,
    order: Integers,
    ranges: Ranges,
    shift: int,
    wide: bool,  # noqa: FBT001  (compiled)
    lanes: int,
    cells: NDArray[np.int32],
    norms: Floats,
    sums: Floats,
    errors: Floats,
    pures: NDArray[np.bool_],
) -> None:
    width = rows.shape[1]
    group = 2 if wide else 4
    whole, steps = width - width % 8, (width + group - 1) // group
    low, high, middle, scale, hole = ranges
    batch = max(1, 64 // lanes)
    n = rows.shape[0]
    panels = (n + lanes - 1) // lanes
    for part in prange((panels + batch - 1) // batch):
        line = np.zeros(steps + 1, np.int32)
        octets, shorts = line.view(np.uint8), line.view(np.int16)
        for panel in range(part * batch, min((part + 1) * batch, panels)):
            for lane in range(min(lanes, n - panel * lanes)):
                place = panel * lanes + lane
                i = order[place]
                fetch(rows, order[min(place + AHEAD, n - 1)])
                norm, away, error = splat(0.0, 8), splat(0.0, 8), splat(0.0, 8)
                moved = np.int64(0)
                more = splat(np.float64(shift), 8)
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
                    if wide:
                        store(line, c // 2, reinterpret(converted(r, "int16"), "int32"))
                    elif shift:
                        packed = reinterpret(converted(add(r, more), "uint8"), "int32")
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
                    if wide:
                        shorts[c] = np.int64(r1)
                    else:
                        octets[c] = np.int64(r1) + shift
                norms[place], sums[place], pures[place] = norm1, away1, pure
                errors[place] = math.sqrt(error1) * (1.0 + 1e-9) + 1e-10 * width
                for k in range(steps):
                    cells[(panel * steps + k) * lanes + lane] = line[k]


@kernel
def _code_floats(
    rows: Floats,
    order: Integers,
    ranges: Ranges,
    lanes: int,
    cells: Singles,
    norms: Floats,
    sums: Floats,
    errors: Floats,
    pures: NDArray[np.bool_],
) -> None:
    width = rows.shape[1]
    low, high, middle, scale, hole = ranges
    n = rows.shape[0]
    for panel in prange((n + lanes - 1) // lanes):
        for lane in range(min(lanes, n - panel * lanes)):
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
            errors[row] = math.sqrt(error) * (1.0 + 1e-9) + 1e-10 * width


@inlined
def _clipped(x: Any, low: Floats, high: Floats, hole: Floats, c: int) -> Any:
    """Eight numbers from column `c` on, brought into their ranges."""
    return minimum(maximum(known(x, load(hole, c, 8)), load(low, c, 8)), load(high, c, 8))
