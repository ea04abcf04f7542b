"""One call that measures a synthetic table: does it betray, is it real, is it possible?"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Unpack

import polars as pl

from .caveats import caveats
from .clock import Clock
from .context import ReleaseContext
from .errors import SynthemaError
from .evidence import (
    LEVELS,
    NO_HOLDOUT,
    Asked,
    Closest,
    Cost,
    Level,
    Options,
    Weights,
    closest_of,
    cost,
    gather,
    judge,
    material,
    persons,
    roles,
    weights,
)
from .fidelity.joint import detection
from .fidelity.marginal import shapes
from .fidelity.pairwise import pairs
from .fidelity.survival import SurvivalDistance, survival
from .fidelity.values import times
from .fidelity.values import values as column_values
from .intervals import NotMeasured
from .memory import bytes_of
from .passes import Run, in_turn, prepared, search, survey, within
from .planning import Plan, plan
from .privacy.distance import described
from .privacy.membership import Membership, membership
from .privacy.row_values import RowValues
from .result import Audit as Audit
from .result import Provenance as Provenance
from .schema import Endpoint, Schema
from .sources import Source, as_source, spans
from .tables import as_frame, digest
from .three_tables import ThreeTables, check, drawn_rows
from .validity import BrokenRule as BrokenRule
from .validity import Validity as Validity
from .validity import validity

REFERENCE_ROWS = 100  # a smaller holdout says more about chance than about the synthetic table
FIDELITY_ROWS = 100_000  # shares are known to 0.003 there; more rows cost memory and tell nothing
PARTS = 12  # of the work, about, for the progress bar
TABLES = ("train", "synthetic", "holdout")
PACKAGES = ("synthema-core", "numpy", "numba", "polars", "scipy", "scikit-learn")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """An audit that is ready to start.

    Attributes:
        tables: The real ones read, the synthetic one opened.
        schema: What the columns are.
        asked: What evidence is wanted.
        seed: Of every random choice.
        plan: How many rows are looked at together, and what the audit will take.
        seconds: What it took to come here.
    """

    tables: ThreeTables
    schema: Schema
    asked: Asked
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
    evidence: Level = "quick",
    quasi_identifiers: Sequence[str] | None = None,
    secrets: Sequence[str] | None = None,
    unit: str | None = None,
    context: ReleaseContext | None = None,
    linked: bool = False,
    model: object | None = None,
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
        evidence: "quick" runs the attacks that train no model, "full" all of them; "none" only the
            membership attack by distance. Of more than 50,000 rows of a table, the attacks beyond
            that one are given a random sample, which is said.
        quasi_identifiers: Columns an adversary may know from elsewhere; None takes those of that
            role in the schema.
        secrets: Columns he wants to learn; None takes those of that role, and if there are none,
            every other column.
        unit: Column that names patients who may have several rows: then patients are attacked, not
            rows. None takes an identifier of the schema that repeats in the training table.
        context: What is declared about the release: recipients, adversary, claims.
        linked: Row i of the synthetic table is the avatar of row i of the training table: hidden
            rate and local cloaking are described.
        model: Path of the model file that drew the table, or the fitted `FlowGenerator`: its
            weights are judged apart from the rows. Needs the `flows` extra.
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
        train=train,
        synthetic=synthetic,
        holdout=holdout,
        schema=schema,
        seed=seed,
        memory=memory,
        evidence=evidence,
        quasi_identifiers=quasi_identifiers,
        secrets=secrets,
        unit=unit,
        context=context,
        linked=linked,
        model=model,
    )
    return carry_out(job, progress=progress)


def audit_model(
    model: object,
    *,
    train: object,
    holdout: object | None = None,
    unit: str | None = None,
    context: ReleaseContext | None = None,
    shadows: int = 0,
    seed: int,
) -> Weights | NotMeasured:
    """Judge a model file by itself: what do its weights say about the patients behind it?

    Args:
        model: Path of the file, or a fitted `FlowGenerator`.
        train: Table it was fitted on.
        holdout: Patients it never saw: without them most has no number.
        unit: Column that names patients who may have several rows.
        context: With the epsilon that is claimed, if one is.
        shadows: Shadow flows of the likelihood-ratio attack, even, say 32; 0 leaves it out.
        seed: Of every random choice.

    Returns:
        Weights; NotMeasured without the `flows` extra.

    Raises:
        ModelFileError: If there is no such file, or it is damaged.
        SchemaError: If a table and the model disagree.
    """
    given = {"train": train, "holdout": holdout}
    real = {n: as_frame(t, name=n) for n, t in given.items() if t is not None}
    said = context or ReleaseContext()
    return weights(
        model,
        real,
        unit=unit,
        claimed=said.epsilon,
        delta=said.delta,
        shadows=shadows,
        seed=seed,
    )


def prepare(
    *,
    train: object,
    synthetic: object,
    holdout: object | None = None,
    schema: Schema,
    seed: int,
    memory: int | str | None = None,
    **options: Unpack[Options],
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
    level = options.get("evidence", "quick")
    _check_asked(level, sources, linked=options.get("linked", False))
    extra = _cost(level, sources, schema, options.get("secrets"))
    made = plan(sources, schema, bound, most_sampled=FIDELITY_ROWS, evidence=extra)
    tables = ThreeTables.of(sources, schema)
    asked = Asked(
        level=level,
        roles=roles(
            schema,
            tables.given,
            quasi_identifiers=options.get("quasi_identifiers"),
            secrets=options.get("secrets"),
            unit=options.get("unit"),
        ),
        context=options.get("context") or ReleaseContext(),
        linked=options.get("linked", False),
        model=options.get("model"),
    )
    return Job(
        tables=tables,
        schema=schema,
        asked=asked,
        seed=seed,
        plan=made,
        seconds=time.perf_counter() - start,
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
    tables, schema, asked, seed = job.tables, job.schema, job.asked, job.seed
    source, made = tables.synthetic, job.plan
    run = run or (in_turn if made.bound is None else within(made.bound))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    clock = Clock(parts=PARTS, progress=progress, before=job.seconds)
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
    sample = surveyed.sample()
    near = Closest(tally.closest["train"], tally.closest.get("holdout"))
    attack = _by_distance(near, tables, asked)
    read = material(tables, encoder, real.tables, sample, asked.roles, seed=seed)
    gathered = gather(asked, read, near, tables, schema, encoder, seed=seed, clock=clock)
    judged = judge(asked, tables.given, seed=seed, clock=clock)
    reference = tables.reference(REFERENCE_ROWS)
    others = [name for name in tables.sorted if name != reference]
    sampled = {n: tables.sample(n, FIDELITY_ROWS, seed) for n in tables.sorted}
    compared = [sampled[reference], sample, *(sampled[name] for name in others)]
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
        context=asked.context,
        membership=attack,
        evidence=gathered,
        model=judged,
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
        warnings=(
            *tables.warnings(schema),
            *caveats(attack, reference, curves, tables, most=FIDELITY_ROWS, fewest=REFERENCE_ROWS),
        ),
    )


def _check_asked(level: str, sources: Mapping[str, Source], *, linked: bool) -> None:
    if level not in LEVELS:
        raise SynthemaError(f"evidence: expected one of {', '.join(LEVELS)}, got '{level}'.")
    heights = {name: source.height for name, source in sources.items()}
    if linked and heights["synthetic"] != heights["train"]:
        raise SynthemaError(
            f"linked: expected one synthetic row for each of the {heights['train']:,} training "
            f"rows, in their order, got {heights['synthetic']:,}. Leave it out, or link the rows."
        )


def _cost(
    level: Level, sources: Mapping[str, Source], schema: Schema, secrets: Sequence[str] | None
) -> Cost:
    heights = {f"n_{name}": source.height for name, source in sources.items()}
    declared = len(secrets or [c for c in schema.modelled if c.role == "secret"])
    columns = len(schema.modelled)
    return cost(level, **{"n_holdout": 0, **heights}, columns=columns, secrets=declared or columns)


def _by_distance(near: Closest, tables: ThreeTables, asked: Asked) -> Membership | NotMeasured:
    """The attack on all rows: patients, where some have several, are as close as their closest."""
    if near.holdout is None:
        return NO_HOLDOUT
    distances = [
        closest_of(values, *persons(tables.given[name], tables.number[name], asked.roles.unit))
        for name, values in (("train", near.train), ("holdout", near.holdout))
    ]
    return membership(
        members=distances[0], controls=distances[1], n_synthetic=tables.synthetic.height
    )


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


def _schema_digest(schema: Schema) -> str:
    return hashlib.sha256(json.dumps(schema.to_dict(), sort_keys=True).encode()).hexdigest()
