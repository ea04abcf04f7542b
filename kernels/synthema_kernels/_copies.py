"""Rows that repeat are searched once, and counted as often as they occur.

Copies are at distance 0 from each other and equally far from everything else, so the k nearest
rows lie within the k nearest *distinct* rows. Real registries repeat themselves: three rows of four
in a table of a million coarse records.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import device, kernel
from .contract import Neighbors
from .rows import Rows

WORTH = 0.9  # of the rows may be distinct, and collapsing still pays for its sorting
FEWEST = 1_000  # rows; a smaller table is searched before it is sorted
ENOUGH = 1 << 17  # cells each row is compared with: below, comparing costs less than sorting
FIRST = 4  # columns of each kind: they mostly tell already that rows differ
ALL = 2**31  # columns
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits without a pattern (Knuth, TAOCP 6.4)
MISSING = np.uint64(1)  # the bits of no number that a table holds, save the smallest of all


class Distinct(NamedTuple):
    """The distinct rows of a table, in the order of their first occurrence.

    Attributes:
        rows: d distinct rows.
        kind: (n,) which of them each row is.
        members: (n,) row numbers, those of one kind together and ascending.
        start: (d + 1,) where the members of each kind begin.
    """

    rows: Rows
    kind: NDArray[np.int64]
    members: NDArray[np.int64]
    start: NDArray[np.int64]


def distinct(rows: Rows, others: int) -> Distinct | None:
    """The distinct rows, or None where collapsing does not pay.

    It pays if there are many copies, and if each row is compared with enough of the `others`.
    """
    n = len(rows)
    if n < FEWEST or others * (rows.numeric.shape[1] + rows.codes.shape[1]) < ENOUGH:
        return None
    if _differ(_keys(rows, FIRST)) or _differ(keys := _keys(rows, ALL)):
        return None
    members = np.argsort(keys, kind="stable")
    keys = keys[members]
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    first = members[begins]
    if not _equal(rows.numeric, rows.codes, members, np.repeat(first, np.diff([*begins, n]))):
        return None  # two different rows share a key: one chance in a thousand for 10**8 rows
    order = np.argsort(first)
    size = np.diff([*begins, n])[order]
    start = np.concatenate([[0], np.cumsum(size)])
    members = members[np.repeat(begins[order] - start[:-1], size) + np.arange(n)]
    kind = np.empty(n, np.int64)
    kind[members] = np.repeat(np.arange(len(first)), size)
    return Distinct(take(rows, first[order]), kind, members, start)


def _keys(rows: Rows, most: int) -> NDArray[np.uint64]:
    """A key per row, of at most so many columns of each kind."""
    keys = np.empty(len(rows), np.uint64)
    with np.errstate(over="ignore"):  # interpreted, a product of keys would warn of its overflow
        _write_keys(rows.numeric, rows.numeric.view(np.uint64), rows.codes, most, keys)
    return keys


def _differ(keys: NDArray[np.uint64]) -> bool:
    """Whether so many keys differ that the rows, which differ where these do, repeat too rarely."""
    ordered = np.sort(keys)
    return bool(1 + np.count_nonzero(ordered[1:] != ordered[:-1]) > WORTH * keys.size)


def take(rows: Rows, index: NDArray[np.int64]) -> Rows:
    """Some rows of a table."""
    return Rows(numeric=rows.numeric[index], codes=rows.codes[index])


def spread(
    found: Neighbors, k: int, queries: Distinct | None, pool: Distinct | None, *, exclude_self: bool
) -> Neighbors:
    """The answer for all rows, from the answer for distinct ones.

    Args:
        found: (queries, k or more) nearest distinct rows; one more than k with `exclude_self`.
        k: Neighbors per query.
        queries: What was collapsed on this side, if anything was.
        pool: And on that side.
        exclude_self: Leave out the query itself, whose row number it is.
    """
    if pool is None:
        if queries is None:
            return found
        return Neighbors(found.index[queries.kind], found.distance[queries.kind])
    kind = np.arange(len(found.index)) if queries is None else queries.kind
    index, distance = np.full((len(kind), k), -1), np.full((len(kind), k), np.inf)
    _spread(
        found.index, found.distance, kind, pool.members, pool.start, exclude_self, index, distance
    )
    return Neighbors(index, distance)


@kernel
def _spread(
    found: NDArray[np.int64],
    measured: NDArray[np.float64],
    kind: NDArray[np.int64],
    members: NDArray[np.int64],
    start: NDArray[np.int64],
    exclude_self: bool,  # noqa: FBT001 (compiled code takes no keywords)
    index: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    k = index.shape[1]
    for i in prange(kind.size):
        row = kind[i]
        for at in range(found.shape[1]):
            d, one = measured[row, at], found[row, at]
            if d > distance[i, k - 1]:
                break
            for m in range(start[one], start[one + 1]):
                j = members[m]
                if exclude_self and j == i:
                    continue
                last = k - 1
                if d == distance[i, last] and j > index[i, last]:
                    break  # the later members come later in every tie
                if d > distance[i, last]:
                    break
                while last > 0 and (
                    d < distance[i, last - 1]
                    or (d == distance[i, last - 1] and j < index[i, last - 1])
                ):
                    distance[i, last], index[i, last] = distance[i, last - 1], index[i, last - 1]
                    last -= 1
                distance[i, last], index[i, last] = d, j


@kernel
def _write_keys(
    numeric: NDArray[np.float64],
    bits: NDArray[np.uint64],
    codes: NDArray[np.int32],
    most: int,
    keys: NDArray[np.uint64],
) -> None:
    """A 64-bit key per row; equal rows have equal keys, 0 and -0 and all NaN being equal."""
    for i in prange(keys.size):
        key, odd = np.uint64(0), GOLDEN
        for c in range(min(most, numeric.shape[1])):
            number, word = numeric[i, c], bits[i, c]
            word = MISSING if math.isnan(number) else (word if number != 0.0 else np.uint64(0))
            odd *= GOLDEN  # each column has its own factor: sums of few must not coincide
            key += _mixed(word) * odd
        for c in range(min(most, codes.shape[1])):
            odd *= GOLDEN
            key += _mixed(np.uint64(codes[i, c])) * odd
        keys[i] = _mixed(key)


@device
def _mixed(word: np.uint64) -> np.uint64:
    """Spread a word over all bits: those of round numbers are mostly zero."""
    word *= GOLDEN
    return word ^ (word >> np.uint64(32))


@kernel
def _equal(
    numeric: NDArray[np.float64],
    codes: NDArray[np.int32],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
) -> bool:
    """Whether rows a[i] and b[i] are copies, for every i."""
    different = 0
    for i in prange(a.size):
        for c in range(numeric.shape[1]):
            x, y = numeric[a[i], c], numeric[b[i], c]
            different += x != y and not (math.isnan(x) and math.isnan(y))
        for c in range(codes.shape[1]):
            different += codes[a[i], c] != codes[b[i], c]
    return different == 0
