"""What a search of `_euclidean` is given, and what the boxes of its panels rule out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import inner
from ._panels import PANEL, Floats, Integers, Singles
from ._simd import (
    bits_le,
    load,
    lowest_bit,
    maximum,
    minimum,
    multiply_add,
    splat,
    store,
    subtract,
)

BLOCK = 64  # queries that share one pass over the panels; one bit each
CHECKED = 4  # axes between two looks at a box bound


class Asked(NamedTuple):
    """Queries: rows and points as given, all else in the order in which they are searched.

    Attributes:
        rows: (n, p) numbers as given.
        order: (n,) row numbers in search order.
        cells: Coordinates, `steps` a query.
        norm: Squared length of the coordinates.
        offset: What every score of the query is too high by.
        reach: What rounding moved the query, and at most any pool row.
        slack: What rounding may take from a score.
        pure: The coordinates bound from above, too.
        points: (n, AXES) coordinates along the axes of the boxes.
    """

    rows: Floats
    order: Integers
    cells: NDArray[Any]
    norm: Floats
    offset: Floats
    reach: Floats
    slack: Floats
    pure: NDArray[np.bool_]
    points: Singles


class Held(NamedTuple):
    """The pool in panels.

    Attributes:
        rows: (m, p) numbers as given.
        order: (m,) row numbers in panel order.
        cells: Coordinates [panel, step, lane].
        half: Minus half the squared length, in the type of a score, and minus what bytes of the
            queries without sign add to it.
        pure: A bit each row of a panel.
        low: Boxes of panels (groups of 16, axes, 16).
        high: Their other ends.
        low16: Boxes of 16 panels, in the same layout.
        high16: Their other ends.
    """

    rows: Floats
    order: Integers
    cells: NDArray[Any]
    half: NDArray[Any]
    pure: Integers
    low: Singles
    high: Singles
    low16: Singles
    high16: Singles


class Task(NamedTuple):
    """What is asked of each query, and where the answer goes.

    Attributes:
        weights: (p,) of the definition.
        holed: Some number is missing.
        unit: Distance of one step of a coordinate.
        blur: What rounding may add to a box bound, in steps.
        grain: Relative rounding of a limit.
        all: A limit that every row reaches.
        none: A limit that no row reaches.
        padding: Score of no row: it reaches no limit.
        later: Scores rank rows, and what they leave is measured at the end: k is small, and they
            are fine.
        own: Leave out the pool row with the number of the query.
        radius: (n,) count what is as close; empty: find neighbors.
        nearest: (n, k) neighbors.
        distance: (n, k) their distances.
        counted: (n,) rows within the radius.
        seen: (1,) how often a panel was scored for a query.
    """

    weights: Floats
    holed: bool
    unit: float
    blur: float
    grain: float
    all: float
    none: float
    padding: float
    later: bool
    own: bool
    radius: Floats
    nearest: Integers
    distance: Floats
    counted: Integers
    seen: Integers


class Desk(NamedTuple):
    """One thread's notes on one block of queries.

    Attributes:
        cells: Coordinates.
        limit: (BLOCK,) what a score must reach.
        near: (BLOCK,) squared distance, in steps, that a box must be within.
        scores: Of the tiles of a panel in which some score passed, or of all that open a block.
        hits: (BLOCK / 4,) which members of these tiles it passed for, 16 bits each.
        tiles: (BLOCK / 4,) their first members.
        peaks: (PANEL,) highest scores of a lane.
        sure: (1,) what a score must reach to be surely within a radius.
        members: (BLOCK + 4,) queries that a panel is scored for.
        axes: (axes * BLOCK,) coordinates along the axes of the boxes.
        best: (BLOCK * k,) the highest scores of rows whose scores bound from above, descending.
        margin: (BLOCK,) how far below the last of them a row may score; negative: not yet known.
        room: (BLOCK,) what `near` exceeds minus twice the last of them by.
        rows: (BLOCK * WAITING,) places of rows that are not yet measured.
        told: (BLOCK * WAITING,) their scores.
        waiting: (BLOCK,) how many.
    """

    cells: NDArray[Any]
    limit: NDArray[Any]
    near: Singles
    scores: NDArray[Any]
    hits: Integers
    tiles: Integers
    peaks: NDArray[Any]
    sure: NDArray[Any]
    members: Integers
    axes: Singles
    best: NDArray[Any]
    margin: Integers
    room: Floats
    rows: Integers
    told: NDArray[Any]
    waiting: Integers


@inner
def farthest(desk: Desk, size: int) -> np.float32:
    """The largest squared distance, in steps, that some query still looks at."""
    farthest = np.float32(0.0)
    for w in range(size):
        farthest = max(farthest, desk.near[w])
    return farthest


@inner
def nearest_panel(
    held: Held, low: Singles, high: Singles, middle: Singles, bound16: Singles, gaps: Singles
) -> int:
    """A panel near the middle of a block."""
    for k in range(low.size):
        middle[k] = np.float32(0.5) * (low[k] + high[k])
    group, lane = 0, 0
    for other in range(held.low16.shape[0]):
        box_gaps(held.low16, held.high16, other, middle, middle, bound16, 16 * other)
    for other in range(held.low.shape[0]):
        if bound16[other] < bound16[group]:
            group = other
    box_gaps(held.low, held.high, group, middle, middle, gaps, 0)
    for other in range(16):
        if gaps[other] < gaps[lane]:
            lane = other
    return 16 * group + lane


@inner
def box_gaps(
    lows: Singles, highs: Singles, group: int, low: Singles, high: Singles, out: Singles, at: int
) -> None:
    """Squared distances from a box to 16 boxes."""
    depth = low.size
    gaps = splat(np.float32(0.0), 16)
    none = splat(np.float32(0.0), 16)
    for k in range(depth):
        place = (group * depth + k) * 16
        over = subtract(load(lows, place, 16), splat(high[k], 16))
        under = subtract(splat(low[k], 16), load(highs, place, 16))
        gap = maximum(maximum(over, under), none)
        gaps = multiply_add(gap, gap, gaps)
    store(out, at, gaps)


@inner
def members(held: Held, desk: Desk, panel: int, depth: int, size: int) -> int:
    """Queries that a panel's box does not rule out; their places go to the desk."""
    count, group, lane = 0, panel // 16, panel % 16
    for first in range(0, BLOCK, PANEL):
        near = load(desk.near, first, PANEL)
        gaps = splat(np.float32(0.0), PANEL)
        bits = np.int64(-1)
        for k in range(depth):
            z = load(desk.axes, k * BLOCK + first, PANEL)
            low = splat(held.low[group, k, lane], PANEL)
            high = splat(held.high[group, k, lane], PANEL)
            gap = subtract(z, minimum(maximum(z, low), high))
            gaps = multiply_add(gap, gap, gaps)
            if k % CHECKED == CHECKED - 1:
                bits = bits_le(gaps, near)
                if bits == 0:
                    break
        if bits != 0:
            bits = bits_le(gaps, near)
        while bits != 0:
            desk.members[count] = first + lowest_bit(bits)
            bits &= bits - 1
            count += 1
    return count
