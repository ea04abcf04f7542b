"""What a column contributes to the rows that distances are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsView:
    """One of the two is set: (n,) numbers, NaN for missing, or (n,) codes, -1 for missing."""

    numeric: NDArray[np.float64] | None = None
    codes: NDArray[np.int32] | None = None
