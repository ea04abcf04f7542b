"""One self-contained HTML page: no network, no JavaScript, the same bytes for the same audit."""

from functools import cache
from pathlib import Path

import jinja2

from ..auditing import Audit
from ..tables import atomic_path
from . import attacks, belonging, declared, exposed, figures, sections, summary, weights
from .figures import count
from .ink import ink
from .key_figures import key_figures
from .pooling import FLOOR, RARE
from .requirements import requirements

SECTIONS = (
    ("summary", "Summary"),
    ("membership", "Membership"),
    *((family.key, family.title) for family in attacks.FAMILIES),
    ("identity", "Identity disclosure"),
    ("epsilon", "Privacy loss"),
    ("exposure", "Who is exposed"),
    ("distances", "Distances"),
    ("classes", "Class sizes"),
    ("avatars", "Avatars"),
    ("columns", "Single columns"),
    ("pairs", "Pairs of columns"),
    ("detection", "All columns together"),
    ("survival", "Survival"),
    ("validity", "Validity"),
    ("model", "The model file"),
    ("requirements", "The regulator’s map"),
    ("context", "The release"),
    ("provenance", "How to repeat this"),
)


def write_html(audit: Audit, path: str | Path) -> None:
    """Write the report of an audit as one HTML file.

    Raises:
        OutputError: If the file cannot be written; nothing is left behind.
    """
    page = render(audit)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def render(audit: Audit) -> str:
    """The page as text. The same audit gives the same text."""
    made = audit.provenance
    with ink():
        return _template().render(
            title=f"Audit of a synthetic table: {audit.schema_name}"
            if audit.schema_name
            else "Audit of a synthetic table",
            version=made.versions.get("synthema-core", "unknown"),
            simulated=summary.simulated(audit),
            made={
                "date": figures.date(made.created),
                "train": count(made.n_train),
                "synthetic": count(made.n_synthetic),
                "holdout": count(made.n_holdout) if made.n_holdout else "no",
                "seed": made.seed,
            },
            sections=SECTIONS,
            asked=summary.asked(audit),
            against=summary.against(audit),
            found=summary.found(audit),
            not_measured=summary.not_measured(audit),
            warnings=audit.warnings,
            key_figures=key_figures(audit),
            reference=sections.reference(audit),
            membership=belonging.membership(audit.membership, audit.evidence.membership),
            families=attacks.families(audit.evidence),
            identity=declared.identity(audit.evidence.identity),
            epsilon=declared.epsilon(audit.evidence.epsilon),
            exposure=exposed.exposure(audit.evidence.exposure, unit=audit.evidence.roles.unit),
            classes=declared.classes(audit.evidence.classes),
            avatars=declared.avatars(audit.evidence.avatars),
            model=weights.model(audit.model),
            requirements=requirements(audit),
            context=declared.context(audit),
            scope=declared.scope(audit),
            distances=sections.distances(audit.distances),
            shapes=sections.shapes(audit.shapes),
            pairs=sections.pairs(audit.pairs),
            detection=sections.detection(audit.detection),
            survival=sections.survival(audit.survival),
            validity=sections.validity(audit),
            provenance=sections.provenance(audit),
            everything=sections.everything(audit),
            floor=FLOOR,
            rare=RARE,
        )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("synthema_core.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
