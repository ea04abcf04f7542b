"""Bounds of groups in one pass on a card: a matrix of distances never leaves the registers.

A program of the grid has a block of queries and a tile of the pool, as many groups of it as the
block is tall. Row j of every group makes one small matrix with the queries: words of bfloat16 meet
in the card's matrix units, gaps are added up beside them, and of all j only the least is kept. So
the least of a group is found without a value crossing from one thread to another, and what is
written is a bound per group, a 32nd of the matrix.

In Pallas, for Triton; `_lift` says what words and gaps are, and has the same sum in plain XLA.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from ._exact import Array
from ._lift import DEPTH, Form, Lifted, Scale

HELD = 6 * DEPTH  # words of a query that are kept at hand: a card's shared memory is small
UNROLLED = 8  # columns of gaps between two turns of a loop


class Shape(NamedTuple):
    """How a program lies on a card.

    Attributes:
        groups: Groups of the pool that a program has, a divisor of those of a tile.
        queries: Queries that a program has, a divisor of those of a block.
        warps: Of 32 threads.
        stages: Steps whose words are on their way at once.
    """

    groups: int
    queries: int
    warps: int
    stages: int


def group_bounds(
    queries: Lifted, pool: Lifted, scale: Scale, form: Form, *, shape: Shape, interpret: bool
) -> jax.Array:
    """Lowest bound of each group and query: (tiles, groups of a tile, queries) float32.

    Args:
        queries: Words (width, queries) and so on.
        pool: Words (tiles, width, rows of a group, groups of a tile) and so on.
        scale: The scale.
        form: The form.
        shape: How the programs lie.
        interpret: Without a card, step by step.
    """
    width, n = queries.words.shape
    columns = len(queries.gaps)
    tiles, size, per_tile = pool.offset.shape
    tall, wide = min(shape.groups, per_tile), min(shape.queries, n)
    numbers = len(scale.factor) if columns else 0
    kernel = partial(_kernel, form=form, width=width, numbers=numbers, columns=columns)

    def rows(deep: int) -> pl.BlockSpec:
        return pl.BlockSpec((1, max(deep, 1), size, tall), lambda i, j, t: (t, 0, 0, j))

    def block(deep: int) -> pl.BlockSpec:
        return pl.BlockSpec((max(deep, 1), wide), lambda i, j, t: (0, i))

    whole = pl.BlockSpec((max(columns, 1),), lambda i, j, t: (0,))
    call = pl.pallas_call(
        kernel,
        grid=(n // wide, per_tile // tall, tiles),  # the first is quickest: a tile stays in cache
        in_specs=[
            block(width),
            block(columns),
            pl.BlockSpec((wide,), lambda i, j, t: (i,)),
            rows(width),
            rows(columns),
            pl.BlockSpec((1, size, tall), lambda i, j, t: (t, 0, j)),
            whole,
            whole,
            pl.BlockSpec((1,), lambda i, j, t: (0,)),
        ],
        out_specs=pl.BlockSpec((1, tall, wide), lambda i, j, t: (t, j, i)),
        out_shape=jax.ShapeDtypeStruct((tiles, per_tile, n), jnp.float32),
        compiler_params=triton.CompilerParams(num_warps=shape.warps, num_stages=shape.stages),
        interpret=interpret,
        name="group_bounds",
    )
    least: jax.Array = call(
        _some(queries.words, 0),
        _some(queries.gaps, 0),
        queries.offset,
        _some(pool.words, 1),
        _some(pool.gaps, 1),
        pool.offset,
        _some(scale.cap, 0),
        _some(scale.weight, 0),
        jnp.reshape(scale.shrink, 1),
    )
    return least


def _some(x: Array, axis: int) -> Array:
    """Not empty: Pallas has no blocks of nothing."""
    if x.shape[axis]:
        return x
    return jnp.zeros((*x.shape[:axis], 1, *x.shape[axis + 1 :]), x.dtype)


def _kernel(
    words: Any,
    gaps: Any,
    offset: Any,
    pool_words: Any,
    pool_gaps: Any,
    pool_offset: Any,
    cap: Any,
    weight: Any,
    shrink: Any,
    least: Any,
    *,
    form: Form,
    width: int,
    numbers: int,
    columns: int,
) -> None:
    steps = range(0, width, DEPTH) if width <= HELD else ()
    held = [words[at : at + DEPTH, :] for at in steps]

    def add_product(total: jax.Array, pool: jax.Array, queries: jax.Array) -> jax.Array:
        both = (((0,), (0,)), ((), ()))
        return total + lax.dot_general(pool, queries, both, preferred_element_type=jnp.float32)

    def add_step(j: jax.Array, step: jax.Array, total: jax.Array) -> jax.Array:
        part = pl.ds(step * DEPTH, DEPTH)
        return add_product(total, pool_words[0, part, j, :], words[part, :])

    def add_gap(total: jax.Array, j: Array, c: Any, *, differs: bool) -> jax.Array:
        a, b = gaps[c, :][jnp.newaxis, :], pool_gaps[0, c, j, :][:, jnp.newaxis]
        if differs:
            return total + jnp.where(a != b, weight[c], jnp.float32(0))
        gap = jnp.abs(a - b)
        if form.capped:
            gap = jnp.minimum(gap, cap[c])
        return total + (gap * gap if form.squares else gap)

    def add_gaps(total: jax.Array, j: Array, first: int, last: int, *, differs: bool) -> jax.Array:
        add = partial(add_gap, differs=differs)
        turns = (last - first) // UNROLLED

        def several(turn: jax.Array, total: jax.Array) -> jax.Array:
            for c in range(UNROLLED):
                total = add(total, j, first + turn * UNROLLED + c)
            return total

        if turns > 1:
            total = lax.fori_loop(jnp.int32(0), jnp.int32(turns), several, total)
            first += turns * UNROLLED
        for c in range(first, last):
            total = add(total, j, c)
        return total

    def visit(j: jax.Array, best: jax.Array) -> jax.Array:
        total = jnp.zeros_like(best)
        for at, part in zip(steps, held, strict=True):
            total = add_product(total, pool_words[0, at : at + DEPTH, j, :], part)
        if width > HELD:
            last = jnp.int32(width // DEPTH)
            total = lax.fori_loop(jnp.int32(0), last, partial(add_step, j), total)
        total = add_gaps(total, j, 0, numbers, differs=False)
        total = add_gaps(total, j, numbers, columns, differs=True)
        return jnp.minimum(best, total + pool_offset[0, j, :][:, jnp.newaxis])

    size, tall = pool_offset.shape[1:]
    best = jnp.full((tall, offset.shape[0]), jnp.inf, jnp.float32)
    best = lax.fori_loop(jnp.int32(0), jnp.int32(size), visit, best)
    least[0, :, :] = jnp.maximum(shrink[0] * best + offset[:][jnp.newaxis, :], jnp.float32(0))
