"""The compiled searches of `_euclidean`: which panels are scored for which queries, and when.

Either way a thread takes a block of queries, finds a first limit for each in a few panels, and goes
on to the others. How a panel is scored, and what a limit is, stands in `_euclidean_tile`.
"""

import numpy as np
from numba import prange

from ._euclidean_boxes import (
    BLOCK,
    Asked,
    Desk,
    Held,
    Task,
    box_gaps,
    farthest,
    members,
    nearest_panel,
)
from ._euclidean_tile import WAITING, clear_limit, measure_block, open_block, visit
from ._jit import device, inner, kernel
from ._panels import PANEL, Integers, Singles
from ._simd import take_ticket

OPENING = 1024 // PANEL  # panels that give a first limit; their scores fit the cache of a core
NEARBY = max(1, 64 // PANEL)  # the same at least, where panels are near each other
PER_NEIGHBOR = 4  # rows in such panels
ROUNDS = tuple(np.float32(x) for x in (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1))  # of `near`


@kernel
def search(
    asked: Asked, held: Held, task: Task, first: int, last: int, ticket: Integers, threads: int
) -> None:
    """Answer the queries from `first` to before `last`: each is scored against every row."""
    for _ in prange(threads):
        _serve(asked, held, task, first, last, ticket)


@kernel
def search_boxes(
    asked: Asked, held: Held, task: Task, first: int, last: int, ticket: Integers, threads: int
) -> None:
    """Answer the queries from `first` to before `last`: panels out of reach are left out."""
    for _ in prange(threads):
        _serve_boxes(asked, held, task, first, last, ticket)


@device
def _serve(asked: Asked, held: Held, task: Task, first: int, last: int, ticket: Integers) -> None:
    panels = (held.order.size + PANEL - 1) // PANEL
    desk = _desk(asked, held, task)
    while True:
        start = first + take_ticket(ticket) * BLOCK
        if start >= last:
            break
        size = min(BLOCK, last - start)
        _clear(asked, task, desk, start, size)
        opening = 0 if task.radius.size else min(OPENING, panels)
        if opening:
            open_block(asked, held, task, desk, start, 0, opening, size)
        for w in range(size):
            desk.members[w] = w
        for panel in range(opening, panels):
            visit(asked, held, task, desk, start, panel, size)
        measure_block(asked, held, task, desk, start, size)


@device
def _serve_boxes(
    asked: Asked, held: Held, task: Task, first: int, last: int, ticket: Integers
) -> None:
    depth = held.low.shape[1]
    panels = (held.order.size + PANEL - 1) // PANEL
    desk = _desk(asked, held, task)
    found, bound = np.empty(panels, np.int64), np.empty(panels, np.float32)
    bound16 = np.empty(16 * held.low16.shape[0], np.float32)
    low, high = np.empty(depth, np.float32), np.empty(depth, np.float32)
    middle, gaps = np.empty(depth, np.float32), np.empty(16, np.float32)
    seen = 0
    while True:
        start = first + take_ticket(ticket) * BLOCK
        if start >= last:
            break
        size = min(BLOCK, last - start)
        _clear(asked, task, desk, start, size)
        seen += _prune(
            asked, held, task, desk, start, size, found, bound, bound16, low, high, middle, gaps
        )
        measure_block(asked, held, task, desk, start, size)
    task.seen[0] += seen  # a statistic: threads may overwrite each other's


@device
def _desk(asked: Asked, held: Held, task: Task) -> Desk:
    kind, depth = held.half.dtype, held.low.shape[1]
    steps = asked.cells.size // asked.norm.size
    return Desk(
        np.empty(BLOCK * steps, asked.cells.dtype),
        np.empty(BLOCK, kind),
        np.empty(BLOCK, np.float32),
        np.empty(max(4 * OPENING, BLOCK) * PANEL, kind),
        np.empty(BLOCK // 4 + 1, np.int64),
        np.empty(BLOCK // 4 + 1, np.int64),
        np.empty(PANEL, kind),
        np.empty(1, kind),
        np.empty(BLOCK + 4, np.int64),
        np.zeros(depth * BLOCK, np.float32),
        np.empty(BLOCK * (task.distance.shape[1] if task.later else 1), kind),
        np.empty(BLOCK, np.int64),
        np.empty(BLOCK),
        np.empty(BLOCK * WAITING, np.int64),
        np.empty(BLOCK * WAITING, kind),
        np.zeros(BLOCK, np.int64),
    )


@inner
def _clear(asked: Asked, task: Task, desk: Desk, start: int, size: int) -> None:
    """Fetch the coordinates of a block, and set the limits: of no query behind its end."""
    steps = asked.cells.size // asked.norm.size
    for w in range(BLOCK):
        desk.limit[w], desk.near[w] = task.none, -1.0
    for k in range(size * steps):
        desk.cells[k] = asked.cells[start * steps + k]
    for w in range(size):
        clear_limit(asked, task, desk, start + w, w)


@inner
def _prune(
    asked: Asked,
    held: Held,
    task: Task,
    desk: Desk,
    start: int,
    size: int,
    found: Integers,
    bound: Singles,
    bound16: Singles,
    low: Singles,
    high: Singles,
    middle: Singles,
    gaps: Singles,
) -> int:
    """Visit the panels whose boxes come close enough to some query of a block, nearest first."""
    depth, panels = low.size, (held.order.size + PANEL - 1) // PANEL
    for k in range(depth):
        low[k], high[k] = np.inf, -np.inf
        for w in range(size):
            z = asked.points[asked.order[start + w], k]
            desk.axes[k * BLOCK + w] = z
            low[k], high[k] = min(low[k], z), max(high[k], z)
    seen = 0
    opening, opened = 0, 0
    if not task.radius.size:
        some = PER_NEIGHBOR * task.distance.shape[1] // PANEL
        nearby = min(max(NEARBY, some), OPENING)
        opening = nearest_panel(held, low, high, middle, bound16, gaps) // nearby * nearby
        opened = min(opening + nearby, panels)
        open_block(asked, held, task, desk, start, opening, opened - opening, size)
        seen += size * (opened - opening)
    beyond = farthest(desk, size)
    count = 0
    for group in range(held.low16.shape[0]):
        box_gaps(held.low16, held.high16, group, low, high, bound16, 16 * group)
    for group in range(held.low.shape[0]):
        if bound16[group] <= beyond:
            box_gaps(held.low, held.high, group, low, high, gaps, 0)
            for lane in range(min(16, panels - 16 * group)):
                panel = 16 * group + lane
                if gaps[lane] <= beyond and not opening <= panel < opened:
                    found[count], bound[count] = panel, gaps[lane]
                    count += 1
    for share in ROUNDS:
        whole = farthest(desk, size)
        beyond = whole * share
        kept = 0
        for a in range(count):
            if bound[a] <= beyond:
                inside = members(held, desk, found[a], depth, size)
                if inside:
                    seen += inside
                    visit(asked, held, task, desk, start, found[a], inside)
            elif bound[a] <= whole:
                found[kept], bound[kept] = found[a], bound[a]
                kept += 1
        count = kept
    return seen
