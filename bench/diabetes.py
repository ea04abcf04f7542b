"""A hundred thousand encounters, 49 columns, 700-level codes: `python -m bench.diabetes`.

Fits FlowGenerator with its defaults to diabetes130, draws as many rows as it saw, and prints the
seconds and the peak memory of each step.
"""

import argparse
import time

import numpy as np
import polars as pl

import synthema_core as sc
from bench.patients import load
from synthema_core.generate import FlowGenerator
from synthema_core.memory import peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, help="at most so many rows to fit on")
    parser.add_argument("--share", type=float, default=1.0, help="of the patients to fit on")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = {k: int(v) for k, v in (item.split("=", 1) for item in asked.set)}
    table = load("diabetes130")
    patients = np.random.default_rng(0).permutation(table["patient"].unique().sort().to_numpy())
    chosen = patients[: int(asked.share * patients.size)]
    train = table.filter(pl.col("patient").is_in(chosen.tolist())).drop("patient")
    train = train.head(asked.rows) if asked.rows else train
    clock = time.perf_counter(), time.process_time()

    def report(step: str, rows: int = 0) -> None:
        nonlocal clock
        now = time.perf_counter(), time.process_time()
        print(
            f"{step:8} {now[0] - clock[0]:8.1f} s, {now[1] - clock[1]:8.1f} s of CPU, peak "
            f"{peak() / 2**30:.2f} GiB"
            + (f", {rows / (now[1] - clock[1]):,.0f} rows per second of CPU" if rows else ""),
            flush=True,
        )
        clock = now

    schema = sc.Schema.infer(train, name="diabetes130")
    report("schema")
    model = FlowGenerator(seed=0, progress=False, **settings).fit(train, schema)
    levels = sum(model.model.encoder.variables.levels)
    report("fit")
    drawn = model.sample(train.height, seed=0)
    report("sample", drawn.height)
    print(
        f"{train.height:,} rows, {train.width} columns, {levels:,} levels; {drawn.height:,} drawn"
    )
    codes = train["diag_1"].value_counts(normalize=True, name="real")
    both = codes.join(drawn["diag_1"].value_counts(normalize=True, name="drawn"), on="diag_1")
    gap = 1 - both.select(pl.min_horizontal("real", "drawn").sum()).item()
    print(f"diag_1: {codes.height} codes, total variation distance {gap:.3f}")


if __name__ == "__main__":
    main()
