"""Exact nearest rows and radius counts for weighted squared differences of numeric columns.

Rows are scored by a filter that never overrates a distance (`_panels`, `_euclidean_search`), and
what it lets through is measured as defined. One search, two ways:

- *dense*: every query is scored against every row, four queries and 64 rows a tile;
- *pruned*: the pool lies in the leaves of a k-d tree along its principal axes, and only the queries
  that a leaf's box does not rule out are scored against it.

A sample of the queries is searched the pruned way. It is used for all if that scored less than
WORTHWHILE of the pairs. Either way finds the same rows: the choice decides the time.
"""

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from ._euclidean_scan import scan
from ._euclidean_search import BLOCK, PADDING, Asked, Held, Task, search
from ._panels import PANEL, Coded, Frame, Singles, boxes, coded, directions, framed, ordered, turned
from ._simd import HAS_VECTORS, HAS_VNNI
from .contract import Neighbors
from .rows import Rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WORTHWHILE = 0.5  # of the pairs: a pruned search that scores more costs more than a dense one
SMALL = 2**18  # pairs times columns: below, a filter costs more than it saves
TRIAL = 256  # queries that decide
LARGE = 2**27  # pairs times columns: below, no pruning can pay for its preparation
AXES = 24  # of a box at most: later ones add little to a bound
WORK_PER_CALL = 2.0**38  # pairs times columns, below a second: a compiled call cannot be interrupted
WIDEST = 1000  # columns whose sums of bytes stay above PADDING
FARTHEST = 1e300  # no two rows are: in place of infinity
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
    radii = np.minimum(radii, FARTHEST)
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
            scan(queries.numeric, pool.numeric, weights, own, radii, start, stop, index, distance, within)  # noqa: E501
        return
    seen = np.zeros(1, np.int64)
    task = Task(
        weights,
        frame.holed,
        frame.unit,
        2.0**-21 * 127.0 * frame.columns.size**0.5,
        0.0,
        False,
        own,
        radii,
        index,
        distance,
        within,
        seen,
    )
    whole = HAS_VNNI and frame.columns.size <= WIDEST
    if not whole:
        task = task._replace(grain=2.0**-22)
    axes = directions(pool.numeric, frame, AXES) if work >= LARGE else np.empty((0, 0))
    held, farthest, reach = _held(pool, frame, axes, whole=whole)
    order, points = np.arange(n), np.empty((n, axes.shape[1]), np.float32)
    share = 1.0
    if axes.size:
        some = np.arange(0, n, max(1, n // TRIAL))
        points[some] = turned(queries.numeric[some], frame, axes)
        some = some[ordered(points[some], BLOCK)]
        trial = _asked(queries, some, frame, points, farthest, reach, whole=whole)
        _search(trial, held, task._replace(prune=True), some.size, m * p)
        share = seen[0] * PANEL / (some.size * m)
        index[some], distance[some] = -1, np.inf
        if within.size:
            within[some] = 0
    if share < WORTHWHILE:
        task = task._replace(prune=True)
        points = turned(queries.numeric, frame, axes)
        order = ordered(points, BLOCK)
    asked = _asked(queries, order, frame, points, farthest, reach, whole=whole)
    _search(asked, held, task, n, share * m * p)


def _part(work_per_query: float) -> int:
    """Queries of a compiled call."""
    return max(1, int(WORK_PER_CALL / work_per_query) // BLOCK) * BLOCK


def _search(asked: Asked, held: Held, task: Task, n: int, work_per_query: float) -> None:
    part, threads = _part(work_per_query), get_num_threads()
    for start in range(0, n, part):
        search(asked, held, task, start, min(start + part, n), np.zeros(1, np.int64), threads)


def _held(pool: Rows, frame: Frame, axes: Floats, *, whole: bool) -> tuple[Held, float, float]:
    """The pool in panels, the length of its longest row, and what rounding moved a row at most."""
    m = len(pool)
    order = np.arange(m)
    panels = -(-m // PANEL)
    depth = axes.shape[1]
    groups = -(-panels // 16)
    low, high = _no_boxes(groups, depth), _no_boxes(groups, depth)
    low16, high16 = _no_boxes(-(-groups // 16), depth), _no_boxes(-(-groups // 16), depth)
    if depth:
        points = turned(pool.numeric, frame, axes)
        order = ordered(points, PANEL)
        boxes(points, order, PANEL, low, high)
        boxes(points, order, 16 * PANEL, low16, high16)
    code = coded(pool.numeric, order, frame, PANEL, whole=whole)
    half = np.full(panels * PANEL, PADDING if whole else -1e30, np.int32 if whole else np.float32)
    half[:m] = -np.floor(code.norm[:m] / 2) if whole else -code.norm[:m] / 2
    bits = np.packbits(code.pure.reshape(-1, PANEL), axis=1, bitorder="little")
    pure = bits.view(f"i{PANEL // 8}")[:, 0].astype(np.int64)
    held = Held(pool.numeric, order, code.cells, half, pure, low, high, low16, high16)
    return held, float(code.norm.max()) ** 0.5, float(code.error.max())


def _no_boxes(groups: int, depth: int) -> Singles:
    return np.empty((groups, depth, 16), np.float32)


def _asked(
    queries: Rows,
    order: Integers,
    frame: Frame,
    points: Singles,
    farthest: float,
    reach: float,
    *,
    whole: bool,
) -> Asked:
    code: Coded = coded(queries.numeric, order, frame, 1, whole=whole)
    length = np.sqrt(code.norm)
    rounding = (frame.columns.size + 4) * 2.0**-23 * (length + farthest) * farthest
    return Asked(
        queries.numeric,
        order,
        code.cells,
        code.norm,
        128.0 * code.total if whole else np.zeros(order.size),
        code.error + reach,
        np.ones(order.size) if whole else rounding + 1.0,
        code.pure,
        points,
    )
