"""Do a person's own values turn up in the synthetic table more often than they should?

A generator that hands out recorded values, as resampled marginals and trees do, betrays who was in
the training table even where no synthetic row is close to anybody: each exact laboratory value that
only members have is a small witness, and a record has dozens.
"""

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

Floats = NDArray[np.float64]

PRIOR = 0.5  # rows' worth of belief that synthetic values are as frequent as real ones
SOURCE = (
    "Sum over columns of the log of how often the person's value occurs among synthetic rows, over "
    "how often it occurs among the other real people (Homer et al. 2008, PLoS Genet. 4, e1000167, "
    "as the likelihood ratio of Sankararaman et al. 2009, Nat. Genet. 41, 965-967, for any kind of "
    "column)."
)


def values(people: Rows, synthetic: Rows) -> Floats:
    """Log-ratio of the frequencies of each person's values, summed over columns.

    A value is what it is to the last bit; missing is a value. The person itself is left out of the
    real frequencies, for members and controls alike.

    Args:
        people: (N, p) and (N, q) members and controls, N >= 1.
        synthetic: (s, p) and (s, q), s >= 1.

    Returns:
        (N,) scores, higher is more suspicious.
    """
    total = np.zeros(len(people))
    for part in ("numeric", "codes"):
        real, made = getattr(people, part), getattr(synthetic, part)
        for column in range(real.shape[1]):
            total += _column(real[:, column], made[:, column])
    return total


def _column(
    real: NDArray[np.float64] | NDArray[np.int32], made: NDArray[np.float64] | NDArray[np.int32]
) -> Floats:
    n = len(real)
    levels, at = np.unique(np.concatenate([real, made]), return_inverse=True)  # one NaN
    k, ours, theirs = len(levels), at[:n], at[n:]
    others = np.bincount(ours, minlength=k)[ours] - 1
    seen = np.bincount(theirs, minlength=k)[ours]
    # Krichevsky and Trofimov's estimate: half a row for every level
    expected = len(made) * (others + 0.5) / (n - 1 + 0.5 * k)
    ratio: Floats = np.log((seen + PRIOR) / (expected + PRIOR))
    return ratio
