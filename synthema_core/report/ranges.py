"""Names of values and of the bins between them, by kind of column."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np

DATES = ("date", "datetime")  # counted in days since 1970


def value(number: float, kind: str = "") -> str:
    """A value as a reader writes it; four digits are enough to place a bin."""
    if kind in DATES:
        return (date(1970, 1, 1) + timedelta(days=round(number))).isoformat()
    text = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    return text.replace("-", "−")


def ranges(edges: np.ndarray, kind: str) -> tuple[str, ...]:
    """Names of the k bins between k + 1 edges; the outer two are open.

    Bins with edges halfway between whole numbers are named by the whole numbers in them.
    """
    if len(edges) == 2:
        return ("all values",)
    if np.array_equal(edges % 1, np.full(len(edges), 0.5)):
        inner = [_whole(low + 0.5, high - 0.5, kind) for low, high in pairwise(edges[1:-1])]
        return (f"≤ {value(edges[1] - 0.5, kind)}", *inner, f"≥ {value(edges[-2] + 0.5, kind)}")
    inner = [f"{value(low, kind)} to {value(high, kind)}" for low, high in pairwise(edges[1:-1])]
    return (f"< {value(edges[1], kind)}", *inner, f"≥ {value(edges[-2], kind)}")


def _whole(low: float, high: float, kind: str) -> str:
    return value(low, kind) if low == high else f"{value(low, kind)} to {value(high, kind)}"
