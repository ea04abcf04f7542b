"""The compiled search of `_euclidean`: a filter over panels, and a check of what it lets through.

With s the unit of the frame, q and r a query and a pool row as coordinates, and e what rounding
moved both, their distance is at least s * (|q - r| - e). So a row can be within b only if

    q.r - |r|**2 / 2  >=  (|q|**2 - (b / s + e)**2) / 2

The left side is the *score* of the row, the right side a number of the query: its *limit*, which
rises as closer rows are found. A tile scores four queries against the 64 rows of a panel, 16
instructions for every four bytes of a coordinate (VNNI) or every float32, and does nothing else
unless a score reaches its limit. Those rows are measured in float64 in the definition's order.
"""

import math

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
from ._jit import device, inlined, inner, kernel
from ._panels import PANEL, Floats, Integers, Singles
from ._simd import (
    bits_eq,
    bits_ge,
    count_bits,
    dot_step,
    highest,
    load,
    lowest_bit,
    maximum,
    multiply,
    multiply_add,
    peaks,
    splat,
    store,
    subtract,
    take_ticket,
    total,
)

LOWEST, HIGHEST = -2.0e9, 2.0e9  # limits: every row passes, none does
PADDING = -2.06e9  # score of no row, with any product of bytes added
CROWD = 4  # rows of a panel that pass: from here on, the best first
DOUBLES = 8  # lanes of a measurement
OPENING = 16  # panels that give a first limit; their scores fit the cache of a core
NEARBY = 4  # the same where panels are near each other


@kernel
def search(
    asked: Asked, held: Held, task: Task, first: int, last: int, ticket: Integers, threads: int
) -> None:
    """Answer the queries from `first` to before `last`, in search order."""
    for _ in prange(threads):
        _serve(asked, held, task, first, last, ticket)


@device
def _serve(asked: Asked, held: Held, task: Task, first: int, last: int, ticket: Integers) -> None:
    kind = held.half.dtype
    depth = held.low.shape[1]
    panels = (held.order.size + PANEL - 1) // PANEL
    desk = Desk(
        np.empty(BLOCK, kind),
        np.empty(BLOCK, np.float32),
        np.empty(4 * OPENING * PANEL, kind),
        np.empty(PANEL, kind),
        np.empty(1, kind),
        np.empty(BLOCK + 4, np.int64),
        np.zeros(depth * BLOCK, np.float32),
    )
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
        for w in range(BLOCK):
            desk.limit[w], desk.near[w] = HIGHEST, -1.0
        for w in range(size):
            _raise(asked, task, desk, start + w, w)
        if task.prune:
            seen += _prune(
                asked, held, task, desk, start, size, found, bound, bound16, low, high, middle, gaps
            )
        else:
            opening = 0 if task.radius.size else min(OPENING, panels)
            if opening:
                _open(asked, held, task, desk, start, 0, opening, size)
            for w in range(size):
                desk.members[w] = w
            for panel in range(opening, panels):
                _visit(asked, held, task, desk, start, panel, size)
    task.seen[0] += seen  # a statistic: threads may overwrite each other's


@inlined
def _raise(asked: Asked, task: Task, desk: Desk, q: int, w: int) -> None:
    """Set what a row must reach to matter to a query."""
    i = asked.order[q]
    within = task.radius[i] if task.radius.size else task.distance[i, -1]
    if within < 0.0:
        desk.limit[w], desk.near[w] = HIGHEST, -1.0
        return
    steps = math.sqrt(within) * (1.0 + 1e-12) / task.unit
    reach = steps + asked.reach[q]
    value = 0.5 * (asked.norm[q] - reach * reach) + asked.offset[q] - asked.slack[q]
    value = math.floor(value - abs(value) * task.grain)
    if not value > LOWEST:
        value = LOWEST
    desk.limit[w] = value
    near = (steps + task.blur) * (steps + task.blur) * (1.0 + 1e-5)
    desk.near[w] = min(near, 3e38)


@inlined
def _visit(
    asked: Asked, held: Held, task: Task, desk: Desk, start: int, panel: int, size: int
) -> None:
    """Score a panel for the first `size` members of a block, four at a time."""
    _fill(desk, size)
    for g in range(0, size, 4):
        hit = _tile(asked, held, desk, start, panel, g, 0, PANEL)
        if hit != 0:
            for i in range(min(4, size - g)):
                if (hit >> (16 * i)) & 0xFFFF:
                    w = desk.members[g + i]
                    if task.radius.size:
                        _tally(asked, held, task, desk, start, panel, w, i * PANEL)
                    else:
                        _offer(asked, held, task, desk, start, panel, w, i * PANEL)


@inlined
def _fill(desk: Desk, size: int) -> None:
    """Let the last member stand in for those that lack to four."""
    for w in range(size, size + 3):
        desk.members[w] = desk.members[size - 1]


@inlined
def _open(
    asked: Asked,
    held: Held,
    task: Task,
    desk: Desk,
    start: int,
    first: int,
    panels: int,
    size: int,
) -> None:
    """Find a good limit for each query of a block in a few panels, at few measurements.

    As many rows as neighbors are asked for reach the score `peak`. They are measured, and then what
    is left of the panels as usual.
    """
    k = task.distance.shape[1] + task.own
    apart = panels * PANEL
    for w in range(size):
        desk.members[w] = w
    _fill(desk, size)
    for g in range(0, size, 4):
        for a in range(panels):
            _tile(asked, held, desk, start, first + a, g, a * PANEL, apart)
        for i in range(min(4, size - g)):
            w, at = g + i, i * apart
            if k <= PANEL:
                best = load(desk.scores, at, PANEL)
                for a in range(1, panels):
                    best = maximum(best, load(desk.scores, at + a * PANEL, PANEL))
                store(desk.peaks, 0, best)
                for _ in range(k):
                    best = load(desk.peaks, 0, PANEL)
                    peak = highest(best)
                    desk.peaks[lowest_bit(bits_eq(best, splat(peak, PANEL)))] = PADDING
                    desk.limit[w] = peak
                if desk.limit[w] < LOWEST:
                    desk.limit[w] = LOWEST
            for _ in range(2):
                for a in range(panels):
                    _offer(asked, held, task, desk, start, first + a, w, at + a * PANEL)
                _raise(asked, task, desk, start + w, w)


@inlined
def _tile(
    asked: Asked, held: Held, desk: Desk, start: int, panel: int, g: int, at: int, apart: int
) -> int:
    """Score four members; 16 bits each, some set where a row passes: then the scores are kept."""
    members = desk.members
    w0, w1, w2, w3 = members[g], members[g + 1], members[g + 2], members[g + 3]
    steps = asked.cells.size // asked.norm.size
    cells, query = held.cells, asked.cells
    first = panel * steps * PANEL
    at0, at1 = (start + w0) * steps, (start + w1) * steps
    at2, at3 = (start + w2) * steps, (start + w3) * steps
    s0 = load(held.half, panel * PANEL, PANEL)
    s1, s2, s3 = s0, s0, s0
    for k in range(steps):
        row = load(cells, first + k * PANEL, PANEL)
        s0 = dot_step(s0, row, splat(query[at0 + k], PANEL))
        s1 = dot_step(s1, row, splat(query[at1 + k], PANEL))
        s2 = dot_step(s2, row, splat(query[at2 + k], PANEL))
        s3 = dot_step(s3, row, splat(query[at3 + k], PANEL))
    hit: int = bits_ge(peaks(s0, 16), splat(desk.limit[w0], 16))
    hit |= bits_ge(peaks(s1, 16), splat(desk.limit[w1], 16)) << 16
    hit |= bits_ge(peaks(s2, 16), splat(desk.limit[w2], 16)) << 32
    hit |= bits_ge(peaks(s3, 16), splat(desk.limit[w3], 16)) << 48
    if hit != 0:
        store(desk.scores, at, s0)
        store(desk.scores, at + apart, s1)
        store(desk.scores, at + 2 * apart, s2)
        store(desk.scores, at + 3 * apart, s3)
    return hit


@inlined
def _offer(
    asked: Asked, held: Held, task: Task, desk: Desk, start: int, panel: int, w: int, at: int
) -> None:
    """Measure the rows of a panel that pass, and insert those that are close enough."""
    q = start + w
    query, k = asked.order[q], task.distance.shape[1]
    own = query if task.own else -1
    left = bits_ge(load(desk.scores, at, PANEL), splat(desk.limit[w], PANEL))
    while left != 0:
        lane = lowest_bit(left)
        if count_bits(left) > CROWD:  # the best first: its distance rules most others out
            scores = load(desk.scores, at, PANEL)
            lane = lowest_bit(bits_eq(scores, splat(highest(scores), PANEL)))
        desk.scores[at + lane] = PADDING
        left &= ~(np.int64(1) << lane)
        row = held.order[panel * PANEL + lane]
        if row == own:
            continue
        worst = task.distance[query, k - 1]
        d = _measured(asked.rows, query, held.rows, row, task.weights, task.holed, worst)
        if d < worst or (d == worst and row < task.nearest[query, k - 1]):
            place = k - 1
            while place > 0 and (
                d < task.distance[query, place - 1]
                or (d == task.distance[query, place - 1] and row < task.nearest[query, place - 1])
            ):
                task.distance[query, place] = task.distance[query, place - 1]
                task.nearest[query, place] = task.nearest[query, place - 1]
                place -= 1
            task.distance[query, place], task.nearest[query, place] = d, row
            _raise(asked, task, desk, q, w)
            left &= bits_ge(load(desk.scores, at, PANEL), splat(desk.limit[w], PANEL))


@inner
def _tally(
    asked: Asked, held: Held, task: Task, desk: Desk, start: int, panel: int, w: int, at: int
) -> None:
    """Count the rows of a panel within the radius: by their scores where those are sure."""
    q = start + w
    query = asked.order[q]
    within = task.radius[query]
    left = bits_ge(load(desk.scores, at, PANEL), splat(desk.limit[w], PANEL))
    inner = math.sqrt(within) * (1.0 - 1e-12) / task.unit - asked.reach[q]
    if asked.pure[q] and inner > 0.0:
        value = 0.5 * (asked.norm[q] - inner * inner) + asked.offset[q] + asked.slack[q] + 1.0
        value = math.ceil(value + abs(value) * task.grain)
        if value < HIGHEST:
            desk.sure[0] = max(value, LOWEST)
            inside = left & held.pure[panel]
            inside &= bits_ge(load(desk.scores, at, PANEL), splat(desk.sure[0], PANEL))
            task.counted[query] += count_bits(inside)
            left &= ~inside
    while left != 0:
        row = held.order[panel * PANEL + lowest_bit(left)]
        left &= left - 1
        d = _measured(asked.rows, query, held.rows, row, task.weights, task.holed, within)
        task.counted[query] += d <= within


@inlined
def _measured(
    queries: Floats,
    i: int,
    pool: Floats,
    j: int,
    weights: Floats,
    holed: bool,  # noqa: FBT001  (compiled)
    worst: float,
) -> float:
    """Distance as defined; infinity, or a part of it, where it exceeds `worst`."""
    p = queries.shape[1]
    if not holed:
        # The same terms in another order: good for a bound up to the rounding of p terms.
        vector = splat(0.0, DOUBLES)
        whole = p - p % DOUBLES
        for c in range(0, whole, DOUBLES):
            gap = subtract(load(queries, i * p + c, DOUBLES), load(pool, j * p + c, DOUBLES))
            vector = multiply_add(multiply(gap, load(weights, c, DOUBLES)), gap, vector)
        rest = total(vector)
        for c in range(whole, p):
            gap1 = queries[i, c] - pool[j, c]
            rest += weights[c] * (gap1 * gap1)
        if rest * (1.0 - (p + 8) * 4e-16) > worst:
            return np.inf
        d = 0.0
        for c in range(p):
            gap1 = queries[i, c] - pool[j, c]
            d += weights[c] * (gap1 * gap1)
        return d
    d = 0.0
    for c in range(p):
        a, b = queries[i, c], pool[j, c]
        gap1 = abs(a - b)
        if math.isnan(gap1):
            gap1 = 0.0 if math.isnan(a) and math.isnan(b) else 1.0
        d += weights[c] * (gap1 * gap1)
        if d > worst:
            break
    return d


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
        opening = nearest_panel(held, low, high, middle, bound16, gaps) // NEARBY * NEARBY
        opened = min(opening + NEARBY, panels)
        _open(asked, held, task, desk, start, opening, opened - opening, size)
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
    for share in (np.float32(1 / 16), np.float32(1 / 4), np.float32(1.0)):
        beyond = farthest(desk, size) * share
        kept = 0
        for a in range(count):
            if bound[a] <= beyond:
                inside = members(held, desk, found[a], depth, size)
                if inside:
                    seen += inside
                    _visit(asked, held, task, desk, start, found[a], inside)
            else:
                found[kept], bound[kept] = found[a], bound[a]
                kept += 1
        count = kept
    return seen
