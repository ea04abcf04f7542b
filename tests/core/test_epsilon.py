"""A private mechanism is not refuted, a blatant one is, and the bound is the paper's."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from synthema_core.privacy.epsilon import empirical_epsilon, p_value


def randomized_response(n, epsilon, *, seed):
    """A coin that tells membership as truly as epsilon allows: the best any attack can do."""
    rng = np.random.default_rng(seed)
    truth = math.exp(epsilon) / (1 + math.exp(epsilon))
    members = (rng.random(n) < truth).astype(float)
    return members, (rng.random(n) >= truth).astype(float)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("delta", [0.0, 1e-6])
def test_a_private_mechanism_is_refuted_in_one_audit_of_twenty_at_most(epsilon, delta):
    refuted = 0
    for seed in range(60):
        members, controls = randomized_response(300, epsilon, seed=seed)
        found = empirical_epsilon(
            members=members, controls=controls, delta=delta, claimed=epsilon, seed=seed
        )
        refuted += found.refuted
    assert refuted <= 6


def test_the_bound_comes_close_to_the_truth():
    members, controls = randomized_response(20_000, 2.0, seed=1)
    found = empirical_epsilon(members=members, controls=controls, seed=0)
    assert 1.8 < found.by_guesses <= 2.0
    assert 1.7 < found.by_rates <= 2.0
    assert found.refuted is None


def test_perfect_separation_refutes_more_with_more_people():
    bounds = [
        empirical_epsilon(members=np.ones(n), controls=np.zeros(n), seed=0).by_guesses
        for n in (10, 100, 1000)
    ]
    assert bounds == sorted(bounds)
    assert bounds[-1] > 5


def test_the_p_value_is_a_binomial_tail_without_delta():
    for right in (0, 30, 60, 100):
        expected = binom.sf(right - 1, 100, 1 / (1 + math.exp(-1.0)))
        assert p_value(500, 100, right, 1.0, 0.0) == pytest.approx(expected)
    assert p_value(500, 100, 90, 1.0, 1e-5) > p_value(500, 100, 90, 1.0, 0.0)
    assert p_value(500, 100, 0, 1.0, 1e-5) == 1.0


@pytest.mark.parametrize(("right", "epsilon", "delta"), [(60, 0.2, 1e-3), (90, 1.0, 1e-5)])
def test_the_p_value_grants_delta_as_the_theorem_does(right, epsilon, delta):
    """Written again, from the tail: as another library (jax_privacy.auditing) computes it."""
    chance = 1 / (1 + math.exp(-epsilon))
    tail = binom.sf(right - 1, 100, chance)
    most = max((binom.sf(right - i - 1, 100, chance) - tail) / i for i in range(1, right + 1))
    expected = min(tail + most * delta * 2 * 500, 1)
    assert p_value(500, 100, right, epsilon, delta) == pytest.approx(expected)


def test_unequal_sides_are_cut_to_equal_size():
    rng = np.random.default_rng(2)
    found = empirical_epsilon(
        members=rng.standard_normal(2000), controls=rng.standard_normal(50), claimed=0.1, seed=0
    )
    assert (found.n_members, found.n_controls) == (2000, 50)
    assert not found.refuted


def test_what_cannot_be_bounded_is_refused():
    with pytest.raises(ValueError, match="expected people on both sides, got none on one"):
        empirical_epsilon(members=np.ones(3), controls=np.ones(0), seed=0)
    with pytest.raises(ValueError, match=r"delta: expected 0 to less than 1, got 1\.5"):
        empirical_epsilon(members=np.ones(3), controls=np.ones(3), delta=1.5, seed=0)
