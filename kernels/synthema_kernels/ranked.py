"""Ranked: a table of integers with every column sorted once. Matches: what `count_matching` finds.

Like `rows` and `contract` these know no compiler.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What `count_matching` finds.

    Attributes:
        count: (m,) int64, rows that satisfy each condition.
        rows: (m, keep) int64, the rows that do, ascending, where they are at most `keep`; else -1.
    """

    count: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """A table of n rows and d integer columns, ready to be searched.

    Attributes:
        ranks: (n, d) int32; any integers, for instance places in the order of a column's values.
        order: (d, n) int64, rows in ascending order of each column.
        ascending: (d, n) int32, each column in that order.
    """

    ranks: NDArray[np.int32]
    order: NDArray[np.int64]
    ascending: NDArray[np.int32]

    @classmethod
    def of(cls, ranks: ArrayLike) -> "Ranked":
        """Sort every column once.

        Raises:
            TypeError: If `ranks` does not hold integers.
            ValueError: If it has not two axes.
        """
        array = np.asarray(ranks)
        if array.dtype.kind not in "iu":
            raise TypeError(
                f"ranks: expected integers, got {array.dtype}. Number the values of each column."
            )
        if array.ndim != 2:
            raise ValueError(f"ranks: expected shape (rows, columns), got {array.ndim} axes")
        array = np.ascontiguousarray(array, np.int32)
        order = np.argsort(array, axis=0, kind="stable").T
        ascending = np.take_along_axis(array.T, order, axis=1)
        return cls(array, np.ascontiguousarray(order, np.int64), np.ascontiguousarray(ascending))

    def __len__(self) -> int:
        return len(self.ranks)
