"""Rows: a table as two arrays, and the rule for missing values.

Numeric columns are floats on a scale the caller fitted once (usually [0, 1] on the training table);
missing is NaN. Categorical columns are level numbers from 0; missing is -1. Everything is checked
here, once, so that kernels may assume a clean world. An error names the array and counts; it shows
no value.
"""

from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

MISSING_CODE = -1
LARGEST_CODE = np.iinfo(np.int32).max
LARGEST_NUMBER = 1e100  # sums of differences stay finite
AT_ONCE = 2**14  # numbers checked at once: the temporary array stays in the cache


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Rows:
    """A table of n rows with p numeric and q categorical columns.

    Attributes:
        numeric: (n, p) float64, missing is NaN.
        codes: (n, q) int32, missing is -1.

    Both are read-only views; an array that already had that type and C order is not copied.
    """

    numeric: NDArray[np.float64]
    codes: NDArray[np.int32]

    def __init__(self, *, numeric: ArrayLike | None = None, codes: ArrayLike | None = None) -> None:
        """Check both arrays and bring them to one type.

        Args:
            numeric: (n, p) float32 or float64; left out means p = 0.
            codes: (n, q) of any integer type, levels from 0 to 2**31 - 1; left out means q = 0.

        Raises:
            TypeError: If neither is given, or if one has another type.
            ValueError: If a shape, a number or a code breaks the contract.
        """
        if numeric is not None:
            numbers = _numbers(numeric)
            levels = np.empty((len(numbers), 0), np.int32) if codes is None else _levels(codes)
        elif codes is not None:
            levels = _levels(codes)
            numbers = np.empty((len(levels), 0))
        else:
            raise TypeError("Rows: expected numeric, codes or both, got neither")
        if len(numbers) != len(levels):
            raise ValueError(
                f"codes: expected {len(numbers)} rows as in numeric, got {len(levels)}"
            )
        object.__setattr__(self, "numeric", _read_only(numbers))
        object.__setattr__(self, "codes", _read_only(levels))

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.numeric)

    def __reduce__(self) -> tuple["partial[Rows]", tuple[()]]:
        """Pickle through the checks: a writable array would be compiled for a second time."""
        return partial(Rows, numeric=self.numeric, codes=self.codes), ()


def check_same_columns(*, queries: Rows, pool: Rows) -> None:
    """Refuse two tables that cannot be compared column by column."""
    for name, rows in (("queries", queries), ("pool", pool)):
        if not isinstance(rows, Rows):
            raise TypeError(
                f"{name}: expected Rows, got {type(rows).__name__}. "
                "Wrap the arrays: Rows(numeric=..., codes=...)."
            )
    for part in ("numeric", "codes"):
        expected, got = getattr(queries, part).shape[1], getattr(pool, part).shape[1]
        if got != expected:
            raise ValueError(f"pool.{part}: expected {expected} columns as in queries, got {got}")


def _numbers(numeric: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(numeric)
    _check_two_axes("numeric", array)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"numeric: expected float32 or float64, got {array.dtype}. "
            "Cast it with .astype(float), or pass it as codes."
        )
    wide = np.ascontiguousarray(array, np.float64)
    refused = count_beyond(array if array.flags.c_contiguous else wide, LARGEST_NUMBER)
    if refused:
        raise ValueError(
            f"numeric: expected finite values up to {LARGEST_NUMBER:g}, or NaN for missing, "
            f"got {refused} infinite or larger. Replace them by NaN, or scale the column."
        )
    return wide


def count_beyond(array: NDArray[np.floating], limit: float) -> int:
    """Numbers above the limit in absolute value; missing ones are not."""
    flat = array.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = float(np.einsum("i,i->", flat, flat))
    if squares < limit**2 / 2:  # quickly told, where nothing is missing
        return 0
    starts = range(0, flat.size, AT_ONCE)
    pieces = (np.abs(flat[i : i + AT_ONCE], dtype=np.float64) for i in starts)
    return sum(int(np.count_nonzero(piece > limit)) for piece in pieces)


def _levels(codes: ArrayLike) -> NDArray[np.int32]:
    array = np.asarray(codes)
    _check_two_axes("codes", array)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"codes: expected integers, got {array.dtype}. Number the levels from 0, missing is -1."
        )
    refused = np.count_nonzero((array < MISSING_CODE) | (array > LARGEST_CODE))
    if refused:
        raise ValueError(
            f"codes: expected levels from 0 to 2**31 - 1, or -1 for missing, "
            f"got {refused} outside. Number the levels from 0."
        )
    return np.ascontiguousarray(array, np.int32)


def _check_two_axes(name: str, array: NDArray[np.generic]) -> None:
    if array.ndim != 2:
        raise ValueError(f"{name}: expected shape (rows, columns), got {array.ndim} axes")


def _read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    view = array.view()
    view.flags.writeable = False
    return view
