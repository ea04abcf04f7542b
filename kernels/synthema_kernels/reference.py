"""The definitions: a slow NumPy twin of every public kernel.

Nothing here is fast, tiled or clever. A kernel is right when it returns these bits.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .contract import Metric, Neighbors
from .ranked import Matches, Ranked
from .rows import Rows


def nearest(
    queries: Rows,
    pool: Rows,
    k: int = 2,
    *,
    metric: Metric = "gower",
    weights: ArrayLike | None = None,
    exclude_self: bool = False,
) -> Neighbors:
    """The k closest pool rows of each query, by sorting all distances."""
    distance = distances(queries, pool, metric=metric, weights=weights)
    if exclude_self:
        np.fill_diagonal(distance, np.inf)
    index = np.argsort(distance, axis=1, kind="stable")[:, :k]  # a tie keeps the lower index
    return Neighbors(index, np.take_along_axis(distance, index, axis=1))


def nearest_groups(
    queries: Rows,
    pool: Rows,
    groups: ArrayLike,
    k: int = 2,
    *,
    metric: Metric = "gower",
    weights: ArrayLike | None = None,
    exclude_self: bool = False,
) -> list[Neighbors]:
    """The k closest pool rows in each group of columns: the others weigh nothing."""
    all_weights = _weights(queries, weights)
    return [
        nearest(
            queries, pool, k, metric=metric, weights=all_weights * group, exclude_self=exclude_self
        )
        for group in np.asarray(groups)
    ]


def count_within(
    queries: Rows,
    pool: Rows,
    radius: ArrayLike,
    *,
    metric: Metric = "gower",
    weights: ArrayLike | None = None,
    strict: bool = False,
    exclude_self: bool = False,
) -> NDArray[np.int64]:
    """How many pool rows lie within the radius of each query, by comparing all distances."""
    distance = distances(queries, pool, metric=metric, weights=weights)
    radii = np.broadcast_to(np.asarray(radius, np.float64), len(queries))[:, np.newaxis]
    within = distance < radii if strict else distance <= radii
    if exclude_self:
        np.fill_diagonal(within, val=False)
    count: NDArray[np.int64] = np.count_nonzero(within, axis=1)
    return count


def count_matching(
    table: Ranked,
    columns: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    enough: int | None = None,
    keep: int = 2,
) -> Matches:
    """Rows that satisfy each condition, by asking every row every term."""
    which, lowest, highest = (np.asarray(x) for x in (columns, low, high))
    values = table.ranks[:, which]  # (n, m, t)
    holds = np.all((values >= lowest) & (values <= highest), axis=2)
    count: NDArray[np.int64] = np.count_nonzero(holds, axis=0)
    rows = np.full((len(which), keep), -1)
    for i in np.flatnonzero((count <= keep) & (count < (np.inf if enough is None else enough))):
        rows[i, : count[i]] = np.flatnonzero(holds[:, i])
    return Matches(count if enough is None else np.minimum(count, enough), rows)


def merge(first: Neighbors, second: Neighbors, k: int | None = None) -> Neighbors:
    """The k closest of two lists, by sorting both together on distance, then index."""
    index = np.concatenate([first.index, second.index], axis=1)
    distance = np.concatenate([first.distance, second.distance], axis=1)
    kept = max(first.index.shape[1], second.index.shape[1]) if k is None else k
    order = np.lexsort((index, distance), axis=1)[:, :kept]
    return Neighbors(
        np.take_along_axis(index, order, axis=1), np.take_along_axis(distance, order, axis=1)
    )


def distances(
    queries: Rows, pool: Rows, *, metric: Metric = "gower", weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """All distances (n, m): weighted gaps, or their squares, then weights of the codes that differ.

    The gap of two numbers is |a - b|. Missing equals missing and is at gap 1 from any value. A
    metric without squares adds w * gap per numeric column, 'sqeuclidean' w * gap**2, in the order
    of the columns and in float64; then the sum of the weights of the codes that differ, taken
    apart. This fixes every bit.

    Source: Gower (1971), Biometrics 27, 857-871; its sum, not its mean, with missing as a value.
    """
    p, w = queries.numeric.shape[1], _weights(queries, weights)
    distance = np.zeros((len(queries), len(pool)))
    for weight, a, b in zip(w[:p], queries.numeric.T, pool.numeric.T, strict=True):
        gap = _gap(a[:, np.newaxis], b)
        distance += weight * (gap * gap if metric == "sqeuclidean" else gap)
    differing = np.zeros(distance.shape)
    for weight, a, b in zip(w[p:], queries.codes.T, pool.codes.T, strict=True):
        differing += weight * (a[:, np.newaxis] != b)  # missing, -1, is equal to itself alone
    return distance + differing


def _weights(rows: Rows, weights: ArrayLike | None) -> NDArray[np.float64]:
    columns = rows.numeric.shape[1] + rows.codes.shape[1]
    return np.ones(columns) if weights is None else np.asarray(weights, np.float64)


def _gap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    missing = np.isnan(a), np.isnan(b)
    return np.where(missing[0] | missing[1], missing[0] ^ missing[1], np.abs(a - b))
