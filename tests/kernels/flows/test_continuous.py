"""Laws of the bijections of continuous rows, and of the flows made of them."""

import subprocess
import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels.flows import (  # noqa: E402
    Autoregressive,
    ContinuousFlow,
    Coupling,
    Training,
    fit_continuous,
)

# 17 columns are taken in blocks; 1 and 2 are the smallest there are
BIJECTIONS = [
    (Coupling, 1, True),
    (Coupling, 5, True),
    (Coupling, 5, False),
    (Autoregressive, 2, True),
    (Autoregressive, 17, True),
    (Autoregressive, 17, False),
]
BOTH = pytest.mark.parametrize("kind", [Coupling, Autoregressive])


def stirred(kind, d, *, depth=2, hidden=19):
    """A bijection far from its start, so that every weight matters."""
    start = kind.start(jax.random.key(d), d, depth=depth, hidden=hidden)
    rng = np.random.default_rng(d)

    def stir(leaf):
        noise = rng.standard_normal(leaf.shape)
        return leaf if leaf.dtype.kind == "i" else leaf + jnp.asarray(0.1 * noise, leaf.dtype)

    return jax.tree.map(stir, start)


def rows(d, n=6):
    return jnp.asarray(2.0 * np.random.default_rng(n).standard_normal((d, n)))


@pytest.mark.parametrize(("kind", "d", "x64"), BIJECTIONS)
def test_a_bijection_keeps_its_laws(kind, d, x64):
    with jax.enable_x64(x64):
        bijection, x = stirred(kind, d), rows(d)
        z, log_det = jax.jit(lambda b, x: b.forward(x))(bijection, x)
        assert z.dtype == (jnp.float64 if x64 else jnp.float32)
        back = jax.jit(lambda b, z: b.inverse(z))(bijection, z)
        np.testing.assert_allclose(back, x, atol=1e-8 if x64 else 1e-2)
        if x64:
            jacobian = jax.jit(
                jax.vmap(jax.jacrev(lambda p: bijection.forward(p[:, None])[0][:, 0]), in_axes=1)
            )(x)
            np.testing.assert_allclose(log_det, jnp.linalg.slogdet(jacobian)[1], atol=1e-9)


def test_no_column_reads_ahead():
    bijection = stirred(Autoregressive, 17, depth=1)
    x = rows(17, n=1)[:, 0]
    jacobian = jax.jit(jax.jacrev(lambda x: bijection.forward(x[:, None])[0][:, 0]))(x)
    assert (jnp.triu(jacobian[:, bijection.order[0]], 1) == 0).all()
    assert (jnp.tril(jacobian[:, bijection.order[0]], -1) != 0).sum() > 100


@BOTH
def test_the_density_of_a_flow_integrates_to_one(kind):
    flow = ContinuousFlow(stirred(kind, 2), jnp.array([1.0, 0.0]), jnp.array([2.0, 0.5]))
    a, b = np.linspace(-11, 13, 250), np.linspace(-3, 3, 250)
    points = np.stack(np.meshgrid(a, b, indexing="ij"), -1).reshape(-1, 2)
    total = np.exp(np.asarray(flow.log_prob(points), float)).sum() * (a[1] - a[0]) * (b[1] - b[0])
    assert abs(total - 1) < 2e-3


def two_moons(n, seed=0):
    rng = np.random.default_rng(seed)
    angle, side = rng.uniform(0, np.pi, n), rng.integers(0, 2, n)
    x = np.cos(angle) * (1 - 2 * side) + side
    y = np.sin(angle) * (1 - 2 * side) + 0.5 * side
    return np.stack([x, y], 1) + 0.1 * rng.standard_normal((n, 2))


TRAINING = Training(epochs=12, batch=128, rate=5e-3)


@BOTH
def test_a_flow_learns_and_draws_what_it_learned(kind):
    fit = fit_continuous(
        jax.random.key(0), two_moons(2000), kind=kind, depth=2, hidden=16, training=TRAINING
    )
    fresh = two_moons(1500, seed=1)
    normal = -0.5 * np.log(np.linalg.det(2 * np.pi * np.e * np.cov(fresh.T)))
    # a normal distribution reaches `normal` at best
    assert fit.flow.log_prob(fresh).mean() > normal + 0.4
    assert len(fit.train) == len(fit.validation) == TRAINING.epochs
    assert fit.validation[fit.best_epoch - 1] == min(fit.validation)
    drawn = np.asarray(fit.flow.sample(jax.random.key(1), 1000))
    assert drawn.shape == (1000, 2)
    np.testing.assert_allclose(drawn.mean(0), fresh.mean(0), atol=0.12)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(fresh.T), atol=0.15)


def test_the_same_key_gives_the_same_bits():
    def made():
        flow = fit_continuous(
            jax.random.key(3), two_moons(300), depth=1, hidden=8, training=Training(epochs=2)
        ).flow
        return flow.sample(jax.random.key(4), 100), flow.log_prob(two_moons(50))

    for a, b in zip(made(), made(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_density_does_not_depend_on_how_many_rows_are_scored_at_a_time(monkeypatch):
    flow = ContinuousFlow(stirred(Coupling, 3), jnp.zeros(3), jnp.ones(3))
    rows = np.random.default_rng(0).standard_normal((700, 3))
    on_processor = flow.log_prob(rows)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(flow.log_prob(rows), on_processor, rtol=1e-5, atol=1e-5)
    assert flow.sample(jax.random.key(0), 700).shape == (700, 3)


def test_bad_rows_are_named():
    with pytest.raises(ValueError, match="finite"):
        fit_continuous(jax.random.key(0), np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match=r"expected \(n, 2\)"):
        ContinuousFlow(stirred(Coupling, 2), jnp.zeros(2), jnp.ones(2)).log_prob(np.zeros((3, 3)))


TWO_DEVICES = """
import jax, numpy as np
from synthema_kernels.flows import Training, fit_continuous
mesh = jax.make_mesh((2,), ("rows",))
rows = np.random.default_rng(0).standard_normal((257, 3))
make = dict(depth=2, hidden=8, training=Training(epochs=3, batch=64, held_out=0.0))
fit = fit_continuous(jax.random.key(0), rows, mesh=mesh, **make)
one = fit_continuous(jax.random.key(0), rows, **make)
assert abs(fit.train[-1] - one.train[-1]) < 0.1, (fit.train, one.train)
np.testing.assert_allclose(
    fit.flow.log_prob(rows, mesh=mesh), fit.flow.log_prob(rows), rtol=2e-5, atol=2e-5
)
assert fit.flow.sample(jax.random.key(1), 777, mesh=mesh).shape == (777, 3)
print("same")
"""


def test_two_devices_share_the_rows():
    code = 'import os; os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"\n'
    done = subprocess.run(
        [sys.executable, "-c", code + TWO_DEVICES], capture_output=True, text=True
    )
    assert done.stdout.strip() == "same", done.stderr
