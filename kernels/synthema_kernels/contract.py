"""What every engine of `nearest` accepts and returns, whatever it runs on."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .rows import Rows, check_same_columns, count_beyond

Metric = Literal["gower", "sqeuclidean", "hamming"]

FARTHEST = 1e200  # no two rows are: in place of infinity, so that products stay finite
LARGEST_WEIGHT = 1e6  # a weighted sum stays finite
LARGEST_SQUARE = 1e50  # a number above it has no finite square to add up


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


class Engine(Protocol):
    """A way to search one metric exactly. Arguments are checked, and no column weighs nothing."""

    def find(
        self,
        queries: Rows,
        pool: Rows,
        weights: NDArray[np.float64],
        k: int,
        *,
        exclude_self: bool,
    ) -> Neighbors:
        """The k closest rows."""

    def count(
        self,
        queries: Rows,
        pool: Rows,
        weights: NDArray[np.float64],
        radii: NDArray[np.float64],
    ) -> NDArray[np.int64]:
        """Pool rows at the radius or closer; a radius is finite, and may be below 0."""


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


def check_metric(queries: Rows, pool: Rows, metric: Metric) -> None:
    """Refuse a metric that does not exist, or has no meaning for these columns."""
    if metric not in get_args(Metric):
        known = ", ".join(f"'{name}'" for name in get_args(Metric))
        raise ValueError(f"metric: expected one of {known}, got {metric!r}")
    p, q = queries.numeric.shape[1], queries.codes.shape[1]
    if metric == "sqeuclidean":
        if q:
            raise ValueError(
                f"metric: 'sqeuclidean' is for numbers, got {q} columns of codes. "
                "Use 'gower', or leave the codes out."
            )
        for name, rows in (("queries", queries), ("pool", pool)):
            refused = count_beyond(rows.numeric, LARGEST_SQUARE)
            if refused:
                raise ValueError(
                    f"{name}.numeric: expected values up to {LARGEST_SQUARE:g} for 'sqeuclidean', "
                    f"got {refused} larger. Scale the column."
                )
    elif metric == "hamming" and p:
        raise ValueError(
            f"metric: 'hamming' is for codes, got {p} columns of numbers. "
            "Use 'gower', or leave the numbers out."
        )


def checked_weights(rows: Rows, weights: ArrayLike | None) -> NDArray[np.float64]:
    """One weight per column, numeric columns first; (p + q,) ones if there are none."""
    columns = rows.numeric.shape[1] + rows.codes.shape[1]
    if weights is None:
        return np.ones(columns)
    array = np.asarray(weights)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"weights: expected numbers, got {array.dtype}")
    if array.shape != (columns,):
        raise ValueError(
            f"weights: expected shape ({columns},), one per column and numeric columns first, "
            f"got shape {array.shape}"
        )
    array = array.astype(np.float64)
    refused = np.count_nonzero(~((array >= 0) & (array <= LARGEST_WEIGHT)))
    if refused:
        raise ValueError(
            f"weights: expected 0 to {LARGEST_WEIGHT:g}, got {refused} negative, larger or NaN"
        )
    return array


def checked_groups(rows: Rows, groups: ArrayLike) -> NDArray[np.bool_]:
    """Groups of columns, (g, p + q), True for the columns of each."""
    columns = rows.numeric.shape[1] + rows.codes.shape[1]
    array = np.asarray(groups)
    if array.dtype != np.bool_:
        raise TypeError(f"groups: expected booleans, True for a group's columns, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(
            f"groups: expected shape (groups, {columns}), numeric columns first, "
            f"got shape {array.shape}"
        )
    return array


def checked_radius(radius: ArrayLike, n: int) -> NDArray[np.float64]:
    """A radius for each query, (n,), at most FARTHEST: every row is within it."""
    array = np.asarray(radius)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"radius: expected numbers, got {array.dtype}")
    if array.shape not in ((), (n,)):
        raise ValueError(
            f"radius: expected one number or shape ({n},) as in queries, got shape {array.shape}"
        )
    refused = np.count_nonzero(~(array >= 0))
    if refused:
        raise ValueError(f"radius: expected at least 0, got {refused} negative or NaN")
    return np.minimum(np.full(n, array, np.float64), FARTHEST)
