"""A table four times larger than the memory bound, audited within the bound.

    python -m bench.scale_memory                       # 4 GiB of rows, bound 1 GiB
    python -m bench.scale_memory --size 3GiB --memory 768MiB

Writes shards of a mixed table (24 numbers, 8 codes, 8 texts; some missing; some rows copied from
the training table), audits them in a fresh process, and prints the peak of its resident memory, the
interpreter included, beside the bound. Then the same table is audited in memory and every number is
compared; if this machine cannot hold it, a smaller table of the same kind is audited both ways.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import synthema_core as sc
from synthema_core.memory import bytes_of, peak, words

NUMBERS, CODES, TEXTS = 24, 8, 8
SHARD_ROWS = 4 * 65_536
HELD = 4  # times its size: what an audit of a table in memory may hold
LABELS = np.array(["alpha", "beta", "gamma: a label of some length", "delta"])


def rows(n: int, seed: int) -> pl.DataFrame:
    """Correlated numbers with one decimal, codes and texts; five per cent missing."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 4)) @ rng.normal(size=(4, NUMBERS))
    numbers = np.round(50 + 10 * latent + 5 * rng.normal(size=(n, NUMBERS)), 1)
    numbers[rng.random(numbers.shape, np.float32) < 0.05] = np.nan
    codes = rng.integers(0, 3, (n, CODES))
    texts = rng.integers(0, len(LABELS), (n, TEXTS))
    return pl.DataFrame(
        {f"number_{i}": numbers[:, i] for i in range(NUMBERS)}
        | {f"code_{i}": codes[:, i] for i in range(CODES)}
        | {f"text_{i}": LABELS[texts[:, i]] for i in range(TEXTS)}
    ).fill_nan(None)


def shards(folder: Path, n: int, copied: pl.DataFrame) -> int:
    """Write n rows as shards, each of which begins with the copied ones; returns decoded bytes."""
    folder.mkdir()
    size = 0
    for shard, start in enumerate(range(0, n, SHARD_ROWS)):
        height = min(SHARD_ROWS, n - start)
        table = pl.concat([copied, rows(height - copied.height, 1000 + shard)])
        table.write_parquet(folder / f"{shard:04d}.parquet", row_group_size=65_536)
        size += table.estimated_size()
    return size


def audited(folder: Path, memory: str | None, *, in_memory: bool = False) -> dict:
    """One audit in a fresh process: seconds, peak, and every number."""
    words = [sys.executable, "-m", "bench.scale_memory", "--child", str(folder)]
    words += ["--memory", memory] if memory else []
    done = subprocess.run(
        [*words, *(["--held"] if in_memory else [])], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def child(folder: Path, memory: str | None, *, held: bool) -> None:
    synthetic: object = folder / "synthetic"
    if held:
        synthetic = pl.read_parquet(folder / "synthetic" / "*.parquet")
    start = time.perf_counter()
    found = sc.audit(
        train=folder / "train.parquet",
        synthetic=synthetic,
        holdout=folder / "holdout.parquet",
        schema=sc.Schema.read(folder / "schema.json"),
        seed=0,
        memory=memory,
        progress=False,
    )
    seconds = time.perf_counter() - start
    numbers = found.to_dict()
    parts = numbers["provenance"].pop("seconds")
    del numbers["provenance"]["created"]
    print(json.dumps({"seconds": seconds, "parts": parts, "peak": peak(), "numbers": numbers}))


def study(folder: Path, n: int) -> int:
    """A folder with all that an audit needs; returns the decoded bytes of the synthetic table."""
    folder.mkdir()
    train = rows(2_000, 0)
    train.write_parquet(folder / "train.parquet")
    rows(1_000, 1).write_parquet(folder / "holdout.parquet")
    sc.Schema.infer(train, name="scale").write(folder / "schema.json")
    return shards(folder / "synthetic", n, train.head(500))


def free() -> int:
    """Bytes of memory that are available."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", default="4GiB", help="of the table, decoded")
    arguments.add_argument("--memory", default=None, help="bound (default: size / 4)")
    arguments.add_argument("--folder", help="where the table is made (default: the system's)")
    arguments.add_argument("--child", help=argparse.SUPPRESS)
    arguments.add_argument("--held", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        return child(Path(given.child), given.memory, held=given.held)
    memory = given.memory or str(bytes_of(given.size) // 4)
    row = rows(10_000, 1).estimated_size() / 10_000
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        start = time.perf_counter()
        size = study(Path(name) / "large", int(bytes_of(given.size) / row) + 1)
        print(f"made {words(size)} of rows in {time.perf_counter() - start:.0f} s", flush=True)
        found = audited(Path(name) / "large", memory)
        print(
            f"{found['numbers']['provenance']['n_synthetic']:,} rows, {words(size)} decoded, "
            f"bound {words(bytes_of(memory))}: peak {words(found['peak'])}, "
            f"{found['seconds']:.0f} s  {found['parts']}",
            flush=True,
        )
        within = found["peak"] <= bytes_of(memory)
        print("within the bound" if within else "ABOVE THE BOUND", flush=True)
        compared = Path(name) / "large"
        if free() < HELD * size:
            print("this machine cannot hold that table: 300,000 rows are compared instead")
            compared = Path(name) / "small"
            study(compared, 300_000)
            found = audited(compared, memory)
        held = audited(compared, None, in_memory=True)
        equal = found["numbers"] == held["numbers"]
        print(
            f"in memory: peak {words(held['peak'])}, {held['seconds']:.0f} s; every number "
            f"{'equals' if equal else 'DIFFERS FROM'} that of the streamed audit"
        )
    raise SystemExit(0 if within and equal else 1)


if __name__ == "__main__":
    main()
