"""Rows in float32, such that a cheap sum or a matrix product bounds their distance from below.

Both forms give  bound = max(0, shrink * (offset of the row + sum over words) + offset of the query)
and promise that it does not exceed the distance, times a power of two (`Scale.step`): every
rounding is paid for, in the offsets and in `shrink`. So a copy has bound exactly 0.

`gaps` adds min(|a - b|, cap) per column, or its square, weighted. A missing number lies beyond all
others, and the cap makes its gap 1. Codes are such columns too: whole numbers, capped at 1.

`product` expands squares, for numbers alone: with h = 1 where a value is there, a = b = 0 elsewhere
and w what a missing one costs against a value,

    sum of h h' (a - b)**2 + w (h (1 - h') + (1 - h) h')
        = sum of w h  +  sum of w h'  +  sum of (h (a**2 - w)) h' + h (h' (b**2 - w)) - 2 a b,

that is, two numbers per row and a product of rows of 3 words per column; of 1 if nothing is missing
and h = 1. It is quick, and blind where a distance is a millionth of the rows' own size.

With u = 2**-24, the relative error of one operation in float32, and u (|a| + |b|) that of a gap:
`gaps` errs by u (|a| + |b|) per column and 2 u times the sum per operation; squares by 2 d e + e**2
for an error e of d, less than d**2 / 64 + 65 e**2. `product` errs by u times the sum of sizes,
2 (n + n'), per operation, n and n' the sums of a**2 + w. The constants below are twice that.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from ..rows import Rows
from ._exact import Array, Columns

ROUNDING = 2.0**-24
TINY = 2.0**-100  # pays for subnormal float32, which are flushed to zero
REACH = 2.0**20  # numbers farther out, in ranges of the bulk of a column, are drawn in
CODE_BITS = 0xFFFFFF  # whole numbers that a float32 holds; other codes only come closer
UNROLL = 64  # columns that are added up before anything is written: all of most tables'
SAMPLE = 1024  # rows of the pool that tell how its columns lie
FEWEST_FOR_PRODUCT = 8  # columns; the gaps of fewer cost less than the blindness of a product


class Form(NamedTuple):
    """What is compiled into a program."""

    product: bool
    squares: bool
    holed: bool


class Scale(NamedTuple):
    """How a table is lifted.

    Attributes:
        middle: (p,) centre of each numeric column.
        reach: (p,) largest distance from it that counts.
        factor: (p,) times a number: a word.
        hole: (p,) the word of a missing number.
        cap: (p + q,) largest gap of words that counts.
        weight: (p + q,) float32 factor of a gap of words.
        missing: (p,) what a missing number costs against a value, in bounds.
        step: Bound per unit of distance (of `Measure.unit`); a power of two.
        shrink: See above.
        tiny: What an offset pays for subnormal numbers.
        own: (p,) what an offset pays per word's size, or its square.
        exact: The bound is the distance.
    """

    middle: Array
    reach: Array
    factor: Array
    hole: Array
    cap: Array
    weight: Array
    missing: Array
    step: Array
    shrink: Array
    tiny: Array
    own: Array
    exact: Array

    @staticmethod
    def of(
        pool: Rows,
        holed: NDArray[np.bool_],
        weights: NDArray[np.float64],
        unit: float,
        form: Form,
    ) -> "Scale":
        """From a sample of the pool; any scale is right, this one is sharp for the bulk.

        Args:
            pool: The rows.
            holed: (p,) whether a number of the column may be missing, in the pool or a query.
            weights: (p + q,) of the columns.
            unit: What one is on the scale that the numbers will have; a power of two.
            form: The form.
        """
        p, q = pool.numeric.shape[1], pool.codes.shape[1]
        sample = np.sort(pool.numeric[:: 1 + len(pool) // SAMPLE] * unit, axis=0)  # NaN sorts last
        last = np.maximum(np.isfinite(sample).sum(axis=0) - 1, 0)
        column = np.arange(p)
        low, high = (np.nan_to_num(sample[at, column]) for at in (last // 20, last - last // 20))
        middle, width = low / 2 + high / 2, high - low
        width = np.where(width > 0, width, width.max(initial=0.0) or unit)
        w, v = weights[:p], weights[p:] * unit
        if form.squares:
            missing = w * unit**2
            largest, factor = (w * width**2).sum() + missing[holed].sum(), np.sqrt(w)
        else:
            missing = w * unit
            largest, factor = (w * width).sum() + v.sum() + missing[holed].sum(), w
        exponent = -math.frexp(largest or 1.0)[1]
        if form.squares:
            exponent += exponent % 2  # a square of a power of two
        step = math.ldexp(1.0, exponent)
        factor = factor * (math.ldexp(1.0, exponent // 2) if form.squares else step)
        missing = missing * step
        cap = np.sqrt(missing) if form.squares else missing
        reach = width * REACH
        operations = p + q + 8
        if form.product:
            shrink, own = 1.0, (4 * (3 if form.holed else 1) * p + 64) * ROUNDING
        elif form.squares:
            shrink, own = 1 - 2.0**-6 - 4 * operations * ROUNDING, 260 * ROUNDING**2
        else:
            shrink, own = 1 - 4 * operations * ROUNDING, 2 * ROUNDING
        exact = p == 0 and _whole(weights) and pool.codes.max(initial=0) < CODE_BITS
        return Scale(
            middle,
            reach,
            factor,
            reach * factor + 2 * cap,
            np.concatenate([np.where(holed, cap, np.inf), np.ones(q)]).astype("f4"),
            np.concatenate([np.ones(p), v * step]).astype("f4"),
            missing,
            np.float64(step),
            np.float32(1.0 if exact else shrink),
            np.float64(0.0 if exact else TINY),
            np.float64(own),
            np.bool_(exact),
        )


def _whole(weights: NDArray[np.float64]) -> bool:
    """Whether float32 sums of these weights are exact."""
    parts = weights * 1024
    return bool((parts == np.floor(parts)).all() and parts.sum() < CODE_BITS)


def lift(columns: Columns, scale: Scale, form: Form, *, is_pool: bool) -> tuple[Array, Array]:
    """Words (width, rows) float32 and offsets (rows,) float32 of one side."""
    x = columns.numeric
    there = ~jnp.isnan(x)
    side = (slice(None), jnp.newaxis)
    inside = jnp.clip(x - scale.middle[side], -scale.reach[side], scale.reach[side])
    words = jnp.where(there, inside * scale.factor[side], 0.0).astype(jnp.float32)
    size = jnp.abs(words.astype(jnp.float64))
    if form.product:
        return _lift_product(words, there, size, scale, form, is_pool=is_pool)
    cost = scale.own * (size * size if form.squares else size).sum(axis=0) + scale.tiny
    words = jnp.where(there, words, scale.hole[side].astype(jnp.float32))
    codes = (columns.codes & CODE_BITS).astype(jnp.float32)
    return jnp.concatenate([words, codes]), (-cost).astype(jnp.float32)


def _lift_product(
    words: jax.Array, there: jax.Array, size: jax.Array, scale: Scale, form: Form, *, is_pool: bool
) -> tuple[Array, Array]:
    square, missing = size * size, scale.missing[:, jnp.newaxis]
    if form.holed:
        offset = jnp.where(there, missing, 0.0).sum(axis=0)
        cost = scale.own * (square + missing).sum(axis=0) + scale.tiny
        mask = there.astype(jnp.float32)
        rest = jnp.where(there, square - missing, 0.0).astype(jnp.float32)
        parts = [words, rest, mask] if is_pool else [-2 * words, mask, rest]
        return jnp.concatenate(parts), (offset - cost).astype(jnp.float32)
    offset = (1 - scale.own) * square.sum(axis=0) - scale.tiny
    return (words if is_pool else -2 * words), offset.astype(jnp.float32)


def group_bounds(
    queries: Array, words: Array, offset: Array, scale: Scale, form: Form, size: int
) -> jax.Array:
    """Lowest `offset of the row + sum over words` per group of rows and query, of one tile."""
    if form.product:
        total = lax.dot_general(
            words,
            queries,
            (((0,), (0,)), ((), ())),
            precision=lax.Precision.HIGHEST,  # float32, not what a card takes for it
            preferred_element_type=jnp.float32,
        )
        total += offset[:, jnp.newaxis]
    else:
        total = jnp.broadcast_to(offset[:, jnp.newaxis], (len(offset), queries.shape[1]))
        columns = queries, words, scale.cap, scale.weight
        total, _ = lax.scan(partial(_add_gap, form.squares), total, columns, unroll=UNROLL)
    return total.reshape(-1, size, total.shape[1]).min(axis=1)


def _add_gap(
    squares: bool,  # noqa: FBT001 (bound by partial)
    total: jax.Array,
    column: tuple[Array, ...],
) -> tuple[jax.Array, None]:
    a, b, cap, weight = column
    gap = jnp.minimum(jnp.abs(a - b[:, jnp.newaxis]), cap)
    return total + weight * (gap * gap if squares else gap), None
