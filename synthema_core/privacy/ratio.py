"""The density ratio p_synthetic / p_real by a classifier that tells synthetic rows from people.

Where a generator has memorized, its density is higher at members than the population's. A
classifier trained on synthetic rows against people estimates the ratio of the two; each person is
scored by a model that has not seen it.
"""

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

from .tally import stack, take

Floats = NDArray[np.float64]

FOLDS = 5
MOST = 20_000  # rows per side that a model is trained on: seconds, and more rows gain little
CATEGORIES = 250  # scikit-learn bins at most 255
SOURCE = (
    "Odds, by a gradient-boosted classifier (scikit-learn's HistGradientBoostingClassifier), of "
    "being synthetic: the density ratio of DOMIAS (van Breugel et al. 2023, AISTATS, PMLR 206, "
    "3493-3514) by probabilistic classification (Sugiyama et al. 2012, Density Ratio Estimation)."
)
PEOPLE = "The reference is other people, in five folds: no model scores whom it has seen."
OUTSIDERS = (
    "The reference is one half of the holdout, people known not to be members; the other half is "
    "the control."
)


def against_people(people: Rows, synthetic: Rows, *, seed: int) -> Floats:
    """Score all people, each by a model that was trained on synthetic rows against other people.

    Args:
        people: (N, p) and (N, q) members and controls, N >= 2.
        synthetic: (s, p) and (s, q), s >= 1.
        seed: Folds, draws, and the classifier.

    Returns:
        (N,) log-odds of being synthetic, turned into ranks within a fold, in (0, 1): two models'
        scales need not agree.
    """
    from scipy.stats import rankdata

    rng = np.random.default_rng(seed)
    fold = rng.permutation(np.arange(len(people)) % min(FOLDS, len(people)))
    scores = np.empty(len(people))
    for k in range(fold.max() + 1):
        held = fold == k
        odds = _odds(synthetic, take(people, ~held), take(people, held), rng)
        scores[held] = (rankdata(odds) - 0.5) / held.sum()
    return scores


def against_outsiders(
    train: Rows, reference: Rows, controls: Rows, synthetic: Rows, *, seed: int
) -> tuple[Floats, Floats]:
    """Score members and controls by one model trained on synthetic rows against a reference.

    Args:
        train: (m, p) and (m, q) members.
        reference: People who are neither, at least one.
        controls: (n, p) and (n, q).
        synthetic: (s, p) and (s, q), s >= 1.
        seed: Draws, and the classifier.

    Returns:
        (m,) and (n,) log-odds of being synthetic.
    """
    odds = _odds(synthetic, reference, stack(train, controls), np.random.default_rng(seed))
    return odds[: len(train)], odds[len(train) :]


def _odds(synthetic: Rows, real: Rows, judged: Rows, rng: np.random.Generator) -> Floats:
    """Log-odds of being synthetic of `judged`, by a model of `synthetic` against `real`."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # 1 s to import
    from threadpoolctl import threadpool_limits

    sides = [_drawn(synthetic, rng), _drawn(real, rng)]
    made, others, held = _matrices([*sides, judged])
    seen = np.concatenate([made, others])
    empty = np.isnan(seen).all(axis=0)
    seen[:, empty], held[:, empty] = 0, 0  # scikit-learn cannot bin a column of nothing
    is_synthetic = np.arange(len(seen)) < len(made)
    categorical = np.arange(seen.shape[1]) >= synthetic.numeric.shape[1]
    with threadpool_limits(limits=1):  # so that the bits do not depend on the number of cores
        model = HistGradientBoostingClassifier(
            categorical_features=categorical,
            early_stopping=False,
            class_weight="balanced",
            random_state=int(rng.integers(2**31)),
        ).fit(seen, is_synthetic)
        odds: Floats = model.decision_function(held)
    return odds


def _drawn(rows: Rows, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= MOST else take(rows, np.sort(rng.permutation(len(rows))[:MOST]))


def _matrices(tables: list[Rows]) -> list[Floats]:
    """Each table as (n, p + q) floats, NaN for missing; rare categories share one code."""
    codes = np.concatenate([rows.codes for rows in tables])
    found = np.full(codes.shape, np.nan)
    for column in range(codes.shape[1]):
        levels, at, count = np.unique(codes[:, column], return_inverse=True, return_counts=True)
        count[levels < 0] = 0
        place = np.full(len(levels), float(CATEGORIES))
        kept = np.argsort(-count, kind="stable")[:CATEGORIES]
        place[kept] = np.arange(len(kept))
        place[levels < 0] = np.nan
        found[:, column] = place[at]
    stops = np.cumsum([len(rows) for rows in tables])[:-1]
    return [
        np.concatenate([rows.numeric, part], axis=1)
        for rows, part in zip(tables, np.split(found, stops), strict=True)
    ]
