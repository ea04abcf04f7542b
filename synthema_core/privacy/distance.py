"""Distances between synthetic and real rows: descriptive, and no evidence of privacy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Neighbors, Rows, nearest

from ..intervals import EMPTY, Estimate, wilson

SOURCE = (
    "Descriptive, not evidence of privacy (Yao et al. 2025, The DCR Delusion, arXiv:2505.01524). "
    "Gower (1971) distance; DCR and NNDR as in Zhao et al. (2021), CTAB-GAN; share closer to train "
    "by votes per real row, interval by Wilson (1927) on the effective number of rows (Kish 1965)."
)

TIED = 128  # tied real rows looked at for one synthetic row: enough to share its vote fairly
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


def distances(
    *,
    train: Rows,
    synthetic: Rows,
    holdout: Rows | None,
    train_to_synthetic: NDArray[np.float64],
    holdout_to_synthetic: NDArray[np.float64] | None,
    seed: int,
) -> Distances:
    """Measure synthetic rows against both real tables.

    Args:
        train: (n, p) and (n, q), n >= 1.
        synthetic: (s, p) and (s, q), s >= 1.
        holdout: (h, p) and (h, q), h >= 1, or None.
        train_to_synthetic: (n,) distance of each training row to its closest synthetic row, which
            the membership attack has already found.
        holdout_to_synthetic: (h,) the same for the holdout, None without one.
        seed: Order in which tied real rows are looked at.

    Returns:
        Distances.
    """
    to_train = _closest_two(synthetic, train)
    to_holdout = None if holdout is None else _closest_two(synthetic, holdout)
    n, s = len(train.numeric), len(synthetic.numeric)
    edges = _edges(train_to_synthetic, holdout_to_synthetic)
    share, copied, identical = EMPTY, EMPTY, EMPTY
    if holdout is not None and to_holdout is not None and holdout_to_synthetic is not None:
        share = _share_closer(train, synthetic, holdout, to_train, to_holdout, seed=seed)
        copied = _share_of_zeros(holdout_to_synthetic)
        identical = _share_of_zeros(to_holdout.distance[:, 0])
    return Distances(
        n_train=n,
        n_holdout=0 if holdout is None else len(holdout.numeric),
        n_synthetic=s,
        share_closer_to_train=share,
        copied_train=_share_of_zeros(train_to_synthetic),
        copied_holdout=copied,
        identical_share_train=_share_of_zeros(to_train.distance[:, 0]),
        identical_share_holdout=identical,
        dcr_train=_quantiles(to_train.distance[:, 0]),
        dcr_holdout=None if to_holdout is None else _quantiles(to_holdout.distance[:, 0]),
        nndr_train=_nndr(to_train.distance),
        nndr_holdout=None if to_holdout is None else _nndr(to_holdout.distance),
        edges=edges,
        train_to_synthetic=_histogram(train_to_synthetic, edges),
        holdout_to_synthetic=None
        if holdout_to_synthetic is None
        else _histogram(holdout_to_synthetic, edges),
        source=SOURCE,
    )


def _closest_two(queries: Rows, pool: Rows) -> Neighbors:
    return nearest(queries, pool, k=min(2, len(pool.numeric)))


def _share_closer(
    train: Rows,
    synthetic: Rows,
    holdout: Rows,
    to_train: Neighbors,
    to_holdout: Neighbors,
    *,
    seed: int,
) -> Estimate:
    """Votes for training rows against votes for holdout rows, per real row.

    Every synthetic row votes for its closest real row; rows that tie share the vote. If training
    and holdout patients are exchangeable, each of them expects the same number of votes, so with
    t votes for n training rows and u for h holdout rows, (t/n) / (t/n + u/h) is 0.5 however
    unequal n and h, and 1 for a copy. Cutting the larger table down to equal size would also give
    0.5, but a copy would no longer give 1: most copied rows would lose their original.

    Votes for one real row are not independent of each other: the interval counts
    (sum of votes)^2 / (sum of squared votes) independent synthetic rows.
    """
    n, h, s = len(train.numeric), len(holdout.numeric), len(synthetic.numeric)
    ours, theirs = to_train.distance[:, 0], to_holdout.distance[:, 0]
    votes = np.zeros(n + h)
    np.add.at(votes, to_train.index[ours < theirs, 0], 1.0)
    np.add.at(votes, n + to_holdout.index[theirs < ours, 0], 1.0)
    tied = ours == theirs
    if tied.any():
        votes += _tied_votes(train, _take(synthetic, tied), holdout, seed=seed)
    won = float(votes[:n].sum()) / s
    low, high = wilson(won * (rows := s**2 / float(votes @ votes)), rows)
    corrected = [(p / n) / (p / n + (1 - p) / h) for p in (min(won, 1.0), low, high)]
    return Estimate(value=corrected[0], low=corrected[1], high=corrected[2], n=s)


def _tied_votes(train: Rows, tied: Rows, holdout: Rows, *, seed: int) -> NDArray[np.float64]:
    """Votes of synthetic rows that are equally far from both tables, (n + h,).

    How the vote must be split depends on how many rows of each table tie, and there may be
    thousands. In a shuffled pool, where a tie goes to the lower index, the first TIED of them are a
    fair sample.
    """
    pool = _stack(train, holdout)
    order = np.random.default_rng(seed).permutation(len(pool.numeric))
    queries, count = _distinct(tied)
    found = nearest(queries, _take(pool, order), k=min(TIED, len(order)))
    level = found.distance == found.distance[:, :1]
    weight = level * (count / level.sum(axis=1))[:, None]
    votes = np.zeros(len(order))
    np.add.at(votes, order[found.index], weight)
    return votes


def _distinct(rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """Different rows, and how often each occurs. Few, in the tables where many rows tie."""
    numbers = np.where(np.isnan(rows.numeric), -np.inf, rows.numeric)  # NaN never equals NaN
    key = np.concatenate([numbers, rows.codes], axis=1, dtype=np.float64)
    _, first, count = np.unique(key, axis=0, return_index=True, return_counts=True)
    return _take(rows, first), count


def _take(rows: Rows, index: NDArray[np.int64] | NDArray[np.bool_]) -> Rows:
    return Rows(numeric=rows.numeric[index], codes=rows.codes[index])


def _stack(first: Rows, second: Rows) -> Rows:
    return Rows(
        numeric=np.concatenate([first.numeric, second.numeric]),
        codes=np.concatenate([first.codes, second.codes]),
    )


def _share_of_zeros(distance: NDArray[np.float64]) -> Estimate:
    """Exactly 0 is a copy, missing fields included; nothing else is."""
    n, zeros = len(distance), int((distance == 0).sum())
    low, high = wilson(zeros, n)
    return Estimate(value=zeros / n, low=low, high=high, n=n)


def _nndr(distance: NDArray[np.float64]) -> float | None:
    """Median of closest over second closest; two copies of one row, 0 / 0, count as 1."""
    if distance.shape[1] < 2:
        return None
    closest, second = distance[:, 0], distance[:, 1]
    ratio = np.divide(closest, second, out=np.ones_like(closest), where=second > 0)
    return float(np.median(ratio))


def _quantiles(values: NDArray[np.float64]) -> Quantiles:
    q05, q25, q50, q75, q95 = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
    return Quantiles(q05=q05, q25=q25, q50=q50, q75=q75, q95=q95, n=len(values))


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
