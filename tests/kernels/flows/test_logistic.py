"""Logistic regressions that flows start from, beside a general optimizer."""

import numpy as np
import pytest
from scipy.optimize import minimize

from synthema_kernels.flows.logistic import refined


def posterior(beta, x, level, weight, precision):
    """The definition: weighted log-likelihood of the levels and the log-prior of the weights."""
    logits = beta @ x
    fit = logits[level, np.arange(level.size)] - np.logaddexp.reduce(logits)
    return weight @ fit - 0.5 * (precision * beta**2).sum()


def problem(levels, seed, n=120, f=5):
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.normal(size=(f - 1, n)), np.ones((1, n))])
    x[0] = rng.random(n) < 0.1
    true = rng.normal(size=(levels, f)) * 2
    level = (true @ x + rng.gumbel(size=(levels, n))).argmax(axis=0)
    level[:levels] = np.arange(levels)
    weight = rng.integers(0, 3, n).astype(float)
    row = rng.uniform(0.1, 3.0, f)
    precision = np.stack([row] * 2) if levels == 2 else rng.uniform(0.1, 3.0, (levels, f))
    return x, level, weight, np.zeros((levels, f)), precision


@pytest.mark.parametrize("levels", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_mode_is_that_of_a_general_optimizer(levels, seed):
    x, level, weight, first, precision = problem(levels, seed)

    def loss(flat):
        return -posterior(flat.reshape(first.shape), x, level, weight, precision)

    best = minimize(loss, first.ravel(), options={"gtol": 1e-8})
    found = posterior(refined(x, level, weight, first, precision), x, level, weight, precision)
    assert found == pytest.approx(-best.fun, abs=0.002 * weight.sum())
    assert found <= -best.fun + 1e-6


def test_two_levels_mirror_each_other():
    x, level, weight, first, precision = problem(2, 0)
    beta = refined(x, level, weight, first, precision)
    assert np.allclose(beta[0], -beta[1])


def test_a_level_that_decides_is_followed_as_far_as_the_prior_lets_it():
    n = 300
    x = np.stack([np.arange(n) < 30, np.ones(n)]).astype(float)
    level = (np.arange(n) < 30).astype(int) + 2 * (np.arange(n) >= 150)
    beta = refined(x, level, np.ones(n), np.zeros((3, 2)), np.full((3, 2), 0.05))
    logits = beta @ np.ones(2)
    assert np.exp(logits - np.logaddexp.reduce(logits))[1] > 0.97


def test_levels_that_no_row_or_every_row_has_keep_their_weights():
    x, level, weight, first, precision = problem(3, 1)
    first[2] = -1.0
    level = np.minimum(level, 1)
    beta = refined(x, level, weight, first, precision)
    assert np.array_equal(beta[2], first[2])
    assert not np.array_equal(beta[0], first[0])
    alone = refined(x, np.zeros_like(level), weight, first, precision)
    assert np.array_equal(alone, first)
