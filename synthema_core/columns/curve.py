"""How the free values of a number lie: a distribution, below another column if one bounds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .caps import Cap
from .follow_up import FollowUp
from .marginal import Marginal, normal_cells
from .normal import ndtr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .protected import Protection

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Where numbers lie on the normal scale; see `synthema_kernels.flows.MixedRows`. All (n,)."""

    z: Floats
    low: Floats
    high: Floats
    log_width: Floats
    present: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Curve:
    """A distribution of free values.

    Attributes:
        marginal: The distribution.
        cap: How the values lie below another column, if a rule says that they must.
        follow_up: What bounds them in place of the cap's column: the end of follow-up, from that
            column on.
        counted_back: Whether the distribution is that of what is left until then.
    """

    marginal: Marginal
    cap: Cap | None = None
    follow_up: FollowUp | None = None
    counted_back: bool = False

    @classmethod
    def followed_up(
        cls,
        values: Floats,
        entries: Floats,
        follow_up: FollowUp,
        protection: Protection,
        *,
        counted_back: bool,
    ) -> Curve:
        """The curve of (n,) times whose bound follows from when patients came."""
        bounds = follow_up.bounds(entries)
        if counted_back:
            values, bounds = follow_up.left(values, bounds), bounds - follow_up.least
        marginal = Marginal.fit(values, protection)
        cap = Cap.fit(follow_up.column, marginal, values, bounds)
        return cls(marginal, cap, follow_up, counted_back)

    def bounds(self, others: Mapping[str, Floats]) -> Floats:
        """(n,) what the values lie at or below, NaN where nothing bounds them."""
        if self.cap is None:
            return np.full(1, np.nan)
        bounds = others[self.cap.column]
        return self.follow_up.bounds(bounds) if self.follow_up else bounds

    def cells(
        self, values: Floats, others: Mapping[str, Floats], present: NDArray[np.bool_]
    ) -> Cells:
        """Cell of each value on the normal scale."""
        if self.cap is None:
            return Cells(*normal_cells(*self.marginal.edges(values)), present)
        bounds = self.bounds(others)
        if self.follow_up and self.counted_back:
            values = self.follow_up.left(values, bounds)
            bounds = bounds - self.follow_up.least
        return Cells(*normal_cells(*self.cap.edges(self.marginal, values, bounds)), present)

    def at(self, z: Floats, others: Mapping[str, Floats]) -> Floats:
        """Undo `cells`: value read at a point of the normal scale."""
        if self.cap is None:
            return self.marginal.at(z)
        bounds = self.bounds(others)
        if self.follow_up is None or not self.counted_back:
            return self.cap.at(self.marginal, ndtr(z), bounds)
        left = self.cap.at(self.marginal, ndtr(z), bounds - self.follow_up.least)
        return self.follow_up.times(left, bounds)

    def wide(self) -> tuple[Floats, Floats, Floats]:
        """Cells to snap to while drawing; none below a cap, where they move with the bound."""
        return (np.empty(0),) * 3 if self.cap else self.marginal.wide()

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it exactly."""
        out: dict[str, Any] = {"marginal": self.marginal.to_dict()}
        out["cap"] = self.cap and self.cap.to_dict()
        if self.follow_up:
            out |= {"follow_up": self.follow_up.to_dict(), "counted_back": self.counted_back}
        return out

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Curve:
        """Undo `to_dict`."""
        cap = Cap.from_dict(data["cap"]) if data["cap"] else None
        follow_up = FollowUp(**data["follow_up"]) if "follow_up" in data else None
        back = bool(data.get("counted_back", False))
        return cls(Marginal.from_dict(data["marginal"]), cap, follow_up, back)
