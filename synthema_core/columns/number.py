"""What every numeric kind shares: a marginal, and the states a value can be in.

A value is free (it has a cell of the marginal), or it is in a *state*: missing, at an atom (a
sentinel, a detection limit) or tied to another column (event-free survival that equals overall
survival). States are levels of one discrete variable, so their probability is exact and no density
is pretended at an atom.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import caps
from .caps import Cap
from .marginal import Marginal, normal_cells
from .normal import ndtr
from .protected import OPEN, Protection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EDGE_ATOM = 0.1  # an extreme value held by this share of the rows is a limit, not a number


@dataclass(frozen=True, slots=True)
class Cells:
    """Where numbers lie on the normal scale; see `synthema_kernels.flows.MixedRows`. All (n,)."""

    z: Floats
    low: Floats
    high: Floats
    log_width: Floats
    present: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Number:
    """The numeric half of a column. Values are float64, NaN where missing.

    Attributes:
        marginal: Distribution of the free values.
        low: Smallest training value, sentinels aside: 0 on the scale of distances. Where tails are
            fitted, where the distribution begins.
        high: Largest training value: 1 on the scale of distances; or where it ends.
        missing: Whether training values were missing.
        atoms: Values that are states of their own: sentinels first, then limits.
        sentinels: Those atoms that do not measure anything; a distance reads them as missing.
        ties: Columns this one often equals, in order of preference.
        cap: How the free values lie below another column, if a rule says that they must.
        protection: What is kept back of the training values.
    """

    marginal: Marginal
    low: float
    high: float
    missing: bool
    atoms: tuple[float, ...]
    sentinels: tuple[float, ...]
    ties: tuple[str, ...] = ()
    cap: Cap | None = None
    protection: Protection = OPEN

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
            marginal,
            low,
            high,
            bool(missing.any()),
            used + limits,
            used,
            protection=protection,
        )

    def tied(self, columns: tuple[str, ...], free: Floats) -> Number:
        """The same number with these ties, and the marginal of the values that stay free."""
        marginal = Marginal.fit(free, self.protection) if free.size else self.marginal
        return replace(self, ties=columns, marginal=marginal)

    def capped(self, column: str, values: Floats, bounds: Floats) -> Number:
        """The same number bounded by a column, learned from free values and their bounds."""
        if values.size < caps.MIN_VALUES:
            return self
        return replace(self, cap=Cap.fit(column, self.marginal, values, bounds))

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns whose values must be known before this one's."""
        return (*self.ties, self.cap.column) if self.cap else self.ties

    def wide(self) -> tuple[Floats, Floats, Floats]:
        """Cells to snap to while drawing; none below a cap, where they move with the bound."""
        return (np.empty(0),) * 3 if self.cap else self.marginal.wide()

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
        self, values: Floats, state: NDArray[np.int32], others: Mapping[str, Floats]
    ) -> Cells:
        """Where the free values lie on the normal scale; finite and ignored elsewhere."""
        present = state == 0
        safe = np.where(present, values, self.low)
        if self.cap is None:
            edges = self.marginal.edges(safe)
        else:
            edges = self.cap.edges(self.marginal, safe, others[self.cap.column])
        return Cells(*normal_cells(*edges), present)

    def values(self, state: NDArray[np.int32], z: Floats, others: Mapping[str, Floats]) -> Floats:
        """Undo `states` and `cells`: values from states and points of the normal scale."""
        if self.cap is None:
            out = self.marginal.at(z)
        else:
            out = self.cap.at(self.marginal, ndtr(z), others[self.cap.column])
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
            "marginal": self.marginal.to_dict(),
            "low": self.low,
            "high": self.high,
            "missing": self.missing,
            "atoms": list(self.atoms),
            "sentinels": list(self.sentinels),
            "ties": list(self.ties),
            "cap": self.cap and self.cap.to_dict(),
            "protection": self.protection.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Number:
        """Undo `to_dict`."""
        return cls(
            marginal=Marginal.from_dict(data["marginal"]),
            low=float(data["low"]),
            high=float(data["high"]),
            missing=bool(data["missing"]),
            atoms=tuple(data["atoms"]),
            sentinels=tuple(data["sentinels"]),
            ties=tuple(data["ties"]),
            cap=Cap.from_dict(data["cap"]) if data["cap"] else None,
            protection=Protection(**data["protection"]),
        )
