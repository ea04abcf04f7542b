"""A table as a flow sees it, and the variables it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns.curve import Cells


@dataclass(frozen=True, slots=True)
class FlowView:
    """What a flow sees of n rows: p numbers and q discrete variables, rows on the trailing axis.

    `codes` is (q, n), -1 where a level was never seen in training; each field of `cells` is (p, n);
    see `synthema_kernels.flows.MixedRows`.
    """

    codes: NDArray[np.int32]
    cells: Cells


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of the flow view.

    Attributes:
        numbers: Column of each numeric variable, one for each of its curves.
        discrete: Columns with a discrete variable: the levels of a discrete column, or the states
            of a numeric one.
        levels: Number of levels of each discrete variable.
        state: For each number the place of its states in `discrete`, -1 if it has none.
        status: For each number the place of its endpoint's status in `discrete`, -1 if it is no
            such time.
        admitted: For each number the levels of its status at which it exists; empty if at any.
    """

    numbers: tuple[str, ...]
    discrete: tuple[str, ...]
    levels: tuple[int, ...]
    state: tuple[int, ...]
    status: tuple[int, ...]
    admitted: tuple[tuple[int, ...], ...]

    def present(self, codes: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(p, n) which numbers exist in rows with these (q, n) codes."""
        out = np.ones((len(self.numbers), codes.shape[1]), np.bool_)
        for here, state, status, admitted in zip(
            out, self.state, self.status, self.admitted, strict=True
        ):
            if state >= 0:
                here &= codes[state] == 0
            if admitted:
                here &= np.isin(codes[status], admitted)
        return out
