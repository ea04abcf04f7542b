"""Values with their uncertainty: the shape every measured number of an audit has.

All intervals are 95 % and two-sided.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054  # 97.5 % quantile of the normal distribution
Z80 = 0.8416212335729143  # 80 % quantile: the power of `minimum_detectable_auc`


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measured value, its 95 % interval and the number of rows behind it.

    An empty comparison has `value`, `low` and `high` None and `n` 0; it is never written as 0.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeasured:
    """Why a measure has no number. Not measured is never the same as safe."""

    reason: str


EMPTY = Estimate(value=None, low=None, high=None, n=0)


def wilson(successes: float, n: float, *, z: float = Z95) -> tuple[float, float]:
    """Score interval of a proportion.

    Args:
        successes: In [0, n]; a fraction counts half-shared successes.
        n: Trials, > 0. May be an effective number of trials.
        z: Quantile of the normal distribution that the interval reaches to; 95 % by default.

    Returns:
        Low and high, in [0, 1].

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.
    """
    share = successes / n
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    # Rounding may put a share a hair outside [0, 1].
    inner = max(share * (1 - share), 0.0) / n + z**2 / (4 * n**2)
    half = z / (1 + z**2 / n) * math.sqrt(inner)
    # The bounds meet 0 and 1 exactly at the ends; rounding must not move them off.
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == n else min(1.0, center + half)
    return low, high


def clopper_pearson(successes: float, n: float, *, outside: float = 0.025) -> tuple[float, float]:
    """Exact binomial interval of a proportion: it covers at least 95 %.

    Args:
        successes: In [0, n]. The bounds are continuous in it, so fractions are allowed.
        n: Trials, > 0. May be an effective number of trials.
        outside: Chance that the truth lies below the interval, and that it lies above.

    Returns:
        Low and high, in [0, 1].

    Source: Clopper & Pearson (1934), Biometrika 26, 404-413.
    """
    from scipy.special import betaincinv  # 0.1 s to import, so not at the top

    low = 0.0 if successes <= 0 else float(betaincinv(successes, n - successes + 1, outside))
    high = 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - outside))
    return low, high


def auc(positives: NDArray[np.floating[Any]], negatives: NDArray[np.floating[Any]]) -> Estimate:
    """Area under the ROC curve: how often a positive outscores a negative, ties one half.

    The interval is DeLong's, on the logit scale so that it stays in [0, 1]. It is joined with
    Newcombe's score interval (his method 5) when a sample has fewer than 30 rows or when DeLong's
    variance is 0, as it is for perfect separation and for a constant score: no finite sample is
    certain.

    Args:
        positives: (m,) finite scores.
        negatives: (n,) finite scores.

    Returns:
        Estimate with n = m + n rows; empty if either side is.

    Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845, by the midranks of Sun &
    Xu (2014), IEEE Signal Process. Lett. 21, 1389-1393; Newcombe (2006), Stat. Med. 25, 559-573.
    """
    m, n = len(positives), len(negatives)
    if m == 0 or n == 0:
        return EMPTY
    positives, negatives = np.sort(positives), np.sort(negatives)  # same bits in any row order
    ranks = midranks(np.concatenate([positives, negatives]))
    # For each row, the share of the other side that it beats: DeLong's structural components.
    beaten = (ranks[:m] - midranks(positives)) / n
    unbeaten = 1 - (ranks[m:] - midranks(negatives)) / m
    # Counted in half pairs, so that 0.5 and 1 are exact.
    value = round(2 * float((ranks[:m] - midranks(positives)).sum())) / (2 * m * n)
    variance = _variance(beaten) / m + _variance(unbeaten) / n
    low, high = 1.0, 0.0
    if 0 < value < 1 and variance > 0:
        half = Z95 * math.sqrt(variance) / (value * (1 - value))
        center = math.log(value / (1 - value))
        low, high = _expit(center - half), _expit(center + half)
    if min(m, n) < 30 or variance == 0:
        wide = _newcombe(value, m, n)
        low, high = min(low, wide[0]), max(high, wide[1])
    return Estimate(value=value, low=low, high=high, n=m + n)


def auc_p_value(
    positives: NDArray[np.floating[Any]], negatives: NDArray[np.floating[Any]]
) -> float | None:
    """Chance of an AUC this far from 0.5, on either side, if both come from one distribution.

    The normal approximation of the rank-sum test, its variance corrected for ties. 1 where all
    scores tie; None if either side is empty.

    Args:
        positives: (m,) finite scores.
        negatives: (n,) finite scores.

    Source: Mann & Whitney (1947), Ann. Math. Stat. 18, 50-60; ties as in Hollander & Wolfe (1999),
    Nonparametric Statistical Methods, section 4.1.
    """
    m, n = len(positives), len(negatives)
    if m == 0 or n == 0:
        return None
    scores = np.sort(np.concatenate([positives, negatives]))
    _, tied = np.unique(scores, return_counts=True)
    total = m + n
    shared = float((tied.astype(np.float64) ** 3 - tied).sum()) / (total * max(total - 1, 1))
    variance = (total + 1 - shared) / (12 * m * n)
    value = auc(positives, negatives).value or 0.0
    return 1.0 if variance <= 0 else math.erfc(abs(value - 0.5) / math.sqrt(2 * variance))


def minimum_detectable_auc(m: int, n: int) -> float:
    """Smallest AUC whose interval excludes 0.5 in four audits of five, at m and n rows.

    A normal approximation under the null, capped at 1: at 1 nothing is detectable.

    Source: variance of Mann & Whitney (1947), Ann. Math. Stat. 18, 50-60.
    """
    if m == 0 or n == 0:
        return 1.0
    return min(1.0, 0.5 + (Z95 + Z80) * math.sqrt((m + n + 1) / (12 * m * n)))


def midranks(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Rank of each value from 1, tied values sharing the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return shared[inverse]


def _variance(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    """Newcombe's method 5: every AUC whose standard error puts `value` within Z95 of it."""
    bigger = (m + n) / 2 - 1

    def outside(area: float) -> bool:
        spread = 1 + bigger * ((1 - area) / (2 - area) + area / (1 + area))
        return (value - area) ** 2 > Z95**2 * area * (1 - area) * spread / (m * n)

    def bound(out: float, inside: float) -> float:
        for _ in range(60):
            middle = (out + inside) / 2
            out, inside = (middle, inside) if outside(middle) else (out, middle)
        return inside

    return (0.0 if value == 0 else bound(0.0, value)), (1.0 if value == 1 else bound(1.0, value))
