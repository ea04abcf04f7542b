"""Monotone rational-quadratic spline on [-bound, bound], the identity outside.

Parameters lie on the leading axis and rows on the trailing one, so that every step is a long
contiguous vector operation; the bin is found once and shared by the value and its derivative.

Source: Durkan, Bekasov, Murray and Papamakarios (2019), Neural Spline Flows, arXiv 1906.04032.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from jaxtyping import Array, Float

BOUND = 5.0
BINS = 8
PARAMETERS = 3 * BINS - 1
MIN_WIDTH = 1e-3
MIN_SLOPE = 1e-3
# softplus(UNIT_SLOPE) + MIN_SLOPE == 1: raw parameters (0, …, 0, UNIT_SLOPE, …) are the identity
UNIT_SLOPE = math.log(math.expm1(1.0 - MIN_SLOPE))


class _Bin(NamedTuple):
    """The bin a point falls in: left knot, size and slopes at both ends."""

    x: Array
    width: Array
    y: Array
    height: Array
    slope_left: Array
    slope_right: Array


def identity_parameters() -> Float[Array, PARAMETERS]:
    """Raw parameters whose spline is the identity."""
    return jnp.zeros(PARAMETERS).at[2 * BINS :].set(UNIT_SLOPE)


def _knots(raw: Float[Array, BINS * shape]) -> tuple[Array, Array]:
    """Left ends and sizes of the bins from unconstrained sizes."""
    share = MIN_WIDTH + (1.0 - MIN_WIDTH * BINS) * jax.nn.softmax(raw, axis=0)
    size = 2.0 * BOUND * share
    return jnp.cumsum(size, axis=0) - size - BOUND, size


def _bin(point: Array, parameters: Array, *, inverse: bool) -> _Bin:
    x, width = _knots(parameters[:BINS])
    y, height = _knots(parameters[BINS : 2 * BINS])
    slope = jax.nn.softplus(parameters[2 * BINS :]) + MIN_SLOPE
    end = jnp.ones_like(slope[:1])  # the identity outside
    slopes = jnp.concatenate([end, slope, end])
    past = point >= (y if inverse else x)[1:]  # left ends of all bins but the first
    reached = jnp.concatenate([jnp.ones_like(past[:1]), past])
    here = reached & ~jnp.concatenate([past, jnp.zeros_like(past[:1])])

    def at(values: Array) -> Array:
        return jnp.where(here, values, 0.0).sum(0)

    return _Bin(at(x), at(width), at(y), at(height), at(slopes[:-1]), at(slopes[1:]))


def forward(
    x: Float[Array, "*shape"], parameters: Float[Array, PARAMETERS * shape]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Value and log-derivative of the spline at `x`."""
    inside = jnp.abs(x) < BOUND
    point = jnp.clip(x, -BOUND, BOUND)
    b = _bin(point, parameters, inverse=False)
    t = jnp.clip((point - b.x) / b.width, 0.0, 1.0)
    s = b.height / b.width
    u = t * (1.0 - t)
    bottom = s + (b.slope_left + b.slope_right - 2.0 * s) * u
    y = b.y + b.height * (s * t * t + b.slope_left * u) / bottom
    top = b.slope_right * t * t + 2.0 * s * u + b.slope_left * (1.0 - t) ** 2
    log_slope = 2.0 * (jnp.log(s) - jnp.log(bottom)) + jnp.log(top)
    return jnp.where(inside, y, x), jnp.where(inside, log_slope, 0.0)


def inverse(
    y: Float[Array, "*shape"], parameters: Float[Array, PARAMETERS * shape]
) -> Float[Array, "*shape"]:
    """The point that `forward` maps to `y`."""
    inside = jnp.abs(y) < BOUND
    point = jnp.clip(y, -BOUND, BOUND)
    b = _bin(point, parameters, inverse=True)
    s = b.height / b.width
    rise = point - b.y
    bend = b.slope_left + b.slope_right - 2.0 * s
    qa = b.height * (s - b.slope_left) + rise * bend
    qb = b.height * b.slope_left - rise * bend
    qc = -s * rise
    root = jnp.sqrt(jnp.maximum(qb * qb - 4.0 * qa * qc, 0.0))
    t = jnp.clip(2.0 * qc / (-qb - root), 0.0, 1.0)
    return jnp.where(inside, b.x + t * b.width, y)
