"""Who is exposed: rows by number, subgroups by level, never a person's values."""

from typing import Any

from ..evidence.exposure import FLOOR, Exposure, Subgroup, Worst
from ..intervals import Estimate, NotMeasured
from .figures import count, interval, number, percent, sentence, strip

SHOWN = 20  # subgroups in the open; the rest fold away


def exposure(found: Exposure | NotMeasured, *, unit: str | None) -> dict[str, Any]:
    """The lists of people, and the table of subgroups."""
    if isinstance(found, NotMeasured):
        return {"reason": sentence(found.reason)}
    rows = [_subgroup(group) for group in found.subgroups]
    smaller = found.smaller
    if smaller is not None:
        rows.insert(
            0, _subgroup(smaller, name=f"in one of {found.n_smaller:,} groups below {FLOOR}")
        )
    return {
        "lists": [listed(worst) for worst in found.worst],
        "groups": rows[:SHOWN],
        "others": rows[SHOWN:],
        "columns": ", ".join(found.columns),
        "most": found.most,
        "floor": FLOOR,
        "attack": found.attack,
        "unit": "row" if unit is None else "patient",
        "source": found.source,
    }


def listed(worst: Worst) -> dict[str, Any]:
    """One attack's most suspicious people."""
    return {
        "attack": worst.attack,
        "ahead": count(worst.n_ahead),
        "n": count(worst.n),
        "controls": count(worst.n_controls),
        "rows": [
            (_numbers(person.rows), number(person.score + 0.0), _p(person.p, worst.n_controls))
            for person in worst.people
        ],
    }


def _numbers(rows: tuple[int, ...], most: int = 6) -> str:
    shown = ", ".join(str(row) for row in rows[:most])
    return shown if len(rows) <= most else f"{shown} and {len(rows) - most} more"


def _p(p: float, controls: int) -> str:
    """A share of controls; below 1 in n + 1 no n controls can say."""
    return f"≤ {percent(p, 2)}" if p <= 1 / (controls + 1) else percent(p, 2)


def _subgroup(group: Subgroup, *, name: str = "") -> dict[str, Any]:
    levels = " and ".join(
        f"{column} = {level}" for column, level in zip(group.columns, group.levels, strict=True)
    )
    return {
        "name": name or levels,
        "n": f"{count(group.n_train)} / {count(group.n_holdout)}",
        "auc": number(group.auc.value),
        "interval": interval(group.auc),
        "strip": strip(group.auc, low=0.0, high=1.0, reference=0.5),
        "controls": "the subgroup’s" if group.controls == "subgroup" else "all",
        "found": _share(group.found),
        "worst": percent(group.worst, 2),
        "alarm": group.auc.low is not None and group.auc.low > 0.5,
    }


def _share(estimate: Estimate) -> tuple[str, str]:
    """Value, and its interval for the line below."""
    return percent(estimate.value), interval(estimate, as_percent=True)
