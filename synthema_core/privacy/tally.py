"""What one part of a synthetic table says about the real rows, and how parts are put together.

`measure` is a pure function of some synthetic rows and of the real ones; `Tally.merge` is exact and
does not depend on the order or the size of the parts: minima, and sums of integers. So a table that
is searched in parts, on one machine or on many, gives the bits of the table searched as a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows, nearest

Floats = NDArray[np.float64]

TIED = 128  # tied real rows looked at for one synthetic row: enough to share its vote fairly
TIED_AT_ONCE = 4096  # synthetic rows with so many neighbors that are held together: 8 MiB
VOTE = 2**31  # units of one vote: shares are whole numbers, so the order of a sum cannot matter


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """The rows that synthetic ones are compared with, prepared once for all parts.

    Attributes:
        train: n rows, n >= 1, in an order that does not depend on the user's.
        holdout: h rows, h >= 1, or None.
        tied: (n + h,) a shuffle of the rows of both tables, in which a tie is a fair draw.
    """

    train: Rows
    holdout: Rows | None
    tied: NDArray[np.int64]

    @classmethod
    def of(cls, train: Rows, holdout: Rows | None, *, seed: int) -> "Real":
        """The two tables, and the order in which tied rows are looked at."""
        both = len(train) + (0 if holdout is None else len(holdout))
        return cls(train, holdout, np.random.default_rng(seed).permutation(both))

    @property
    def tables(self) -> dict[str, Rows]:
        """Tables by name; `holdout` only if there is one."""
        return {"train": self.train} | ({} if self.holdout is None else {"holdout": self.holdout})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """What some synthetic rows add up to. Its size depends on the real tables alone.

    Attributes:
        n_synthetic: Synthetic rows seen.
        closest: Of each real table, (n,) distance of each row to the closest of them.
        copies: Of each real table, how many of them equal some row of it.
        votes: (n + h,) units of VOTE that each training row, then each holdout row, got from them;
            None without a holdout.
    """

    n_synthetic: int
    closest: Mapping[str, Floats]
    copies: Mapping[str, int]
    votes: NDArray[np.int64] | None

    def merge(self, other: "Tally") -> "Tally":
        """Of the rows of both. Associative and commutative, to the last bit."""
        votes = None
        if self.votes is not None and other.votes is not None:
            votes = self.votes + other.votes
        return Tally(
            n_synthetic=self.n_synthetic + other.n_synthetic,
            closest={n: np.minimum(a, other.closest[n]) for n, a in self.closest.items()},
            copies={name: count + other.copies[name] for name, count in self.copies.items()},
            votes=votes,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What `measure` finds in some synthetic rows.

    Attributes:
        tally: What adds up; None if it was set apart.
        values: What is one number per synthetic row: `dcr_train`, the distance to the closest
            training row, `nndr_train`, its ratio to the second closest (absent if there is but one
            training row), and the same for the holdout.
    """

    tally: Tally | None
    values: dict[str, Floats]

    def merge(self, other: "Measured") -> "Measured":
        """Of the rows of both, the values of these first."""
        tally = self.tally or other.tally
        if self.tally is not None and other.tally is not None:
            tally = self.tally.merge(other.tally)
        parts = [found.values for found in (self, other) if found.values]
        values = {n: np.concatenate([part[n] for part in parts]) for n in (parts or [{}])[0]}
        return Measured(tally, values)

    def apart(self) -> tuple["Measured", "Measured"]:
        """The tally, and the values, each alone."""
        return Measured(self.tally, {}), Measured(None, self.values)


def measure(synthetic: Rows, real: Real) -> Measured:
    """Search some synthetic rows in the real tables, and the real rows in them.

    Args:
        synthetic: (s, p) and (s, q), s >= 1: a table or any part of it.
        real: What they are compared with.

    Returns:
        Measured: a function of the multiset of rows, but for the order of its `values`.
    """
    values: dict[str, Floats] = {}
    first: dict[str, NDArray[np.int64]] = {}
    closest: dict[str, Floats] = {}
    for name, pool in real.tables.items():
        found = nearest(synthetic, pool, k=min(2, len(pool)))
        first[name] = found.index[:, 0].copy()
        values[f"dcr_{name}"] = found.distance[:, 0].copy()
        if len(pool) > 1:
            values[f"nndr_{name}"] = _ratio(found.distance)
        closest[name] = nearest(pool, synthetic, k=1).distance[:, 0].copy()
    tally = Tally(
        n_synthetic=len(synthetic),
        closest=closest,
        copies={name: int((values[f"dcr_{name}"] == 0).sum()) for name in real.tables},
        votes=None if real.holdout is None else _votes(synthetic, real, first, values),
    )
    return Measured(tally, values)


def _ratio(distance: Floats) -> Floats:
    """Closest over second closest; two copies of one row, 0 / 0, count as 1."""
    closest, second = distance[:, 0], distance[:, 1]
    return np.divide(closest, second, out=np.ones_like(closest), where=second > 0)


def _votes(
    synthetic: Rows,
    real: Real,
    first: Mapping[str, NDArray[np.int64]],
    values: Mapping[str, Floats],
) -> NDArray[np.int64]:
    """Each synthetic row votes for its closest real row; rows that tie share the vote."""
    n, both = len(real.train), len(real.tied)
    ours, theirs = values["dcr_train"], values["dcr_holdout"]
    votes = np.bincount(first["train"][ours < theirs], minlength=both)
    votes += np.bincount(n + first["holdout"][theirs < ours], minlength=both)
    votes *= VOTE
    tied = ours == theirs
    if tied.any():
        _add_tied(votes, take(synthetic, tied), real)
    return votes


def _add_tied(votes: NDArray[np.int64], tied: Rows, real: Real) -> None:
    """Add the votes of synthetic rows that are equally far from both tables.

    How the vote must be split depends on how many rows of each table tie, and there may be
    thousands. In a shuffled pool, where a tie goes to the lower index, the first TIED of them are a
    fair sample.
    """
    assert real.holdout is not None
    pool = take(stack(real.train, real.holdout), real.tied)
    queries, count = _distinct(tied)
    for start in range(0, len(queries), TIED_AT_ONCE):
        some = slice(start, start + TIED_AT_ONCE)
        found = nearest(take(queries, some), pool, k=min(TIED, len(pool)))
        level = found.distance == found.distance[:, :1]
        rows = level.sum(axis=1)
        units = level * (VOTE // rows)[:, None]
        units[:, 0] += VOTE - VOTE // rows * rows  # what does not divide goes to the first
        np.add.at(votes, real.tied[found.index], units * count[some][:, None])


def _distinct(rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """Different rows, and how often each occurs. Few, in the tables where many rows tie."""
    numbers = np.where(np.isnan(rows.numeric), -np.inf, rows.numeric)  # NaN never equals NaN
    key = np.concatenate([numbers, rows.codes], axis=1, dtype=np.float64)
    _, first, count = np.unique(key, axis=0, return_index=True, return_counts=True)
    return take(rows, first), count


def take(rows: Rows, index: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Rows:
    """Some of the rows."""
    return Rows(numeric=rows.numeric[index], codes=rows.codes[index])


def stack(first: Rows, second: Rows) -> Rows:
    """The rows of both, one table under the other."""
    return Rows(
        numeric=np.concatenate([first.numeric, second.numeric]),
        codes=np.concatenate([first.codes, second.codes]),
    )
