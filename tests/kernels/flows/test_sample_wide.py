"""Variables of very different width are drawn by one program, each from its own conditional."""

import numpy as np
import pytest
from scipy import stats

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels import flows  # noqa: E402
from synthema_kernels.flows.sample import width_classes  # noqa: E402

from .test_sample import log_prob  # noqa: E402

LAYOUT = flows.Layout(1, (2, 300, 9), (0,))
WIDE = 1
N = 6000


def rows(codes):
    """Rows of the codes, their number within the one cell there is."""
    z = jnp.zeros((1, codes.shape[1]))
    return flows.MixedRows(
        codes=jnp.asarray(codes, jnp.int32),
        z=z,
        low=z - 0.5,
        high=z + 0.5,
        log_width=z,
        present=jnp.asarray(codes[:1] == 0),
    )


@pytest.fixture
def wide(double):
    """A random member, what it is certain of, and rows drawn without it."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(size, size=300) for size in LAYOUT.levels])
    start = flows.copula_member(
        rows(codes),
        LAYOUT,
        flows.draw_order(LAYOUT, "mixed", (-1,), rng),
        hidden=10,
        ridge=1.0,
        rng=rng,
    )
    leaves = {
        name: jnp.asarray(leaf + 0.5 * rng.standard_normal(leaf.shape))
        for name, leaf in vars(start).items()
        if name != "position"
    }
    structure = flows.Structure(
        ruled=jnp.array([2, 303]),  # the first level of the widest rules out one of the next
        forbid=jnp.array([[0.0, 1.0], [1.0, 0.0]]),
        cell_low=jnp.full((1, 1), -0.5),
        cell_high=jnp.full((1, 1), 0.5),
        cell_z=jnp.zeros((1, 1)),
        log_unseen=jnp.asarray(-9.0),
    )
    return flows.Member(position=start.position, **leaves), structure, codes


def only(codes):
    """What is allowed where every level is given, and the number where it is present."""
    pairs = zip(codes, LAYOUT.levels, strict=True)
    held = np.concatenate([code == np.arange(k)[:, None] for code, k in pairs])
    end = np.full((1, codes.shape[1]), 0.5)
    return flows.Allowed(held, -end, end)


def test_a_row_that_is_known_whole_weighs_its_probability(wide):
    member, structure, codes = wide
    many = np.tile(codes, N // 300)
    drawn = flows.sample(member, structure, jax.random.key(0), LAYOUT, N, only(many))
    np.testing.assert_array_equal(drawn.codes, many)
    np.testing.assert_array_equal(drawn.present[0], many[0] == 0)
    wanted = log_prob(member, structure, rows(codes), LAYOUT)
    np.testing.assert_allclose(drawn.log_weight, np.tile(wanted, N // 300), atol=1e-9)


def test_levels_come_as_often_as_they_are_probable(wide):
    """The widest, its odd levels ruled out by the caller, given the rest of a row."""
    member, structure, codes = wide
    given = np.repeat(codes[:, :1], 300, axis=1)
    given[WIDE] = np.arange(300)
    expected = np.exp(np.asarray(log_prob(member, structure, rows(given), LAYOUT)))
    expected[1::2] = 0
    levels, low, high = only(np.repeat(codes[:, :1], N, axis=1))
    levels[2:302] = (np.arange(300) % 2 == 0)[:, None]
    allowed = flows.Allowed(levels, low, high)
    drawn = flows.sample(member, structure, jax.random.key(1), LAYOUT, N, allowed)
    found, weight = np.asarray(drawn.codes)[WIDE], np.exp(np.asarray(drawn.log_weight))
    mean = np.bincount(found, weight, minlength=300) / N
    square = np.bincount(found, weight**2, minlength=300) / N
    common = np.bincount(found, minlength=300) >= 10
    z = (mean - expected)[common] / np.sqrt((square - mean**2)[common] / N)
    assert common.sum() > 50
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert (found % 2 == 0).all()
    np.testing.assert_allclose(mean.sum(), expected.sum(), rtol=0.05)


def test_a_forbidden_pair_is_never_drawn(wide):
    member, structure, _ = wide
    end = np.full((1, N), flows.FAR)
    allowed = flows.Allowed(np.ones((LAYOUT.width, N), bool), -end, end)
    drawn = flows.sample(member, structure, jax.random.key(2), LAYOUT, N, allowed)
    codes = np.asarray(drawn.codes)
    assert ((codes >= 0) & (codes < np.array(LAYOUT.levels)[:, None])).all()
    assert (codes[WIDE] == 0).any()
    assert not ((codes[WIDE] == 0) & (codes[2] == 1)).any()


def test_no_variable_is_padded_to_four_times_its_width():
    rng = np.random.default_rng(3)
    levels = (1, 2, 64, 65, *rng.integers(1, 2000, size=200).tolist())
    widths, class_of = width_classes(levels)
    padded = np.array(widths)[class_of]
    assert (np.array(levels) <= padded).all()
    assert (padded < 4 * np.array(levels)).all()
    assert len(widths) <= 8
    np.testing.assert_array_equal(padded > 64, np.array(levels) > 64)
    assert width_classes(())[0] == []
