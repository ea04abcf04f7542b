"""Coupling layers: half of the columns conditions a spline of each of the others.

Value and inverse cost one pass of the network each, so that drawing rows is as fast as scoring
them: the fast choice for continuous columns.

Source: Durkan, Bekasov, Murray and Papamakarios (2019), Neural Spline Flows, arXiv 1906.04032;
coupling, Dinh, Sohl-Dickstein and Bengio (2017), arXiv 1605.08803.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import spline
from .dense import dense, generator, normals, permuted, unpermuted

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Int, PRNGKeyArray


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Coupling:
    """A bijection of d columns, layer after layer; the depth is the leading axis of every leaf.

    Attributes:
        order: (depth, d) how each layer permutes its columns: the first d // 2 of them condition
            the others. What one layer leaves as it is, the next one transforms.
        w1, b1, w2, b2: The two hidden layers.
        w3, b3: The parameters of the splines, parameter-major.
        bfloat16: Whether products are taken of factors rounded to bfloat16 (accelerators).
    """

    order: Int[Array, "depth d"]
    w1: Float[Array, "depth hidden half"]
    b1: Float[Array, "depth hidden 1"]
    w2: Float[Array, "depth hidden hidden"]
    b2: Float[Array, "depth hidden 1"]
    w3: Float[Array, "depth parameters hidden"]
    b3: Float[Array, "depth parameters 1"]
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
    ) -> Coupling:
        """Layers close to permutations."""
        rng, half = generator(key), d // 2
        # what was transformed comes first, shuffled within
        orders = [
            np.concatenate([rng.permutation(np.arange(half, d)), rng.permutation(half)])
            for _ in range(depth)
        ]

        def normal(out: int, inputs: int, size: float) -> Array:
            return normals(rng, (depth, out, inputs), size / max(inputs, 1) ** 0.5)

        identity = np.repeat(np.asarray(spline.identity_parameters()), d - half)[:, None]
        return cls(
            order=jnp.asarray(np.stack(orders)),
            w1=normal(hidden, half, 2**0.5),
            b1=jnp.asarray(np.zeros((depth, hidden, 1))),
            w2=normal(hidden, hidden, 2**0.5),
            b2=jnp.asarray(np.zeros((depth, hidden, 1))),
            w3=normal(len(identity), hidden, 0.1),
            b3=jnp.asarray(np.tile(identity, (depth, 1, 1))),
            bfloat16=bfloat16,
        )

    @property
    def columns(self) -> int:
        """How many columns d there are."""
        return int(self.order.shape[-1])

    def forward(self, x: Float[Array, "d n"]) -> tuple[Float[Array, "d n"], Float[Array, n]]:
        """Values of n rows and the log-determinants of their Jacobians."""
        half = self.columns // 2

        def step(carry: tuple[Array, Array], layer: Coupling) -> tuple[tuple[Array, Array], None]:
            x, total = carry
            x = permuted(x, layer.order)
            y, log_slope = spline.forward(x[half:], layer._splines(x[:half]))
            return (jnp.concatenate([x[:half], y]), total + log_slope), None

        (z, total), _ = lax.scan(step, (x, jnp.zeros_like(x[half:])), self)
        return z, total.sum(0)

    def inverse(self, z: Float[Array, "d n"]) -> Float[Array, "d n"]:
        """The rows that `forward` maps to `z`."""
        half = self.columns // 2

        def step(y: Array, layer: Coupling) -> tuple[Array, None]:
            x = spline.inverse(y[half:], layer._splines(y[:half]))
            return unpermuted(jnp.concatenate([y[:half], x]), layer.order), None

        return lax.scan(step, z, self, reverse=True)[0]

    def _splines(self, given: Array) -> Array:
        """Parameters of the splines of one layer: (parameters, d - half, n)."""
        hidden = jax.nn.relu(dense(self.w1, given, self.b1, self.bfloat16))
        hidden = jax.nn.relu(dense(self.w2, hidden, self.b2, self.bfloat16))
        out = dense(self.w3, hidden, self.b3, self.bfloat16)
        return out.reshape(spline.PARAMETERS, -1, given.shape[1])
