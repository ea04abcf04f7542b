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
from .dense import unrounded
from .density import (
    FORBIDDEN,
    HEADS,
    LOGIT_BOUND,
    Member,
    Structure,
    hidden_degree,
    log_normal_mass,
    log_scale,
    masked,
)
from .rows import WIDE, Layout, bend

if TYPE_CHECKING:
    from collections.abc import Callable

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
    inputs: Array  # (linear features + pad, n) what has been drawn so far
    first: Array  # (hidden, n) first layer before its activation, grown variable by variable
    second: Array  # (hidden, n) second layer, each unit known once all that it reads is
    codes: Array  # (q, n), -1 until drawn
    log_weight: Array  # (n,)


@partial(jax.jit, static_argnames=("layout", "n"))
@unrounded
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

    Discrete variables are drawn in classes of similar width, so that one of 700 levels does not
    make every other one cost as much: one program, with a branch for each class.

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
    classes, class_of = width_classes(layout.levels)
    pad = max(classes, default=1)
    p, q, b, f = layout.numbers, len(layout.levels), layout.bends, layout.linear_features.size
    order = jnp.argsort(member.position)
    tiny = float(np.finfo(kind).tiny)
    uniforms = jax.random.uniform(key, (layout.variables, n), kind, minval=tiny, maxval=1.0)
    narrow = np.where(np.asarray(layout.levels, int) <= WIDE, layout.levels, 0)
    linear = jnp.asarray(np.cumsum([0, *narrow]))  # first linear level of each discrete variable
    starts = jnp.asarray([*layout.starts, 0])
    sizes = jnp.asarray([*layout.levels, 1])
    gates = [jnp.asarray(part) for part in layout.gates]
    owner, within = (jnp.asarray(of)[structure.ruled] for of in (layout.owner, layout.within))
    place = member.position[p + owner]
    earlier = jnp.where(place[:, None] < place, structure.forbid, 0.0).astype(kind)
    forbid = jnp.zeros((layout.width + pad, structure.ruled.size), kind)
    forbid = forbid.at[structure.ruled].set(earlier.T)
    w1 = jnp.pad(member.w1.T, ((0, pad), (0, 0)))
    w3, b3, skip = (jnp.pad(w, ((0, pad), (0, 0))) for w in (member.w3, member.b3, member.skip))
    may_be = None if allowed is None else jnp.pad(allowed.levels, ((0, pad), (0, 0)))

    def level(width: int, state: _State, variable: Array, u: Array) -> _State:
        c = variable - p

        def own(values: Array, start: Array) -> Array:
            return lax.dynamic_slice_in_dim(values, start, width)

        logits = own(w3, starts[c]) @ state.second + own(b3, starts[c])
        if width <= WIDE:
            logits += own(skip, linear[c]) @ state.inputs[:f]
        logits = jnp.clip(logits, -LOGIT_BOUND, LOGIT_BOUND)
        if structure.ruled.size:
            held = (state.codes[owner] == within[:, None]).astype(kind)
            logits -= FORBIDDEN * jnp.minimum(own(forbid, starts[c]) @ held, 1.0)
        real = (jnp.arange(width) < sizes[c])[:, None]
        weight = jnp.where(real, jnp.exp(logits), 0.0)
        log_weight = state.log_weight
        if may_be is None:
            code, _ = _pick(weight, u)
        else:
            code, total = _pick(jnp.where(own(may_be, starts[c]), weight, 0.0), u)
            log_weight += jnp.log(total) - jnp.log(weight.sum(0))
        state = state._replace(codes=state.codes.at[c].set(code), log_weight=log_weight)
        if width > WIDE:
            return state._replace(first=state.first + w1[b + starts[c] + code].T)
        chosen = (jnp.arange(width)[:, None] == code).astype(kind)
        inputs = jnp.where(real, chosen, own(state.inputs, b + linear[c]))
        return state._replace(
            inputs=lax.dynamic_update_slice_in_dim(state.inputs, inputs, b + linear[c], 0),
            first=state.first + own(w1, b + starts[c]).T @ chosen,
        )

    def number(state: _State, variable: Array, u: Array) -> _State:
        rows = jnp.arange(HEADS) * p + variable
        head = w3[layout.width + rows] @ state.second + b3[layout.width + rows]
        head += skip[layout.linear_levels.size + rows] @ state.inputs[:f]
        scale = jnp.exp(log_scale(head[1]))
        present = gate(state.codes, *(part[variable] for part in gates))
        log_weight = state.log_weight
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
        return state._replace(
            inputs=state.inputs.at[where].set(parts),
            first=state.first + w1[where].T @ parts,
            log_weight=log_weight,
        )

    levels = [partial(level, width) for width in classes]
    branches: list[Callable[[_State, Array, Array], _State]] = [*([number] if p else []), *levels]
    branch = jnp.asarray([*[0] * p, *(class_of + bool(p))], jnp.int32)

    # units by the last variable they read: a group is computed when that one has been drawn; what
    # it computes of the next group too early is not read, and computed again
    group = -(-member.hidden // max(layout.variables, 1))
    latest = jnp.arange(layout.variables) - 1
    groups = jnp.searchsorted(hidden_degree(member.hidden, layout), latest)

    def step(state: _State, turn: tuple[Array, Array]) -> tuple[_State, None]:
        variable, start = turn
        w2, b2 = (lax.dynamic_slice_in_dim(w, start, group) for w in (member.w2, member.b2))
        units = jax.nn.relu(w2 @ jax.nn.relu(state.first) + b2)
        second = lax.dynamic_update_slice_in_dim(state.second, units, start, 0)
        arguments = (state._replace(second=second), variable, uniforms[variable])
        return lax.switch(branch[variable], branches, *arguments), None

    empty = _State(
        jnp.zeros((f + min(pad, WIDE), n), kind),
        jnp.broadcast_to(member.b1, (member.hidden, n)),
        jnp.zeros((member.hidden, n), kind),
        jnp.full((q, n), -1, jnp.int32),
        jnp.zeros(n, kind),
    )
    drawn, _ = lax.scan(step, empty, (order, groups))
    present = jax.vmap(gate, (None, 0, 0))(drawn.codes, *gates)
    return Draw(drawn.codes, drawn.inputs[:p], present, drawn.log_weight)


def gate(
    codes: Int[Array, "q n"], of: Int[Array, 2], admitted: Bool[Array, levels]
) -> Bool[Array, n]:
    """Whether a number is present, from its state and its status; see `Layout.gates`."""
    if not len(codes):
        return jnp.ones(codes.shape[1], bool)
    state, status = of
    free, of_status = codes[state] == 0, admitted[codes[status]]
    return jnp.asarray(((state < 0) | free) & ((status < 0) | of_status))


def width_classes(levels: tuple[int, ...]) -> tuple[list[int], NDArray[np.int32]]:
    """Widths that stand for all level counts, ascending, and the class of each variable.

    Counts between two powers of four share the largest of them: a few branches, and no variable is
    padded to four times its width. Wide variables have classes of their own.
    """
    count = np.asarray(levels, int)
    power = np.ceil(np.log2(np.maximum(count, 1)) / 2) + (count > WIDE)
    _, class_of = np.unique(power, return_inverse=True)
    widths = np.zeros(class_of.max(initial=-1) + 1, int)
    np.maximum.at(widths, class_of, count)
    return widths.tolist(), class_of.astype(np.int32)


def _pick(
    weight: Float[Array, "levels n"], u: Float[Array, n]
) -> tuple[Int[Array, n], Float[Array, n]]:
    """The level at which the running sum of weights passes a share `u` of their total; the total.

    Many levels are searched in blocks: the sums of the blocks first, then within one.
    """
    width, n = weight.shape
    if width <= WIDE:
        below = jnp.cumsum(weight, axis=0)
        return _passed(below, u * below[-1]), below[-1]
    size = int(width**0.5)
    blocks = jnp.pad(weight, ((0, -width % size), (0, 0))).reshape(-1, size, n)
    upto = jnp.cumsum(blocks.sum(1), axis=0)
    mark = u * upto[-1]
    block = _passed(upto, mark)
    before = jnp.where(block > 0, jnp.take_along_axis(upto, (block - 1)[None], axis=0)[0], 0.0)
    own = jnp.take_along_axis(blocks, block[None, None], axis=0)[0]
    return block * size + _passed(before + jnp.cumsum(own, axis=0), mark), upto[-1]


def _passed(below: Float[Array, "levels n"], mark: Float[Array, n]) -> Int[Array, n]:
    """How many running sums a mark has passed; rounding never takes it beyond the last weight."""
    return ((below <= mark) & (below < below[-1])).sum(0, dtype=jnp.int32)


def _between(low: Array, high: Array, u: Array) -> Array:
    """A standard normal given that it lies between, from a uniform; exact in either tail."""
    flip = low + high > 0.0
    a, b = ndtr(jnp.where(flip, -high, low)), ndtr(jnp.where(flip, -low, high))
    share = a + jnp.where(flip, 1.0 - u, u) * (b - a)
    x = ndtri(jnp.maximum(share, float(np.finfo(u.dtype).tiny)))
    return jnp.clip(jnp.where(flip, -x, x), low, high)
