"""Distances between synthetic and real rows: descriptive, and no evidence of privacy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

from ..intervals import EMPTY, Estimate, wilson
from .row_values import RowValues
from .tally import VOTE, Real, Tally, measure

SOURCE = (
    "Descriptive, not evidence of privacy (Yao et al. 2025, The DCR Delusion, arXiv:2505.01524). "
    "Gower (1971) distance; DCR and NNDR as in Zhao et al. (2021), CTAB-GAN; share closer to train "
    "by votes per real row, interval by Wilson (1927) on the effective number of rows (Kish 1965)."
)

BINS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Five quantiles of n values."""

    q05: float
    q25: float
    q50: float
    q75: float
    q95: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distances:
    """Synthetic rows against training and holdout rows. Descriptive: not evidence of privacy.

    Everything about the holdout is None, or an empty Estimate, when there is no holdout.

    Attributes:
        n_train: Rows of the training table.
        n_holdout: Rows of the holdout, 0 if there is none.
        n_synthetic: Rows of the synthetic table.
        share_closer_to_train: Share of synthetic rows whose closest real row is a training row,
            corrected for the sizes of the two tables: 0.5 is no leak, 1.0 the worst.
        copied_train: Share of training rows that some synthetic row equals in every field.
        copied_holdout: The same for holdout rows: what chance alone copies. The fair comparison.
        identical_share_train: Share of synthetic rows that equal some training row.
        identical_share_holdout: Share of synthetic rows that equal some holdout row.
        dcr_train: Distance from each synthetic row to its closest training row.
        dcr_holdout: The same to the holdout. Pools of different size are not comparable: the larger
            one is closer by chance.
        nndr_train: Median ratio of the closest to the second closest training row.
        nndr_holdout: The same for the holdout.
        edges: (b + 1,) bin edges of distances, for the two histograms below.
        train_to_synthetic: (b,) share of training rows by distance to their closest synthetic row.
        holdout_to_synthetic: (b,) the same for holdout rows; comparable, as the pool is the same.
        source: Definition.
    """

    n_train: int
    n_holdout: int
    n_synthetic: int
    share_closer_to_train: Estimate
    copied_train: Estimate
    copied_holdout: Estimate
    identical_share_train: Estimate
    identical_share_holdout: Estimate
    dcr_train: Quantiles
    dcr_holdout: Quantiles | None
    nndr_train: float | None
    nndr_holdout: float | None
    edges: NDArray[np.float64]
    train_to_synthetic: NDArray[np.float64]
    holdout_to_synthetic: NDArray[np.float64] | None
    source: str


def distances(*, train: Rows, synthetic: Rows, holdout: Rows | None = None, seed: int) -> Distances:
    """Measure synthetic rows against both real tables.

    Args:
        train: (n, p) and (n, q), n >= 1.
        synthetic: (s, p) and (s, q), s >= 1.
        holdout: (h, p) and (h, q), h >= 1, or None.
        seed: Order in which tied real rows are looked at.

    Returns:
        Distances.
    """
    found = measure(synthetic, Real.of(train, holdout, seed=seed))
    with RowValues() as values:
        values.append(found.values)
        assert found.tally is not None  # nothing was set apart
        return described(found.tally, values)


def described(tally: Tally, values: RowValues) -> Distances:
    """The numbers of a whole synthetic table, from what its parts added up to.

    Args:
        tally: Of all parts, merged.
        values: Of all parts, in any order.
    """
    ours, theirs = tally.closest["train"], tally.closest.get("holdout")
    s, seen = tally.n_synthetic, "holdout" in tally.closest
    edges = _edges(ours, theirs)
    return Distances(
        n_train=len(ours),
        n_holdout=0 if theirs is None else len(theirs),
        n_synthetic=s,
        share_closer_to_train=EMPTY if tally.votes is None else _share_closer(tally.votes, ours, s),
        copied_train=_share(int((ours == 0).sum()), len(ours)),
        copied_holdout=EMPTY if theirs is None else _share(int((theirs == 0).sum()), len(theirs)),
        identical_share_train=_share(tally.copies["train"], s),
        identical_share_holdout=_share(tally.copies["holdout"], s) if seen else EMPTY,
        dcr_train=_quantiles(values, "dcr_train", s),
        dcr_holdout=_quantiles(values, "dcr_holdout", s) if seen else None,
        nndr_train=values.median("nndr_train", s) if "nndr_train" in values else None,
        nndr_holdout=values.median("nndr_holdout", s) if "nndr_holdout" in values else None,
        edges=edges,
        train_to_synthetic=_histogram(ours, edges),
        holdout_to_synthetic=None if theirs is None else _histogram(theirs, edges),
        source=SOURCE,
    )


def _share_closer(units: NDArray[np.int64], train: NDArray[np.float64], s: int) -> Estimate:
    """Votes for training rows against votes for holdout rows, per real row.

    Every synthetic row votes for its closest real row; rows that tie share the vote. If training
    and holdout patients are exchangeable, each of them expects the same number of votes, so with
    t votes for n training rows and u for h holdout rows, (t/n) / (t/n + u/h) is 0.5 however
    unequal n and h, and 1 for a copy. Cutting the larger table down to equal size would also give
    0.5, but a copy would no longer give 1: most copied rows would lose their original.

    Votes for one real row are not independent of each other: the interval counts
    (sum of votes)^2 / (sum of squared votes) independent synthetic rows.
    """
    n, h = len(train), len(units) - len(train)
    votes = units / VOTE
    won = int(units[:n].sum()) / (s * VOTE)
    low, high = wilson(won * (rows := s**2 / float((votes * votes).sum())), rows)
    corrected = [(p / n) / (p / n + (1 - p) / h) for p in (min(won, 1.0), low, high)]
    return Estimate(value=corrected[0], low=corrected[1], high=corrected[2], n=s)


def _share(count: int, n: int) -> Estimate:
    """Rows at distance exactly 0: copies, missing fields included; nothing else is."""
    low, high = wilson(count, n)
    return Estimate(value=count / n, low=low, high=high, n=n)


def _quantiles(values: RowValues, name: str, n: int) -> Quantiles:
    q05, q25, q50, q75, q95 = values.quantiles(name, [0.05, 0.25, 0.5, 0.75, 0.95], n)
    return Quantiles(q05=q05, q25=q25, q50=q50, q75=q75, q95=q95, n=n)


def _edges(first: NDArray[np.float64], second: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Bins from 0 to the pooled 99th percentile, so that one odd patient does not set the scale."""
    pooled = first if second is None else np.concatenate([first, second])
    top = float(np.quantile(pooled, 0.99))
    return np.linspace(0.0, top if top > 0 else 1.0, BINS + 1)


def _histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the values in each bin; the last bin takes everything beyond it."""
    count, _ = np.histogram(np.minimum(values, edges[-1]), edges)
    share: NDArray[np.float64] = count / len(values)
    return share
