"""How the free values of a number lie: a distribution, below another column if a rule says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .caps import Cap
from .marginal import Marginal, normal_cells
from .normal import ndtr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

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
    """

    marginal: Marginal
    cap: Cap | None = None

    def cells(
        self, values: Floats, others: Mapping[str, Floats], present: NDArray[np.bool_]
    ) -> Cells:
        """Cell of each value on the normal scale."""
        if self.cap is None:
            edges = self.marginal.edges(values)
        else:
            edges = self.cap.edges(self.marginal, values, others[self.cap.column])
        return Cells(*normal_cells(*edges), present)

    def at(self, z: Floats, others: Mapping[str, Floats]) -> Floats:
        """Undo `cells`: value read at a point of the normal scale."""
        if self.cap is None:
            return self.marginal.at(z)
        return self.cap.at(self.marginal, ndtr(z), others[self.cap.column])

    def wide(self) -> tuple[Floats, Floats, Floats]:
        """Cells to snap to while drawing; none below a cap, where they move with the bound."""
        return (np.empty(0),) * 3 if self.cap else self.marginal.wide()

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it exactly."""
        return {"marginal": self.marginal.to_dict(), "cap": self.cap and self.cap.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Curve:
        """Undo `to_dict`."""
        cap = Cap.from_dict(data["cap"]) if data["cap"] else None
        return cls(Marginal.from_dict(data["marginal"]), cap)
