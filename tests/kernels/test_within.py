"""`count_within` equals its definition, with ties at the radius as the normal case."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthema_kernels import Rows, _gower_words, _threads, count_within, nearest, reference

NAN, FAR = float("nan"), 3.5  # FAR is capped beside a missing number: the sketch is not tight
LEVELS = [-1, 0, 1, 2]
grids = st.sampled_from(
    [
        ([0.0, 0.25, 0.5, 1.0], LEVELS),
        ([0.0, 0.25, 0.5, 1.0, NAN], LEVELS),
        ([0.0, 0.25, NAN, FAR, -2.0], [*LEVELS, 2**15 - 1, 2**15 + 1, 2**31 - 1]),
    ]
)
radii = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.25, 2.0, 3.0, 40.0, float("inf")])

# The interpreter runs the kernels too (NUMBA_DISABLE_JIT=1): there, fewer rows.
FEW, MANY = (20, 300) if numba.config.DISABLE_JIT else (150, 1_100)


def assert_same(queries, pool, radius, **options):
    got = count_within(queries, pool, radius, **options)
    np.testing.assert_array_equal(got, reference.count_within(queries, pool, radius, **options))
    assert got.dtype == np.int64


@given(st.data(), st.integers(0, 6), st.integers(0, 6), grids, st.booleans(), st.booleans())
def test_count_within_meets_its_definition(data, p, q, grid, strict, exclude_self):
    numbers, levels = map(st.sampled_from, grid)
    n, m = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 12))
    queries, pool = (
        Rows(
            numeric=data.draw(arrays(np.float64, (rows, p), elements=numbers)),
            codes=data.draw(arrays(np.int64, (rows, q), elements=levels)),
        )
        for rows in (n, m)
    )
    if exclude_self:
        queries = pool
    radius = data.draw(st.one_of(radii, arrays(np.float64, len(queries), elements=radii)))
    assert_same(queries, pool, radius, strict=strict, exclude_self=exclude_self)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("p", "q"), [(5, 4), (3, 0), (0, 3), (0, 0)])
@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 37.0, 1e90])
def test_the_radius_is_a_measured_distance(random_rows, p, q, missing, scale, strict):
    """Irregular numbers, several tiles: a row lies exactly at every radius."""
    queries = random_rows(FEW, p=p, q=q, seed=1, missing=missing)
    pool = random_rows(MANY, p=p, q=q, seed=2, missing=missing)
    queries, pool = (Rows(numeric=x.numeric * scale, codes=x.codes) for x in (queries, pool))
    distance = reference.distances(queries, pool)
    for share in (0.0, 0.01, 0.5, 1.0):
        radius = np.quantile(distance, share, axis=1, method="nearest")
        assert_same(queries, pool, radius, strict=strict)
        assert_same(queries, pool, np.nextafter(radius, np.inf), strict=strict)
        assert_same(queries, pool, float(radius[0]), strict=strict)


def test_far_outliers_are_counted():
    numeric = np.random.default_rng(3).random((MANY, 3))
    numeric[::97, 0], numeric[5, 1], numeric[::7, 2] = 1e6, -1e99, np.nan
    rows = Rows(numeric=numeric)
    for radius in (0.0, 0.3, 2.0, 1e5, 1e6, 1e99, np.inf):
        assert_same(rows, rows, radius, exclude_self=True)


def test_many_columns_share_the_words(random_rows):
    """A step for more numbers than the sketch can tell apart: everything in between is measured."""
    queries = random_rows(FEW // 10, p=701, q=303, seed=4)
    pool = random_rows(MANY // 10, p=701, q=303, seed=5)
    radius = np.median(reference.distances(queries, pool), axis=1)
    assert_same(queries, pool, radius)


def test_how_many_are_closer_than_the_closest(random_rows):
    """What a rank asks: nobody is strictly closer, and somebody is as close."""
    queries, pool = random_rows(FEW, seed=6), random_rows(MANY, seed=7)
    closest = nearest(queries, pool, 1).distance[:, 0]
    assert (count_within(queries, pool, closest, strict=True) == 0).all()
    assert (count_within(queries, pool, closest) >= 1).all()


def test_copies_lie_within_radius_zero(random_rows):
    rows = random_rows(FEW, seed=8)
    doubled = Rows(
        numeric=np.vstack([rows.numeric, rows.numeric]), codes=np.vstack([rows.codes, rows.codes])
    )
    assert (count_within(rows, doubled, 0) >= 2).all()
    assert (count_within(doubled, doubled, 0, exclude_self=True) >= 1).all()
    assert (count_within(doubled, doubled, 0, strict=True, exclude_self=True) == 0).all()


def test_an_empty_side_counts_nothing(random_rows):
    assert count_within(random_rows(3), random_rows(0), 9.0).tolist() == [0, 0, 0]
    assert count_within(random_rows(0), random_rows(3), 9.0).shape == (0,)


def test_long_work_and_threads_change_nothing(random_rows, monkeypatch):
    monkeypatch.setattr(_threads, "SHARE", 1e-9)  # so that small work takes all it may
    rows, radius = random_rows(MANY // 2, seed=9), np.linspace(0, 5, MANY // 2)
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            answers.append(count_within(rows, rows, radius, exclude_self=True))
    finally:
        numba.set_num_threads(before)
    monkeypatch.setattr(_gower_words, "PAIRS_PER_CALL", 64 * len(rows))
    answers.append(count_within(rows, rows, radius, exclude_self=True))
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


@pytest.mark.parametrize(
    ("radius", "error", "sentence"),
    [
        (-0.5, ValueError, "radius: expected at least 0, got 1 negative or NaN"),
        ([0.0, NAN, -1.0], ValueError, "radius: expected at least 0, got 2 negative or NaN"),
        ([1.0, 2.0], ValueError, r"radius: expected one number or shape \(3,\) .* shape \(2,\)"),
        ([[1.0]], ValueError, r"radius: .* got shape \(1, 1\)"),
        ("far", TypeError, "radius: expected numbers, got <U3"),
        (True, TypeError, "radius: expected numbers, got bool"),
    ],
)
def test_a_radius_that_breaks_the_contract_is_named(random_rows, radius, error, sentence):
    with pytest.raises(error, match=sentence):
        count_within(random_rows(3), random_rows(4), radius)


def test_tables_that_break_the_contract_are_named(random_rows):
    with pytest.raises(TypeError, match="pool: expected Rows, got NoneType"):
        count_within(random_rows(3), None, 1.0)
    with pytest.raises(ValueError, match=r"queries: expected the 4 rows of pool .* got 3"):
        count_within(random_rows(3), random_rows(4), 1.0, exclude_self=True)
