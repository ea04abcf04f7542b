"""The cheapest levels at which few enough rows stay in classes smaller than k."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SynthemaError

MOST_NODES = 100_000

SOURCE = (
    "Full-domain generalization with suppression of outliers, the cheapest of all combinations of "
    "levels: the lattice search of El Emam et al. (2009), JAMIA 16, 670-682 (optimal lattice "
    "anonymization), on the normalized certainty penalty of Xu et al. (2006), KDD, 785-790."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The levels chosen.

    Attributes:
        levels: One per quasi-identifier, 0 for the values as they are.
        cost: Normalized certainty penalty of the levels, mean over cells, before suppression.
        tested: Combinations that were counted.
        combinations: Combinations there are.
    """

    levels: tuple[int, ...]
    cost: float
    tested: int
    combinations: int


def cheapest(
    codes: Sequence[Sequence[NDArray[np.int64]]],
    costs: Sequence[Sequence[float]],
    *,
    k: int,
    allowed: int,
    units: NDArray[np.int64] | None,
) -> Found | int:
    """Search the lattice of levels.

    Rows in small classes grow fewer as any level rises, so a combination that fails rules out all
    below it, and one that succeeds rules out all that cost as much. The combination tested next is
    the one in the middle of those left, by cost: the answer is the cheapest there is, found without
    counting most of the others.

    Args:
        codes: Per quasi-identifier and level, (n,) group of each row, from 0.
        costs: Per quasi-identifier and level, mean penalty of its cells; ascending in the level.
        k: Smallest class wanted.
        allowed: Rows that may be suppressed.
        units: (n,) patient of each row; None if each row is its own.

    Returns:
        The cheapest levels; or, if there are none, the rows in small classes at the coarsest.

    Raises:
        SynthemaError: If there are too many combinations.
    """
    shape = tuple(len(levels) for levels in codes)
    combinations = math.prod(shape)
    if combinations > MOST_NODES:
        raise SynthemaError(
            f"expected at most {MOST_NODES} combinations of levels, got {combinations}. Name fewer "
            "quasi-identifiers, or declare shorter hierarchies."
        )
    cost = np.zeros(shape)
    for axis, each in enumerate(costs):
        cost += np.reshape(each, [-1 if a == axis else 1 for a in range(len(shape))])
    cost /= len(shape)
    rows, weights, counted = _collapse([levels[0] for levels in codes], units)
    small = [[level[rows] for level in levels] for levels in codes]
    top = tuple(size - 1 for size in shape)
    tested = 1
    at_top = _small_rows(small, top, weights, counted, k)
    if at_top > allowed:
        return at_top
    best, open_ = top, np.ones(shape, np.bool_)
    open_[cost >= cost[top]] = False
    while open_.any():
        left = np.argwhere(open_)
        order = np.lexsort((*left.T[::-1], cost[tuple(left.T)]))
        node = tuple(int(i) for i in left[order[len(order) // 2]])
        tested += 1
        if _small_rows(small, node, weights, counted, k) > allowed:
            open_[tuple(slice(0, i + 1) for i in node)] = False
        else:
            best = node
            open_[cost >= cost[node]] = False
    return Found(levels=best, cost=float(cost[best]), tested=tested, combinations=combinations)


def row_classes(codes: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The class of each row from its code in every column, numbered from 0."""
    index = np.zeros(len(codes[0]), np.int64)
    size = 1
    for code in codes:
        width = int(code.max()) + 1
        if size * width > 4 * len(code) + 1000:  # dense again, before numbers outgrow the rows
            _, index = np.unique(index, return_inverse=True)
            size = int(index.max()) + 1
        index = index * width + code
        size *= width
    _, dense = np.unique(index, return_inverse=True)
    return dense.astype(np.int64)


def unit_sizes(
    index: NDArray[np.int64], units: NDArray[np.int64] | None, weights: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Size of each class: its rows, or its different patients."""
    if units is None:
        return np.bincount(index, weights).astype(np.int64)
    pairs = np.unique(index * (int(units.max()) + 1) + units)
    return np.bincount(pairs // (int(units.max()) + 1), minlength=int(index.max()) + 1)


def _collapse(
    base: list[NDArray[np.int64]], units: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]:
    """One row for all that agree (and are one patient's), with their number."""
    index = row_classes(base if units is None else [*base, units])
    _, rows, weights = np.unique(index, return_index=True, return_counts=True)
    return rows, weights, None if units is None else units[rows]


def _small_rows(
    codes: Sequence[Sequence[NDArray[np.int64]]],
    node: tuple[int, ...],
    weights: NDArray[np.int64],
    units: NDArray[np.int64] | None,
    k: int,
) -> int:
    index = row_classes([levels[i] for levels, i in zip(codes, node, strict=True)])
    return int(weights[unit_sizes(index, units, weights)[index] < k].sum())
