"""Are columns associated with each other as they are in real patients?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..intervals import midranks
from .values import Values

LEVELS = 20  # rarer categories of a column are pooled: no cross table holds 600 of them
WORST = 10
SOURCE = (
    "Association in [0, 1]: |Spearman's rho| between numbers, bias-corrected Cramer's V between "
    "categories (Bergsma 2013, J. Korean Stat. Soc. 42, 323-328), correlation ratio on ranks with "
    "Kelley's (1935) correction between a number and a category."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDifference:
    """Association of two columns, in [0, 1], in the real and in the synthetic table."""

    first: str
    second: str
    real: float
    synthetic: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Association of every pair of columns, real against synthetic.

    Attributes:
        names: The c columns, in the schema's order.
        real: (c, c) association in [0, 1] among real rows; NaN where it cannot be computed.
        synthetic: (c, c) the same among synthetic rows.
        mean_error: Mean absolute difference over the pairs that both tables define; None if none.
        baseline: The same error between two tables of real patients; None without a holdout.
        worst: The ten pairs that differ most, largest first.
        source: Definition.
    """

    names: tuple[str, ...]
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    mean_error: float | None
    baseline: float | None
    worst: tuple[PairDifference, ...]
    source: str


def pairs(columns: Sequence[Values]) -> Pairs:
    """Compare the association of every pair of columns in two tables, or in three.

    Args:
        columns: `Values` of the real, the synthetic and, for a baseline, a second real table.

    Returns:
        Pairs; see `association` for what the numbers are.
    """
    names = tuple(column.name for column in columns)
    pooled = [_pool_rare(column) for column in columns]
    n_tables = len(columns[0].tables) if columns else 2
    real, synthetic, *other = (
        association([column.tables[t] for column in pooled]) for t in range(n_tables)
    )
    upper = np.triu_indices(len(names), k=1)
    gap = np.abs(real - synthetic)[upper]
    order = np.argsort(-np.nan_to_num(gap, nan=-1.0), kind="stable")[:WORST]
    worst = tuple(
        PairDifference(
            first=names[i],
            second=names[j],
            real=float(real[i, j]),
            synthetic=float(synthetic[i, j]),
        )
        for i, j in zip(upper[0][order].tolist(), upper[1][order].tolist(), strict=True)
        if not np.isnan(real[i, j] - synthetic[i, j])
    )
    return Pairs(
        names=names,
        real=real,
        synthetic=synthetic,
        mean_error=_mean(gap),
        baseline=_mean(np.abs(real - other[0])[upper]) if other else None,
        worst=worst,
        source=SOURCE,
    )


def association(columns: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Association of every pair of columns, in a few matrix products.

    - Two numbers: |Pearson| of ranks on the rows that have both. Ranks are those among all values
      of a column, not redone for each pair.
    - Two categories: Cramér's V with Bergsma's correction; missing is a category.
    - A number and a category: correlation ratio of the number's ranks on the rows that have it,
      with Kelley's correction; a missing category is a category.

    A constant column is associated with nothing (0).

    Args:
        columns: c arrays of (n,): float64 with NaN for missing, or integer codes with -1.

    Returns:
        (c, c) symmetric, in [0, 1], diagonal 1; NaN where fewer than 3 rows can be compared.
    """
    numeric = [i for i, column in enumerate(columns) if column.dtype.kind == "f"]
    coded = [i for i, column in enumerate(columns) if column.dtype.kind != "f"]
    ranks, present = _ranks([columns[i] for i in numeric], len(columns[0]) if columns else 0)
    levels, starts = _indicators([columns[i] for i in coded], len(ranks))
    result = np.full((len(columns), len(columns)), np.nan)
    result[np.ix_(numeric, numeric)] = _spearman(ranks, present)
    if coded:
        result[np.ix_(coded, coded)] = _cramer(levels, starts)
    if coded and numeric:
        mixed = _correlation_ratio(ranks, present, levels, starts)
        result[np.ix_(coded, numeric)], result[np.ix_(numeric, coded)] = mixed, mixed.T
    np.fill_diagonal(result, 1.0)
    return result


def _ranks(
    columns: Sequence[NDArray[Any]], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centered ranks, 0 where missing, and 1 where present; both (n, p)."""
    ranks, present = np.zeros((n, len(columns))), np.zeros((n, len(columns)))
    for j, column in enumerate(columns):
        there = ~np.isnan(column)
        rank = midranks(column[there])
        ranks[there, j] = rank - (len(rank) + 1) / 2
        present[there, j] = 1.0
    return ranks, present


def _indicators(
    columns: Sequence[NDArray[Any]], n: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One 0/1 column per category that occurs, (n, L), and where each column's begin, (q,)."""
    blocks, starts = [np.zeros((n, 0))], []
    for column in columns:
        _, code = np.unique(column, return_inverse=True)
        starts.append(sum(block.shape[1] for block in blocks))
        blocks.append(np.eye(code.max() + 1)[code])
    return np.concatenate(blocks, axis=1), np.array(starts, dtype=np.int64)


def _spearman(ranks: NDArray[np.float64], present: NDArray[np.float64]) -> NDArray[np.float64]:
    n = present.T @ present
    total, square = ranks.T @ present, (ranks**2).T @ present  # of the row's column, on common rows
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = ranks.T @ ranks - total * total.T / n
        spread = square - total**2 / n
        correlation = np.abs(covariance) / np.sqrt(spread * spread.T)
    flat = np.minimum(spread, spread.T) <= 1e-9 * np.maximum(square, 1)
    return np.where(n < 3, np.nan, np.where(flat, 0.0, np.clip(correlation, 0, 1)))


def _cramer(levels: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    n = len(levels)
    count = np.add.reduceat(np.ones(levels.shape[1]), starts)
    if n < 3:
        return np.full((len(starts), len(starts)), np.nan)
    table, margin = levels.T @ levels, levels.sum(axis=0)
    squares = table**2 / np.outer(margin, margin)
    phi = np.add.reduceat(np.add.reduceat(squares, starts, axis=0), starts, axis=1) - 1
    free = count - 1
    phi = np.maximum(phi - np.outer(free, free) / (n - 1), 0)
    size = count - free**2 / (n - 1)
    least = np.minimum.outer(size, size) - 1
    ratio = np.divide(phi, least, out=np.zeros_like(phi), where=least > 1e-12)
    strength: NDArray[np.float64] = np.sqrt(np.clip(ratio, 0, 1))
    return strength


def _correlation_ratio(
    ranks: NDArray[np.float64],
    present: NDArray[np.float64],
    levels: NDArray[np.float64],
    starts: NDArray[np.int64],
) -> NDArray[np.float64]:
    n = present.sum(axis=0)
    sums, sizes = levels.T @ ranks, levels.T @ present
    between = np.add.reduceat(
        np.divide(sums**2, sizes, out=np.zeros_like(sums), where=sizes > 0), starts, axis=0
    )
    groups = np.add.reduceat(sizes > 0, starts, axis=0, dtype=np.float64)
    whole = (ranks**2).sum(axis=0)
    share = np.divide(between, whole, out=np.zeros_like(between), where=whole > 0)
    left = np.maximum(n - groups, 1)
    corrected = 1 - (1 - share) * (n - 1) / left
    # As many groups as rows explain everything and say nothing.
    corrected = np.where((n <= groups) | (whole <= 0), 0.0, corrected)
    return np.where(n < 3, np.nan, np.sqrt(np.clip(corrected, 0, 1)))


def _pool_rare(column: Values) -> Values:
    """The LEVELS categories most frequent in all tables keep a code; the others share one."""
    if column.labels is None or len(column.labels) <= LEVELS:
        return column
    everything = np.concatenate(column.tables)
    count = np.bincount(everything + 1, minlength=len(column.labels) + 1)[1:]
    order = np.argsort(-count, kind="stable")
    code = np.full(len(column.labels) + 1, LEVELS)
    code[order[:LEVELS]] = np.arange(LEVELS)
    code[-1] = -1
    return Values(
        name=column.name,
        kind=column.kind,
        labels=column.labels,
        tables=tuple(code[table] for table in column.tables),
    )


def _mean(gap: NDArray[np.float64]) -> float | None:
    return None if np.isnan(gap).all() else float(np.nanmean(gap))
