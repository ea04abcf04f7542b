"""Numbers that a file keeps in fewer bits than double precision has.

SAS cuts off the last bytes of a numeric variable of LENGTH 3 or 4 (13 or 21 significant bits are
left); half precision, bfloat16 and quantized files round to the nearest. An export then writes what
is left with so many decimals or significant digits: 1.2 comes back as 1.19995117. Where more bits
were kept than in single precision, what is lost is dust (`pieces.decimals_of`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .pieces import decimals_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .pieces import Bools, Floats, Ints

DOUBLE = 53  # significant bits of double precision: nothing is lost
FEW = range(8, 25)  # from bfloat16 to single precision
RARE = 0.01  # share of patients whose values may be of another form
SPARED = 2  # decimals or more that a form must explain away: by chance it fits 1 value in 100
EVIDENCE = 10  # distinct values or more that have them
MOST = 2000  # distinct values that a form is recognized by
ZERO = 1e-9  # half the width of the cell of zero, which is exact in any bits


@dataclass(frozen=True, slots=True)
class Bits:
    """How numbers were kept and written.

    Attributes:
        bits: Significant bits that were kept.
        cut: Whether the others were cut off; else the number was rounded.
        places: Most decimals that a kept number is written with; -1 if all of them are.
        digits: Most significant digits that it is written with.
    """

    bits: int = DOUBLE
    cut: bool = False
    places: int = -1
    digits: int = 17

    @classmethod
    def grid_of(cls, values: Floats) -> Bits | None:
        """The fewest bits that hold (n,) finite values, where decimals would need far more.

        A ratio that went through few bits is no decimal, yet it is a multiple of 1/16, say.
        """
        point, count = distinct(values)
        decimals = decimals_of(point)
        finest = usual(decimals, count)
        if finest < SPARED or np.sum(decimals >= SPARED) < EVIDENCE:
            return None
        for grid in cls.candidates(point, count):
            first, after = grid.span(point)
            if nearly_all(after - first >= 10.0 ** (SPARED - finest), count):
                return grid
        return None

    @classmethod
    def candidates(cls, point: Floats, count: Ints) -> Iterator[Bits]:
        """The fewest bits that hold distinct values: all of a number, or what is written of it."""
        for places, digits in ((-1, 17), written_with(point, count)):
            grids = (cls(bits, places=places, digits=digits) for bits in FEW)
            yield from [g for g in grids if nearly_all(g.stored(point) == point, count)][:1]

    def stored(self, x: Floats) -> Floats:
        """(n,) numbers as they are kept and written."""
        return self._written(self._kept(x))

    def span(self, stored: Floats) -> tuple[Floats, Floats]:
        """The first number that is rounded to each of (n,) kept ones, and the first after."""
        kept = replace(self, cut=False)._kept(stored)
        fraction, exponent = np.frexp(kept)
        half = np.where(kept == 0, ZERO, np.ldexp(0.5, exponent - self.bits))
        below = np.where(fraction == 0.5, half / 2, half)  # toward zero, numbers lie closer
        above = np.where(fraction == -0.5, half / 2, half)
        return kept - below, kept + above

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Bits:
        """Undo `to_dict`."""
        return cls(**data)

    def _kept(self, x: Floats) -> Floats:
        if self.bits == DOUBLE:
            return x
        fraction, exponent = np.frexp(x)
        whole = np.ldexp(fraction, self.bits)
        whole = np.trunc(whole) if self.cut else np.floor(whole + 0.5)
        kept: Floats = np.ldexp(whole, exponent - self.bits)
        return kept

    def _written(self, x: Floats) -> Floats:
        if self.places < 0:
            return x
        with np.errstate(divide="ignore"):
            leading = np.floor(np.log10(np.abs(x)))
        unit = 10.0 ** np.clip(self.digits - 1 - leading, 0, self.places)
        written: Floats = np.rint(x * unit) / unit
        return written


def distinct(values: Floats) -> tuple[Floats, Ints]:
    """Distinct values but zero, at most so many, and how often each occurs."""
    point, count = np.unique(values[values != 0], return_counts=True)
    some = np.unique(np.linspace(0, point.size - 1, min(point.size, MOST)).astype(int))
    return point[some], count[some]


def usual(each: Ints, count: Ints) -> int:
    """The largest that is not that of a few odd values; 0 of none."""
    order = np.argsort(each)
    beyond = count.sum() - np.cumsum(count[order])
    return int(each[order][np.argmax(beyond <= RARE * count.sum())]) if each.size else 0


def nearly_all(which: Bools, count: Ints) -> bool:
    """Whether so many patients hold one of these distinct values."""
    return bool(count[which].sum() >= (1.0 - RARE) * count.sum())


def written_with(point: Floats, count: Ints) -> tuple[int, int]:
    """Most decimals that are usual, and most significant digits of what has no more."""
    text = [np.format_float_positional(abs(x), trim="-") for x in point]
    places = np.array([len(t.partition(".")[2]) for t in text])
    most = usual(places, count)
    digits = np.array([len(t.replace(".", "").lstrip("0")) for t in text])
    return most, int(digits[places <= most].max())
