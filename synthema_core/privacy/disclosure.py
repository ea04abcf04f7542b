"""What can be learned about people from a synthetic table: links and secrets.

See `attack` for what every result holds. An attacker breaks ties at random, so the order of rows
says nothing. Users do not know which columns an attacker will hold: `sweep_linkability` and
`sweep_inference` try many, and report the worst with a correction for having tried several.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows, nearest, nearest_groups

from .attack import SOURCE as SOURCE
from .attack import Attack as Attack
from .attack import Column, Columns, Side, attack, column, drawn, joined, missing, some, sweep
from .attack import Sweep as Sweep
from .attack import risk as risk
from .model import predicted

N_ATTACKS = 2000  # people attacked on each side of a sweep: a share is known to 0.02 there
SPLITS = 8  # random splits of a sweep, beside the structured ones


def linkability(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    first: Columns,
    second: Columns,
    k: int = 1,
    target: str,
    n_attacks: int | None = None,
    seed: int,
) -> Attack:
    """Do two parts of a person's record lead to one synthetic row?

    The attacker knows some columns of a person from one source and others from a second, and links
    the two when the k closest synthetic rows by each have a row in common.

    Args:
        train: (n,) members.
        holdout: (h,) people never seen, the control; of any size.
        synthetic: (s,) rows, s >= k.
        first: (p + q,) columns known from the first source, numeric columns first.
        second: (p + q,) columns known from the second; the two must not overlap.
        k: Synthetic rows the attacker considers for each source.
        target: What to call it.
        n_attacks: People to attack on each side, drawn at random; None or more than there are is
            all.
        seed: Who is attacked, and the order in which tied synthetic rows are looked at, one for
            each source.

    Returns:
        Attack; `baseline` is the chance that two random sets of k rows meet.
    """
    if (first & second).any():
        raise ValueError("first and second: expected columns in one of them, got some in both")
    rng = np.random.default_rng(seed)
    at = [drawn(len(real), n_attacks, rng) for real in (train, holdout)]
    ours, theirs = (some(real, rows) for real, rows in zip((train, holdout), at, strict=True))
    one, other = closest(joined(ours, theirs), synthetic, (first, second), k, rng)
    met = np.split((one[:, :, None] == other[:, None, :]).any(axis=(1, 2)), [len(ours)])
    main, control = (
        Side(hit=hit, at=rows, n=len(real))
        for hit, rows, real in zip(met, at, (train, holdout), strict=True)
    )
    return attack(
        "linkability",
        target,
        main,
        control,
        chance_to_meet(len(synthetic), k),
        attacker="nearest" if k == 1 else f"{k} nearest",
    )


def sweep_linkability(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    names: Sequence[str],
    quasi_identifiers: Columns | None = None,
    splits: int = SPLITS,
    k: int = 1,
    n_attacks: int | None = N_ATTACKS,
    seed: int,
) -> Sweep:
    """Linkability for many ways to split the columns between two sources; the worst is reported.

    The ways: the declared quasi-identifiers and the rest, numbers and codes, every other column,
    the first half of the columns and the second, and random halves. Ways that say the same twice
    are tried once.

    Args:
        train: (n,) members.
        holdout: (h,) people never seen, the control; of any size.
        synthetic: (s,) rows, s >= k.
        names: Of the columns, numeric columns first; at least two.
        quasi_identifiers: (p + q,) columns that somebody outside is known to hold; None if unknown.
        splits: Random halves.
        k: As in `linkability`.
        n_attacks: As in `linkability`; the same people for every split.
        seed: As in `linkability`, and of the random halves.

    Returns:
        Sweep; the target of an attack names the columns of its first source.
    """
    p, d = train.numeric.shape[1], len(names)
    place = np.arange(d)
    rng = np.random.default_rng(seed)
    ways = [place < p, place % 2 == 0, place < d // 2]
    ways += [rng.permutation(d) < d // 2 for _ in range(splits)]
    if quasi_identifiers is not None:
        ways.insert(0, quasi_identifiers)
    # A split and its mirror image are one: the first column tells them apart.
    unique = {tuple(way ^ way[0]): way for way in reversed(ways) if 0 < way.sum() < d}
    return sweep(
        [
            linkability(
                train=train,
                holdout=holdout,
                synthetic=synthetic,
                first=way,
                second=~way,
                k=k,
                target=_named([name for name, mine in zip(names, way, strict=True) if mine]),
                n_attacks=n_attacks,
                seed=seed,
            )
            for way in reversed(unique.values())
        ]
    )


def inference(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    secrets: Sequence[int],
    names: Sequence[str],
    known: Columns | None = None,
    tolerance: float = 0.05,
    k: int = 1,
    model: bool = False,
    n_attacks: int | None = None,
    seed: int,
) -> tuple[Attack, ...]:
    """Does the synthetic table give away a secret?

    The attacker knows other columns of a person and guesses the secret: that of the closest
    synthetic row; for k > 1 the commonest level among the k closest (the closest of equals), or
    their median number; or what a model trained on the synthetic table predicts. People whose
    secret is missing have none to lose and are left out; a guess of "missing" fails.

    Args:
        train: (n,) members.
        holdout: (h,) people never seen, the control; of any size.
        synthetic: (s,) rows, s >= k.
        secrets: Columns to guess, numeric columns first in the count.
        names: What to call each of them.
        known: (p + q,) what the attacker knows besides; None is all columns. The secret itself is
            never among them.
        tolerance: A number counts as guessed within this distance, in units of the column's range
            in train.
        k: Synthetic rows that vote.
        model: Predict by gradient boosting, see `synthema_core.privacy.model`, instead.
        n_attacks: People to attack on each side, drawn at random; None or more than there are is
            all.
        seed: Who is attacked, the order in which tied synthetic rows are looked at, and the model.

    Returns:
        One attack per secret; `baseline` is the chance that the secret of a random synthetic row is
        right.
    """
    columns = train.numeric.shape[1] + train.codes.shape[1]
    groups = np.tile(np.ones(columns, np.bool_) if known is None else known, (len(secrets), 1))
    groups[np.arange(len(secrets)), list(secrets)] = False
    rng = np.random.default_rng(seed)
    pool = some(synthetic, rng.permutation(len(synthetic)))
    at = [drawn(len(real), n_attacks, rng) for real in (train, holdout)]
    both = [some(real, rows) for real, rows in zip((train, holdout), at, strict=True)]
    if model:
        guesses = [
            predicted(pool, secret, known=group, queries=both, seed=seed)
            for secret, group in zip(secrets, groups, strict=True)
        ]
    else:
        found = nearest_groups(joined(*both), pool, groups, k=k)
        votes = [
            _voted(column(pool, secret)[one.index])
            for secret, one in zip(secrets, found, strict=True)
        ]
        guesses = [[vote[: len(both[0])], vote[len(both[0]) :]] for vote in votes]
    attacks = []
    for secret, name, guess in zip(secrets, names, guesses, strict=True):
        truths = [column(real, secret) for real in both]
        has = [~missing(truth) for truth in truths]
        main, control = (
            Side(hit=right(one[h], truth[h], tolerance), at=rows[h], n=len(real))
            for one, truth, h, rows, real in zip(
                guess, truths, has, at, (train, holdout), strict=True
            )
        )
        attacks.append(
            attack(
                "inference",
                name,
                main,
                control,
                blind(column(pool, secret), truths[0][has[0]], tolerance),
                attacker="model" if model else "nearest" if k == 1 else f"{k} nearest",
            )
        )
    return tuple(attacks)


def sweep_inference(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    names: Sequence[str],
    secrets: Sequence[int] | None = None,
    known: Columns | None = None,
    tolerance: float = 0.05,
    k: Sequence[int] = (1, 5),
    model: bool = True,
    n_attacks: int | None = N_ATTACKS,
    seed: int,
) -> Sweep:
    """Inference of every secret by every attacker; the worst is reported.

    Args:
        train: (n,) members.
        holdout: (h,) people never seen, the control; of any size.
        synthetic: (s,) rows.
        names: Of all columns, numeric columns first.
        secrets: Columns to guess; None is all of them.
        known: As in `inference`.
        tolerance: As in `inference`.
        k: One attacker for each number of synthetic rows that vote; more than s counts as s.
        model: Let the model attack as well.
        n_attacks: As in `inference`.
        seed: As in `inference`.

    Returns:
        Sweep, the attacks in the order of attackers, then secrets.
    """
    wanted = range(len(names)) if secrets is None else secrets
    votes = dict.fromkeys(min(one, len(synthetic)) for one in k)
    attackers = [(one, False) for one in votes] + [(1, True)] * model
    return sweep(
        [
            found
            for one, by_model in attackers
            for found in inference(
                train=train,
                holdout=holdout,
                synthetic=synthetic,
                secrets=wanted,
                names=[names[secret] for secret in wanted],
                known=known,
                tolerance=tolerance,
                k=one,
                model=by_model,
                n_attacks=n_attacks,
                seed=seed,
            )
        ]
    )


def chance_to_meet(s: int, k: int) -> float:
    """That two random sets of k of s rows have one in common."""
    missed = math.prod((s - k - i) / (s - i) for i in range(k)) if s >= 2 * k else 0.0
    return 1.0 - missed


def right(guess: Column, truth: Column, tolerance: float) -> NDArray[np.bool_]:
    """A missing guess is wrong: NaN is close to nothing, and -1 is no level of a known truth."""
    return np.abs(guess - truth) <= tolerance if truth.dtype.kind == "f" else guess == truth


def blind(guesses: Column, truth: Column, tolerance: float) -> float:
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


def closest(
    real: Rows, synthetic: Rows, groups: Sequence[Columns], k: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """For each group the k closest synthetic rows (n, k), ties at random; none is fine."""
    if len(real) == 0:
        return [np.empty((0, k), np.int64) for _ in groups]
    found = []
    for group in groups:
        order = rng.permutation(len(synthetic))
        pool = some(synthetic, order)
        found.append(order[nearest(real, pool, k, weights=group.astype(float)).index])
    return found


def _voted(votes: Column) -> Column:
    """(n, k) secrets, closest first, to (n,): the commonest level, or the median of the numbers."""
    k = votes.shape[1]
    if k == 1:
        return votes[:, 0]
    if votes.dtype.kind == "f":
        present = ~np.isnan(votes)
        ordered = np.sort(votes, axis=1)  # NaN goes last
        n = np.maximum(present.sum(axis=1), 1)
        row = np.arange(len(votes))
        middle = (ordered[row, (n - 1) // 2] + ordered[row, n // 2]) / 2
        return np.asarray(middle, np.float64)
    # argmax takes the first of equals, which is the closest.
    equal = sum((votes == votes[:, [j]]).astype(np.int32) for j in range(k))
    return np.asarray(votes[np.arange(len(votes)), np.asarray(equal).argmax(axis=1)], np.int32)


def _named(columns: Sequence[str]) -> str:
    """At most three names: this is for a table of a report."""
    shown = ", ".join(columns[:3])
    return shown if len(columns) <= 3 else f"{shown} and {len(columns) - 3} more"
