"""Can whole people be rebuilt from the synthetic table, without knowing anything about them?

The attacker turns the synthetic table into guesses of whole rows: the rows themselves; the middle
of each row and its closest synthetic rows, since averages of few patients (avatars) scatter around
patients; and points beyond the ends of the lines between close rows, since a mean of two patients
lies between them. A person is rebuilt if some guess agrees with him on nearly all columns. What
anybody's guesses rebuild of anybody is measured on the holdout.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows, nearest

from .attack import SOURCE as RISK
from .attack import Attack, Side, attack, drawn, joined, missing, some

CLOSE = 8  # guesses looked at for each person: those closest by all columns
MIDDLES = (2, 5)  # closest synthetic rows that a middle is taken of, besides the row itself
BEYOND = (-0.5, 1.5)  # where on the line from a row (0) to a close one (1) a guess is made
LINES = 3  # close rows a line is drawn to
MOST = 50_000  # rows that guesses are made from

SOURCE = RISK + (
    " Whole rows: a person is rebuilt if one of the eight closest guesses agrees on a wanted share "
    "of columns, levels and missing fields exactly and numbers within the tolerance. After the "
    "observation that rows made of few neighbors can be traced back to them."
)


def reconstruction(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    share: float = 0.95,
    tolerance: float = 0.05,
    n_attacks: int | None = None,
    seed: int,
) -> tuple[Attack, ...]:
    """Share of people that guesses of whole rows rebuild.

    Args:
        train: (n,) members.
        holdout: (h,) people never seen, the control; of any size.
        synthetic: (s,) rows, s >= 1; beyond MOST a random part makes the guesses.
        share: Of the columns on which a guess must agree, in (0, 1].
        tolerance: A number agrees within this distance, in units of the column's range in train.
        n_attacks: People looked for on each side, drawn at random; None or more than there are is
            all.
        seed: Who is looked for, ties, and the blind guesses.

    Returns:
        One attack for each way of guessing: "rows", "middles", "lines". `baseline` is what as many
        guesses rebuild whose columns are drawn independently from the synthetic table.

    Raises:
        ValueError: If `share` is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0 and at most 1, got {share}")
    rng = np.random.default_rng(seed)
    pool = some(synthetic, rng.permutation(len(synthetic))[:MOST])
    at = [drawn(len(real), n_attacks, rng) for real in (train, holdout)]
    ours, theirs = (some(real, rows) for real, rows in zip((train, holdout), at, strict=True))
    need = int(np.ceil(share * (train.numeric.shape[1] + train.codes.shape[1]) - 1e-9))
    people, n = joined(ours, theirs), len(ours)
    blind = _rebuilt(ours, _independent(pool, rng), need, tolerance)
    attacks = []
    for name, guesses in _guesses(pool):
        found = _rebuilt(people, guesses, need, tolerance)
        main, control = (
            Side(hit=hit, at=rows, n=len(real))
            for hit, rows, real in zip((found[:n], found[n:]), at, (train, holdout), strict=True)
        )
        attacks.append(
            attack(
                "reconstruction",
                f"{need} of {train.numeric.shape[1] + train.codes.shape[1]} columns",
                main,
                control,
                float(blind.mean()) if len(blind) else 0.0,
                attacker=name,
                source=SOURCE,
            )
        )
    return tuple(attacks)


def _guesses(pool: Rows) -> Iterator[tuple[str, Rows]]:
    """Ways of guessing whole rows."""
    yield "rows", pool
    most = min(max(*MIDDLES, LINES), len(pool) - 1)
    if most < 1:
        return
    index = nearest(pool, pool, most, exclude_self=True).index
    own = np.arange(len(pool))[:, None]
    middles = [_middle(pool, np.hstack([own, index[:, :k]])) for k in MIDDLES if k <= most]
    if middles:
        yield "middles", _stacked(middles)
    ends = [
        _on_line(pool, some(pool, index[:, j]), t) for j in range(min(LINES, most)) for t in BEYOND
    ]
    yield "lines", _stacked(ends)


def _rebuilt(people: Rows, guesses: Rows, need: int, tolerance: float) -> NDArray[np.bool_]:
    """(n,) whether one of the closest guesses agrees on enough columns."""
    out = np.zeros(len(people), np.bool_)
    if len(people) == 0:
        return out
    index = nearest(people, guesses, min(CLOSE, len(guesses))).index
    for place in index.T:
        guess = some(guesses, place)
        gone, lost = np.isnan(people.numeric), np.isnan(guess.numeric)
        with np.errstate(invalid="ignore"):
            near = np.abs(people.numeric - guess.numeric) <= tolerance
        agree = (near | (gone & lost)).sum(axis=1) + (people.codes == guess.codes).sum(axis=1)
        out |= agree >= need
    return out


def _middle(pool: Rows, index: NDArray[np.int64]) -> Rows:
    """Of each (n, k) rows the median of the numbers present, missing if most are, and the mode."""
    k = index.shape[1]
    numeric = np.empty(pool.numeric.shape)
    for j in range(pool.numeric.shape[1]):
        values = np.sort(pool.numeric[index, j], axis=1)  # NaN goes last
        present = k - np.isnan(values).sum(axis=1)
        row, last = np.arange(len(values)), np.maximum(present, 1)
        median = (values[row, (last - 1) // 2] + values[row, last // 2]) / 2
        numeric[:, j] = np.where(2 * present > k, median, np.nan)
    codes = np.empty(pool.codes.shape, np.int32)
    for j in range(pool.codes.shape[1]):
        votes = pool.codes[index, j]
        equal = np.sum([votes == votes[:, [i]] for i in range(k)], axis=0)
        codes[:, j] = votes[np.arange(len(votes)), equal.argmax(axis=1)]  # the first of equals
    return Rows(numeric=numeric, codes=codes)


def _on_line(start: Rows, end: Rows, t: float) -> Rows:
    """Points of lines; levels, and numbers that one end lacks, are those of the nearer end."""
    near = end if t > 0.5 else start
    point = start.numeric + t * (end.numeric - start.numeric)
    return Rows(numeric=np.where(missing(point), near.numeric, point), codes=near.codes)


def _stacked(parts: list[Rows]) -> Rows:
    return Rows(
        numeric=np.vstack([part.numeric for part in parts]),
        codes=np.vstack([part.codes for part in parts]),
    )


def _independent(pool: Rows, rng: np.random.Generator) -> Rows:
    """Every column in an order of its own."""
    return Rows(numeric=rng.permuted(pool.numeric, axis=0), codes=rng.permuted(pool.codes, axis=0))
