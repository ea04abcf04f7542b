"""A smooth distribution of numbers with the habits of those who recorded them.

The masses of the single values of a table are a fingerprint of its patients: a generator that
reproduces how many had 8.2 and how many 8.3 tells who was in it (Homer et al. 2008, PLoS Genet. 4,
e1000167). A numeric column is therefore described by few numbers, and by more only where the data
ask for them:

- a distribution function through a few knots, monotone and smooth between them on the normal scale
  (Fritsch and Carlson 1980, SIAM J. Numer. Anal. 17, 238-246);
- heaps: how much more often than its neighbors a multiple of 5, of 10, … is recorded, in up to four
  regions of the scale;
- with how many decimals the other values are recorded there;
- spikes: single values more frequent than all that can explain.

How many numbers is decided by a criterion of Akaike's kind: log-likelihood less a cost for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .normal import ndtr, ndtri
from .pieces import DUST, Pieces, holds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .pieces import Bools, Floats, Ints

USUAL = 0.01  # share of patients that a number of decimals must have
OUTER = 2.2  # where the tails begin, on the normal scale
BETWEEN = 3  # pieces from one knot to the next
HEAP_VALUES = (4, 4096)  # fewest and most multiples of a heap's step in the middle 99 %


@dataclass(frozen=True, slots=True)
class Sample:
    """Distinct values, how often each occurs, the decimals it is read at (at most `finest`)."""

    point: Floats
    count: Ints
    decimals: Ints
    finest: int
    least: int

    @classmethod
    def of(cls, point: Floats, count: Ints, decimals: Ints, least: int) -> Sample:
        """A sample whose finest decimals are not those of a few odd values."""
        patients = np.bincount(decimals, weights=count)
        finer = np.cumsum(patients[::-1])[::-1]  # recorded at so many decimals or more
        usual = np.flatnonzero(finer >= max(least, USUAL * count.sum()))
        finest = int(usual[-1]) if usual.size else int(decimals.max())
        return cls(point, count, np.minimum(decimals, finest), finest, least)

    @property
    def half(self) -> float:
        """Half a unit of the last decimal."""
        return 0.5 * 10.0**-self.finest

    @property
    def n(self) -> int:
        """Patients."""
        return int(self.count.sum())

    @property
    def middle(self) -> tuple[float, float]:
        """Ends of the middle 99 %."""
        upto = np.cumsum(self.count)
        low, high = self.point[np.searchsorted(upto, self.n * np.array([0.005, 0.995]))]
        return float(low), float(high)

    def without(self, gone: Bools) -> Sample:
        """The values that are not gone."""
        return replace(
            self, point=self.point[~gone], count=self.count[~gone], decimals=self.decimals[~gone]
        )

    def between(self, x: Floats) -> Floats:
        """Half-way between two values that can be read, next below."""
        unit = 2.0 * self.half
        at: Floats = (np.floor(x / unit + DUST) + 0.5) * unit
        return at


@dataclass(frozen=True, slots=True)
class Curve:
    """A distribution function through knots, from 0 to 1."""

    x: Floats
    f: Floats
    through: Callable[[Floats], Floats]

    @classmethod
    def fit(cls, sample: Sample, parts: int) -> Curve:
        """Through the empirical distribution function at knots evenly spaced on the normal scale.

        Knots lie half-way between values, with twice the least count of patients or more between
        two of them; a value as frequent as a whole part gets one on either side.
        """
        point, count, n = sample.point, sample.count, sample.n
        upto = np.cumsum(count)
        outer = min(max(2 * sample.least / n, float(ndtr(-OUTER))), 0.5)
        span = -float(ndtri(outer))
        wanted = n * np.unique(ndtr(np.linspace(-span, span, parts + 1)))
        at = np.minimum(np.searchsorted(upto, wanted - DUST), point.size - 1)
        before = upto[at] - count[at]
        frequent = count[at] > n / (2.0 * parts)
        above = frequent | (upto[at] - wanted <= wanted - before)
        below = ~above
        cuts: list[int] = []
        for cut in np.unique(np.concatenate([at[above], at[below] - 1, at[frequent] - 1])):
            last = upto[cuts[-1]] if cuts else 0
            shared = cut >= 0 and count[cut] >= sample.least and upto[cut] - last == count[cut]
            full = int(np.searchsorted(upto, last + 2 * sample.least))
            cut = int(cut) if shared else max(int(cut), full)
            new = cut < point.size - 1 and (not cuts or cut > cuts[-1])
            if new and n - upto[cut] >= sample.least:
                cuts.append(cut)
        middle = (point[cuts] + point[np.asarray(cuts, int) + 1]) / 2
        low, high = point[0] - sample.half, point[-1] + sample.half
        if point[0] > 0:  # nothing below zero, nor at it
            low = max(low, sample.half)
        x = np.concatenate([[low], np.clip(sample.between(middle), low, high), [high]])
        f = np.concatenate([[0.0], upto[cuts] / n, [1.0]])
        keep = np.append(True, np.diff(x) > sample.half)
        keep[-1] = True
        keep[1:-1] &= x[1:-1] < high - sample.half
        from scipy.interpolate import PchipInterpolator  # not before it is needed: half a second

        ends = outer / 4  # for 0 and 1, which lie nowhere on the normal scale
        scale = ndtri(np.clip(f[keep], ends, 1.0 - ends))
        return cls(x[keep], f[keep], PchipInterpolator(x[keep], scale))

    def __call__(self, v: Floats) -> Floats:
        """The distribution function at (m,) points, but for what lies beyond its ends."""
        return ndtr(self.through(np.clip(v, self.x[0], self.x[-1])))

    def part(self, v: Floats) -> Ints:
        """Between which two knots each point lies."""
        where: Ints = np.clip(np.searchsorted(self.x, v, side="right") - 1, 0, self.x.size - 2)
        return where


@dataclass(frozen=True, slots=True)
class Habit:
    """What is looked for beyond the curve: steps of heaps, regions of the scale, decimals."""

    steps: tuple[float, ...] = ()
    regions: int = 1
    mixed: bool = False

    def numbers(self, decimals: int) -> int:
        """How many numbers describe it, when values come at so many numbers of decimals."""
        return self.regions * (len(self.steps) + (decimals - 1 if self.mixed else 0))


def classes(v: Floats, steps: tuple[float, ...]) -> Ints:
    """Of each value, 1 + the place of the coarsest step that divides it; 0 if none does."""
    out = np.zeros(v.size, np.int64)
    for place, step in enumerate(steps):
        out[np.abs(v / step - np.round(v / step)) < DUST] = place + 1
    return out


def possible_steps(sample: Sample) -> tuple[float, ...]:
    """Steps that heaps may have: 5 and 10 units of the last decimal, 50, 100 and so on."""
    low, high = sample.middle
    steps = (s * 10.0**-d for d in range(sample.finest, -9, -1) for s in (1.0, 5.0))
    few, many = HEAP_VALUES
    coarse = (s for s in steps if s > 3.0 * sample.half)
    return tuple(s for s in coarse if few <= (high - low) / s <= many)


def describe(sample: Sample, curve: Curve, habit: Habit) -> Pieces:
    """Pieces of a sample as the curve and its habits describe it."""
    inner = curve.x[1:-1]
    cuts = np.interp(np.arange(1, habit.regions) / habit.regions, curve.f, curve.x)
    if inner.size:
        cuts = np.unique(inner[np.abs(inner[:, None] - cuts).argmin(0)]) if cuts.size else cuts
    region = np.searchsorted(cuts, (curve.x[:-1] + curve.x[1:]) / 2)

    def of(v: Floats) -> Ints:
        where: Ints = region[curve.part(v)]
        return where

    half = sample.half
    low, high = sample.middle
    reach = high - low  # beyond it a wild value would ask for millions of multiples
    heaps = _multiples(
        habit.steps, max(curve.x[0], low - reach), min(curve.x[-1], high + reach), half
    )
    kind = classes(heaps, habit.steps)
    mass = curve(heaps + half) - curve(heaps - half)
    left, right = _gaps(sample, curve, heaps)
    rest = curve(right) - curve(left)
    middle = (left + right) / 2

    shape = (cuts.size + 1, len(habit.steps) + 1)
    seen, expected = np.full(shape, 0.5), np.zeros(shape)
    np.add.at(seen, (of(sample.point), classes(sample.point, habit.steps)), sample.count)
    np.add.at(expected, (of(heaps), kind), mass)
    np.add.at(expected[:, 0], of(middle), rest)
    share = np.where(expected > 0, seen / np.maximum(expected, 1e-300), 0.0)
    mass *= share[of(heaps), kind]
    rest *= share[of(middle), 0]
    other = sample.without(classes(sample.point, habit.steps) > 0)
    others = _decimals(other, of(other.point), of(middle), shape[0], mixed=habit.mixed)
    pieces = Pieces(heaps, heaps, mass, np.full(heaps.size, sample.finest)).joined(
        _read(left, right, rest, others, sample.finest)
    )
    part = curve.part((pieces.left + pieces.right) / 2)
    total = np.bincount(part, weights=pieces.mass, minlength=curve.f.size - 1)
    scaled = pieces.mass / total[part] * np.diff(curve.f)[part]
    return replace(pieces, mass=scaled / scaled.sum())


def _multiples(steps: tuple[float, ...], low: float, high: float, half: float) -> Floats:
    """All multiples of the steps strictly within."""
    each = [s * np.arange(np.ceil(low / s), np.floor(high / s) + 1) for s in steps]
    every = np.sort(np.concatenate([np.empty(0), *each]))
    every = every[np.append(True, np.diff(every) > half)[: every.size]] + 0.0
    inside: Floats = every[(every > low) & (every < high)]
    return inside


def _gaps(sample: Sample, curve: Curve, heaps: Floats) -> tuple[Floats, Floats]:
    """Ends of the pieces that heaps and knots leave, those that hold a value."""
    x = curve.x
    steps = np.arange(1, BETWEEN) / BETWEEN
    inner = sample.between((x[:-1, None] + np.diff(x)[:, None] * steps).ravel())
    ends = np.concatenate([x, inner, heaps - sample.half, heaps + sample.half])
    ends = np.sort(ends[(ends >= x[0]) & (ends <= x[-1])])
    ends = ends[np.append(True, np.diff(ends) > sample.half)]
    left, right = ends[:-1], ends[1:]
    next_heap = np.append(heaps, np.inf)[np.searchsorted(heaps, left)]
    held = (next_heap >= right) & holds(left, right, sample.finest)
    return left[held], right[held]


def _decimals(sample: Sample, region: Ints, of_piece: Ints, regions: int, *, mixed: bool) -> Floats:
    """(pieces, decimals) shares of the numbers of decimals that values are recorded with."""
    shares = np.zeros((regions, sample.finest + 1))
    if mixed and sample.point.size:
        np.add.at(shares, (region, sample.decimals), sample.count)
    shares[:, -1] += shares.sum(1) == 0
    each: Floats = (shares / shares.sum(1, keepdims=True))[of_piece]
    return each


def _read(left: Floats, right: Floats, mass: Floats, shares: Floats, finest: int) -> Pieces:
    """Each piece cut in proportion to the decimals of its values, where every cut holds one."""
    upto = np.concatenate([np.zeros((left.size, 1)), np.cumsum(shares, 1)], 1)
    cut = left[:, None] + (right - left)[:, None] * upto
    cut[:, -1] = right
    digits = np.broadcast_to(np.arange(finest + 1), shares.shape)
    used = shares > 0
    whole = (holds(cut[:, :-1], cut[:, 1:], digits) | ~used).all(1)
    a, b, d = cut[:, :-1][whole], cut[:, 1:][whole], digits[whole]
    keep = used[whole]
    masses = (mass[whole, None] * shares[whole])[keep]
    rest = ~whole
    return Pieces(
        np.concatenate([a[keep], left[rest]]),
        np.concatenate([b[keep], right[rest]]),
        np.concatenate([masses, mass[rest]]),
        np.concatenate([d[keep], np.full(rest.sum(), finest)]),
    )
