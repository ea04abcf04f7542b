"""An audit as plain values for JSON, and as one line per number."""

import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .evidence import Identity, Weights
from .fidelity.joint import Detection
from .intervals import Estimate, NotMeasured
from .privacy.disclosure import Attack
from .privacy.distance import Quantiles
from .privacy.epsilon import EmpiricalEpsilon
from .privacy.membership import Membership

if TYPE_CHECKING:
    from .evidence import Evidence
    from .result import Audit


# One entry per person: not numbers.
PER_PERSON = (
    "succeeded",
    "controls_succeeded",
    "attacked",
    "controls_attacked",
    "member_scores",
    "control_scores",
)


def plain(value: Any) -> Any:
    """Dataclasses as dicts, arrays as lists, NaN and infinities as None, all the way down.

    Arrays with one entry per patient are left out: they stay with the object in memory.
    """
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value) if f.name not in PER_PERSON]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


Line = tuple[str, str, str, float | None, float | None, float | None, int | None, str]


def lines(found: "Audit") -> Iterator[Line]:
    """Section, measure, kind, value, low, high, n and source of every number."""
    if isinstance(found.membership, Membership):
        yield from _membership("membership", found.membership)
    yield from _evidence(found.evidence)
    if not isinstance(found.model, NotMeasured):
        yield from _weights(found.model)
    rows = found.distances
    for part in dataclasses.fields(rows):
        value = getattr(rows, part.name)
        if isinstance(value, Quantiles):
            value = Estimate(value=value.q50, low=None, high=None, n=value.n)
            yield _line("distances", f"{part.name}_median", "descriptive", value, rows.source)
        elif isinstance(value, Estimate):
            yield _line("distances", part.name, "descriptive", value, rows.source)
        elif part.name.startswith("nndr"):
            value = Estimate(value=value, low=None, high=None, n=rows.n_synthetic)
            yield _line("distances", f"{part.name}_median", "descriptive", value, rows.source)
    shape, pair = found.shapes, found.pairs
    yield _fidelity("shapes", "mean_error", shape.mean, shape.source)
    yield _fidelity("shapes", "mean_error_of_real_patients", shape.baseline, shape.source)
    for column in shape.columns:
        yield _fidelity("shapes", f"error: {column.name}", column.error, shape.source)
    yield _fidelity("pairs", "mean_error", pair.mean_error, pair.source)
    yield _fidelity("pairs", "mean_error_of_real_patients", pair.baseline, pair.source)
    if isinstance(found.detection, Detection):
        test = found.detection
        yield _line("detection", "auc", "fidelity", test.auc, test.source)
    for curve in found.survival:
        name = curve.endpoint if curve.cause is None else f"{curve.endpoint}, cause {curve.cause}"
        yield _line("survival", f"distance: {name}", "fidelity", curve.distance, curve.source)
    valid = found.validity
    share = valid.n_violating_rows / valid.n_rows
    value = Estimate(value=share, low=None, high=None, n=valid.n_rows)
    yield _line("validity", "share_of_violating_rows", "validity", value, valid.source)


def _membership(section: str, attack: Membership, of: str = "") -> Iterator[Line]:
    for name in ("auc", "tpr_at_01", "tpr_at_1", "tpr_at_10"):
        yield _line(section, f"{name}{of}", "evidence", getattr(attack, name), attack.source)


def _attack(attack: Attack) -> Iterator[Line]:
    for name, value in (
        ("risk", attack.risk),
        ("success on train", attack.main),
        ("success on holdout", attack.control),
    ):
        measure = f"{name}: {attack.target} ({attack.attacker})"
        yield _line(attack.name, measure, "evidence", value, attack.source)


def _epsilon(section: str, low: EmpiricalEpsilon) -> Line:
    bound = max(low.by_guesses, low.by_rates)
    value = Estimate(value=bound, low=bound, high=None, n=low.n_members + low.n_controls)
    return _line(section, "lower_bound", "evidence", value, low.source)


def _weights(found: Weights) -> Iterator[Line]:
    """What the model file says."""
    section = "model"
    if not isinstance(found.membership, NotMeasured):
        yield from _membership(section, found.membership, " by log-density")
        for attack in () if isinstance(found.shadowed, NotMeasured) else found.shadowed:
            yield from _membership(section, attack, f": {attack.name}")
        yield _line(section, "log-density gap", "evidence", found.gap, found.source)
    for name in ("copied_train", "copied_holdout"):
        yield _line(section, name, "descriptive", getattr(found, name), found.source)
    if not isinstance(found.epsilon, NotMeasured):
        yield _epsilon("model epsilon", found.epsilon)
    for listed in () if isinstance(found.extraction, NotMeasured) else found.extraction:
        yield from _attack(listed)


def _identity(found: Identity) -> Iterator[Line]:
    for attack in found.attacks.attacks:
        yield from _attack(attack)
    match, kept = found.match, found.replicated
    for name in ("risk", "population_to_sample", "sample_to_population", "real"):
        yield _line("identity", name, "descriptive", getattr(match, name), match.source)
    yield _line("identity", "unique in train", "descriptive", kept.in_train, kept.source)
    yield _line("identity", "unique in synthetic", "descriptive", kept.in_synthetic, kept.source)


def _evidence(found: "Evidence") -> Iterator[Line]:
    """The attacks: what each wins on members and on controls, and the difference."""
    if not isinstance(found.membership, NotMeasured):
        judged = found.membership.verdict
        for one in (*found.membership.attacks, judged.combined):
            yield from _membership("membership attacks", one, f": {one.name}")
        for within in judged.attacks:
            measure = f"auc, simultaneous interval: {within.name}"
            yield _line("membership verdict", measure, "evidence", within.auc, judged.source)
    families = (found.singling_out, found.linkability, found.inference, found.reconstruction)
    for family in families:
        for attack in () if isinstance(family, NotMeasured) else family.attacks:
            yield from _attack(attack)
    if not isinstance(found.identity, NotMeasured):
        yield from _identity(found.identity)
    if not isinstance(found.epsilon, NotMeasured):
        yield _epsilon("epsilon", found.epsilon)
    if not isinstance(found.exposure, NotMeasured):
        groups = found.exposure.subgroups
        smaller = found.exposure.smaller
        for group in groups if smaller is None else (smaller, *groups):
            pairs = zip(group.columns, group.levels, strict=True)
            name = " and ".join(f"{c} = {v}" for c, v in pairs) or "all smaller subgroups"
            source = found.exposure.source
            yield _line("subgroups", f"membership AUC: {name}", "evidence", group.auc, source)
    if not isinstance(found.classes, NotMeasured):
        for table in ("train", "synthetic"):
            of = getattr(found.classes, table)
            risk, source = of.risk.prosecutor, of.risk.source
            most = Estimate(value=risk.maximum, low=None, high=None, n=of.n)
            yield _line("classes", f"prosecutor_risk_maximum: {table}", "descriptive", most, source)
            yield _line(
                "classes", f"prosecutor_risk_average: {table}", "descriptive", risk.average, source
            )
    if not isinstance(found.avatars, NotMeasured):
        near = found.avatars
        yield _line("avatars", "hidden_rate", "descriptive", near.hidden_rate, near.source)
        cloak = near.local_cloaking
        value = Estimate(value=cloak.q50, low=None, high=None, n=cloak.n)
        yield _line("avatars", "local_cloaking_median", "descriptive", value, near.source)


def _fidelity(section: str, measure: str, value: float | None, source: str) -> Line:
    return (section, measure, "fidelity", value, None, None, None, source)


def _line(section: str, measure: str, kind: str, value: Estimate, source: str) -> Line:
    return (section, measure, kind, value.value, value.low, value.high, value.n, source)
