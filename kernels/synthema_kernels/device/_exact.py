"""Distances in float64 and in the definition's order, of a few candidates or of all pairs.

Two habits of XLA would change bits. It flushes subnormal numbers to zero; `neighbors` keeps them
out. And it may contract a product and a sum into one operation with one rounding, whatever lies
between them in the program, except what it cannot see through: `_rounded`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from ._lists import Best

Array: TypeAlias = Any  # of the host on its way to the devices, or of the devices

UNROLL = 8  # columns a pass over the matrix: more cost compilation, fewer cost memory traffic


class Columns(NamedTuple):
    """Rows as columns: numeric (p, ...) in units of `Measure.unit`, codes (q, ...)."""

    numeric: Array
    codes: Array


class Measure(NamedTuple):
    """The terms of the distance, as numbers that the compiler does not know.

    Attributes:
        weights: (p,) factor of each numeric column.
        code_weights: (q,) factor of each column of codes, times `unit`.
        unit: What one is on the scale of the numbers; a power of two.
        zero: An integer.
    """

    weights: Array
    code_weights: Array
    unit: Array
    zero: Array


def distances(
    queries: Columns,
    pool: Columns,
    pick: Callable[[Array], jax.Array],
    shape: tuple[int, ...],
    measure: Measure,
    *,
    squares: bool,
) -> jax.Array:
    """Distances in units of `Measure.unit`.

    Args:
        queries: Columns that broadcast to the shape.
        pool: Columns in any shape.
        pick: From one column of the pool, the rows to measure; broadcast to the shape.
        shape: Of the answer.
        measure: The weights.
        squares: Add squares of gaps.
    """

    def add_gap(total: jax.Array, column: tuple[Array, ...]) -> tuple[jax.Array, None]:
        a, b, weight = column[0], pick(column[1]), column[2]
        gap = jnp.abs(a - b)
        if_missing = jnp.where(jnp.isnan(a) != jnp.isnan(b), measure.unit, 0.0)
        gap = jnp.where(jnp.isnan(gap), if_missing, gap)
        if squares:
            gap = _rounded(gap * gap, measure.zero)
        return total + _rounded(weight * gap, measure.zero), None

    def add_code(total: jax.Array, column: tuple[Array, ...]) -> tuple[jax.Array, None]:
        a, b, weight = column[0], pick(column[1]), column[2]
        return total + jnp.where(a != b, weight, 0.0), None

    numbers = queries.numeric, pool.numeric, measure.weights
    codes = queries.codes, pool.codes, measure.code_weights
    total, _ = lax.scan(add_gap, jnp.zeros(shape), numbers, unroll=UNROLL)
    differing, _ = lax.scan(add_code, jnp.zeros(shape), codes, unroll=UNROLL)
    return total + differing


def _rounded(product: jax.Array, zero: Array) -> jax.Array:
    """The product as a float64: the sum it goes into cannot swallow its rounding."""
    bits = lax.bitcast_convert_type(product, jnp.int64) ^ zero
    return lax.bitcast_convert_type(bits, jnp.float64)


def search(
    queries: Columns,
    own: Array,
    pool: Columns,
    first: Array,
    m: Array,
    measure: Measure,
    *,
    k: int,
    tile: int,
    squares: bool,
) -> Best:
    """The k closest rows, by measuring all pairs: slow, and never at a loss.

    A block of queries visits one tile after the other: the closest rows move from the matrix of
    that pair to the running answer, one per query and pass, until no query has a row left that is
    close enough. After the first tiles that is a pass or two.

    Args:
        queries: Columns (p or q, queries).
        own: (queries,) row that is the query itself, or -1.
        pool: Columns (p or q, groups, rows of a group).
        first: Row number of the first.
        m: Rows of the whole pool; what lies behind is padding.
        measure: The weights.
        k: Rows per query.
        tile: Rows a tile.
        squares: Add squares of gaps.
    """
    _, groups, size = pool.numeric.shape
    shape = tile, len(own)

    def visit(best: Best, step: jax.Array) -> tuple[Best, None]:
        def pick(column: Array) -> jax.Array:
            part = lax.dynamic_slice_in_dim(column, step * (tile // size), tile // size)
            return part.reshape(tile, 1)

        distance = distances(queries, pool, pick, shape, measure, squares=squares)
        row = first + step * tile + jnp.arange(tile)[:, jnp.newaxis]
        return _move(best, jnp.where((row < m) & (row != own), distance, jnp.inf), row), None

    best, _ = lax.scan(visit, Best.empty(k, len(own)), jnp.arange(groups * size // tile))
    return best


def _move(best: Best, distance: jax.Array, row: jax.Array) -> Best:
    """Move rows from the matrix to the answer, one per query and pass, while one is closer."""

    def closer(state: tuple[Best, jax.Array, jax.Array]) -> jax.Array:
        best, _, closest = state
        return (closest < best.distance[-1]).any()  # strict: a tie keeps the lower index

    def move(state: tuple[Best, jax.Array, jax.Array]) -> tuple[Best, jax.Array, jax.Array]:
        best, distance, closest = state
        at = jnp.where(distance == closest, row, row[-1]).min(axis=0)  # lowest row of a tie
        distance = jnp.where(row == at, jnp.inf, distance)
        return _inserted(best, closest, at), distance, distance.min(axis=0)

    best, _, _ = lax.while_loop(closer, move, (best, distance, distance.min(axis=0)))
    return best


def _inserted(best: Best, distance: jax.Array, rows: jax.Array) -> Best:
    """One more row per query, behind its equals; one that is not closer than the last falls out."""
    stays = best.distance <= distance
    follows = jnp.roll(stays, 1, axis=0).at[0].set(True)

    def insert(old: jax.Array, new: jax.Array) -> jax.Array:
        return jnp.where(stays, old, jnp.where(follows, new, jnp.roll(old, 1, axis=0)))

    return Best(insert(best.distance, distance), insert(best.rows, rows))
