"""Exact nearest rows, side by side with rivals: `python -m bench.neighbors [--rows 10000 50000]`.

`bench/rivals.sh` makes the rivals' environments first (once). Every engine gets the same arrays, in
its own process, and is timed from arrays to answer; best of several runs. An engine that would
take too long gets fewer queries, and sdmetrics one full chunk of its own (1,000 x 1,000
rows): its time is scaled by the number of pairs, fair for brute force, and marked '~'.

`ratio` compares wall clocks; `cpu` compares processor time, which holds on a busy machine too.
`same` is the share of the first 100 queries whose closest distance equals ours (to 1e-5 relative).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
THREADS = os.cpu_count() or 1

# engine, environment ("" is ours), what it measures, most pairs and pool rows it is given
MIXED = [
    ("synthema", "", "Gower, k = 2", 1e15, 1e9),
    ("anonymeter", "anonymeter", "Gower, k = 2; NaN spreads", 1.1e8, 1e9),
    ("gower", "gower", "Gower, k = 2; NaN spreads", 1e7, 1e9),
    ("sdmetrics", "sdmetrics", "Gower, k = 1 (DCR)", 1e6, 1_000),
]
NUMERIC = [
    ("synthema", "", "L1, k = 2", 1e15, 1e9),
    ("faiss_l1", "faiss", "L1, k = 2", 2.5e9, 1e9),
    ("faiss_l2", "faiss", "squared L2, k = 2", 2.5e9, 1e9),
    ("sklearn", "sklearn", "L1, k = 2", 2.5e8, 1e9),
]


def mixed(n: int, m: int, *, seed: int = 0) -> dict[str, np.ndarray]:
    """16 numeric and 16 categorical columns from five common factors, 10 % missing, 1 % copies."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n + m, 5)) @ rng.standard_normal((5, 32))
    latent = 0.9 * common / np.sqrt(5) + 0.35 * rng.standard_normal((n + m, 32))
    numeric = latent[:, :16]
    numeric[:, ::3] = np.exp(numeric[:, ::3])
    numeric[:, 1::3] = np.round(8 * numeric[:, 1::3])
    levels = [2, 2, 3, 4, 5, 6, 7, 8, 8, 10, 12, 14, 16, 20, 24, 30]
    codes = np.empty((n + m, 16), np.int32)
    for c, count in enumerate(levels):
        cuts = np.quantile(latent[:, 16 + c], np.sort(rng.random(count - 1)))
        codes[:, c] = np.searchsorted(cuts, latent[:, 16 + c])
    numeric = _scaled(numeric, n)
    numeric[rng.random(numeric.shape) < 0.1] = np.nan
    codes[rng.random(codes.shape) < 0.1] = -1
    copies = rng.choice(n, n // 100, replace=False), n + rng.choice(m, n // 100, replace=False)
    numeric[copies[0]], codes[copies[0]] = numeric[copies[1]], codes[copies[1]]
    return _split(numeric, codes, n)


def gaussian(n: int, m: int, *, seed: int = 0) -> dict[str, np.ndarray]:
    """32 independent float32 columns scaled to [0, 1], nothing missing."""
    numeric = np.random.default_rng(seed).standard_normal((n + m, 32))
    numeric = _scaled(numeric, n)
    return _split(numeric.astype(np.float32), np.empty((n + m, 0), np.int32), n)


def _scaled(numeric: np.ndarray, n: int) -> np.ndarray:
    """Columns on the range of the pool, the rows from n on."""
    return (numeric - numeric[n:].min(axis=0)) / np.ptp(numeric[n:], axis=0)


def _split(numeric: np.ndarray, codes: np.ndarray, n: int) -> dict[str, np.ndarray]:
    return {
        "queries_numeric": numeric[:n],
        "queries_codes": codes[:n],
        "pool_numeric": numeric[n:],
        "pool_codes": codes[n:],
    }


def measure(
    engine: str, environment: str, path: Path, queries: int, rows: int, *, patience: float
) -> dict:
    """One engine in its own process."""
    python = HERE / ".rivals" / environment / "bin" / "python" if environment else sys.executable
    threads = ("BENCH_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    command = [python, "-W", "ignore", HERE / "neighbors_engine.py", engine, path]
    done = subprocess.run(
        [*map(str, command), str(queries), str(rows), str(patience)],
        env={**os.environ, **dict.fromkeys(threads, str(THREADS))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SystemExit(f"bench.neighbors: {engine}: {last}. Has bench/rivals.sh been run?")
    return json.loads(done.stdout.splitlines()[-1])


def table(
    title: str, engines: list, n: int, data: dict[str, np.ndarray], *, patience: float
) -> None:
    """Print one table: every engine on the same arrays."""
    m = len(data["pool_numeric"])
    print(f"\n{title}, n = {n:,} queries, m = {m:,} rows")
    figures = f"{'seconds':>11}{'ratio':>10}{'cpu':>10}{'same':>6}  runs"
    print(f"{'engine':<12}{'version':<9}{'measures':<27}{figures}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, **data)
        ours = None
        for engine, environment, metric, most_pairs, most_rows in engines:
            rows = min(m, int(most_rows))
            queries = min(n, int(most_pairs // rows))
            got = measure(engine, environment, path, queries, rows, patience=patience)
            whole = queries == n and rows == m
            seconds = np.array([min(got["seconds"]), min(got["cpu"])]) * n * m / (queries * rows)
            ours = ours or (seconds, got["closest"])
            ratio = seconds / ours[0]
            same = np.isclose(got["closest"], ours[1][: len(got["closest"])], rtol=1e-5, atol=1e-7)
            shown = ("" if whole else "~") + f"{seconds[0]:.3f}"
            agreement = f"{same.mean():.0%}" if rows == m else "-"
            runs = f"{len(got['seconds'])}" + ("" if whole else f" on {queries:,} x {rows:,}")
            print(
                f"{engine:<12}{got['version']:<9}{metric:<27}{shown:>11}"
                f"{ratio[0]:>9.1f}x{ratio[1]:>9.1f}x{agreement:>6}  {runs}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--patience", type=float, default=15, help="seconds of repeats an engine")
    arguments = parser.parse_args()
    print(f"{THREADS} threads, {platform.machine()}, Python {platform.python_version()}")
    for n in arguments.rows:
        data = mixed(n, n + 1)  # not n: gower takes two tables of equal length for one
        title = "Mixed, 16 numeric + 16 categorical columns, 10 % missing"
        table(title, MIXED, n, data, patience=arguments.patience)
        data = gaussian(n, n)
        table("Numeric, d = 32, float32", NUMERIC, n, data, patience=arguments.patience)


if __name__ == "__main__":
    main()
