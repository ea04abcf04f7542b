"""The definitions: a slow NumPy twin of every public kernel.

Nothing here is fast, tiled or clever. A kernel is right when it returns these bits.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .contract import Neighbors
from .rows import Rows


def nearest(queries: Rows, pool: Rows, k: int = 2, *, exclude_self: bool = False) -> Neighbors:
    """The k closest pool rows of each query, by sorting all distances."""
    distance = mixed_distance(queries, pool)
    if exclude_self:
        np.fill_diagonal(distance, np.inf)
    index = np.argsort(distance, axis=1, kind="stable")[
        :, :k
    ]  # stable: a tie keeps the lower index
    return Neighbors(index, np.take_along_axis(distance, index, axis=1))


def count_within(
    queries: Rows,
    pool: Rows,
    radius: ArrayLike,
    *,
    strict: bool = False,
    exclude_self: bool = False,
) -> NDArray[np.int64]:
    """How many pool rows lie within the radius of each query, by comparing all distances."""
    distance = mixed_distance(queries, pool)
    radii = np.broadcast_to(np.asarray(radius, np.float64), len(queries))[:, np.newaxis]
    within = distance < radii if strict else distance <= radii
    if exclude_self:
        np.fill_diagonal(within, val=False)
    count: NDArray[np.int64] = np.count_nonzero(within, axis=1)
    return count


def mixed_distance(queries: Rows, pool: Rows) -> NDArray[np.float64]:
    """Gower's distance (n, m): |a - b| per numeric column, then 0 or 1 per categorical column.

    Missing equals missing and is at distance 1 from any value. Numeric columns are added in their
    order, in float64, and the number of differing codes last: this fixes every bit of the sum.

    Source: Gower (1971), Biometrics 27, 857-871; its sum, not its mean, with missing as a value.
    """
    distance = np.zeros((len(queries), len(pool)))
    for a, b in zip(queries.numeric.T, pool.numeric.T, strict=True):
        distance += _gap(a[:, np.newaxis], b)
    differing = np.zeros(distance.shape, np.int64)
    for a, b in zip(queries.codes.T, pool.codes.T, strict=True):
        differing += a[:, np.newaxis] != b  # missing is the level -1: equal to itself alone
    return distance + differing


def _gap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    missing = np.isnan(a), np.isnan(b)
    return np.where(missing[0] | missing[1], missing[0] ^ missing[1], np.abs(a - b))
