"""Hands tables to the marking, which runs in an environment of its own, and prints the marks."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from .protocols import PROTOCOLS, Split

HERE = Path(__file__).parent
PYTHON = HERE.parent / ".rivals" / "exam" / "bin" / "python"

MEASURES = {
    "shape": "shape error",
    "pair": "pair error",
    "c2st": "C2ST AUC",
    "c2st_sharp": "the same, sharp eye",
    "tstr": "TSTR ratio",
    "c_index": "C-index ratio",
    "km": "KM gap",
    "km_strata": "KM strata gap",
    "ties": "ties",
    "heaps": "heaps",
    "broken": "rules broken",
    "coverage": "coverage",
    "dcr_share": "DCR share",
    "verbatim": "verbatim",
    "membership": "membership AUC",
    "tpr": "TPR at 1 % FPR",
    "seconds": "seconds to mark",
}


def mark(name: str, split: Split, tables: Mapping[str, pl.DataFrame], seed: int) -> dict[str, Any]:
    """Marks of synthetic tables by name, and of fresh patients under "fresh".

    Args:
        name: Patient table whose protocol is used.
        split: The real patients.
        tables: Synthetic tables; they hold the columns of the real ones.
        seed: Of subsets, folds and models of the exam.
    """
    if not PYTHON.exists():
        raise SystemExit(f"{PYTHON}: not found. Run: bench/rivals.sh exam")
    with tempfile.TemporaryDirectory() as folder:
        paths: dict[str, str] = {}
        real = {"train": split.train, "test": split.test, "reference": split.reference}
        for part, frame in [*real.items(), *((f"synthetic {k}", t) for k, t in tables.items())]:
            paths[part] = str(Path(folder) / f"{len(paths)}.parquet")
            frame.write_parquet(paths[part])
        whole = pl.concat([split.train, split.test, split.reference])
        order = {part: paths[part] for part in real} | {
            "protocol": PROTOCOLS[name].plain(whole),
            "seed": seed,
            "synthetic": {"fresh": paths["reference"]}
            | {k: paths[f"synthetic {k}"] for k in tables},
        }
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [PYTHON, HERE / "marking.py"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            env={**os.environ, **threads, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"},
        )
    if done.returncode:
        raise SystemExit(f"exam: {done.stderr.strip()[-2000:]}")
    marks: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return marks


def marginals(train: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Every column drawn from training values on its own: the floor."""
    rng = np.random.default_rng(seed)
    n = train.height
    return train.select(pl.col(c).gather(rng.integers(0, n, n)) for c in train.columns)


def mean_and_spread(rows: Sequence[Mapping[str, Any]], measure: str) -> tuple[float, float] | None:
    """Mean and standard deviation over splits; None where nothing was measured."""
    values = [row[measure] for row in rows if row.get(measure) is not None]
    return (float(np.mean(values)), float(np.std(values))) if values else None


def printed(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """A table of mean (sd): a row a measure, a column a generator."""
    lines = [f"{'':22}" + "".join(f"{name:>18}" for name in found)]
    for measure, label in MEASURES.items():
        cells = [mean_and_spread(rows, measure) for rows in found.values()]
        shown = ("–" if c is None else f"{c[0]:.3f} ({c[1]:.3f})" for c in cells)
        lines.append(f"{label:22}" + "".join(f"{cell:>18}" for cell in shown))
    return "\n".join(lines)
