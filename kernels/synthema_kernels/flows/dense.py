"""Dense layers and permutations of rows that lie on the trailing axis, and how layers start."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Array, Float, PRNGKeyArray

_Kept = tuple["Array", "Array"]


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def dense(
    weight: Float[Array, "out inputs"],
    x: Float[Array, "inputs n"],
    bias: Float[Array, "out 1"],
    bfloat16: bool = False,  # noqa: FBT001, FBT002  # custom_vjp takes it by place
) -> Float[Array, "out n"]:
    """`weight @ x + bias`; with `bfloat16`, of rounded factors summed in the kind of `x`."""
    return _dense_kept(weight, x, bias, bfloat16)[0]


def _dense_kept(weight: Array, x: Array, bias: Array, bfloat16: bool) -> tuple[Array, _Kept]:  # noqa: FBT001
    # the bias is one more input: within a loop over layers, XLA's CPU compiler would look it up
    # anew for each row it is added to, and would sum its gradient without vector instructions
    ones = jnp.concatenate([x, jnp.ones((1, x.shape[1]), x.dtype)])
    ones = _rounded(ones, bfloat16)
    full = _rounded(jnp.concatenate([weight, bias], axis=1), bfloat16)
    return _product(full, ones, (1, 0), x.dtype), (weight, ones)


def _dense_backward(bfloat16: bool, kept: _Kept, to_y: Array) -> tuple[Array, Array, Array]:  # noqa: FBT001
    weight, ones = kept
    g = _rounded(to_y, bfloat16)
    to_full = _product(g, ones, (1, 1), to_y.dtype)
    to_x = _product(_rounded(weight, bfloat16), g, (0, 0), to_y.dtype)
    return to_full[:, :-1], to_x, to_full[:, -1:]


dense.defvjp(_dense_kept, _dense_backward)


def _rounded(x: Array, bfloat16: bool) -> Array:  # noqa: FBT001
    return x.astype(jnp.bfloat16) if bfloat16 else x


def _product(a: Array, b: Array, axes: tuple[int, int], kind: jnp.dtype) -> Array:
    dimensions = (((axes[0],), (axes[1],)), ((), ()))
    return lax.dot_general(a, b, dimensions, preferred_element_type=kind)


def permuted(x: Float[Array, "d n"], order: Array) -> Float[Array, "d n"]:
    """`x[order]` as a product with zeros and ones: exact, and its gradient is not a scatter."""
    return jnp.matmul(_one_hot(order, x), x, precision=lax.Precision.HIGHEST)


def unpermuted(x: Float[Array, "d n"], order: Array) -> Float[Array, "d n"]:
    """What `permuted` was given."""
    return jnp.matmul(_one_hot(order, x).T, x, precision=lax.Precision.HIGHEST)


def _one_hot(order: Array, x: Array) -> Array:
    return (order[:, None] == jnp.arange(len(order))).astype(x.dtype)


_Function = TypeVar("_Function", bound="Callable[..., Any]")


def unrounded(function: _Function) -> _Function:
    """`function` with products in full single precision: a card would round factors to ten bits."""
    exact: _Function = jax.default_matmul_precision("highest")(function)
    return exact


def generator(key: PRNGKeyArray) -> np.random.Generator:
    """NumPy's generator for a key: what is drawn once is drawn on the host, uncompiled."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def normals(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> Array:
    """Normal numbers of a scale, in the default precision."""
    return jnp.asarray(scale * rng.standard_normal(shape))
