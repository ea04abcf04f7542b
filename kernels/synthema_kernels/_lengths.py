"""How long rows are in a frame of `_panels`: in pairs, the longest one decides about the unit."""

import math

import numpy as np
from numba import prange

from ._jit import kernel
from ._panels import Floats, Frame, Ranges, _clipped, chosen, ranges_of
from ._simd import load, multiply, multiply_add, splat, subtract, total


def longest(rows: Floats, frame: Frame) -> float:
    """Distance of the farthest row, clipped, from the middle of all columns."""
    squares = np.zeros(64)
    _lengthen(chosen(rows, frame), ranges_of(frame._replace(scale=frame.root)), squares)
    return math.sqrt(float(squares.max()))


@kernel
def _lengthen(rows: Floats, ranges: Ranges, squares: Floats) -> None:
    n, width = rows.shape
    whole = width - width % 8
    low, high, middle, scale, hole = ranges
    for part in prange(squares.size):
        for i in range(n * part // squares.size, n * (part + 1) // squares.size):
            square = splat(0.0, 8)
            for c in range(0, whole, 8):
                near = _clipped(load(rows, i * width + c, 8), low, high, hole, c)
                z = multiply(subtract(near, load(middle, c, 8)), load(scale, c, 8))
                square = multiply_add(z, z, square)
            square1 = total(square)
            for c in range(whole, width):
                x1 = hole[c] if math.isnan(rows[i, c]) else rows[i, c]
                z1 = (min(max(x1, low[c]), high[c]) - middle[c]) * scale[c]
                square1 += z1 * z1
            squares[part] = max(squares[part], square1)
