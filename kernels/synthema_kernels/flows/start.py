"""Where training starts: the member that is a Gaussian copula.

Means of the numbers begin as ridge regressions on what stands before them in the order, and levels
as one Newton step of a ridge-penalized logistic regression from their marginals: the first step
already has every linear dependence. The network's residual begins at zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from . import spline
from .density import HEADS, Member, features

if TYPE_CHECKING:
    from jax import Array
    from numpy.typing import NDArray

    from .rows import Layout, MixedRows

MAX_RIDGE_FEATURES = 4000
MAX_LOGISTIC_FEATURES = 800  # one solve per level: wider tables start from the marginals


def copula_member(
    rows: MixedRows,
    layout: Layout,
    position: NDArray[np.int32],
    *,
    hidden: int,
    ridge: float,
    rng: np.random.Generator,
) -> Member:
    """A member that starts as a conditional Gaussian copula fitted to `rows`.

    Args:
        rows: Training rows.
        layout: Their variables.
        position: (variables,) place of each variable in the order.
        hidden: Width of the hidden layers.
        ridge: Penalty per feature of the ridge regressions, in units of one row.
        rng: Source of the hidden layers' first weights.

    Returns:
        A member whose log-probability is that of the copula.
    """
    outputs = layout.width + HEADS * layout.numbers
    skip = np.zeros((outputs, layout.features), np.float32)
    bias = np.zeros((outputs, 1), np.float32)
    codes = np.asarray(rows.codes)
    for start, size, code in zip(layout.starts, layout.levels, codes, strict=True):
        count = np.bincount(code[code >= 0], minlength=size)
        bias[start : start + size, 0] = np.log((count + 0.5) / (count.sum() + 0.5 * size))
    bias[layout.width + 2 * layout.numbers :] = np.repeat(
        np.asarray(spline.identity_parameters()), layout.numbers
    )[:, None]
    inputs = np.asarray(features(rows, layout), np.float64)
    source = position[layout.feature_variable]
    for c, (start, size) in enumerate(zip(layout.starts, layout.levels, strict=True)):
        earlier = np.flatnonzero(source < position[layout.numbers + c])
        if 0 < earlier.size <= MAX_LOGISTIC_FEATURES:
            known = codes[c] >= 0
            level = codes[c, known] == np.arange(size)[:, None]
            weight, shift = _logistic(inputs[earlier][:, known], level, ridge)
            skip[start : start + size, earlier] = weight
            bias[start : start + size, 0] += shift
    for j in range(layout.numbers):
        row = np.asarray(rows.present)[j]
        earlier = np.flatnonzero(source < position[j])[:MAX_RIDGE_FEATURES]
        weight, mean, variance = _ridge(inputs[earlier][:, row], np.asarray(rows.z)[j, row], ridge)
        skip[layout.width + j, earlier] = weight
        bias[layout.width + j] = mean
        bias[layout.width + layout.numbers + j] = 0.5 * np.log(variance)

    def dense(out: int, into: int) -> Array:
        return jnp.asarray(rng.standard_normal((out, into)) * 1.4 / np.sqrt(into), jnp.float32)

    return Member(
        position=jnp.asarray(position, jnp.int32),
        w1=dense(hidden, layout.features),
        b1=jnp.zeros((hidden, 1), jnp.float32),
        w2=dense(hidden, hidden),
        b2=jnp.zeros((hidden, 1), jnp.float32),
        w3=jnp.zeros((outputs, hidden), jnp.float32),
        skip=jnp.asarray(skip),
        b3=jnp.asarray(bias),
    )


def _logistic(
    x: NDArray[np.float64], level: NDArray[np.bool_], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(levels, f) weights and (levels,) shifts of logits, one Newton step from the marginals."""
    f, size = len(x), len(level)
    center = x.mean(1, keepdims=True)
    gram = (x - center) @ (x - center).T
    penalty = 0.5 * ridge * (0.5 * f + 1.0) * np.eye(f)
    weight = np.zeros((size, f))
    for row, indicator in zip(weight, level, strict=True):
        share = indicator.mean()
        if 0.0 < share < 1.0:
            slope = (x - center) @ (indicator - share)
            # (size - 1) / size: the logits of all levels move against each other
            row[:] = np.linalg.solve(share * (1 - share) * gram + penalty, slope) * (1 - 1 / size)
    return weight, -(weight @ center)[:, 0]


def _ridge(
    x: NDArray[np.float64], y: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], float, float]:
    """Weights, intercept and residual variance (corrected for the fit) of a ridge regression."""
    n, f = y.size, len(x)
    if n < 3:
        return np.zeros(f), 0.0, 1.0
    center = x.mean(1, keepdims=True)
    gram = (x - center) @ (x - center).T + (ridge * f * 0.5 + 1.0) * np.eye(f)
    weight = np.linalg.solve(gram, (x - center) @ (y - y.mean())) if f else np.zeros(0)
    residual = y - y.mean() - weight @ (x - center)
    variance = residual.var() * n / max(n - 0.5 * f, 0.5 * n)
    return weight, float(y.mean() - weight @ center[:, 0]), float(min(variance, 1.2) + 1e-4)
