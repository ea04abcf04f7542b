"""Does each column, alone, look real?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
