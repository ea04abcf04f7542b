"""One call that measures a synthetic table: does it betray, is it real, is it possible?"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import polars as pl

from .errors import SynthemaError
from .fidelity.joint import Detection, detection
from .fidelity.marginal import Shapes, shapes
from .fidelity.pairwise import Pairs, pairs
from .fidelity.survival import SurvivalDistance, survival
from .fidelity.values import times
from .fidelity.values import values as column_values
from .intervals import NotMeasured
from .listing import lines, plain
from .memory import bytes_of
from .passes import Run, in_turn, prepared, search, survey, within
from .planning import Plan, plan
from .privacy.distance import Distances, described
from .privacy.membership import Membership, membership
from .privacy.row_values import RowValues
from .schema import Endpoint, Schema
from .sources import as_source, spans
from .tables import digest
from .three_tables import ThreeTables, check, drawn_rows
from .validity import BrokenRule as BrokenRule
from .validity import Validity as Validity
from .validity import validity

REFERENCE_ROWS = 100  # a smaller holdout says more about chance than about the synthetic table
FIDELITY_ROWS = 100_000  # shares are known to 0.003 there; more rows cost memory and tell nothing
TABLES = ("train", "synthetic", "holdout")
PACKAGES = ("synthema-core", "numpy", "numba", "polars", "scipy", "scikit-learn")


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
        membership: Evidence. NotMeasured without a holdout.
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
    membership: Membership | NotMeasured
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """An audit that is ready to start.

    Attributes:
        tables: The real ones read, the synthetic one opened.
        schema: What the columns are.
        seed: Of every random choice.
        plan: How many rows are looked at together, and what the audit will take.
        seconds: What it took to come here.
    """

    tables: ThreeTables
    schema: Schema
    seed: int
    plan: Plan
    seconds: float


def audit(
    *,
    train: object,
    synthetic: object,
    holdout: object | None = None,
    schema: Schema,
    seed: int,
    memory: int | str | None = None,
    progress: bool | None = None,
) -> Audit:
    """Measure a synthetic table against the patients it was made from, and people never seen.

    The order of the rows of a table changes no number; the same seed gives the same bits. Fidelity
    is measured on at most FIDELITY_ROWS rows of each table, drawn at random; which rows of a larger
    synthetic table are drawn depends on their order.

    A path of a Parquet file, of a folder of them, or a pattern such as "shards/*.parquet" is read
    part by part. The result has the same bits as that of the table in memory, whatever the bound.

    Args:
        train: Table the generator was fitted on: the members. Any Arrow-speaking frame, or a path.
        synthetic: Table to be judged. As a path of Parquet files it may be larger than memory.
        holdout: Patients the generator never saw: the control group of every attack. Without it
            what needs a control group is reported as not measured.
        schema: What the columns are.
        seed: Of every random choice, >= 0.
        memory: What the process may hold at most, interpreter included: "4GiB", "512MiB", or
            bytes. None sets no bound. The real tables must fit.
        progress: Show a progress bar; None shows it on a terminal only.

    Returns:
        Audit.

    Raises:
        TableError: If a table is empty, holds infinities or is no table.
        SchemaError: If a table and the schema, or the tables among each other, disagree on columns
            or types.
        MemoryBoundError: If the audit cannot be done within `memory`.
        SynthemaError: If the seed is negative, or `memory` is no size.
    """
    job = prepare(
        train=train, synthetic=synthetic, holdout=holdout, schema=schema, seed=seed, memory=memory
    )
    return carry_out(job, progress=progress)


def prepare(
    *,
    train: object,
    synthetic: object,
    holdout: object | None = None,
    schema: Schema,
    seed: int,
    memory: int | str | None = None,
) -> Job:
    """Open the tables, read the real ones, and plan the rest; arguments as those of `audit`.

    `job.plan` says, as text, about how long the audit will take and what it will hold.
    """
    start = time.perf_counter()
    if seed < 0:
        raise SynthemaError(f"seed: expected an integer from 0, got {seed}. Choose another.")
    bound = None if memory is None else bytes_of(memory)
    given = {"train": train, "synthetic": synthetic, "holdout": holdout}
    sources = {
        name: as_source(table, name=name, bound=bound)
        for name, table in given.items()
        if table is not None
    }
    check(sources, schema)
    made = plan(sources, schema, bound, most_sampled=FIDELITY_ROWS)
    tables = ThreeTables.of(sources, schema)
    return Job(
        tables=tables, schema=schema, seed=seed, plan=made, seconds=time.perf_counter() - start
    )


def carry_out(job: Job, *, run: Run | None = None, progress: bool | None = None) -> Audit:
    """Do an audit that was prepared.

    Args:
        job: From `prepare`.
        run: What runs the parts of the two passes; the result does not depend on it. None runs
            them here, one after the other.
        progress: Show a progress bar; None shows it on a terminal only.

    Returns:
        Audit.
    """
    tables, schema, seed = job.tables, job.schema, job.seed
    source, made = tables.synthetic, job.plan
    run = run or (in_turn if made.bound is None else within(made.bound))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    clock = _Clock(progress=progress, before=job.seconds)
    with clock("read"):
        digests = {name: digest(frame) for name, frame in tables.given.items()}
        drawn = drawn_rows(source.height, FIDELITY_ROWS, seed)
        blocks = list(spans(source.height, made.survey_rows))
        surveyed = survey(tables, schema, drawn, blocks, run)
        digests["synthetic"] = surveyed.digest(source)
        digests["schema"] = _schema_digest(schema)
    with clock("encode"):
        encoder, real = prepared(tables, schema, surveyed, seed=seed)
    with clock("neighbors"), RowValues(most=made.spill) as values:
        # One search of every real row, shared by the attack and by the copies.
        parts = list(spans(source.height, made.search_rows))
        tally = search(tables, encoder, real, parts, run, values)
        distances = described(tally, values)
    attack: Membership | NotMeasured = NotMeasured(
        reason="no holdout was given, so there is no control group of people never seen"
    )
    if "holdout" in tally.closest:
        attack = membership(
            members=tally.closest["train"],
            controls=tally.closest["holdout"],
            n_synthetic=source.height,
        )
    reference = tables.reference(REFERENCE_ROWS)
    others = [name for name in tables.sorted if name != reference]
    sampled = {n: tables.sample(n, FIDELITY_ROWS, seed) for n in tables.sorted}
    compared = [sampled[reference], surveyed.sample(), *(sampled[name] for name in others)]
    columns = column_values(compared, schema)
    with clock("shapes"):
        shape = shapes(columns)
    with clock("pairs"):
        pair = pairs(columns)
    with clock("detection"):
        detected = detection(columns, seed=seed)
    with clock("survival"):
        curves = tuple(
            curve
            for endpoint in schema.endpoints
            for curve in _survival(compared, endpoint, schema, seed)
        )
    clock.close()
    sizes = {f"n_{name}": height for name, height in tables.heights.items()}
    return Audit(
        schema_name=schema.name,
        membership=attack,
        distances=distances,
        reference=reference,
        shapes=shape,
        pairs=pair,
        detection=detected,
        survival=curves,
        validity=validity(
            surveyed.broken, n_rows=source.height, violating=surveyed.violating, schema=schema
        ),
        provenance=Provenance(
            created=created,
            seed=seed,
            **{"n_holdout": 0, **sizes},
            versions={name: version(name) for name in PACKAGES},
            digests={name: digests[name] for name in (*TABLES, "schema") if name in digests},
            seconds=clock.seconds,
        ),
        warnings=(*tables.warnings(schema), *_warnings(attack, reference, curves, tables)),
    )


class _Clock:
    """Wall seconds of each part, and a progress bar over them."""

    def __init__(self, *, progress: bool | None, before: float) -> None:
        from tqdm import tqdm

        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter() - before
        self._bar = tqdm(
            total=7, desc="audit", leave=False, disable=None if progress is None else not progress
        )

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        self._bar.set_postfix_str(part)
        start = time.perf_counter()
        yield
        self.seconds[part] = time.perf_counter() - start
        self._bar.update()

    def close(self) -> None:
        self._bar.close()
        self.seconds["total"] = time.perf_counter() - self._start


def _survival(
    tables: list[pl.DataFrame], endpoint: Endpoint, schema: Schema, seed: int
) -> tuple[SurvivalDistance, ...]:
    real, synthetic, *other = (times(table, endpoint, schema) for table in tables)
    return survival(
        endpoint=endpoint.name,
        causes=tuple(str(value) for value in endpoint.event),
        real=real,
        synthetic=synthetic,
        other=other[0] if other else None,
        unit=schema.column(endpoint.time).unit,
        seed=seed,
    )


def _warnings(
    attack: Membership | NotMeasured,
    reference: str,
    curves: tuple[SurvivalDistance, ...],
    tables: ThreeTables,
) -> Iterator[str]:
    if isinstance(attack, NotMeasured):
        yield f"Membership was not measured: {attack.reason}. That is no sign of low risk."
    elif attack.n_controls < REFERENCE_ROWS:
        yield (
            f"The holdout has {attack.n_controls} rows: intervals are wide, and a membership AUC "
            f"below {attack.minimum_detectable_auc:.2f} would go unnoticed. Give it more rows; "
            "fidelity was measured against the training table."
        )
    if reference == "train" and tables.holdout is None:
        yield (
            "Fidelity was measured against the training table: a generator that copies its "
            "patients scores best. Give a holdout."
        )
    for name in TABLES:
        height = tables.heights.get(name, 0)
        if height > FIDELITY_ROWS:
            yield (
                f"{name}: fidelity was measured on {FIDELITY_ROWS} of {height} rows, drawn "
                "at random. Privacy was measured on all."
            )
    for curve in curves:
        if curve.cause is None and curve.nonpositive_times:
            yield (
                f"Endpoint '{curve.endpoint}': {curve.nonpositive_times} synthetic times are at or "
                "below 0; they were counted as 0."
            )


def _schema_digest(schema: Schema) -> str:
    return hashlib.sha256(json.dumps(schema.to_dict(), sort_keys=True).encode()).hexdigest()
