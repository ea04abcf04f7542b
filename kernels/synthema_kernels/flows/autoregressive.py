"""Masked autoregressive layers: the spline of each column reads all columns before it.

Hidden units are sorted by degree, the last column they may read. So the products of the forward
pass are block-triangular, and the inverse computes each unit once, as soon as the columns it reads
are known: one pass of the network in all, where the usual inverse takes one pass per column.

Source: Papamakarios, Pavlakou and Murray (2017), Masked Autoregressive Flow, arXiv 1705.07057;
masks, Germain et al. (2015), arXiv 1502.03509; splines, see `spline`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import spline
from .dense import dense, generator, normals, permuted, unpermuted

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Int, PRNGKeyArray
    from numpy.typing import NDArray

BLOCKS = 4  # of columns in the block-triangular products, where columns are many
MANY = 16


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Autoregressive:
    """A bijection of d columns, layer after layer; the depth is the leading axis of every leaf.

    Attributes:
        order: (depth, d) how each layer permutes its columns before it reads them in turn.
        w1, b1, w2, b2: The two hidden layers. Masks are applied when they are used.
        w3, b3: The parameters of the splines.
        bfloat16: Whether products are taken of factors rounded to bfloat16 (accelerators).
    """

    order: Int[Array, "depth d"]
    w1: Float[Array, "depth hidden d"]
    b1: Float[Array, "depth hidden 1"]
    w2: Float[Array, "depth hidden hidden"]
    b2: Float[Array, "depth hidden 1"]
    w3: Float[Array, "depth parameters d hidden"]
    b3: Float[Array, "depth parameters d 1"]
    bfloat16: bool = field(default=False, metadata={"static": True})

    @classmethod
    def start(
        cls,
        key: PRNGKeyArray,
        d: int,
        *,
        depth: int = 5,
        hidden: int = 128,
        bfloat16: bool = False,
    ) -> Autoregressive:
        """Layers close to permutations: an order drawn at random, then the same one reversed."""
        rng, back = generator(key), np.arange(d)[::-1]
        orders = [back if layer % 2 else rng.permutation(d) for layer in range(depth)]

        def normal(*shape: int, size: float) -> Array:
            return normals(rng, (depth, *shape), size / shape[-1] ** 0.5)

        identity = np.repeat(np.asarray(spline.identity_parameters())[:, None], d, axis=1)
        return cls(
            order=jnp.asarray(np.stack(orders)),
            w1=normal(hidden, d, size=2**0.5),
            b1=jnp.asarray(np.zeros((depth, hidden, 1))),
            w2=normal(hidden, hidden, size=2**0.5),
            b2=jnp.asarray(np.zeros((depth, hidden, 1))),
            w3=normal(spline.PARAMETERS, d, hidden, size=0.1),
            b3=jnp.asarray(np.tile(identity[..., None], (depth, 1, 1, 1))),
            bfloat16=bfloat16,
        )

    @property
    def columns(self) -> int:
        """How many columns d there are."""
        return int(self.order.shape[-1])

    @property
    def hidden(self) -> int:
        """Width of the hidden layers."""
        return int(self.w2.shape[-1])

    def forward(self, x: Float[Array, "d n"]) -> tuple[Float[Array, "d n"], Float[Array, n]]:
        """Values of n rows and the log-determinants of their Jacobians."""

        def step(
            carry: tuple[Array, Array], layer: Autoregressive
        ) -> tuple[tuple[Array, Array], None]:
            x, total = carry
            x = permuted(x, layer.order)
            y, log_slope = layer._forward(x)
            return (y, total + log_slope), None

        (z, total), _ = lax.scan(step, (x, jnp.zeros_like(x)), self._masked())
        return z, total.sum(0)

    def inverse(self, z: Float[Array, "d n"]) -> Float[Array, "d n"]:
        """The rows that `forward` maps to `z`."""

        def step(y: Array, layer: Autoregressive) -> tuple[Array, None]:
            return unpermuted(layer._inverse(y), layer.order), None

        return lax.scan(step, z, self._masked(), reverse=True)[0]

    def _masked(self) -> Autoregressive:
        """Every weight that would read a later column set to zero."""
        degree, place = self._degree(), np.arange(self.columns)
        return replace(
            self,
            w1=jnp.where(degree[:, None] >= place, self.w1, 0.0),
            w2=jnp.where(degree[:, None] >= degree, self.w2, 0.0),
            w3=jnp.where(place[:, None] > degree, self.w3, 0.0),
        )

    def _degree(self) -> NDArray[np.int64]:
        """(hidden,) the last column that each unit reads, ascending."""
        return np.arange(self.hidden) * max(self.columns - 1, 1) // self.hidden

    def _forward(self, x: Array) -> tuple[Array, Array]:
        """One layer, whose weights are masked, in blocks of columns."""
        d, n = x.shape
        degree = self._degree()
        edges = np.linspace(0, d, (BLOCKS if d >= MANY else 1) + 1).astype(int)
        first = jax.nn.relu(dense(self.w1, x, self.b1, self.bfloat16))
        second, parameters, seen = [], [], 0
        for low, high in pairwise(edges):
            units = int(np.searchsorted(degree, high - 1))  # those that column high - 1 may read
            fresh = slice(seen, units)
            out = dense(self.w2[fresh, :units], first[:units], self.b2[fresh], self.bfloat16)
            second.append(jax.nn.relu(out))
            weight = self.w3[:, low:high, :units].reshape(-1, units)
            bias = self.b3[:, low:high].reshape(-1, 1)
            splines = dense(weight, jnp.concatenate(second), bias, self.bfloat16)
            parameters.append(splines.reshape(-1, high - low, n))
            seen = units
        return spline.forward(x, jnp.concatenate(parameters, axis=1))

    def _inverse(self, y: Array) -> Array:
        """One layer, whose weights are masked, column after column."""
        d, n = y.shape
        group = -(-self.hidden // max(d - 1, 1))
        starts = jnp.asarray(np.searchsorted(self._degree(), np.arange(d)))
        w3, b3 = self.w3.swapaxes(0, 1), self.b3.swapaxes(0, 1)

        def step(
            carry: tuple[Array, Array, Array], column: tuple[Array, Array, Array, Array, Array]
        ) -> tuple[tuple[Array, Array, Array], None]:
            x, first, second = carry
            i, y, w3, b3, start = column
            found = spline.inverse(y, dense(w3, second, b3, self.bfloat16))
            x = lax.dynamic_update_index_in_dim(x, found, i, 0)

            # a group may reach into the next: what it computes too early is computed again
            def grown(hidden: Array, weight: Array, bias: Array, inputs: Array) -> Array:
                weight = lax.dynamic_slice_in_dim(weight, start, group)
                bias = lax.dynamic_slice_in_dim(bias, start, group)
                units = jax.nn.relu(dense(weight, inputs, bias, self.bfloat16))
                return lax.dynamic_update_slice_in_dim(hidden, units, start, 0)

            first = grown(first, self.w1, self.b1, x)
            second = grown(second, self.w2, self.b2, first)
            return (x, first, second), None

        empty = jnp.zeros((self.hidden, n), y.dtype)
        carry = (jnp.zeros_like(y), empty, empty)
        return lax.scan(step, carry, (jnp.arange(d), y, w3, b3, starts))[0][0]
