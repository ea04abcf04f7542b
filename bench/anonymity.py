"""Classes in a million rows by ten quasi-identifiers, in seconds: `python -m bench.anonymity`."""

import time

import numpy as np
import polars as pl

from synthema_core.anonymity import anonymity, class_sizes
from synthema_core.deidentify import deidentify
from synthema_core.schema import Schema

CARDINALITIES = (90, 2, 8, 50, 12, 2, 5, 20, 700, 30)
ROWS = 1_000_000


def table(seed: int) -> pl.DataFrame:
    """Half the quasi-identifiers numbers, half text; a numeric and a categorical secret."""
    rng = np.random.default_rng(seed)
    columns = {
        f"q{i}": pl.Series(rng.integers(0, c, ROWS)).cast(pl.Int64 if i < 5 else pl.String)
        for i, c in enumerate(CARDINALITIES)
    }
    value = rng.integers(0, 1000, ROWS)
    return pl.DataFrame(columns | {"x": value, "c": pl.Series(value % 9).cast(pl.String)})


def main() -> None:
    frame = table(0)
    known = [name for name in frame.columns if name.startswith("q")]
    for names in (known, known[:3]):
        start = time.perf_counter()
        class_sizes(frame, quasi_identifiers=names)
        counted = time.perf_counter()
        found = anonymity(frame, quasi_identifiers=names, secrets=["x", "c"], sampling_fraction=0.1)
        print(
            f"{ROWS:,} rows, {len(names)} quasi-identifiers, {found.classes.n_classes:,} classes: "
            f"sizes {counted - start:.2f} s, everything on two secrets "
            f"{time.perf_counter() - counted:.2f} s"
        )
    schema = Schema.infer(frame.head(10_000))
    start = time.perf_counter()
    done = deidentify(frame, schema, k=5, seed=0, quasi_identifiers=known[:6])
    seconds = time.perf_counter() - start
    print(
        f"{ROWS:,} rows, 6 quasi-identifiers: de-identified in {seconds:.1f} s, "
        f"{done.record.tested} of {done.record.combinations} combinations counted"
    )


if __name__ == "__main__":
    main()
