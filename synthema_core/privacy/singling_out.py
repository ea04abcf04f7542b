"""Does a condition that one synthetic row alone meets point at one real person?

The attacker reads predicates off the synthetic table, such as `age >= 91 and sex == 2`, each met by
one synthetic row, and hopes that each is met by one person. What isolates people anyway is measured
on the holdout: extremes are rare everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Matches, Ranked, Rows

from ..intervals import EMPTY, Estimate, wilson
from .attack import SOURCE as RISK
from .attack import Attack, Columns, detectable, risk
from .predicates import Predicates, RankedTables, at_random, distinct, isolating

SOURCE = RISK + (
    " Predicates as there, section 4.2, and Cohen & Nissim (2020), PNAS 117, 8344-8352. A larger "
    "control is read on its random subsets of the size of train, in expectation; of a smaller one "
    "each takes the place of a random member. Predicates that share people count as fewer (design "
    "effect, Kish 1965)."
)


def singling_out(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    widths: Sequence[int] = (1, 3),
    n_attacks: int = 2000,
    attempts: int | None = None,
    columns: Columns | None = None,
    seed: int,
) -> tuple[Attack, ...]:
    """Do predicates that one synthetic row alone meets isolate one person?

    With one column, the predicates are every value that one synthetic row holds, every extreme, and
    a field that one row lacks. With several, a random synthetic row suggests one range for each of
    some random columns: its level; its number or beyond, away from the median; or that the field is
    missing. Rows that repeat in the synthetic table count once there; equal people are several
    people, and a predicate that meets both isolates neither.

    Args:
        train: (n,) members, n >= 1.
        holdout: (h,) people never seen, the control; of any size.
        synthetic: (s,) rows, s >= 1.
        widths: Columns of a predicate, one attack for each; more than there are counts as all.
        n_attacks: Predicates of each attack; there may be fewer.
        attempts: Predicates to try for each attack; None is 50 per predicate wanted.
        columns: (p + q,) those the attacker may use; None is all.
        seed: Which rows, columns and predicates.

    Returns:
        One attack for each width. `main` and `control` are shares of the predicates; `succeeded`
        says which training rows some predicate isolates, `controls_succeeded` which of the
        holdout, at its own size. All are empty if no predicate was found.
    """
    ranked = RankedTables.of(train, holdout, synthetic)
    streams = np.random.SeedSequence(seed).spawn(len(widths))
    return tuple(
        singled_out(
            ranked,
            width=width,
            n_attacks=n_attacks,
            attempts=attempts,
            columns=columns,
            rng=np.random.default_rng(stream),
        ).attack
        for width, stream in zip(widths, streams, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SingledOut:
    """An attack with its predicates, for whoever may see values of the synthetic table.

    Attributes:
        attack: What it found.
        predicates: All m tried on people.
        isolated: (m,) those that isolate a member.
        blind: Random ones.
        isolated_blind: Those of them that isolate a member.
    """

    attack: Attack
    predicates: Predicates
    isolated: NDArray[np.bool_]
    blind: Predicates
    isolated_blind: NDArray[np.bool_]


def singled_out(
    ranked: RankedTables,
    *,
    width: int,
    n_attacks: int,
    attempts: int | None,
    columns: Columns | None,
    rng: np.random.Generator,
) -> SingledOut:
    """One attack of `singling_out` on train, holdout and synthetic, ranked in this order."""
    ours, theirs, pool = ranked.tables
    members, controls, pool = Ranked.of(ours), Ranked.of(theirs), distinct(pool)
    n, h = len(ours), len(theirs)
    usable = np.flatnonzero(np.ones(len(ranked.top), np.bool_) if columns is None else columns)
    width = min(width, len(usable))
    about = (pool, ranked.top, ranked.is_number, usable, width)
    tries = 50 * n_attacks if attempts is None else attempts
    found = isolating(*about, wanted=n_attacks, attempts=tries, rng=rng)
    inside, outside = found.on(members), found.on(controls)
    # Under the null both sides depend alike; the side that shows it more speaks for both.
    effect = max(
        dependence(inside, n),
        dependence(outside, h),
        crowding(inside, outside, h) if h < n else 1.0,
    )
    shared = in_common(inside.count) if h < n else 1.0
    main = float((inside.count == 1).sum()), len(found) / effect / shared
    control = _control(inside, outside, n, h, effect)
    blind = at_random(*about, n_attacks, rng)
    alone = blind.on(members, enough=2).count == 1
    who = [_isolated(side, rows) for side, rows in ((inside, n), (outside, h))]
    return SingledOut(
        attack=_attack(width, len(found), main, control, float(alone.mean()), *who),
        predicates=found,
        isolated=inside.count == 1,
        blind=blind,
        isolated_blind=alone,
    )


def _attack(
    width: int,
    m: int,
    main: tuple[float, float],
    control: tuple[float, float],
    blind: float,
    succeeded: NDArray[np.bool_],
    controls_succeeded: NDArray[np.bool_],
) -> Attack:
    """From successes and effective trials; shares are of all m predicates."""
    (hits, n), (others, h) = main, control
    hits *= n / m if m else 0.0
    return Attack(
        name="singling out",
        target=f"{width} column{'s' * (width > 1)}",
        main=_estimate(hits, n, m),
        control=_estimate(others, h, m),
        baseline=blind,
        risk=risk(hits, n, others, h),
        minimum_detectable_risk=detectable(others, h, n),
        succeeded=succeeded,
        controls_succeeded=controls_succeeded,
        source=SOURCE,
        attacker="predicates",
        trials=(n, h),
    )


def _isolated(found: Matches, n: int) -> NDArray[np.bool_]:
    """(n,) whether some predicate isolates each person."""
    out = np.zeros(n, np.bool_)
    out[found.rows[found.count == 1, 0]] = True
    return out


def dependence(found: Matches, rows: int) -> float:
    """By how much the variance of a count of isolating predicates exceeds that of as many coins.

    Predicates share people: one patient who is extreme in many columns is isolated by many of them.
    Without a person, predicates that met only him isolate nobody, and those that met him and one
    more isolate that one. The sum over people of the squared change, over what it would be if no
    two predicates had a person in common, is the design effect (Kish 1965).

    Returns:
        At least 1.
    """
    single, double = found.count == 1, found.count == 2
    apart = float(single.sum() + 2 * double.sum())
    if not single.any():
        return 1.0
    change = np.bincount(found.rows[double, :2].ravel(), minlength=rows).astype(float)
    change -= np.bincount(found.rows[single, 0], minlength=rows)
    return max(1.0, float(((change - change.mean()) ** 2).sum()) / apart)


def in_place_of_members(inside: Matches, outside: Matches, *, n: int, h: int) -> float:
    """How often predicates would isolate one of n people never seen, from fewer of them.

    Each of the h takes the place of a random member: a predicate isolates him if he meets it and
    none of the n - 1 others does. For people like the members that happens as often as a member is
    isolated, whatever the predicate, so nothing is extrapolated. A predicate that a leak ties to a
    member isolates nobody else: where much leaks, the share is a little too small.

    Args:
        inside: What m predicates found among the n members.
        outside: What they found among the h others.
        n: Members.
        h: People never seen.

    Returns:
        Share of the predicates, in [0, 1].
    """
    free = (inside.count == 0) + (inside.count == 1) / n
    return min(float((outside.count * free).mean()) * n / h, 1.0)


def in_common(counts: NDArray[np.int64]) -> float:
    """By how much main and a smaller control vary together, as variance of main.

    Where by chance few predicates isolate a member, more are free to isolate somebody in place of
    one. Of predicates with Poisson counts, the variance of the difference is that of main, plus
    twice the number met by two, plus that of drawing the control.

    Returns:
        At least 1.
    """
    single, double = int((counts == 1).sum()), int((counts == 2).sum())
    return 1 + 2 * double / max(single, 1)


def crowding(inside: Matches, outside: Matches, h: int) -> float:
    """The design effect of `in_place_of_members`: how many predicates lean on one person."""
    named = outside.rows[(inside.count == 0) & (outside.count > 0)]
    load = np.bincount(named[named >= 0], minlength=h)
    return max(1.0, float((load**2).sum() / load.sum())) if load.any() else 1.0


def one_of_a_subset(counts: NDArray[np.int64], rows: int, wanted: int) -> NDArray[np.float64]:
    """Chance that a random subset of `wanted` of `rows` people holds one of `counts` people."""
    from scipy.special import gammaln

    others = rows - counts
    possible = (counts >= 1) & (others >= wanted - 1)
    k, o = counts[possible].astype(float), others[possible].astype(float)

    def log_choose(top: NDArray[np.float64] | float, of: float) -> NDArray[np.float64]:
        out: NDArray[np.float64] = gammaln(top + 1) - gammaln(of + 1) - gammaln(top - of + 1)
        return out

    chance = np.zeros(len(counts))
    chance[possible] = k * np.exp(log_choose(o, wanted - 1) - log_choose(float(rows), wanted))
    return chance


def _control(
    inside: Matches, outside: Matches, n: int, h: int, effect: float
) -> tuple[float, float]:
    """Successes and effective trials of the predicates on n people never seen."""
    m = len(inside.count)
    if m == 0 or h == 0:
        return 0.0, 0.0
    if h < n:
        chance, trials = in_place_of_members(inside, outside, n=n, h=h), m * h / n
    else:
        chance, trials = float(one_of_a_subset(outside.count, h, n).mean()), float(m)
    return chance * trials / effect, trials / effect


def _estimate(hits: float, trials: float, m: int) -> Estimate:
    if trials == 0:
        return EMPTY
    low, high = wilson(hits, trials)
    return Estimate(value=hits / trials, low=low, high=high, n=m)
