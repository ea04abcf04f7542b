"""Monotone rational-quadratic spline on [-bound, bound], the identity outside.

Parameters lie on the leading axis and rows on the trailing one, so that every step is a long
contiguous vector operation. The bins are walked once, in the unnormalized space of the softmax, and
the bin that is found serves the value, its derivative and their gradients. The gradients are in
closed form: behind a softmax and a cumulative sum there are only three levels of gradient, left of
the bin, at it and right of it, so that the backward pass walks no bin and takes no exponential of
the raw parameters.

XLA's CPU compiler computes a cheap expression again in every consumer, and keeps the result of a
division, a square root or a logarithm. What must not be computed twice therefore ends in one of
these here; written with the same number of plain products, the same spline takes five times longer.

Differentiable in reverse mode, once.

Source: Durkan, Bekasov, Murray and Papamakarios (2019), Neural Spline Flows, arXiv 1906.04032.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxtyping import Array, Float

BOUND = 5.0
BINS = 8
PARAMETERS = 3 * BINS - 1
MIN_WIDTH = 1e-3
MIN_SLOPE = 1e-3
RAW_BOUND = 30.0  # raw parameters act as if clipped here; their gradient is not
# softplus(UNIT_SLOPE) + MIN_SLOPE == 1: raw parameters (0, …, 0, UNIT_SLOPE, …) are the identity
UNIT_SLOPE = math.log(math.expm1(1.0 - MIN_SLOPE))

_FREE = 2.0 * BOUND * (1.0 - MIN_WIDTH * BINS)  # length that the softmax shares out
_LEAST = 2.0 * BOUND * MIN_WIDTH  # length that every bin has in any case


class _Bin(NamedTuple):
    """The bin a point falls in. Lengths are those beyond the least length of each bin."""

    number: Array  # 0, 1, …, in the kind of the point
    x: Array  # length of the bins left of it
    width: Array
    y: Array
    height: Array
    left: Array  # slopes at its ends
    right: Array


class _Weights(NamedTuple):
    """exp(raw) of every bin: the softmax is these over their sum."""

    x: Array
    y: Array


class _Kept(NamedTuple):
    """What the backward pass needs of the forward pass."""

    x: Array
    bin: _Bin
    weights: _Weights
    t: Array  # place in the bin, in [0, 1]
    s: Array  # mean slope of the bin
    bottom: Array  # one over the denominator of the value


def identity_parameters() -> Float[Array, PARAMETERS]:
    """Raw parameters whose spline is the identity."""
    return jnp.zeros(PARAMETERS).at[2 * BINS :].set(UNIT_SLOPE)


def forward(
    x: Float[Array, "*shape"], parameters: Float[Array, PARAMETERS * shape]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Value and log-derivative of the spline at `x`.

    An axis along which `parameters` have length one is shared by all points along it.
    """
    return _forward(*_one_kind(x, parameters))


def inverse(
    y: Float[Array, "*shape"], parameters: Float[Array, PARAMETERS * shape]
) -> Float[Array, "*shape"]:
    """The point that `forward` maps to `y`."""
    y, parameters = _one_kind(y, parameters)
    point = jnp.clip(y, -BOUND, BOUND)
    b, _ = _find(point, parameters, inverse=True)
    width, height = _LEAST + b.width, _LEAST + b.height
    s = height / width
    rise = point - _knot(b.number, b.y)
    bend = (b.left + b.right - 2.0 * s) * rise
    qa = height * (s - b.left) + bend
    qb = height * b.left - bend
    qc = -s * rise
    root = jnp.sqrt(jnp.maximum(qb * qb - 4.0 * qa * qc, 0.0))
    t = jnp.clip(2.0 * qc / (-qb - root), 0.0, 1.0)
    return jnp.where(jnp.abs(y) < BOUND, _knot(b.number, b.x) + t * width, y)


def _one_kind(x: Array, parameters: Array) -> tuple[Array, Array]:
    kind = jnp.result_type(x, parameters)
    return jnp.asarray(x, kind), jnp.asarray(parameters, kind)


def _add(terms: Iterable[Array]) -> Array:
    return functools.reduce(jnp.add, terms)


def _slope(raw: Array) -> Array:
    return MIN_SLOPE + jnp.log1p(jnp.exp(jnp.clip(raw, -RAW_BOUND, RAW_BOUND)))


def _knot(number: Array, length: Array) -> Array:
    return length + _LEAST * number - BOUND


def _find(point: Array, parameters: Array, *, inverse: bool) -> tuple[_Bin, _Weights]:
    raw = jnp.clip(parameters[: 2 * BINS], -RAW_BOUND, RAW_BOUND)
    weights = _Weights(jnp.exp(raw[:BINS]), jnp.exp(raw[BINS:]))
    along = weights.y if inverse else weights.x
    unit = _FREE / _add(along)
    reach, square = along[0], jnp.zeros_like(point)
    for k in range(1, BINS):
        past = point + BOUND >= unit * reach + _LEAST * k
        square += jnp.where(past, 2.0 * k - 1.0, 0.0)  # 1 + 3 + … + (2k - 1) = k²
        reach += along[k]
    number = jnp.sqrt(square)
    beyond = [number >= k for k in range(1, BINS)]

    def length(values: Array, picked: Array) -> Array:
        # the maximum is the sum, in the shape of the point: by a broadcast, XLA would not divide
        return _FREE * picked / jnp.maximum(_add(values), -jnp.abs(point))

    def before(values: Array) -> Array:
        left = zip(beyond, values[:-1], strict=True)
        return length(values, _add(jnp.where(p, value, 0.0) for p, value in left))

    def at(values: list[Array]) -> Array:
        found = values[0]
        for p, value in zip(beyond, values[1:], strict=True):
            found = jnp.where(p, value, found)
        return found

    end = jnp.full_like(point, UNIT_SLOPE)  # the identity outside
    slopes = [end, *parameters[2 * BINS :], end]
    found = _Bin(
        number,
        before(weights.x),
        length(weights.x, at([*weights.x])),
        before(weights.y),
        length(weights.y, at([*weights.y])),
        _slope(at(slopes[:-1])),
        _slope(at(slopes[1:])),
    )
    return found, weights


@jax.custom_vjp
def _forward(x: Array, parameters: Array) -> tuple[Array, Array]:
    return _forward_kept(x, parameters)[0]


def _forward_kept(x: Array, parameters: Array) -> tuple[tuple[Array, Array], _Kept]:
    inside, point = jnp.abs(x) < BOUND, jnp.clip(x, -BOUND, BOUND)
    b, weights = _find(point, parameters, inverse=False)
    width, height = _LEAST + b.width, _LEAST + b.height
    t = jnp.clip((point - _knot(b.number, b.x)) / width, 0.0, 1.0)
    s = height / width
    u, rest = t * (1.0 - t), 1.0 - t
    bottom = 1.0 / (s + (b.left + b.right - 2.0 * s) * u)
    rise = s * t * t + b.left * u
    top = b.right * t * t + 2.0 * s * u + b.left * rest * rest
    y = jnp.where(inside, _knot(b.number, b.y) + height * rise * bottom, x)
    log_slope = jnp.where(inside, jnp.log((s * bottom) * (s * bottom) * top), 0.0)
    return (y, log_slope), _Kept(x, b, weights, t, s, bottom)


def _backward(kept: _Kept, cotangent: tuple[Array, Array]) -> tuple[Array, Array]:
    """From value = y + height * rise * bottom and log-slope = log(s² * bottom² * top)."""
    x, b, weights, t, s, bottom = kept
    inside = jnp.abs(x) < BOUND
    to_y, to_log = (jnp.where(inside, g, 0.0) for g in cotangent)
    width, height = _LEAST + b.width, _LEAST + b.height
    u, rest, turn = t * (1.0 - t), 1.0 - t, 1.0 - 2.0 * t
    bend = b.left + b.right - 2.0 * s
    rise = s * t * t + b.left * u
    top = b.right * t * t + 2.0 * s * u + b.left * rest * rest

    to_rise = to_y * height * bottom
    to_bottom = -(to_rise * rise + 2.0 * to_log) * bottom
    to_top = to_log / top
    to_t = (
        to_rise * (2.0 * s * t + b.left * turn)
        + to_bottom * bend * turn
        + 2.0 * to_top * (b.right * t + s * turn - b.left * rest)
    )
    to_s = to_rise * t * t + to_bottom * (1.0 - 2.0 * u) + 2.0 * to_top * u + 2.0 * to_log / s
    to_knot = -to_t / width
    to_width = -(to_t * t + to_s * s) / width
    to_height = (to_y * rise * bottom * width + to_s) / width
    to_left = (to_rise + to_bottom) * u + to_top * rest * rest
    to_right = to_bottom * u + to_top * t * t

    shape = weights.x.shape[1:]
    bins = lax.broadcasted_iota(x.dtype, (BINS, *x.shape), 0)

    def softmax(values: Array, knot: Array, size: Array, before: Array, share: Array) -> Array:
        mean = (knot * before + size * share) / _FREE
        total = _add(values) / _FREE
        total = jnp.maximum(total, -jnp.abs(x))
        left, here, right = ((to - mean) / total for to in (knot, size, jnp.zeros_like(size)))
        level = jnp.where(bins < b.number, left, jnp.where(bins == b.number, here, right))
        return values * _sum_to(level, shape)

    left = to_left / _per_sigmoid(b.left)
    right = to_right / _per_sigmoid(b.right)
    knots = bins[:-1]
    slopes = jnp.where(knots == b.number, right, jnp.where(knots + 1.0 == b.number, left, 0.0))
    to_parameters = [
        softmax(weights.x, to_knot, to_width, b.x, b.width),
        softmax(weights.y, to_y, to_height, b.y, b.height),
        _sum_to(slopes, shape),
    ]
    return jnp.where(inside, -to_knot, cotangent[0]), jnp.concatenate(to_parameters)


def _per_sigmoid(slope: Array) -> Array:
    """One over the derivative of softplus, which is 1 - exp(-softplus)."""
    return 1.0 / -jnp.expm1(MIN_SLOPE - slope)


def _sum_to(values: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which one parameter served many points; bins lead."""
    for axis, size in enumerate(shape, 1):
        points = values.shape[axis]
        if size == 1 < points <= BINS:  # written out: XLA does not vectorize over an outer axis
            each = [lax.slice_in_dim(values, k, k + 1, axis=axis) for k in range(points)]
            values = _add(each)
        elif size == 1 < points:
            values = values.sum(axis, keepdims=True)
    return values


_forward.defvjp(_forward_kept, _backward)
