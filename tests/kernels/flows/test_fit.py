"""Training keeps its best step and repeats itself bit by bit."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels import flows  # noqa: E402

log_prob = jax.jit(flows.log_prob, static_argnames=("layout",))

LAYOUT = flows.Layout(2, (3,), (-1, -1))
SETTINGS = flows.Settings(steps=60, batch=32, every=5, patience=3, rate=1e-2)
STRUCTURE = flows.Structure(
    forbid=jnp.zeros((3, 3)),
    cell_low=jnp.full((2, 1), jnp.inf),
    cell_high=jnp.full((2, 1), jnp.inf),
    cell_z=jnp.full((2, 1), jnp.inf),
    log_unseen=jnp.float32(-6.0),
)


def rows(n, seed):
    """Two numbers on a circle: what a Gaussian copula cannot say."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    z = 1.4 * np.stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.standard_normal((2, n))
    return flows.MixedRows(
        codes=jnp.asarray((angle // 2.1)[None], jnp.int32),
        z=jnp.asarray(z, jnp.float32),
        low=jnp.asarray(z - 0.005, jnp.float32),
        high=jnp.asarray(z + 0.005, jnp.float32),
        log_width=jnp.full(z.shape, np.log(0.01), jnp.float32),
        present=jnp.ones(z.shape, bool),
    )


def start():
    return flows.copula_member(
        rows(300, 0),
        LAYOUT,
        np.arange(3, dtype=np.int32),
        hidden=16,
        ridge=1.0,
        rng=np.random.default_rng(0),
    )


def fitted(seed=0, on_steps=None):
    train, held_out, key = rows(300, 0), rows(100, 1), jax.random.key(seed)
    return flows.fit(
        start(), STRUCTURE, train, held_out, LAYOUT, SETTINGS, key=key, on_steps=on_steps
    )


def test_the_best_step_is_kept():
    done = []
    found = fitted(on_steps=done.append)
    looks = found.validation
    assert found.best_step == SETTINGS.every * int(np.argmin(looks))
    again = -log_prob(found.member, STRUCTURE, rows(100, 1), LAYOUT).mean()
    assert float(again) == pytest.approx(min(looks), abs=1e-5)
    assert min(looks) < looks[0] - 0.2
    assert sum(done) == SETTINGS.every * len(found.train) == SETTINGS.every * (len(looks) - 1)


def test_same_key_same_bits():
    first, again, other = fitted(), fitted(), fitted(seed=1)
    assert first.validation == again.validation
    for a, b in zip(jax.tree.leaves(first.member), jax.tree.leaves(again.member), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.validation != other.validation


def test_without_gain_training_stops_and_the_start_is_kept():
    still = flows.Settings(steps=4000, batch=32, every=5, patience=3, rate=0.0)
    coin = flows.Layout(0, (2,), ())
    empty = jnp.zeros((0, 100))
    tosses = flows.MixedRows(
        jnp.arange(100, dtype=jnp.int32)[None] % 2, empty, empty, empty, empty, empty > 0
    )
    begin = flows.copula_member(
        tosses, coin, np.zeros(1, np.int32), hidden=4, ridge=1.0, rng=np.random.default_rng(0)
    )
    structure = flows.Structure(jnp.zeros((2, 2)), *[jnp.zeros((0, 1))] * 3, jnp.float32(-6.0))
    found = flows.fit(begin, structure, tosses, tosses, coin, still, key=jax.random.key(0))
    assert found.best_step == 0
    assert len(found.train) * still.every < 100
    for a, b in zip(jax.tree.leaves(found.member), jax.tree.leaves(begin), strict=True):
        np.testing.assert_array_equal(a, b)
