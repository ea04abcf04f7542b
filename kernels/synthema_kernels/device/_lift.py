"""Rows in float32, such that a cheap sum or a matrix product bounds their distance from below.

A row is lifted to words, gaps and an offset, and

    bound = max(0, shrink * (offset of row + words . words + sum over gaps) + offset of query)

does not exceed the distance, times a power of two (`Scale.step`): every rounding is paid for, in
the offsets and in `shrink`. So a copy has bound exactly 0.

Without a product, a gap is min(|a - b|, cap) per column, or its square, weighted. A missing number
lies beyond all others, and the cap makes its gap 1. Codes are gaps too: whole numbers, capped at 1.

A product of squares expands them, for numbers alone: with h = 1 where a value is there, a = b = 0
elsewhere and w what a missing one costs against a value,

    sum of h h' (a - b)**2 + w (h (1 - h') + (1 - h) h')
        = sum of w h  +  sum of w h'  +  sum of (h (a**2 - w)) h' + h (h' (b**2 - w)) - 2 a b,

that is, two numbers per row and a product of rows of 3 words per column; of 1 if nothing is missing
and h = 1. It is quick, and blind where a distance is a millionth of the rows' own size.

A product beside gaps leaves |a - b| alone to the gaps, a = 0 where a number is missing, and takes

    sum of (1 - h) (h' (w - |b|)) + (h (w - |a|)) (1 - h') + sum of v - sum of v where codes match

from words: two per column of numbers, if any is missing, and one per level of each code.

Words are float32; or, where a card's matrix units take no such thing, sums of bfloat16: x is taken
for its upper half, 8 bits, and a lower one, which errs by 2**-18 |x|; of a product of halves the
two lower ones are left out, another 2**-18.

With u = 2**-24, the relative error of one operation in float32, and u (|a| + |b|) that of a gap:
gaps err by u (|a| + |b|) per column and 2 u times the sum per operation; squares by 2 d e + e**2
for an error e of d, less than d**2 / 64 + 65 e**2. A product errs by u times the sum of sizes,
2 (n + n') with n and n' the sums of a**2 + w, or of |a| + w and v, per operation; matrix units
truncate, and 4 u is their part (Fasi, Higham, Mikaitis and Pranesh (2021), PeerJ Computer Science
7:e330). The constants below are at least twice that.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from ..rows import Rows
from ._exact import Array, Columns

ROUNDING = 2.0**-24
HALVES = 2.0**-15  # of a product of halves: twice three or four times 2**-18
TINY = 2.0**-100  # pays for subnormal float32, which are flushed to zero
REACH = 2.0**20  # numbers farther out, in ranges of the bulk of a column, are drawn in
CODE_BITS = 0xFFFFFF  # whole numbers that a float32 holds; other codes only come closer
UNROLL = 64  # columns that are added up before anything is written: all of most tables'
SAMPLE = 1024  # rows of the pool that tell how its columns lie
FEWEST_FOR_PRODUCT = 8  # columns; the gaps of fewer cost less than the blindness of a product
DEPTH = 32  # words of halves come by so many: what a card's matrix units take, or a multiple


class Form(NamedTuple):
    """What is compiled into a program.

    Attributes:
        squares: Gaps are squared.
        holed: Numbers may be missing.
        product: What can be a product is one.
        halves: Words are bfloat16.
        levels: With a product, how many codes from -1 on each column has; the pool has no others.
    """

    squares: bool
    holed: bool
    product: bool = False
    halves: bool = False
    levels: tuple[int, ...] = ()

    @property
    def capped(self) -> bool:
        """A gap of numbers may exceed its cap."""
        return self.holed and not self.product

    def words(self, p: int) -> int:
        """Words of a row of p numbers, before any are added to fill up."""
        if not self.product:
            return 0
        both, one = (3, 2) if self.halves else (1, 1)
        return p * (both * self.squares + 2 * one * self.holed) + sum(self.levels)

    def width(self, p: int) -> int:
        """The same, filled up."""
        words = self.words(p)
        return -(-words // DEPTH) * DEPTH if self.halves else words

    def gaps(self, p: int, q: int) -> int:
        """Gaps of a row of p numbers and q codes."""
        if not self.product:
            return p + q
        return 0 if self.squares else p


class Lifted(NamedTuple):
    """Rows as bounds need them, along the last axes of each."""

    words: Array
    gaps: Array
    offset: Array


class Scale(NamedTuple):
    """How a table is lifted.

    Attributes:
        middle: (p,) centre of each numeric column.
        reach: (p,) largest distance from it that counts.
        factor: (p,) times a number: a word or a gap.
        hole: (p,) the gap of a missing number.
        cap: (columns of gaps,) largest gap that counts.
        weight: (columns of gaps,) float32 factor of a gap.
        missing: (p,) what a missing number costs against a value, in bounds; 0 where none is.
        matches: (q,) what differing codes cost, in bounds.
        step: Bound per unit of distance (of `Measure.unit`); a power of two.
        shrink: See above.
        tiny: What an offset pays for subnormal numbers.
        own: What an offset pays per size of a number, or its square.
        base: What is added to that size, whatever the row.
        exact: The bound is the distance.
    """

    middle: Array
    reach: Array
    factor: Array
    hole: Array
    cap: Array
    weight: Array
    missing: Array
    matches: Array
    step: Array
    shrink: Array
    tiny: Array
    own: Array
    base: Array
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
        missing = np.where(holed, w, 0.0) * (unit**2 if form.squares else unit)
        if form.squares:
            largest, factor = (w * width**2).sum() + missing.sum(), np.sqrt(w)
        else:
            largest, factor = (w * width).sum() + v.sum() + missing.sum(), w
        exponent = -math.frexp(largest or 1.0)[1]
        if form.squares:
            exponent += exponent % 2  # a square of a power of two
        step = math.ldexp(1.0, exponent)
        factor = factor * (math.ldexp(1.0, exponent // 2) if form.squares else step)
        missing, matches = missing * step, v * step
        cap = np.sqrt(missing) if form.squares else missing
        reach, capped = width * REACH, holed & form.capped
        words, gaps = form.words(p), form.gaps(p, q)
        exact = p == 0 and _whole(weights) and pool.codes.max(initial=0) < CODE_BITS
        shrink, base = 1.0, 0.0
        if form.product:
            own = ((16 if form.halves else 4) * (words + gaps) + 64) * ROUNDING
            own += HALVES if form.halves else 0.0
            base = missing.sum() + matches.sum()
        elif form.squares:
            shrink, own = 1 - 2.0**-6 - 4 * (gaps + 8) * ROUNDING, 260 * ROUNDING**2
        else:
            shrink, own = 1 - 4 * (gaps + 8) * ROUNDING, 2 * ROUNDING
        return Scale(
            middle,
            reach,
            factor,
            np.zeros(p) if form.product else reach * factor + 2 * cap,
            np.concatenate([np.where(capped, cap, np.inf), np.ones(q)])[:gaps].astype("f4"),
            np.concatenate([np.ones(p), matches])[:gaps].astype("f4"),
            missing,
            matches,
            np.float64(step),
            np.float32(1.0 if exact else shrink),
            np.float64(0.0 if exact else TINY),
            np.float64(0.0 if exact else own),
            np.float64(base),
            np.bool_(exact),
        )


def _whole(weights: NDArray[np.float64]) -> bool:
    """Whether float32 sums of these weights are exact."""
    parts = weights * 1024
    return bool((parts == np.floor(parts)).all() and parts.sum() < CODE_BITS)


def lift(columns: Columns, scale: Scale, form: Form, *, is_pool: bool) -> Lifted:
    """Words (width, rows), gaps (columns, rows) and offsets (rows,) of one side."""
    x = columns.numeric
    there = ~jnp.isnan(x)
    side = (slice(None), jnp.newaxis)
    inside = jnp.clip(x - scale.middle[side], -scale.reach[side], scale.reach[side])
    number = jnp.where(there, inside * scale.factor[side], 0.0).astype(jnp.float32)
    size = jnp.abs(number.astype(jnp.float64))
    missing = jnp.where(there, scale.missing[side], 0.0)
    cost = scale.own * ((size * size if form.squares else size).sum(axis=0) + scale.base)
    cost += scale.tiny
    offset, words, gaps = jnp.zeros(x.shape[1]), [], [number[:0]]
    if form.squares and form.product:
        words.append(_Part(number if is_pool else -2 * number))
        rest = size * size
        if form.holed:
            offset = missing.sum(axis=0)
            rest = jnp.where(there, rest - missing, 0.0)
            words += _swapped(there, rest.astype(jnp.float32), is_pool=is_pool)
        else:
            offset = rest.sum(axis=0)
    elif form.product:
        gaps.append(number)
        if form.holed:
            rest = jnp.where(there, missing - size, 0.0).astype(jnp.float32)
            words += _swapped(~there, rest, is_pool=is_pool)
        words += _levels(columns.codes, scale, form, is_pool=is_pool)
        offset += jnp.sum(scale.matches) if is_pool else 0.0
    else:
        gaps.append(jnp.where(there, number, scale.hole[side].astype(jnp.float32)))
        gaps.append((columns.codes & CODE_BITS).astype(jnp.float32))
    return Lifted(
        _joined(words, form, x.shape[1], is_pool=is_pool),
        jnp.concatenate(gaps),
        (offset - cost).astype(jnp.float32),
    )


class _Part(NamedTuple):
    """Words of one side, and whether a bfloat16 holds them and those that they meet."""

    words: jax.Array
    short: bool = False
    meets_short: bool = False


def _swapped(mark: jax.Array, rest: jax.Array, *, is_pool: bool) -> list[_Part]:
    """Words whose product is mark . rest' + rest . mark'."""
    parts = [
        _Part(mark.astype(jnp.float32), short=True),
        _Part(rest, meets_short=True),
    ]
    return parts[::-1] if is_pool else parts


def _levels(codes: Array, scale: Scale, form: Form, *, is_pool: bool) -> list[_Part]:
    """Minus its weight where a column's codes match; the form has levels only for short weights."""
    parts = []
    for column, levels in enumerate(form.levels):
        match = jnp.arange(levels)[:, jnp.newaxis] == codes[column] + 1
        of_match = -scale.matches[column] if is_pool else 1.0
        words = jnp.where(match, of_match, 0.0).astype(jnp.float32)
        parts.append(_Part(words, short=True, meets_short=True))
    return parts


def _joined(parts: list[_Part], form: Form, rows: int, *, is_pool: bool) -> jax.Array:
    """The words of one side, as the other side's will meet them."""
    if not form.halves:
        return jnp.concatenate([jnp.zeros((0, rows), jnp.float32), *(p.words for p in parts)])
    halves = [jnp.zeros((0, rows), jnp.float32)]
    for part in parts:
        upper = lax.reduce_precision(part.words, exponent_bits=8, mantissa_bits=7)
        lower = part.words - upper
        if part.short:
            halves += [upper] if part.meets_short else [upper, upper]
        elif part.meets_short:
            halves += [upper, lower]
        else:
            halves += [upper, upper, lower] if is_pool else [upper, lower, upper]
    words = jnp.concatenate(halves).astype(jnp.bfloat16)
    return jnp.pad(words, ((0, -len(words) % DEPTH), (0, 0)))


def group_bounds(queries: Lifted, tile: Lifted, scale: Scale, form: Form) -> jax.Array:
    """Lowest bound per group of a tile and query, in plain XLA.

    Args:
        queries: Words (width, queries) and so on.
        tile: Words (width, rows of a group, groups) and so on.
        scale: The scale.
        form: The form.
    """
    size, groups = tile.offset.shape
    n = len(queries.offset)
    total = jnp.broadcast_to(tile.offset.reshape(-1, 1), (size * groups, n))
    words, gaps = (x.reshape(len(x), size * groups) for x in (tile.words, tile.gaps))
    if len(words):
        total += lax.dot_general(
            words,
            queries.words,
            (((0,), (0,)), ((), ())),
            precision=lax.Precision.HIGHEST,  # float32, not what a card takes for it
            preferred_element_type=jnp.float32,
        )
    if len(gaps):
        columns = queries.gaps, gaps, scale.cap, scale.weight
        total, _ = lax.scan(partial(_add_gap, form.squares), total, columns, unroll=UNROLL)
    least = total.reshape(size, groups, n).min(axis=0)
    return jnp.maximum(scale.shrink * least + queries.offset, 0.0)


def _add_gap(
    squares: bool,  # noqa: FBT001 (bound by partial)
    total: jax.Array,
    column: tuple[Any, ...],
) -> tuple[jax.Array, None]:
    a, b, cap, weight = column
    gap = jnp.minimum(jnp.abs(a - b[:, jnp.newaxis]), cap)
    return total + weight * (gap * gap if squares else gap), None
