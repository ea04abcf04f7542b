"""The attacks beyond the one by distance: what each asks, and its table of figures."""

from dataclasses import dataclass
from typing import Any

from ..evidence import Evidence
from ..intervals import Estimate, NotMeasured
from ..privacy.attack import Attack, Sweep
from .figures import count, interval, number, percent, sentence, strip

SHOWN = 12  # attacks of a family in the open; the rest fold away


@dataclass(frozen=True, slots=True)
class Family:
    """Attacks that ask the same question of different columns.

    Attributes:
        key: Field of `Evidence`, and the anchor on the page.
        title: Heading.
        asks: The question, for a reader who is no statistician.
        wins: What a success is.
    """

    key: str
    title: str
    asks: str
    wins: str


FAMILIES = (
    Family(
        "singling_out",
        "Singling out",
        "An adversary reads conditions off the synthetic table that one synthetic row alone meets, "
        "such as an age and a rare mutation. Does each point at one real person?",
        "exactly one person of the table meets the condition; conditions are counted, not people",
    ),
    Family(
        "linkability",
        "Linkability",
        "An adversary holds two lists: some columns of a person in one, the other columns in the "
        "other, without a common name. Does the synthetic table tell which lines belong together?",
        "both parts of a record lead to the same synthetic row",
    ),
    Family(
        "inference",
        "Inference",
        "An adversary knows part of a person’s record and wants one more column. Does the closest "
        "synthetic row give it away?",
        "the guess is right; a number counts as right within 5% of its column’s range",
    ),
    Family(
        "reconstruction",
        "Reconstruction",
        "An adversary knows nobody. Can he rebuild whole records from the synthetic table alone: "
        "its rows, the middles between close rows, points beyond them?",
        "a guess agrees with a person’s record on nearly all columns",
    ),
)


def families(evidence: Evidence) -> list[dict[str, Any]]:
    """Every family as the template shows it."""
    return [_shown(family, getattr(evidence, family.key)) for family in FAMILIES]


def measured(evidence: Evidence, key: str) -> tuple[Attack, ...]:
    """Attacks of a family that have a number, the one whose interval begins highest first."""
    found = getattr(evidence, key)
    if isinstance(found, NotMeasured):
        return ()
    some = (attack for attack in found.attacks if attack.risk.low is not None)
    return tuple(sorted(some, key=lambda attack: -(attack.risk.low or 0.0)))


def worst(evidence: Evidence, key: str) -> Attack | None:
    """The worst attack of a family, its interval corrected for having tried all."""
    found = getattr(evidence, key)
    return None if isinstance(found, NotMeasured) else found.worst


def above(attack: Attack) -> bool:
    """Whether the interval of the risk excludes 0."""
    return attack.risk.low is not None and attack.risk.low > 0


def _worst_of(tried: int) -> str:
    return "One attack" if tried == 1 else f"The worst of {count(tried)} attacks"


def _shown(family: Family, found: Sweep | NotMeasured) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": family.key,
        "title": family.title,
        "asks": family.asks,
        "wins": family.wins,
    }
    if isinstance(found, NotMeasured):
        return {**shown, "reason": sentence(found.reason)}
    attacks = found.attacks
    order = sorted(attacks, key=lambda a: -(a.risk.low if a.risk.low is not None else -9.0))
    told = found.worst is not None and above(found.worst)
    rows = [row(attack, red=told) for attack in order]
    says = "No attack could be compared with its control."
    if found.worst is not None:
        risk = found.worst.risk
        says = (
            f"{_worst_of(found.worst.tried)}: risk {number(risk.value)} "
            f"({interval(risk)}, widened so that the intervals of all of them hold at once): "
            f"{named(found.worst)}."
        )
    return {
        **shown,
        "rows": rows[:SHOWN],
        "others": rows[SHOWN:],
        "says": says,
        "alarm": told,
        "sources": list(dict.fromkeys(attack.source for attack in attacks)),
    }


def named(attack: Attack) -> str:
    """What it is after, and who is."""
    return f"{attack.target} ({attack.attacker})"


def row(attack: Attack, *, red: bool = True) -> dict[str, Any]:
    """One attack as a line of the table; red if its interval excludes 0, and `red` allows it."""
    return {
        "target": attack.target,
        "attacker": attack.attacker,
        "main": _share(attack.main),
        "control": _share(attack.control),
        "baseline": percent(attack.baseline),
        "risk": number(attack.risk.value) if attack.risk.value is not None else "not measured",
        "interval": interval(attack.risk),
        "strip": strip(attack.risk, low=-0.2, high=1.0, reference=0.0),
        "n": f"{count(attack.main.n)} / {count(attack.control.n)}",
        "detectable": number(attack.minimum_detectable_risk),
        "alarm": red and above(attack),
    }


def _share(estimate: Estimate) -> tuple[str, str]:
    """Value, and its interval for the line below."""
    return percent(estimate.value), interval(estimate, as_percent=True)
