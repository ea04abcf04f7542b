"""How numbers are printed: with their interval and n, and a dash where there is none."""

import math
from datetime import UTC, datetime

from ..intervals import Estimate
from .ink import Inline

NONE = "–"
MONTHS = (  # not strftime's: those follow the locale of the machine
    "January February March April May June July August September October November December".split()
)


def number(value: float | None, digits: int = 3) -> str:
    """A plain decimal, or a dash if it is unknown."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.{digits}f}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage, or a dash if it is unknown."""
    return NONE if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f}%"


def count(value: int | None) -> str:
    """An integer with thousands separated."""
    return NONE if value is None else f"{value:,}"


def date(created: str) -> str:
    """A timestamp as people write it: 23 November 2026, 21:00 UTC."""
    try:
        moment = datetime.fromisoformat(created).astimezone(UTC)
    except ValueError:
        return created
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment:%Y, %H:%M} UTC"


def interval(estimate: Estimate, *, as_percent: bool = False) -> str:
    """The 95 % interval of an estimate, or a dash if it has none."""
    show = percent if as_percent else number
    if estimate.low is None or estimate.high is None:
        return NONE
    return f"{show(estimate.low)} to {show(estimate.high)}"


def sentence(reason: str) -> str:
    """A reason as a sentence of its own."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('. ')}."


def spoken(estimate: Estimate, *, as_percent: bool = False) -> str:
    """Value, interval and n in one phrase, for sentences."""
    show = percent if as_percent else number
    extent = interval(estimate, as_percent=as_percent)
    inside = f"95% interval {extent}, " if extent != NONE else ""
    return f"{show(estimate.value)} ({inside}n\u00a0=\u00a0{count(estimate.n)})"


def strip(estimate: Estimate, *, low: float, high: float, reference: float | None = None) -> Inline:
    """A line from `low` to `high`: the estimate a dot, its interval a bar, chance a tick."""
    if estimate.value is None:
        return Inline("")

    def at(value: float) -> float:
        return 5 + 130 * min(max((value - low) / (high - low), 0.0), 1.0)

    tick = ""
    if reference is not None:
        x = at(reference)
        tick = f'<line class="chance" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="16"/>'
    extent = ""
    if estimate.low is not None and estimate.high is not None:
        left, right = at(estimate.low), at(estimate.high)
        extent = f'<line class="extent" x1="{left:.1f}" x2="{right:.1f}" y1="9" y2="9"/>'
    return Inline(
        '<svg class="strip" viewBox="0 0 140 18" aria-hidden="true">'
        f'<line class="scale" x1="5" x2="135" y1="9" y2="9"/>{tick}{extent}'
        f'<circle cx="{at(estimate.value):.1f}" cy="9" r="2.7"/></svg>'
    )
