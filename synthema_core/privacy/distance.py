"""Distances between synthetic and real rows: descriptive, and no evidence of safety."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Five quantiles of n values."""

    q05: float
    q25: float
    q50: float
    q75: float
    q95: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distances:
    """Synthetic rows against training and holdout rows. Descriptive: not evidence of safety.

    Everything about the holdout is None, or an empty Estimate, when there is no holdout.

    Attributes:
        n_train: Rows of the training table.
        n_holdout: Rows of the holdout, 0 if there is none.
        n_synthetic: Rows of the synthetic table.
        share_closer_to_train: Odds-corrected share of synthetic rows whose closest real row is a
            training row: 0.5 is no leak whatever the sizes of the two tables, 1.0 the worst.
        copied_train: Share of training rows that some synthetic row equals in every field.
        copied_holdout: The same for holdout rows: what chance alone copies. The fair comparison.
        identical_share_train: Share of synthetic rows that equal some training row.
        identical_share_holdout: Share of synthetic rows that equal some holdout row.
        dcr_train: Distance from each synthetic row to its closest training row.
        dcr_holdout: The same to the holdout. Pools of different size are not comparable: the larger
            one is closer by chance.
        nndr_train: Median ratio of the closest to the second closest training row.
        nndr_holdout: The same for the holdout.
        edges: (b + 1,) bin edges of distances, for the two histograms below.
        train_to_synthetic: (b,) share of training rows by distance to their closest synthetic row.
        holdout_to_synthetic: (b,) the same for holdout rows; comparable, as the pool is the same.
        source: Definition.
    """

    n_train: int
    n_holdout: int
    n_synthetic: int
    share_closer_to_train: Estimate
    copied_train: Estimate
    copied_holdout: Estimate
    identical_share_train: Estimate
    identical_share_holdout: Estimate
    dcr_train: Quantiles
    dcr_holdout: Quantiles | None
    nndr_train: float | None
    nndr_holdout: float | None
    edges: NDArray[np.float64]
    train_to_synthetic: NDArray[np.float64]
    holdout_to_synthetic: NDArray[np.float64] | None
    source: str
