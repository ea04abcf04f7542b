"""Penalized multinomial logistic regression in NumPy: Newton steps, one level after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SWEEPS = 8  # over all levels, at most
ENOUGH = 1e-3  # nats per row that a further sweep must gain
HALVINGS = 6  # of a step that does not gain


def refined(
    x: Floats, level: NDArray[np.integer], weight: Floats, first: Floats, precision: Floats
) -> Floats:
    """Weights of a logistic regression, from a first guess to the mode under a normal prior.

    Each level in turn takes a Newton step of its own weights, halved until the posterior gains
    (block coordinate ascent). Of two levels, one mirrors the other.

    Args:
        x: (f, n) inputs, a row of ones last.
        level: (n,) level of each row.
        weight: (n,) weight of each row.
        first: (levels, f) weights to begin with.
        precision: (levels, f) of the prior, 0 mean. A level that no row has, or every row, keeps
            its first weights.

    Returns:
        (levels, f) weights.
    """
    is_level = level == np.arange(len(first))[:, None]
    held = is_level.any(axis=1) & ~is_level.all(axis=1)
    mirrored = len(first) == 2
    beta, logits = first.copy(), first @ x
    posterior = _posterior(logits, is_level, weight, precision, beta)
    for _ in range(SWEEPS):
        before = posterior
        for k in np.flatnonzero(held)[: 1 if mirrored else None]:
            p = np.exp(logits - np.logaddexp.reduce(logits))[k]
            own = beta[0] - beta[1] if mirrored else beta[k]
            prior = precision[k] * (0.5 if mirrored else 1.0)
            curve = (x * (weight * p * (1.0 - p))) @ x.T
            curve[np.diag_indices_from(curve)] += prior
            step = np.linalg.solve(curve, x @ (weight * (is_level[k] - p)) - prior * own)
            share = np.zeros((len(first), 1))
            share[k] = 1.0
            if mirrored:
                share[:, 0] = 0.5, -0.5
            along = share * (step @ x)
            for halved in range(HALVINGS):
                size = 0.5**halved
                moved = beta + size * share * step
                there = logits + size * along
                found = _posterior(there, is_level, weight, precision, moved)
                if found > posterior:
                    beta, logits, posterior = moved, there, found
                    break
        if posterior - before < ENOUGH * weight.sum():
            break
    return beta


def _posterior(
    logits: Floats, is_level: NDArray[np.bool_], weight: Floats, precision: Floats, beta: Floats
) -> float:
    """Log-posterior but for a constant."""
    fit = (is_level * logits).sum(axis=0) - np.logaddexp.reduce(logits)
    return float(fit @ weight - 0.5 * (precision * beta**2).sum())
