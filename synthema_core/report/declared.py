"""What people declared, and what describes the table without an attack."""

from typing import Any

from ..anonymity import Anonymity
from ..auditing import Audit
from ..evidence import Identity
from ..evidence.result import TableClasses
from ..intervals import Estimate, NotMeasured
from ..privacy.avatar import AvatarDistances
from ..privacy.epsilon import EmpiricalEpsilon
from .attacks import above, row
from .figures import NONE, count, interval, number, percent, sentence

UNDECLARED = "not declared"
LABELS = (
    ("purpose", "Purpose"),
    ("recipients", "Recipients"),
    ("access", "Access"),
    ("adversary", "Adversary"),
    ("auxiliary", "What the adversary knows already"),
    ("controls", "What binds the recipients"),
    ("review", "Risk assessed again on"),
)


def context(audit: Audit) -> list[tuple[str, str]]:
    """The release as it was declared, and the columns' roles."""
    given, roles = audit.context, audit.evidence.roles
    facts = [(label, getattr(given, name) or UNDECLARED) for name, label in LABELS]
    claim = UNDECLARED
    if given.epsilon is not None:
        claim = f"ε = {given.epsilon:g}, δ = {given.delta:g}"
    people = UNDECLARED if given.population_rows is None else count(given.population_rows)
    secrets = ", ".join(roles.secrets) if roles.secrets_declared else UNDECLARED
    return [
        *facts,
        ("Privacy loss claimed", claim),
        ("People in the population", people),
        ("Threshold of identity disclosure", number(given.threshold, 2)),
        ("Quasi-identifiers", ", ".join(roles.quasi_identifiers) or UNDECLARED),
        ("Secrets", secrets if roles.secrets_declared else f"{UNDECLARED}: every other column"),
        ("Unit", "each row is a person" if roles.unit is None else f"patients, by ‘{roles.unit}’"),
    ]


def scope(audit: Audit) -> str:
    """Which rows the attacks beyond the first looked at."""
    looked = audit.evidence.scope
    parts = [
        ("training", looked.n_train, looked.all_train),
        ("holdout", looked.n_holdout, looked.all_holdout),
        ("synthetic", looked.n_synthetic, looked.all_synthetic),
    ]
    words = [
        f"all {count(n)} {name} rows"
        if n == whole
        else f"{count(n)} of {count(whole)} {name} rows, drawn at random"
        for name, n, whole in parts
        if whole
    ]
    text = f"These attacks looked at {', '.join(words)}."
    if audit.evidence.roles.unit is not None:
        text += (
            f" Patients count, not rows: {count(looked.people_train)} in training, "
            f"{count(looked.people_holdout)} in the holdout; the most suspicious row of a patient "
            "speaks for him."
        )
    return text


def epsilon(found: EmpiricalEpsilon | NotMeasured) -> dict[str, Any]:
    """The lower bound beside the claim."""
    if isinstance(found, NotMeasured):
        return {"reason": sentence(found.reason)}
    bound = max(found.by_guesses, found.by_rates)
    says = (
        f"With 95% confidence the attack refutes every ε below {number(bound)} "
        f"(δ = {found.delta:g})."
    )
    if found.claimed is None:
        says += " No ε was claimed. A bound near 0 refutes little: a weak attack proves nothing."
    elif found.refuted:
        says += f" The claimed ε = {found.claimed:g} is below that: the claim does not hold."
    else:
        says += f" The claimed ε = {found.claimed:g} is not refuted, which does not confirm it."
    return {
        "says": says,
        "alarm": bool(found.refuted),
        "rows": [
            ("Lower bound on ε, by guesses", number(found.by_guesses)),
            ("Lower bound on ε, by rates", number(found.by_rates)),
            ("Claimed ε", NONE if found.claimed is None else f"{found.claimed:g}"),
            ("Right guesses", f"{count(found.right)} of {count(found.guesses)}"),
            ("Members / controls", f"{count(found.n_members)} / {count(found.n_controls)}"),
        ],
        "source": found.source,
    }


def identity(found: Identity | NotMeasured) -> dict[str, Any]:
    """Match and learn against its line, replicated uniques, and the attacks behind them."""
    if isinstance(found, NotMeasured):
        return {"reason": sentence(found.reason)}
    match, kept = found.match, found.replicated
    rows = [
        ("Matched and learned: risk", match.risk),
        ("— from the population to the table", match.population_to_sample),
        ("— from the table to the population", match.sample_to_population),
        ("— if the training rows themselves were released", match.real),
        ("Training rows alone with their combination", kept.in_train),
        ("Synthetic rows alone with theirs", kept.in_synthetic),
    ]
    above_line = (match.risk.value or 0.0) > match.line
    worst = found.attacks.worst
    says = ""
    told = worst is not None and above(worst)
    if worst is not None:
        says = (
            f"Of {worst.tried} attacks with controls, the worst: risk {number(worst.risk.value)} "
            f"({interval(worst.risk)}, corrected), {worst.name}: {worst.target}."
        )
    return {
        "line": number(match.line, 2),
        "side": "above" if above_line else "not above",
        "alarm": above_line,
        "assumed": match.assumed,
        "says": says,
        "rows": [(name, number(one.value, 4), _four(one), count(one.n)) for name, one in rows],
        "attacks": [{**row(one, red=told), "attacker": one.name} for one in found.attacks.attacks],
        "sources": [match.source, kept.source],
    }


def _four(estimate: Estimate) -> str:
    """Small risks need four decimals."""
    if estimate.low is None or estimate.high is None:
        return NONE
    return f"{number(estimate.low, 4)} to {number(estimate.high, 4)}"


def classes(found: TableClasses | NotMeasured) -> dict[str, Any]:
    """The k-anonymity family, training table beside synthetic one."""
    if isinstance(found, NotMeasured):
        return {"reason": sentence(found.reason)}
    train, synthetic = dict(_figures(found.train)), dict(_figures(found.synthetic))
    names = list(dict.fromkeys((*train, *synthetic)))
    risk = found.train.risk
    sources = [found.train.classes.source, risk.source]
    if not isinstance(found.train.diversity, NotMeasured):
        sources += [d.source for d in found.train.diversity[:1]]
    if not isinstance(found.train.closeness, NotMeasured):
        sources += [c.source for c in found.train.closeness[:1]]
    return {
        "known": ", ".join(found.train.quasi_identifiers),
        "rows": [(name, train.get(name, NONE), synthetic.get(name, NONE)) for name in names],
        "sources": list(dict.fromkeys(sources)),
    }


def _figures(found: Anonymity) -> list[tuple[str, str]]:
    sizes, risk = found.classes, found.risk
    unit = "rows" if sizes.unit == "rows" else "patients"
    out = [
        ("Rows", count(found.n)),
        (f"k: fewest {unit} that share a combination", count(sizes.k)),
        (f"Rows in groups below {sizes.wanted}", percent(sizes.below.value)),
        ("Rows alone with their combination", percent(sizes.unique.value)),
        ("Prosecutor risk, maximum", number(risk.prosecutor.maximum)),
        ("Prosecutor risk, average", number(risk.prosecutor.average.value)),
        (f"Rows above a risk of {risk.threshold:g}", percent(risk.prosecutor.above.value)),
    ]
    if not isinstance(risk.journalist, NotMeasured):
        out.append(("Journalist risk, maximum", number(risk.journalist.maximum)))
    if not isinstance(risk.marketer, NotMeasured):
        out.append(("Marketer risk", number(risk.marketer.value)))
    if not isinstance(found.diversity, NotMeasured):
        for one in found.diversity:
            out.append((f"l, distinct: {one.secret}", count(one.distinct)))
            out.append((f"Secret told by the combination: {one.secret}", percent(one.told.value)))
    if not isinstance(found.closeness, NotMeasured):
        out += [(f"t: {one.secret}", number(one.t)) for one in found.closeness]
    return out


def avatars(found: AvatarDistances | NotMeasured) -> dict[str, Any]:
    """Hidden rate and local cloaking."""
    if isinstance(found, NotMeasured):
        return {"reason": sentence(found.reason)}
    hidden, cloak = found.hidden_rate, found.local_cloaking
    return {
        "rows": [
            (
                "Hidden rate",
                percent(hidden.value),
                interval(hidden, as_percent=True),
                count(hidden.n),
            ),
            ("Local cloaking, median", number(cloak.q50, 1), NONE, count(cloak.n)),
            ("Local cloaking, 5th percentile", number(cloak.q05, 1), NONE, count(cloak.n)),
            (
                "Patients with no avatar closer than their own",
                percent(found.uncloaked.value),
                interval(found.uncloaked, as_percent=True),
                count(found.uncloaked.n),
            ),
        ],
        "source": found.source,
    }
