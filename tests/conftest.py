"""Fixtures shared by every test."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings

settings.register_profile("exact", derandomize=True, deadline=None)
settings.load_profile("exact")

DATA = Path(os.environ.get("SYNTHEMA_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def patient_table():
    """A real patient table by name, without its row number; skips where it is absent."""

    def load(name: str) -> pl.DataFrame:
        path = DATA / name / f"{name}.parquet"
        if not path.exists():
            pytest.skip(f"patient table {name} not found: set SYNTHEMA_DATA")
        return pl.read_parquet(path).drop("pid", strict=False)

    return load


@pytest.fixture
def one_thread():
    """Kernels on one thread: hundreds of small searches wait for each other otherwise."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)
