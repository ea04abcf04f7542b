"""Tiles of `_euclidean`: scores of queries and panels, and a check of what passes.

With s the unit of the frame, q and r a query and a pool row as coordinates, and e what rounding
moved both, their distance is at least s * (|q - r| - e). So a row can be within b only if

    q.r - |r|**2 / 2  >=  (|q|**2 - (b / s + e)**2) / 2

The left side is the *score* of the row, the right side a number of the query: its *limit*, which
rises as closer rows are found. A tile scores four queries against a panel and does nothing else
unless a score reaches its limit. Those rows are measured in float64 in the definition's order.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bytes_tile import fetch
from ._dots import dot_step, load_wide, wide
from ._euclidean_boxes import Asked, Desk, Held, Task
from ._jit import inlined, inner
from ._panels import LANES, PANEL, Floats
from ._simd import (
    bits_eq,
    bits_ge,
    count_bits,
    highest,
    load,
    lowest_bit,
    maximum,
    multiply,
    multiply_add,
    peaks,
    splat,
    spread,
    store,
    subtract,
    total,
)

WAITING = 16  # rows of a query that are measured together
DOUBLES = 8  # lanes of a measurement


@inlined
def clear_limit(asked: Asked, task: Task, desk: Desk, q: int, w: int) -> None:
    """Set what a row must reach to matter to a query of which nothing is known yet."""
    k = task.distance.shape[1]
    desk.margin[w] = -1
    for a in range(w * k, w * k + k if task.later else 0):
        desk.best[a] = task.padding
    desk.limit[w], desk.near[w] = task.all, 3e38
    if task.radius.size and task.radius[asked.order[q]] < 0.0:
        desk.limit[w], desk.near[w] = task.none, -1.0
    elif task.radius.size:
        raise_limit(asked, task, desk, q, w, task.radius[asked.order[q]])


@inlined
def raise_limit(asked: Asked, task: Task, desk: Desk, q: int, w: int, within: float) -> None:
    """Set what a row must reach to be within a distance, unless the limit is higher."""
    steps = math.sqrt(within) * (1.0 + 1e-12) / task.unit
    reach = steps + asked.reach[q]
    value = 0.5 * (asked.norm[q] - reach * reach) + asked.offset[q] - asked.slack[q]
    value = math.floor(value - abs(value) * task.grain)
    if value > desk.limit[w]:
        desk.limit[w] = value
    near = (steps + task.blur) * (steps + task.blur) * (1.0 + 1e-5)
    desk.near[w] = min(desk.near[w], near)


@inlined
def visit(
    asked: Asked, held: Held, task: Task, desk: Desk, start: int, panel: int, size: int
) -> None:
    """Score a panel for the first `size` members of a block, four at a time."""
    _fill(desk, size)
    tiles = 0
    for g in range(0, size, 4):
        hit = _tile(asked, held, desk, panel, g, tiles * 4 * PANEL, PANEL)
        desk.hits[tiles], desk.tiles[tiles] = hit, g
        tiles += hit != 0  # the next tile writes over this one if nothing passed
    for tile in range(tiles):
        hit, g = desk.hits[tile], desk.tiles[tile]
        for i in range(min(4, size - g)):
            if (hit >> (16 * i)) & 0xFFFF:
                w, at = desk.members[g + i], (tile * 4 + i) * PANEL
                if task.radius.size:
                    _tally(asked, held, task, desk, start, panel, w, at)
                else:
                    _offer(asked, held, task, desk, start, panel, w, at, desk.limit[w])


@inlined
def _fill(desk: Desk, size: int) -> None:
    """Let the last member stand in for those that lack to four."""
    for w in range(size, size + 3):
        desk.members[w] = desk.members[size - 1]


@inlined
def open_block(
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

    As many rows as neighbors are asked for reach the score `peak`. They are ranked or measured, and
    then what is left of the panels as usual.
    """
    k = task.distance.shape[1] + task.own
    apart = panels * PANEL
    for w in range(size):
        desk.members[w] = w
    _fill(desk, size)
    for g in range(0, size, 4):
        for a in range(panels):
            _tile(asked, held, desk, first + a, g, a * PANEL, apart)
        for i in range(min(4, size - g)):
            w, at = g + i, i * apart
            peak = desk.limit[w]
            if k <= PANEL:
                best = load(desk.scores, at, PANEL)
                for a in range(1, panels):
                    best = maximum(best, load(desk.scores, at + a * PANEL, PANEL))
                store(desk.peaks, 0, best)
                for _ in range(k):
                    best = load(desk.peaks, 0, PANEL)
                    peak = highest(best)
                    desk.peaks[lowest_bit(bits_eq(best, splat(peak, PANEL)))] = task.padding
            for _ in range(2):
                for a in range(panels):
                    bar = max(peak, desk.limit[w])
                    _offer(asked, held, task, desk, start, first + a, w, at + a * PANEL, bar)
                if not (task.later and asked.pure[start + w]):
                    _measure(asked, held, task, desk, start + w, w)
                peak = desk.limit[w]


@inlined
def _tile(asked: Asked, held: Held, desk: Desk, panel: int, g: int, at: int, apart: int) -> int:
    """Score four members; 16 bits each, some set where a row passes: then the scores are kept."""
    members = desk.members
    w0, w1, w2, w3 = members[g], members[g + 1], members[g + 2], members[g + 3]
    steps = asked.cells.size // asked.norm.size
    cells, query, scores = held.cells, desk.cells, desk.scores
    lanes = wide(cells, LANES)
    at0, at1, at2, at3 = w0 * steps, w1 * steps, w2 * steps, w3 * steps
    s0 = load_wide(held.half, panel * PANEL, LANES)
    p0, p1, p2, p3 = s0, s0, s0, s0
    for part in range(0, PANEL, lanes):
        first = panel * steps * PANEL + part
        s0 = load_wide(held.half, panel * PANEL + part, LANES)
        s1, s2, s3 = s0, s0, s0
        for k in range(steps):
            row = load_wide(cells, first + k * PANEL, LANES)
            s0 = dot_step(s0, row, spread(query, at0 + k, LANES))
            s1 = dot_step(s1, row, spread(query, at1 + k, LANES))
            s2 = dot_step(s2, row, spread(query, at2 + k, LANES))
            s3 = dot_step(s3, row, spread(query, at3 + k, LANES))
        if part == 0:
            p0, p1, p2, p3 = s0, s1, s2, s3
        else:
            p0, p1, p2, p3 = maximum(p0, s0), maximum(p1, s1), maximum(p2, s2), maximum(p3, s3)
        if lanes < PANEL:
            _keep(scores, at + part, apart, s0, s1, s2, s3)
    hit: int = bits_ge(peaks(p0, 16), splat(desk.limit[w0], 16))
    hit |= bits_ge(peaks(p1, 16), splat(desk.limit[w1], 16)) << 16
    hit |= bits_ge(peaks(p2, 16), splat(desk.limit[w2], 16)) << 32
    hit |= bits_ge(peaks(p3, 16), splat(desk.limit[w3], 16)) << 48
    if hit != 0 and lanes == PANEL:
        _keep(scores, at, apart, p0, p1, p2, p3)
    return hit


@inlined
def _keep(scores: NDArray[Any], at: int, apart: int, s0: Any, s1: Any, s2: Any, s3: Any) -> None:
    """Write down the scores of four members."""
    store(scores, at, s0)
    store(scores, at + apart, s1)
    store(scores, at + 2 * apart, s2)
    store(scores, at + 3 * apart, s3)


@inlined
def _offer(
    asked: Asked,
    held: Held,
    task: Task,
    desk: Desk,
    start: int,
    panel: int,
    w: int,
    at: int,
    bar: Any,
) -> None:
    """Let the rows of a panel that reach the bar wait: they are measured later.

    Where scores are fine, they wait to the end: scores rank them, too, and hardly more than the k
    closest rows are left. Elsewhere they wait for the next row that passes: by then they have come
    from memory.
    """
    left = bits_ge(load(desk.scores, at, PANEL), splat(bar, PANEL))
    if left == 0:
        return
    q = start + w
    ranked = task.later and asked.pure[q]
    if not ranked and desk.waiting[w]:
        _measure(asked, held, task, desk, q, w)
    pure = held.pure[panel] if ranked else np.int64(0)
    while left != 0:
        lane = lowest_bit(left)
        left &= left - 1
        score = desk.scores[at + lane]
        if score < desk.limit[w]:
            continue
        desk.scores[at + lane] = task.padding  # it is offered once
        row = panel * PANEL + lane
        if task.own and held.order[row] == asked.order[q]:
            continue
        if desk.waiting[w] == WAITING:
            _shed(desk, w)
        if desk.waiting[w] == WAITING:
            _measure(asked, held, task, desk, q, w)
        place = w * WAITING + desk.waiting[w]
        desk.rows[place], desk.told[place] = row, score
        desk.waiting[w] += 1
        if not ranked:
            fetch(held.rows, held.order[row])
        elif (pure >> lane) & 1:
            _rank(asked, task, desk, q, w, score)


@inlined
def _rank(asked: Asked, task: Task, desk: Desk, q: int, w: int, score: Any) -> None:
    """Note that a row scores so high, and raise the limit.

    The last of the best is at most D steps away, as coordinates. So a row matters only within D and
    twice the rounding: in scores, a margin that shrinks with D. The first one serves for all.
    """
    k = task.distance.shape[1]
    first, place = w * k, w * k + k - 1
    if score <= desk.best[place]:
        return
    while place > first and score > desk.best[place - 1]:
        desk.best[place] = desk.best[place - 1]
        place -= 1
    desk.best[place] = score
    last = np.float64(desk.best[first + k - 1])
    if last == task.padding:
        return
    if desk.margin[w] < 0:
        reach, slack = asked.reach[q], asked.slack[q]
        steps = math.sqrt(max(asked.norm[q] - 2.0 * (last - asked.offset[q] - slack), 0.0))
        desk.margin[w] = np.int64(2.0 * (reach * (steps + reach) + slack)) + 2
        blur = reach + task.blur
        desk.room[w] = asked.norm[q] + 2.0 * (asked.offset[q] + slack + blur * steps) + blur * blur
    desk.limit[w] = max(desk.limit[w], last - desk.margin[w])
    desk.near[w] = min(desk.near[w], (desk.room[w] - 2.0 * last) * (1.0 + 1e-5))


@inlined
def _insert(asked: Asked, held: Held, task: Task, query: int, row: int) -> bool:
    """Measure a row; whether it is among the closest so far."""
    k = task.distance.shape[1]
    worst = task.distance[query, k - 1]
    d = _measured(asked.rows, query, held.rows, row, task.weights, task.holed, worst)
    if not (d < worst or (d == worst and row < task.nearest[query, k - 1])):
        return False
    place = k - 1
    while place > 0 and (
        d < task.distance[query, place - 1]
        or (d == task.distance[query, place - 1] and row < task.nearest[query, place - 1])
    ):
        task.distance[query, place] = task.distance[query, place - 1]
        task.nearest[query, place] = task.nearest[query, place - 1]
        place -= 1
    task.distance[query, place], task.nearest[query, place] = d, row
    return True


@inlined
def _shed(desk: Desk, w: int) -> None:
    """Drop the rows that wait and have been ruled out by others."""
    kept = w * WAITING
    for at in range(kept, kept + WAITING):
        desk.rows[kept], desk.told[kept] = desk.rows[at], desk.told[at]
        kept += desk.told[at] >= desk.limit[w]
    desk.waiting[w] = kept - w * WAITING


@inner
def _measure(asked: Asked, held: Held, task: Task, desk: Desk, q: int, w: int) -> None:
    """Measure the rows that wait, but for those that closer ones have ruled out."""
    query = asked.order[q]
    for at in range(w * WAITING, w * WAITING + desk.waiting[w]):
        if desk.told[at] >= desk.limit[w]:
            row = held.order[desk.rows[at]]
            if _insert(asked, held, task, query, row):
                raise_limit(asked, task, desk, q, w, task.distance[query, -1])
    desk.waiting[w] = 0


@inner
def measure_block(asked: Asked, held: Held, task: Task, desk: Desk, start: int, size: int) -> None:
    """Measure all rows of a block that wait, once they have come from memory."""
    for w in range(size):
        query = asked.order[start + w]
        fetch(asked.rows, query)
        fetch(task.distance, query)
        fetch(task.nearest, query)
        kept = w * WAITING
        for at in range(w * WAITING, w * WAITING + desk.waiting[w]):
            if desk.told[at] >= desk.limit[w]:
                row = held.order[desk.rows[at]]
                fetch(held.rows, row)
                desk.rows[kept] = row
                kept += 1
        desk.waiting[w] = kept - w * WAITING
    for w in range(size):
        query = asked.order[start + w]
        for at in range(w * WAITING, w * WAITING + desk.waiting[w]):
            _insert(asked, held, task, query, desk.rows[at])
        desk.waiting[w] = 0


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
        value = 0.5 * (asked.norm[q] - inner * inner) + asked.offset[q]
        value += asked.slack[q] + 1.0
        value = math.ceil(value + abs(value) * task.grain)
        if value < task.none:
            desk.sure[0] = max(value, task.all)
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
