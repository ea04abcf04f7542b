"""Exact nearest rows, side by side with rivals: `python -m bench.neighbors [--rows 10000 50000]`.

`bench/rivals.sh` makes the rivals' environments first (once). Every engine gets the same arrays, in
its own process, on as many processors as threads, and is timed from arrays to answer after a
warm-up; best of several runs. A rival that would take too long gets fewer queries (sdmetrics a full
chunk of its own, 1,000 by 1,000 rows): the time of its search is scaled by their number, fair to
within its fixed costs, and marked '~'. 'synthema' is the
engine as it comes; the rows below it are the same engine, told that the processor lacks some
instructions: VNNI, all of AVX-512, AVX2 as well.

Columns: wall seconds and processor seconds; `ratio` to ours, wall clock; 2nmd operations a second
(numbers) or nanoseconds a pair (mixed); peak memory over the loaded data, MiB; `same`, the share of
1,000 queries whose closest distance equals ours to 1e-5 (for ours, to float64 by NumPy, on 100);
`copies`, the share of the queries that are in the pool, value by value, found at exactly 0.

The run takes a quarter of an hour. On mixed tables, and at the middle one of a case's sizes, all
rivals run; at the others the strongest, and with fewer threads than the most. Results are kept in
bench/.results: `--plot PNG` draws them, `--again` prints them, without another run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench import cases, neighbors_picture, neighbors_tables
from bench.cases import gaussian, mixed  # noqa: F401  # other benches ask for them here
from bench.neighbors_plan import GOWER, KINDS, SQUARED, Engine, chosen
from bench.peaks import environment, peaks

HERE = Path(__file__).parent
RESULTS = HERE / ".results" / "neighbors.jsonl"
FIRST = 1_000
REFEREED = 100


def features(without: tuple[str, ...]) -> dict[str, str]:
    """What makes Numba compile as for this processor without some instruction sets."""
    if not without:
        return {}
    from numba.core.codegen import get_host_cpu_features

    listed = get_host_cpu_features().split(",")
    hidden = [f"-{x[1:]}" for x in listed if x[1:].startswith(without)]
    kept = [x for x in listed if not x[1:].startswith(without)]
    return {"NUMBA_CPU_FEATURES": ",".join([*kept, *hidden])}  # last: a feature implies others


def measure(
    engine: Engine,
    folder: Path,
    threads: int,
    *,
    patience: float,
    longest: float,
    least: int | None = None,
) -> dict:
    """One engine in its own process."""
    home = HERE / ".rivals" / engine.home
    if engine.home and not (home / "ready").exists():
        raise SystemExit(f"bench.neighbors: {engine.home}: run bench/rivals.sh {engine.home} first")
    python = home / "bin" / "python" if engine.home else sys.executable
    order = {
        "engine": engine.function,
        "data": str(folder),
        "threads": threads,
        "chunk": engine.chunk,
        "patience": patience,
        "longest": 1e9 if not engine.home else longest if engine.strong else patience,
        "least": least or (1 if engine.home and not engine.strong else 3),
    }
    paths = [str(HERE.parent), *([] if engine.home else [os.environ.get("PYTHONPATH", "")])]
    done = subprocess.run(
        [python, "-W", "ignore", "-m", "bench.engines.process", json.dumps(order)],
        env={
            **environment(threads),
            **features(engine.without),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]}
    found = json.loads(done.stdout.splitlines()[-1])
    if found.pop("compiled"):  # its memory and first run are those of a compiler: ask again
        return measure(engine, folder, threads, patience=patience, longest=longest, least=least)
    return found


def referee(case: cases.Case, *, numbers: bool) -> np.ndarray:
    """Closest distance of the first queries, straight from the definition, in float64."""
    closest = []
    for row in range(min(REFEREED, len(case["queries_numeric"]))):
        gap = np.abs(
            case["pool_numeric"].astype(float) - case["queries_numeric"][row].astype(float)
        )
        missing = np.isnan(case["pool_numeric"]) != np.isnan(case["queries_numeric"][row])
        gap = np.where(missing, 1.0, np.nan_to_num(gap))
        differs = case["pool_codes"] != case["queries_codes"][row]
        distance = (gap**2 if numbers else gap).sum(axis=1) + differs.sum(axis=1)
        closest.append(distance.min())
    return np.array(closest)


def compare(
    name: str, n: int, threads: int, engines: list[str], arguments: argparse.Namespace
) -> list[dict]:
    """Every engine on one case, as records; ours comes first."""
    kind = KINDS[name]
    case = kind.make(n, n if kind.numbers else n + 1)  # gower: two tables of equal length are one
    n, m = (len(case[f"{side}_numeric"]) for side in ("queries", "pool"))
    p, q = (case[f"pool_{part}"].shape[1] for part in ("numeric", "codes"))
    shape = {"case": name, "threads": threads, "n": n, "m": m, "p": p, "q": q}
    copied, expected = cases.copies(case)[:FIRST], referee(case, numbers=kind.numbers)
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for part, array in case.items():
            np.save(Path(folder) / f"{part}.npy", array)
        for label in engines:
            engine = (SQUARED if kind.numbers else GOWER)[label]
            limits = {"patience": arguments.patience, "longest": arguments.longest}
            found = measure(engine, Path(folder), threads, **limits)
            record = {**shape, "engine": label, "k": engine.k, "note": engine.note, **found}
            if "failed" not in found:
                closest = np.array(record.pop("closest"))
                expected = _judge(record, closest, expected, copied)
            records.append(record)
    return records


def _judge(
    record: dict, closest: np.ndarray, expected: np.ndarray, copied: np.ndarray
) -> np.ndarray:
    """Note how much is right; what the next engine is held to: our own answer."""
    both = min(len(closest), len(expected))
    zeros = closest[copied[: len(closest)]] == 0
    all_rows = record["rows"] == record["m"]
    same = np.isclose(closest[:both], expected[:both], 1e-5, 1e-7)
    record["same"] = float(same.mean()) if all_rows else None
    record["copies"] = float(zeros.mean()) if all_rows and len(zeros) else None
    return closest if record["engine"] == "synthema" else expected


def keep(path: Path, records: list[dict]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def everything(arguments: argparse.Namespace) -> None:
    """The whole run, printed and kept as it goes."""
    arguments.save.parent.mkdir(exist_ok=True)
    arguments.save.unlink(missing_ok=True)
    started, records = time.perf_counter(), []
    limits = {threads: peaks(threads) for threads in arguments.threads}
    machine = f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%F')}"
    heading = {"machine": machine, "peaks": limits}
    keep(arguments.save, [heading])
    print(neighbors_tables.heading(heading), flush=True)
    for name in arguments.cases or KINDS:
        kind = KINDS[name]
        if kind.table and not cases.at_hand(kind.table):
            print(f"\n{name}: not at hand. Set SYNTHEMA_DATA to the folder of patient tables.")
            continue
        sizes = sorted(arguments.rows or kind.rows)
        for n in sizes:
            for threads in sorted(arguments.threads, reverse=True):
                fewer = threads < max(arguments.threads)
                if fewer and not arguments.cases and not (kind.scaling and n == 50_000):
                    continue
                names = chosen(kind, n, sizes, fewer=fewer)
                if arguments.engines:
                    names = [x for x in names if x in ("synthema", *arguments.engines)]
                new = compare(name, n, threads, names, arguments)
                keep(arguments.save, new)
                records += new
                print(neighbors_tables.table(new, limits[threads]), flush=True)
    print(neighbors_tables.growth(records))
    print(f"\n{time.perf_counter() - started:.0f} s in all")


def again(path: Path) -> tuple[dict, list[dict]]:
    """Heading and records of the last run."""
    if not path.exists():
        raise SystemExit(f"{path}: not found. Run python -m bench.neighbors first.")
    heading, *records = map(json.loads, path.read_text().splitlines())
    heading["peaks"] = {int(threads): peak for threads, peak in heading["peaks"].items()}
    return heading, records


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=KINDS, metavar="CASE", help=", ".join(KINDS))
    parser.add_argument("--rows", type=int, nargs="+", help="sizes, in place of each case's own")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument(
        "--engines", nargs="+", metavar="ENGINE", help="as printed; ours always runs"
    )
    parser.add_argument("--patience", type=float, default=1.5, help="seconds of repeats an engine")
    parser.add_argument("--longest", type=float, default=15, help="seconds of one full search")
    parser.add_argument("--save", type=Path, default=RESULTS, help="where results are kept")
    parser.add_argument("--again", action="store_true", help="print the kept results")
    parser.add_argument("--plot", type=Path, help="draw the kept results")
    arguments = parser.parse_args()
    if not arguments.again and not arguments.plot:
        everything(arguments)
        return
    heading, records = again(arguments.save)
    if arguments.plot:
        neighbors_picture.draw(records, arguments.plot)
    if arguments.again:
        print(neighbors_tables.everything(heading, records))


if __name__ == "__main__":
    main()
