"""An audit as one frozen object: every number with its interval, n and source."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from .context import ReleaseContext
from .evidence import Evidence, Weights
from .fidelity.joint import Detection
from .fidelity.marginal import Shapes
from .fidelity.pairwise import Pairs
from .fidelity.survival import SurvivalDistance
from .intervals import NotMeasured
from .listing import lines, plain
from .privacy.distance import Distances
from .privacy.membership import Membership
from .validity import Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is needed to repeat the audit.

    Attributes:
        created: Coordinated universal time, ISO 8601.
        seed: Seed of every random choice.
        n_train: Rows of each table; `n_holdout` is 0 if there was none.
        n_synthetic: ...
        n_holdout: ...
        versions: Package to version.
        digests: Content hash of `train`, `synthetic`, `holdout` (if given) and `schema`.
        seconds: Wall time of each part, and `total`.
    """

    created: str
    seed: int
    n_train: int
    n_synthetic: int
    n_holdout: int
    versions: dict[str, str]
    digests: dict[str, str]
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """Everything measured on one synthetic table.

    Attributes:
        schema_name: Name in the schema, may be empty.
        context: What was declared about the release: recipients, adversary, claims.
        membership: Evidence: the attack by distance, on all rows. NotMeasured without a holdout.
        evidence: The other attacks, and who is exposed.
        model: Evidence about the model file, apart from the rows it drew.
        distances: Descriptive.
        reference: Real rows that the fidelity measures compare with: the holdout, people the
            generator did not see, if it has 100 rows or more, else the training table.
        shapes: Fidelity of single columns.
        pairs: Fidelity of pairs of columns.
        detection: Fidelity of all columns together. NotMeasured on too few rows.
        survival: Fidelity of times to event, one per endpoint, and one per cause if events compete.
        validity: Rules broken.
        provenance: What is needed to repeat the audit.
        warnings: What a reader must know before quoting a number.
    """

    schema_name: str
    context: ReleaseContext
    membership: Membership | NotMeasured
    evidence: Evidence
    model: Weights | NotMeasured
    distances: Distances
    reference: Literal["holdout", "train"]
    shapes: Shapes
    pairs: Pairs
    detection: Detection | NotMeasured
    survival: tuple[SurvivalDistance, ...]
    validity: Validity
    provenance: Provenance
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, ready for JSON; what has no number is None."""
        found: dict[str, Any] = plain(self)
        return found

    def frame(self) -> pl.DataFrame:
        """One row per number.

        Returns:
            Columns section, measure, kind (evidence, descriptive, fidelity or validity), value,
            low, high, n, source.
        """
        columns = {
            "section": pl.String,
            "measure": pl.String,
            "kind": pl.String,
            "value": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "n": pl.Int64,
            "source": pl.String,
        }
        return pl.DataFrame(list(lines(self)), schema=columns, orient="row")

    def write_html(self, path: str | Path) -> None:
        """Write the report as one self-contained HTML file.

        Raises:
            OutputError: If the place cannot be written; nothing is left behind.
        """
        from .report import write_html  # a layer above: reports know audits

        write_html(self, path)

    def write_json(self, path: str | Path) -> None:
        """Write every number as JSON.

        Raises:
            OutputError: If the place cannot be written; nothing is left behind.
        """
        from .report import write_json

        write_json(self, path)
