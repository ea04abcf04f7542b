"""Laws of the spline, in both precisions."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels.flows import spline  # noqa: E402


def by_definition(x, parameters):
    """One point at a time, letter by letter after the paper."""
    bound, count = spline.BOUND, spline.BINS
    free, least = 2 * bound * (1 - spline.MIN_WIDTH * count), 2 * bound * spline.MIN_WIDTH

    def knots(raw):
        ends = jnp.cumsum(least + free * jax.nn.softmax(raw))
        return jnp.concatenate([jnp.zeros(1), ends]) - bound

    xs, ys = knots(parameters[:count]), knots(parameters[count : 2 * count])
    inner = jax.nn.softplus(parameters[2 * count :]) + spline.MIN_SLOPE
    delta = jnp.concatenate([jnp.ones(1), inner, jnp.ones(1)])
    k = jnp.clip(jnp.searchsorted(xs, x, side="right") - 1, 0, count - 1)
    w, h = xs[k + 1] - xs[k], ys[k + 1] - ys[k]
    s, t = h / w, (x - xs[k]) / w
    bottom = s + (delta[k + 1] + delta[k] - 2 * s) * t * (1 - t)
    y = ys[k] + h * (s * t**2 + delta[k] * t * (1 - t)) / bottom
    top = s**2 * (delta[k + 1] * t**2 + 2 * s * t * (1 - t) + delta[k] * (1 - t) ** 2)
    inside = jnp.abs(x) < bound
    return jnp.where(inside, y, x), jnp.where(inside, jnp.log(top / bottom**2), 0.0)


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

        slope = jax.jit(jax.vmap(jax.grad(value), in_axes=(0, 1)))(x, parameters)
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


def gradients(f, x, parameters):
    def mixed(x, parameters):
        y, log_slope = f(x, parameters)
        return (jnp.sin(y) * (1 + x)).sum() + (log_slope * jnp.cos(3 * x)).sum()

    return jax.jit(jax.grad(mixed, (0, 1)))(x, parameters)


def test_values_and_gradients_meet_the_definition():
    definition = jax.vmap(by_definition, in_axes=(0, 1))
    with jax.enable_x64(True):
        x, parameters = drawn(500, seed=2)
        for got, want in zip(forward(x, parameters), definition(x, parameters), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-11)
        got, want = (gradients(f, x, parameters) for f in (spline.forward, definition))
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("many", [3, 20])
def test_parameters_shared_by_many_points_gather_their_gradients(many):
    with jax.enable_x64(True):
        x, parameters = drawn(60, seed=3)
        points = x + jnp.linspace(0.0, 1.0, many)[:, None]
        got = gradients(spline.forward, points, parameters[:, None])
        each = jnp.broadcast_to(parameters[:, None], (len(parameters), many, 60))
        want = gradients(spline.forward, points, each)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-10)
        np.testing.assert_allclose(got[1], want[1].sum(1, keepdims=True), rtol=1e-9, atol=1e-10)


def test_the_slope_of_the_inverse_is_one_over_the_slope():
    with jax.enable_x64(True):
        x, parameters = drawn(300, seed=4)
        y, log_slope = forward(x, parameters)
        slope = jax.jit(jax.grad(lambda y: spline.inverse(y, parameters).sum()))(y)
        np.testing.assert_allclose(jnp.log(slope), -log_slope, atol=1e-6)
