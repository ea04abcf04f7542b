"""How few numbers describe a column: the search for its curve, its habits and its spikes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from .pieces import LEAST_MASS, Pieces
from .smooth import Curve, Habit, Sample, describe, possible_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .pieces import Bools, Floats

    MassOf = Callable[[Pieces, Floats], Floats]

PARTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # between the tails, to choose from
REGIONS = (1, 2, 4)
COST = 2.0  # in nats, of every number that describes a column: twice Akaike's
TURNS = 4  # of spikes taken out and the rest described anew
SURPRISE = 4.0  # a spike's deviance beyond that of the most frequent of so many values by chance


def fit(sample: Sample, mass_of: MassOf) -> tuple[Pieces, Curve]:
    """Describe a sample with as few numbers as the data allow.

    Args:
        sample: At least one value.
        mass_of: Mass that pieces give to each of (m,) values.

    Returns:
        The pieces, spikes among them as atoms, and the curve below all but the spikes.
    """
    spike = np.zeros(sample.point.size, bool)
    for _ in range(TURNS):
        rest = sample.without(spike)
        pieces, curve = _Search(rest, mass_of).run()
        if rest.point.size < 2:
            break
        expected = rest.n * np.maximum(mass_of(pieces, rest.point), LEAST_MASS)
        deviance = 2.0 * (rest.count * np.log(rest.count / expected) - rest.count + expected)
        odd = (deviance > 2.0 * np.log(rest.n) + SURPRISE) & (rest.count > expected)
        odd &= rest.count >= sample.least
        if not odd.any() or odd.sum() > rest.point.size - 2:
            break
        spike[np.flatnonzero(~spike)[odd]] = True
    if spike.any():
        pieces = _with_spikes(sample, pieces, spike)
    return pieces, curve


@dataclass(slots=True)
class _Search:
    """The best curve and habit of a sample by the criterion, each in turn given the other."""

    sample: Sample
    mass_of: MassOf
    parts: int = 4
    habit: Habit = field(default_factory=Habit)
    curves: dict[int, Curve] = field(default_factory=dict)

    @property
    def kinds(self) -> int:
        """How many different numbers of decimals there are."""
        return int(np.count_nonzero(np.bincount(self.sample.decimals)))

    def run(self) -> tuple[Pieces, Curve]:
        sizes = [p for p in PARTS if p * 2 * self.sample.least <= self.sample.n or p <= self.parts]
        best, before = self._score(self.parts, self.habit), -np.inf
        while best > before:
            before = best
            best = self._improve_habit(best)
            best, self.parts = max((self._score(p, self.habit), p) for p in sizes)
        curve = self.curves[self.parts]
        return describe(self.sample, curve, self.habit), curve

    def _score(self, parts: int, habit: Habit) -> float:
        sample = self.sample
        if parts not in self.curves:
            self.curves[parts] = Curve.fit(sample, parts)
        curve = self.curves[parts]
        mass = self.mass_of(describe(sample, curve, habit), sample.point)
        likely = float((sample.count * np.log(np.maximum(mass, LEAST_MASS))).sum())
        return likely - COST * (curve.x.size - 2 + habit.numbers(self.kinds))

    def _improve_habit(self, best: float) -> float:
        """One change after another, the best first, while any is a gain."""
        while True:
            changes = list(self._changes())
            scores = [self._score(self.parts, habit) for habit in changes]
            if not scores or max(scores) <= best:
                return best
            best = max(scores)
            self.habit = changes[scores.index(best)]

    def _changes(self) -> Iterator[Habit]:
        habit, have = self.habit, set(self.habit.steps)
        for step in possible_steps(self.sample):
            yield replace(habit, steps=tuple(sorted(have ^ {step})))
        for regions in REGIONS:
            if regions != habit.regions and (habit.steps or habit.mixed):
                yield replace(habit, regions=regions)
        if self.kinds > 1:
            yield replace(habit, mixed=not habit.mixed)


def _with_spikes(sample: Sample, pieces: Pieces, spike: Bools) -> Pieces:
    """Spikes as atoms with their own mass, cut out of the pieces that hold them."""
    point, half = sample.point[spike], sample.half
    share = sample.count[spike] / sample.n
    spikes = Pieces(point, point, share, np.full(point.size, sample.finest))
    for at in point:
        pieces = pieces.without(at - half, at + half)
    if not pieces.mass.size:
        return spikes
    return replace(pieces, mass=pieces.mass / pieces.mass.sum() * (1.0 - share.sum())).joined(
        spikes
    )
