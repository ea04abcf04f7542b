"""Predicates on a table: tables as ranks, and conditions that a table's own rows suggest.

Every column becomes integers that keep the order of its values over all tables, missing -1, so that
numbers, dates, quoted text and missing fields are one case: a range of integers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Matches, Ranked, Rows, count_matching

Ints = NDArray[np.int32]

BATCH = 2**15  # predicates tried together


@dataclass(frozen=True, slots=True, eq=False)
class RankedTables:
    """Tables as integers that compare as the values do, over all of them.

    Attributes:
        tables: Each (n, d), numeric columns first, missing -1.
        top: (d,) largest integer of each column in any table, at least 0.
        is_number: (d,) whether the order of a column means something.
    """

    tables: tuple[Ints, ...]
    top: Ints
    is_number: NDArray[np.bool_]

    @classmethod
    def of(cls, *tables: Rows) -> "RankedTables":
        """Rank every number among those of all tables; codes stay what they are."""
        p = tables[0].numeric.shape[1]
        ends = np.cumsum([len(table) for table in tables])[:-1]
        numbers = np.concatenate([table.numeric for table in tables])
        ranks = np.empty(numbers.shape, np.int32)
        for j in range(p):
            _, place = np.unique(numbers[:, j], return_inverse=True)
            ranks[:, j] = np.where(np.isnan(numbers[:, j]), -1, place)
        codes = np.concatenate([table.codes for table in tables])
        together = np.hstack([ranks, codes])
        top = together.max(axis=0, initial=0)
        is_number = np.arange(together.shape[1]) < p
        return cls(tuple(np.split(together, ends)), top, is_number)


@dataclass(frozen=True, slots=True, eq=False)
class Predicates:
    """m conjunctions of t ranges, both ends included; all arrays (m, t)."""

    columns: Ints
    low: Ints
    high: Ints

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, at: NDArray[np.int64]) -> "Predicates":
        return Predicates(self.columns[at], self.low[at], self.high[at])

    def on(self, table: Ranked, *, enough: int | None = None) -> Matches:
        """Rows of a table that satisfy each; see `synthema_kernels.count_matching`."""
        return count_matching(table, self.columns, self.low, self.high, enough=enough)


def distinct(table: Ints) -> Ints:
    """The rows that differ, in order of first appearance: copies would hide that one is unique."""
    _, first = np.unique(_keys(table), return_index=True)
    kept: Ints = table[np.sort(first)]
    return kept


def of_one_column(
    table: Ints, top: Ints, is_number: NDArray[np.bool_], columns: NDArray[np.int64]
) -> Predicates:
    """All that isolate one row by one column, or might: a value held once, an extreme, no value."""
    found: list[tuple[int, int, int]] = []
    for j in columns.tolist():
        value, count = np.unique(table[:, j], return_counts=True)
        found += [(j, v, v) for v in value[count == 1].tolist()]
        present = value[value >= 0]
        if is_number[j] and present.size:
            found += [(j, 0, int(present[0])), (j, int(present[-1]), int(top[j]))]
    array = np.array(found, np.int32).reshape(-1, 3, 1)
    return Predicates(array[:, 0], array[:, 1], array[:, 2])


def of_records(
    table: Ints,
    top: Ints,
    is_number: NDArray[np.bool_],
    middle: NDArray[np.float64],
    columns: NDArray[np.int64],
    width: int,
    m: int,
    rng: np.random.Generator,
) -> Predicates:
    """What random records suggest, each by `width` random columns, outward from the medians."""
    record = rng.integers(0, len(table), m)
    which = _columns(columns, width, m, rng)
    values = table[record[:, None], which]
    number = is_number[which] & (values >= 0)
    above = values > middle[which]
    low = np.where(number & ~above, 0, values)
    high = np.where(number & above, top[which], values)
    return Predicates(which, low.astype(np.int32), high.astype(np.int32))


def at_random(
    table: Ints,
    top: Ints,
    is_number: NDArray[np.bool_],
    columns: NDArray[np.int64],
    width: int,
    m: int,
    rng: np.random.Generator,
) -> Predicates:
    """Predicates that nothing suggests: random values that occur, and =, <= or >= for numbers."""
    which = _columns(columns, width, m, rng)
    values = np.empty_like(which)
    for j in columns.tolist():
        held = np.unique(table[:, j])
        mine = which == j
        values[mine] = held[rng.integers(0, len(held), int(mine.sum()))]
    kind = np.where(is_number[which] & (values >= 0), rng.integers(0, 3, which.shape), 0)
    low = np.where(kind == 1, 0, values)
    high = np.where(kind == 2, top[which], values)
    return Predicates(which, low.astype(np.int32), high.astype(np.int32))


def isolating(
    table: Ints,
    top: Ints,
    is_number: NDArray[np.bool_],
    columns: NDArray[np.int64],
    width: int,
    *,
    wanted: int,
    attempts: int,
    rng: np.random.Generator,
) -> Predicates:
    """Different predicates, each satisfied by one row of the table alone, at most `wanted`.

    Args:
        table: (n, d) distinct rows.
        top: As in RankedTables.
        is_number: As in RankedTables.
        columns: Those that may be used.
        width: Columns of each predicate; 1 takes every value held once and every extreme.
        wanted: Where to stop.
        attempts: Predicates to try at most.
        rng: Which records, columns and predicates.
    """
    ready = Ranked.of(table)
    if width == 1:
        tried = of_one_column(table, top, is_number, columns)
        found = tried[np.flatnonzero(tried.on(ready, enough=2).count == 1)]
        return found[rng.permutation(len(found))[:wanted]]
    middle = np.array([_median(table[:, j]) if n else 0.0 for j, n in enumerate(is_number)])
    parts = [Predicates(*(np.empty((0, width), np.int32) for _ in range(3)))]
    seen = np.empty(0, np.uint64)
    left, batch = attempts, min(BATCH, 2 * wanted)
    while left > 0 and len(seen) < wanted:
        m = min(batch, left)
        tried = of_records(table, top, is_number, middle, columns, width, m, rng)
        left, batch = left - m, BATCH
        one = tried[np.flatnonzero(tried.on(ready, enough=2).count == 1)]
        keys = _keys(np.hstack([one.columns, one.low, one.high]))
        _, first = np.unique(keys, return_index=True)
        first = np.sort(first[~np.isin(keys[first], seen)])
        if not first.size and m == BATCH:  # there are no more, or too few to be worth the search
            break
        parts.append(one[first])
        seen = np.concatenate([seen, keys[first]])
    return Predicates(
        *(
            np.concatenate([getattr(part, name) for part in parts])[:wanted]
            for name in ("columns", "low", "high")
        )
    )


def _columns(columns: NDArray[np.int64], width: int, m: int, rng: np.random.Generator) -> Ints:
    """(m, width) different columns a row, ascending."""
    d = len(columns)
    if width**2 > d:
        place = np.argsort(rng.random((m, d)), axis=1)[:, :width]
        return np.sort(columns[place], axis=1).astype(np.int32)
    place = np.empty((m, 0), np.int64)
    for t in range(width):  # one of those not taken yet: step over those taken, from the lowest
        new = rng.integers(0, d - t, m)
        for taken in place.T:
            new += new >= taken
        place = np.sort(np.column_stack([place, new]), axis=1)
    return columns[place].astype(np.int32)  # `columns` ascend


def _median(values: Ints) -> float:
    present = values[values >= 0]
    return float(np.median(present)) if present.size else 0.0


def _keys(table: Ints) -> NDArray[np.uint64]:
    """(n,) one number for equal rows; two of a million rows share one with a chance of 3e-8."""
    rng = np.random.default_rng(table.shape[1])
    factors: NDArray[np.uint64] = rng.integers(1, 2**63, (table.shape[1],), dtype=np.uint64)
    key = np.zeros(len(table), np.uint64)
    for j in range(table.shape[1]):
        key = (key + table[:, j].astype(np.uint64)) * (factors[j] | np.uint64(1))  # odd: bits stay
        key = key ^ (key >> np.uint64(29))
    return key
