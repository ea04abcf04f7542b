"""Membership: the attack by distance on all rows, every other attack, and the verdict on all."""

from typing import Any

import numpy as np

from ..evidence import Belonging
from ..intervals import Estimate, NotMeasured
from ..privacy.membership import Membership
from . import plots
from .figures import NONE, count, interval, number, percent, sentence, strip

AT = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5)


def membership(
    measured: Membership | NotMeasured, others: Belonging | NotMeasured
) -> dict[str, Any]:
    """The attacks: their curves, their figures, their definitions."""
    if isinstance(measured, NotMeasured):
        return {"reason": sentence(measured.reason)}
    drawn = [("distance", measured)]
    judged: dict[str, Any] = {}
    if not isinstance(others, NotMeasured):
        judged = _judged(others)
        drawn += _strongest(others)
    rates = np.array([np.interp(AT, one.fpr, one.tpr) for _, one in drawn])
    looks = ("real", "synthetic dashed", "holdout")
    return {
        "members": count(measured.n_members),
        "controls": count(measured.n_controls),
        "synthetic": count(measured.n_synthetic),
        "legend": [
            *((look, name) for look, (name, _) in zip(looks, drawn, strict=False)),
            ("chance", "guessing"),
            ("shade", "too few controls to resolve"),
        ],
        "picture": plots.roc(
            [plots.Roc(one.fpr, one.tpr) for _, one in drawn],
            n_controls=measured.n_controls,
            key="roc",
        ),
        "head": ["False-positive rate", *(name for name, _ in drawn)],
        "rows": [
            (percent(x), *(percent(y) for y in column))
            for x, column in zip(AT, rates.T, strict=True)
        ],
        "table": figures(measured),
        "judged": judged,
        "source": measured.source,
    }


def figures(measured: Membership) -> list[tuple[str, ...]]:
    """The numbers of one attack."""
    detectable = number(measured.minimum_detectable_auc)
    return [
        _row("AUC (0.5 is guessing)", measured.auc),
        _row("Members found at 0.1% false positives", measured.tpr_at_01, as_percent=True),
        _row("Members found at 1% false positives", measured.tpr_at_1, as_percent=True),
        _row("Members found at 10% false positives", measured.tpr_at_10, as_percent=True),
        ("Smallest AUC that four such audits of five detect", detectable, NONE, NONE),
    ]


def _strongest(found: Belonging) -> list[tuple[str, Membership]]:
    """The combined attack, and the one that stands out most of the others."""
    combined = found.verdict.combined
    others = [a for a in found.attacks if a.name not in ("distance", combined.name)]
    chance = {one.name: one.p_value for one in found.verdict.attacks}
    best = min(others, key=lambda a: (chance[a.name], -(a.auc.value or 0.0)), default=None)
    shown = [(combined.name, combined)]
    return shown if best is None else [*shown, (best.name, best)]


def _judged(found: Belonging) -> dict[str, Any]:
    """All attacks in one table, the one with the smallest p-value first."""
    verdict = found.verdict
    alone = {a.name: a for a in (*found.attacks, verdict.combined)}
    rows = []
    for one in sorted(verdict.attacks, key=lambda a: (a.p_value, -(a.auc.value or 0.0))):
        attack = alone[one.name]
        rows.append(
            {
                "name": one.name,
                "auc": number(one.auc.value),
                "interval": interval(one.auc),
                "strip": strip(one.auc, low=0.4, high=1.0, reference=0.5),
                "rates": [_share(rate) for rate in (attack.tpr_at_01, attack.tpr_at_1)],
                "p": number(one.p_value),
                "n": f"{count(attack.n_members)} / {count(attack.n_controls)}",
                "alarm": one.p_value <= 0.05,
            }
        )
    says = (
        f"Of {len(verdict.attacks)} attacks ‘{verdict.strongest}’ stands out most: chance alone "
        f"does as well in {percent(verdict.p_value)} of audits, all attacks counted."
    )
    return {
        "says": says,
        "leak": verdict.leak,
        "rows": rows,
        "sources": [(attack.name, attack.source) for attack in (*found.attacks, verdict.combined)],
        "source": verdict.source,
    }


def _share(estimate: Estimate) -> tuple[str, str]:
    """Value, and its interval for the line below."""
    return percent(estimate.value), interval(estimate, as_percent=True)


def _row(name: str, estimate: Estimate, *, as_percent: bool = False) -> tuple[str, ...]:
    if estimate.value is None:
        return (name, "not measured", NONE, count(estimate.n))
    value = percent(estimate.value) if as_percent else number(estimate.value)
    return (name, value, interval(estimate, as_percent=as_percent), count(estimate.n))
