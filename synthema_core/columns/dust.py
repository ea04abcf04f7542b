"""Numbers that went through single precision in some centers and not in others.

Where tables were joined, one of them may hold 8.7 as 8.69999981. Another column (the study, the
center) decides which rows do, and a row that does not keep to it is told at once. Such a column is
read as its decimals, and what is drawn is stored as the other rows of its level are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .bits import EVIDENCE, RARE, Bits, distinct, usual, written_with
from .pieces import decimals_of
from .storage import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .pieces import Bools, Floats

    Codes = NDArray[np.int32]

SINGLE = 24  # significant bits


@dataclass(frozen=True, slots=True)
class Dust:
    """Which rows of a column are stored in single precision, and how.

    Attributes:
        column: The column with levels that decides it.
        levels: Those of its levels whose rows are; -1 is missing.
        storage: Their form.
    """

    column: str
    levels: tuple[int, ...]
    storage: Storage

    @classmethod
    def find(cls, values: Floats, codes: Mapping[str, tuple[Codes, int]]) -> Dust | None:
        """The column that decides which values are in single precision, if one does in nearly all.

        Args:
            values: (n,) finite training values as they stand.
            codes: (n,) level of each row, -1 where missing, and the number of levels of each
                column that may decide.
        """
        point, count = distinct(values)
        decimals = usual(decimals_of(point), count)
        odd = point != np.round(point, decimals)
        if odd.sum() < EVIDENCE:
            return None
        for places, digits in ((-1, 17), written_with(point[odd], count[odd])):
            form = Storage(Bits(SINGLE, places=places, digits=digits), decimals)
            single = form.stored(form.read(values)) == values
            plain = np.round(values, decimals) == values
            neither = int((~single & ~plain).sum())
            found = []
            for name, (code, size) in codes.items():
                kept = np.bincount(code[single & ~plain] + 1, minlength=size + 1)
                other = np.bincount(code[plain & ~single] + 1, minlength=size + 1)
                if not (kept > other).any() or not (other > kept).any():
                    continue  # one form throughout: nothing to decide
                levels = tuple((np.flatnonzero(kept > other) - 1).tolist())
                found.append((int(np.minimum(kept, other).sum()) + neither, size, name, levels))
            misfits, _, name, levels = min(found, default=(values.size, 0, "", ()))
            if found and misfits <= RARE * values.size:
                return cls(name, levels, form)
        return None

    def rows(self, codes: Codes) -> Bools:
        """Which rows are stored in single precision, from the levels of the deciding column."""
        return np.isin(codes, self.levels)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        storage = self.storage.to_dict()
        return {"column": self.column, "levels": list(self.levels), "storage": storage}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Dust:
        """Undo `to_dict`."""
        return cls(data["column"], tuple(data["levels"]), Storage.from_dict(data["storage"]))
