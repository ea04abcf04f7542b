"""Are columns associated with each other as they are in real patients?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
