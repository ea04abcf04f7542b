"""Factor analysis of mixed data: numbers and levels as points of one Euclidean space, and back.

A number counts as its standard score; a level as (indicator - share) / sqrt(share), so that a
column of levels weighs as much as a number does, and a rare level sets patients farther apart than
a common one. The axes are those of a singular value decomposition. They turn the space without
stretching it: with all of them the way back is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int32]

RANK = 1e-10  # an axis is kept if its singular value is above this share of the largest


@dataclass(frozen=True, slots=True, eq=False)
class Famd:
    """A fitted projection of p numbers and q discrete variables.

    Attributes:
        mean: (p,) of the training numbers, missing ones left out.
        spread: (p,) standard deviation of the numbers once missing ones are at the mean.
        share: (levels of all discrete variables,) share of the training rows.
        levels: (q,) number of levels of each discrete variable.
        axes: (p + levels, r) orthonormal, in falling order of variance.
        variance: (r,) variance of the training rows along each axis.
    """

    mean: Floats
    spread: Floats
    share: Floats
    levels: tuple[int, ...]
    axes: Floats
    variance: Floats

    @classmethod
    def fit(cls, numbers: Floats, codes: Codes, levels: Sequence[int]) -> Famd:
        """Fit to (p, n) numbers, NaN where missing, and (q, n) codes, -1 for none of the levels.

        Source: Pagès (2004), Revue de statistique appliquée 52, 93-111.
        """
        n = codes.shape[1]
        mean = np.array([row[~np.isnan(row)].mean() for row in numbers])
        filled = np.where(np.isnan(numbers), mean[:, None], numbers)
        spread = filled.std(axis=1)
        start = cls(
            mean=mean,
            spread=np.where(spread > 0, spread, 1.0),
            share=_indicators(codes, levels).sum(axis=0) / n,
            levels=tuple(levels),
            axes=np.eye(len(mean) + sum(levels)),
            variance=np.empty(0),
        )
        _, singular, axes = np.linalg.svd(start._standard(numbers, codes), full_matrices=False)
        kept = singular > RANK * singular.max(initial=0.0)
        singular, axes = singular[kept], axes[kept].T
        largest = np.abs(axes).argmax(axis=0)  # an axis has no direction of its own: fix one
        axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
        return cls(
            mean=start.mean,
            spread=start.spread,
            share=start.share,
            levels=start.levels,
            axes=np.ascontiguousarray(axes),
            variance=singular**2 / n,
        )

    def project(self, numbers: Floats, codes: Codes) -> Floats:
        """(n, r) coordinates; a missing number lies at the mean."""
        projected: Floats = self._standard(numbers, codes) @ self.axes
        return projected

    def invert(self, coordinates: Floats) -> tuple[Floats, list[Floats]]:
        """Undo `project`: (p, n) numbers, and for each discrete variable the weight of its levels.

        The weights, (n, levels), sum to one for each row; along fewer axes than all they may be
        below 0. A level without a training row weighs -infinity: it cannot be chosen.
        """
        p = len(self.mean)
        standard = coordinates @ self.axes.T
        numbers = (standard[:, :p] * self.spread + self.mean).T
        weights = standard[:, p:] * np.sqrt(self.share) + self.share
        weights[:, self.share == 0] = -np.inf
        return numbers, np.split(
            weights, np.cumsum(self.levels)[:-1], axis=1
        ) if self.levels else []

    def _standard(self, numbers: Floats, codes: Codes) -> Floats:
        """(n, p + levels) standard scores."""
        scores = ((numbers - self.mean[:, None]) / self.spread[:, None]).T
        scale = np.sqrt(np.where(self.share > 0, self.share, 1.0))
        indicators = (_indicators(codes, self.levels) - self.share) / scale
        return np.hstack([np.nan_to_num(scores, nan=0.0), indicators])


def _indicators(codes: Codes, levels: Sequence[int]) -> Floats:
    """(n, levels of all variables) 1 where a row has the level."""
    n = codes.shape[1]
    out = np.zeros((n, sum(levels)))
    start = np.cumsum([0, *levels])[:-1].astype(np.int64)
    column, row = np.nonzero(codes >= 0)
    out[row, start[column] + codes[column, row]] = 1.0
    return out
