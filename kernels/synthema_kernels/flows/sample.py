"""Drawing rows from one member: one pass over the order, each variable from its own uniform.

Where only some levels and intervals are allowed, each variable is drawn from its conditional given
that it is allowed, and the row carries the probability of having been so at every step. Weighted by
it, rows are draws from the joint distribution given all that is allowed (importance sampling in the
member's own order); where what is restricted comes first in the order the weights are all alike,
and where everything is fixed the weight is the probability of the row.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import ndtr, ndtri

from . import spline
from .density import (
    FORBIDDEN,
    HEADS,
    LOGIT_BOUND,
    Member,
    Structure,
    linear_outputs,
    log_normal_mass,
    log_scale,
    masked,
)
from .rows import Layout, bend

if TYPE_CHECKING:
    from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
    from numpy.typing import NDArray


class Allowed(NamedTuple):
    """What each row may be: levels, and an interval of the normal scale for each number."""

    levels: Bool[Array, "width n"] | NDArray[np.bool_]
    low: Float[Array, "p n"] | NDArray[np.float64]
    high: Float[Array, "p n"] | NDArray[np.float64]


class Draw(NamedTuple):
    """Sampled rows: levels, numbers on the normal scale (0 where absent) and their presence.

    `log_weight` is the log-probability of having been allowed; 0 where everything is.
    """

    codes: Int[Array, "q n"]
    z: Float[Array, "p n"]
    present: Bool[Array, "p n"]
    log_weight: Float[Array, n]


class _State(NamedTuple):
    inputs: Array  # (features + pad, n) what has been drawn so far
    hidden: Array  # (hidden, n) first layer before its activation, grown column by column
    codes: Array  # (q, n)
    log_weight: Array  # (n,)


@partial(jax.jit, static_argnames=("layout", "n"))
def sample(
    member: Member,
    structure: Structure,
    key: PRNGKeyArray,
    layout: Layout,
    n: int,
    allowed: Allowed | None = None,
) -> Draw:
    """N rows from one member.

    Runs in the precision of `member`'s weights. In float64 two machines draw the same rows: what
    differs between their arithmetic is far below the width of any cell.

    Args:
        member: The network.
        structure: Certainties and wide cells.
        key: Source of one uniform per row and variable.
        layout: The variables; static.
        n: How many rows; static.
        allowed: What each row may be; None allows everything.

    Returns:
        The rows. A number inside a wide cell is at the cell's median, as it was in training.
    """
    member = masked(member, layout)
    kind = member.b1.dtype
    pad = max(layout.levels, default=1)
    p, q, b = layout.numbers, len(layout.levels), layout.bends
    order = jnp.argsort(member.position)
    tiny = float(np.finfo(kind).tiny)
    uniforms = jax.random.uniform(key, (layout.variables, n), kind, minval=tiny, maxval=1.0)
    starts = jnp.asarray([*layout.starts, 0])
    sizes = jnp.asarray([*layout.levels, 1])
    states = jnp.asarray([*layout.state, -1])
    place = member.position[jnp.asarray(layout.numbers + layout.owner)[structure.ruled]]
    earlier = jnp.where(place[:, None] < place, structure.forbid, 0.0).astype(kind)
    forbid = jnp.zeros((layout.width + pad, structure.ruled.size), kind)
    forbid = forbid.at[structure.ruled].set(earlier.T)
    seen = layout.linear_features
    row = np.full(len(member.b3) + pad, linear_outputs(layout).size)  # a wide level: a row of 0
    row[linear_outputs(layout)] = np.arange(linear_outputs(layout).size)
    skip = jnp.pad(member.skip, ((0, 1), (0, 0)))
    place_of = jnp.asarray(row)
    output = {
        "w3": jnp.pad(member.w3, ((0, pad), (0, 0))),
        "b3": jnp.pad(member.b3, ((0, pad), (0, 0))),
    }
    if allowed is not None:
        may_be = jnp.pad(allowed.levels, ((0, pad), (0, 0)))
    first = jnp.pad(member.w1, ((0, 0), (0, pad)))

    def slope(hidden: Array, inputs: Array, rows: Array) -> Array:
        parts = {name: value[rows] for name, value in output.items()}
        return parts["w3"] @ hidden + skip[place_of[rows]] @ inputs[seen] + parts["b3"]

    def level(state: _State, hidden: Array, variable: Array, u: Array) -> _State:
        c = variable - p
        rows = starts[c] + jnp.arange(pad)
        real = (jnp.arange(pad) < sizes[c])[:, None]
        logits = jnp.clip(slope(hidden, state.inputs, rows), -LOGIT_BOUND, LOGIT_BOUND)
        logits -= FORBIDDEN * jnp.minimum(forbid[rows] @ state.inputs[b:][structure.ruled], 1.0)
        may = real if allowed is None else real & may_be[rows]
        weight = jnp.where(may, jnp.exp(logits), 0.0)
        below = jnp.cumsum(weight, axis=0)
        code = jnp.minimum((below <= u * below[-1]).sum(0), sizes[c] - 1).astype(jnp.int32)
        log_weight = state.log_weight
        if allowed is not None:
            log_weight += jnp.log(below[-1]) - jnp.log(jnp.where(real, jnp.exp(logits), 0.0).sum(0))
        chosen = (jnp.arange(pad)[:, None] == code).astype(kind)
        old = lax.dynamic_slice_in_dim(state.inputs, b + starts[c], pad)
        inputs = lax.dynamic_update_slice_in_dim(
            state.inputs, jnp.where(real, chosen, old), b + starts[c], 0
        )
        weights = lax.dynamic_slice_in_dim(first, b + starts[c], pad, axis=1)
        hidden = state.hidden + weights @ chosen
        return _State(inputs, hidden, state.codes.at[c].set(code), log_weight)

    def gate(state: _State, variable: Array) -> Array:
        """Whether the number is present."""
        return (states[variable] < 0) | (state.inputs[b + starts[states[variable]]] > 0)

    def number(state: _State, hidden: Array, variable: Array, u: Array) -> _State:
        rows = layout.width + jnp.arange(HEADS) * p + variable
        head = slope(hidden, state.inputs, rows)
        scale = jnp.exp(log_scale(head[1]))
        present, log_weight = gate(state, variable), state.log_weight
        if allowed is None:
            z = head[0] + scale * spline.inverse(ndtri(u), head[2:])
        else:
            ends = jnp.stack([allowed.low[variable], allowed.high[variable]])
            low, high = spline.forward((ends - head[0]) / scale, head[2:, None])[0]
            log_weight += jnp.where(present, log_normal_mass(low, high), 0.0)
            z = head[0] + scale * spline.inverse(_between(low, high, u), head[2:])
            z = jnp.clip(z, ends[0], jnp.nextafter(ends[1], ends[0]))
        cell = jnp.searchsorted(structure.cell_low[variable], z, side="right") - 1
        in_cell = (cell >= 0) & (z < structure.cell_high[variable, cell])
        z = jnp.where(in_cell, structure.cell_z[variable, cell], z).astype(kind)
        parts = jnp.stack([jnp.where(present, part, 0.0) for part in bend(z)])
        where = variable + p * jnp.arange(len(parts))
        inputs = state.inputs.at[where].set(parts)
        return _State(inputs, state.hidden + first[:, where] @ parts, state.codes, log_weight)

    def step(state: _State, variable: Array) -> tuple[_State, None]:
        hidden = jax.nn.relu(member.w2 @ jax.nn.relu(state.hidden) + member.b2)
        arguments = (state, hidden, variable, uniforms[variable])
        if not p:
            return level(*arguments), None
        if not q:
            return number(*arguments), None
        return lax.cond(variable < p, number, level, *arguments), None

    empty = _State(
        jnp.zeros((layout.features + pad, n), kind),
        jnp.broadcast_to(member.b1, (member.hidden, n)),
        jnp.zeros((q, n), jnp.int32),
        jnp.zeros(n, kind),
    )
    drawn, _ = lax.scan(step, empty, order)
    gates = drawn.inputs[b + starts[states[:-1]]] > 0 if p else jnp.zeros((0, n), bool)
    present = (states[:-1, None] < 0) | gates
    return Draw(drawn.codes, drawn.inputs[:p], present, drawn.log_weight)


def _between(low: Array, high: Array, u: Array) -> Array:
    """A standard normal given that it lies between, from a uniform; exact in either tail."""
    flip = low + high > 0.0
    a, b = ndtr(jnp.where(flip, -high, low)), ndtr(jnp.where(flip, -low, high))
    share = a + jnp.where(flip, 1.0 - u, u) * (b - a)
    x = ndtri(jnp.maximum(share, float(np.finfo(u.dtype).tiny)))
    return jnp.clip(jnp.where(flip, -x, x), low, high)
