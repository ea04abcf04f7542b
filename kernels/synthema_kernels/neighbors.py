"""Exact nearest rows: who is close, in which columns, and how many are.

A verb checks its arguments, drops columns without weight, collapses copies (`_copies`) and asks an
engine. An engine answers `find` and `count` exactly, by any bound it likes:

- `_gower_bytes`: sums of gaps, where a vector instruction looks bytes up in a table;
- `_gower_words`: the same on any other processor;
- `_euclidean`: sums of squares, dense or pruned.

An engine decides how long a search takes, never what it finds: all are held to `reference`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _euclidean, _gower_bytes, _gower_groups, _gower_words
from ._copies import distinct, spread
from ._threads import COMPARED, READ, threads_for
from .contract import (
    Engine,
    Metric,
    Neighbors,
    check_metric,
    check_self,
    checked_groups,
    checked_k,
    checked_radius,
    checked_weights,
)
from .rows import Rows, check_same_columns


def nearest(
    queries: Rows,
    pool: Rows,
    k: int = 2,
    *,
    metric: Metric = "gower",
    weights: ArrayLike | None = None,
    exclude_self: bool = False,
) -> Neighbors:
    """The k closest rows of `pool` for each row of `queries`, exactly.

    'gower' adds |a - b| per numeric column and 0 or 1 per categorical one; 'hamming' is the same
    for rows of codes alone; 'sqeuclidean' adds (a - b)**2, for rows of numbers alone. Missing
    equals missing and is at distance 1 from any value. A copy is at distance exactly 0. On a tie
    the lower pool index wins. The answer has the same bits at any number of threads; memory grows
    with the rows, never with queries times pool.

    Speed needs numeric columns on one scale, such as [0, 1]; the answer does not.

    Args:
        queries: n rows.
        pool: m rows with the same columns in the same order, m >= 1.
        k: Neighbors per query, at most m, or m - 1 with `exclude_self`.
        metric: What is added up.
        weights: (p + q,) factor of each column's term, numeric columns first, from 0 (left out) to
            a million; None is 1 for all.
        exclude_self: Query i *is* pool row i, and is not its own neighbor; copies of it may be.

    Returns:
        Index (n, k) and distance (n, k), the latter in [0, p + q] for unweighted columns scaled to
        [0, 1].

    Raises:
        TypeError: If `queries` or `pool` is not `Rows`, or `k` is not an integer.
        ValueError: If the columns differ or do not suit the metric, the pool is empty, or `k` or a
            weight is out of range.

    Example:
        >>> import numpy as np
        >>> from synthema_kernels import Rows, nearest
        >>> nan = np.nan  # missing; among codes it is -1
        >>> pool = Rows(numeric=np.array([[0.0], [0.5], [nan]]), codes=np.array([[0], [1], [-1]]))
        >>> query = Rows(numeric=np.array([[nan]]), codes=np.array([[1]]))
        >>> index, distance = nearest(query, pool, k=2)
        >>> index.tolist(), distance.tolist()
        ([[1, 2]], [[1.0, 1.0]])

    Source: Gower (1971), Biometrics 27, 857-871; `synthema_kernels.reference` is the definition.
    """
    k = checked_k(queries, pool, k, exclude_self=exclude_self)
    check_metric(queries, pool, metric)
    weight = checked_weights(queries, weights)
    return _nearest(queries, pool, k, metric, weight, exclude_self=exclude_self)


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
    """The k closest rows in several groups of columns, as `nearest` finds them in each.

    An attacker knows some columns and wants others: linkage asks in two sets of columns, attribute
    inference in all columns but one, for every one. Groups that leave out few columns share one
    pass: the bound of all columns, less those of the columns left out. Others are searched apart.

    Args:
        queries: n rows.
        pool: m rows with the same columns in the same order, m >= 1.
        groups: (g, p + q) booleans, True for the columns of each group, numeric columns first. A
            group may be empty: all its distances are 0.
        k: Neighbors per query and group, as in `nearest`.
        metric: As in `nearest`.
        weights: As in `nearest`.
        exclude_self: As in `nearest`.

    Returns:
        For each group its neighbors: index (n, k) and distance (n, k).

    Raises:
        TypeError: If an argument has another type.
        ValueError: If the columns differ or do not suit the metric, the pool is empty, or `groups`,
            `k` or a weight is out of range.

    Source: Giomi et al. (2023), PoPETs 2023(2), 312-328, for the attacks; `nearest` for the rest.
    """
    k = checked_k(queries, pool, k, exclude_self=exclude_self)
    check_metric(queries, pool, metric)
    weight, masks = checked_weights(queries, weights), checked_groups(queries, groups)
    together = np.zeros(len(masks), np.bool_)
    if metric != "sqeuclidean":
        together = _gower_groups.worth(masks[:, weight > 0])
    found: list[Neighbors | None] = [
        None
        if shared
        else _nearest(queries, pool, k, metric, weight * mask, exclude_self=exclude_self)
        for shared, mask in zip(together, masks, strict=True)
    ]
    if together.any():
        kept, theirs, its = _weighing(queries, pool, weight)
        which = masks[together][:, weight > 0]
        with threads_for(int(which.sum()) * len(kept) * len(theirs) * COMPARED):
            answers = _gower_groups.find(kept, theirs, its, which, k, exclude_self=exclude_self)
        shared = iter(answers)
        return [next(shared) if neighbors is None else neighbors for neighbors in found]
    return [neighbors for neighbors in found if neighbors is not None]


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
    """How many rows of `pool` lie within a radius of each row of `queries`, exactly.

    The distance is that of `nearest`, bit for bit: a row at the distance that `nearest` reports is
    within that radius, and not strictly within it. A copy lies within radius 0. The answer is the
    same at any number of threads; memory grows with the rows, never with queries times pool.

    Rows far inside or outside the radius are counted by a bound alone. Speed needs numeric columns
    on one scale without far outliers, such as [0, 1]; the answer does not.

    Args:
        queries: n rows.
        pool: m rows with the same columns in the same order; none means that nothing is within.
        radius: One for all queries, or (n,), in units of distance, at least 0; infinity is allowed.
        metric: As in `nearest`.
        weights: As in `nearest`.
        strict: Count what is closer than the radius, instead of closer or as close.
        exclude_self: Query i *is* pool row i, and is not counted; copies of it may be.

    Returns:
        Count (n,), from 0 to m, or to m - 1 with `exclude_self`.

    Raises:
        TypeError: If `queries` or `pool` is not `Rows`, or `radius` is not a number.
        ValueError: If the columns differ or do not suit the metric, or `radius` or a weight has
            another shape, is NaN or below 0.

    Example:
        >>> import numpy as np
        >>> from synthema_kernels import Rows, count_within
        >>> pool = Rows(numeric=np.array([[0.0], [0.25], [1.0]]))
        >>> query = Rows(numeric=np.array([[0.0], [0.75]]))
        >>> count_within(query, pool, 0.25).tolist()
        [2, 1]
        >>> count_within(query, pool, [0.25, 0.75], strict=True).tolist()
        [1, 2]

    Source: Gower (1971), Biometrics 27, 857-871; `synthema_kernels.reference` is the definition.
    """
    check_same_columns(queries=queries, pool=pool)
    check_metric(queries, pool, metric)
    n, m = len(queries), len(pool)
    check_self(n, m, exclude_self=exclude_self)
    weight, radii = checked_weights(queries, weights), checked_radius(radius, n)
    if strict:
        radii = np.nextafter(radii, -np.inf)  # below 0 for 0: nothing is closer
    if m == 0 or n == 0:
        return np.zeros(n, np.int64)
    queries, pool, weight = _weighing(queries, pool, weight)
    with threads_for(n * m * len(weight) * COMPARED):
        count = _engine(metric, queries, weight).count(queries, pool, weight, radii)
    if exclude_self:  # it was counted: it is at distance 0
        count -= radii >= 0
    return count


def merge(first: Neighbors, second: Neighbors, k: int | None = None) -> Neighbors:
    """The k closest of two answers to the same queries, from different rows of one pool.

    Searching a pool part by part and merging the answers, in any order and any grouping, gives the
    bits of one search, if each part's index counts in the rows of the whole pool.

    Args:
        first: Index (n, k) and distance (n, k).
        second: The same of other pool rows; a part with few rows may hold fewer neighbors.
        k: Neighbors to keep, at most those of both together; None is the larger of both.

    Returns:
        Index (n, k) and distance (n, k), closest first and a tie to the lower index.

    Raises:
        ValueError: If the two answer a different number of queries.
    """
    if len(first.index) != len(second.index):
        raise ValueError(
            f"second: expected {len(first.index)} queries as in first, got {len(second.index)}"
        )
    index = np.concatenate([first.index, second.index], axis=1)
    distance = np.concatenate([first.distance, second.distance], axis=1)
    if k is None:
        k = max(first.index.shape[1], second.index.shape[1])
    order = np.lexsort((index, distance), axis=1)[:, :k]
    return Neighbors(
        np.take_along_axis(index, order, axis=1), np.take_along_axis(distance, order, axis=1)
    )


def _nearest(
    queries: Rows,
    pool: Rows,
    k: int,
    metric: Metric,
    weight: NDArray[np.float64],
    *,
    exclude_self: bool,
) -> Neighbors:
    """Copies collapsed, searched by an engine, and spread again."""
    queries, pool, weight = _weighing(queries, pool, weight)
    engine = _engine(metric, queries, weight)
    with threads_for(max(len(queries), len(pool)) * len(weight) * READ):
        theirs = distinct(pool, len(queries))
        ours = theirs if queries is pool else distinct(queries, len(pool))
    if theirs is None and (ours is None or exclude_self):
        with threads_for(len(queries) * len(pool) * len(weight) * COMPARED):
            return engine.find(queries, pool, weight, k, exclude_self=exclude_self)
    asked = queries if ours is None else ours.rows
    among = pool if theirs is None else theirs.rows
    with threads_for(len(asked) * len(among) * len(weight) * COMPARED):
        found = engine.find(
            asked,
            among,
            weight,
            min(k + exclude_self, len(among)),
            exclude_self=False,  # a query is no longer a row of its own: `spread` leaves it out
        )
        return spread(found, k, ours, theirs, exclude_self=exclude_self)


def _weighing(
    queries: Rows, pool: Rows, weight: NDArray[np.float64]
) -> tuple[Rows, Rows, NDArray[np.float64]]:
    """Both tables without the columns of weight 0, which change no bit of a sum."""
    if (weight > 0).all():
        return queries, pool, weight
    p = queries.numeric.shape[1]
    numbers, codes = weight[:p] > 0, weight[p:] > 0
    kept = Rows(numeric=queries.numeric[:, numbers], codes=queries.codes[:, codes])
    if pool is queries:
        return kept, kept, weight[weight > 0]
    theirs = Rows(numeric=pool.numeric[:, numbers], codes=pool.codes[:, codes])
    return kept, theirs, weight[weight > 0]


def _engine(metric: Metric, queries: Rows, weight: NDArray[np.float64]) -> Engine:
    """The fastest engine that this processor has for a metric and these columns."""
    if metric == "sqeuclidean":
        return _euclidean
    return _gower_bytes if _gower_bytes.suits(weight, queries.numeric.shape[1]) else _gower_words
