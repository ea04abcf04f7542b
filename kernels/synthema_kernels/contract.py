"""What every engine of `nearest` accepts and returns, whatever it runs on."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rows import Rows, check_same_columns


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The k closest pool rows of each query, closest first; unpacks as `index, distance`.

    Attributes:
        index: (n, k) int64, row numbers of the pool.
        distance: (n, k) float64, ascending along each row.
    """

    index: NDArray[np.int64]
    distance: NDArray[np.float64]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Index, then distance."""
        return iter((self.index, self.distance))


def checked_k(queries: Rows, pool: Rows, k: int, *, exclude_self: bool) -> int:
    """Refuse a search that has no answer; returns k as a plain integer."""
    check_same_columns(queries=queries, pool=pool)
    n, m = len(queries), len(pool)
    if m == 0:
        raise ValueError("pool: expected at least one row, got none")
    check_self(n, m, exclude_self=exclude_self)
    if isinstance(k, bool) or not hasattr(k, "__index__"):
        raise TypeError(f"k: expected an integer, got {type(k).__name__}")
    k, most = operator.index(k), m - 1 if exclude_self else m
    if k < 1:
        raise ValueError(f"k: expected at least 1, got {k}")
    if k > most:
        raise ValueError(f"k: expected at most {most}, the rows a query can choose from, got {k}")
    return k


def check_self(n: int, m: int, *, exclude_self: bool) -> None:
    """Refuse to leave out the queries themselves where they cannot be the pool."""
    if exclude_self and n != m:
        raise ValueError(f"queries: expected the {m} rows of pool with exclude_self, got {n}")
