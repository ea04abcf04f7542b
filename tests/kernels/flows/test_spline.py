"""Laws of the spline, in both precisions."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels.flows import spline  # noqa: E402

forward, inverse = jax.jit(spline.forward), jax.jit(spline.inverse)

PRECISION = pytest.mark.parametrize(("x64", "tolerance"), [(True, 1e-9), (False, 5e-4)])


def drawn(n, *, spread=1.5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.4, 1.4, n) * spline.BOUND
    return jnp.asarray(x), jnp.asarray(spread * rng.standard_normal((spline.PARAMETERS, n)))


@PRECISION
def test_inverse_undoes_forward(x64, tolerance):
    with jax.enable_x64(x64):
        x, parameters = drawn(400)
        y, _ = forward(x, parameters)
        assert y.dtype == (jnp.float64 if x64 else jnp.float32)
        # steep bins magnify the rounding of y: the way back is held to the same y
        again, _ = forward(inverse(y, parameters), parameters)
        np.testing.assert_allclose(again, y, atol=tolerance)
        if x64:
            np.testing.assert_allclose(inverse(y, parameters), x, atol=1e-8)


@PRECISION
def test_log_slope_is_the_derivative(x64, tolerance):
    with jax.enable_x64(x64):
        x, parameters = drawn(300, seed=1)
        _, log_slope = forward(x, parameters)

        def value(point, column):
            return spline.forward(point, column)[0]

        slope = jax.jit(jax.vmap(jax.jacfwd(value), in_axes=(0, 1)))(x, parameters)
        np.testing.assert_allclose(log_slope, jnp.log(slope), atol=20 * tolerance)


@PRECISION
def test_default_parameters_are_the_identity(x64, tolerance):
    with jax.enable_x64(x64):
        x, _ = drawn(200)
        parameters = jnp.tile(spline.identity_parameters()[:, None], (1, 200))
        y, log_slope = forward(x, parameters)
        np.testing.assert_allclose(y, x, atol=tolerance / 100)
        np.testing.assert_allclose(log_slope, 0.0, atol=tolerance / 100)


def test_it_ascends_and_is_the_identity_beyond_its_bound():
    with jax.enable_x64(True):
        x = jnp.linspace(-7.0, 7.0, 4001)
        for seed in range(5):
            parameters = drawn(1, spread=3.0, seed=seed)[1]
            y, log_slope = forward(x, jnp.broadcast_to(parameters, (len(parameters), 4001)))
            assert (jnp.diff(y) > 0).all()
            outside = jnp.abs(x) >= spline.BOUND
            np.testing.assert_array_equal(y[outside], x[outside])
            np.testing.assert_array_equal(log_slope[outside], 0.0)


def test_extreme_parameters_stay_finite():
    x, _ = drawn(50)
    for scale in (-60.0, 60.0):
        parameters = scale * jnp.ones((spline.PARAMETERS, 50)).at[::2].set(-1.0)
        for part in (*forward(x, parameters), inverse(x, parameters)):
            assert jnp.isfinite(part).all()
