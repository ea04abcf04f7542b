"""Exact log-probability of mixed rows under one autoregressive member.

One masked network reads the variables in the member's order and gives each its conditional: a
softmax over levels, or, for a number, an affine map followed by a spline that carries its normal
scale to a standard normal. The probability of a row is the product of its conditionals, and a
number's conditional is the mass of its cell.

Sources: masked autoregressive networks, Germain et al. (2015), arXiv 1502.03509; autoregressive
flows, Papamakarios, Pavlakou and Murray (2017), arXiv 1705.07057; splines, see `spline`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr

from . import spline
from .dense import unrounded
from .rows import NARROW, Layout, MixedRows, bend

if TYPE_CHECKING:
    from jax.typing import ArrayLike
    from jaxtyping import Array, Float, Int, PRNGKeyArray
    from numpy.typing import NDArray

HEADS = 2 + spline.PARAMETERS  # mean, log-scale and spline of a number's conditional
LOGIT_BOUND = 25.0
FORBIDDEN = 60.0  # nats: what a forbidden level loses; finite, so that no gradient is lost


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Structure:
    """What is certain about the variables, shared by all members.

    Attributes:
        ruled: (r,) levels that some rule forbids beside another.
        forbid: (r, r) 1 where the ruled level of the column may not follow once that of the row
            holds.
        cell_low: (p, cells) lower edges of the wide cells of each number, ascending, padded with
            +inf.
        cell_high: (p, cells) their upper edges.
        cell_z: (p, cells) their medians.
        log_unseen: () log-probability given to a level never seen in training.
    """

    ruled: Int[Array, r]
    forbid: Float[Array, "r r"]
    cell_low: Float[Array, "p cells"]
    cell_high: Float[Array, "p cells"]
    cell_z: Float[Array, "p cells"]
    log_unseen: Float[Array, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Member:
    """One autoregressive network and its order.

    Attributes:
        position: (variables,) place of each variable in the order, 0 first.
        w1, b1, w2, b2: The two hidden layers.
        w3, skip, b3: Output from the hidden layer, straight from the inputs, and bias. Rows are the
            levels first, then the heads of the numbers, head-major. `skip` leaves out the levels of
            wide variables on both sides: see `Layout.linear_levels`.
    """

    position: Int[Array, variables]
    w1: Float[Array, "hidden features"]
    b1: Float[Array, "hidden 1"]
    w2: Float[Array, "hidden hidden"]
    b2: Float[Array, "hidden 1"]
    w3: Float[Array, "outputs hidden"]
    skip: Float[Array, "linear_outputs linear_features"]
    b3: Float[Array, "outputs 1"]

    @staticmethod
    def shapes(layout: Layout, hidden: int) -> dict[str, tuple[int, ...]]:
        """What the shape of each leaf must be."""
        outputs = layout.width + HEADS * layout.numbers
        return {
            "position": (layout.variables,),
            "w1": (hidden, layout.features),
            "b1": (hidden, 1),
            "w2": (hidden, hidden),
            "b2": (hidden, 1),
            "w3": (outputs, hidden),
            "skip": (linear_outputs(layout).size, layout.linear_features.size),
            "b3": (outputs, 1),
        }

    @property
    def hidden(self) -> int:
        """Width of the hidden layers."""
        return int(self.b1.shape[0])


def masked(member: Member, layout: Layout) -> Member:
    """The member with every weight that would look ahead in its order set to zero."""
    degree = hidden_degree(member.hidden, layout)
    source = member.position[layout.feature_variable]
    target = member.position[output_variable(layout)]
    linear = target[linear_outputs(layout)][:, None] > source[layout.linear_features]
    return Member(
        position=member.position,
        w1=jnp.where(degree[:, None] >= source, member.w1, 0.0),
        b1=member.b1,
        w2=jnp.where(degree[:, None] >= degree, member.w2, 0.0),
        b2=member.b2,
        w3=jnp.where(target[:, None] > degree, member.w3, 0.0),
        skip=jnp.where(linear, member.skip, 0.0),
        b3=member.b3,
    )


def hidden_degree(hidden: int, layout: Layout) -> Int[Array, hidden]:
    """The last position each hidden unit may see, spread evenly over the order."""
    return jnp.arange(hidden) * layout.variables // hidden


def output_variable(layout: Layout) -> Int[Array, outputs]:
    """The variable each output row belongs to."""
    levels = layout.numbers + layout.owner
    return jnp.concatenate([jnp.asarray(levels), jnp.tile(jnp.arange(layout.numbers), HEADS)])


def linear_outputs(layout: Layout) -> NDArray[np.int32]:
    """Output rows that the linear part reaches."""
    heads = layout.width + np.arange(HEADS * layout.numbers, dtype=np.int32)
    return np.concatenate([layout.linear_levels, heads])


def features(rows: MixedRows, layout: Layout) -> Float[Array, "features n"]:
    """Network inputs: bends of each number, 0 where it is absent, then one indicator per level."""
    numbers = [jnp.where(rows.present, part, 0.0) for part in bend(rows.z)]
    levels = (rows.codes[layout.owner] == layout.within[:, None]).astype(rows.z.dtype)
    return jnp.concatenate([*numbers, levels])


def forbidden_levels(
    structure: Structure, member: Member, levels: Float[Array, "width n"], layout: Layout
) -> Float[Array, "r n"]:
    """Nats to take from the logit of each ruled level: those that an earlier level rules out."""
    owner = jnp.asarray(layout.numbers + layout.owner)
    place = member.position[owner[structure.ruled]]
    earlier = jnp.where(place[:, None] < place, structure.forbid, 0.0)
    return FORBIDDEN * jnp.minimum(earlier.T @ levels[structure.ruled], 1.0)


def conditionals(
    member: Member,
    inputs: Float[Array, "features n"],
    layout: Layout,
    *,
    dropout: Float[ArrayLike, ""] = 0.0,
    key: PRNGKeyArray | None = None,
) -> tuple[Float[Array, "width n"], Float[Array, "heads p n"]]:
    """Logits of every level and heads of every number; `member` is already masked."""
    keep = jnp.ones((2, 1, 1), inputs.dtype)
    if key is not None:
        size = (2, member.b1.shape[0], inputs.shape[1])
        keep = jax.random.bernoulli(key, 1.0 - dropout, size) / (1.0 - dropout)
    hidden = jax.nn.relu(member.w1 @ inputs + member.b1) * keep[0]
    hidden = jax.nn.relu(member.w2 @ hidden + member.b2) * keep[1]
    out = member.w3 @ hidden + _linear(member, inputs, layout) + member.b3
    logits = jnp.clip(out[: layout.width], -LOGIT_BOUND, LOGIT_BOUND)
    return logits, out[layout.width :].reshape(HEADS, layout.numbers, inputs.shape[1])


def _linear(member: Member, inputs: Array, layout: Layout) -> Array:
    if layout.linear_features.size == layout.features:
        return member.skip @ inputs
    out = member.skip @ inputs[layout.linear_features]
    return (
        jnp.zeros((member.b3.shape[0], inputs.shape[1]), out.dtype)
        .at[linear_outputs(layout)]
        .set(out, unique_indices=True, indices_are_sorted=True)
    )


def log_scale(head: Array) -> Array:
    """Log-scale of the affine map, bounded so that no conditional collapses to a point."""
    return jnp.clip(head, -7.0, 3.0)


@unrounded
def log_prob(
    member: Member,
    structure: Structure,
    rows: MixedRows,
    layout: Layout,
    *,
    dropout: Float[ArrayLike, ""] = 0.0,
    key: PRNGKeyArray | None = None,
) -> Float[Array, n]:
    """Log-probability in nats of each row: the mass of its cells and levels.

    The probabilities of all possible rows sum to one.
    """
    inputs = features(rows, layout)
    member = masked(member, layout)
    logits, heads = conditionals(member, inputs, layout, dropout=dropout, key=key)
    total = jnp.zeros(inputs.shape[1], inputs.dtype)
    if layout.levels:
        levels = inputs[layout.bends :]
        if structure.ruled.size:
            taken = forbidden_levels(structure, member, levels, layout)
            logits = logits.at[structure.ruled].add(-taken, unique_indices=True)
        belongs = jnp.asarray(layout.owner == jnp.arange(len(layout.levels))[:, None], logits.dtype)
        total += (levels * logits).sum(0) - jnp.log(belongs @ jnp.exp(logits)).sum(0)
        total += structure.log_unseen * (rows.codes < 0).sum(0)
    if layout.numbers:
        total += jnp.where(rows.present, log_cell_mass(rows, heads), 0.0).sum(0)
    return total


def log_cell_mass(rows: MixedRows, heads: Float[Array, "heads p n"]) -> Float[Array, "p n"]:
    """Log-mass of each number's cell under its conditional."""
    scale = log_scale(heads[1])
    points = jnp.stack([rows.low, rows.z, rows.high])
    points = (points - heads[0]) * jnp.exp(-scale)
    y, log_slope = spline.forward(points, heads[2:, None])
    density = -0.5 * y[1] ** 2 - 0.5 * jnp.log(2.0 * jnp.pi) + log_slope[1] - scale
    # narrow before the map, else its edges are exact enough; and after it, else density varies
    narrow = (rows.log_width < jnp.log(NARROW)) & (y[2] - y[0] < NARROW)
    wide = log_normal_mass(jnp.where(narrow, -1.0, y[0]), jnp.where(narrow, 1.0, y[2]))
    return jnp.where(narrow, density + rows.log_width, wide)


def log_normal_mass(low: Array, high: Array) -> Array:
    """log(Phi(high) - Phi(low)) for low < high, exact in either tail."""
    flip = low + high > 0.0
    a = jnp.clip(jnp.where(flip, -high, low), -30.0, 30.0)
    b = jnp.clip(jnp.where(flip, -low, high), -30.0, 30.0)
    upper = log_ndtr(b)
    gap = jnp.minimum(log_ndtr(a) - upper, -8.0 * float(np.finfo(a.dtype).eps))
    return upper + jnp.log(-jnp.expm1(gap))
