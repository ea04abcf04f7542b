"""An attacker who trains a model on the synthetic table and predicts a secret.

Gradient boosting on histograms reads missing values and levels as they are, and needs no tuning to
be strong on tables. Early stopping is off: an attacker who stops early forgets what the table
betrays of single people. Arithmetic is done on one thread, so that the same seed gives the same
bits on any machine.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

from .attack import Column, Columns, column, drawn, missing, some

MOST = 20_000  # synthetic rows that are learned from
LEVELS = 250  # of a known column: scikit-learn's limit is 255; rarer ones are read as missing
GUESSED = 12  # levels of a secret, most frequent first: one tree is grown for each at every step
STEPS = 60


def predicted(
    synthetic: Rows,
    secret: int,
    *,
    known: Columns,
    queries: Sequence[Rows],
    seed: int,
) -> list[Column]:
    """What a model trained on the synthetic table takes the secret of each query to be.

    Args:
        synthetic: (s,) rows; beyond MOST a random part is learned from.
        secret: Column to guess, numeric columns first in the count.
        known: (p + q,) columns to guess it from.
        queries: Rows whose secret is guessed.
        seed: Of the part and the model.

    Returns:
        For each of `queries` its guesses (n,), missing if every synthetic secret is.
    """
    truth = column(synthetic, secret)
    usable = np.flatnonzero(~missing(truth))
    nothing = np.nan if truth.dtype.kind == "f" else -1
    if usable.size == 0:
        return [_as(truth, np.full(len(q), nothing)) for q in queries]
    usable = usable[drawn(usable.size, MOST, np.random.default_rng(seed))]
    learned = some(synthetic, usable)
    truth = column(learned, secret)
    if truth.dtype.kind != "f":
        levels, count = np.unique(truth, return_counts=True)
        common = np.sort(levels[np.argsort(-count, kind="stable")[:GUESSED]])
        kept = np.flatnonzero(np.isin(truth, common))
        learned, truth = some(learned, kept), truth[kept]
    if not known.any() or (truth == truth[0]).all():
        alone = np.median(truth) if truth.dtype.kind == "f" else _commonest(truth)
        return [_as(truth, np.full(len(q), alone)) for q in queries]
    return _fitted(learned, truth, known, queries, seed)


def _fitted(
    learned: Rows, truth: Column, known: Columns, queries: Sequence[Rows], seed: int
) -> list[Column]:
    from sklearn.ensemble import HistGradientBoostingClassifier as Classifier  # 1 s to import
    from sklearn.ensemble import HistGradientBoostingRegressor as Regressor
    from threadpoolctl import threadpool_limits

    p = learned.numeric.shape[1]
    levels = {j: _frequent(column(learned, j)) for j in np.flatnonzero(known).tolist() if j >= p}

    def matrix(rows: Rows) -> NDArray[np.float64]:
        return np.stack(
            [
                _numbered(column(rows, j), levels[j]) if j >= p else column(rows, j)
                for j in np.flatnonzero(known).tolist()
            ],
            axis=1,
        )

    features = matrix(learned)
    empty = np.isnan(features).all(axis=0)
    features[:, empty] = 0.0  # scikit-learn cannot bin a column of nothing
    options = {
        "max_iter": STEPS,
        "early_stopping": False,
        "categorical_features": np.flatnonzero(known) >= p,
        "random_state": seed % 2**32,
    }
    number = truth.dtype.kind == "f"
    # The median, as a guess counts by its distance.
    fresh = Regressor(loss="absolute_error", **options) if number else Classifier(**options)
    with threadpool_limits(limits=1):
        model = fresh.fit(features, truth)
        return [_as(truth, model.predict(matrix(q)) if len(q) else truth[:0]) for q in queries]


def _as(truth: Column, guesses: NDArray[np.generic]) -> Column:
    """Guesses of the dtype of a column."""
    if truth.dtype.kind == "f":
        return np.asarray(guesses, np.float64)
    return np.asarray(guesses, np.int32)


def _frequent(codes: Column) -> NDArray[np.int32]:
    """The most frequent levels of a column, ascending."""
    levels, count = np.unique(codes[codes >= 0], return_counts=True)
    return np.sort(levels[np.argsort(-count, kind="stable")[:LEVELS]]).astype(np.int32)


def _numbered(codes: Column, levels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Codes by their place among the levels, NaN for all others."""
    if not levels.size:
        return np.full(len(codes), np.nan)
    place = np.minimum(np.searchsorted(levels, codes), len(levels) - 1)
    return np.where(levels[place] == codes, place.astype(float), np.nan)


def _commonest(codes: Column) -> int:
    levels, count = np.unique(codes, return_counts=True)
    return int(levels[count.argmax()])
