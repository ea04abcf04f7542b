"""All evidence in one call, timed: `python -m bench.evidence [adult diabetes130]`.

Half of the people are train and half the holdout; the synthetic table is made by the avatar method
with k = 20 from train, one row for each, with 5 % of it replaced by training rows: in blocks of
500, as a projection of 24,000 patients by thousands of levels would take longer than the audit.
What the audit takes does not depend on what leaks. Each audit runs in a process of its own.
Printed: the estimate made before the work, wall time, peak memory, the seconds of each part, and
what was found. The estimate is of two free cores: on a busy machine compare it with the processor
time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

import synthema_core as sc
from bench.patients import load, split
from synthema_core.generate import AvatarGenerator
from synthema_core.memory import peak, words

ROLES = {
    "adult": (["age", "sex", "race", "native_country", "marital_status"], ["income"]),
    "diabetes130": (["race", "gender", "age"], ["readmitted", "A1Cresult"]),
    "aml_amlsg_2016": (["sex", "age", "type_aml"], ["mut_TP53", "eln_risk_2011"]),
}
ROWS = 24_000  # of each table, at most
COPIED = 0.05
BLOCK = 500  # rows that avatars are made of at once
UNITS = {"diabetes130": "patient"}


def tables(name: str, rows: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, sc.Schema]:
    """Train, holdout, avatars of train of which some are its rows, and the schema."""
    table, unit = load(name), UNITS.get(name)
    schema = sc.Schema.infer(table, name=name)
    if unit is not None:
        schema = schema.with_column(unit, kind="identifier")
        people = table[unit].unique(maintain_order=True).sample(fraction=1.0, shuffle=True, seed=0)
        half = table[unit].is_in(people.head(len(people) // 2).implode())
        train, holdout = table.filter(half), table.filter(~half)
    else:
        train, holdout = split(table, table.height // 2, seed=0)
    train, holdout = train.head(rows), holdout.head(rows)
    blocks = (part for part in train.iter_slices(BLOCK) if part.height > 20)
    made = pl.concat(AvatarGenerator(k=20).fit(b, schema).sample(seed=0) for b in blocks)
    copies = int(COPIED * made.height)
    synthetic = pl.concat([train.head(copies).select(made.columns), made.tail(-copies)])
    return train, holdout, synthetic, schema


def run(name: str, rows: int, level: str) -> None:
    """One audit, here; its figures as one line of JSON."""
    from synthema_core.auditing import carry_out, prepare

    train, holdout, synthetic, schema = tables(name, rows)
    known, secrets = ([c for c in part if c in schema.names] for part in ROLES.get(name, ((), ())))
    start, spent = time.perf_counter(), time.process_time()
    job = prepare(
        train=train,
        synthetic=synthetic,
        holdout=holdout,
        schema=schema,
        seed=0,
        evidence=level,
        quasi_identifiers=known or None,
        secrets=secrets or None,
    )
    audit = carry_out(job, progress=False)
    wall, spent = time.perf_counter() - start, time.process_time() - spent
    with tempfile.TemporaryDirectory() as folder:
        audit.write_html(Path(folder) / "audit.html")
        audit.write_json(Path(folder) / "audit.json")
    evidence = audit.frame().filter(pl.col("kind") == "evidence", pl.col("low").is_not_null())
    found = {
        "rows": [train.height, synthetic.height, holdout.height],
        "columns": len(schema.modelled),
        "estimate": str(job.plan),
        "planned": [job.plan.seconds, job.plan.memory],
        "wall": wall,
        "processor": spent,
        "peak": peak(),
        "seconds": audit.provenance.seconds,
        "numbers": evidence.height,
        "membership": [audit.membership.auc.value, audit.membership.tpr_at_1.value],
    }
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["adult", "diabetes130"])
    parser.add_argument("--evidence", choices=("none", "quick", "full"), default="full")
    parser.add_argument("--rows", type=int, default=ROWS, help="of each table, at most")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        run(given.names[0], given.rows, given.evidence)
        return
    for name in given.names:
        command = [sys.executable, "-m", "bench.evidence", name, "--here"]
        command += ["--rows", str(given.rows), "--evidence", given.evidence]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        train, synthetic, holdout = found["rows"]
        print(
            f"{name}: {train:,} train, {synthetic:,} synthetic, {holdout:,} holdout rows of "
            f"{found['columns']} columns, evidence={given.evidence}"
        )
        print(f"  {found['estimate']}")
        print(
            f"  took {found['wall']:.0f} s ({found['processor']:.0f} s of processor time), "
            f"peak {words(found['peak'])}; {found['numbers']} figures of evidence with intervals"
        )
        seconds = found["seconds"].items()
        print("  " + ", ".join(f"{part} {spent:.1f}" for part, spent in seconds if spent >= 0.05))
        auc, at_1 = found["membership"]
        print(f"  5 % copied: distance AUC {auc:.3f}, {at_1:.1%} found at 1 % FPR", flush=True)


if __name__ == "__main__":
    main()
