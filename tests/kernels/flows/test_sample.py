"""What is drawn has the probability that `log_prob` says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels import flows  # noqa: E402

log_prob = jax.jit(flows.log_prob, static_argnames=("layout",))

N = 20_000
FAMILIES = pytest.mark.parametrize("family", ["numbers_first", "mixed"])


def index_of(tiny, drawn):
    """Place of each drawn row among all rows."""
    cells = [
        np.where(present, np.searchsorted(low, z, side="right") - 1, -1)
        for low, z, present in zip(
            np.asarray(tiny.structure.cell_low),
            np.asarray(drawn.z),
            np.asarray(drawn.present),
            strict=True,
        )
    ]
    rows = np.stack([*cells, *np.asarray(drawn.codes)], axis=1)
    place = {tuple(row): i for i, row in enumerate(tiny.table.tolist())}
    return np.array([place[tuple(row)] for row in rows.tolist()])


@FAMILIES
def test_frequencies_are_the_probabilities(tiny, family):
    member = tiny.member(family, 4)
    expected = N * np.exp(log_prob(member, tiny.structure, tiny.rows, tiny.layout))
    drawn = flows.sample(member, tiny.structure, jax.random.key(0), tiny.layout, N)
    found = np.bincount(index_of(tiny, drawn), minlength=len(expected))
    common = expected >= 5
    found = np.append(found[common], found[~common].sum())
    wanted = np.append(expected[common], expected[~common].sum() + N - expected.sum())
    assert stats.chisquare(found, wanted * found.sum() / wanted.sum()).pvalue > 1e-3


@FAMILIES
def test_forbidden_pairs_are_never_drawn(tiny, family):
    structure = replace(tiny.structure, ruled=jnp.array([2, 6]), forbid=1.0 - jnp.eye(2))
    drawn = flows.sample(tiny.member(family, 1), structure, jax.random.key(1), tiny.layout, N)
    assert not ((drawn.codes[1] == 0) & (drawn.codes[2] == 1)).any()


def test_same_key_same_bits(tiny):
    member = tiny.member("mixed", 2)

    def draw(seed):
        return flows.sample(member, tiny.structure, jax.random.key(seed), tiny.layout, 64)

    first, again, other = draw(5), draw(5), draw(6)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.z, other.z)


def test_absent_numbers_are_zero_and_present_ones_are_medians(tiny):
    drawn = flows.sample(
        tiny.member("mixed", 3, noise=0.2), tiny.structure, jax.random.key(2), tiny.layout, N
    )
    np.testing.assert_array_equal(drawn.present[0], drawn.codes[0] == 0)
    assert bool(drawn.present[1].all())
    assert (np.asarray(drawn.z)[0][~np.asarray(drawn.present)[0]] == 0).all()
    medians = np.asarray(tiny.structure.cell_z)[0]
    assert np.isin(np.asarray(drawn.z)[0][np.asarray(drawn.present)[0]], medians).all()
