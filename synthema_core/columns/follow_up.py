"""Follow-up that ends on one calendar day: who came later is followed for less time.

Where a table says when a patient came, his time of censoring is nearly certain: what is left until
the end of follow-up. On the scale of time the two columns lie on a band too narrow for a smooth
conditional; counted back from the end, the time of censoring has one simple distribution, whenever
the patient came. No time of an event goes beyond the end either.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .pieces import decimals_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .number import Floats

    Bools = NDArray[np.bool_]

YEAR = 365.25
UNITS = (1.0, 7.0, YEAR / 12.0, YEAR)  # days in what a time may be counted in
SHARP = 0.5  # of the spread of times of censoring that is left on the calendar, at most
MIN_VALUES = 50  # times on a curve that this is judged by


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The end of follow-up, seen from each patient's entry.

    Attributes:
        column: When a patient came: a date or a calendar year.
        per: Units of the time in one unit of that column.
        end: The end of follow-up in units of the time, from where that column is 0.
        usual: What stands for a missing entry.
        decimals: Of the time.
        least: The least time: 0, or one unit of the last decimal if no time is 0.
    """

    column: str
    per: float
    end: float
    usual: float
    decimals: int
    least: float

    @classmethod
    def fit(cls, column: str, days: float, unit: float, times: Floats, entries: Floats) -> FollowUp:
        """Learn from (n,) training times and entries, NaN where one is missing.

        The end is rounded up to a whole month, so that it is no patient's own.

        Args:
            column: When patients came.
            days: Days in a unit of the entries.
            unit: Days in a unit of the times.
            times: Free training times.
            entries: Of the same patients.
        """
        per, month = days / unit, YEAR / 12.0 / unit
        end = np.ceil(np.nanmax(times + per * entries) / month) * month
        decimals = int(decimals_of(np.unique(times)).max())
        least = 10.0**-decimals if times.min() > 0 else 0.0
        return cls(column, per, float(end), float(np.nanmedian(entries)), decimals, least)

    def bounds(self, entries: Floats) -> Floats:
        """(n,) longest time that each patient can have been followed, at the time's decimals."""
        came = np.where(np.isnan(entries), self.usual, entries)
        unit = 10.0**self.decimals
        bounds: Floats = np.floor((self.end - self.per * came) * unit) / unit
        return bounds

    def left(self, times: Floats, bounds: Floats) -> Floats:
        """(n,) what is left of each bound after a time."""
        left: Floats = np.maximum(bounds - times, 0.0)
        return left.round(self.decimals)

    def times(self, left: Floats, bounds: Floats) -> Floats:
        """Undo `left`."""
        times: Floats = np.maximum(bounds - left, self.least)
        return times.round(self.decimals)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the constructor undoes it."""
        return asdict(self)


def find(
    times: Floats, curve: NDArray[np.int64], entries: Mapping[str, tuple[Floats, float]]
) -> tuple[FollowUp, tuple[int, ...]] | None:
    """The column that says when patients came, and the curves whose times it makes sharp.

    Args:
        times: (n,) free times.
        curve: (n,) curve of each.
        entries: (n,) values of the columns that may say it, and the days in a unit of each.
    """
    best: tuple[float, str, float] | None = None
    for name, (came, days) in entries.items():
        for unit in UNITS:
            ratio = min(_ratio(times[own], came[own], days / unit) for own in _curves(curve))
            if ratio <= SHARP and (best is None or ratio < best[0]):
                best = ratio, name, unit
    if best is None:
        return None
    _, name, unit = best
    came, days = entries[name]
    ratios = [_ratio(times[own], came[own], days / unit) for own in _curves(curve)]
    sharp = tuple(k for k, ratio in enumerate(ratios) if ratio <= SHARP)
    return FollowUp.fit(name, days, unit, times, came), sharp


def _curves(curve: NDArray[np.int64]) -> list[Bools]:
    return [curve == k for k in range(int(curve.max(initial=-1)) + 1)]


def _ratio(times: Floats, came: Floats, per: float) -> float:
    """Spread of the calendar days at which times end, over that of the times."""
    known = ~np.isnan(times + came)
    if known.sum() < MIN_VALUES:
        return np.inf
    spread = _spread(times[known])
    return _spread(times[known] + per * came[known]) / spread if spread > 0 else np.inf


def _spread(values: Floats) -> float:
    return float(np.abs(values - np.median(values)).mean())
