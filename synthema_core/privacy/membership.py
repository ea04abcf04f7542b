"""Was this patient in the training table? An attack by distance to the closest synthetic row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import EMPTY, Estimate, auc, clopper_pearson, minimum_detectable_auc

# Where the ROC curve is read: both quoted rates are on it, and the low corner, where a few patients
# are found with certainty, is as dense as the rest.
FPR = np.unique(np.concatenate([[0.01, 0.1], np.geomspace(1e-3, 0.1, 41), np.linspace(0, 1, 101)]))

SOURCE = (
    "Membership inference by distance to the closest synthetic row, controls from a never-seen "
    "holdout. AUC: DeLong et al. (1988), Biometrics 44, 837-845. TPR at low FPR: Carlini et al. "
    "(2022), IEEE S&P, 1897-1914, at randomized p-values (Vovk et al. 2005), interval by Clopper "
    "& Pearson (1934) on m n / (m + n) rows."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Membership:
    """How well distance to the closest synthetic row tells training patients from unseen ones.

    Attributes:
        auc: Probability that a member is closer to the synthetic table than a control, ties one
            half. 0.5 is no leak, 1.0 the worst.
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


def membership(
    *,
    members: NDArray[np.float64],
    controls: NDArray[np.float64],
    n_synthetic: int,
) -> Membership:
    """Attack by the distance from each real row to its closest synthetic row.

    Members and controls search the same synthetic table, so unequal numbers of them bias neither
    the AUC nor the rates, and no row has to be thrown away: the mean over all equal-size resamples
    of either side is the number computed here from all rows.

    Args:
        members: (m,) distance of each training row; finite.
        controls: (n,) distance of each holdout row; finite.
        n_synthetic: Rows of the synthetic table.

    Returns:
        Membership; its estimates are empty if either side is.
    """
    m, n = len(members), len(controls)
    curve = roc(members=members, controls=controls, fpr=FPR)
    return Membership(
        auc=auc(-members, -controls),
        tpr_at_1=_rate(members, controls, 0.01),
        tpr_at_10=_rate(members, controls, 0.1),
        fpr=FPR,
        tpr=curve,
        n_members=m,
        n_controls=n,
        n_synthetic=n_synthetic,
        minimum_detectable_auc=minimum_detectable_auc(m, n),
        source=SOURCE,
    )


def roc(
    *,
    members: NDArray[np.float64],
    controls: NDArray[np.float64],
    fpr: NDArray[np.float64],
) -> NDArray[np.float64]:
    """True positive rate at each false positive rate, for scores that may tie.

    A member with g controls strictly closer to the synthetic table and e equally close has the
    randomized p-value (g + U (1 + e)) / (n + 1), U uniform. Were the member a control, that
    p-value would be uniform, ties or not, however few the controls: so the expected rate at `fpr`
    is exactly `fpr` when nothing leaks, a constant score gives TPR = FPR, and n controls certify no
    rate below 1 / (n + 1). The value here is the expectation over U, so nothing is random.

    Args:
        members: (m,) distances; smaller is more suspicious.
        controls: (n,) distances.
        fpr: (g,) rates in [0, 1].

    Returns:
        (g,) rates in [0, 1], ascending with `fpr`; NaN if either side is empty.
    """
    n = len(controls)
    if len(members) == 0 or n == 0:
        return np.full(len(fpr), np.nan)
    members, ordered = np.sort(members), np.sort(controls)  # same bits in any row order
    closer = np.searchsorted(ordered, members, side="left")
    equal = np.searchsorted(ordered, members, side="right") - closer
    # One rate at a time: a (g, m) block would not fit for millions of patients.
    return np.array([np.clip((rate * (n + 1) - closer) / (1 + equal), 0, 1).mean() for rate in fpr])


def _rate(members: NDArray[np.float64], controls: NDArray[np.float64], fpr: float) -> Estimate:
    """TPR at one FPR, with an interval that knows the threshold was read off the controls.

    Clopper–Pearson on m n / (m + n) rows: on a ROC curve of slope 1, the null, the variance of the
    rate is the sum of both sides'. With m rows alone a small holdout would look certain.
    """
    m, n = len(members), len(controls)
    if m == 0 or n == 0:
        return EMPTY
    value = float(roc(members=members, controls=controls, fpr=np.array([fpr]))[0])
    trials = m * n / (m + n)
    low, high = clopper_pearson(value * trials, trials)
    return Estimate(value=value, low=low, high=high, n=m + n)
