"""The JAX kernel beside the compiled one: `python -m bench.device_neighbors [--rows 20000 100000]`.

Needs NumPy, Numba and JAX; in a checkout that is not installed, PYTHONPATH=.:kernels. All devices
that JAX sees share the queries. Every size is n queries against n rows, k = 2, timed from arrays
to answer after a call that compiles; best of `--runs`. Both kernels get the same arrays. Beyond
`--most-pairs` the compiled kernel gets the first queries only, and its time is scaled by the
number of pairs and marked '~': fair to within its fixed costs.

`ratio` is the seconds of the compiled kernel over those of the device. `same` is the share of the
first 1,000 queries whose answer, k rows and k distances, has the bits of the compiled kernel.
"""

import argparse
import time
from collections.abc import Callable

import jax
import numba
from jax.sharding import AxisType

from bench.neighbors import gaussian, mixed
from synthema_kernels import Neighbors, Rows, device, nearest

CHECKED = 1_000
KINDS = {
    "Mixed, 16 numeric + 16 categorical columns, 10 % missing": mixed,
    "Numeric, 32 columns": gaussian,
}


def best(runs: int, search: Callable[..., Neighbors], *arguments, **options):
    """Seconds of the quickest run, and its answer."""
    found = search(*arguments, **options)  # compiles
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        found = search(*arguments, **options)
        seconds.append(time.perf_counter() - start)
    return min(seconds), found


def line(n: int, make: Callable, mesh: jax.sharding.Mesh, runs: int, most_pairs: float) -> str:
    data = make(n, n)
    queries, pool = (
        Rows(numeric=data[f"{side}_numeric"], codes=data[f"{side}_codes"])
        for side in ("queries", "pool")
    )
    seconds, ours = best(runs, device.nearest, queries, pool, mesh=mesh)
    few = min(n, max(CHECKED, int(most_pairs // n)))
    part = Rows(numeric=queries.numeric[:few], codes=queries.codes[:few])
    compiled, theirs = best(runs, nearest, part, pool)
    compiled *= n / few
    same = (ours.index[:few] == theirs.index) & (ours.distance[:few] == theirs.distance)
    share = same[:CHECKED].all(axis=1).mean()
    mark = "" if few == n else "~"
    return (
        f"{n:>10,}{seconds:>12.3f}{n * n / seconds:>12.2e}{mark + f'{compiled:.3f}':>14}"
        f"{compiled / seconds:>9.3f}{share:>7.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 20_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--most-pairs", type=float, default=1e11)
    arguments = parser.parse_args()
    devices = jax.devices()
    mesh = jax.make_mesh((len(devices),), ("rows",), (AxisType.Auto,))
    print(f"device: {len(devices)} x {devices[0].device_kind}, JAX {jax.__version__}")
    print(f"compiled: {numba.get_num_threads()} threads, Numba {numba.__version__}")
    for kind, make in KINDS.items():
        print(f"\n{kind}, k = 2")
        print(
            f"{'rows':>10}{'device s':>12}{'pairs/s':>12}{'compiled s':>14}{'ratio':>9}{'same':>7}"
        )
        for n in arguments.rows:
            print(line(n, make, mesh, arguments.runs, arguments.most_pairs), flush=True)


if __name__ == "__main__":
    main()
