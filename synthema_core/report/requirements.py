"""The regulator's map: which source asks for what, and which section answers it, or why none does.

It quotes what was measured and passes no judgement: whether a requirement is met is for the people
who answer for the release.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..auditing import Audit
from ..intervals import NotMeasured
from ..privacy.membership import Membership
from .attacks import FAMILIES, named
from .figures import interval, number, sentence

TITLES = {family.key: family.title for family in FAMILIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one section says to a requirement.

    Attributes:
        anchor: Section of the page.
        title: Its name.
        text: Figure with interval, what was declared, or why there is none.
        gap: Whether it is not measured or not declared.
    """

    anchor: str
    title: str
    text: str
    gap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One demand of one source."""

    source: str
    asks: str
    answers: tuple[Answer, ...]


Asked = Callable[[Audit], Iterator[Answer]]


def requirements(audit: Audit) -> list[Requirement]:
    """Every requirement, with its answers."""
    return [
        Requirement(source=source, asks=asks, answers=tuple(answers(audit)))
        for source, asks, answers in MAP
    ]


def _family(key: str) -> Asked:
    def answer(audit: Audit) -> Iterator[Answer]:
        found = getattr(audit.evidence, key)
        title = TITLES[key]
        if isinstance(found, NotMeasured):
            yield _gap(key, title, found.reason)
            return
        worst = found.worst
        if worst is None:
            yield _gap(key, title, "no attack could be compared with its control")
            return
        yield Answer(
            anchor=key,
            title=title,
            text=(
                f"risk {number(worst.risk.value)} (corrected 95% interval {interval(worst.risk)}), "
                f"the worst of {worst.tried} attacks: {named(worst)}."
            ),
        )

    return answer


def _membership(audit: Audit) -> Iterator[Answer]:
    found = audit.membership
    if not isinstance(found, Membership):
        yield _gap("membership", "Membership", found.reason)
        return
    text = f"AUC {number(found.auc.value)} (95% interval {interval(found.auc)}); 0.5 is guessing."
    others = audit.evidence.membership
    if not isinstance(others, NotMeasured):
        judged = others.verdict
        text = (
            f"by distance, {text} Of {len(judged.attacks)} attacks ‘{judged.strongest}’ stands out "
            f"most, corrected p-value {number(judged.p_value)}."
        )
    yield Answer(anchor="membership", title="Membership", text=text)


def _exposed(audit: Audit) -> Iterator[Answer]:
    found = audit.evidence.exposure
    if isinstance(found, NotMeasured):
        yield _gap("exposure", "Who is exposed", found.reason)
        return
    yield Answer(
        anchor="exposure",
        title="Who is exposed",
        text=f"{len(found.subgroups)} rare subgroups and the most exposed people of "
        f"{len(found.worst)} attacks.",
    )


def _epsilon(audit: Audit) -> Iterator[Answer]:
    found = audit.evidence.epsilon
    if isinstance(found, NotMeasured):
        yield _gap("epsilon", "Privacy loss", found.reason)
        return
    claim = "none claimed" if found.claimed is None else f"claimed {found.claimed:g}"
    bound = max(found.by_guesses, found.by_rates)
    text = f"every ε below {number(bound)} is refuted; {claim}."
    yield Answer(anchor="epsilon", title="Privacy loss", text=text)


def _identity(audit: Audit) -> Iterator[Answer]:
    found = audit.evidence.identity
    title = "Identity disclosure"
    if isinstance(found, NotMeasured):
        yield _gap("identity", title, found.reason)
        return
    risk, line = found.match.risk, audit.context.threshold
    text = (
        f"matched and learned {number(risk.value, 4)} (95% interval {number(risk.low, 4)} to "
        f"{number(risk.high, 4)}), against {line:g}; assumed: {found.match.assumed}."
    )
    yield Answer(anchor="identity", title=title, text=text)


def _classes(audit: Audit) -> Iterator[Answer]:
    found = audit.evidence.classes
    if isinstance(found, NotMeasured):
        yield _gap("classes", "Class sizes", found.reason)
        return
    risk = found.train.risk
    yield Answer(
        anchor="classes",
        title="Class sizes",
        text=(
            f"of the training rows themselves: prosecutor risk up to "
            f"{number(risk.prosecutor.maximum)}, {number(risk.prosecutor.average.value)} on "
            f"average, against {risk.threshold:g}. That is the risk of a release of the real rows."
        ),
    )


def _declared(*names: str) -> Asked:
    def answer(audit: Audit) -> Iterator[Answer]:
        for name in names:
            text = getattr(audit.context, name)
            yield Answer(
                anchor="context",
                title=name.capitalize(),
                text=sentence(text) if text else "Not declared.",
                gap=not text,
            )

    return answer


def _threshold(audit: Audit) -> Iterator[Answer]:
    yield Answer(
        anchor="context",
        title="Threshold",
        text=f"{audit.context.threshold:g}, as declared.",
    )


def _fidelity(audit: Audit) -> Iterator[Answer]:
    shapes, pairs = number(audit.shapes.mean), number(audit.pairs.mean_error)
    text = f"mean error of columns {shapes}, of pairs {pairs}."
    yield Answer(anchor="columns", title="Fidelity", text=text)


def _weights(audit: Audit) -> Iterator[Answer]:
    found = audit.model
    title = "The model file"
    if isinstance(found, NotMeasured):
        yield _gap("model", title, found.reason)
        return
    if isinstance(found.membership, NotMeasured):
        yield _gap("model", title, found.membership.reason)
        return
    auc, gap = found.membership.auc, found.gap
    yield Answer(
        anchor="model",
        title=title,
        text=(
            f"membership by its density: AUC {number(auc.value)} (95% interval {interval(auc)}); "
            f"gap {number(gap.value)} nats ({interval(gap)})."
        ),
    )
    if not isinstance(found.extraction, NotMeasured):
        told = sum(
            attack.risk.low is not None and attack.risk.low > 0 for attack in found.extraction
        )
        text = (
            f"in {told} of {len(found.extraction)} columns it lists values of training patients "
            "beyond chance."
        )
        yield Answer(anchor="model", title="Values the file lists", text=text)


def _provenance(audit: Audit) -> Iterator[Answer]:
    made = audit.provenance
    text = f"{made.created}, seed {made.seed}, content digests of every table, versions."
    yield Answer(anchor="provenance", title="How to repeat this", text=text)


def _gap(anchor: str, title: str, reason: str) -> Answer:
    return Answer(anchor=anchor, title=title, text=f"Not measured: {reason}.", gap=True)


def _all(*asked: Asked) -> Asked:
    def answer(audit: Audit) -> Iterator[Answer]:
        for one in asked:
            yield from one(audit)

    return answer


WP29 = "Article 29 Working Party, Opinion 05/2014 (WP216)"
EDPB = "EDPB, Opinion 28/2024"
EMA = "EMA Policy 0070; Health Canada PRCI"
ICO = "ICO (United Kingdom), guidance on identifiability"
EHDS = "EHDS, Regulation (EU) 2025/327, art. 66 and rec. 77"

MAP: tuple[tuple[str, str, Asked], ...] = (
    (WP29, "Can a person be singled out?", _all(_family("singling_out"), _membership, _exposed)),
    (WP29, "Can records of one person be linked?", _family("linkability")),
    (WP29, "Can something be inferred about a person?", _family("inference")),
    (WP29, "Is the residual risk assessed again over time?", _declared("review")),
    (
        EDPB,
        "Rows: how likely is it to obtain personal data by query, that is, from what the model "
        "puts out?",
        _all(_membership, _family("inference"), _family("reconstruction"), _epsilon),
    ),
    (EDPB, "Weights: how likely is it to extract personal data from the model itself?", _weights),
    (EDPB, "Are the tests documented?", _provenance),
    (
        EMA,
        "Identifiers and adversaries declared, risk of identity disclosure against 0.09, utility "
        "kept.",
        _all(_threshold, _declared("adversary"), _identity, _classes, _fidelity),
    ),
    (
        ICO,
        "Motivated intruder: who may get the data, what means are reasonably likely?",
        _all(_declared("recipients", "adversary", "auxiliary"), _membership),
    ),
    (
        EHDS,
        "Only non-personal data may leave the processing environment: purpose, access, and risks "
        "assessed by the state of the art.",
        _all(_declared("purpose", "access", "controls"), _membership, _exposed),
    ),
)
