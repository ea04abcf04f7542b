"""Levels that decide another column: whoever relapsed or died has had an event."""

from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..rules import Condition, Implies
from .structure import MOST_VALUES, codes_of
from .types import Column

EXPECTED = 50  # rows of the deciding level that chance alone would have put at other levels


def find_implications(frame: pl.DataFrame, columns: tuple[Column, ...]) -> tuple[Implies, ...]:
    """Levels of one column with which another column has one level alone.

    A proposal holds in every row that knows both columns; were they unrelated, EXPECTED rows would
    break it, and none would with a probability below 1e-21. What another proposal says the other
    way round is left out.

    Args:
        frame: (n, c).
        columns: Their kinds; those of at most MOST_VALUES levels are looked at.
    """
    levels = {c.name: c.categories or () for c in columns if c.kind != "constant"}
    levels = {name: known for name, known in levels.items() if 2 <= len(known) <= MOST_VALUES}
    codes = {name: codes_of(frame.get_column(name), known) for name, known in levels.items()}
    found = []
    for a, b in combinations(levels, 2):
        counts = _counts(codes[a], len(levels[a]), codes[b], len(levels[b]))
        said = np.zeros(counts.shape, np.bool_)  # pairs of levels that a proposal excludes already
        for one, other, table, out in ((a, b, counts, said), (b, a, counts.T, said.T)):
            occurs = table.sum(axis=0) > 0
            decided = _decided(table)
            for level in np.unique(decided[decided >= 0]):
                never = occurs & (np.arange(len(occurs)) != level)
                who = np.flatnonzero((decided == level) & (never & ~out).any(axis=1))
                if not who.size:
                    continue
                out[np.ix_(who, never)] = True
                found.append(
                    Implies(
                        Condition(one, is_in=tuple(levels[one][k] for k in who)),
                        Condition(other, is_in=(levels[other][level],)),
                        name=f"proposed: {other} given {one}",
                    )
                )
    return tuple(found)


def _counts(one: NDArray[np.int64], a: int, other: NDArray[np.int64], b: int) -> NDArray[np.int64]:
    """(a, b) rows by the levels of two columns, both known; a code of a or b is missing."""
    flat = np.bincount(one * (b + 1) + other, minlength=(a + 1) * (b + 1))
    return flat.reshape(a + 1, b + 1)[:a, :b]


def _decided(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(a,) the one level of the other column that each level allows; -1 where there is none."""
    rows, share = counts.sum(axis=1), counts.sum(axis=0) / max(counts.sum(), 1)
    only = counts.argmax(axis=1)
    alone = (counts > 0).sum(axis=1) == 1
    sure = rows * (1.0 - share[only]) >= EXPECTED
    return np.where(alone & sure, only, -1)
