"""`nearest` equals its definition to the bit, whatever the size, the threads and the ties."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from synthema_kernels import Rows, _gower_words, _threads, nearest, reference
from synthema_kernels._words import WORD_LIMIT, Grid, sketch

# Exact in binary: equality needs no tolerance. 3.5 and -2 lie outside the usual scale.
numbers = st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan"), 3.5, -2.0])
levels = st.sampled_from([-1, 0, 1, 2, 2**15 + 1, 2**31 - 1])  # 1 and 2**15 + 1 share a sketch


@st.composite
def tables(draw, *, p: int, q: int, n: st.SearchStrategy[int]) -> Rows:
    rows = draw(n)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return Rows(
        numeric=draw(arrays(dtype, (rows, p), elements=numbers)),
        codes=draw(arrays(np.int64, (rows, q), elements=levels)),
    )


@st.composite
def pairs(draw) -> tuple[Rows, Rows]:
    p, q = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    queries = draw(tables(p=p, q=q, n=st.integers(0, 8)))
    return queries, draw(tables(p=p, q=q, n=st.integers(1, 12)))


def assert_same(got, want):
    np.testing.assert_array_equal(got.index, want.index)
    np.testing.assert_array_equal(got.distance, want.distance)
    assert got.index.dtype == np.int64
    assert got.distance.dtype == np.float64


@given(pairs(), st.integers(1, 5))
def test_nearest_meets_its_definition(pair, k):
    queries, pool = pair
    k = min(k, len(pool))
    assert_same(nearest(queries, pool, k), reference.nearest(queries, pool, k))


@given(pairs(), st.integers(1, 5))
def test_nearest_without_self_meets_its_definition(pair, k):
    _, rows = pair
    if len(rows) > 1:
        k = min(k, len(rows) - 1)
        got = nearest(rows, rows, k, exclude_self=True)
        assert_same(got, reference.nearest(rows, rows, k, exclude_self=True))
        assert (got.index != np.arange(len(rows))[:, None]).all()


def random_pair(n, m, p, q, *, seed, scale=1.0, missing=0.1, levels=5):
    rng = np.random.default_rng(seed)
    numeric, codes = rng.random((n + m, p)) * scale, rng.integers(0, levels, (n + m, q))
    numeric[rng.random(numeric.shape) < missing] = np.nan
    codes[rng.random(codes.shape) < missing] = -1
    numeric[n : n + m // 10], codes[n : n + m // 10] = numeric[: m // 10], codes[: m // 10]
    return (
        Rows(numeric=numeric[:n], codes=codes[:n]),
        Rows(numeric=numeric[n:], codes=codes[n:]),
    )


# The interpreter runs the kernels too (NUMBA_DISABLE_JIT=1): there, fewer rows.
FEW, MANY = (20, 300) if numba.config.DISABLE_JIT else (150, 1_100)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 40])
@pytest.mark.parametrize(("p", "q"), [(5, 4), (3, 0), (0, 3), (1, 1), (0, 0)])
def test_every_bit_of_a_float64_sum(p, q, k):
    """Irregular numbers, several tiles and blocks: the sum is taken in the definition's order."""
    queries, pool = random_pair(FEW, MANY, p, q, seed=10 * p + q)
    assert_same(nearest(queries, pool, k), reference.nearest(queries, pool, k))


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e-3, 37.0, 1e6, 1e90])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_the_scale_of_the_numbers_changes_speed_only(scale, missing):
    queries, pool = random_pair(FEW, MANY // 3, 4, 2, seed=1, scale=scale, missing=missing)
    assert_same(nearest(queries, pool, 3), reference.nearest(queries, pool, 3))


def test_far_outliers_and_empty_columns():
    rng = np.random.default_rng(2)
    numeric = rng.random((MANY, 4))
    numeric[::97, 0], numeric[5, 1], numeric[:, 2] = 1e6, -1e99, np.nan
    numeric[::7, 3] = np.nan
    queries, pool = Rows(numeric=numeric[:FEW]), Rows(numeric=numeric[FEW:])
    assert_same(nearest(queries, pool, 3), reference.nearest(queries, pool, 3))
    nothing_known = Rows(numeric=np.full((3, 4), np.nan))
    assert_same(nearest(queries, nothing_known, 3), reference.nearest(queries, nothing_known, 3))


def test_numbers_closer_than_a_step_are_told_apart():
    """All but two rows lie within one step, where the sketch is wrong by up to one per number."""
    for p in (1, 2, 5):
        numeric = 0.5 + 2e-5 * np.random.default_rng(p).uniform(-1, 1, (MANY, p))
        numeric[0], numeric[-1] = 0.0, 1.0
        queries, pool = Rows(numeric=numeric[: FEW * 2]), Rows(numeric=numeric[FEW:])
        assert_same(nearest(queries, pool, 2), reference.nearest(queries, pool, 2))


def test_many_columns_share_the_words():
    queries, pool = random_pair(FEW // 10, MANY // 10, 701, 303, seed=3)
    assert_same(nearest(queries, pool, 2), reference.nearest(queries, pool, 2))


def test_distance_agrees_with_scipy_where_nothing_is_missing():
    """A referee that shares no code with the definition."""
    queries, pool = random_pair(FEW, MANY, 6, 5, seed=4, missing=0.0)
    distance = cdist(queries.numeric, pool.numeric, "cityblock")
    distance += 5 * cdist(queries.codes, pool.codes, "hamming")
    found = nearest(queries, pool, 5)
    np.testing.assert_allclose(found.distance, np.sort(distance, axis=1)[:, :5], rtol=1e-12)
    picked = np.take_along_axis(distance, found.index, axis=1)
    np.testing.assert_allclose(found.distance, picked, rtol=1e-12)


def test_a_copied_row_is_at_distance_zero(random_rows):
    """The law that an expanded square breaks, missing values included."""
    rows = random_rows(MANY)
    index, distance = nearest(rows, rows, k=1)
    assert (distance == 0).all()
    assert (index[:, 0] <= np.arange(len(rows))).all()


def test_missing_equals_missing_and_is_one_from_any_value():
    pool = Rows(numeric=np.array([[np.nan], [0.0], [0.75]]), codes=np.array([[-1], [0], [1]]))
    query = Rows(numeric=np.array([[np.nan]]), codes=np.array([[-1]]))
    index, distance = nearest(query, pool, k=3)
    assert index.tolist() == [[0, 1, 2]]
    assert distance.tolist() == [[0.0, 2.0, 2.0]]


def test_ties_go_to_the_lower_index_across_tiles():
    numeric = np.ones((MANY, 1))
    numeric[[7, 260, MANY - 1]] = 0.25
    index, distance = nearest(Rows(numeric=np.zeros((1, 1))), Rows(numeric=numeric), k=5)
    assert index.tolist() == [[7, 260, MANY - 1, 0, 1]]
    assert distance.tolist() == [[0.25, 0.25, 0.25, 1.0, 1.0]]


def test_six_hundred_levels_stay_six_hundred():
    codes = np.arange(600)[:, None]
    rows = Rows(codes=codes)
    index, distance = nearest(rows, Rows(codes=codes[::-1]), k=2)
    assert (index[:, 0] == np.arange(600)[::-1]).all()
    assert (distance == [0.0, 1.0]).all()


def test_levels_that_share_a_sketch_stay_apart():
    pool = Rows(codes=np.array([[2**15], [2**16], [0]]))
    assert nearest(Rows(codes=np.array([[0]])), pool, k=1).index.tolist() == [[2]]


def test_long_work_is_done_in_parts(random_rows, monkeypatch):
    rows = random_rows(MANY // 2, seed=5)
    whole = nearest(rows, rows, 2, exclude_self=True)
    monkeypatch.setattr(_gower_words, "PAIRS_PER_CALL", 64 * len(rows))
    assert_same(nearest(rows, rows, 2, exclude_self=True), whole)


def test_empty_queries_get_an_empty_answer(random_rows):
    found = nearest(random_rows(0), random_rows(5), k=3)
    assert found.index.shape == (0, 3)
    assert found.distance.shape == (0, 3)


def test_any_number_of_threads_gives_the_same_bits(random_rows, monkeypatch):
    monkeypatch.setattr(_threads, "SHARE", 1e-9)  # so that small work takes all it may
    queries, pool = random_rows(MANY, seed=6), random_rows(MANY, seed=7)
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            answers.append(nearest(queries, pool, 3))
    finally:
        numba.set_num_threads(before)
    assert_same(answers[0], answers[1])


BYTES = """
import hashlib, numpy as np
from synthema_kernels import Rows, _threads, nearest
_threads.SHARE = 1e-9  # so that small work takes all threads
rng = np.random.default_rng(8)
numeric, codes = rng.random((1500, 7)), rng.integers(-1, 9, (1500, 5))
pool = Rows(numeric=numeric, codes=codes)
found = nearest(Rows(numeric=numeric[:700], codes=codes[:700]), pool, 4)
print(hashlib.sha256(found.index.tobytes() + found.distance.tobytes()).hexdigest())
"""


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="threads need compiled code")
def test_eight_threads_in_another_process_give_the_same_bits():
    answers = {
        subprocess.run(
            [sys.executable, "-c", BYTES],
            env={**os.environ, "NUMBA_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "8")
    }
    assert len(answers) == 1


def rows(n=3, p=1, q=1):
    return Rows(numeric=np.zeros((n, p)), codes=np.zeros((n, q), int))


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((np.zeros((3, 1)), rows(), 1), TypeError, "queries: expected Rows, got ndarray"),
        ((rows(), None, 1), TypeError, "pool: expected Rows, got NoneType"),
        (
            (rows(p=2), rows(), 1),
            ValueError,
            "expected 2 columns as in queries, got 1",
        ),
        (
            (rows(), rows(q=4), 1),
            ValueError,
            r"pool\.codes: expected 1 columns as in queries, got 4",
        ),
        ((rows(), rows(0), 1), ValueError, "pool: expected at least one row, got none"),
        ((rows(), rows(), 4), ValueError, r"k: expected at most 3, .* got 4"),
        ((rows(0), rows(), 4), ValueError, r"k: expected at most 3, .* got 4"),
        ((rows(), rows(), 0), ValueError, "k: expected at least 1, got 0"),
        ((rows(), rows(), 1.0), TypeError, "k: expected an integer, got float"),
        ((rows(), rows(), True), TypeError, "k: expected an integer, got bool"),
    ],
)
def test_what_breaks_the_contract_is_named(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        nearest(*arguments)


def test_self_exclusion_needs_the_same_rows_and_one_more():
    with pytest.raises(ValueError, match=r"queries: expected the 3 rows of pool .* got 2"):
        nearest(rows(2), rows(3), 1, exclude_self=True)
    with pytest.raises(ValueError, match=r"k: expected at most 2, .* got 3"):
        nearest(rows(), rows(), 3, exclude_self=True)


@given(st.data())
@settings(max_examples=60)
def test_the_sketch_never_overstates_a_distance(data):
    """The whole argument for exactness, on its own: sketch < step * distance + p."""
    p, q = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 3))
    elements = st.one_of(numbers, st.floats(-1e3, 1e3, width=32))
    queries, pool = (
        Rows(
            numeric=data.draw(arrays(np.float64, (n, p), elements=elements)),
            codes=data.draw(arrays(np.int64, (n, q), elements=levels)),
        )
        for n in (4, 6)
    )
    weights = data.draw(arrays(np.float64, p + q, elements=st.sampled_from([0.1, 1.0, 7.0])))
    grid = Grid.of(queries, pool, weights)
    a, b = (
        sketch(x.numeric, x.codes, grid).astype(np.int64)[:, np.newaxis] for x in (queries, pool)
    )
    b, split = b.swapaxes(0, 1), len(grid.cap)
    words = np.minimum(np.abs(a - b)[..., :split], grid.cap).sum(axis=-1)
    words += (grid.unit * (a != b)[..., split:]).sum(axis=-1)
    exact = reference.distances(queries, pool, weights=weights)
    assert (words <= WORD_LIMIT).all()
    assert (words <= grid.step * exact * (1 + 1e-12) + p).all()
