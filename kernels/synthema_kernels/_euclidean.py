"""Exact nearest rows and radius counts for weighted squared differences of numeric columns.

Rows are scored by a filter that never overrates a distance (`_panels`, `_euclidean_search`), and
what it lets through is measured as defined. One search, two ways:

- *dense*: every query is scored against every row, four queries and 64 rows a tile;
- *pruned*: the pool lies in the leaves of a k-d tree along its principal axes, and only the queries
  that a leaf's box does not rule out are scored against it.

A sample of the queries is searched the pruned way. It is used for all if that scored less than
WORTHWHILE of the pairs. Either way finds the same rows: the choice decides the time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from ._euclidean_boxes import BLOCK, Asked, Held, Task
from ._euclidean_scan import scan
from ._euclidean_search import search, search_boxes
from ._lengths import longest
from ._order import AXES, boxes, directions, ordered, turned
from ._panels import (
    LIFT,
    PANEL,
    Frame,
    Singles,
    coded,
    fitted,
    form_of,
    framed,
)
from ._simd import HAS_VECTORS
from ._threads import READ, threads_for
from .contract import Neighbors
from .rows import Rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WORTHWHILE = 0.5  # of the pairs: a pruned search that scores more costs more than a dense one
SMALL = 2**18  # pairs times columns: below, a filter costs more than it saves
FEW_NEIGHBORS = 16  # whose distances are first told by their scores
FEW = 4096  # pool rows that show whether boxes rule out anything
HOPELESS = 0.9  # of the pairs among so few
LEAST_SHARE = 2.0**-6  # of the pairs: what the boxes themselves cost
TRIAL = 256  # queries that decide
LARGE = 2**32  # pairs times columns: below, no pruning pays for its preparation
WORK_PER_CALL = (
    2.0**38
)  # pairs times columns, below a second: a compiled call cannot be interrupted
# What every score reaches, what none does, and the score of no row.
LONGS = -2.0e9, 2.0e9, -2.06e9  # the last with any product of bytes added
SHORTS = -32767.0, 32767.0, -32768.0
NO_COUNT, NO_RADIUS = np.empty(0, np.int64), np.empty(0)


def find(
    queries: Rows, pool: Rows, weights: Floats, k: int, *, exclude_self: bool = False
) -> Neighbors:
    """The k closest pool rows of each query; arguments are checked, m >= k."""
    n = len(queries)
    index, distance = np.full((n, k), -1, np.int64), np.full((n, k), np.inf)
    _run(queries, pool, weights, NO_RADIUS, index, distance, NO_COUNT, own=exclude_self)
    return Neighbors(index, distance)


def count(queries: Rows, pool: Rows, weights: Floats, radii: Floats) -> Integers:
    """How many pool rows are within each query's radius; arguments are checked."""
    n = len(queries)
    within = np.zeros(n, np.int64)
    nothing = np.empty((n, 0))
    _run(queries, pool, weights, radii, nothing.astype(np.int64), nothing, within, own=False)
    return within


def _run(
    queries: Rows,
    pool: Rows,
    weights: Floats,
    radii: Floats,
    index: Integers,
    distance: Floats,
    within: Integers,
    *,
    own: bool,
) -> None:
    n, m, p = len(queries), len(pool), queries.numeric.shape[1]
    work = float(n) * m * p
    weights = np.ascontiguousarray(weights, np.float64)
    small = not HAS_VECTORS or work < SMALL
    frame = None if small else framed(queries.numeric, pool.numeric, weights)
    if frame is None or not frame.columns.size:
        for start in range(0, n, _part(m * max(p, 1) * 16)):
            stop = min(start + _part(m * max(p, 1) * 16), n)
            scan(
                queries.numeric,
                pool.numeric,
                weights,
                own,
                radii,
                start,
                stop,
                index,
                distance,
                within,
            )
        return
    task = Task(
        weights=weights,
        holed=frame.holed,
        unit=0.0,
        blur=0.0,
        grain=0.0,
        all=0.0,
        none=0.0,
        padding=0.0,
        later=False,
        own=own,
        radius=radii,
        nearest=index,
        distance=distance,
        counted=within,
        seen=np.zeros(1, np.int64),
    )
    width = frame.columns.size
    if work >= LARGE:
        boxed = fitted(frame, form_of(width, boxed=True))
        axes, depth = directions(pool.numeric, boxed)
        if _promising(queries, pool, boxed, task, axes, depth):
            held, limits = _held(pool.numeric, boxed, axes, depth)
            with threads_for(n * READ):
                share = _trial(queries, held, limits, boxed, task, axes)
            if share < WORTHWHILE:
                points = turned(queries.numeric, boxed, axes)
                order = ordered(points, depth, BLOCK)
                asked = _asked(queries.numeric, order, boxed, points, limits)
                effort = max(share, LEAST_SHARE) * m * p
                _search(search_boxes, asked, held, _fitting(task, boxed), n, effort)
                return
    form = form_of(width, boxed=False)
    length = max(longest(x.numeric, frame) for x in (queries, pool)) if form == "pairs" else 0.0
    dense = fitted(frame, form, length)
    held, limits = _held(pool.numeric, dense, np.empty((0, 0), np.float32), 0)
    nowhere = np.empty((0, AXES), np.float32)
    asked = _asked(queries.numeric, np.arange(n), dense, nowhere, limits)
    _search(search, asked, held, _fitting(task, dense), n, m * p)


def _fitting(task: Task, frame: Frame) -> Task:
    """The task in the units of a frame."""
    few = 0 < task.distance.shape[1] <= FEW_NEIGHBORS and not task.radius.size
    everything, none, padding = SHORTS if frame.form == "pairs" else LONGS
    return task._replace(
        unit=frame.unit,
        blur=_blur(frame),
        grain=2.0**-22 if frame.form == "floats" else 0.0,
        all=everything,
        none=none,
        padding=padding,
        later=few and frame.form == "words",
    )


def _promising(
    queries: Rows, pool: Rows, frame: Frame, task: Task, axes: Singles, depth: int
) -> bool:
    """Whether boxes rule out anything among a few rows: if not, they do not among many."""
    m = len(pool)
    if m <= 2 * FEW:
        return True
    few = np.ascontiguousarray(pool.numeric[:: m // FEW])
    few.flags.writeable = False  # one type for the compiler
    with threads_for(0.0):  # so little work is done before a second thread has started
        held, limits = _held(few, frame, axes, depth)
        return _trial(queries, held, limits, frame, task, axes) < HOPELESS


def _trial(
    queries: Rows,
    held: Held,
    limits: tuple[float, float],
    frame: Frame,
    task: Task,
    axes: Singles,
) -> float:
    """Share of the pairs that a pruned search scores, by a sample of the queries."""
    n, m, k = len(queries), held.order.size, task.nearest.shape[1]
    sample = np.ascontiguousarray(queries.numeric[:: max(1, n // TRIAL)])
    sample.flags.writeable = False
    rows = np.arange(n)[:: max(1, n // TRIAL)]
    points = turned(sample, frame, axes)
    order = ordered(points, held.low.shape[1], BLOCK)
    asked = _asked(sample, order, frame, points, limits)
    seen = np.zeros(1, np.int64)
    task = _fitting(task, frame)._replace(
        own=False,
        radius=task.radius[rows] if task.radius.size else task.radius,
        nearest=np.full((rows.size, k), -1, np.int64),
        distance=np.full((rows.size, k), np.inf),
        counted=np.zeros(rows.size, np.int64),
        seen=seen,
    )
    _search(search_boxes, asked, held, task, rows.size, m * sample.shape[1])
    return float(seen[0]) * PANEL / (rows.size * m)


def _part(work_per_query: float) -> int:
    """Queries of a compiled call."""
    return max(1, int(WORK_PER_CALL / work_per_query) // BLOCK) * BLOCK


def _search(
    run: Callable[..., None], asked: Asked, held: Held, task: Task, n: int, work_per_query: float
) -> None:
    part, threads = _part(work_per_query), get_num_threads()
    for start in range(0, n, part):
        run(asked, held, task, start, min(start + part, n), np.zeros(1, np.int64), threads)


def _held(
    pool: Floats, frame: Frame, axes: Singles, depth: int
) -> tuple[Held, tuple[float, float]]:
    """The pool in panels, the length of its longest row, and what rounding moved a row at most."""
    m = len(pool)
    order = np.arange(m)
    panels = -(-m // PANEL)
    groups = -(-panels // 16)
    low, high = _no_boxes(groups, depth), _no_boxes(groups, depth)
    low16, high16 = _no_boxes(-(-groups // 16), depth), _no_boxes(-(-groups // 16), depth)
    if depth:
        points = turned(pool, frame, axes)
        order = ordered(points, depth, PANEL)
        boxes(points, order, low, high, low16, high16)
    code = coded(pool, frame, PANEL, order)
    if frame.form == "floats":
        half: NDArray[Any] = np.full(panels * PANEL, -1e30, np.float32)
        half[:m] = -code.norm[:m] / 2
    elif frame.form == "pairs":
        half = np.full(panels * PANEL, SHORTS[-1], np.int16)
        exact = LIFT - np.floor(code.norm[:m] / 2) - frame.shift * code.total[:m]
        half[:m] = exact.astype(np.int64).astype(np.int16)  # what is cut off comes back in the sum
    else:
        half = np.full(panels * PANEL, LONGS[-1], np.int32)
        half[:m] = -np.floor(code.norm[:m] / 2)
    bits = np.packbits(code.pure.reshape(-1, PANEL), axis=1, bitorder="little")
    pure = bits.view(f"i{PANEL // 8}")[:, 0].astype(np.int64)
    held = Held(pool, order, code.cells, half, pure, low, high, low16, high16)
    return held, (float(code.norm.max()) ** 0.5, float(code.error.max()))


def _no_boxes(groups: int, depth: int) -> Singles:
    return np.full((groups, depth, 16), np.inf, np.float32)


def _blur(frame: Frame) -> float:
    """What float32 may add to a distance along the axes, in steps: a bound, far from reached."""
    width = frame.columns.size
    return float((width + 8) * 2.0**-23 * frame.reach * width**0.5 * AXES**0.5)


def _asked(
    queries: Floats, order: Integers, frame: Frame, points: Singles, limits: tuple[float, float]
) -> Asked:
    farthest, reach = limits
    code = coded(queries, frame, 1, order)
    length = np.sqrt(code.norm)
    rounding = (frame.columns.size + 4) * 2.0**-23 * (length + farthest) * farthest
    lift = LIFT if frame.form == "pairs" else 0.0
    return Asked(
        queries,
        order,
        code.cells,
        code.norm,
        frame.shift * code.total if frame.form == "bytes" else np.full(order.size, lift),
        code.error + reach,
        rounding + 1.0 if frame.form == "floats" else np.ones(order.size),
        code.pure & frame.complete,
        points,
    )
