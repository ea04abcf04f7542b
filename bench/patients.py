"""The shared patient tables, and how a bench splits them."""

import os
from pathlib import Path

import numpy as np
import polars as pl

DATA = Path(os.environ.get("SYNTHEMA_DATA", Path(__file__).parents[2] / "shared" / "data"))


def load(name: str) -> pl.DataFrame:
    """A patient table without its row number; ends with a message where it is absent."""
    path = DATA / name / f"{name}.parquet"
    if not path.exists():
        raise SystemExit(f"{path}: not found. Set SYNTHEMA_DATA to the folder of patient tables.")
    return pl.read_parquet(path).drop("pid", strict=False)


def split(table: pl.DataFrame, n_train: int, *, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Train and holdout: a random half that a generator sees, and the people it never sees."""
    order = np.random.default_rng(seed).permutation(table.height)
    return table[order[:n_train]], table[order[n_train:]]
