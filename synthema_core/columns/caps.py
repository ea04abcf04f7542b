"""Columns that a rule bounds from above by another one: event-free survival by survival.

A bounded value is read as a share of the mass that its bound leaves it, so whatever is drawn stays
below the bound, no draw is refused, and the bounding column keeps its own distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rules import Ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..rules import Rule
    from .marginal import Marginal
    from .number import Floats

MIN_VALUES = 20  # free values that a bound is learned from
MAX_KNOTS = 32


@dataclass(frozen=True, slots=True)
class Cap:
    """How a number lies below another column.

    Attributes:
        column: The bounding column; it bounds nothing where it is missing.
        x: (knots,) shares of the mass below the bound, from 0 to 1.
        f: (knots,) distribution function of the training shares there.
    """

    column: str
    x: Floats
    f: Floats

    @classmethod
    def fit(cls, column: str, marginal: Marginal, values: Floats, bounds: Floats) -> Cap:
        """Learn from (n,) free training values and their bounds, NaN where there is none."""
        low, high = _shares(marginal, values, bounds)
        f = np.linspace(0.0, 1.0, int(np.clip(values.size // MIN_VALUES, 1, MAX_KNOTS)) + 1)
        x = np.concatenate([[0.0], np.quantile((low + high) / 2, f[1:-1]), [1.0]])
        keep = np.concatenate([[True], (np.diff(x) > 1e-9)[:-1], [True]])
        keep &= np.append(x[:-1] < 1.0 - 1e-9, True)
        return cls(column, x[keep], f[keep])

    def edges(self, marginal: Marginal, values: Floats, bounds: Floats) -> tuple[Floats, Floats]:
        """Distribution function at either edge of the cell of each value, given its bound."""
        low, high = _shares(marginal, values, bounds)
        return np.interp(low, self.x, self.f), np.interp(high, self.x, self.f)

    def at(self, marginal: Marginal, u: Floats, bounds: Floats) -> Floats:
        """Undo `edges`: value read where the distribution function is `u`."""
        return marginal.quantile(np.interp(u, self.f, self.x) * _room(marginal, bounds))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it exactly."""
        return {"column": self.column, "x": self.x.tolist(), "f": self.f.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cap:
        """Undo `to_dict`."""
        return cls(data["column"], np.asarray(data["x"], float), np.asarray(data["f"], float))


def find(rules: Iterable[Rule], family: Mapping[str, object]) -> dict[str, str]:
    """The first column that a rule puts at or above each number, without going in circles.

    Args:
        rules: Rules of the schema.
        family: Of each number; only columns of the same family are compared.
    """
    out: dict[str, str] = {}
    for rule in rules:
        if not isinstance(rule, Ordered):
            continue
        for low, high in pairwise(rule.order):
            chain = [high]
            while chain[-1] in out:
                chain.append(out[chain[-1]])
            alike = low in family and family.get(high) == family[low]
            if alike and low not in chain:
                out.setdefault(low, high)
    return out


def _room(marginal: Marginal, bounds: Floats) -> Floats:
    """Mass that each bound leaves, all of it where the bound is missing."""
    room: Floats = np.where(np.isnan(bounds), 1.0, marginal.upto(np.nan_to_num(bounds)))
    return room


def _shares(marginal: Marginal, values: Floats, bounds: Floats) -> tuple[Floats, Floats]:
    """Edges of the cell of each value as shares of the mass that its bound leaves.

    A value above its bound is read as the last one below it.
    """
    room = _room(marginal, bounds)
    low, high = marginal.edges(values)
    last, _ = marginal.edges(marginal.quantile(room * (1.0 - 1e-9)))
    return np.minimum(low, last) / room, np.minimum(high, room) / room
