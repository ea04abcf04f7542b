"""The byte tables find and count what the definition says, to the bit, whatever the CPU."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba.core.codegen import get_host_cpu_features

from synthema_kernels import Rows
from synthema_kernels._simd import HAS_AVX2, HAS_AVX512

if not HAS_AVX2:
    pytest.skip("needs compiled code and a CPU with AVX2", allow_module_level=True)

from synthema_kernels import _gower_bytes as engine
from synthema_kernels import _gower_codes as encoding

# Exact in binary: equality needs no tolerance. 3.5 and -2 lie outside the usual scale.
numbers = st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan"), 3.5, -2.0])
levels = st.sampled_from([-1, 0, 1, 2, 15, 63, 64, 300, 2**31 - 1])
weight = st.sampled_from([0.0, 0.25, 1.0, 1.0, 3.0])


def distances(queries, pool, weights):
    """The definition: numeric columns in their order, then codes in theirs, in float64."""
    p = queries.numeric.shape[1]
    total, differing = (np.zeros((len(queries), len(pool))) for _ in range(2))
    for w, a, b in zip(weights[:p], queries.numeric.T, pool.numeric.T, strict=True):
        a = a[:, np.newaxis]
        hole = np.isnan(a) | np.isnan(b)
        total += w * np.where(hole, np.isnan(a) ^ np.isnan(b), np.abs(a - b))
    for w, a, b in zip(weights[p:], queries.codes.T, pool.codes.T, strict=True):
        differing += w * (a[:, np.newaxis] != b)
    return total + differing


def assert_found(queries, pool, weights, k, *, exclude_self=False):
    distance = distances(queries, pool, weights)
    got = engine.find(queries, pool, weights, k, exclude_self=exclude_self)
    if exclude_self:
        np.fill_diagonal(distance, np.inf)
    index = np.argsort(distance, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(got.index, index)
    np.testing.assert_array_equal(got.distance, np.take_along_axis(distance, index, axis=1))


def assert_counted(queries, pool, weights, radii):
    within = (distances(queries, pool, weights) <= radii[:, np.newaxis]).sum(axis=1)
    np.testing.assert_array_equal(engine.count(queries, pool, weights, radii), within)


@st.composite
def cases(draw, most=200):
    """Two tables of up to `most` rows, made of a few rows each, and weights."""
    p, q = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    shuffle = np.random.default_rng(draw(st.integers(0, 99)))
    both = []
    for _ in range(2):
        few, n = draw(st.integers(1, 8)), draw(st.integers(1, most))
        which = shuffle.integers(0, few, n)
        numeric = draw(arrays(np.float64, (few, p), elements=numbers))[which]
        codes = draw(arrays(np.int64, (few, q), elements=levels))[which]
        both.append(Rows(numeric=numeric, codes=codes))
    return *both, draw(arrays(np.float64, p + q, elements=weight))


@given(cases(), st.integers(1, 5))
@settings(max_examples=150)
def test_the_closest_rows_meet_the_definition(case, k):
    queries, pool, weights = case
    assert_found(queries, pool, weights, min(k, len(pool)))
    if len(pool) > 1:
        assert_found(pool, pool, weights, min(k, len(pool) - 1), exclude_self=True)


@given(cases(), st.integers(0, 199), st.sampled_from([0.0, 0.25, 1e200]))
@settings(max_examples=150)
def test_counts_meet_the_definition_at_exact_radii(case, rank, more):
    queries, pool, weights = case
    at = np.sort(distances(queries, pool, weights), axis=1)[:, min(rank, len(pool) - 1)]
    assert_counted(queries, pool, weights, at)
    assert_counted(queries, pool, weights, at + more)
    assert_counted(queries, pool, weights, np.nextafter(at, -np.inf))


def random_pair(n, m, p, q, *, seed, scale=1.0, missing=0.1, levels=5, copies=True):
    rng = np.random.default_rng(seed)
    numeric, codes = rng.random((n + m, p)) * scale, rng.integers(0, levels, (n + m, q))
    numeric[rng.random(numeric.shape) < missing] = np.nan
    codes[rng.random(codes.shape) < missing] = -1
    if copies:
        numeric[n : n + m // 10], codes[n : n + m // 10] = numeric[: m // 10], codes[: m // 10]
    return Rows(numeric=numeric[:n], codes=codes[:n]), Rows(numeric=numeric[n:], codes=codes[n:])


@pytest.mark.parametrize("k", [1, 2, 5, 128])
@pytest.mark.parametrize(
    ("p", "q", "levels"),
    [(16, 16, 12), (9, 0, 2), (0, 9, 5), (0, 40, 2), (1, 1, 3), (0, 0, 2), (3, 2, 1000)],
)
def test_every_bit_of_a_float64_sum(p, q, levels, k):
    """Irregular numbers, several panels and blocks, guesses made."""
    queries, pool = random_pair(700, 2_500, p, q, seed=10 * p + q, levels=levels)
    assert_found(queries, pool, np.ones(p + q), k)
    assert_found(queries, pool, np.random.default_rng(k).uniform(0, 2, p + q), k)


def test_a_search_of_the_pool_itself_leaves_out_the_row_alone():
    rows, _ = random_pair(1_100, 10, 4, 4, seed=5)
    assert_found(rows, rows, np.ones(8), 3, exclude_self=True)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e-3, 37.0, 1e6, 1e90])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_the_scale_of_the_numbers_changes_speed_only(scale, missing):
    queries, pool = random_pair(600, 700, 4, 2, seed=1, scale=scale, missing=missing)
    assert_found(queries, pool, np.ones(6), 3)
    radii = np.sort(distances(queries, pool, np.ones(6)), axis=1)[:, 20]
    assert_counted(queries, pool, np.ones(6), radii)


def test_far_outliers_and_empty_columns():
    rng = np.random.default_rng(2)
    numeric = rng.random((2_000, 4))
    numeric[::97, 0], numeric[5, 1], numeric[:, 2] = 1e6, -1e99, np.nan
    numeric[::7, 3] = np.nan
    queries, pool = Rows(numeric=numeric[:600]), Rows(numeric=numeric[600:])
    assert_found(queries, pool, np.ones(4), 3)
    assert_found(queries, Rows(numeric=np.full((300, 4), np.nan)), np.ones(4), 3)
    assert_counted(queries, pool, np.ones(4), rng.random(600) * 3)


def test_numbers_closer_than_a_bin_are_told_apart():
    for p in (1, 2, 9):
        numeric = 0.5 + 2e-5 * np.random.default_rng(p).uniform(-1, 1, (1_500, p))
        numeric[0], numeric[-1] = 0.0, 1.0
        assert_found(Rows(numeric=numeric[:600]), Rows(numeric=numeric[600:]), np.ones(p), 2)


def test_many_columns_share_the_steps():
    queries, pool = random_pair(20, 300, 201, 303, seed=3)
    assert_found(queries, pool, np.ones(504), 2)


def test_a_guess_that_is_too_low_is_noticed():
    """The queries that are tried lie near the pool, most others far."""
    rng = np.random.default_rng(4)
    numeric = rng.random((2_000, 3)) + 50.0 * (rng.random((2_000, 1)) < 0.5)
    numeric[: 1_000 : 1_000 // engine.TRIED] = rng.random(
        (1_000 // (1_000 // engine.TRIED) + 1, 3)
    )[: len(numeric[: 1_000 : 1_000 // engine.TRIED])]
    pool = Rows(numeric=np.vstack([rng.random((1_500, 3)), [[50.0, 50.0, 50.0]] * 3]))
    assert_found(Rows(numeric=numeric), pool, np.ones(3), 2)


def test_crowds_within_a_radius_are_counted_without_measuring():
    queries, pool = random_pair(300, 3_000, 5, 5, seed=6, levels=80)
    for share in (0.01, 0.3, 0.9):
        radii = np.quantile(distances(queries, pool, np.ones(10)), share, axis=1)
        assert_counted(queries, pool, np.ones(10), radii)
    assert_counted(queries, pool, np.ones(10), np.full(300, 1e200))
    assert_counted(queries, pool, np.ones(10), np.full(300, -5e-324))


@given(cases(40))
@settings(max_examples=60)
def test_bytes_of_rows_stand_for_what_they_hold(case):
    """The whole argument for exactness: each number lies in the bin that its byte names."""
    _, pool, weights = case
    book, panels = encoding.encode(pool, weights)
    for i in range(len(pool)):
        for s, c in enumerate(book.numbers):
            entry = panels[i // panels.shape[2], book.group[s], i % panels.shape[2]]
            number = pool.numeric[i, c]
            assert (book.digit[s, entry] == book.hole[s]) == np.isnan(number)
            assert np.isnan(number) or book.low[s, entry] <= number <= book.high[s, entry]


BITS = """
import hashlib
import numpy as np
from synthema_kernels import Rows, _bytes_tile, _gower_bytes as engine
rng = np.random.default_rng(7)
numeric, codes = rng.random((1500, 5)), rng.integers(-1, 40, (1500, 5))
numeric[rng.random(numeric.shape) < 0.1] = np.nan
numeric[700:760], codes[700:760] = numeric[:60], codes[:60]
queries = Rows(numeric=numeric[:700], codes=codes[:700])
pool, weights = Rows(numeric=numeric[700:], codes=codes[700:]), rng.uniform(0, 2, 10)
found = engine.find(queries, pool, weights, 3, exclude_self=False)
counts = engine.count(queries, pool, weights, found.distance[:, 1] * rng.choice([1, 1, 3], 700))
print(_bytes_tile.ENTRIES, _bytes_tile.LANES)
for array in (*found, counts):
    print(hashlib.sha256(array.tobytes()).hexdigest())
"""


def bits(**environment):
    done = subprocess.run(
        [sys.executable, "-c", BITS],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    form, *hashes = done.stdout.splitlines()
    return form, tuple(hashes)


def without(*names):
    host = get_host_cpu_features().split(",")
    return ",".join(("-" if f[1:].startswith(names) else f[0]) + f[1:] for f in host)


def test_threads_share_every_bit():
    assert bits(NUMBA_NUM_THREADS="1") == bits(NUMBA_NUM_THREADS="8")


AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": without("avx512", "avx10")}
SHORT_TABLES = {"NUMBA_CPU_FEATURES": without("avx512vbmi")}


@pytest.mark.parametrize(
    ("environment", "form"),
    [
        pytest.param(AVX2, "16 32", id="avx2"),
        pytest.param(SHORT_TABLES, "16 64", id="avx512", marks=pytest.mark.slow),
    ],
)
def test_older_processors_share_every_bit(environment, form):
    if form == "16 64" and not HAS_AVX512:
        pytest.skip("needs AVX-512")
    got, hashes = bits(**environment)
    assert got == form
    assert hashes == bits()[1]
