"""A sequential CART in the manner of synthpop: the strongest rival on small tables.

Columns are drawn one after another; each is a tree grown on the real columns before it, and a draw
is the value of a random training patient of the leaf that the synthetic row falls in. Missing
values are a class of their own, decided first. scikit-learn's trees; nothing else.

Source: Nowok, Raab and Dibben (2016), Journal of Statistical Software 74(11); leaves of at least 5.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

LEAF = 5
MOST_LEVELS = 20  # a nominal predictor is one-hot up to so many levels, the most frequent


def cart(train: pl.DataFrame, n: int, *, seed: int, order: list[str] | None = None) -> pl.DataFrame:
    """Draw n synthetic rows.

    Args:
        train: Real rows, numbers, text and booleans.
        n: How many rows.
        seed: Of bootstraps, trees and draws.
        order: Columns in the order they are drawn; by default the table's.

    Returns:
        A table with the columns and dtypes of `train`.
    """
    rng = np.random.default_rng(seed)
    real: list[np.ndarray] = []
    drawn: list[np.ndarray] = []
    out: dict[str, pl.Series] = {}
    for name in order or train.columns:
        column = train[name]
        if column.dtype.is_float():
            column = column.fill_nan(None)
        picked = _draw(column, real, drawn, n, rng)
        values = column.gather(np.where(picked < 0, 0, picked))
        out[name] = values.set(pl.Series(picked < 0), None) if (picked < 0).any() else values
        for features, series in ((real, column), (drawn, out[name])):
            features.append(_features(series, column))
    return pl.DataFrame([out[name].alias(name) for name in train.columns])


def _draw(
    column: pl.Series,
    real: list[np.ndarray],
    drawn: list[np.ndarray],
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Index of the training row that each synthetic row takes its value from; -1: missing."""
    height = len(column)
    if not real:
        picked = rng.integers(0, height, n)
        return np.where(column.is_null().to_numpy()[picked], -1, picked)
    x, z = np.hstack(real), np.hstack(drawn)
    gone = column.is_null().to_numpy()
    out = np.full(n, -1)
    known = np.flatnonzero(~gone)
    if not known.size:
        return out
    present = np.ones(n, bool)
    if gone.any():
        present = ~gone[_donors(x, gone.astype(int), z, np.arange(height), rng, classes=True)]
    if present.any():
        numeric = column.dtype.is_numeric() and column.n_unique() > 10
        target = (
            column.gather(known).cast(pl.Float64).to_numpy()
            if numeric
            else column.gather(known).cast(pl.String).rank("dense").to_numpy()
        )
        out[present] = _donors(x[known], target, z[present], known, rng, classes=not numeric)
    return out


def _donors(
    x: np.ndarray,
    target: np.ndarray,
    z: np.ndarray,
    rows: np.ndarray,
    rng: np.random.Generator,
    *,
    classes: bool,
) -> np.ndarray:
    """A random training row out of the leaf of each row of z."""
    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = kind(min_samples_leaf=LEAF, random_state=int(rng.integers(2**31)))
    tree.fit(x, target)
    leaf, asked = tree.apply(x), tree.apply(z)
    by_leaf = np.argsort(leaf, kind="stable")
    low = np.searchsorted(leaf[by_leaf], asked, "left")
    high = np.searchsorted(leaf[by_leaf], asked, "right")
    return rows[by_leaf[rng.integers(low, high)]]


def _features(column: pl.Series, training: pl.Series) -> np.ndarray:
    """(n, d): the number and whether it is missing, or one column a level."""
    if column.dtype == pl.Boolean or column.dtype.is_numeric():
        x = column.cast(pl.Float64)
        gone = x.is_null()
        parts = [x.fill_null(training.cast(pl.Float64).median() or 0.0).to_numpy()]
        if training.null_count():
            parts.append(gone.cast(pl.Float64).to_numpy())
        return np.stack(parts, 1)
    levels = training.drop_nulls().value_counts(sort=True)[training.name].to_list()[:MOST_LEVELS]
    values = column.to_list()
    return np.array([[float(v == level) for level in levels] for v in values]).reshape(
        len(values), -1
    )
