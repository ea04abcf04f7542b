"""What every numeric kind shares: a marginal, and the states a value can be in.

A value is free (it has a cell of a curve), or it is in a *state*: missing, at an atom (a
sentinel, a detection limit) or tied to another column (event-free survival that equals overall
survival). States are levels of one discrete variable, so their probability is exact and no density
is pretended at an atom.

A number has one curve; the time of an endpoint may have one for each status, since times of deaths
and times of censoring have little in common: nobody is censored before the shortest follow-up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import caps, follow_up
from .caps import Cap
from .curve import Cells, Curve
from .marginal import Marginal
from .protected import OPEN, Protection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EDGE_ATOM = 0.1  # an extreme value held by this share of the rows is a limit, not a number
OWN_CURVE = 50  # free values that a status must have for a curve of its own


@dataclass(frozen=True, slots=True)
class Number:
    """The numeric half of a column. Values are float64, NaN where missing.

    Attributes:
        curves: Distributions of the free values.
        low: Smallest training value, sentinels aside: 0 on the scale of distances. Where tails are
            fitted, where the distribution begins.
        high: Largest training value: 1 on the scale of distances; or where it ends.
        missing: Whether training values were missing.
        atoms: Values that are states of their own: sentinels first, then limits.
        sentinels: Those atoms that do not measure anything; a distance reads them as missing.
        ties: Columns this one often equals, in order of preference.
        protection: What is kept back of the training values.
        curve_of: Curve of each level of the endpoint's status; empty if there is one curve.
    """

    curves: tuple[Curve, ...]
    low: float
    high: float
    missing: bool
    atoms: tuple[float, ...]
    sentinels: tuple[float, ...]
    ties: tuple[str, ...] = ()
    protection: Protection = OPEN
    curve_of: tuple[int, ...] = ()

    @classmethod
    def fit(
        cls,
        values: Floats,
        *,
        sentinels: tuple[float, ...] = (),
        protection: Protection = OPEN,
    ) -> Number:
        """Fit to training values; at least one must be neither missing nor a sentinel."""
        missing = np.isnan(values)
        used = tuple(s for s in sentinels if (values == s).any())
        measured = values[~missing & ~np.isin(values, used)]
        low, high = float(measured.min()), float(measured.max())
        limits = tuple(
            edge
            for edge in sorted({low, high})
            if (measured == edge).mean() >= EDGE_ATOM
            and (measured == edge).sum() >= protection.min_count
            and (measured != edge).any()
            and low < high
        )
        free = measured[~np.isin(measured, limits)]
        if free.size < 2:
            free, limits = measured, ()
        marginal = Marginal.fit(free, protection)
        if protection != OPEN:
            low = float(min(marginal.left[0], *limits, np.inf))
            high = float(max(marginal.right[-1], *limits, -np.inf))
        return cls(
            (Curve(marginal),),
            low,
            high,
            bool(missing.any()),
            used + limits,
            used,
            protection=protection,
        )

    def tied(self, columns: tuple[str, ...], free: Floats) -> Number:
        """The same number with these ties, and the curve of the values that stay free."""
        curves = (Curve(Marginal.fit(free, self.protection)),) if free.size else self.curves
        return replace(self, ties=columns, curves=curves)

    def capped(self, column: str, values: Floats, bounds: Floats) -> Number:
        """The same number bounded by a column, learned from free values and their bounds."""
        if values.size < caps.MIN_VALUES:
            return self
        (curve,) = self.curves
        cap = Cap.fit(column, curve.marginal, values, bounds)
        return replace(self, curves=(replace(curve, cap=cap),))

    def by_status(
        self,
        status: NDArray[np.int32],
        levels: int,
        values: Floats,
        bounds: Floats | None,
        entries: Mapping[str, tuple[Floats, float]],
    ) -> Number:
        """The same number with a curve for each status that enough patients have.

        Args:
            status: (n,) level of each free value, -1 where unseen.
            levels: Number of levels.
            values: (n,) free training values.
            bounds: (n,) values of the bounding column, if there is one.
            entries: (n,) values of columns that may say when patients came, and the days in a unit
                of each. Where no column bounds the number, the end of follow-up may.
        """
        group = _groups(np.bincount(status[status >= 0], minlength=levels))
        if not group.any():
            return self
        (whole,) = self.curves
        owner, curves = group[status], []
        owner[status < 0] = 0
        found = follow_up.find(values, owner, entries) if bounds is None else None
        for k in range(int(group.max()) + 1):
            own = owner == k
            if found:
                until, sharp = found
                came, _ = entries[until.column]
                curve = Curve.followed_up(
                    values[own], came[own], until, self.protection, counted_back=k in sharp
                )
                curves.append(curve)
                continue
            marginal, cap = Marginal.fit(values[own], self.protection), whole.cap
            if cap is not None and bounds is not None:
                cap = Cap.fit(cap.column, marginal, values[own], bounds[own])
            curves.append(Curve(marginal, cap))
        return replace(self, curves=tuple(curves), curve_of=tuple(group.tolist()))

    @property
    def cap(self) -> Cap | None:
        """How free values lie below another column; the same column whatever the curve."""
        return self.curves[0].cap

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns whose values must be known before this one's."""
        return (*self.ties, self.cap.column) if self.cap else self.ties

    def curve(self, status: NDArray[np.int32] | None, n: int) -> NDArray[np.int64]:
        """Curve of each of n rows from its status; the first where that was never seen."""
        if not self.curve_of or status is None:
            return np.zeros(n, np.int64)
        return np.where(status < 0, 0, np.asarray(self.curve_of)[status])

    def admitted(self, curve: int) -> tuple[int, ...]:
        """Levels of the status at which a curve is used; empty if at any."""
        return tuple(level for level, k in enumerate(self.curve_of) if k == curve)

    @property
    def levels(self) -> int:
        """How many states there are, the free one first; 0 if a value is always free."""
        extra = self.missing + len(self.atoms) + len(self.ties)
        return 1 + extra if extra else 0

    def rows(self, values: Floats) -> Floats:
        """Values on the scale of distances: 0 to 1 over the training range.

        Missing and sentinels are NaN.
        """
        spread = self.high - self.low
        scaled = (values - self.low) / (spread if spread > 0 else 1.0)
        return np.where(np.isin(values, self.sentinels), np.nan, scaled)

    def states(self, values: Floats, others: Mapping[str, Floats]) -> NDArray[np.int32]:
        """State of each value: 0 free, then missing, atoms and ties.

        Missing is -1 where nothing was missing in training.
        """
        state = np.zeros(values.size, np.int32)
        code = 1 + self.missing + len(self.atoms)
        for place in reversed(range(len(self.ties))):
            state[values == others[self.ties[place]]] = code + place
        for place, atom in enumerate(self.atoms):
            state[values == atom] = 1 + self.missing + place
        state[np.isnan(values)] = 1 if self.missing else -1
        return state

    def cells(
        self,
        values: Floats,
        state: NDArray[np.int32],
        others: Mapping[str, Floats],
        curve: NDArray[np.int64],
    ) -> list[Cells]:
        """Where free values lie on the normal scale of each curve; ignored where not present.

        Every free value has a cell of every curve, so that a time is known whatever the status.
        """
        free = state == 0
        safe = np.where(free, values, self.low)
        return [c.cells(safe, others, free & (curve == k)) for k, c in enumerate(self.curves)]

    def values(
        self,
        state: NDArray[np.int32],
        z: Floats,
        others: Mapping[str, Floats],
        curve: NDArray[np.int64],
    ) -> Floats:
        """Undo `states` and `cells`: values from states and (curves, n) points of normal scales."""
        out = self.curves[0].at(z[0], others)
        for k, other in enumerate(self.curves[1:], 1):
            own = curve == k
            out[own] = other.at(z[k], others)[own]
        if self.missing:
            out[state == 1] = np.nan
        for place, atom in enumerate(self.atoms):
            out[state == 1 + self.missing + place] = atom
        for place, name in enumerate(self.ties):
            tied = state == 1 + self.missing + len(self.atoms) + place
            out[tied] = others[name][tied]
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers; `from_dict` undoes it exactly."""
        return {
            "curves": [curve.to_dict() for curve in self.curves],
            "low": self.low,
            "high": self.high,
            "missing": self.missing,
            "atoms": list(self.atoms),
            "sentinels": list(self.sentinels),
            "ties": list(self.ties),
            "protection": self.protection.to_dict(),
            "curve_of": list(self.curve_of),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Number:
        """Undo `to_dict`."""
        return cls(
            curves=tuple(map(Curve.from_dict, data["curves"])),
            low=float(data["low"]),
            high=float(data["high"]),
            missing=bool(data["missing"]),
            atoms=tuple(data["atoms"]),
            sentinels=tuple(data["sentinels"]),
            ties=tuple(data["ties"]),
            protection=Protection(**data["protection"]),
            curve_of=tuple(data["curve_of"]),
        )


def _groups(count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Curve of each level: its own if many rows have it; others share one, or join the fullest."""
    own = np.flatnonzero(count >= OWN_CURVE)
    group = np.full(count.size, own.size)
    group[own] = np.arange(own.size)
    rest = group == own.size
    if not own.size:
        group[:] = 0
    elif count[rest].sum() < OWN_CURVE:
        group[rest] = int(count[own].argmax())
    return group
