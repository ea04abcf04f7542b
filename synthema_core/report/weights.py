"""The model file: what its weights say, apart from the rows it drew."""

from typing import Any

from ..evidence import Weights
from ..intervals import NotMeasured
from ..privacy.membership import Membership
from . import plots
from .attacks import above, row
from .belonging import figures as membership_figures
from .declared import epsilon
from .exposed import listed
from .figures import NONE, count, interval, number, percent, sentence

SHOWN = 12  # columns in the open; the rest fold away


def model(found: Weights | NotMeasured) -> dict[str, Any]:
    """Density, memory, copies, and the values that the file lists."""
    if isinstance(found, NotMeasured):
        return {"reason": sentence(found.reason)}
    facts = [
        ("Digest (SHA-256)", found.digest or "a fitted generator, not a file"),
        ("Numbers that training set", count(found.parameters)),
        ("Training rows recorded in the file", count(found.rows)),
    ]
    shown: dict[str, Any] = {
        "facts": facts,
        "copies": [
            _copies("Training rows among rows drawn", found, "copied_train"),
            _copies("Rows of people never seen among them (by chance)", found, "copied_holdout"),
        ],
        "queried": count(found.queried),
        "source": found.source,
    }
    if isinstance(found.membership, NotMeasured):
        return {**shown, "gap_reason": sentence(found.membership.reason)}
    attack, gap = found.membership, found.gap
    shown |= {
        "members": count(attack.n_members),
        "controls": count(attack.n_controls),
        "picture": plots.roc(
            [plots.Roc(attack.fpr, attack.tpr)],
            n_controls=attack.n_controls,
            key="model-roc",
            of="log-density",
        ),
        "figures": [
            *membership_figures(attack),
            (
                "Mean log-density, training minus never seen (nats)",
                number(gap.value),
                interval(gap),
                count(gap.n),
            ),
        ],
        "epsilon": epsilon(found.epsilon),
        "shadowed": _shadowed(found.shadowed),
    }
    if not isinstance(found.worst, NotMeasured):
        shown["worst"] = listed(found.worst)
    if not isinstance(found.extraction, NotMeasured):
        order = sorted(
            found.extraction, key=lambda a: -(a.risk.low if a.risk.low is not None else -9.0)
        )
        rows = [row(one) for one in order if one.risk.value is not None]
        shown |= {
            "columns": rows[:SHOWN],
            "others": rows[SHOWN:],
            "told": count(sum(map(above, found.extraction))),
            "of": count(len(found.extraction)),
            "extraction_source": found.extraction[0].source if found.extraction else "",
        }
    return shown


def _shadowed(found: tuple[Membership, ...] | NotMeasured) -> dict[str, Any]:
    if isinstance(found, NotMeasured):
        return {"reason": sentence(found.reason)}
    rows = [
        (
            attack.name,
            number(attack.auc.value),
            interval(attack.auc),
            f"{percent(attack.tpr_at_1.value)} ({interval(attack.tpr_at_1, as_percent=True)})",
            count(attack.auc.n),
        )
        for attack in found
    ]
    return {"rows": rows, "sources": [attack.source for attack in found]}


def _copies(name: str, found: Weights, field: str) -> tuple[str, ...]:
    share = getattr(found, field)
    if share.value is None:
        return (name, "not measured", NONE, count(share.n))
    return (name, percent(share.value), interval(share, as_percent=True), count(share.n))
