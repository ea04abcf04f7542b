"""The standard normal distribution; SciPy is loaded by the first call, never by `--help`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def ndtr(z: ArrayLike) -> NDArray[np.float64]:
    """Distribution function."""
    from scipy.special import ndtr as distribution

    return np.asarray(distribution(z))


def ndtri(u: ArrayLike) -> NDArray[np.float64]:
    """Its inverse; infinite at 0 and 1."""
    from scipy.special import ndtri as quantile

    return np.asarray(quantile(u))
