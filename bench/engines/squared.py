"""Exact nearest rows by squared Euclidean distance. A rival that reports its root is squared."""

import numpy as np

from .registry import THREADS, engine, nothing


@engine("synthema-core")
def synthema_l2(queries, pool):
    from synthema_kernels import Rows, nearest

    def search(_, part):
        a, b = Rows(numeric=queries["numeric"][part]), Rows(numeric=pool["numeric"])
        return nearest(a, b, k=2, metric="sqeuclidean").distance[:, 0]

    return nothing, search


def _onedal(queries, pool, algorithm):
    from sklearnex.neighbors import NearestNeighbors

    def fit():
        index = NearestNeighbors(n_neighbors=2, algorithm=algorithm, n_jobs=THREADS)
        return index.fit(pool["numeric"])

    return fit, lambda index, part: index.kneighbors(queries["numeric"][part])[0][:, 0] ** 2


@engine("scikit-learn-intelex")
def onedal_brute(queries, pool):
    return _onedal(queries, pool, "brute")


@engine("scikit-learn-intelex")
def onedal_kd(queries, pool):
    return _onedal(queries, pool, "kd_tree")


def _faiss(queries, pool, metric, k):
    import faiss

    faiss.omp_set_num_threads(THREADS)

    def fit():
        index = faiss.IndexFlat(pool["numeric"].shape[1], getattr(faiss, metric))
        index.add(pool["numeric"])
        return index

    return fit, lambda index, part: index.search(queries["numeric"][part], k)[0][:, 0]


@engine("faiss-cpu")
def faiss_l2(queries, pool):
    return _faiss(queries, pool, "METRIC_L2", 2)


@engine("faiss-cpu")
def faiss_k1(queries, pool):
    return _faiss(queries, pool, "METRIC_L2", 1)


def _sklearn(queries, pool, algorithm):
    from sklearn.neighbors import NearestNeighbors

    def fit():
        index = NearestNeighbors(n_neighbors=2, algorithm=algorithm, n_jobs=THREADS)
        return index.fit(pool["numeric"])

    return fit, lambda index, part: index.kneighbors(queries["numeric"][part])[0][:, 0] ** 2


@engine("scikit-learn")
def sklearn_brute(queries, pool):
    return _sklearn(queries, pool, "brute")


@engine("scikit-learn")
def sklearn_kd(queries, pool):
    return _sklearn(queries, pool, "kd_tree")


@engine("scikit-learn")
def sklearn_ball(queries, pool):
    return _sklearn(queries, pool, "ball_tree")


@engine("scikit-learn")
def sklearn_argmin(queries, pool):
    from sklearn.metrics import pairwise_distances_argmin_min

    def search(_, part):
        found = pairwise_distances_argmin_min(
            queries["numeric"][part], pool["numeric"], metric="sqeuclidean"
        )
        return found[1]

    return nothing, search


@engine("scipy")
def ckdtree(queries, pool):
    from scipy.spatial import cKDTree

    def search(tree, part):
        return tree.query(queries["numeric"][part], k=2, workers=THREADS)[0][:, 0] ** 2

    return lambda: cKDTree(pool["numeric"]), search


@engine("pykdtree")
def pykdtree(queries, pool):
    from pykdtree.kdtree import KDTree

    def search(tree, part):
        return tree.query(queries["numeric"][part], k=2)[0][:, 0].astype(np.float64) ** 2

    return lambda: KDTree(pool["numeric"]), search
