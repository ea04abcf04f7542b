"""The JAX kernel beside the compiled one: `python -m bench.device_neighbors [--rows 1000000]`.

Needs NumPy, Numba and JAX, for processors or for a card (`pip install 'jax[cuda12]'`); in a
checkout that is not installed, PYTHONPATH=.:kernels. All devices that JAX sees share the queries.

First the machine's own peaks, as JAX reaches them: a matrix product in three precisions, and a copy
(bytes read and written). Then, per kind of table, n queries against n rows of 32 columns, k = 2,
timed from arrays of the host to answers on the host:

- `compile`: the first call less the best of the others; `seconds`: that best.
- `GFLOP/s`: 2 operations per pair and column, whatever is really computed; beside it the share
  of each peak. Above a peak of float32 means that something cheaper did the work.
- `GB/s`: 4 bytes per pair, a float32 matrix as if it were written once; beside it the share of the
  copy. Above it means that the matrix was never written.
- `left`: queries that the first attempt did not settle, and each attempt after it.
- `compiled`: the compiled kernel on the processors of this machine, on the first queries only
  (`--compared` pairs), scaled to all; `same`: the share of those queries whose k rows and distances
  have its bits.

On a card each is timed twice: with bounds from the programs of `synthema_kernels.device._tiles`,
and with bounds from XLA alone (`XLA`), which writes the matrix. FAISS on a card and cuVS get the
same rows in float32, where they can be imported.
"""

import argparse
import importlib
import os
import platform
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numba
import numpy as np
from jax import lax
from jax.sharding import AxisType

from bench.cases import gaussian, mixed
from synthema_kernels import Rows, device, nearest
from synthema_kernels.device import neighbors

KINDS = {
    "Numeric, 32 columns, squared Euclidean": (gaussian, "sqeuclidean"),
    "Mixed, 16 numeric + 16 categorical columns, 10 % missing, Gower": (mixed, "gower"),
    "Numeric, 32 columns, Gower": (gaussian, "gower"),
}
PEAKS = {
    "bf16": (jnp.bfloat16, None),
    "tf32": (jnp.float32, "tensorfloat32"),  # what a card makes of it; plain float32 elsewhere
    "f32": (jnp.float32, "highest"),
}


def quickest(runs: int, call: Callable[[], object]) -> tuple[float, float, object]:
    """Seconds of the first call and of the quickest later one, and the last answer."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - start)
    return seconds[0], min(seconds[1:]), answer


def peaks(*, on_card: bool) -> dict[str, float]:
    """FLOP/s of matrix products, and bytes/s of a copy, on JAX's first device."""
    size, many = (8192, 20) if on_card else (1024, 3)
    found = {}
    for name, (dtype, precision) in PEAKS.items():
        a, b = (jax.random.normal(jax.random.key(i), (size, size), dtype) for i in range(2))

        @jax.jit
        def chain(a, b, precision=precision):
            def step(_, x):  # scaled, so that it stays finite
                return (jnp.matmul(x, b, precision=precision) / size).astype(x.dtype)

            return lax.fori_loop(0, many, step, a)

        _, seconds, _ = quickest(3, lambda a=a, b=b, chain=chain: chain(a, b).block_until_ready())
        found[name] = many * 2 * size**3 / seconds
    words = jnp.zeros((2**30 if on_card else 2**25) // 4 * 2, jnp.float32)
    add = jax.jit(lambda x: x + 1)
    _, seconds, _ = quickest(5, lambda: add(words).block_until_ready())
    found["copy"] = 2 * words.nbytes / seconds
    return found


def faiss_gpu(queries: np.ndarray, pool: np.ndarray) -> float:
    faiss = importlib.import_module("faiss")
    if not getattr(faiss, "get_num_gpus", int)():
        raise ImportError("faiss sees no GPU")

    def search() -> object:
        index = faiss.GpuIndexFlatL2(faiss.StandardGpuResources(), pool.shape[1])
        index.add(pool)
        return index.search(queries, 2)

    return quickest(2, search)[1]


def cuvs(queries: np.ndarray, pool: np.ndarray) -> float:
    brute_force = importlib.import_module("cuvs.neighbors.brute_force")
    cupy = importlib.import_module("cupy")

    def search() -> object:
        index = brute_force.build(cupy.asarray(pool), metric="sqeuclidean")
        return [cupy.asnumpy(x) for x in brute_force.search(index, cupy.asarray(queries), 2)]

    return quickest(2, search)[1]


def without_programs(search: Callable[[], object], runs: int) -> float:
    """Seconds with bounds from XLA alone."""
    kept = dict(neighbors.PROGRAMS)
    neighbors.PROGRAMS.clear()
    try:
        return quickest(runs, search)[1]
    finally:
        neighbors.PROGRAMS.update(kept)


def measure(n: int, make: Callable, metric: str, peak: dict, options: argparse.Namespace) -> None:
    data = make(n, n)
    queries, pool = (
        Rows(numeric=data[f"{side}_numeric"], codes=data[f"{side}_codes"])
        for side in ("queries", "pool")
    )
    columns = queries.numeric.shape[1] + queries.codes.shape[1]
    mesh = jax.make_mesh((jax.device_count(),), ("rows",), (AxisType.Auto,))
    left: list[int] = []
    ahead = neighbors._Search._ahead

    def counting(self, call, waiting, **own):
        left.append(len(waiting))
        return ahead(self, call, waiting, **own)

    neighbors._Search._ahead = counting

    def search() -> object:
        return device.nearest(queries, pool, metric=metric, mesh=mesh)

    first, seconds, ours = quickest(options.runs, search)
    neighbors._Search._ahead = ahead
    flops, written = 2 * columns * n * n / seconds, 4 * n * n / seconds
    shares = ", ".join(f"{flops / peak[name]:.1%} of {name}" for name in PEAKS)
    print(f"  n = {n:,}: {seconds:.3f} s, and {max(first - seconds, 0):.1f} s to compile once")
    print(f"    {n * n / seconds:.3g} pairs/s, {flops / 1e9:,.0f} GFLOP/s ({shares})")
    print(f"    {written / 1e9:,.0f} GB/s as one matrix ({written / peak['copy']:.1%} of a copy)")
    print(f"    left to each attempt: {left[: len(left) // (options.runs + 1)]}")
    if mesh.devices.flat[0].platform in neighbors.PROGRAMS:
        print(f"    XLA: ratio {without_programs(search, options.runs) / seconds:.2f}", flush=True)
    few = min(n, max(100, int(options.compared // n)))
    part = Rows(numeric=queries.numeric[:few], codes=queries.codes[:few])
    _, compiled, theirs = quickest(1, lambda: nearest(part, pool, metric=metric))
    same = (ours.index[:few] == theirs.index) & (ours.distance[:few] == theirs.distance)
    print(
        f"    compiled kernel: {compiled * n / few:.3f} s from {few:,} queries, "
        f"ratio {compiled * n / few / seconds:.2f}, same {same.all(axis=1).mean():.2%}",
        flush=True,
    )
    if metric == "sqeuclidean":
        arrays = (data["queries_numeric"], data["pool_numeric"])
        for name, rival in (("FAISS on the card", faiss_gpu), ("cuVS", cuvs)):
            try:
                theirs = rival(*(np.ascontiguousarray(x, np.float32) for x in arrays))
                print(f"    {name}: {theirs:.3f} s, ratio {theirs / seconds:.2f}", flush=True)
            except Exception as error:  # whatever is wrong with a rival, our figures stand
                print(f"    {name}: not measured ({type(error).__name__}: {error})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--compared", type=float, default=2e10, help="pairs")
    options = parser.parse_args()
    devices = jax.devices()
    on_card = devices[0].platform != "cpu"
    rows = options.rows or ([100_000, 1_000_000] if on_card else [5_000, 20_000])
    print(f"device: {len(devices)} x {devices[0].device_kind} ({devices[0].platform})")
    print(f"processors: {platform.machine()}, {os.cpu_count()}, {numba.get_num_threads()} threads")
    print(
        f"Python {platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}, "
        f"Numba {numba.__version__}"
    )
    peak = peaks(on_card=on_card)
    print("peaks of one device: ", end="")
    print(", ".join(f"{name} {peak[name] / 1e9:,.0f} GFLOP/s" for name in PEAKS), end="")
    print(f", copy {peak['copy'] / 1e9:,.0f} GB/s", flush=True)
    for kind, (make, metric) in KINDS.items():
        print(f"\n{kind}, k = 2", flush=True)
        for n in rows:
            measure(n, make, metric, peak, options)


if __name__ == "__main__":
    main()
