"""Levels that no real patient has together: `python -m bench.unseen_pairs [TABLE] [GENERATOR]`.

Of the rows that `python -m bench.generators --draw` kept, the share whose levels of two columns
stand together in no row of the whole real table; the worst pairs of columns, mean (sd) over the
splits. Beside them what fresh people reach: a quarter of the table against the other three.
"""

import argparse
from itertools import combinations

import numpy as np
import polars as pl

from bench.exam.protocols import PROTOCOLS, split, table_of
from bench.generators import RESULTS

MOST_LEVELS = 16


def unseen(rows: pl.DataFrame, real: pl.DataFrame, a: str, b: str) -> float:
    """Share of the rows that know both columns and hold levels no real row has together."""
    known = rows.select(a, b).drop_nulls()
    strange = known.join(real.select(a, b).drop_nulls().unique(), on=[a, b], how="anti")
    return strange.height / max(known.height, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", default="aml_amlsg_2016", choices=list(PROTOCOLS))
    parser.add_argument("generator", nargs="?", default="flow")
    parser.add_argument("--worst", type=int, default=10, help="pairs of columns that are shown")
    asked = parser.parse_args()
    real = table_of(asked.table).with_columns(pl.col(pl.Boolean).cast(pl.Int8))
    columns = [c for c in real.columns if 2 <= real[c].drop_nulls().n_unique() <= MOST_LEVELS]
    paths = sorted((RESULTS / asked.table / asked.generator).glob("*.parquet"))
    if not paths:
        raise SystemExit(f"draw first: python -m bench.generators --tables {asked.table} --draw")
    drawn, fresh = [], []
    for path in paths:
        rows = pl.read_parquet(path, columns=columns).cast(real.select(columns).schema)
        parts = split(real, int(path.stem))
        others = pl.concat([parts.train, parts.reference])
        pairs = list(combinations(columns, 2))
        drawn.append([unseen(rows, real, *pair) for pair in pairs])
        fresh.append([unseen(parts.test, others, *pair) for pair in pairs])
    mean, spread = np.mean(drawn, axis=0), np.std(drawn, axis=0)
    beside = np.mean(fresh, axis=0)
    print(
        f"{asked.table}, {asked.generator}, {len(paths)} splits: rows with levels unseen together"
    )
    for at in np.argsort(-mean)[: asked.worst]:
        a, b = pairs[at]
        print(f"{mean[at]:7.3f} ({spread[at]:.3f})   fresh {beside[at]:.3f}   {a}, {b}")
    print(f"{mean.mean():7.4f}           fresh {beside.mean():.4f}   mean over {len(pairs)} pairs")


if __name__ == "__main__":
    main()
