"""What is done with rows that stay in classes smaller than k."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .search import row_classes, unit_sizes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suppressed:
    """Rows to drop, and cells to set to missing.

    Attributes:
        rows: (n,) bool.
        cells: (n, q) bool; none in a dropped row.
    """

    rows: NDArray[np.bool_]
    cells: NDArray[np.bool_]


def small_rows(
    codes: Sequence[NDArray[np.int64]], units: NDArray[np.int64] | None, k: int
) -> NDArray[np.bool_]:
    """(n,) rows in classes smaller than k."""
    index = row_classes(codes)
    sizes = unit_sizes(index, units, np.ones(len(index), np.int64))
    small: NDArray[np.bool_] = sizes[index] < k
    return small


def drop_rows(
    codes: Sequence[NDArray[np.int64]], units: NDArray[np.int64] | None, k: int
) -> Suppressed:
    """Drop every row in a small class; the others keep their classes."""
    rows = small_rows(codes, units, k)
    return Suppressed(rows=rows, cells=np.zeros((len(rows), len(codes)), np.bool_))


def blank_cells(
    codes: Sequence[NDArray[np.int64]],
    missing: Sequence[int],
    units: NDArray[np.int64] | None,
    k: int,
) -> Suppressed:
    """Set cells to missing in rows of small classes, one column after the other.

    The column with most groups among those rows goes first. A row is left alone as soon as its
    class is large enough, and no class that is large enough loses a row. What is still in a small
    class with every cell missing is dropped.

    Args:
        codes: Per column, (n,) groups.
        missing: Per column, the group that stands for missing.
        units: (n,) patients; may be None.
        k: Smallest class wanted.
    """
    current = [code.copy() for code in codes]
    small = small_rows(current, units, k)
    cells = np.zeros((len(small), len(codes)), np.bool_)
    order = sorted(range(len(codes)), key=lambda j: -len(np.unique(codes[j][small])))
    for j in order:
        cells[small, j] = current[j][small] != missing[j]
        current[j][small] = missing[j]
        small &= small_rows(current, units, k)
    cells[small] = False
    return Suppressed(rows=small, cells=cells)
