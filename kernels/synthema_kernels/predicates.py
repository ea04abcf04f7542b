"""How many rows satisfy each of many conditions, and which these are where they are few.

A condition is a conjunction of ranges over columns of integers: `age >= 91 and sex == 2` once both
columns are numbered in the order of their values. Each column is sorted once; a condition then
looks only at the rows of its rarest range, and may stop as soon as enough rows satisfy it.
"""

import numpy as np
from numba import prange
from numpy.typing import ArrayLike, NDArray

from ._jit import device, kernel
from .ranked import Matches, Ranked


def count_matching(
    table: Ranked,
    columns: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    enough: int | None = None,
    keep: int = 2,
) -> Matches:
    """Rows that satisfy each condition.

    Condition i holds for a row if for each of its terms t the row's number in column
    `columns[i, t]` lies from `low[i, t]` to `high[i, t]`, both included. A term with `low` above
    `high` holds for no row. The answer is the same at any number of threads.

    Args:
        table: n rows of d columns.
        columns: (m, t) integers from 0 to d - 1; a column may occur twice.
        low: (m, t) integers.
        high: (m, t) integers.
        enough: Stop counting there, from 1; None counts all. A condition that was not followed to
            its end has no rows.
        keep: Rows to name of each condition, from 0.

    Returns:
        Count (m,), at most `enough`, and rows (m, keep).

    Raises:
        ValueError: If the shapes differ, a column does not exist, or `enough` or `keep` is below
            its least.

    Example:
        >>> import numpy as np
        >>> from synthema_kernels import Ranked, count_matching
        >>> table = Ranked.of(np.array([[0, 7], [1, 7], [2, 8]]))
        >>> found = count_matching(table, [[0, 1], [1, 1]], [[1, 7], [0, 7]], [[9, 7], [9, 9]])
        >>> found.count.tolist(), found.rows.tolist()
        ([1, 3], [[1, -1], [-1, -1]])
    """
    which, lowest, highest = (np.asarray(x) for x in (columns, low, high))
    if which.ndim != 2 or which.shape != lowest.shape or which.shape != highest.shape:
        raise ValueError(
            f"columns, low, high: expected one shape (conditions, terms), got {which.shape}, "
            f"{lowest.shape} and {highest.shape}"
        )
    d = table.ranks.shape[1]
    if which.size and not (which.min() >= 0 and which.max() < d):
        raise ValueError(f"columns: expected places from 0 to {d - 1}, got some outside")
    if enough is not None and enough < 1:
        raise ValueError(f"enough: expected 1 or more, got {enough}")
    if keep < 0:
        raise ValueError(f"keep: expected 0 or more, got {keep}")
    stop = len(table) + 1 if enough is None else enough
    which, lowest, highest = (np.ascontiguousarray(x, np.int64) for x in (which, lowest, highest))
    return Matches(
        *_count_matching(
            table.ranks, table.order, table.ascending, which, lowest, highest, stop, keep
        )
    )


@device
def _first_at_least(ascending: NDArray[np.int32], value: int) -> int:
    start, stop = 0, len(ascending)
    while start < stop:
        middle = (start + stop) // 2
        if ascending[middle] < value:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel
def _count_matching(
    ranks: NDArray[np.int32],
    order: NDArray[np.int64],
    ascending: NDArray[np.int32],
    columns: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    enough: int,
    keep: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n, (m, terms) = len(ranks), columns.shape
    count, rows = np.zeros(m, np.int64), np.full((m, keep), -1, np.int64)
    for i in prange(m):
        best, first, last = 0, 0, n
        for t in range(terms):
            values = ascending[columns[i, t]]
            start = _first_at_least(values, low[i, t])
            stop = _first_at_least(values, high[i, t] + 1)
            if stop - start < last - first:
                best, first, last = columns[i, t], start, max(start, stop)
        found = 0
        for place in range(first, last):
            # Without terms there may be no column to take the rows in order of.
            at = order[best, place] if terms else place
            holds = True
            for t in range(terms):
                value = ranks[at, columns[i, t]]
                if value < low[i, t] or value > high[i, t]:
                    holds = False
                    break
            if holds:
                if found < keep:
                    rows[i, found] = at
                found += 1
                if found >= enough:
                    break
        count[i] = found
        if found > keep or found >= enough:
            rows[i] = -1
        else:
            rows[i, :found] = np.sort(rows[i, :found])
    return count, rows
