"""Rows drawn among what is allowed, weighted, are the joint distribution given all of it."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from scipy.special import logsumexp  # noqa: E402

from synthema_kernels import flows  # noqa: E402

from .test_sample import index_of, log_prob  # noqa: E402

N = 20_000
FAMILIES = pytest.mark.parametrize("family", ["numbers_first", "mixed"])


def everything(tiny, n):
    return (
        np.ones((tiny.layout.width, n), bool),
        np.full((2, n), -flows.FAR),
        np.full((2, n), flows.FAR),
    )


def draw(tiny, member, allowed, n, seed=0):
    return flows.sample(
        member, tiny.structure, jax.random.key(seed), tiny.layout, n, flows.Allowed(*allowed)
    )


@FAMILIES
def test_a_row_that_is_known_whole_weighs_its_probability(tiny, family):
    n = len(tiny.table)
    levels = np.ones((tiny.layout.width, n), bool)
    for start, size, code in zip(
        tiny.layout.starts, tiny.layout.levels, tiny.table[:, 2:].T, strict=True
    ):
        levels[start : start + size] = code == np.arange(size)[:, None]
    allowed = levels, np.asarray(tiny.rows.low), np.asarray(tiny.rows.high)
    for seed in range(2):
        member = tiny.member(family, seed)
        drawn = draw(tiny, member, allowed, n)
        np.testing.assert_array_equal(index_of(tiny, drawn), np.arange(n))
        wanted = log_prob(member, tiny.structure, tiny.rows, tiny.layout)
        np.testing.assert_allclose(drawn.log_weight, wanted, atol=2e-3)  # narrow cells


@FAMILIES
def test_weighted_draws_are_the_joint_given_what_is_allowed(tiny, family):
    """Two levels of the second discrete variable, two cells of the second number."""
    member = tiny.member(family, 3)
    joint = np.asarray(log_prob(member, tiny.structure, tiny.rows, tiny.layout))
    levels, low, high = everything(tiny, N)
    levels[2] = False
    low[1] = np.asarray(tiny.structure.cell_low)[1, 1]
    may = (tiny.table[:, 3] != 0) & (tiny.table[:, 1] >= 1)
    drawn = draw(tiny, member, (levels, low, high), N)
    weight = np.exp(np.asarray(drawn.log_weight))
    index = index_of(tiny, drawn)
    assert may[index].all()
    assert weight.mean() == pytest.approx(np.exp(logsumexp(joint[may])), rel=0.03)
    given = np.where(may, np.exp(joint - logsumexp(joint[may])), 0.0)
    found = np.bincount(index, weight, minlength=len(may)) / weight.sum()
    assert np.abs(found - given).sum() / 2 < 0.03


def test_conditions_on_the_first_of_the_order_are_exact(tiny):
    member = tiny.member("mixed", 5)
    first = int(np.argmin(np.where(np.arange(5) < 2, 9, np.asarray(member.position))))
    start = tiny.layout.starts[first - 2]
    levels, low, high = everything(tiny, 64)
    levels[start + 1 : start + tiny.layout.levels[first - 2]] = False
    drawn = draw(tiny, member, (levels, low, high), 64)
    if member.position[first] == 0:
        np.testing.assert_allclose(drawn.log_weight, drawn.log_weight[0], atol=1e-9)
    assert (drawn.codes[first - 2] == 0).all()


def test_where_all_is_allowed_rows_are_those_of_a_plain_draw(tiny):
    member = tiny.member("mixed", 2)
    plain = flows.sample(member, tiny.structure, jax.random.key(0), tiny.layout, 256)
    found = draw(tiny, member, everything(tiny, 256), 256)
    np.testing.assert_array_equal(found.codes, plain.codes)
    np.testing.assert_allclose(found.z, plain.z, atol=1e-8)
    np.testing.assert_allclose(found.log_weight, 0.0, atol=1e-12)
    assert (jnp.asarray(plain.log_weight) == 0).all()
