"""Values with their uncertainty: the shape every measured number of an audit has.

All intervals are 95 % and two-sided.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measured value, its 95 % interval and the number of rows behind it.

    An empty comparison has `value`, `low` and `high` None and `n` 0; it is never written as 0.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeasured:
    """Why a measure has no number. Not measured is never the same as safe."""

    reason: str


EMPTY = Estimate(value=None, low=None, high=None, n=0)
