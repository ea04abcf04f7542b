"""One engine, one table, one process: `neighbors_engine.py ENGINE DATA.npz QUERIES ROWS SECONDS`.

Runs in a rival's own environment, so it imports NumPy and that rival alone. Prints one JSON line:
version, wall and CPU seconds of every run (arrays to answer, after a warm-up on a few rows), and
the distance of the first queries to their closest row, to see who measures the same.
"""

import importlib.metadata
import json
import os
import sys
import time

import numpy as np

THREADS = int(os.environ["BENCH_THREADS"])
FIRST = 100
ENGINES = {}


def engine(distribution):
    def register(function):
        ENGINES[function.__name__] = (function, distribution)
        return function

    return register


@engine("synthema-core")
def synthema(queries, pool):
    from synthema_kernels import Rows, nearest

    def run():
        return nearest(Rows(**queries), Rows(**pool), k=2).distance[:, 0]

    return run


@engine("anonymeter")
def anonymeter(queries, pool):
    import anonymeter.evaluators  # first: the module below cannot be imported on its own  # noqa: F401
    from anonymeter.neighbors.mixed_types_kneighbors import _nearest_neighbors
    from joblib import Parallel, delayed

    a, b = (np.hstack([x["numeric"], x["codes"]]).astype(float) for x in (queries, pool))
    split = pool["numeric"].shape[1]

    def run():
        parts = Parallel(n_jobs=THREADS, backend="threading")(
            delayed(_nearest_neighbors)(a[i : i + 25], b, split, 2) for i in range(0, len(a), 25)
        )
        return np.concatenate([distance for _, distance in parts])[:, 0]

    return run


@engine("gower")
def gower(queries, pool):
    import gower

    a, b = (np.hstack([x["numeric"], x["codes"]]).astype(float) for x in (queries, pool))
    categorical = np.arange(a.shape[1]) >= pool["numeric"].shape[1]

    def run():  # its distance is a mean over the columns
        matrix = gower.gower_matrix(a, b, cat_features=categorical)
        return np.sort(np.partition(matrix, 1, axis=1)[:, :2], axis=1)[:, 0] * a.shape[1]

    return run


@engine("sdmetrics")
def sdmetrics(queries, pool):
    import pandas as pd
    from sdmetrics.single_table.privacy.dcr_utils import calculate_dcr

    def frame(table):
        columns = {f"n{c}": x for c, x in enumerate(table["numeric"].T)}
        for c, codes in enumerate(table["codes"].T):
            levels = np.array([*(f"v{level}" for level in range(codes.max() + 1)), None], object)
            columns[f"c{c}"] = levels[codes]
        return pd.DataFrame(columns)

    a, b = frame(queries), frame(pool)
    kinds = {"n": "numerical", "c": "categorical"}
    metadata = {"columns": {name: {"sdtype": kinds[name[0]]} for name in a}}

    def run():
        return calculate_dcr(a, b, metadata).to_numpy() * a.shape[1]

    return run


def _faiss(queries, pool, metric):
    import faiss

    faiss.omp_set_num_threads(THREADS)

    def run():
        index = faiss.IndexFlat(pool["numeric"].shape[1], getattr(faiss, metric))
        index.add(pool["numeric"])
        return index.search(queries["numeric"], 2)[0][:, 0]

    return run


@engine("faiss-cpu")
def faiss_l1(queries, pool):
    return _faiss(queries, pool, "METRIC_L1")


@engine("faiss-cpu")
def faiss_l2(queries, pool):
    return _faiss(queries, pool, "METRIC_L2")


@engine("scikit-learn")
def sklearn(queries, pool):
    from sklearn.neighbors import NearestNeighbors

    def run():
        search = NearestNeighbors(
            n_neighbors=2, metric="manhattan", algorithm="brute", n_jobs=THREADS
        )
        return search.fit(pool["numeric"]).kneighbors(queries["numeric"])[0][:, 0]

    return run


def main():
    name, path, n_queries, n_rows, patience = sys.argv[1:]
    data = np.load(path)
    queries = {part: data[f"queries_{part}"][: int(n_queries)] for part in ("numeric", "codes")}
    pool = {part: data[f"pool_{part}"][: int(n_rows)] for part in ("numeric", "codes")}
    make, distribution = ENGINES[name]
    few = {part: x[:300] for part, x in queries.items()}
    make({part: x[:30] for part, x in few.items()}, few)()
    run, seconds, cpu = make(queries, pool), [], []
    while not seconds or (sum(seconds) + min(seconds) < float(patience) and len(seconds) < 25):
        start = time.perf_counter(), time.process_time()
        closest = run()
        seconds.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    closest = np.nan_to_num(np.asarray(closest[:FIRST], float), nan=-1.0)
    version = importlib.metadata.version(distribution)
    closest = closest.tolist()
    print(json.dumps({"version": version, "seconds": seconds, "cpu": cpu, "closest": closest}))


if __name__ == "__main__":
    main()
