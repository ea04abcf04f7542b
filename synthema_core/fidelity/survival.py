"""Do synthetic patients live as long as real ones?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivalDistance:
    """Two survival (or cumulative incidence) curves, and the mean gap between them.

    Attributes:
        endpoint: Name of the endpoint.
        cause: Event value of a cumulative incidence curve; None for the Kaplan–Meier curve of all
            events together.
        distance: Mean absolute difference of the two curves up to the common follow-up, in [0, 1].
        baseline: The same distance between two tables of real patients; None without a holdout.
        follow_up: Common follow-up, in the unit of the time column.
        n_real: Real rows with time and status.
        n_synthetic: Synthetic rows with time and status.
        events_real: Events among them.
        events_synthetic: Events among them.
        nonpositive_times: Synthetic times at or below zero; they are counted at time 0.
        times: (g,) grid for plotting, from 0 to the common follow-up.
        real: (g,) curve of the real rows: survival, or incidence if `cause` is given.
        real_low: (g,) its pointwise 95 % band; None for an incidence curve.
        real_high: (g,).
        synthetic: (g,) curve of the synthetic rows.
        source: Definition.
    """

    endpoint: str
    cause: str | None
    distance: Estimate
    baseline: float | None
    follow_up: float
    n_real: int
    n_synthetic: int
    events_real: int
    events_synthetic: int
    nonpositive_times: int
    times: NDArray[np.float64]
    real: NDArray[np.float64]
    real_low: NDArray[np.float64] | None
    real_high: NDArray[np.float64] | None
    synthetic: NDArray[np.float64]
    source: str
