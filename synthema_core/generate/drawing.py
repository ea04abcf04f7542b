"""Draws from every member of a model, in double precision: two machines then draw the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from synthema_kernels import flows

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from .model import Model


class Drawn(NamedTuple):
    """n rows from each of k members: (q, n, k) codes, (p, n, k) points, (n, k) log-weights."""

    codes: NDArray[np.int32]
    z: NDArray[np.float64]
    log_weight: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawer:
    """A model whose weights are in double precision, and a key."""

    members: flows.Member
    structure: flows.Structure
    layout: flows.Layout
    key: jax.Array

    @classmethod
    def of(cls, model: Model, seed: int) -> Self:
        """Draws of a seed."""
        with jax.enable_x64(True):  # noqa: FBT003
            return cls(
                _in_double(model.members),
                _in_double(model.structure),
                model.layout,
                jax.random.key(seed),
            )

    def draw(self, turn: int, n: int, allowed: flows.Allowed | None = None) -> Drawn:
        """The rows of one turn; `allowed` has n rows or one that stands for all."""
        k = len(self.members.position)
        with jax.enable_x64(True):  # noqa: FBT003
            keys = jax.random.split(jax.random.fold_in(self.key, turn), k)
            if allowed is not None:
                allowed = flows.Allowed(
                    *(np.broadcast_to(part, (part.shape[0], n)) for part in allowed)
                )
            drawn = _sample(self.members, self.structure, keys, allowed, self.layout, n)
        codes, z = (np.moveaxis(np.asarray(part), 0, 2) for part in (drawn.codes, drawn.z))
        return Drawn(codes, z, np.asarray(drawn.log_weight).T)


@partial(jax.jit, static_argnames=("layout", "n"))
def _sample(
    members: flows.Member,
    structure: flows.Structure,
    keys: jax.Array,
    allowed: flows.Allowed | None,
    layout: flows.Layout,
    n: int,
) -> flows.Draw:
    def one(of: tuple[flows.Member, jax.Array]) -> flows.Draw:
        drawn: flows.Draw = flows.sample(of[0], structure, of[1], layout, n, allowed)
        return drawn

    drawn: flows.Draw = jax.lax.map(one, (members, keys))
    return drawn


def _in_double(tree: Any) -> Any:
    return jax.tree.map(
        lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf,
        tree,
    )
