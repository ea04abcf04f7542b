"""Exact nearest rows of mixed tables by Gower's distance, summed over the columns.

A rival that divides by the number of columns is multiplied by it.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .registry import THREADS, engine, nothing

CHUNK = 64  # queries that SciPy is given at once: the block of distances stays near the cache


def _floats(*tables):
    return [np.hstack([table["numeric"], table["codes"]]).astype(float) for table in tables]


def _frames(*tables, strings):
    """Data frames; missing is NaN among numbers and None among strings."""
    import pandas as pd

    frames = []
    for table in tables:
        columns = {f"n{c}": column for c, column in enumerate(table["numeric"].T)}
        for c, codes in enumerate(table["codes"].T):
            levels = np.array([*(f"v{level}" for level in range(codes.max() + 1)), None], object)
            columns[f"c{c}"] = levels[codes] if strings else codes
        frames.append(pd.DataFrame(columns))
    return frames


@engine("synthema-core")
def synthema(queries, pool):
    from synthema_kernels import Rows, nearest

    def search(_, part):
        a = Rows(numeric=queries["numeric"][part], codes=queries["codes"][part])
        return nearest(a, Rows(**pool), k=2).distance[:, 0]

    return nothing, search


@engine("anonymeter")
def anonymeter(queries, pool):
    import anonymeter.evaluators  # first: the module below cannot be imported on its own  # noqa: F401
    from anonymeter.neighbors.mixed_types_kneighbors import _nearest_neighbors
    from joblib import Parallel, delayed

    a, b = _floats(queries, pool)
    split = pool["numeric"].shape[1]

    def search(_, part):
        few = a[part]
        parts = Parallel(n_jobs=THREADS, backend="threading")(
            delayed(_nearest_neighbors)(few[i : i + 25], b, split, 2)
            for i in range(0, len(few), 25)
        )
        return np.concatenate([distance for _, distance in parts])[:, 0]

    return nothing, search


def _gower(a, b, categorical):
    import gower

    def search(_, part):
        matrix = gower.gower_matrix(a[part], b, cat_features=categorical)
        return np.sort(np.partition(matrix, 1, axis=1)[:, :2], axis=1)[:, 0] * a.shape[1]

    return nothing, search


@engine("gower")
def gower_arrays(queries, pool):
    a, b = _floats(queries, pool)
    return _gower(a, b, np.arange(a.shape[1]) >= pool["numeric"].shape[1])


@engine("gower")
def gower_frames(queries, pool):
    a, b = _frames(queries, pool, strings=True)
    return _gower(a, b, np.arange(a.shape[1]) >= pool["numeric"].shape[1])


@engine("sdmetrics")
def sdmetrics(queries, pool):
    from sdmetrics.single_table.privacy.dcr_utils import calculate_dcr

    a, b = _frames(queries, pool, strings=True)
    kinds = {"n": "numerical", "c": "categorical"}
    metadata = {"columns": {name: {"sdtype": kinds[name[0]]} for name in a}}
    return nothing, lambda _, part: calculate_dcr(a[part], b, metadata).to_numpy() * a.shape[1]


@engine("syntheval")
def syntheval(queries, pool):
    from syntheval.utils.nn_distance import _knn_distance

    a, b = _frames(queries, pool, strings=False)
    categorical = [name for name in a if name.startswith("c")]

    def search(_, part):
        # It holds all distances at once, so it is fed queries in parts that fit.
        few, found = a[part], []
        for start in range(0, len(few), 1000):
            some = few[start : start + 1000].copy()
            found.append(_knn_distance(some, b, categorical, 2, "gower")[0] * a.shape[1])
        return np.concatenate(found)

    return nothing, search


@engine("scipy")
def scipy_cdist(queries, pool):
    """`cdist` twice, chunk by chunk on all threads: what a good programmer writes in an hour.

    A numeric column with missing values becomes two, (v, 1 - v) / 2, where missing is (-1/4, -1/4):
    the city block distance is then |v - w| between two values, 1 from a value in [0, 1] to missing,
    and 0 between missing ones.
    """
    from scipy.spatial.distance import cdist

    gaps = np.isnan(queries["numeric"]).any(axis=0) | np.isnan(pool["numeric"]).any(axis=0)

    def apart(numeric):
        pairs = np.hstack([numeric[:, gaps], 1 - numeric[:, gaps]]) / 2
        return np.hstack([numeric[:, ~gaps], np.nan_to_num(pairs, nan=-0.25)])

    (a, b), q = (apart(x["numeric"]) for x in (queries, pool)), pool["codes"].shape[1]
    c, d = (x["codes"].astype(float) for x in (queries, pool))

    def chunk(rows):
        distance = cdist(a[rows], b, "cityblock")
        if q:
            distance += q * cdist(c[rows], d, "hamming")
        return np.partition(distance, 1, axis=1)[:, :2].min(axis=1)

    def search(_, part):
        starts = range(part.start, part.stop, CHUNK)
        parts = [slice(start, min(start + CHUNK, part.stop)) for start in starts]
        with ThreadPoolExecutor(THREADS) as pool_of_threads:
            return np.concatenate(list(pool_of_threads.map(chunk, parts)))

    return nothing, search
