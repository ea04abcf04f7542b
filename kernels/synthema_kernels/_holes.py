"""Which columns of a table have missing numbers, in one pass over it."""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from ._jit import kernel
from ._simd import add, load, store, subtract

PARTS = 64  # of the rows


def with_holes(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Columns in which some number is missing."""
    nothing = np.zeros((PARTS, rows.shape[1]))
    _add_nothing(rows, nothing)
    missing: NDArray[np.bool_] = np.isnan(nothing.sum(axis=0))
    return missing


@kernel
def _add_nothing(rows: NDArray[np.float64], nothing: NDArray[np.float64]) -> None:
    """Zero for each column, or NaN where a number is missing."""
    n, width = rows.shape
    whole = width - width % 8
    for part in prange(PARTS):
        for i in range(n * part // PARTS, n * (part + 1) // PARTS):
            for c in range(0, whole, 8):
                x, at = load(rows, i * width + c, 8), part * width + c
                store(nothing, at, add(load(nothing, at, 8), subtract(x, x)))
            for c in range(whole, width):
                nothing[part, c] += rows[i, c] - rows[i, c]
