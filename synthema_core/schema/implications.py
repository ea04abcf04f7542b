"""Levels that decide another column: whoever relapsed or died has had an event."""

from itertools import combinations, product

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..rules import Condition, Implies, Value
from .structure import MOST_VALUES, codes_of
from .types import Column

EXPECTED = 50  # rows of the deciding levels that chance alone would have put at other levels
FEWEST = 5  # rows of a level that is named since its whole column decides
MOST_LEVELS = 1000  # of a column whose levels all decide: countries, of which each has a region


def find_implications(frame: pl.DataFrame, columns: tuple[Column, ...]) -> tuple[Implies, ...]:
    """Levels of one column with which another column has one level alone.

    A proposal holds in every row that knows both columns; were they unrelated, EXPECTED rows would
    break it, and none would with a probability below 1e-21. Either each level has so many, or all
    levels of the column together, if every one decides; then those of FEWEST rows are named. What
    another proposal says the other way round is left out.

    Args:
        frame: (n, c).
        columns: Their kinds. Columns of at most MOST_VALUES levels are decided; they decide one by
            one, those of at most MOST_LEVELS all together.
    """
    every = {c.name: c.categories or () for c in columns if c.kind != "constant"}
    levels = {name: known for name, known in every.items() if 2 <= len(known) <= MOST_LEVELS}
    codes = {name: codes_of(frame.get_column(name), known) for name, known in levels.items()}
    few = [name for name, known in levels.items() if len(known) <= MOST_VALUES]
    many = [name for name in levels if name not in few]
    pairs = [*combinations(few, 2), *product(many, few)]
    found = []
    for a, b in pairs:
        counts = _counts(codes[a], len(levels[a]), codes[b], len(levels[b]))
        said = np.zeros(counts.shape, np.bool_)  # pairs of levels that a proposal excludes already
        found += _proposals((a, levels[a]), (b, levels[b]), counts, said)
        if a in few:
            found += _proposals((b, levels[b]), (a, levels[a]), counts.T, said.T)
    return tuple(found)


def _proposals(
    one: tuple[str, tuple[Value, ...]],
    other: tuple[str, tuple[Value, ...]],
    counts: NDArray[np.int64],
    said: NDArray[np.bool_],
) -> list[Implies]:
    """What the levels of one column, in the rows of `counts`, decide of another; adds to `said`."""
    (name, levels), (decided_name, of_other) = one, other
    occurs = counts.sum(axis=0) > 0
    decided = _decided(counts)
    found = []
    for level in np.unique(decided[decided >= 0]):
        never = occurs & (np.arange(len(occurs)) != level)
        who = np.flatnonzero((decided == level) & (never & ~said).any(axis=1))
        if not who.size:
            continue
        said[np.ix_(who, never)] = True
        found.append(
            Implies(
                Condition(name, is_in=tuple(levels[k] for k in who)),
                Condition(decided_name, is_in=(of_other[level],)),
                name=f"proposed: {decided_name} given {name}",
            )
        )
    return found


def _counts(one: NDArray[np.int64], a: int, other: NDArray[np.int64], b: int) -> NDArray[np.int64]:
    """(a, b) rows by the levels of two columns, both known; a code of a or b is missing."""
    flat = np.bincount(one * (b + 1) + other, minlength=(a + 1) * (b + 1))
    return flat.reshape(a + 1, b + 1)[:a, :b]


def _decided(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(a,) the one level of the other column that each level allows; -1 where there is none."""
    rows, share = counts.sum(axis=1), counts.sum(axis=0) / max(counts.sum(), 1)
    only = counts.argmax(axis=1)
    alone = (counts > 0).sum(axis=1) == 1
    unlike = 1.0 - share[only]
    # of the rows of a level, the first may have any level of the other column
    expected = (np.maximum(rows - 1, 0) * unlike).sum()
    throughout = alone[rows > 0].all() and expected >= EXPECTED
    sure = (rows * unlike >= EXPECTED) | (throughout & (rows >= FEWEST))
    return np.where(alone & sure, only, -1)
