"""The distribution of a numeric column that no longer tells a patient's own number.

The column is described as in `smooth`, from a least count k: 2 k patients or more lie between two
knots of its curve, and a value has a mass of its own only where k patients or more hold it. What
lies beyond the outermost knots is replaced by a generalized Pareto tail fitted to the outermost
twentieth: no extreme is kept.

Source of the tail: Hosking and Wallis (1987), Technometrics 29, 339-349 (probability-weighted
moments).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SynthemaError
from .pieces import Pieces, holds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .smooth import Curve, Sample

    Floats = NDArray[np.float64]

TAILS = ("fitted", "kept")
TAIL_SHARE = 0.05  # of the values, that a tail's shape is learned from …
TAIL_LEAST = 20  # … but of so many at least
SHAPES = (-0.5, 0.5)  # a tail of finite mean and variance, and none that ends within the data
LEFT = (1.0, 0.85, 0.7, 0.55, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.01)  # mass beyond each knot


@dataclass(frozen=True, slots=True)
class Protection:
    """What a generator keeps back of its training table; recorded in the model file.

    Attributes:
        min_count: Least number of patients behind a level or a number with a mass of its own, and
            half of those between two knots of a distribution; 1 keeps nothing back. Rarer levels
            are pooled, the rarest first, until the pool holds so many: the flow learns one level,
            and a draw from it is written as one of the pooled levels in proportion to how often
            they occur, so that none disappears. Numbers follow a smooth curve and the habits of
            those who recorded them.
        tails: "fitted" replaces the outermost numbers on either side, 1.4 % of them and twice
            `min_count` or more, by a fitted tail; "kept" leaves the extremes in.
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


def tailed(pieces: Pieces, sample: Sample, curve: Curve) -> Pieces:
    """The same pieces, with fitted tails beyond the outermost knots of the curve.

    A side whose extreme the least count of patients share keeps it: it is a limit of the scale. A
    value that so many share beyond a knot stays an atom within the tail. Without knots, as where
    patients are too few for any, both tails begin at the median.
    """
    values = np.repeat(sample.point, sample.count)
    knots = curve.x[1:-1]
    if not knots.size:
        knots = sample.between(np.median(values, keepdims=True))
    for upper in (False, True):
        if sample.count[-upper] >= sample.least:
            continue
        start = knots[-1 if upper else 0]
        center = (pieces.left + pieces.right) / 2
        beyond = center > start if upper else center <= start
        shared = (pieces.left == pieces.right) & (pieces.mass * sample.n >= sample.least)
        replaced = beyond & ~shared
        recorded = sample.point > start if upper else sample.point < start
        mass = float(pieces.mass[replaced].sum())
        if not recorded.any() or mass <= 0:
            continue
        digits = int(np.median(np.repeat(sample.decimals[recorded], sample.count[recorded])))
        tail = _tail(values, float(start), mass, digits, upper=upper)
        for at in pieces.left[beyond & shared]:
            tail = tail.without(at - sample.half, at + sample.half)
        pieces = pieces.only(~replaced).joined(tail)
    return pieces


def _tail(values: Floats, start: float, mass: float, digits: int, *, upper: bool) -> Pieces:
    """A fitted tail of so much mass that begins at `start`."""
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
    left, right, masses = map(np.array, zip(*cells, strict=True))
    return Pieces(left, right, masses, np.full(left.size, digits)).sorted()


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
