"""One engine, one case, one process: `-m bench.engines.process '{"engine": ..., "data": ...}'`.

Runs in a rival's own environment, so it imports NumPy and that rival alone. Prints one JSON line:
version, wall and CPU seconds of every run, peak memory over the loaded data and of the whole
process, and the distance of the first queries to their closest row.

First the engine is warmed up on more and more queries until a fraction of a second is spent; from
that comes how many it can be given. Then it runs several times on these.
"""

import ctypes
import gc
import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path

ENOUGH = 0.3  # seconds of warming up
FIRST = 1_000  # queries whose distances are compared
MOST_RUNS = 25


def memory(field):
    """VmHWM or VmRSS of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def forget_peak():
    """Hand freed memory back, so that it cannot hide later use; returns the peak, starts anew."""
    peak = memory("VmHWM")
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return peak


def timed(function, *arguments):
    """Wall and CPU seconds of a call, and what it returns."""
    start = time.perf_counter(), time.process_time()
    found = function(*arguments)
    return time.perf_counter() - start[0], time.process_time() - start[1], found


def affordable(fit, search, n, patience, longest):
    """All n queries if they take at most `longest` seconds, else what `patience` allows."""
    built, _, fitted = timed(fit)
    queries = 1
    while True:
        seconds = timed(search, fitted, slice(0, queries))[0]
        if seconds > ENOUGH / 2:  # again: the first call may have compiled
            seconds = min(seconds, timed(search, fitted, slice(0, queries))[0])
        if queries == n or seconds > ENOUGH / 2:
            break
        queries = min(n, max(2 * queries, min(16 * queries, int(ENOUGH * queries / seconds))))
    if built + seconds * n / queries <= longest:
        return n
    queries = min(n, max(1, int(patience * queries / seconds)))
    if longest > patience:  # a strong one is asked again: FAISS has another way from 128,000 / d on
        queries = max(queries, n // 8)
        seconds = timed(search, fitted, slice(0, queries))[0]
        if built + seconds * n / queries <= longest:
            return n
    return queries


def again(runs, spent, order):
    """Whether there is time for one run more: a noisy machine calls for several."""
    if runs < order["least"]:
        return spent < order["longest"] / 2
    return spent * (1 + 1 / runs) < order["patience"] and runs < MOST_RUNS


def compilations():
    """Where Numba notes what it compiles, as opposed to loading it from its cache; or nothing."""
    if "synthema_kernels" not in sys.modules:
        return []  # the other user of Numba is warmed up on all it has
    from numba.core import event

    recorder = event.RecordingListener()
    event.register("numba:compile", recorder)
    return recorder.buffer


def main():
    order = json.loads(sys.argv[1])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: order["threads"]])
    import numpy as np  # after: thread pools ask how many processors there are

    from bench.engines import mixed, squared  # noqa: F401  # they register themselves
    from bench.engines.registry import ENGINES

    parts = ("numeric", "codes")
    data = {path.stem: np.load(path) for path in Path(order["data"]).glob("*.npy")}
    queries = {part: data[f"queries_{part}"] for part in parts}
    pool = {part: data[f"pool_{part}"] for part in parts}
    n, m = len(queries["numeric"]), len(pool["numeric"])
    if order["chunk"]:
        pool = {part: x[: order["chunk"]] for part, x in pool.items()}
    make, distribution = ENGINES[order["engine"]]
    few = {part: x[:300] for part, x in pool.items()}
    fit, search = make({part: x[:30] for part, x in queries.items()}, few)
    search(fit(), slice(0, 30))
    fit, search = make(queries, pool)
    compiled = compilations()
    loading = forget_peak()
    before = memory("VmRSS")
    count = min(n, order["chunk"]) or affordable(
        fit, search, n, order["patience"], order["longest"]
    )
    scale = n / count * m / len(pool["numeric"])
    trying = forget_peak()
    wall, cpu, start = [], [], time.perf_counter()
    while not wall or again(len(wall), time.perf_counter() - start, order):
        *built, fitted = timed(fit)
        *searched, closest = timed(search, fitted, slice(0, count))
        wall.append(built[0] + searched[0] * scale)
        cpu.append(built[1] + searched[1] * scale)
    closest = np.nan_to_num(np.asarray(closest[:FIRST], float), nan=-1.0)
    found = {
        "version": importlib.metadata.version(distribution),
        "queries": count,
        "rows": len(pool["numeric"]),
        "compiled": len(compiled),
        "wall": wall,
        "cpu": cpu,
        "memory": memory("VmHWM") - before,
        "peak": max(loading, trying, memory("VmHWM")),
        "closest": closest.tolist(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
