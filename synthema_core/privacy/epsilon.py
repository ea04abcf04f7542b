"""A lower bound on epsilon from an attack: what a claimed privacy budget has to answer for.

If a mechanism is (epsilon, delta)-differentially private, no attack tells members from controls
better than a limit that epsilon sets. An attack that does better refutes every smaller epsilon. The
bound says nothing from above: a weak attack refutes little.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import clopper_pearson

SOURCE = (
    "Guesses: Steinke, Nasr & Jagielski (2023), Privacy auditing with one (1) training run, "
    "NeurIPS 36, theorem 5.2. Rates: Clopper & Pearson (1934), Biometrika 26, 404-413, on "
    "(TPR - delta) / FPR of Kairouz, Oh & Viswanath (2015), ICML, 1376-1385."
)

CONFIDENCE = 0.95
SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of the people the attacker dares to guess
LARGEST = 50.0  # epsilon beyond any use


@dataclass(frozen=True, slots=True, kw_only=True)
class EmpiricalEpsilon:
    """The largest epsilon that an attack refutes, with 95 % confidence.

    Attributes:
        by_guesses: From the number of right guesses about members and controls at once.
        by_rates: From the true and false positive rates, at a threshold that half of the people
            chose and the other half were judged by.
        guesses: Guesses made at the share that gave `by_guesses`.
        right: How many of them were right.
        delta: The delta that is granted.
        claimed: The claimed epsilon, or None.
        refuted: Whether the claim is below what was found; None without a claim.
        n_members: People who were in training.
        n_controls: People who were not.
        source: Definition.
    """

    by_guesses: float
    by_rates: float
    guesses: int
    right: int
    delta: float
    claimed: float | None
    refuted: bool | None
    n_members: int
    n_controls: int
    source: str


def empirical_epsilon(
    *,
    members: NDArray[np.float64],
    controls: NDArray[np.float64],
    delta: float = 0.0,
    claimed: float | None = None,
    seed: int,
) -> EmpiricalEpsilon:
    """Bound epsilon from below by an attack's scores.

    The theorem asks that a fair coin put each person into training or not. A random split of one
    table into equal halves comes close; so the larger side is cut down to the size of the smaller,
    at random. Several shares of guesses are tried, and the confidence pays for each (Bonferroni).

    Args:
        members: (m,) scores of people in training, finite; larger is more suspicious.
        controls: (n,) scores of people who were not.
        delta: Of (epsilon, delta)-differential privacy.
        claimed: The epsilon that somebody claims, to compare with.
        seed: Draws the people kept on the larger side, the halves of `by_rates`, and ties.

    Returns:
        EmpiricalEpsilon, 0 where nothing is refuted.

    Raises:
        ValueError: If either side is empty, or delta is not in [0, 1).
    """
    if not 0 <= delta < 1:
        raise ValueError(f"delta: expected 0 to less than 1, got {delta}")
    if len(members) == 0 or len(controls) == 0:
        raise ValueError("members and controls: expected people on both sides, got none on one")
    rng = np.random.default_rng(seed)
    n = min(len(members), len(controls))
    ours, theirs = (rng.permutation(scores)[:n] for scores in (members, controls))
    guesses, right, bound = max(
        (_guess(ours, theirs, share, delta, rng) for share in SHARES), key=lambda found: found[2]
    )
    rates = _by_rates(ours, theirs, delta)
    found = max(bound, rates)
    return EmpiricalEpsilon(
        by_guesses=bound,
        by_rates=rates,
        guesses=guesses,
        right=right,
        delta=delta,
        claimed=claimed,
        refuted=None if claimed is None else claimed < found,
        n_members=len(members),
        n_controls=len(controls),
        source=SOURCE,
    )


def _guess(
    members: NDArray[np.float64],
    controls: NDArray[np.float64],
    share: float,
    delta: float,
    rng: np.random.Generator,
) -> tuple[int, int, float]:
    """Call the highest scores members and the lowest controls, and abstain in between."""
    n = len(members)
    each = max(1, round(share * n))
    scores = np.concatenate([members, controls])
    order = np.lexsort((rng.random(2 * n), scores))  # ties at random
    right = int((order[-each:] < n).sum() + (order[:each] >= n).sum())
    alpha = (1 - CONFIDENCE) / (len(SHARES) + 1)  # and one test by rates
    return 2 * each, right, _refuted(2 * n, 2 * each, right, delta, alpha)


def _refuted(people: int, guesses: int, right: int, delta: float, alpha: float) -> float:
    """The largest epsilon whose p-value is at most alpha, by bisection."""
    low, high = 0.0, LARGEST
    if p_value(people, guesses, right, low, delta) > alpha:
        return 0.0
    for _ in range(50):
        middle = (low + high) / 2
        if p_value(people, guesses, right, middle, delta) <= alpha:
            low = middle
        else:
            high = middle
    return low


def p_value(people: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """The chance of so many right guesses, or more, against an (epsilon, delta)-private mechanism.

    Args:
        people: People whose membership a coin decided.
        guesses: How many of them were guessed.
        right: How many guesses were right.
        epsilon: At least 0.
        delta: In [0, 1).

    Returns:
        An upper bound of that chance, at most 1.

    Source: Steinke, Nasr & Jagielski (2023), NeurIPS 36, theorem 5.2 and its appendix D.
    """
    from scipy.stats import binom

    chance = 1 / (1 + math.exp(-epsilon))
    value = float(binom.sf(right - 1, guesses, chance))
    if delta > 0 and right > 0:
        below = np.cumsum(binom.pmf(np.arange(right - 1, -1, -1), guesses, chance))
        value += float((below / np.arange(1, right + 1)).max()) * 2 * people * delta
    return min(value, 1.0)


def _by_rates(members: NDArray[np.float64], controls: NDArray[np.float64], delta: float) -> float:
    """The best threshold of one half of the people, judged on the other half."""
    half = len(members) // 2
    if half == 0:
        return 0.0
    thresholds = np.unique(np.concatenate([members[:half], controls[:half]]))

    def counts(scores: NDArray[np.float64]) -> NDArray[np.int64]:
        above: NDArray[np.int64] = len(scores) - np.searchsorted(np.sort(scores), thresholds)
        return above

    # One more false positive than seen: a threshold must not win by having met none.
    ratio = (counts(members[:half]) - delta * half) / (counts(controls[:half]) + 1)
    threshold = thresholds[int(np.argmax(ratio))]
    found, n = int((members[half:] >= threshold).sum()), len(members) - half
    accused = int((controls[half:] >= threshold).sum())
    alpha = (1 - CONFIDENCE) / (len(SHARES) + 1)
    # Two one-sided bounds share alpha.
    low = clopper_pearson(found, n, outside=alpha / 2)[0]
    high = clopper_pearson(accused, n, outside=alpha / 2)[1]
    return max(0.0, math.log((low - delta) / high)) if low > delta else 0.0
