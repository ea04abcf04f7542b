"""Generators side by side: `python -m bench.generators`.

Its rivals: `bench/rivals.sh arfpy exam mostlyai sdv tabddpm`.

Every generator draws as many patients as it was fitted on, from the same half of each table, with
its defaults; the blind exam (bench/exam) marks them beside fresh patients (ceiling) and independent
marginals (floor). What was drawn and marked is kept in bench/.results/generators, one file a
generator, table and seed, so that an interrupted run goes on where it stopped:

    --draw       draw and mark what is absent (else only print what is there)
    --again G    forget what generator G drew
    --page       write its rows into the tables of docs/generators.md; rows without marks stay
    --picture    draw docs/images/generators.png from the tables of that page

Slow rivals get fewer seeds (`SEEDS`); the tables say how many each had.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import synthema_core as sc
from bench.exam.paper import marginals, mark
from bench.exam.protocols import PROTOCOLS, Split, split, table_of
from bench.generators_page import LABELS, PAGE, Table, read, row_of, written
from bench.rivals_cart import cart
from synthema_core.rules import from_dict

HERE = Path(__file__).parent
RESULTS = HERE / ".results" / "generators"
ENVIRONMENTS = {
    "gaussian_copula": "sdv",
    "ctgan": "sdv",
    "tvae": "sdv",
    "arf": "arfpy",
    "tabularargn": "mostlyai",
    "tabddpm": "tabddpm",
}
# seeds on the AML table and on each of the others: what two cores can draw in an evening
SEEDS = {
    "marginals": (5, 2),
    "copy": (5, 2),
    "cart": (5, 2),
    "flow": (5, 2),
    "flow_open": (3, 0),
    "avatar": (5, 2),
    "gaussian_copula": (3, 1),
    "arf": (2, 1),
    "tvae": (1, 1),
    "tabularargn": (2, 1),
    "ctgan": (1, 1),
    "tabddpm": (1, 1),
}
LONGEST = 900  # seconds that a rival may take for one draw


def schema_of(name: str, train: pl.DataFrame) -> sc.Schema:
    """What our own generators are told: the inferred schema and the protocol's rules."""
    schema = sc.Schema.infer(train, name=name)
    return schema.with_rules(*map(from_dict, PROTOCOLS[name].rules))


def _flow(name: str, parts: Split, seed: int) -> pl.DataFrame:
    from synthema_core.generate import FlowGenerator

    model = FlowGenerator(seed=seed, progress=False).fit(parts.train, schema_of(name, parts.train))
    model.save(RESULTS / name / "flow" / f"{seed}.synthema")  # for bench.valid --model
    return model.sample(parts.train.height, seed=seed)


def _flow_open(name: str, parts: Split, seed: int) -> pl.DataFrame:
    from synthema_core.generate import FlowGenerator, Protection

    nothing = Protection(min_count=1, tails="kept")
    model = FlowGenerator(seed=seed, protection=nothing, progress=False)
    model.fit(parts.train, schema_of(name, parts.train))
    return model.sample(parts.train.height, seed=seed)


def _avatar(name: str, parts: Split, seed: int) -> pl.DataFrame:
    from synthema_core.generate import AvatarGenerator

    model = AvatarGenerator().fit(parts.train, schema_of(name, parts.train))
    return model.sample(parts.train.height, seed=seed)


OWN: dict[str, Callable[[str, Split, int], pl.DataFrame]] = {
    "flow": _flow,
    "flow_open": _flow_open,
    "avatar": _avatar,
    "copy": lambda _, parts, seed: parts.train,
    "cart": lambda _, parts, seed: cart(parts.train, parts.train.height, seed=seed),
    "marginals": lambda _, parts, seed: marginals(parts.train, seed),
}


def rival(generator: str, name: str, parts: Split, seed: int) -> pl.DataFrame:
    """What a rival draws, in an environment of its own; RuntimeError if it fails."""
    python = HERE / ".rivals" / ENVIRONMENTS[generator] / "bin" / "python"
    if not python.exists():
        raise RuntimeError(f"run bench/rivals.sh {ENVIRONMENTS[generator]}")
    train = parts.train
    numeric = PROTOCOLS[name].plain(pl.concat([train, parts.test, parts.reference]))["numeric"]
    with tempfile.TemporaryDirectory() as folder:
        paths = {"train": f"{folder}/train.csv", "out": f"{folder}/out.csv"}
        train.with_columns(pl.col(pl.Boolean).cast(pl.Int8)).write_csv(paths["train"])
        order = paths | {
            "rival": generator,
            "seed": seed,
            "n": train.height,
            "numeric": numeric,
        }
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                [python, "-P", HERE / "rivals_draw.py"],  # bench/numbers.py is not the standard one
                input=json.dumps(order),
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=LONGEST,
                env={**environment, **threads},
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"not done after {LONGEST} s") from None
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "failed")
        drawn = pl.read_csv(paths["out"], infer_schema=False)
    numbers = [pl.col(c).cast(pl.Float64, strict=False) for c in numeric]
    rest = [pl.col(c).replace("", None) for c in train.columns if c not in numeric]
    return drawn.with_columns(*numbers, *rest).select(train.columns)


def drawn(generator: str, name: str, seed: int, parts: Split) -> Path:
    """Where the draw lies; made if absent. A failure is kept too, beside it."""
    folder = RESULTS / name / generator
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}.parquet"
    if path.exists():
        return path
    started = time.perf_counter(), time.process_time()
    make = OWN.get(generator)
    table = make(name, parts, seed) if make else rival(generator, name, parts, seed)
    seconds = time.perf_counter() - started[0]
    table.write_parquet(path)
    path.with_suffix(".seconds").write_text(f"{seconds:.1f}")
    return path


def work(tables: Sequence[str], generators: Sequence[str], first: int, at_most: int) -> None:
    """Draw and mark what is absent, quick generators first."""
    for name in tables:
        table = table_of(name)
        most = max(SEEDS[g][name != "aml_amlsg_2016"] for g in generators)
        for seed in range(first, first + min(most, at_most)):
            parts = split(table, seed)
            paths = {}
            for generator in generators:
                if seed - first >= SEEDS[generator][name != "aml_amlsg_2016"]:
                    continue
                failure = RESULTS / name / generator / f"{seed}.failed"
                if failure.exists():
                    continue
                try:
                    path = drawn(generator, name, seed, parts)
                except RuntimeError as error:
                    failure.parent.mkdir(parents=True, exist_ok=True)
                    failure.write_text(str(error))
                    print(f"{name} seed {seed}: {generator} failed: {error}", flush=True)
                    continue
                if not path.with_suffix(".json").exists():
                    paths[generator] = path
            if not paths:
                continue
            read = {generator: pl.read_parquet(path) for generator, path in paths.items()}
            marks = mark(name, parts, read, seed)
            for generator, row in marks.items():
                seconds = RESULTS / name / generator / f"{seed}.seconds"
                row["draw_seconds"] = float(seconds.read_text()) if seconds.exists() else None
                out = RESULTS / name / generator / f"{seed}.json"
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text(json.dumps(row))
                print(
                    f"{name} seed {seed}: {generator}: C2ST {row['c2st']:.3f}, membership "
                    f"{row['membership']:.3f}",
                    flush=True,
                )


def results(name: str) -> dict[str, list[dict[str, Any]]]:
    """Marks of a table by generator, ceiling first."""
    found = {}
    for generator in LABELS:
        paths = sorted((RESULTS / name / generator).glob("*.json"))
        if paths:
            found[generator] = [json.loads(path.read_text()) for path in paths]
    return found


def table(name: str) -> Table:
    """What the page says of a patient table, from its marks and failures."""
    patients = table_of(name)
    facts = f"{patients.height // 2:,} patients to fit on, {len(patients.columns)} columns."
    failures = sorted((RESULTS / name).glob("*/*.failed"))
    return Table(
        facts,
        {LABELS[generator]: row_of(marks) for generator, marks in results(name).items()},
        [f"{LABELS[p.parent.name]}, split {p.stem}: {p.read_text()}." for p in failures],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="*", default=list(PROTOCOLS), choices=list(PROTOCOLS))
    parser.add_argument("--generators", nargs="*", default=list(SEEDS), choices=list(SEEDS))
    parser.add_argument("--first", type=int, default=100, help="0 to 4 served development")
    parser.add_argument("--seeds", type=int, help="at most so many, of any generator")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--again", nargs="*", default=[], choices=list(SEEDS))
    parser.add_argument("--picture", action="store_true")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    for generator in asked.again:
        for name in asked.tables:
            for path in (RESULTS / name / generator).glob("*"):
                path.unlink()
    if asked.draw:
        work(asked.tables, asked.generators, asked.first, asked.seeds or 99)
    tables = {name: table(name) for name in asked.tables if results(name)}
    for name, found in tables.items():
        print(f"\n{name}\n\n{found}")
    if asked.page:
        PAGE.write_text(written(PAGE.read_text(), tables))
        print(PAGE)
    if asked.picture:
        from bench.generators_picture import draw

        draw(read(PAGE.read_text()))


if __name__ == "__main__":
    main()
