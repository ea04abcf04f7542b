"""Hidden rate and local cloaking of avatars: descriptive, and no evidence of privacy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows, count_within
from synthema_kernels.contract import Metric

from ..intervals import Estimate, wilson
from .distance import Quantiles

SOURCE = (
    "Descriptive, not evidence of privacy. Hidden rate and local cloaking as in Guillaudeux et al. "
    "(2023), npj Digital Medicine 6, 37; ties shared, interval by Wilson (1927)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarDistances:
    """How well avatars hide among each other. Descriptive: not evidence of privacy.

    Both numbers ask whether a patient's *own* avatar is his closest. An attacker does not ask that:
    whoever finds any avatar close to a patient learns that the patient, or his nearest neighbors,
    were in the table. Both are high for avatars from which rows can be rebuilt.

    Attributes:
        hidden_rate: Share of patients whose closest avatar is not their own. Where their own ties
            with others for the closest, an equal share of the patient is found.
        local_cloaking: How many avatars lie strictly closer to a patient than his own.
        uncloaked: Share of patients to whom no avatar is strictly closer than their own.
        n: Patients.
        metric: Distance.
        source: Definition.
    """

    hidden_rate: Estimate
    local_cloaking: Quantiles
    uncloaked: Estimate
    n: int
    metric: Metric
    source: str


def avatar_distances(*, train: Rows, avatars: Rows, metric: Metric = "gower") -> AvatarDistances:
    """Hidden rate and local cloaking, where it is known whose avatar is whose.

    Args:
        train: n patients, n >= 1.
        avatars: Row i is the avatar of patient i.
        metric: As in `synthema_kernels.nearest`: 'gower' on the table's rows, or 'sqeuclidean' on
            coordinates of a projection, as published.

    Returns:
        AvatarDistances.

    Raises:
        ValueError: If the numbers of rows differ, there are none, or the columns differ.
    """
    n = len(train)
    if n == 0:
        raise ValueError("train: expected at least one row, got none")
    if len(avatars) != n:
        raise ValueError(
            f"avatars: expected {n} rows, one for each row of train, got {len(avatars)}. "
            "Link the rows first: row i must be the avatar of row i."
        )
    own = _own_distance(train, avatars, metric)
    closer = count_within(train, avatars, own, metric=metric, strict=True)
    as_close = count_within(train, avatars, own, metric=metric) - closer  # 1 or more: one's own
    found = np.where(closer == 0, 1.0 / as_close, 0.0)
    q05, q25, q50, q75, q95 = np.quantile(closer, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
    return AvatarDistances(
        hidden_rate=_share(n - float(found.sum()), n),
        local_cloaking=Quantiles(q05=q05, q25=q25, q50=q50, q75=q75, q95=q95, n=n),
        uncloaked=_share(float((closer == 0).sum()), n),
        n=n,
        metric=metric,
        source=SOURCE,
    )


def _own_distance(train: Rows, avatars: Rows, metric: Metric) -> NDArray[np.float64]:
    """(n,) distance of row i to row i, added up in the kernel's order: the bits must agree."""
    distance = np.zeros(len(train))
    for a, b in zip(train.numeric.T, avatars.numeric.T, strict=True):
        missing = np.isnan(a), np.isnan(b)
        gap = np.where(missing[0] | missing[1], missing[0] ^ missing[1], np.abs(a - b))
        distance += gap * gap if metric == "sqeuclidean" else gap
    differing: NDArray[np.float64] = (train.codes != avatars.codes).sum(axis=1, dtype=np.float64)
    return distance + differing


def _share(successes: float, n: int) -> Estimate:
    successes = min(max(successes, 0.0), float(n))  # shares of ties may add up to a hair more
    low, high = wilson(successes, n)
    return Estimate(value=successes / n, low=low, high=high, n=n)
