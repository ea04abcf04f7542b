"""The likelihood-ratio attack: is this density of a person what a model that saw it gives?

Shadow models are trained on random halves of the people. Each person then has densities under
models that saw it and under models that did not; a target's density is held against both.
"""

import numpy as np
from numpy.typing import NDArray

from .neighborhood import Scores

Floats = NDArray[np.float64]

PRIOR = 8.0  # degrees of freedom of the belief that all people's densities vary alike
OFFLINE = "likelihood ratio, offline"
ONLINE = "likelihood ratio, online"
RATIO = "density ratio, flow"
CARLINI = "Carlini et al. (2022), Membership inference attacks from first principles, IEEE S&P"
MODERATED = "variances moderated across people as in Smyth (2004), SAGMB 3(1), 3"

SOURCES = {
    RATIO: "Log-density of the record under flows fitted to the synthetic table, minus its mean "
    "under flows fitted to random halves of the people that do not hold it: DOMIAS (van Breugel et "
    "al. 2023, AISTATS, PMLR 206, 3493-3514) with a density that is exact on mixed columns.",
    OFFLINE: "Log-density under the target, standardized by its mean and deviation under shadow "
    f"flows that have not seen the person: {CARLINI}, offline attack; {MODERATED}.",
    ONLINE: "Log-ratio of two normal densities of the log-density under the target: as under "
    f"shadow flows that saw the person, and as under those that did not: {CARLINI}, online attack; "
    f"{MODERATED}.",
}


def halves(people: int, shadows: int, *, seed: int) -> NDArray[np.bool_]:
    """Random halves of the people, such that each person is in half of the shadows.

    Shadows come in pairs, a half and the other half. Who is a member plays no part.

    Args:
        people: N, at least 2.
        shadows: K, even.
        seed: Of the draw.

    Returns:
        (K, N) whom each shadow is trained on.

    Raises:
        ValueError: If `shadows` is odd or below 4.
    """
    if shadows < 4 or shadows % 2:
        raise ValueError(f"shadows: expected an even number from 4, got {shadows}")
    rng = np.random.default_rng(seed)
    first = rng.permuted(np.tile(np.arange(people) < people // 2, (shadows // 2, 1)), axis=1)
    return np.stack([first, ~first], axis=1).reshape(shadows, people)


def density_ratio(target: Floats, shadows: Floats, include: NDArray[np.bool_]) -> Scores:
    """Log-density under the target minus its mean under shadows that have not seen the person.

    Args:
        target: (N,) nats.
        shadows: (K, N) nats under each shadow.
        include: (K, N) whom each shadow saw.
    """
    mean, _ = _normal(shadows, ~include)
    return Scores(RATIO, target - mean, SOURCES[RATIO])


def offline(target: Floats, shadows: Floats, include: NDArray[np.bool_]) -> Scores:
    """How many deviations the target's density lies above that of shadows without the person.

    Args:
        target: (N,) nats.
        shadows: (K, N) nats under each shadow.
        include: (K, N) whom each shadow saw.
    """
    mean, variance = _normal(shadows, ~include)
    return Scores(OFFLINE, (target - mean) / np.sqrt(variance), SOURCES[OFFLINE])


def online(target: Floats, shadows: Floats, include: NDArray[np.bool_]) -> Scores:
    """Log-ratio of the target's density being that of a model with the person, and without.

    Args:
        target: (N,) nats.
        shadows: (K, N) nats under each shadow.
        include: (K, N) whom each shadow saw.
    """
    (inside, spread_in), (outside, spread_out) = (
        _normal(shadows, seen) for seen in (include, ~include)
    )
    ratio = (target - outside) ** 2 / spread_out - (target - inside) ** 2 / spread_in
    return Scores(ONLINE, (ratio + np.log(spread_out / spread_in)) / 2, SOURCES[ONLINE])


def _normal(shadows: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(N,) mean and moderated variance over the shadows that count for each person."""
    count = seen.sum(axis=0)
    mean = np.where(seen, shadows, 0.0).sum(axis=0) / count
    squares = np.where(seen, (shadows - mean) ** 2, 0.0).sum(axis=0)
    common = squares.sum() / max(float((count - 1).sum()), 1.0)
    variance: Floats = (PRIOR * common + squares) / (PRIOR + count - 1)
    return mean, np.maximum(variance, 1e-12)
