"""The answers of `_euclidean_search` by measuring every pair: for small jobs, and as Python."""

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import device, kernel

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@kernel
def scan(
    queries: Floats,
    pool: Floats,
    weights: Floats,
    own: bool,  # noqa: FBT001  (compiled)
    radii: Floats,
    first: int,
    last: int,
    index: Integers,
    distance: Floats,
    within: Integers,
) -> None:
    """Neighbors of the queries from `first` to before `last`, or counts where radii are given."""
    k = distance.shape[1]
    for i in prange(first, last):
        for j in range(pool.shape[0]):
            if own and i == j:
                continue
            if radii.size:
                within[i] += _distance(queries, i, pool, j, weights, radii[i]) <= radii[i]
                continue
            d = _distance(queries, i, pool, j, weights, distance[i, k - 1])
            if d < distance[i, k - 1]:  # strict: a tie keeps the lower index
                at = k - 1
                while at > 0 and d < distance[i, at - 1]:
                    distance[i, at], index[i, at] = distance[i, at - 1], index[i, at - 1]
                    at -= 1
                distance[i, at], index[i, at] = d, j


@device
def _distance(
    queries: Floats, i: int, pool: Floats, j: int, weights: Floats, worst: float
) -> float:
    """Distance as defined, or a part of it that exceeds `worst`."""
    d = 0.0
    for c in range(queries.shape[1]):
        a, b = queries[i, c], pool[j, c]
        gap = abs(a - b)
        if math.isnan(gap):
            gap = 0.0 if math.isnan(a) and math.isnan(b) else 1.0
        d += weights[c] * (gap * gap)
        if d > worst:
            break
    return d
