"""Gower's distance between two rows: fast and nearly right, or in the order of the definition."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._bytes_tile import gap_or_hole, where_differ
from ._jit import inlined
from ._simd import add, load, multiply, splat, total


class Table(NamedTuple):
    """Rows, and what their columns weigh.

    Attributes:
        numeric: (n, p).
        codes: (n, q).
        weights: (p + q,).
    """

    numeric: NDArray[np.float64]
    codes: NDArray[np.int32]
    weights: NDArray[np.float64]


@inlined
def rounding_of(rows: Table) -> float:
    """A factor that covers the rounding of any two sums over the columns."""
    return 1.0 + (rows.weights.size + 8) * 2.0**-50


@inlined
def rough_distance(queries: Table, i: int, pool: Table, j: int) -> float:
    """The distance, but for the rounding of a sum in another order."""
    p, q, weights = queries.numeric.shape[1], queries.codes.shape[1], pool.weights
    sums, rest = splat(np.float64(0.0), 8), 0.0
    for c in range(0, p - 7, 8):
        gap = gap_or_hole(load(queries.numeric, i * p + c, 8), load(pool.numeric, j * p + c, 8))
        sums = add(sums, multiply(gap, load(weights, c, 8)))
    for c in range(0, q - 7, 8):
        a, b = load(queries.codes, i * q + c, 8), load(pool.codes, j * q + c, 8)
        sums = add(sums, where_differ(a, b, load(weights, p + c, 8)))
    for c in range(p & ~7, p):
        rest += weights[c] * _gap(queries.numeric[i, c], pool.numeric[j, c])
    for c in range(q & ~7, q):
        rest += weights[p + c] * (queries.codes[i, c] != pool.codes[j, c])
    distance: float = rest + total(sums)
    return distance


@inlined
def distance_of(queries: Table, i: int, pool: Table, j: int) -> float:
    """The distance, to the bit."""
    p = queries.numeric.shape[1]
    numbers, differing = 0.0, 0.0
    for c in range(p):
        numbers += pool.weights[c] * _gap(queries.numeric[i, c], pool.numeric[j, c])
    for c in range(queries.codes.shape[1]):
        differing += pool.weights[p + c] * (queries.codes[i, c] != pool.codes[j, c])
    return numbers + differing


@inlined
def _gap(a: float, b: float) -> float:
    gap = abs(a - b)
    if math.isnan(gap):
        return 0.0 if math.isnan(a) and math.isnan(b) else 1.0
    return gap


@inlined
def insert(
    d: float,
    j: int,
    i: int,
    index: NDArray[np.int64],
    distance: NDArray[np.float64],
) -> None:
    """Make pool row j one of the k closest of query i, if it is closer than the k-th."""
    at = distance.shape[1]
    if d < distance[i, at - 1]:  # strict: a tie keeps the lower index
        at -= 1
        while at > 0 and d < distance[i, at - 1]:
            distance[i, at], index[i, at] = distance[i, at - 1], index[i, at - 1]
            at -= 1
        distance[i, at], index[i, at] = d, j
