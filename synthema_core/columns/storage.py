"""How numbers were stored: 1.2 in few bits is 1.19995117, 23,696 days in years are 64.876.

Programs save space by keeping less of a number than double precision does. SAS cuts off the last
bytes of a numeric variable of LENGTH 3 to 7 (13, 21, 29, … significant bits are left); half
precision, bfloat16 and quantized files round to the nearest. An export then writes what is left
with so many decimals or significant digits. Read as they stand, such numbers seem to have eight
decimals each; what was recorded is a decimal of one or two. A time in years or months was often
counted in days before, and only every third number of three decimals is a whole number of them.

A column in such a form is read as the numbers that were recorded, and what is drawn is stored as
the column was. Both are one to one, so a probability is the same on either side. The form is a few
numbers that describe a file format: it holds no value of a patient.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .marginal import decimals_of
from .pieces import DUST
from .smooth import USUAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .pieces import Bools, Floats, Ints

BITS = range(8, 41)  # significant bits, the leading one included, from bfloat16 upwards
SPARED = 2  # decimals or more that the form must explain away: by chance it fits 1 value in 100
LAST = 1e-15  # of a number: what the order of two operations may change
EVIDENCE = 10  # distinct values or more that have them
DOUBLE = 53  # significant bits of double precision: nothing was cut off
EXACT = 13  # decimals that no one rounds to
MOST = 2000  # distinct values that a form is recognized by
PER = (365.25, 365.0, 365.2425, 30.4375, 30.44, 30.0, 12.0, 7.0, 24.0)  # days a year, a month, …
ONE_IN = 2.0  # decimals or more for each whole number of a smaller unit


@dataclass(frozen=True, slots=True)
class Storage:
    """How decimals were stored and written.

    Attributes:
        bits: Significant bits that were kept.
        cut: Whether the others were cut off; else the number was rounded.
        decimals: Of the numbers that were recorded. What is so large that two of them would be
            stored alike is left as it is.
        places: Most decimals that a stored number is written with; -1 if all of them are.
        digits: Most significant digits that it is written with.
        per: Smaller units in one, whole numbers of which were recorded: 365.25 for days of a year.
            With 0 the decimals themselves were.
    """

    bits: int
    cut: bool
    decimals: int
    places: int = -1
    digits: int = 17
    per: float = 0.0

    @classmethod
    def of(cls, values: Floats) -> Storage | None:
        """The form of (n,) finite values; None if they are just decimals, or follow no form."""
        point, count = np.unique(values[values != 0], return_counts=True)
        if point.size < EVIDENCE:
            return None
        some = np.unique(np.linspace(0, point.size - 1, min(point.size, MOST)).astype(int))
        point, count = point[some], count[some]
        plain = _usual(decimals_of(point), count)
        if plain < SPARED:
            return None
        form = cls._of_bits(point, count, plain)
        decimals = min(_written_with(point, count)[0], EXACT)
        decimal = form or cls(DOUBLE, cut=False, decimals=decimals)
        units = (replace(decimal, per=per) for per in PER)
        return next((unit for unit in units if unit._counts(point, count)), form)

    @classmethod
    def _of_bits(cls, point: Floats, count: Ints, plain: int) -> Storage | None:
        """The fewest bits that hold distinct values, if they explain their decimals."""
        for places, digits in ((-1, 17), _written_with(point, count)):
            written = cls(DOUBLE, cut=False, decimals=0, places=places, digits=digits)
            grids = (replace(written, bits=bits) for bits in BITS)
            fewest = next((g for g in grids if _nearly_all(g._fits(point), count)), None)
            if fewest is None:
                continue
            for decimals in range(plain - SPARED + 1):
                for cut in (True, False):
                    form = replace(fewest, cut=cut, decimals=decimals)
                    if form._explains(point, count):
                        return form
        return None

    def read(self, stored: Floats) -> Floats:
        """(n,) numbers that were recorded; what none is stored as stays as it is."""
        near = self._nearest(stored)
        found = np.where(self._stored(near) == stored, near, stored)
        if not self.per:
            return found
        whole = np.rint(found * self.per)
        same = np.abs(self._decimal(whole) - found) <= LAST * np.abs(found)
        counted: Floats = np.where(same, whole, found * self.per)
        return counted

    def stored(self, recorded: Floats) -> Floats:
        """Undo `read`: (n,) numbers as they were stored and written."""
        return self._stored(self._decimal(recorded))

    def around(self, low: float, high: float) -> tuple[float, float]:
        """An interval that holds all decimals whose stored numbers lie between two numbers."""
        rounded = 0.5 * 10.0**-self.decimals if self.per else 0.0
        step = 2.0 ** (1 - self.bits) + 10.0**-self.places * (self.places >= 0) + rounded
        low, high = low - step * max(1.0, abs(low)), high + step * max(1.0, abs(high))
        return (low * self.per, high * self.per) if self.per else (low, high)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Storage:
        """Undo `to_dict`."""
        return cls(**data)

    def _fits(self, stored: Floats) -> Bools:
        """Which numbers have no more bits than were kept, whatever they were before."""
        fits: Bools = self._written(self._kept(stored)) == stored
        return fits

    def _explains(self, point: Floats, count: Ints) -> bool:
        """Whether nearly all patients' values are of this form, and not plain decimals anyhow."""
        fits = self._stored(self._nearest(point)) == point
        fits &= self._one_to_one(point)
        told = fits & (decimals_of(point) >= self.decimals + SPARED)
        return bool(told.sum() >= EVIDENCE) and _nearly_all(fits, count)

    def _counts(self, point: Floats, count: Ints) -> bool:
        """Whether nearly all patients' values are whole numbers of a smaller unit, by no chance."""
        if 10.0**self.decimals < ONE_IN * self.per:
            return False
        recorded = self.read(point)
        whole = recorded == np.rint(recorded)
        return int(whole.sum()) >= 2 * EVIDENCE and _nearly_all(whole, count)

    def _decimal(self, recorded: Floats) -> Floats:
        """Recorded numbers in the column's unit, whole ones rounded as its decimals are."""
        if not self.per:
            return recorded
        unit, exact = 10.0**self.decimals, recorded / self.per
        if self.decimals >= EXACT:
            return exact
        whole = recorded == np.rint(recorded)
        out: Floats = np.where(whole, np.rint(exact * unit) / unit, exact)
        return out

    def _stored(self, decimal: Floats) -> Floats:
        """Decimals as they were stored and written."""
        out: Floats = np.where(
            self._one_to_one(decimal), self._written(self._kept(decimal)), decimal
        )
        return out

    def _one_to_one(self, decimal: Floats) -> Bools:
        """Where two decimals are never stored alike."""
        low: Bools = np.abs(decimal) < 2.0 ** (self.bits - 1) * 10.0**-self.decimals
        return low

    def _nearest(self, stored: Floats) -> Floats:
        """The decimal that each number would be, if any was stored as it."""
        if self.bits == DOUBLE:
            return stored
        unit, size = 10.0**self.decimals, np.abs(stored)
        if self.cut:
            least = size - (0.5 * 10.0**-self.places if self.places >= 0 else 0.0)
            whole = np.ceil(least * unit - DUST)
        else:
            whole = np.rint(size * unit)
        near: Floats = np.copysign(whole / unit, stored) + 0.0
        return near

    def _kept(self, x: Floats) -> Floats:
        """The significant bits that were kept."""
        if self.bits == DOUBLE:
            return x
        fraction, exponent = np.frexp(x)
        whole = np.ldexp(fraction, self.bits)
        kept: Floats = np.ldexp(
            np.trunc(whole) if self.cut else np.rint(whole), exponent - self.bits
        )
        return kept

    def _written(self, x: Floats) -> Floats:
        """As an export writes it."""
        if self.places < 0:
            return x
        with np.errstate(divide="ignore"):
            leading = np.floor(np.log10(np.abs(x)))
        unit = 10.0 ** np.clip(self.digits - 1 - leading, 0, self.places)
        out: Floats = np.rint(x * unit) / unit
        return out


def _usual(each: Ints, count: Ints) -> int:
    """The largest that is not that of a few odd values."""
    order = np.argsort(each)
    beyond = count.sum() - np.cumsum(count[order])
    return int(each[order][np.searchsorted(-beyond, -USUAL * count.sum(), side="right")])


def _nearly_all(which: Bools, count: Ints) -> bool:
    return bool(count[which].sum() >= (1.0 - USUAL) * count.sum())


def _written_with(point: Floats, count: Ints) -> tuple[int, int]:
    """Most decimals that are usual, and most significant digits of what has no more."""
    text = [np.format_float_positional(abs(x), trim="-") for x in point]
    places = np.array([len(t.partition(".")[2]) for t in text])
    usual = _usual(places, count)
    digits = np.array([len(t.replace(".", "").lstrip("0")) for t in text])
    return usual, int(digits[places <= usual].max())
