"""Was this patient in the training table? What an attack's scores of members and controls say.

`neighborhood`, `values` and `ratio` score people, `suite` runs them all, `verdict` judges them
together.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import (
    EMPTY,
    Estimate,
    auc,
    auc_p_value,
    clopper_pearson,
    minimum_detectable_auc,
)

Floats = NDArray[np.float64]

# Where the ROC curve is read: the quoted rates are on it, and the low corner, where a few patients
# are found with certainty, is as dense as the rest.
FPR = np.unique(
    np.concatenate([[0.001, 0.01, 0.1], np.geomspace(1e-3, 0.1, 41)[1:], np.linspace(0, 1, 101)])
)

RATES = (
    "Controls are a never-seen holdout. AUC: DeLong et al. (1988), Biometrics 44, 837-845. TPR at "
    "low FPR: Carlini et al. (2022), IEEE S&P, 1897-1914, at randomized p-values (Vovk et al. "
    "2005), interval by Clopper & Pearson (1934) on m n / (m + n) rows."
)
SOURCE = f"Membership inference by distance to the closest synthetic row. {RATES}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Membership:
    """How well one attack tells training patients from unseen ones.

    Attributes:
        name: The attack.
        auc: Probability that a member's score is higher than a control's, ties one half. 0.5 is no
            leak, 1.0 the worst; below 0.5 members are avoided, which tells on them as well.
        p_value: Chance of an AUC this far from 0.5 if nothing leaks, for this attack alone: with
            several attacks quote that of the verdict. None if either side is empty.
        tpr_at_01: Share of members found when 0.1 % of the controls are wrongly accused.
        tpr_at_1: The same at 1 %.
        tpr_at_10: The same at 10 %.
        fpr: (g,) grid of false positive rates, ascending from 0 to 1, even on a log scale between
            0.001 and 0.1.
        tpr: (g,) true positive rate at each; the quoted rates lie on this curve.
        n_members: Members scored.
        n_controls: Controls scored.
        n_synthetic: Rows of the synthetic table.
        minimum_detectable_auc: Smallest AUC that tables of these sizes tell from 0.5 in four audits
            of five.
        member_scores: (n_members,) score of each training row, in the order given; higher is more
            suspicious. No part of a report.
        control_scores: (n_controls,) score of each control.
        source: Definition.
    """

    name: str
    auc: Estimate
    p_value: float | None
    tpr_at_01: Estimate
    tpr_at_1: Estimate
    tpr_at_10: Estimate
    fpr: Floats
    tpr: Floats
    n_members: int
    n_controls: int
    n_synthetic: int
    minimum_detectable_auc: float
    member_scores: Floats
    control_scores: Floats
    source: str


def scored(
    name: str,
    *,
    members: Floats,
    controls: Floats,
    n_synthetic: int,
    source: str,
    inflation: float = 1.0,
    p_value: float | None = None,
) -> Membership:
    """What the scores of an attack say.

    Members and controls must have been scored by one rule that does not know who is which. Then
    unequal numbers of them bias neither the AUC nor the rates, and no row has to be thrown away:
    the mean over all equal-size resamples of either side is the number computed here from all rows.

    Args:
        name: The attack.
        members: (m,) score of each training row, higher is more suspicious; finite.
        controls: (n,) score of each control; finite.
        n_synthetic: Rows of the synthetic table.
        source: Definition of the score; that of the rates is added.
        inflation: How many times wider the intervals are than those of a score that was fixed
            before anybody was labeled.
        p_value: If it is known otherwise than by the rank-sum test.

    Returns:
        Membership; its estimates are empty if either side is.
    """
    m, n = len(members), len(controls)
    return Membership(
        name=name,
        auc=widened(auc(members, controls), inflation),
        p_value=auc_p_value(members, controls) if p_value is None else p_value,
        tpr_at_01=_rate(members, controls, 0.001, inflation),
        tpr_at_1=_rate(members, controls, 0.01, inflation),
        tpr_at_10=_rate(members, controls, 0.1, inflation),
        fpr=FPR,
        tpr=roc(members=-members, controls=-controls, fpr=FPR),
        n_members=m,
        n_controls=n,
        n_synthetic=n_synthetic,
        minimum_detectable_auc=min(1.0, 0.5 + inflation * (minimum_detectable_auc(m, n) - 0.5)),
        member_scores=members,
        control_scores=controls,
        source=source if source.endswith(RATES) else f"{source} {RATES}",
    )


def membership(*, members: Floats, controls: Floats, n_synthetic: int) -> Membership:
    """The attack by the distance from each real row to its closest synthetic row.

    Args:
        members: (m,) distance of each training row; finite.
        controls: (n,) distance of each holdout row; finite.
        n_synthetic: Rows of the synthetic table.

    Returns:
        Membership; its estimates are empty if either side is.
    """
    return scored(
        "distance", members=-members, controls=-controls, n_synthetic=n_synthetic, source=SOURCE
    )


def roc(*, members: Floats, controls: Floats, fpr: Floats) -> Floats:
    """True positive rate at each false positive rate, for distances that may tie.

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


def widened(estimate: Estimate, factor: float) -> Estimate:
    """An AUC with an interval that is `factor` times as wide on the logit scale.

    Ends at 0 and at 1 stay: there the interval is a score interval, and is wide enough.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if factor == 1 or value is None or low is None or high is None or not 0 < value < 1:
        return estimate
    middle = _logit(value)
    low = 0.0 if low <= 0 else _expit(middle - factor * (middle - _logit(low)))
    high = 1.0 if high >= 1 else _expit(middle + factor * (_logit(high) - middle))
    return Estimate(value=value, low=low, high=high, n=estimate.n)


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _rate(members: Floats, controls: Floats, fpr: float, inflation: float) -> Estimate:
    """TPR at one FPR, with an interval that knows the threshold was read off the controls.

    Clopper–Pearson on m n / (m + n) rows: on a ROC curve of slope 1, the null, the variance of the
    rate is the sum of both sides'. With m rows alone a small holdout would look certain.
    """
    m, n = len(members), len(controls)
    if m == 0 or n == 0:
        return EMPTY
    value = float(roc(members=-members, controls=-controls, fpr=np.array([fpr]))[0])
    trials = max(1.0, m * n / (m + n) / inflation**2)
    low, high = clopper_pearson(value * trials, trials)
    return Estimate(value=value, low=low, high=high, n=m + n)
