"""The first screen, in sentences: what was asked, against whom, what was found, what was not.

It states risk, adversary, control and interval. It passes no verdict on release: people do.
"""

from dataclasses import dataclass

from ..auditing import Audit
from ..intervals import Estimate, NotMeasured
from ..privacy.membership import Membership
from .attacks import FAMILIES, Family, above, named, worst
from .figures import count, number, percent, sentence, spoken

OTHERS = (
    ("membership", "Other membership attacks"),
    ("identity", "Identity disclosure"),
    ("epsilon", "Privacy loss"),
    ("exposure", "Who is exposed"),
    ("classes", "Class sizes"),
    ("avatars", "Avatars"),
)
PERFECT = 0.995  # from here on an attack separates practically every member from every outsider


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding: its kind, the sentence, and whether a reader must not overlook it."""

    kind: str
    text: str
    alarm: bool = False


def simulated(audit: Audit) -> bool:
    """Whether the rows called real come from a simulator; the page then says so at its top."""
    return any("simulated" in text.lower() for text in (audit.schema_name, *audit.warnings))


def asked(audit: Audit) -> str:
    """The question of the audit."""
    made = audit.provenance
    return (
        f"Does this table of {count(made.n_synthetic)} synthetic rows reveal who was among the "
        f"{count(made.n_train)} patients it was made from? And does it look like them: each "
        "column, each pair of columns, survival, and the rules of the schema?"
    )


def against(audit: Audit) -> str:
    """The adversary and the control group."""
    adversary = _declared_adversary(audit) + (
        "An adversary who holds a person’s complete record and the synthetic table, and calls that "
        "person a member of the training table if some synthetic row lies close to the record. "
    )
    if audit.provenance.n_holdout == 0:
        return adversary + "There is no control group: no holdout table was given."
    return adversary + (
        f"Control group: {count(audit.provenance.n_holdout)} patients of the holdout table, whom "
        "the generator is declared never to have seen."
    )


def _declared_adversary(audit: Audit) -> str:
    declared = audit.context.adversary
    return f"Declared: {sentence(declared)} Measured: " if declared else ""


def found(audit: Audit) -> list[Finding]:
    """What was measured, most serious kind first."""
    findings = []
    if isinstance(audit.membership, Membership):
        findings += _together(audit)
        findings += _membership(audit.membership)
    else:
        text = (
            "Whether the table betrays its patients was not measured: no attack could be compared "
            "with people never seen. This is no sign of low risk."
        )
        findings.append(Finding(kind="evidence", text=text, alarm=True))
    for family in FAMILIES:
        findings += _family(audit, family)
    findings += _identity(audit)
    findings += _claim(audit)
    findings += _copies(audit)
    findings += _fidelity(audit)
    broken = audit.validity.n_violating_rows
    rows = count(audit.validity.n_rows)
    text = f"{count(broken)} of {rows} synthetic rows break a rule of the schema."
    findings.append(Finding(kind="validity", text=text, alarm=broken > 0))
    return findings


def not_measured(audit: Audit) -> list[tuple[str, str]]:
    """What has no number here, each with the reason."""
    gaps = []
    if not isinstance(audit.membership, Membership):
        gaps.append(("Membership", sentence(audit.membership.reason)))
    elif audit.membership.auc.value is None:
        gaps.append(("Membership", "The comparison is empty."))
    if isinstance(audit.detection, NotMeasured):
        gaps.append(("Classifier test", sentence(audit.detection.reason)))
    if not audit.survival:
        gaps.append(("Survival", "The schema declares no time-to-event endpoint."))
    if audit.pairs.mean_error is None:
        gaps.append(("Association", "No pair of columns has one in both tables."))
    gaps += _unmeasured(audit)
    found = audit.evidence.membership
    if not isinstance(found, NotMeasured) and found.flows is not None:
        gaps.append(("Membership by flows and shadow flows", sentence(found.flows.reason)))
    if isinstance(audit.model, NotMeasured):
        gaps.append(("The model file", sentence(audit.model.reason)))
    return gaps


def _membership(measured: Membership) -> list[Finding]:
    auc, found_at_1 = measured.auc, measured.tpr_at_1
    if auc.value is None:
        return []
    extent = spoken(auc)
    if auc.value >= PERFECT:
        text = (
            "This table betrays its patients. The adversary tells practically every training "
            f"patient from people never seen: AUC {extent}, where 0.5 is guessing and 1.0 is the "
            "worst possible."
        )
    elif _above(auc, 0.5):
        text = (
            f"The table leaks who was in the training data: AUC {extent}, better than guessing, "
            "which is 0.5."
        )
    elif auc.high is not None and auc.high < 0.5:
        text = (
            f"The attack did worse than guessing: AUC {extent}. Train and holdout may come from "
            "different populations; check how they were split before quoting this number."
        )
    else:
        text = (
            f"By distance alone, the attack did no better than guessing: AUC {extent}, where 0.5 "
            "is guessing. Tables of this size reveal an AUC of "
            f"{number(measured.minimum_detectable_auc)} in four "
            "audits out of five; a weaker leak can go unnoticed."
        )
    findings = [Finding(kind="evidence", text=text, alarm=_above(auc, 0.5))]
    if found_at_1.value is not None:
        text = (
            "With 1% of outsiders wrongly accused, it finds "
            f"{spoken(found_at_1, as_percent=True)} of the training patients; guessing finds 1%."
        )
        alarm = _above(found_at_1, 0.01)
        findings.append(Finding(kind="evidence", text=text, alarm=alarm))
    return findings


def _unmeasured(audit: Audit) -> list[tuple[str, str]]:
    """Evidence without a number; one line for several with one reason."""
    by_reason: dict[str, list[str]] = {}
    names = [*((f.key, f.title) for f in FAMILIES), *OTHERS]
    for key, title in names:
        value = getattr(audit.evidence, key)
        if isinstance(value, NotMeasured):
            by_reason.setdefault(value.reason, []).append(title)
    return [(", ".join(titles), sentence(reason)) for reason, titles in by_reason.items()]


def _family(audit: Audit, family: Family) -> list[Finding]:
    one = worst(audit.evidence, family.key)
    if one is None:
        return []
    tried = (
        f"of {one.tried} attacks the worst, whose interval begins highest,"
        if one.tried > 1
        else "the one attack"
    )
    told = above(one)
    says = (
        "training patients fare worse than people never seen"
        if told
        else "no attack is shown to do better on training patients than on people never seen"
    )
    text = f"{family.title}: {says}; {tried} is ‘{named(one)}’ with a risk of {spoken(one.risk)}."
    return [Finding(kind="evidence", text=text, alarm=told)]


def _identity(audit: Audit) -> list[Finding]:
    found = audit.evidence.identity
    if isinstance(found, NotMeasured):
        return []
    risk, line = found.match.risk, audit.context.threshold
    high = (risk.value or 0.0) > line
    text = (
        f"Identity disclosure: the risk of being matched and learned about is {spoken(risk)}, "
        f"{'above' if high else 'not above'} {line:g}, assuming that {found.match.assumed}."
    )
    return [Finding(kind="descriptive", text=text, alarm=high)]


def _claim(audit: Audit) -> list[Finding]:
    bound = audit.evidence.epsilon
    if isinstance(bound, NotMeasured) or bound.claimed is None:
        return []
    least = number(max(bound.by_guesses, bound.by_rates))
    if bound.refuted:
        text = f"The claimed ε = {bound.claimed:g} fails: the attack refutes all below {least}."
    else:
        text = (
            f"The claimed ε = {bound.claimed:g} is not refuted: the attack refutes what is below "
            f"{least}. That confirms nothing."
        )
    return [Finding(kind="evidence", text=text, alarm=bool(bound.refuted))]


def _together(audit: Audit) -> list[Finding]:
    """The verdict on all membership attacks, and the model file's own."""
    findings = []
    found = audit.evidence.membership
    if not isinstance(found, NotMeasured):
        judged = found.verdict
        best = next(one for one in judged.attacks if one.name == judged.strongest)
        text = (
            f"Of {len(judged.attacks)} membership attacks ‘{best.name}’ stands out most: AUC "
            f"{spoken(best.auc)}, and if nothing leaked, some attack would do as well in "
            f"{percent(judged.p_value)} of audits."
        )
        findings.append(Finding(kind="evidence", text=text, alarm=judged.leak))
    if not isinstance(audit.model, NotMeasured):
        attack = audit.model.membership
        if not isinstance(attack, NotMeasured) and attack.auc.value is not None:
            text = (
                "Who holds the model file tells training patients from people never seen by their "
                f"density with AUC {spoken(attack.auc)}; 0.5 is guessing."
            )
            findings.append(Finding(kind="evidence", text=text, alarm=_above(attack.auc, 0.5)))
    return findings


def _copies(audit: Audit) -> list[Finding]:
    copied, chance = audit.distances.copied_train, audit.distances.copied_holdout
    if copied.value is None:
        return []
    if copied.value == 1:
        text = f"All {count(copied.n)} training rows appear unchanged in the synthetic table"
    elif copied.value == 0:
        text = f"None of {count(copied.n)} training rows appears unchanged in the synthetic table"
    else:
        text = (
            f"{spoken(copied, as_percent=True)} of the training rows appear unchanged in the "
            "synthetic table"
        )
    baseline = 0.0 if chance.high is None else chance.high
    if chance.value is not None:
        text += f"; of {count(chance.n)} holdout rows, {percent(chance.value)}"
    alarm = _above(copied, baseline)
    text += "." if alarm else ". Not evidence of privacy."
    return [Finding(kind="descriptive", text=text, alarm=alarm)]


def _fidelity(audit: Audit) -> list[Finding]:
    findings = []
    people = "holdout patients" if audit.reference == "holdout" else "training patients"
    shapes, pairs, detection = audit.shapes, audit.pairs, audit.detection
    if shapes.mean is not None:
        worst = max(shapes.columns, key=lambda column: column.error)
        text = (
            f"Single columns differ from {people} by {number(shapes.mean)} on average"
            f"{_between_real(shapes.baseline)}; most in ‘{worst.name}’ ({number(worst.error)})."
        )
        findings.append(Finding(kind="fidelity", text=text))
    if pairs.mean_error is not None:
        text = (
            f"Associations of pairs differ by {number(pairs.mean_error)} on average"
            f"{_between_real(pairs.baseline)}."
        )
        findings.append(Finding(kind="fidelity", text=text))
    if not isinstance(detection, NotMeasured):
        telling = ", ".join(f"‘{column.name}’" for column in detection.top_columns[:3])
        text = (
            f"A classifier tells synthetic rows from {people} with AUC {spoken(detection.auc)}; "
            f"0.5 would be guessing.{f' Most telling: {telling}.' if telling else ''}"
        )
        findings.append(Finding(kind="fidelity", text=text))
    curves = [s for s in audit.survival if s.cause is None and s.distance.value is not None]
    if curves:
        far = max(curves, key=lambda curve: curve.distance.value or 0.0)
        text = (
            f"Survival curves differ most in ‘{far.endpoint}’: {spoken(far.distance)} on average "
            f"over the common follow-up{_between_real(far.baseline)}."
        )
        findings.append(Finding(kind="fidelity", text=text))
    return findings


def _between_real(baseline: float | None) -> str:
    return "" if baseline is None else f" (two tables of real patients: {number(baseline)})"


def _above(estimate: Estimate, chance: float) -> bool:
    return estimate.low is not None and estimate.low > chance
