"""t-closeness: how far the distribution of a secret in a class is from that of the whole table."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

SOURCE = (
    "t-closeness: Li, Li & Venkatasubramanian (2007), ICDE, 106-115; ordered values by the "
    "earth mover's distance over ranks, categories by total variation. Counted exactly on this "
    "table; the largest over its classes."
)
FOLDED = (
    " Missing fields of an ordered secret, share a in the class and b in the table, are folded in "
    "as |a - b| + (1 - max(a, b)) D: an upper bound of the distance that puts missing at 1 from "
    "every value."
)

Distance = Literal["ordered", "categorical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How much a class tells about one secret beyond what the whole table tells.

    Attributes:
        secret: Column.
        t: Largest distance of any class, in [0, 1].
        mean: Distance of a row's class, averaged over rows.
        distance: "ordered" (earth mover's) or "categorical" (total variation).
        n_classes: Classes.
        n: Rows.
        source: Definition.
    """

    secret: str
    t: float
    mean: float
    distance: Distance
    n_classes: int
    n: int
    source: str


def closeness(
    secret: str, counts: pl.DataFrame, *, distance: Distance, missing: int | None
) -> Closeness:
    """t-closeness of one secret.

    Args:
        secret: Name of the column.
        counts: Columns class, value, count, sorted by class and value; values are codes that
            ascend with the order of the secret, classes are numbered from 0.
        distance: How two distributions are compared.
        missing: Code of a missing secret; None if it is a value like any other.
    """
    index, value, count = (counts.get_column(c).to_numpy() for c in ("class", "value", "count"))
    rows = np.bincount(index, count)
    n = int(rows.sum())
    folded = ""
    if distance == "categorical":
        each = _variation(index, value, count, rows)
    elif missing is None or not (value == missing).any():
        each = _earth(index, value, count, len(rows))
    else:
        known = value != missing
        absent = np.bincount(index[~known], count[~known], len(rows)) / rows
        overall = float((absent * rows).sum()) / n
        moved = _earth(index[known], value[known], count[known], len(rows))
        # a class without any known value has no D: max(a, b) is 1 there
        each = np.abs(absent - overall) + (1 - np.maximum(absent, overall)) * moved
        folded = FOLDED
    return Closeness(
        secret=secret,
        t=float(each.max()),
        mean=float((each * rows).sum()) / n,
        distance=distance,
        n_classes=len(rows),
        n=n,
        source=SOURCE + folded,
    )


def _variation(
    index: NDArray[np.int64],
    value: NDArray[np.int64],
    count: NDArray[np.int64],
    rows: NDArray[Any],
) -> NDArray[Any]:
    """Total variation of each class: the positive part of p - q, which only its own values have."""
    overall = np.bincount(value, count)
    share = count / rows[index] - overall[value] / rows.sum()
    return np.bincount(index, np.maximum(share, 0.0), len(rows))


def _earth(
    index: NDArray[np.int64], value: NDArray[np.int64], count: NDArray[np.int64], n_classes: int
) -> NDArray[Any]:
    """Earth mover's distance of each class over the ranks of the m values that occur.

    The sum over ranks of |P - Q|, P and Q cumulative, over m - 1. P is constant between two values
    that a class holds and Q ascends, so each stretch is one lookup in the running sums of Q: the
    work grows with the rows, not with classes times values.
    """
    levels, rank = np.unique(value, return_inverse=True)
    m = len(levels)
    if m < 2:
        return np.zeros(n_classes)
    total = np.bincount(rank, count)
    n = total.sum()
    q = np.cumsum(total) / n
    running = np.concatenate([[0.0], np.cumsum(np.cumsum(total)) / n])
    first = np.concatenate([[True], index[1:] != index[:-1]])
    last = np.concatenate([first[1:], [True]])
    seen = np.cumsum(count)
    before = np.maximum.accumulate(np.where(first, seen - count, 0))
    size = np.bincount(index, count, n_classes)
    p = (seen - before) / size[index]
    # stretches: up to a class's first value at 0, then from each value to the next one
    end = np.where(last, m, np.concatenate([rank[1:], [m]]))
    lead = np.bincount(index[first], running[rank[first]], n_classes)
    turn = np.clip(np.searchsorted(q, p), rank, end)
    below = p * (turn - rank) - (running[turn] - running[rank])
    above = (running[end] - running[turn]) - p * (end - turn)
    return (lead + np.bincount(index, below + above, n_classes)) / (m - 1)
