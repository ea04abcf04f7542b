"""Does each column, alone, look real?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import Values

BINS = 30
SOURCE = (
    "Kolmogorov-Smirnov distance of numbers, total variation distance of categories; missing "
    "values count as a category, or as |a - b| + (1 - max(a, b)) D for numbers."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnShape:
    """One column's distribution, real against synthetic.

    Attributes:
        name: Column.
        kind: Its kind in the schema.
        error: Distance of the two distributions in [0, 1]; 0 is equal.
        baseline: The same error between two tables of real patients; None without a holdout.
        missing_real: Share of missing values among the real rows.
        missing_synthetic: Share of missing values among the synthetic rows.
        n_real: Real rows.
        n_synthetic: Synthetic rows.
        edges: (b + 1,) bin edges of a numeric column, None for a categorical one. The outermost
            bins also hold what lies beyond the pooled 1st and 99th percentile.
        labels: Names of the categories, None for a numeric column.
        real: (b,) share of all real rows by bin or category; what is left to 1 is missing.
        synthetic: (b,) the same for the synthetic rows.
    """

    name: str
    kind: str
    error: float
    baseline: float | None
    missing_real: float
    missing_synthetic: float
    n_real: int
    n_synthetic: int
    edges: NDArray[np.float64] | None
    labels: tuple[str, ...] | None
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shapes:
    """Every column's shape, and their mean error.

    Attributes:
        columns: One per modelled column, in the schema's order.
        mean: Mean of their errors.
        baseline: Mean of their baselines, None without a holdout.
        source: Definition.
    """

    columns: tuple[ColumnShape, ...]
    mean: float | None
    baseline: float | None
    source: str


def shapes(columns: Sequence[Values]) -> Shapes:
    """Compare every column of two tables, or of three.

    Args:
        columns: `Values` of the real, the synthetic and, for a baseline, a second real table.

    Returns:
        Shapes in the same order; `mean` is None without columns.
    """
    found = tuple(_shape(column) for column in columns)
    baselines = [shape.baseline for shape in found if shape.baseline is not None]
    return Shapes(
        columns=found,
        mean=float(np.mean([shape.error for shape in found])) if found else None,
        baseline=float(np.mean(baselines)) if baselines else None,
        source=SOURCE,
    )


def number_error(real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> float:
    """Kolmogorov–Smirnov distance, with missing values folded in.

    With shares of missing values a and b and distance D of the values present, the error is
    |a - b| + (1 - max(a, b)) D: D itself when nothing is missing, 1 when one table has only values
    and the other none, and never less than the difference in missing values.

    Args:
        real: (n,), NaN for missing, n >= 1.
        synthetic: (m,), m >= 1.

    Returns:
        In [0, 1].
    """
    first, second = real[~np.isnan(real)], synthetic[~np.isnan(synthetic)]
    a, b = 1 - len(first) / len(real), 1 - len(second) / len(synthetic)
    if len(first) == 0 or len(second) == 0:
        return abs(a - b)
    steps = np.unique(np.concatenate([first, second]))
    below_first = np.searchsorted(np.sort(first), steps, side="right") / len(first)
    below_second = np.searchsorted(np.sort(second), steps, side="right") / len(second)
    distance = float(np.abs(below_first - below_second).max())
    return abs(a - b) + (1 - max(a, b)) * distance


def category_error(real: NDArray[np.int64], synthetic: NDArray[np.int64]) -> float:
    """Total variation distance; missing (-1) is a category of its own.

    Args:
        real: (n,) codes, n >= 1.
        synthetic: (m,) codes, m >= 1.

    Returns:
        In [0, 1].
    """
    levels = int(max(real.max(), synthetic.max())) + 2
    gap = _shares(real + 1, levels) - _shares(synthetic + 1, levels)
    return float(np.abs(gap).sum()) / 2


def _shape(column: Values) -> ColumnShape:
    real, synthetic, *other = column.tables
    error: Callable[[NDArray[Any], NDArray[Any]], float]
    edges: NDArray[np.float64] | None
    if column.labels is None:
        error = number_error
        missing = [float(np.isnan(table).mean()) for table in (real, synthetic)]
        edges = _edges(np.concatenate([real, synthetic]))
        bars = [_histogram(table, edges) for table in (real, synthetic)]
    else:
        error = category_error
        missing = [float((table < 0).mean()) for table in (real, synthetic)]
        edges = None
        bars = [_shares(table + 1, len(column.labels) + 1)[1:] for table in (real, synthetic)]
    return ColumnShape(
        name=column.name,
        kind=column.kind,
        error=error(real, synthetic),
        baseline=error(real, other[0]) if other else None,
        missing_real=missing[0],
        missing_synthetic=missing[1],
        n_real=len(real),
        n_synthetic=len(synthetic),
        edges=edges,
        labels=column.labels,
        real=bars[0],
        synthetic=bars[1],
    )


def _shares(codes: NDArray[np.int64], levels: int) -> NDArray[np.float64]:
    return np.bincount(codes, minlength=levels) / len(codes)


def _edges(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bins from the pooled 1st to 99th percentile, equally wide.

    Whole numbers are cut halfway between them, so that each bin holds equally many of them: an age
    histogram of 1.4 years per bin would show a comb that is not in the data.
    """
    present = pooled[~np.isnan(pooled)]
    if len(present) == 0:
        return np.array([-0.5, 0.5])
    low, high = np.quantile(present, [0.01, 0.99])
    if (present == np.floor(present)).all():
        step = max(1, int(np.ceil((np.ceil(high) - np.floor(low) + 1) / BINS)))
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + step, step)
    if low == high:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, BINS + 1)


def _histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of all rows in each bin; the outermost bins take what lies beyond them."""
    present = np.clip(values[~np.isnan(values)], edges[0], edges[-1])
    count, _ = np.histogram(present, edges)
    share: NDArray[np.float64] = count / len(values)
    return share
