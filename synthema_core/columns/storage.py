"""How numbers were stored: 1.2 in few bits is 1.19995117, 23,696 days in years are 64.876.

Read as they stand, decimals that a file kept in few bits (see `bits`) seem to have eight decimals
each; what was recorded is a decimal of one or two. A time in years or months was often counted in
days before, and only every third number of three decimals is a whole number of them.

A column in such a form is read as the numbers that were recorded, and what is drawn is stored as
the column was. Both are one to one, so a probability is the same on either side. The form is a few
numbers that describe a file format: it holds no value of a patient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .bits import DOUBLE, EVIDENCE, SPARED, Bits, distinct, nearly_all, usual, written_with
from .pieces import DUST, decimals_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .pieces import Bools, Floats, Ints

EXACT = 13  # decimals that no one rounds to
LAST = 1e-15  # of a number: what the order of two operations may change
PER = (365.25, 365.0, 365.2425, 30.4375, 30.44, 30.0, 12.0, 7.0, 24.0)  # days a year, a month, …
MOST_IN = 60  # of a unit in a larger one that is tried
ONE_IN = 2.0  # decimals or more for each whole number of a smaller unit


@dataclass(frozen=True, slots=True)
class Storage:
    """How recorded numbers were stored.

    Attributes:
        bits: How many bits were kept, and how they were written.
        decimals: Of the numbers that were kept. What is so large that two of them would be stored
            alike is left as it is.
        per: Smaller units in one, whole numbers of which were recorded: 365.25 for days of a year.
            With 0 the decimals themselves were.
    """

    bits: Bits
    decimals: int
    per: float = 0.0

    @classmethod
    def of(cls, values: Floats) -> Storage | None:
        """The form of (n,) finite values; None if they are just decimals, or follow no form."""
        point, count = distinct(values)
        plain = usual(decimals_of(point), count)
        if plain < SPARED:
            return None
        form = cls._of_bits(point, count, plain)
        decimal = form or cls(Bits(), min(written_with(point, count)[0], EXACT))
        units = (replace(decimal, per=per) for per in PER)
        found = next((unit for unit in units if unit._counts(point, count)), None)
        return found._coarsest(point, count) if found else form

    @classmethod
    def _of_bits(cls, point: Floats, count: Ints, plain: int) -> Storage | None:
        """Decimals in few bits, if these explain most decimals of the values as they stand."""
        for fewest in Bits.candidates(point, count):
            for decimals in range(plain - SPARED + 1):
                for cut in (True, False):
                    form = cls(replace(fewest, cut=cut), decimals)
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
        """An interval that holds all recorded numbers that are stored between two."""
        step = 2.0 ** (1 - self.bits.bits)
        step += 10.0**-self.bits.places if self.bits.places >= 0 else 0.0
        step += 10.0**-self.decimals if self.per else 0.0
        low, high = low - step * max(1.0, abs(low)), high + step * max(1.0, abs(high))
        return (low * self.per, high * self.per) if self.per else (low, high)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        return {"bits": self.bits.to_dict(), "decimals": self.decimals, "per": self.per}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Storage:
        """Undo `to_dict`."""
        return cls(Bits.from_dict(data["bits"]), int(data["decimals"]), float(data["per"]))

    def _explains(self, point: Floats, count: Ints) -> bool:
        """Whether nearly all patients' values are of this form, and not plain decimals anyhow."""
        fits = (self._stored(self._nearest(point)) == point) & self._one_to_one(point)
        told = fits & (decimals_of(point) >= self.decimals + SPARED)
        return bool(told.sum() >= EVIDENCE) and nearly_all(fits, count)

    def _counts(self, point: Floats, count: Ints) -> bool:
        """Whether nearly all patients' values are whole numbers of a smaller unit, by no chance."""
        if 10.0**self.decimals < ONE_IN * self.per:
            return False
        recorded = self.read(point)
        whole = recorded == np.rint(recorded)
        return int(whole.sum()) >= 2 * EVIDENCE and nearly_all(whole, count)

    def _coarsest(self, point: Floats, count: Ints) -> Storage:
        """The same in the largest unit that leaves whole numbers: quarters are no twelfths."""
        recorded = self.read(point)
        sizes = (n for n in range(MOST_IN, 1, -1) if nearly_all(recorded % n == 0, count))
        return replace(self, per=self.per / next(sizes, 1))

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
        out: Floats = np.where(self._one_to_one(decimal), self.bits.stored(decimal), decimal)
        return out

    def _one_to_one(self, decimal: Floats) -> Bools:
        """Where two decimals are never stored alike."""
        low: Bools = np.abs(decimal) < 2.0 ** (self.bits.bits - 1) * 10.0**-self.decimals
        return low

    def _nearest(self, stored: Floats) -> Floats:
        """The decimal that each number would be, if any was stored as it."""
        if self.bits.bits == DOUBLE:
            return stored
        unit, size = 10.0**self.decimals, np.abs(stored)
        if self.bits.cut:
            least = size - (0.5 * 10.0**-self.bits.places if self.bits.places >= 0 else 0.0)
            whole = np.ceil(least * unit - DUST)
        else:
            whole = np.rint(size * unit)
        near: Floats = np.copysign(whole / unit, stored) + 0.0
        return near
