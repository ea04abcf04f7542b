"""100,000 synthetic AML patients and not one impossible: `python -m bench.valid [--rows 100000]`.

Fits FlowGenerator with its defaults to half of the AMLSG table under the rules of bench/aml.py,
streams the rows to a Parquet file, and counts violations there by expressions written here, which
share no code with the package. Prints the redraw rate too, and how far redrawing moved the
distribution.
"""

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl

import synthema_core as sc
from bench.aml import RULES
from bench.exam.protocols import split, table_of
from synthema_core.generate import FlowGenerator

c = pl.col
IMPOSSIBLE = {
    "EFS after OS": c("efs_days") > c("os_days"),
    "remission after the end of follow-up": c("cr_days") > c("os_days"),
    "dead without an EFS event": (c("os_status") == 1) & (c("efs_status") != 1),
    "class inv16 without inv(16)": (c("molecular_class") == "inv16")
    & (c("cyto_inv16_t16_16") != 1),
    "class t8_21 without t(8;21)": (c("molecular_class") == "t8_21") & (c("cyto_t_8_21") != 1),
    "complex and normal karyotype": (c("cyto_complex") == 1) & (c("normal_karyotype") == 1),
    "remission after early death": (c("induction_response") == "ED") & c("cr_days").is_not_null(),
    "negative time": (c("os_days") < 0) | (c("efs_days") < 0) | (c("cr_days") < 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--model", help="a model file, instead of fitting one")
    asked = parser.parse_args()
    if asked.model:
        model = FlowGenerator.load(asked.model)
        model.progress = False
    else:
        train = split(table_of("aml_amlsg_2016"), asked.seed).train
        schema = sc.Schema.infer(train, name="AMLSG").with_rules(*RULES)
        model = FlowGenerator(seed=asked.seed, progress=False).fit(train, schema)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        started = time.perf_counter()
        model.sample_to(path, asked.rows, seed=asked.seed, memory="4GiB")
        seconds = time.perf_counter() - started
        counted = pl.scan_parquet(path).select(
            rows=pl.len(),
            **{name: e.fill_null(value=False).sum() for name, e in IMPOSSIBLE.items()},
        )
        found = counted.collect().row(0, named=True)
    rows = found.pop("rows")
    for name, count in found.items():
        print(f"{count:8,} of {rows:,} rows: {name}")
    account = model.redraw_
    print(f"{sum(found.values()):,} violations in {rows:,} rows, drawn in {seconds:.1f} s")
    print(f"redraw rate {account.rate:.4f}: {account.refused:,} of {account.drawn:,} rows")
    for sentence, count in account.by_rule:
        print(f"  {count:8,} broke: {sentence}")
    print(f"redrawing moved {account.shifted!r} most: total variation {account.shift:.4f}")


if __name__ == "__main__":
    main()
