"""Rows and columns against seconds and memory: `python -m bench.scale [covid million growth ...]`.

Two nearest rows of a table of n rows in another of n rows, each search in a process of its own, on
all processors. `over data` is the most memory that the search took beyond the loaded arrays; `peak`
is that of the whole process, arrays, Python and compiled code included. `~`: not run, since it
would take longer than `--longest`; the time is that of the row above, times the pairs.

    covid     half of the real table covid_mx_1m against the other (needs SYNTHEMA_DATA)
    million   a million generated rows, 16 numeric + 16 categorical columns, 10 % missing
    growth    4 dimensions in 32 columns, squared Euclidean: the exponent of time in n
    mixed     generated mixed tables, by rows and columns
    numbers   generated numeric tables, squared Euclidean, by rows and columns
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench import cases
from bench.neighbors import measure
from bench.neighbors_plan import GOWER, SQUARED

COVID = "covid_mx_1m"
SIZES = (770, 10_000, 100_000, 1_000_000)
COLUMNS = (8, 32, 128)
GROWTH = (20_000, 50_000, 100_000, 200_000, 500_000)
PARTS = ("covid", "million", "growth", "mixed", "numbers")


def search(case: cases.Case, *, numbers: bool) -> dict:
    """Our engine on one case; a short search is run several times."""
    engine = (SQUARED if numbers else GOWER)["synthema"]
    with tempfile.TemporaryDirectory() as folder:
        for part, array in case.items():
            np.save(Path(folder) / f"{part}.npy", array)
        case.clear()  # a million rows need not lie in two processes
        threads = os.cpu_count() or 1
        found = measure(engine, Path(folder), threads, patience=1, longest=1e9, least=1)
    if "failed" in found:
        raise SystemExit(f"bench.scale: {found['failed']}")
    return {"seconds": min(found["wall"]), "data": found["memory"], "peak": found["peak"]}


def heading(title: str) -> str:
    columns = (
        f"{'rows':>10}{'columns':>9}{'seconds':>11}{'ns/pair':>9}{'over data':>12}{'peak':>12}"
    )
    return f"\n{title}\n{columns}"


def line(n: int, columns: int, found: dict, *, mark: str = "") -> str:
    seconds = found["seconds"]
    sizes = [f"{found[x] / 2**20:,.0f} MiB" if x in found else "" for x in ("data", "peak")]
    return (
        f"{n:>10,}{columns:>9}{mark + f'{seconds:.4g}':>11}{seconds / n**2 * 1e9:>9.3f}"
        f"{sizes[0]:>12}{sizes[1]:>12}"
    )


def one(title: str, make: Callable[[int, int], cases.Case], n: int) -> None:
    """One search, and how many rows of its pool repeat."""
    case = make(n, n + 1)
    n, m = (len(case[f"{side}_numeric"]) for side in ("queries", "pool"))
    rows = np.hstack([np.nan_to_num(case["pool_numeric"], nan=-1.0), case["pool_codes"]])
    columns = rows.shape[1]
    distinct = len(np.unique(rows.view(np.dtype((np.void, 8 * columns)))))
    del rows
    print(heading(f"{title}: {1 - distinct / m:.0%} of the pool repeats a row"))
    print(line(n, columns, search(case, numbers=False)), flush=True)


def growth(sizes: list[int]) -> None:
    """Time over n, and the exponent fitted to it."""
    print(heading("4 dimensions in 32 columns, squared Euclidean"))
    seconds = []
    for n in sizes:
        found = search(cases.lowdim(n, n), numbers=True)
        seconds.append(found["seconds"])
        print(line(n, 32, found), flush=True)
    if len(sizes) > 1:
        slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        print(f"time grows as n to the power of {slope:.2f}, fitted from {sizes[0]:,} on")


def ladder(
    title: str, make: Callable[..., cases.Case], sizes: list[int], longest: float, *, numbers: bool
) -> None:
    """Rows by columns."""
    print(heading(title))
    for columns in COLUMNS:
        last = None
        for n in sizes:
            if last and last[1] * (n / last[0]) ** 2 > longest:
                guess = last[1] * (n / last[0]) ** 2
                print(line(n, columns, {"seconds": guess}, mark="~"), flush=True)
                continue
            found = search(make(n, n, columns=columns), numbers=numbers)
            last = n, found["seconds"]
            print(line(n, columns, found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="which, of all")
    parser.add_argument("--most", type=int, default=10**9, help="no table with more rows than this")
    parser.add_argument(
        "--longest", type=float, default=600, help="seconds of one rung of a ladder"
    )
    arguments = parser.parse_args()
    parts, most = arguments.parts or PARTS, arguments.most
    if unknown := sorted({*parts} - {*PARTS}):
        parser.error(f"{', '.join(unknown)}: expected some of {', '.join(PARTS)}")
    print(
        f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}, "
        f"{time.strftime('%F')}"
    )
    if "covid" in parts and cases.at_hand(COVID):
        one(f"{COVID}, two halves", cases.patients(COVID), min(most, 10**9))
    elif "covid" in parts:
        print(f"\n{COVID}: not at hand. Set SYNTHEMA_DATA to the folder of patient tables.")
    if "million" in parts:
        one("Mixed, generated", cases.mixed, min(most, 10**6))
    sizes = [n for n in SIZES if n <= most]
    if "growth" in parts:
        growth([n for n in GROWTH if n <= most] or [most])
    if "mixed" in parts:
        title = "Mixed, half numeric, half categorical, 10 % missing, Gower"
        ladder(title, cases.mixed, sizes, arguments.longest, numbers=False)
    if "numbers" in parts:
        title = "Numeric, 5 factors and noise, squared Euclidean"
        ladder(title, cases.reallike, sizes, arguments.longest, numbers=True)


if __name__ == "__main__":
    main()
