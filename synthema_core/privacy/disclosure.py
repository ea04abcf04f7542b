"""What can be learned about people from a synthetic table: links and secrets.

Every attack is run three times: on training people, on people never seen (the control: what anybody
could infer about anybody), and as a blind guess. Only what it wins on training people beyond the
control is disclosure by the synthetic table. An attacker breaks ties at random, so the order of
rows says nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows, nearest, nearest_groups

from ..intervals import EMPTY, Z80, Z95, Estimate, wilson

SOURCE = (
    "Giomi et al. (2023), A unified framework for quantifying privacy risk in synthetic data, "
    "PoPETs 2023(2), 312-328: risk = (main - control) / (1 - control). Shares by Wilson (1927); "
    "the risk by MOVER on the ratio of the two failure rates, Donner & Zou (2012), Stat. Methods "
    "Med. Res. 21, 347-359."
)

Columns = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attack:
    """One attack against training people, with its control.

    Attributes:
        name: "linkability" or "inference".
        target: What it is after: the secret column, or the two sets of columns.
        main: Share of training people it succeeds on.
        control: Share of holdout people it succeeds on.
        baseline: Share it would succeed on by guessing blindly, in expectation.
        risk: (main - control) / (1 - control): 0 is no disclosure, 1 the worst. Empty if either
            side is, or if the attack never fails on the control.
        minimum_detectable_risk: Smallest risk whose interval excludes 0 in four audits of five.
        succeeded: (n,) whether it succeeds on each training row.
        controls_succeeded: (h,) whether it succeeds on each holdout row.
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


def linkability(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    first: Columns,
    second: Columns,
    k: int = 1,
    target: str,
    seed: int,
) -> Attack:
    """Do two parts of a person's record lead to one synthetic row?

    The attacker knows some columns of a person from one source and others from a second, and links
    the two when the k closest synthetic rows by each have a row in common.

    Args:
        train: (n,) members.
        holdout: (h,) people never seen, the control.
        synthetic: (s,) rows, s >= k.
        first: (p + q,) columns known from the first source, numeric columns first.
        second: (p + q,) columns known from the second; the two must not overlap.
        k: Synthetic rows the attacker considers for each source.
        target: What to call it.
        seed: Order in which tied synthetic rows are looked at, one for each source.

    Returns:
        Attack; `baseline` is the chance that two random sets of k rows meet.
    """
    if (first & second).any():
        raise ValueError("first and second: expected columns in one of them, got some in both")
    rng = np.random.default_rng(seed)
    links = [_closest(real, synthetic, (first, second), k, rng) for real in (train, holdout)]
    met = [(a[:, :, None] == b[:, None, :]).any(axis=(1, 2)) for a, b in links]
    s = len(synthetic)
    missed = math.prod((s - k - i) / (s - i) for i in range(k)) if s >= 2 * k else 0.0
    return _attack("linkability", target, met[0], met[1], 1.0 - missed)


def inference(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    secrets: Sequence[int],
    names: Sequence[str],
    known: Columns | None = None,
    tolerance: float = 0.05,
    seed: int,
) -> tuple[Attack, ...]:
    """Does the closest synthetic row give away a secret?

    The attacker knows the other columns of a person and guesses the secret to be that of the
    closest synthetic row. People whose secret is missing have none to lose and are left out; a
    guess of "missing" fails.

    Args:
        train: (n,) members.
        holdout: (h,) people never seen, the control.
        synthetic: (s,) rows, s >= 1.
        secrets: Columns to guess, numeric columns first in the count.
        names: What to call each of them.
        known: (p + q,) what the attacker knows besides; None is all columns. The secret itself is
            never among them.
        tolerance: A number counts as guessed within this distance, in units of the column's range
            in train.
        seed: Order in which tied synthetic rows are looked at.

    Returns:
        One attack per secret; `baseline` is the chance that the secret of a random synthetic row is
        right.
    """
    columns = train.numeric.shape[1] + train.codes.shape[1]
    groups = np.tile(np.ones(columns, np.bool_) if known is None else known, (len(secrets), 1))
    groups[np.arange(len(secrets)), list(secrets)] = False
    order = np.random.default_rng(seed).permutation(len(synthetic))
    pool = Rows(numeric=synthetic.numeric[order], codes=synthetic.codes[order])
    found = [
        [one.index[:, 0] for one in nearest_groups(real, pool, groups, k=1)]
        for real in (train, holdout)
    ]
    attacks = []
    for at, (secret, name) in enumerate(zip(secrets, names, strict=True)):
        guesses = _column(pool, secret)
        shares, right = [], []
        for real, closest in zip((train, holdout), found, strict=True):
            truth = _column(real, secret)
            has = ~_missing(truth)
            hit = np.zeros(len(truth), np.bool_)
            hit[has] = _right(guesses[closest[at][has]], truth[has], tolerance)
            right.append((hit, has))
            shares.append(_blind(guesses, truth[has], tolerance))
        (main, has), (control, theirs) = right
        attacks.append(_attack("inference", name, main, control, shares[0], counted=(has, theirs)))
    return tuple(attacks)


def _closest(
    real: Rows, synthetic: Rows, groups: Sequence[Columns], k: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """For each group the k closest synthetic rows (n, k), ties at random."""
    found = []
    for group in groups:
        order = rng.permutation(len(synthetic))
        pool = Rows(numeric=synthetic.numeric[order], codes=synthetic.codes[order])
        found.append(order[nearest(real, pool, k, weights=group.astype(float)).index])
    return found


def _column(rows: Rows, column: int) -> NDArray[np.float64] | NDArray[np.int32]:
    p = rows.numeric.shape[1]
    return rows.numeric[:, column] if column < p else rows.codes[:, column - p]


def _missing(values: NDArray[np.float64] | NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.isnan(values) if values.dtype.kind == "f" else values < 0


def _right(
    guess: NDArray[np.float64] | NDArray[np.int32],
    truth: NDArray[np.float64] | NDArray[np.int32],
    tolerance: float,
) -> NDArray[np.bool_]:
    """A missing guess is wrong: NaN is close to nothing, and -1 is no level of a known truth."""
    return np.abs(guess - truth) <= tolerance if truth.dtype.kind == "f" else guess == truth


def _blind(
    guesses: NDArray[np.float64] | NDArray[np.int32],
    truth: NDArray[np.float64] | NDArray[np.int32],
    tolerance: float,
) -> float:
    """The chance that a random synthetic row has the right secret, over all true ones."""
    if len(truth) == 0:
        return 0.0
    if truth.dtype.kind == "f":
        values = np.sort(guesses[~np.isnan(guesses)])
        low = np.searchsorted(values, truth - tolerance, side="left")
        high = np.searchsorted(values, truth + tolerance, side="right")
        return float((high - low).mean() / len(guesses))
    levels, count = np.unique(guesses, return_counts=True)
    at = np.minimum(np.searchsorted(levels, truth), len(levels) - 1)
    return float(np.where(levels[at] == truth, count[at], 0).mean() / len(guesses))


def _attack(
    name: str,
    target: str,
    main: NDArray[np.bool_],
    control: NDArray[np.bool_],
    baseline: float,
    *,
    counted: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> Attack:
    ours, theirs = main, control
    if counted is not None:
        ours, theirs = main[counted[0]], control[counted[1]]
    return Attack(
        name=name,
        target=target,
        main=_share(ours),
        control=_share(theirs),
        baseline=baseline,
        risk=risk(int(ours.sum()), len(ours), int(theirs.sum()), len(theirs)),
        minimum_detectable_risk=_detectable(theirs, len(ours)),
        succeeded=main,
        controls_succeeded=control,
        source=SOURCE,
    )


def _share(succeeded: NDArray[np.bool_]) -> Estimate:
    n = len(succeeded)
    if n == 0:
        return EMPTY
    low, high = wilson(hits := int(succeeded.sum()), n)
    return Estimate(value=hits / n, low=low, high=high, n=n)


def risk(hits: int, n: int, control_hits: int, controls: int) -> Estimate:
    """What an attack wins beyond its control: 1 minus the ratio of the two failure rates.

    Args:
        hits: Successes on training people, of `n`.
        n: Training people attacked.
        control_hits: Successes on holdout people, of `controls`.
        controls: Holdout people attacked.

    Returns:
        Risk, at most 1; below 0 where the control did better by chance. Empty without people on
        either side, or if the control never failed: then there is nothing left to disclose.

    Source: Donner & Zou (2012), Stat. Methods Med. Res. 21, 347-359, equation for a ratio, with
        Wilson's limits.
    """
    if n == 0 or controls == 0 or control_hits == controls:
        return EMPTY
    ours, theirs = 1 - hits / n, 1 - control_hits / controls
    low1, high1 = wilson(n - hits, n)
    low2, high2 = wilson(controls - control_hits, controls)
    product = ours * theirs

    def ratio(one: float, other: float, sign: int) -> float:
        inner = one * (2 * ours - one) * other * (2 * theirs - other)
        return (product + sign * math.sqrt(max(product**2 - inner, 0.0))) / (
            other * (2 * theirs - other)
        )

    least = ratio(low1, high2, -1) if 2 * theirs > high2 else 0.0
    most = ratio(high1, low2, 1)
    return Estimate(
        value=1 - ours / theirs, low=1 - most, high=min(1 - max(least, 0.0), 1.0), n=n + controls
    )


def _detectable(control: NDArray[np.bool_], n: int) -> float:
    """A normal approximation at the control's share, capped at 1: at 1 nothing is detectable."""
    h = len(control)
    if n == 0 or h == 0:
        return 1.0
    share = (int(control.sum()) + 1) / (h + 2)
    spread = math.sqrt(share * (1 - share) * (1 / n + 1 / h))
    return min(1.0, (Z95 + Z80) * spread / (1 - share))
