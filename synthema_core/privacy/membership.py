"""Was this patient in the training table? An attack by distance to the closest synthetic row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Membership:
    """How well distance to the closest synthetic row tells training patients from unseen ones.

    Attributes:
        auc: Probability that a member is closer to the synthetic table than a control, ties one half.
            0.5 is no leak, 1.0 the worst.
        tpr_at_1: Share of members found when 1 % of the controls are wrongly accused.
        tpr_at_10: The same at 10 %.
        fpr: (g,) grid of false positive rates, ascending from 0 to 1, dense below 0.1.
        tpr: (g,) true positive rate at each; `tpr_at_1` and `tpr_at_10` lie on this curve.
        n_members: Rows of the training table.
        n_controls: Rows of the holdout.
        n_synthetic: Rows of the synthetic table.
        minimum_detectable_auc: Smallest AUC that tables of these sizes tell from 0.5 in four audits
            of five.
        source: Definition.
    """

    auc: Estimate
    tpr_at_1: Estimate
    tpr_at_10: Estimate
    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    n_members: int
    n_controls: int
    n_synthetic: int
    minimum_detectable_auc: float
    source: str
