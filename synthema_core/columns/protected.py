"""The distribution of a numeric column that no longer tells a patient's own number.

As `marginal`, with a least count k. A value is an atom only where k patients or more hold it; the
others are pooled, 2 k or more of neighboring values to a piece of uniform density, so that neither
a draw nor the model file gives any of them away. The outermost piece on either side is replaced by
a generalized Pareto tail fitted to the outermost twentieth: no extreme is kept.

Source of the tail: Hosking and Wallis (1987), Technometrics 29, 339-349 (probability-weighted
moments).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SynthemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TAILS = ("fitted", "kept")
TAIL_SHARE = 0.05  # of the values, that a tail's shape is learned from …
TAIL_LEAST = 20  # … but of so many at least
SHAPES = (-0.5, 0.5)  # a tail of finite mean and variance, and none that ends within the data
PIECE = 2  # times the least count: patients of a piece, which follows them less closely
LEFT = (1.0, 0.85, 0.7, 0.55, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.01)  # mass beyond each knot


@dataclass(frozen=True, slots=True)
class Protection:
    """What a generator keeps back of its training table; recorded in the model file.

    Attributes:
        min_count: Least number of patients behind a level, a repeated number or a piece of a
            distribution; 1 keeps nothing back. Rarer levels are pooled, the rarest first, until the
            pool holds so many: the flow learns one level, and a draw from it is written as one of
            the pooled levels in proportion to how often they occur, so that none disappears. Rarer
            repeated numbers are spread over their neighborhood.
        tails: "fitted" replaces the outermost numbers on either side, twice `min_count` of them or
            those beyond the outermost repeated one, by a fitted tail; "kept" leaves the extremes
            in.
    """

    min_count: int = 5
    tails: str = "fitted"

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise SynthemaError(
                f"protection: expected min_count of 1 or more, got {self.min_count}."
            )
        if self.tails not in TAILS:
            raise SynthemaError(f"protection: expected tails among {TAILS}, got {self.tails!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"min_count": self.min_count, "tails": self.tails}


OPEN = Protection(min_count=1, tails="kept")  # nothing is kept back: what distances are fitted with


@dataclass(slots=True)
class Pieces:
    """Pieces of a distribution, ascending: ends, patients, decimals."""

    left: list[float]
    right: list[float]
    mass: list[float]
    decimals: list[int]

    def add(self, left: float, right: float, mass: float, decimals: int) -> None:
        """One more piece at the upper end."""
        self.left.append(left)
        self.right.append(right)
        self.mass.append(mass)
        self.decimals.append(decimals)


def pieces(point: Floats, count: Ints, decimals: Ints, least: int, *, fitted: bool) -> Pieces:
    """Pieces of the training values.

    Args:
        point: (m,) distinct values, ascending.
        count: (m,) how often each occurs.
        decimals: (m,) decimals each was recorded with.
        least: Least number of patients behind an atom or a piece.
        fitted: Replace what lies outermost by fitted tails.
    """
    out = Pieces([], [], [], [])
    atom = count >= least
    groups = _groups(count, atom, PIECE * least)
    values = np.repeat(point, count)
    for place, (first, stop) in enumerate(groups):
        if atom[first]:
            out.add(point[first], point[first], count[first], int(decimals[first]))
            continue
        low, high = _ends(point, decimals, atom, first, stop, least, int(count[first:stop].sum()))
        mass = int(count[first:stop].sum())
        if fitted and place in (0, len(groups) - 1) and len(groups) > 1:
            upper = place > 0
            _tail(out, values, low if upper else high, mass, decimals[first:stop], upper=upper)
        else:
            _group(out, low, high, count[first:stop], decimals[first:stop])
    return out


def _groups(count: Ints, atom: NDArray[np.bool_], size: int) -> list[tuple[int, int]]:
    """Slices of the distinct values: each atom alone, the others in groups of `size` patients."""
    out: list[tuple[int, int]] = []
    start = 0
    while start < count.size:
        if atom[start]:
            out.append((start, start + 1))
            start += 1
            continue
        stop = start
        while stop < count.size and not atom[stop]:
            stop += 1
        patients = np.cumsum(count[start:stop])
        parts = max(1, int(patients[-1]) // size)
        wanted = patients[-1] * np.arange(1, parts) / parts
        cuts = np.unique(np.searchsorted(patients, wanted) + 1) + start
        for low, high in zip([start, *cuts], [*cuts, stop], strict=True):
            if low < high:
                out.append((int(low), int(high)))
        start = stop
    return out


def _ends(
    point: Floats,
    decimals: Ints,
    atom: NDArray[np.bool_],
    first: int,
    stop: int,
    least: int,
    patients: int,
) -> tuple[float, float]:
    """Ends of a group: half-way to the next group; beside an atom no closer than half a step.

    A group of fewer patients than `least` fills the gap between its atoms.
    """
    half = 0.5 * 10.0 ** -float(decimals[first:stop].max())
    spacing = (point[stop - 1] - point[first]) / max(patients - 1, 1) / 2
    reach = max(float(spacing), half) if patients >= least else np.inf
    low, high = point[first] - reach, point[stop - 1] + reach
    if first > 0:
        before = point[first - 1]
        low = max(low, before + half) if atom[first - 1] else (before + point[first]) / 2
    if stop < point.size:
        after = point[stop]
        high = min(high, after - half) if atom[stop] else (after + point[stop - 1]) / 2
    # at either end of the data, without a neighbor, a group too small to have a spread
    low = low if np.isfinite(low) else point[first] - half
    high = high if np.isfinite(high) else point[stop - 1] + half
    if first == 0 and point[0] >= 0:  # as in a tail: nothing below zero, nor at it if none was
        low = max(low, half if point[0] > 0 else -half)
    if low >= high:  # between neighbors recorded finer than the group: no room for half a step
        low = (point[first - 1] + point[first]) / 2 if first > 0 else point[first] - half
        high = (point[stop - 1] + point[stop]) / 2 if stop < point.size else point[stop - 1] + half
    return float(low), float(high)


def _group(out: Pieces, low: float, high: float, count: Ints, decimals: Ints) -> None:
    """A group's piece, cut in proportion to how many patients were recorded with which decimals."""
    kinds = np.unique(decimals)
    mass = np.array([count[decimals == d].sum() for d in kinds], float)
    middle = [np.flatnonzero(decimals == d).mean() for d in kinds]
    order = np.argsort(middle, kind="stable")
    cuts = low + (high - low) * np.concatenate([[0.0], np.cumsum(mass[order]) / mass.sum()])
    cuts[-1] = high
    if all(holds(a, b, int(d)) for a, b, d in zip(cuts[:-1], cuts[1:], kinds[order], strict=True)):
        for i, k in enumerate(order):
            out.add(float(cuts[i]), float(cuts[i + 1]), float(mass[k]), int(kinds[k]))
    else:
        out.add(low, high, float(mass.sum()), int(kinds.max()))


def holds(left: float, right: float, decimals: int) -> bool:
    """Whether a piece holds a value of so many decimals."""
    unit = 10.0**decimals
    return bool(np.ceil(left * unit - 1e-6) <= np.ceil(right * unit - 1e-6) - 1.0)


def _tail(
    out: Pieces, values: Floats, start: float, mass: int, decimals: Ints, *, upper: bool
) -> None:
    """The outermost patients as a fitted tail that begins at `start`."""
    digits = int(np.median(decimals))
    step = 10.0**-digits
    offsets = _offsets(values if upper else -values, start if upper else -start, step)
    if not upper and values.min() >= 0:  # no draw below zero, nor at it unless a value was
        room = start - (step / 2 if values.min() > 0 else -step / 2)
        offsets = offsets * min(1.0, room / offsets[-1])
    share = -np.diff([*LEFT, 0.0])[: len(LEFT)]
    knots = start + offsets if upper else start - offsets
    cells: list[tuple[float, float, float]] = []
    for i in range(len(LEFT)):
        a, b = sorted((float(knots[i]), float(knots[i + 1])))
        if cells and not holds(cells[-1][0], cells[-1][1], digits):
            c, d, m = cells.pop()  # too narrow for a value: one piece with the next
            cells.append((min(a, c), max(b, d), m + mass * share[i]))
        else:
            cells.append((a, b, mass * share[i]))
    if len(cells) > 1 and not holds(cells[-1][0], cells[-1][1], digits):
        a, b, m = cells.pop()
        c, d, rest = cells.pop()
        cells.append((min(a, c), max(b, d), m + rest))
    for a, b, m in cells if upper else reversed(cells):
        out.add(a, b, m, digits)


def _offsets(values: Floats, start: float, step: float) -> Floats:
    """Distances from `start`, one more than `LEFT`, at which a tail has so much mass left."""
    most = max(TAIL_LEAST, int(TAIL_SHARE * values.size))
    outer = np.sort(values)[-min(most, max(values.size // 2, 2)) :]
    base = float(outer[0])
    excess = np.sort(outer - base)[1:]
    scale, shape = step, 0.0
    if excess.size and excess[-1] > 0:
        # one wild value must not stretch the tail of all
        excess = np.minimum(excess, 10.0 * max(float(np.median(excess)), step))
        plotting = (np.arange(1, excess.size + 1) - 0.35) / excess.size
        first = float(excess.mean())
        second = float(((1.0 - plotting) * excess).mean())
        if first > 2.0 * second:
            shape = float(np.clip(2.0 - first / (first - 2.0 * second), *SHAPES))
        scale = first * (1.0 - shape)
    scale = max(scale + shape * (start - base), step)
    left = np.array([*LEFT, LEFT[-1] / 4])
    offsets = -scale * np.log(left) if abs(shape) < 1e-6 else scale * (left**-shape - 1.0) / shape
    grown: Floats = np.maximum.accumulate(offsets + step * 1e-3 * np.arange(left.size))
    return grown
