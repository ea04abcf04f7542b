"""The six commands: each reads files, calls one verb of the package, and writes whole files."""

import argparse
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, SchemaError
from .printing import note, print_audit, print_schema, print_table, step, terminal

if TYPE_CHECKING:
    from ..schema import Schema
    from ..sources import Source

DONE, VIOLATIONS = 0, 1
LONG = 60.0  # seconds: work that takes longer is announced


def schema(arguments: argparse.Namespace) -> int:
    """Infer a schema, print it, write it."""
    from ..schema import Schema
    from ..tables import read

    _check_output(arguments.output, ".json")
    frame = read(arguments.data)
    unknown = [name for name in arguments.drop if name not in frame.columns]
    if unknown:
        raise SchemaError(f"--drop: column '{unknown[0]}' is not in the table. Check its spelling.")
    frame = frame.drop(arguments.drop)
    schema = Schema.infer(frame, name=arguments.name or Path(arguments.data).stem)
    print_schema(schema)
    if arguments.output:
        schema.write(arguments.output)
        print(f"\nwrote {arguments.output}: read it, and correct it by hand where it is wrong")
    return DONE


def validate(arguments: argparse.Namespace) -> int:
    """Print what breaks which rule."""
    from ..schema import Schema
    from ..tables import read

    schema = Schema.read(arguments.schema)
    found = schema.validate(read(arguments.data))
    if found.ok:
        print(f"no violation in {found.n_rows:,} rows and {len(schema.columns):,} columns")
        return DONE
    print_table(
        ("column", "rows", "rule"),
        [(v.column, f"{v.count:,}", v.rule) for v in found.violations],
    )
    broken = f"{int(found.rows.sum()):,} of {found.n_rows:,} rows"
    print(f"\n{len(found.violations):,} kinds of violation, in {broken}")
    return VIOLATIONS


def fit(arguments: argparse.Namespace) -> int:
    """Train a generator and write its model file."""
    from ..generate import FlowGenerator
    from ..schema import Schema
    from ..tables import read

    _check_output(arguments.output)
    _check_output(arguments.checkpoint)
    schema = Schema.read(arguments.schema)
    train = read(arguments.data)
    train = train.drop(_unknown(train.columns, schema, arguments.data))
    broken = int(schema.validate(train).rows.sum())
    if broken:
        note(f"{broken:,} of {train.height:,} rows break the schema: see `synthema validate`")
    start = time.perf_counter()
    model = FlowGenerator(seed=arguments.seed, progress=terminal(), **_training(arguments))
    model.fit(train, schema, checkpoint=arguments.checkpoint)
    model.save(arguments.output)
    if arguments.checkpoint is not None:
        Path(arguments.checkpoint).unlink()  # made from patients, and of no more use
    print(
        f"fitted {train.height:,} rows and {train.width:,} columns in "
        f"{time.perf_counter() - start:.0f} s; wrote {arguments.output}"
    )
    print("the model file is made from patients: guard it as you guard the table")
    return DONE


def sample(arguments: argparse.Namespace) -> int:
    """Draw synthetic rows from a model file."""
    from ..generate import FlowGenerator
    from ..tables import SUFFIXES, write
    from .where import conditions

    _check_output(arguments.output, *SUFFIXES)
    model = FlowGenerator.load(arguments.model)
    where = conditions(arguments.where, model.model.encoder.schema)
    if arguments.memory is None:
        write(model.sample(arguments.rows, seed=arguments.seed, where=where), arguments.output)
    else:
        model.sample_to(
            arguments.output,
            arguments.rows,
            seed=arguments.seed,
            where=where,
            memory=arguments.memory,
        )
    print(f"wrote {arguments.rows:,} synthetic rows to {arguments.output}")
    refused = model.redraw_
    if refused.refused:
        print(
            f"{refused.rate:.1%} of the rows drawn broke a rule and were drawn again; this moved "
            f"'{refused.shifted}' by {refused.shift:.3f}, and every other column less"
        )
    return DONE


def audit(arguments: argparse.Namespace) -> int:
    """Measure a synthetic table against the real ones."""
    from ..auditing import carry_out, prepare
    from ..context import ReleaseContext
    from ..memory import bytes_of
    from ..schema import Schema
    from ..sources import as_source

    _check_output(arguments.output, ".html", ".htm")
    _check_output(arguments.json, ".json")
    if arguments.scheduler is not None:
        from ..distributed import carry_out as carry_out_there  # an extra: its lack is told now
    bound = None if arguments.memory is None else bytes_of(arguments.memory, name="--memory")
    schema = Schema.read(arguments.schema)
    context = None if arguments.context is None else ReleaseContext.read(arguments.context)

    def opened(path: str) -> "Source":
        return as_source(path, name=Path(path).name, bound=bound)

    def known(path: str) -> "Source":
        source = opened(path)
        return source.drop(_unknown(source.dtypes, schema, path))

    job = prepare(
        train=known(arguments.train),
        synthetic=opened(arguments.synthetic),
        holdout=known(arguments.holdout) if arguments.holdout else None,
        schema=schema,
        seed=arguments.seed,
        memory=bound,
        evidence=arguments.evidence,
        quasi_identifiers=arguments.quasi or None,
        secrets=arguments.secret or None,
        unit=arguments.patient,
        context=context,
        linked=arguments.linked,
        model=arguments.model,
    )
    if bound is not None or job.plan.seconds > LONG:
        note(str(job.plan))
    if arguments.scheduler is None:
        result = carry_out(job, progress=terminal())
    else:
        result = carry_out_there(job, client=arguments.scheduler, progress=terminal())
    print_audit(result)
    if arguments.json:
        result.write_json(arguments.json)
        print(f"wrote {arguments.json}")
    if arguments.output:
        result.write_html(arguments.output)
        print(f"wrote {arguments.output}")
    return DONE


def demo(arguments: argparse.Namespace) -> int:
    """The main job, end to end, on simulated patients."""
    from ..tables import write

    folder = Path(arguments.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made a folder: {error.strerror}. Choose another with -o."
        ) from None
    with step("load the package"):
        from ..auditing import audit as measure
        from ..generate import FlowGenerator, cohort
    half = arguments.rows // 2
    with step(f"simulate {2 * half:,} patients (no real one among them)"):
        patients = cohort.simulate(2 * half, seed=arguments.seed)
        schema = cohort.schema()
        train, holdout = patients.head(half), patients.tail(half)
        write(train, folder / "train.parquet")
        write(holdout, folder / "holdout.parquet")
        schema.write(folder / "aml.schema.json")
    with step(f"fit a flow to {half:,} of them"):
        model = FlowGenerator(seed=arguments.seed, progress=terminal(), **_training(arguments)).fit(
            train, schema
        )
        model.save(folder / "aml.synthema")
    with step(f"sample {half:,} synthetic patients"):
        synthetic = model.sample(half, seed=arguments.seed + 1)
        write(synthetic, folder / "synthetic.parquet")
    with step("audit them against the other half, which the flow never saw"):
        result = measure(
            train=train,
            synthetic=synthetic,
            holdout=holdout,
            schema=schema,
            seed=arguments.seed,
            model=folder / "aml.synthema",
            progress=terminal(),
        )
        result.write_json(folder / "audit.json")
        result.write_html(folder / "audit.html")
    print()
    print_audit(result)
    print(f"\n{folder / 'audit.html'}")
    return DONE


def _training(arguments: argparse.Namespace) -> dict[str, Any]:
    """Settings that were given; the rest is the generator's own default."""
    given = {name: getattr(arguments, name) for name in ("members", "steps")}
    return {name: value for name, value in given.items() if value is not None}


def _check_output(path: str | None, *suffixes: str) -> None:
    """Refuse an output that cannot be written before the long work, not after it."""
    if path is None:
        return
    target = Path(path)
    if suffixes and target.suffix.lower() not in suffixes:
        raise OutputError(
            f"{path}: expected a file that ends in {', '.join(suffixes)}. Rename the output."
        )
    if target.is_dir():
        raise OutputError(f"{path}: expected a file, got a folder. Name a file in it.")
    parent = target.resolve().parent
    if not parent.is_dir():
        raise OutputError(f"{path}: no such folder: {parent}. Create it first.")
    if not os.access(parent, os.W_OK):
        raise OutputError(f"{path}: the folder {parent} cannot be written. Choose another place.")


def _unknown(columns: Iterable[str], schema: "Schema", path: str) -> list[str]:
    """Columns that the schema does not know and that are left out, which is said."""
    names = list(columns)
    extra = [name for name in names if name not in schema.names]
    if len(extra) == len(names):
        return []  # the error that follows says more
    if extra:
        shown = ", ".join(f"'{name}'" for name in extra[:5]) + (", ..." if len(extra) > 5 else "")
        note(f"{path}: {len(extra)} columns are not in the schema and are left out: {shown}")
    return extra
