"""Squared Euclidean neighbors and counts equal their definition, whichever way they are found."""

import json
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba.core.codegen import get_host_cpu_features

from synthema_kernels import Rows, _euclidean, _order

NAN = float("nan")
compiled = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="the interpreter has no vectors")


def definition(queries, pool, weights):
    """All distances: terms added in the order of the columns."""
    distance = np.zeros((len(queries), len(pool)))
    for c in range(queries.shape[1]):
        a, b = queries[:, c, None], pool[None, :, c]
        gap = np.abs(a - b)
        gap[np.isnan(a) ^ np.isnan(b)] = 1.0
        gap[np.isnan(a) & np.isnan(b)] = 0.0
        distance += weights[c] * (gap * gap)
    return distance


def assert_same(queries, pool, k=2, weights=None, *, exclude_self=False):
    weights = np.ones(queries.shape[1]) if weights is None else weights
    distance = definition(queries, pool, weights)
    ranked = distance.copy()
    if exclude_self:
        np.fill_diagonal(ranked, np.inf)
    index = np.argsort(ranked, axis=1, kind="stable")[:, :k]
    rows = Rows(numeric=queries), Rows(numeric=pool)
    got = _euclidean.find(*rows, weights, k, exclude_self=exclude_self)
    np.testing.assert_array_equal(got.index, index)
    np.testing.assert_array_equal(got.distance, np.take_along_axis(ranked, index, 1))
    for share in (0.0, 0.1, 0.9):
        radii = np.quantile(distance, share, axis=1, method="nearest")
        counted = _euclidean.count(*rows, weights, radii)
        np.testing.assert_array_equal(counted, (distance <= radii[:, None]).sum(axis=1))


@pytest.fixture(params=["measured", "dense", "pruned"])
def way(request, monkeypatch):
    """Small tables the way of large ones."""
    if request.param != "measured":
        if numba.config.DISABLE_JIT:
            pytest.skip("the interpreter has no vectors")
        monkeypatch.setattr(_euclidean, "SMALL", 0)
        monkeypatch.setattr(_euclidean, "LARGE", 0 if request.param == "pruned" else np.inf)
        monkeypatch.setattr(_euclidean, "WORTHWHILE", np.inf)
    return request.param


coarse = [
    [0.0, 0.25, 0.5, 1.0],
    [0.0, 0.25, 0.5, 1.0, NAN],
    [0.0, 3.5, -2.0, NAN, NAN],
    [0.0, 1e-9, 1e9],
]


@pytest.mark.parametrize("grid", coarse, ids=["values", "missing", "far missing", "scales"])
@pytest.mark.parametrize("name", ["measured", "dense", "pruned"])
def test_find_and_count_meet_their_definition(name, grid):
    if name != "measured" and numba.config.DISABLE_JIT:
        pytest.skip("the interpreter has no vectors")

    @settings(max_examples=60)
    @given(st.data(), st.integers(1, 9), st.integers(1, 12), st.integers(1, 5), st.booleans())
    def law(data, p, m, k, exclude_self):
        pool = data.draw(arrays(np.float64, (m + 1, p), elements=st.sampled_from(grid)))
        n = m + 1 if exclude_self else data.draw(st.integers(1, 8))
        queries = data.draw(arrays(np.float64, (n, p), elements=st.sampled_from(grid)))
        queries = pool if exclude_self else queries
        weights = data.draw(arrays(np.float64, p, elements=st.sampled_from([0.0, 0.5, 1.0, 2.0])))
        assert_same(queries, pool, min(k, m), weights, exclude_self=exclude_self)

    with pytest.MonkeyPatch.context() as patch:
        if name != "measured":
            patch.setattr(_euclidean, "SMALL", 0)
            patch.setattr(_euclidean, "LARGE", 0 if name == "pruned" else np.inf)
            patch.setattr(_euclidean, "WORTHWHILE", np.inf)
        law()


def table(kind, rows, p, seed):
    rng = np.random.default_rng(seed)
    if kind == "normal":
        return rng.standard_normal((rows, p))
    if kind == "heavy tails":
        return 10 * rng.standard_cauchy((rows, p))
    if kind == "far from 0":
        return 1000 + 1e-3 * rng.standard_normal((rows, p))
    if kind == "ties":
        return rng.integers(0, 3, (rows, p)) / 2
    if kind == "constant columns":
        x = rng.random((rows, p))
        x[:, ::2] = 0.1
        return x
    if kind == "missing":
        x = rng.random((rows, p)) * np.where(np.arange(p) % 2, 1.0, 30.0)
        x[rng.random(x.shape) < 0.2] = NAN
        return x
    if kind == "scales":
        return rng.standard_normal((rows, p)) * 10.0 ** (np.arange(p) % 5)
    return rng.standard_normal((rows, 3)) @ np.random.default_rng(0).standard_normal((3, p))


KINDS = "normal,heavy tails,far from 0,ties,constant columns,missing,scales,flat".split(",")
SIZES = [(1, 1, 1), (3, 2, 5), (7, 63, 2), (64, 64, 3), (65, 65, 8), (5, 70, 13), (90, 1300, 33)]
if numba.config.DISABLE_JIT:
    SIZES = SIZES[:3]


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_every_kind(way, kind):
    for n, m, p in [*SIZES, (30, 200, 300)] if way != "measured" else SIZES:
        queries, pool = table(kind, n, p, 1), table(kind, m, p, 2)
        queries[::5] = pool[: len(queries[::5])][-1]  # copies
        for k in (1, 2, 5):
            assert_same(queries, pool, min(k, m))
        if m > 1:
            assert_same(pool[:65], pool[:65], 1, exclude_self=True)


def test_weights(way):
    rng = np.random.default_rng(3)
    for kind in ("normal", "missing"):
        queries, pool = table(kind, 20, 12, 4), table(kind, 150, 12, 5)
        for weights in (rng.random(12), 1e6 * rng.random(12), np.arange(12) % 3.0, np.zeros(12)):
            assert_same(queries, pool, 3, weights)


def test_planted_copies_are_at_distance_zero(way):
    pool = table("normal", 400, 16, 6) * 1e3 + 1e6
    queries = pool[np.random.default_rng(7).permutation(400)[:130]]
    found = _euclidean.find(Rows(numeric=queries), Rows(numeric=pool), np.ones(16), 1)
    assert (found.distance == 0).all()
    np.testing.assert_array_equal(pool[found.index[:, 0]], queries)


def test_many_copies(way):
    pool = np.repeat(table("ties", 7, 6, 8), 40, axis=0)
    assert_same(pool[::9], pool, 5)
    assert_same(pool, pool, 3, exclude_self=True)


def test_more_neighbors_than_a_panel_has_rows(way):
    queries, pool = table("flat", 9, 8, 9), table("flat", 500, 8, 10)
    assert_same(queries, pool, 130)
    assert_same(queries, pool, 500)


def test_far_queries_and_far_rows(way):
    queries, pool = table("flat", 70, 6, 11), table("flat", 300, 6, 12)
    queries[::9] *= 40.0  # beyond the range of the coordinates: their scores bound from below alone
    pool[::7] *= 25.0
    assert_same(queries, pool, 3)


def test_any_radius(way):
    queries, pool = Rows(numeric=table("normal", 6, 4, 1)), Rows(numeric=table("normal", 99, 4, 2))
    for radius, expected in ((-1.0, 0), (np.inf, 99), (1e300, 99)):
        counted = _euclidean.count(queries, pool, np.ones(4), np.full(6, radius))
        assert counted.tolist() == [expected] * 6


def test_no_columns_and_no_queries(way):
    none = Rows(numeric=np.empty((4, 0)))
    assert _euclidean.find(none, none, np.empty(0), 2).index.tolist() == [[0, 1]] * 4
    few = Rows(numeric=np.empty((0, 3)))
    assert _euclidean.find(few, Rows(numeric=np.ones((4, 3))), np.ones(3), 2).index.shape == (0, 2)


@compiled
def test_the_order_of_rows_is_that_of_one_thread():
    points = np.random.default_rng(13).standard_normal((3_000, _order.AXES)).astype(np.float32)
    most = numba.get_num_threads()
    orders = []
    for threads in {1, most}:
        numba.set_num_threads(threads)
        orders.append(_order.ordered(points, 5, 32))
    numba.set_num_threads(most)
    np.testing.assert_array_equal(orders[0], orders[-1])
    np.testing.assert_array_equal(np.sort(orders[0]), np.arange(3_000))


SCRIPT = """
import hashlib, json, sys
import numpy as np
from synthema_kernels import Rows, _euclidean, _simd
rng = np.random.default_rng(0)
digest = hashlib.sha256()
turn = rng.standard_normal((4, 20))
for name in ("dense", "pruned"):
    _euclidean.SMALL, _euclidean.WORTHWHILE = 0, np.inf
    _euclidean.LARGE = 0 if name == "pruned" else np.inf
    for p in (4, 20):
        pool = np.round(rng.standard_normal((700, 4)) @ turn[:, :p], 1)
        queries = np.round(rng.standard_normal((300, 4)) @ turn[:, :p], 1)
        pool[rng.random(pool.shape) < 0.02] = np.nan
        rows = Rows(numeric=queries), Rows(numeric=pool)
        weights = rng.random(p)
        found = _euclidean.find(*rows, weights, 3)
        counted = _euclidean.count(*rows, weights, found.distance[:, 2] * 2)
        for array in (found.index, found.distance, counted):
            digest.update(np.ascontiguousarray(array).tobytes())
print(json.dumps([_simd.HAS_VNNI, _simd.HAS_PAIRS, digest.hexdigest()]))
"""


def run(**environment):
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(out.stdout)


def features_without(*names):
    listed = get_host_cpu_features().split(",")
    return ",".join("-" + x[1:] if any(n in x for n in names) else x for x in listed)


@compiled
def test_same_bits_on_any_cpu_and_number_of_threads():
    full = run(NUMBA_NUM_THREADS="1")
    for threads in ("2", "8"):
        assert run(NUMBA_NUM_THREADS=threads) == full
    if full[0]:
        no_vnni = run(NUMBA_CPU_FEATURES=features_without("vnni"))
        assert no_vnni == [False, True, full[2]]
    narrow = run(NUMBA_CPU_FEATURES=features_without("avx", "vnni"), NUMBA_CPU_NAME="nehalem")
    assert narrow == [False, False, full[2]]
