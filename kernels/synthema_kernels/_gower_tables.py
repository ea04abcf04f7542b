"""Tables of `_gower_bytes`: how far from a query rows with each byte are, at least or at most."""

import math
from typing import Any

import numpy as np

from ._bytes_tile import ENTRIES, where_differ
from ._gower_codes import Book, Bytes, Numbers, code_digit
from ._gower_rows import Table
from ._jit import inlined, inner
from ._simd import add, converted, load, maximum, minimum, multiply, splat, store, subtract

LOOKED = 16  # entries that are written at once


@inner
def write_lower(
    queries: Table, i: int, book: Book, step: float, sums: Numbers, tables: Bytes
) -> None:
    """What a pool row with each byte is at least away from query i, in steps."""
    p = book.numbers.size
    sums[:] = 0.0
    for s in range(p):
        number, unit = queries.numeric[i, book.numbers[s]], splat(step * book.weight[s], LOOKED)
        hole = splat(np.uint8(book.hole[s]), LOOKED)
        for first in range(0, ENTRIES, LOOKED):
            digit = load(book.digit, s * ENTRIES + first, LOOKED)
            far = unit
            if math.isnan(number):
                far = where_differ(digit, hole, far)
            else:
                x, none = splat(number, LOOKED), splat(0.0, LOOKED)
                below = subtract(load(book.low, s * ENTRIES + first, LOOKED), x)
                above = subtract(x, load(book.high, s * ENTRIES + first, LOOKED))
                gap = multiply(maximum(maximum(below, above), none), unit)
                missing = subtract(far, where_differ(digit, hole, far))
                far = add(where_differ(digit, hole, gap), missing)
            _add_up(sums, book.group[s] * ENTRIES + first, far)
    for s in range(book.codes.size):
        digit1 = code_digit(queries.codes[i, book.codes[s]], book, s)
        code, unit = splat(np.uint8(digit1), LOOKED), splat(step * book.weight[p + s], LOOKED)
        for first in range(0, ENTRIES, LOOKED):
            digit = load(book.digit, (p + s) * ENTRIES + first, LOOKED)
            far = where_differ(digit, code, unit)
            _add_up(sums, book.group[p + s] * ENTRIES + first, far)
    most = splat(255.0, LOOKED)
    for at in range(0, sums.size, LOOKED):
        store(tables, at, converted(minimum(load(sums, at, LOOKED), most), "uint8"))


@inlined
def _add_up(sums: Numbers, at: int, more: Any) -> None:
    store(sums, at, add(load(sums, at, LOOKED), more))


@inner
def write_upper(
    queries: Table, i: int, book: Book, step: float, sums: Numbers, tables: Bytes
) -> None:
    """What a pool row with each byte is at most away from query i, in steps."""
    p = book.numbers.size
    sums[:] = 0.0
    for s in range(p):
        number, unit = queries.numeric[i, book.numbers[s]], step * book.weight[s]
        group, hole = book.group[s], book.hole[s]
        missing = math.isnan(number)
        for entry in range(ENTRIES):
            gap = max(number - book.low[s, entry], book.high[s, entry] - number)
            gap = 1.0 if missing else max(gap, 0.0)
            if book.digit[s, entry] == hole:
                gap = 1.0 - missing
            sums[group, entry] += unit * gap
    for s in range(book.codes.size):
        digit = code_digit(queries.codes[i, book.codes[s]], book, s)
        unit, group = step * book.weight[p + s], book.group[p + s]
        if book.hashed[s]:
            digit = ENTRIES  # equal low bits promise nothing
        for entry in range(ENTRIES):
            sums[group, entry] += unit * (book.digit[p + s, entry] != digit)
    for group in range(sums.shape[0]):
        for entry in range(ENTRIES):
            tables[group, entry] = np.uint8(np.int32(math.ceil(min(sums[group, entry], 255.0))))
