"""Against anonymeter 1.1.0, in an environment of its own: `python -m bench.anonymeter`.

The same thirds of `adult` as members, people never seen and others; the others, and a table that
copies a quarter of the members, stand for synthetic ones. The same columns, the same number of
attacks. Times are wall seconds of making an evaluator and `evaluate()` on all cores, and processor
seconds of all threads, after a warm-up on 50 rows, so that neither side's compilation counts; ours
the best of three. Risks must agree within their intervals where anonymeter is right: the tables
hold no missing values, quotes or dates. Run `bench/rivals.sh anonymeter` first.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from bench.patients import load, split

RIVAL = Path(__file__).parent / ".rivals" / "anonymeter" / "bin" / "python"
LINK = (
    ["age", "education", "marital_status", "hours_per_week", "native_country"],
    ["workclass", "occupation", "relationship", "race", "sex", "capital_gain"],
)
KNOWN = ["age", "education", "marital_status", "occupation", "relationship", "race", "sex"]

# ruff: noqa: E501  (a program in a string)
# Runs in either environment: only the import differs.
JOB = """
import json, sys, time, warnings
import pandas as pd
warnings.simplefilter("ignore")
module, folder, attacks = sys.argv[1], sys.argv[2], int(sys.argv[3])
ours = module != "anonymeter.evaluators"
from importlib import import_module
lib = import_module(module)
def read(name):
    return pd.read_parquet(f"{folder}/{name}.parquet")
tables = {"ori": read("ori"), "syn": read(sys.argv[4]), "control": read("control")}
link, known = json.loads(sys.argv[5])
def runs(t, n):
    one, three, link_, secret = (
        lib.SinglingOutEvaluator, lib.SinglingOutEvaluator, lib.LinkabilityEvaluator, lib.InferenceEvaluator
    )
    more = {"aux_cols": known, "n_attacks": n}
    return {
        "singling out, 1 column": (one, {"n_attacks": n, "seed": 0}, {"mode": "univariate"}),
        "singling out, 3 columns": (three, {"n_attacks": n, "n_cols": 3, "seed": 0}, {"mode": "multivariate"}),
        "linkability": (link_, {"aux_cols": link, "n_attacks": n}, {"n_jobs": -1}),
        "inference, income": (secret, {"secret": "income"} | more, {"n_jobs": -1}),
        "inference, hours": (secret, {"secret": "hours_per_week", "regression": True} | more, {"n_jobs": -1}),
    }
for make, given, options in runs(tables, 5).values():
    make(**{k: v.head(50) for k, v in tables.items()}, **given).evaluate(**options)
for name, (make, given, options) in runs(tables, attacks).items():
    if not name.startswith(tuple(sys.argv[6].split(","))):
        continue
    best = busy = float("inf")
    for _ in range(3 if ours else 1):
        start, used = time.perf_counter(), time.process_time()
        one = make(**tables, **given).evaluate(**options)
        best = min(best, time.perf_counter() - start)
        busy = min(busy, time.process_time() - used)
    risk = one.risk(confidence_level=0.95)
    results = one.results()
    print(json.dumps({"name": name, "seconds": best, "busy": busy, "risk": risk.value, "low": risk.ci[0],
                      "high": risk.ci[1], "main": results.attack_rate.value,
                      "control": results.control_rate.value, "n": results.n_attacks_ori}), flush=True)
"""


def run(
    python: str | Path, module: str, folder: str, attacks: int, synthetic: str, only: str
) -> list[dict]:
    command = [str(python), "-c", JOB, module, folder, str(attacks), synthetic]
    command += [json.dumps([LINK, KNOWN]), only]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attacks", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=24_000)
    parser.add_argument("--synthetic", nargs="*", default=["fresh", "copied"])
    parser.add_argument("--only", default="", help="attacks whose name begins so, by commas")
    asked = parser.parse_args()
    if not RIVAL.exists():
        raise SystemExit("bench/.rivals/anonymeter: not found. Run bench/rivals.sh anonymeter.")
    table = load("adult").drop("split").drop_nulls()
    n = min(asked.rows, table.height // 3)
    train, rest = split(table, n, seed=0)
    control, fresh = rest[:n], rest[n : 2 * n]
    with tempfile.TemporaryDirectory() as folder:
        copied = pl.concat([train[: n // 4], fresh[n // 4 :]])
        for name, frame in {
            "ori": train,
            "control": control,
            "fresh": fresh,
            "copied": copied,
        }.items():
            frame.write_parquet(f"{folder}/{name}.parquet")
        print(f"adult, {n:,} rows each of members, control and synthetic; {asked.attacks} attacks")
        for name in asked.synthetic:
            job = folder, asked.attacks, name, asked.only
            ours = run(sys.executable, "synthema_core.compat.anonymeter", *job)
            theirs = run(RIVAL, "anonymeter.evaluators", *job)
            print({"fresh": "fresh people:", "copied": "a quarter copied:"}[name])
            for mine, other in zip(ours, theirs, strict=True):
                meet = mine["low"] <= other["high"] and other["low"] <= mine["high"]
                print(
                    f"  {mine['name']:24} {mine['seconds']:8.3f} s, anonymeter {other['seconds']:8.2f} s,"
                    f" ratio {other['seconds'] / mine['seconds']:.1f}; processor {mine['busy']:.3f} and"
                    f" {other['busy']:.2f} s, ratio {other['busy'] / mine['busy']:.1f}; risk "
                    f"{mine['risk']:.3f} [{mine['low']:.3f}, {mine['high']:.3f}], anonymeter "
                    f"{other['risk']:.3f} [{other['low']:.3f}, {other['high']:.3f}]"
                    f"{'' if meet else '  APART'}"
                )
                print(
                    f"  {'':24} main {mine['main']:.3f} and {other['main']:.3f}, control "
                    f"{mine['control']:.3f} and {other['control']:.3f}, attacks {mine['n']:.0f} "
                    f"and {other['n']}"
                )


if __name__ == "__main__":
    start = time.perf_counter()
    main()
    print(f"{time.perf_counter() - start:.0f} s")
