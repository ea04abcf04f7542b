"""The probabilities of all rows sum to one, and no conditional looks ahead in its order."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels import flows  # noqa: E402
from synthema_kernels.flows import density  # noqa: E402

log_prob = jax.jit(flows.log_prob, static_argnames=("layout",))

FAMILIES = pytest.mark.parametrize("family", ["numbers_first", "mixed"])
INTERVALS = [
    (-0.5, 0.7),
    (-9.0, -8.5),
    (8.5, 9.0),
    (-25.0, -24.9),
    (24.9, 25.0),
    (-30.0, 30.0),
    (1.0, 30.0),
    (-30.0, -2.0),
    (-0.01, 0.01),
    (3.0, 3.02),
]


def log_mass(low, high):
    """By quadrature, relative to the density at the end nearest to zero."""
    near = 0.0 if low < 0 < high else min(low, high, key=abs)
    mass, _ = integrate.quad(
        lambda x: np.exp((near**2 - x**2) / 2), low, high, points=[near], epsabs=0, epsrel=1e-11
    )
    return np.log(mass) - near**2 / 2 - np.log(2 * np.pi) / 2


@pytest.mark.parametrize(("x64", "tolerance"), [(True, 1e-8), (False, 2e-4)])
def test_mass_of_an_interval_is_exact_in_both_tails(x64, tolerance):
    expected = [log_mass(low, high) for low, high in INTERVALS]
    with jax.enable_x64(x64):
        low, high = jnp.asarray(INTERVALS).T
        found = density.log_normal_mass(low, high)
    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=1e-6)


@FAMILIES
@pytest.mark.parametrize("seed", range(3))
def test_probabilities_of_all_rows_sum_to_one(tiny, family, seed):
    member = tiny.member(family, seed)
    found = log_prob(member, tiny.structure, tiny.rows, tiny.layout)
    assert float(jnp.exp(found).sum()) == pytest.approx(1.0, abs=1e-6)


def test_a_sharp_conditional_does_not_exceed_one(tiny):
    """A cell narrow on the normal scale is wide for a conditional of small scale."""
    member = tiny.member("numbers_first", 0)
    sharp = slice(tiny.layout.width + 2, tiny.layout.width + 4)
    member = replace(member, b3=member.b3.at[sharp].set(-7.0))
    found = log_prob(member, tiny.structure, tiny.rows, tiny.layout)
    assert float(jnp.exp(found).sum()) == pytest.approx(1.0, abs=1e-6)


@FAMILIES
def test_forbidden_pairs_have_almost_no_mass(tiny, family):
    # level 0 of the second discrete variable (2) never with level 1 of the third (6)
    structure = replace(tiny.structure, ruled=jnp.array([2, 6]), forbid=1.0 - jnp.eye(2))
    never = (tiny.table[:, 3] == 0) & (tiny.table[:, 4] == 1)
    for seed in range(3):
        probability = jnp.exp(
            log_prob(tiny.member(family, seed), structure, tiny.rows, tiny.layout)
        )
        assert float(probability.sum()) == pytest.approx(1.0, abs=1e-6)
        assert float(probability[never].sum()) < 1e-20


@FAMILIES
def test_no_conditional_sees_itself_or_what_follows(tiny, family):
    layout = tiny.layout
    for seed in range(3):
        member = tiny.member(family, seed)
        inputs = density.features(tiny.rows, layout)[:, :40]

        def outputs(inputs, member=member):
            logits, heads = density.conditionals(density.masked(member, layout), inputs, layout)
            return jnp.concatenate([logits, heads.reshape(-1, inputs.shape[1])]).sum(1)

        jacobian = np.abs(jax.jacfwd(outputs)(inputs)).sum(-1)  # (outputs, features)
        source = np.asarray(member.position)[layout.feature_variable]
        target = np.asarray(member.position)[np.asarray(density.output_variable(layout))]
        earlier = source < target[:, None]
        assert (jacobian[~earlier] == 0).all()
        assert (jacobian[earlier] > 0).all()


def test_a_level_never_seen_has_the_probability_set_aside(tiny):
    member = tiny.member("mixed", 0)
    unseen = replace(tiny.rows, codes=tiny.rows.codes.at[2].set(-1))
    found = log_prob(member, tiny.structure, unseen, tiny.layout)
    assert jnp.isfinite(found).all()
    alone = flows.Layout(0, (2,), ())
    rows = flows.MixedRows(jnp.array([[-1]]), *[jnp.zeros((0, 1))] * 4, jnp.zeros((0, 1), bool))
    start = flows.copula_member(
        rows, alone, np.zeros(1, np.int32), hidden=4, ridge=1.0, rng=np.random.default_rng(0)
    )
    assert float(log_prob(start, tiny.structure, rows, alone)[0]) == pytest.approx(-9.0)


def test_products_are_not_rounded_on_a_card(tiny):
    member = tiny.member("mixed", 0)
    program = str(
        jax.make_jaxpr(lambda m: flows.log_prob(m, tiny.structure, tiny.rows, tiny.layout))(member)
    )
    highest = "(Precision.HIGHEST, Precision.HIGHEST)"
    assert program.count("dot_general[") == program.count(highest) > 0
