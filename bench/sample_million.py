"""A million synthetic patients into one file: `python -m bench.sample_million [--memory 1GiB]`.

Fits FlowGenerator with its defaults to the AMLSG table's 47 columns (or reads `--model`), then
draws in a process of its own under the bound, and prints rows per second and that process's peak
memory.
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
from bench.aml import RULES
from bench.exam.protocols import split, table_of

DRAW = """
import json, sys, time
from synthema_core.generate import FlowGenerator
from synthema_core.memory import peak
model, path, n, memory = sys.argv[1:]
generator = FlowGenerator.load(model)
generator.progress = False
start = time.perf_counter()
generator.sample(1, seed=0)
compiled, cpu = time.perf_counter(), time.process_time()
generator.sample_to(path, int(n), seed=0, memory=memory)
print(json.dumps({"compile": compiled - start, "draw": time.perf_counter() - compiled,
                  "cpu": time.process_time() - cpu,
                  "peak": peak(), "redraw": generator.redraw_.rate}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--model", help="a model file, instead of fitting one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = asked.model or f"{folder}/aml.synthema"
        if asked.model is None:
            from synthema_core.generate import FlowGenerator

            train = split(table_of("aml_amlsg_2016"), 100).train
            schema = sc.Schema.infer(train, name="AMLSG").with_rules(*RULES)
            start = time.perf_counter()
            FlowGenerator(seed=100, progress=False).fit(train, schema).save(model)
            print(f"fitted in {time.perf_counter() - start:.0f} s", flush=True)
        path = Path(folder) / "rows.parquet"
        order = [sys.executable, "-c", DRAW, model, str(path), str(asked.rows), asked.memory]
        done = subprocess.run(order, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr.strip().splitlines()[-1])
        found = json.loads(done.stdout)
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        print(
            f"{rows:,} rows in {found['draw']:.1f} s: {rows / found['draw']:,.0f} rows per second "
            f"({rows / found['cpu']:,.0f} per second of CPU) "
            f"after {found['compile']:.1f} s of compiling; peak memory "
            f"{found['peak'] / 2**20:,.0f} MiB under a bound of {asked.memory}; file "
            f"{path.stat().st_size / 2**20:.0f} MiB; redraw rate {found['redraw']:.4f}"
        )


if __name__ == "__main__":
    main()
