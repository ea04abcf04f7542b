"""One verdict from several attacks: corrected for having tried them, and one attack that combines.

Every attack scores all people by a rule that does not know who is a member. So if nothing leaks,
the labels could as well have been dealt out at random, and dealing them out anew gives the exact
distribution of whatever is computed from scores and labels: of the largest of all statistics,
however correlated, and of a combination that was learned from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import Z95, Estimate, midranks
from . import combination
from .combination import Combination
from .membership import Floats, Membership, scored, widened

RELABELINGS = 500
AT_ONCE = 2**22  # labels held at once: 32 MiB as floats
TAILS = (0.01, 0.05)  # shares of all people: the most suspicious, where a few are found for sure
LEVEL = 0.05

SOURCE = (
    "Largest of all statistics (AUC, members among the most suspicious 1 % and 5 %) under random "
    "relabelings of members and controls: Westfall & Young (1993), Resampling-Based Multiple "
    "Testing, single-step maxT. Attacks that spend part of the holdout join by Bonferroni (1936)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """One attack within the verdict.

    Attributes:
        name: The attack.
        p_value: Chance that the best of all attacks does as well, if nothing leaks.
        auc: Its AUC; the interval is simultaneous: in 95 % of audits all of them hold at once.
    """

    name: str
    p_value: float
    auc: Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What all membership attacks say together.

    Attributes:
        p_value: Chance that, if nothing leaks, some attack does as well as the best one did;
            corrected for all that were tried.
        leak: Whether it is at most 0.05. False proves nothing: `combined` says what AUC would have
            been detected.
        strongest: The attack with the smallest adjusted p-value; of equals, the largest AUC.
        attacks: All of them, in the order given, `combined` last.
        combined: The attack that combines the scores, its weights learned on other people: one
            attack, so its own interval pays for no others.
        relabelings: How many random relabelings there were.
        source: Definition.
    """

    p_value: float
    leak: bool
    strongest: str
    attacks: tuple[Adjusted, ...]
    combined: Membership
    relabelings: int
    source: str


def verdict(
    attacks: Sequence[Membership], *, seed: int, relabelings: int = RELABELINGS
) -> Verdict | None:
    """Judge attacks on the same people together.

    Args:
        attacks: Those that scored all members and all controls, in one order, at least one; and
            those that scored all members and fewer controls.
        seed: Draws the relabelings, and the folds of the combination.
        relabelings: How many; no p-value is below 1 / (relabelings + 1).

    Returns:
        Verdict, or None if a side is empty.

    Raises:
        ValueError: If no attack is given, or they scored different members.
    """
    if not attacks:
        raise ValueError("attacks: expected at least one, got none")
    m, n = attacks[0].n_members, max(attack.n_controls for attack in attacks)
    if any(attack.n_members != m for attack in attacks):
        raise ValueError("attacks: expected all to have scored the same members")
    if m == 0 or n == 0:
        return None
    shared = [attack for attack in attacks if attack.n_controls == n]
    apart = [attack for attack in attacks if attack.n_controls < n]
    rng = np.random.default_rng(seed)
    scores = np.stack([np.concatenate([a.member_scores, a.control_scores]) for a in shared])
    mixer = Combination.of(scores, rng)
    weights = np.stack([_weights(midranks(one) - 0.5) for one in scores])
    blocks = _relabeled(m, n, relabelings, rng)
    found = np.concatenate([_statistics(weights, mixer, labels) for labels in blocks])
    z = _standardized(found)
    best = z.max(axis=(1, 2))
    p_values = [float((best >= own - 1e-9).mean()) for own in z[0].max(axis=1)]
    critical = max(Z95, float(np.quantile(z[:, :, 0].max(axis=1), 1 - LEVEL)))
    alone = float((z[:, -1, 0] >= z[0, -1, 0] - 1e-9).mean())
    together = _combined(mixer, attacks[0], n, float(found[:, -1, 0].std()), alone)
    tried = len(attacks) + 1
    spent = (tried - len(apart)) / tried  # of the level: the rest goes to those apart
    chance = {a.name: p / spent for a, p in zip([*shared, together], p_values, strict=True)}
    least = 1 / (relabelings + 1)  # no attack is surer than those that are relabeled can be
    chance |= {a.name: tried * max(1.0 if a.p_value is None else a.p_value, least) for a in apart}
    adjusted = tuple(
        Adjusted(
            name=attack.name,
            p_value=min(1.0, chance[attack.name]),
            auc=widened(attack.auc, critical / Z95),
        )
        for attack in (*attacks, together)
    )
    strongest = min(adjusted, key=lambda one: (one.p_value, -(one.auc.value or 0.0)))
    return Verdict(
        p_value=strongest.p_value,
        leak=strongest.p_value <= LEVEL,
        strongest=strongest.name,
        attacks=adjusted,
        combined=together,
        relabelings=relabelings,
        source=SOURCE,
    )


def _relabeled(m: int, n: int, times: int, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """The true labels (1, N), then random ones, some rows at a time.

    The true ones count as one of the relabelings: that is what makes the p-value exact.
    """
    true = np.arange(m + n) < m
    yield true[np.newaxis]
    size = max(1, AT_ONCE // (m + n))
    for start in range(0, times, size):
        yield rng.permuted(np.tile(true, (min(size, times - start), 1)), axis=1)


def _weights(ranks: Floats) -> Floats:
    """(1 + tails, N) weights of the people in each statistic; who ties shares a place."""
    n = len(ranks)
    _, at, count = np.unique(ranks, return_inverse=True, return_counts=True)
    above = n - np.cumsum(count)  # people who are more suspicious than each level
    places = [max(1.0, np.ceil(tail * n)) for tail in TAILS]
    tails = [np.clip((place - above) / count, 0, 1)[at] for place in places]
    return np.stack([ranks / n, *tails])


def _statistics(weights: Floats, mixer: Combination, labels: NDArray[np.bool_]) -> Floats:
    """(b, attacks + 1, 1 + tails) sums over members: of ranks, and of places in the tails."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # so that the bits do not depend on the number of cores
        fixed = np.tensordot(labels.astype(np.float64), weights, axes=(1, 2))
        ranks = mixer.ranks(labels)
    tails = [((ranks > 1 - tail) & labels).sum(axis=1) for tail in TAILS]
    learned = np.stack([(ranks * labels).sum(axis=1), *tails], axis=1)
    together: Floats = np.concatenate([fixed, learned[:, np.newaxis]], axis=1)
    return together


def _standardized(found: Floats) -> Floats:
    """How far each statistic is from its mean; being avoided tells on members as well."""
    spread = found.std(axis=0)
    z: Floats = np.zeros_like(found)
    np.divide(found - found.mean(axis=0), spread, out=z, where=spread > 1e-9)
    z[:, :, 0] = np.abs(z[:, :, 0])
    return z


def _combined(
    mixer: Combination, like: Membership, n: int, spread: float, p_value: float
) -> Membership:
    """The combined attack under the true labels."""
    m = like.n_members
    ranks = mixer.ranks((np.arange(m + n) < m)[np.newaxis])[0]
    fixed = np.sqrt(m * n / 12 / (m + n))  # spread of the sum of scaled ranks, of a fixed score
    return scored(
        combination.NAME,
        members=ranks[:m],
        controls=ranks[m:],
        n_synthetic=like.n_synthetic,
        source=combination.SOURCE,
        inflation=max(1.0, spread / fixed),
        p_value=p_value,
    )
