"""Pieces of a distribution: where its mass lies, at which decimals it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

DUST = 1e-6  # of a unit of the last decimal: what arithmetic may add to a number read at it
MAX_DECIMALS = 12
LEAST_MASS = 1e-12  # below which a piece is none, and of a value that cannot be drawn


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of uniform density, ascending; a piece of no length is an atom."""

    left: Floats
    right: Floats
    mass: Floats
    decimals: Ints

    def sorted(self) -> Pieces:
        """Ascending, those with mass that a distribution function can show."""
        order = np.lexsort((self.right, self.left))
        order = order[self.mass[order] > LEAST_MASS * self.mass.sum()]
        return Pieces(*(getattr(self, name)[order] for name in self.__slots__))

    def only(self, which: Bools) -> Pieces:
        """Some of them."""
        return Pieces(*(getattr(self, name)[which] for name in self.__slots__))

    def without(self, low: float, high: float) -> Pieces:
        """Nothing strictly between two ends; what is left of a piece keeps its density."""
        atom = self.left == self.right
        hit = (self.left < high) & (self.right > low)
        kept = self.only(~hit)
        width = np.where(atom, 1.0, self.right - self.left)
        for a, b in (
            (self.left, np.minimum(self.right, low)),
            (np.maximum(self.left, high), self.right),
        ):
            part = hit & ~atom & holds(a, b, self.decimals)
            mass = self.mass * (b - a) / width
            kept = kept.joined(Pieces(a[part], b[part], mass[part], self.decimals[part]))
        return kept

    def joined(self, other: Pieces) -> Pieces:
        """Both, ascending."""
        parts = [
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__slots__
        ]
        return Pieces(*parts).sorted()


def holds(left: Floats | float, right: Floats | float, decimals: Ints | int) -> Bools:
    """Whether a piece holds a value of so many decimals."""
    unit = 10.0 ** np.asarray(decimals, np.float64)
    held: Bools = np.ceil(left * unit - DUST) < np.ceil(right * unit - DUST)
    return held


def decimals_of(values: Floats) -> Ints:
    """How many decimals each value was recorded with; single-precision dust is not counted."""
    out = np.full(values.shape, MAX_DECIMALS, np.int64)
    for decimals in reversed(range(MAX_DECIMALS)):
        dust = 5e-8 * np.abs(values)
        out[np.abs(values - np.round(values, decimals)) <= dust] = decimals
    return out
