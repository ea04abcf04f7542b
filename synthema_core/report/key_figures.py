"""The table under the summary: one line per number to quote, evidence first."""

from dataclasses import dataclass

from ..auditing import Audit
from ..intervals import Estimate, NotMeasured
from .attacks import FAMILIES, named, worst
from .figures import NONE, count, interval, number, percent, sentence, strip
from .ink import Inline
from .sections import curve_name


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """One line of the table."""

    kind: str  # evidence, descriptive, fidelity or validity
    name: str
    anchor: str
    value: str
    reading: str
    interval: str = NONE
    n: str = NONE
    strip: Inline = Inline("")  # noqa: RUF009 - an immutable string


def key_figures(audit: Audit) -> list[KeyFigure]:
    """Every number to quote, with interval, n and how to read it."""
    return [
        *_evidence(audit),
        *_attacks(audit),
        *_descriptive(audit),
        *_fidelity(audit),
        _validity(audit),
    ]


def _evidence(audit: Audit) -> list[KeyFigure]:
    attack = audit.membership
    if isinstance(attack, NotMeasured):
        reason = f"{sentence(attack.reason)} No sign of low risk."
        gap = KeyFigure(
            kind="evidence",
            name="Membership",
            anchor="membership",
            value="not measured",
            reading=reason,
        )
        return [gap]
    shares = ((1, attack.tpr_at_1), (10, attack.tpr_at_10))
    return [
        _figure(
            "evidence",
            "membership",
            "Membership, AUC",
            attack.auc,
            "0.5 is guessing, 1 the worst",
            reference=0.5,
            bottom=0.4,
        ),
        *(
            _figure(
                "evidence",
                "membership",
                f"Members found at {rate}% false positives",
                found,
                f"{rate}% is guessing, 100% the worst",
                reference=rate / 100,
                share=True,
            )
            for rate, found in shares
        ),
    ]


def _attacks(audit: Audit) -> list[KeyFigure]:
    """The worst of each family, and the bound on the privacy loss."""
    rows = []
    others = audit.evidence.membership
    if not isinstance(others, NotMeasured):
        judged = others.verdict
        best = next(one for one in judged.attacks if one.name == judged.strongest)
        reading = (
            f"{best.name}; of {len(judged.attacks)} attacks; corrected p {number(judged.p_value)}"
        )
        rows.append(
            _figure(
                "evidence",
                "membership",
                "Strongest membership attack, AUC",
                best.auc,
                reading,
                reference=0.5,
                bottom=0.4,
            )
        )
    if not isinstance(audit.model, NotMeasured):
        attack = audit.model.membership
        if not isinstance(attack, NotMeasured):
            rows.append(
                _figure(
                    "evidence",
                    "model",
                    "Model file, AUC by density",
                    attack.auc,
                    "0.5 is guessing, 1 the worst",
                    reference=0.5,
                    bottom=0.4,
                )
            )
    for family in FAMILIES:
        found = getattr(audit.evidence, family.key)
        highest = worst(audit.evidence, family.key)
        name = f"{family.title}, worst attack"
        if highest is None:
            reason = found.reason if isinstance(found, NotMeasured) else "Nothing to compare."
            rows.append(
                KeyFigure(
                    kind="evidence",
                    name=name,
                    anchor=family.key,
                    value="not measured",
                    reading=sentence(reason),
                )
            )
            continue
        reading = f"0 is none, 1 the worst; {named(highest)}; corrected for {highest.tried} attacks"
        rows.append(
            _figure(
                "evidence",
                family.key,
                name,
                highest.risk,
                reading,
                reference=0.0,
                bottom=-0.2,
            )
        )
    bound = audit.evidence.epsilon
    if not isinstance(bound, NotMeasured):
        claim = "no ε was claimed" if bound.claimed is None else f"claimed: {bound.claimed:g}"
        rows.append(
            KeyFigure(
                kind="evidence",
                name="Privacy loss ε, at least",
                anchor="epsilon",
                value=number(max(bound.by_guesses, bound.by_rates)),
                n=count(bound.n_members + bound.n_controls),
                reading=f"95% lower bound; {claim}",
            )
        )
    return rows


def _descriptive(audit: Audit) -> list[KeyFigure]:
    far = audit.distances
    chance = far.copied_holdout
    beside = "no holdout to compare with"
    if chance.value is not None:
        extent = interval(chance, as_percent=True)
        beside = (
            f"holdout rows: {percent(chance.value)} ({extent}, n\u00a0=\u00a0{count(chance.n)})"
        )
    closer = far.share_closer_to_train
    return [
        _figure(
            "descriptive",
            "distances",
            "Training rows copied",
            far.copied_train,
            beside,
            reference=chance.value,
            share=True,
        ),
        _figure(
            "descriptive",
            "distances",
            "Share closer to training",
            closer,
            "0.5 if both are equally close, 1 the worst",
            reference=0.5,
            bottom=0.4,
        ),
    ]


def _fidelity(audit: Audit) -> list[KeyFigure]:
    shapes, pairs, detection = audit.shapes, audit.pairs, audit.detection
    rows = [
        KeyFigure(
            kind="fidelity",
            name="Single columns, mean error",
            anchor="columns",
            value=number(shapes.mean),
            n=f"{len(shapes.columns)} columns",
            reading=_baseline(shapes.baseline),
        ),
        KeyFigure(
            kind="fidelity",
            name="Pairs of columns, mean error",
            anchor="pairs",
            value=number(pairs.mean_error),
            n=f"{len(pairs.names)} columns",
            reading=_baseline(pairs.baseline),
        ),
    ]
    if isinstance(detection, NotMeasured):
        gap = KeyFigure(
            kind="fidelity",
            name="Classifier test, AUC",
            anchor="detection",
            value="not measured",
            reading=sentence(detection.reason),
        )
        rows.append(gap)
    else:
        reading = "0.5 cannot be told apart, 1 always"
        rows.append(
            _figure(
                "fidelity",
                "detection",
                "Classifier test, AUC",
                detection.auc,
                reading,
                reference=0.5,
                bottom=0.4,
            )
        )
    rows += [
        _figure(
            "fidelity",
            "survival",
            f"Survival distance, {curve_name(curve)}",
            curve.distance,
            _baseline(curve.baseline),
            reference=curve.baseline,
            top=0.2,
        )
        for curve in audit.survival
    ]
    return rows


def _validity(audit: Audit) -> KeyFigure:
    found = audit.validity
    return KeyFigure(
        kind="validity",
        name="Rows that break a rule",
        anchor="validity",
        value=count(found.n_violating_rows),
        n=count(found.n_rows),
        reading="complete count; 0 is none",
    )


def _figure(
    kind: str,
    anchor: str,
    name: str,
    found: Estimate,
    reading: str,
    *,
    reference: float | None,
    share: bool = False,
    bottom: float = 0.0,
    top: float = 1.0,
) -> KeyFigure:
    value = percent(found.value) if share else number(found.value)
    return KeyFigure(
        kind=kind,
        name=name,
        anchor=anchor,
        value="not measured" if found.value is None else value,
        interval=interval(found, as_percent=share),
        n=count(found.n),
        reading=reading,
        strip=strip(found, low=bottom, high=top, reference=reference),
    )


def _baseline(value: float | None) -> str:
    if value is None:
        return "0 is equal; no second real table to compare with"
    return f"two tables of real patients: {number(value)}"
