"""What every attack with a control group returns, and what it wins beyond that control.

Each attack runs on training people, on people never seen (the control: what anybody could learn
about anybody), and as a blind guess. Only what it wins on training people beyond the control is
disclosure by the synthetic table.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

from ..intervals import EMPTY, Z80, Z95, Estimate, clopper_pearson, wilson

SOURCE = (
    "Giomi et al. (2023), A unified framework for quantifying privacy risk in synthetic data, "
    "PoPETs 2023(2), 312-328: risk = (main - control) / (1 - control). Shares by Wilson (1927); "
    "the risk by MOVER on the ratio of the two failure rates, Donner & Zou (2012), Stat. Methods "
    "Med. Res. 21, 347-359, with limits of each rate by Clopper & Pearson (1934)."
)
TRIED = (
    " The worst of several attacks: its interval is widened so that those of all of them hold at "
    "once in 95 audits of 100 (Bonferroni)."
)

Columns = NDArray[np.bool_]
Column = NDArray[np.float64] | NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attack:
    """One attack against training people, with its control.

    Attributes:
        name: "linkability", "inference", "singling out" or "reconstruction".
        target: What it is after: the secret column, the two sets of columns, the kind of predicate.
        attacker: Who: "nearest", "5 nearest", "model", "predicates", "line intersections", ...
        main: Share of training people it succeeds on; for singling out, of its predicates.
        control: The same of holdout people.
        baseline: Share it would succeed on by guessing blindly, in expectation.
        risk: (main - control) / (1 - control): 0 is no disclosure, 1 the worst. Empty if either
            side is, or if the attack never fails on the control.
        minimum_detectable_risk: Smallest risk whose interval excludes 0 in four audits of five or
            more.
        succeeded: (n,) whether it succeeds on each training row; False where not attacked.
        controls_succeeded: (h,) the same of each holdout row.
        attacked: (n,) which training rows were attacked; None is all of them.
        controls_attacked: (h,) which holdout rows were; None is all of them.
        trials: Independent trials that the shares of main and control are worth, where these are
            fewer than their n: predicates that lean on one person. None is n.
        tried: Attacks that the interval of `risk` is corrected for; 1 is no correction.
        source: Definition.
    """

    name: str
    target: str
    main: Estimate
    control: Estimate
    baseline: float
    risk: Estimate
    minimum_detectable_risk: float
    succeeded: NDArray[np.bool_]
    controls_succeeded: NDArray[np.bool_]
    source: str
    attacker: str = "nearest"
    attacked: NDArray[np.bool_] | None = None
    controls_attacked: NDArray[np.bool_] | None = None
    trials: tuple[float, float] | None = None
    tried: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Several attacks of one kind, since nobody knows which the attacker will choose.

    Attributes:
        name: Of the attacks.
        attacks: All of them, each with the interval of one attack alone.
        worst: The one whose corrected interval begins highest, with that interval: it excludes 0
            in at most 5 sweeps of 100 where nothing leaks. Its value is the best of several draws
            and so looks worse than it would alone. None if no attack could be measured.
        source: Definition.
    """

    name: str
    attacks: tuple[Attack, ...]
    worst: Attack | None
    source: str


def sweep(attacks: Sequence[Attack]) -> Sweep:
    """The worst of at least one attack, corrected for having tried all that could be measured."""
    measured = [attack for attack in attacks if attack.risk.value is not None]
    widened = [corrected(attack, len(measured)) for attack in measured]
    # max keeps the first of equals: the order of the attacks is the caller's
    worst = max(widened, key=lambda a: (a.risk.low, a.risk.value), default=None)
    return Sweep(
        name=attacks[0].name,
        attacks=tuple(attacks),
        worst=worst,
        source=attacks[0].source + TRIED,
    )


def corrected(attack: Attack, tried: int) -> Attack:
    """The same attack with the interval of its risk at confidence 1 - 0.05 / tried."""
    main, control = attack.main, attack.control
    if main.value is None or control.value is None:
        return attack
    n, h = attack.trials or (main.n, control.n)
    found = risk(
        round(main.value * n, 9),  # whole again, where it was
        n,
        round(control.value * h, 9),
        h,
        outside=0.025 / tried,
    )
    return replace(attack, risk=found, tried=tried, source=attack.source + TRIED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """How one attack fared on one table of n people.

    Attributes:
        hit: (a,) whether it succeeded on each person attacked.
        at: (a,) their row numbers.
        n: Rows of the table.
    """

    hit: NDArray[np.bool_]
    at: NDArray[np.int64]
    n: int

    @classmethod
    def all(cls, hit: NDArray[np.bool_]) -> "Side":
        """Everybody was attacked."""
        return cls(hit=hit, at=np.arange(len(hit)), n=len(hit))

    @property
    def succeeded(self) -> NDArray[np.bool_]:
        """(n,) False where not attacked."""
        return _spread(self.hit, self.at, self.n)

    @property
    def attacked(self) -> NDArray[np.bool_] | None:
        """(n,) or None if everybody was."""
        if len(self.at) == self.n:
            return None
        return _spread(np.ones(len(self.at), np.bool_), self.at, self.n)


def attack(
    name: str,
    target: str,
    main: Side,
    control: Side,
    baseline: float,
    *,
    attacker: str = "nearest",
    source: str = SOURCE,
) -> Attack:
    """From successes on training people and on the control."""
    hits, n = int(main.hit.sum()), len(main.hit)
    others, h = int(control.hit.sum()), len(control.hit)
    return Attack(
        name=name,
        target=target,
        main=share(hits, n),
        control=share(others, h),
        baseline=baseline,
        risk=risk(hits, n, others, h),
        minimum_detectable_risk=detectable(others, h, n),
        succeeded=main.succeeded,
        controls_succeeded=control.succeeded,
        source=source,
        attacker=attacker,
        attacked=main.attacked,
        controls_attacked=control.attacked,
    )


def _spread(hit: NDArray[np.bool_], at: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    out = np.zeros(n, np.bool_)
    out[at] = hit
    return out


def share(hits: float, n: int) -> Estimate:
    """A share of n trials with Wilson's interval; empty without trials."""
    if n == 0:
        return EMPTY
    low, high = wilson(hits, n)
    return Estimate(value=hits / n, low=low, high=high, n=n)


def risk(
    hits: float, n: float, control_hits: float, controls: float, *, outside: float = 0.025
) -> Estimate:
    """What an attack wins beyond its control: 1 minus the ratio of the two failure rates.

    Given the synthetic table, people fail or not independently of each other, so the two counts are
    binomial. With Wilson's limits of each rate the interval holds at 95 % on average, less where
    half of the people fail or the control is small; with exact ones it holds there too.

    Args:
        hits: Successes on training people, of `n`.
        n: Training people attacked; may be an effective number, as all four may.
        control_hits: Successes on holdout people, of `controls`.
        controls: Holdout people attacked.
        outside: Chance that the truth lies below the limits of each rate, and that it lies above.

    Returns:
        Risk, at most 1; below 0 where the control did better by chance. Empty without people on
        either side, or if the control never failed: then there is nothing left to disclose.

    Source: Donner & Zou (2012), Stat. Methods Med. Res. 21, 347-359, equation for a ratio, with
        limits by Clopper & Pearson (1934), Biometrika 26, 404-413.
    """
    if n == 0 or controls == 0 or control_hits >= controls:
        return EMPTY
    ours, theirs = 1 - hits / n, 1 - control_hits / controls
    low1, high1 = clopper_pearson(n - hits, n, outside=outside)
    low2, high2 = clopper_pearson(controls - control_hits, controls, outside=outside)
    product = ours * theirs

    def ratio(one: float, other: float, sign: int) -> float:
        inner = one * (2 * ours - one) * other * (2 * theirs - other)
        return (product + sign * math.sqrt(max(product**2 - inner, 0.0))) / (
            other * (2 * theirs - other)
        )

    least = ratio(low1, high2, -1) if 2 * theirs > high2 else 0.0
    most = ratio(high1, low2, 1)
    return Estimate(
        value=1 - ours / theirs,
        low=1 - most,
        high=min(1 - max(least, 0.0), 1.0),
        n=round(n + controls),
    )


def detectable(control_hits: float, controls: float, n: float) -> float:
    """Smallest risk whose interval excludes 0 in four audits of five or more.

    A normal approximation with the variances of both sides at that risk, and a continuity
    correction, since the limits of the interval are exact.

    Args:
        control_hits: Successes on holdout people, of `controls`.
        controls: Holdout people attacked; may be an effective number, as all may.
        n: Training people attacked.

    Returns:
        Risk, at most 1: there nothing is detectable, or nearly so.

    Source: Fleiss, Tytun & Ury (1980), Biometrics 36, 343-346.
    """
    if n == 0 or controls == 0:
        return 1.0
    chance, each = (control_hits + 1) / (controls + 2), 1 / n + 1 / controls

    def seen(beyond: float) -> bool:
        ours = min(chance + beyond, 1.0)
        pooled = (n * ours + controls * chance) / (n + controls)
        null = pooled * (1 - pooled) * each
        own = ours * (1 - ours) / n + chance * (1 - chance) / controls
        return beyond - each / 2 >= Z95 * math.sqrt(null) + Z80 * math.sqrt(own)

    unseen, found = 0.0, 1 - chance
    if not seen(found):
        return 1.0
    for _ in range(60):
        middle = (unseen + found) / 2
        unseen, found = (unseen, middle) if seen(middle) else (middle, found)
    return found / (1 - chance)


def drawn(n: int, most: int | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ascending numbers of `most` of n rows at random, or of all."""
    if most is None or most >= n:
        return np.arange(n)
    return np.sort(rng.choice(n, most, replace=False, shuffle=False))


def some(rows: Rows, at: NDArray[np.int64]) -> Rows:
    """These rows, in this order."""
    return Rows(numeric=rows.numeric[at], codes=rows.codes[at])


def joined(first: Rows, second: Rows) -> Rows:
    """The rows of both, one below the other: one search serves both sides of an attack."""
    return Rows(
        numeric=np.vstack([first.numeric, second.numeric]),
        codes=np.vstack([first.codes, second.codes]),
    )


def column(rows: Rows, at: int) -> Column:
    """One column, numeric columns first."""
    p = rows.numeric.shape[1]
    return rows.numeric[:, at] if at < p else rows.codes[:, at - p]


def missing(values: Column) -> NDArray[np.bool_]:
    """Where a column holds nothing."""
    return np.isnan(values) if values.dtype.kind == "f" else values < 0
