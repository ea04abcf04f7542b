"""Metrics, weights, groups of columns, and answers merged from parts."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthema_kernels import (
    Rows,
    _gower_groups,
    count_within,
    merge,
    nearest,
    nearest_groups,
    reference,
)

NAN = float("nan")
numbers = st.sampled_from([0.0, 0.25, 0.5, 1.0, NAN, 3.5, -2.0])
levels = st.sampled_from([-1, 0, 1, 2, 300])
weights = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 1e6])


def table(data, n, p, q):
    return Rows(
        numeric=data.draw(arrays(np.float64, (n, p), elements=numbers)),
        codes=data.draw(arrays(np.int64, (n, q), elements=levels)),
    )


def assert_same(got, want):
    np.testing.assert_array_equal(got.index, want.index)
    np.testing.assert_array_equal(got.distance, want.distance)


COLUMNS = {"gower": (5, 5), "sqeuclidean": (6, 0), "hamming": (0, 6)}


@given(st.data(), st.sampled_from(sorted(COLUMNS)), st.integers(1, 4), st.booleans())
def test_every_metric_with_weights_meets_its_definition(data, metric, k, exclude_self):
    p, q = (data.draw(st.integers(0, most)) for most in COLUMNS[metric])
    n, m = data.draw(st.integers(0, 8)), data.draw(st.integers(2, 12))
    pool = table(data, m, p, q)
    queries = pool if exclude_self else table(data, n, p, q)
    options = {"metric": metric, "exclude_self": exclude_self}
    options["weights"] = data.draw(st.none() | arrays(np.float64, p + q, elements=weights))
    k = min(k, m - exclude_self)
    found = nearest(queries, pool, k, **options)
    assert_same(found, reference.nearest(queries, pool, k, **options))
    radius = data.draw(st.sampled_from([0.0, 0.25, 1.0, 2.6, np.inf]))
    for strict in (False, True):
        np.testing.assert_array_equal(
            count_within(queries, pool, radius, strict=strict, **options),
            reference.count_within(queries, pool, radius, strict=strict, **options),
        )
    if len(queries):  # a row lies exactly at this radius
        radii = found.distance[:, -1]
        assert (count_within(queries, pool, radii, **options) >= k).all()
        assert (count_within(queries, pool, radii, strict=True, **options) < k).all()


@given(st.data(), st.integers(0, 5), st.integers(0, 5), st.integers(1, 3), st.booleans())
def test_groups_meet_their_definition_together_and_apart(data, p, q, k, exclude_self):
    pool = table(data, data.draw(st.integers(2, 9)), p, q)
    queries = pool if exclude_self else table(data, data.draw(st.integers(0, 6)), p, q)
    groups = data.draw(arrays(np.bool_, (data.draw(st.integers(0, 4)), p + q)))
    options = {"weights": data.draw(st.none() | arrays(np.float64, p + q, elements=weights))}
    k, options["exclude_self"] = min(k, len(pool) - exclude_self), exclude_self
    want = reference.nearest_groups(queries, pool, groups, k, **options)
    for share in (0, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                _gower_groups, "worth", lambda g, share=share: np.full(len(g), share, bool)
            )
            got = nearest_groups(queries, pool, groups, k, **options)
        assert len(got) == len(groups)
        for one, other in zip(got, want, strict=True):
            assert_same(one, other)


def test_all_but_one_column_in_one_pass(random_rows):
    queries, pool = random_rows(40, p=11, q=13, seed=1), random_rows(700, p=11, q=13, seed=2)
    groups = ~np.eye(24, dtype=bool)
    assert _gower_groups.worth(groups).all()
    want = reference.nearest_groups(queries, pool, groups, 3)
    for got, one in zip(nearest_groups(queries, pool, groups, 3), want, strict=True):
        assert_same(got, one)


def test_groups_that_leave_out_much_are_searched_apart():
    halves = np.repeat([[True, False], [False, True]], 12, axis=1)
    assert not _gower_groups.worth(halves).any()


@given(st.data(), st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_parts_of_a_pool_merge_into_the_whole_in_any_order(data, k, sizes):
    pool, queries = table(data, sum(sizes), 2, 1), table(data, 4, 2, 1)
    starts = np.cumsum([0, *sizes])
    parts = []
    for start, stop in itertools.pairwise(starts):
        part = Rows(numeric=pool.numeric[start:stop], codes=pool.codes[start:stop])
        found = nearest(queries, part, min(k, stop - start))
        parts.append(type(found)(found.index + start, found.distance))
    order = data.draw(st.permutations(range(len(parts))))
    merged = parts[order[0]]
    for part in order[1:]:
        together = min(k, merged.index.shape[1] + parts[part].index.shape[1])
        both = merged, parts[part], together
        assert_same(merge(*both), reference.merge(*both))
        merged = merge(*both)
    assert_same(merged, nearest(queries, pool, min(k, len(pool))))


def rows(p=1, q=1):
    return Rows(numeric=np.zeros((3, p)), codes=np.zeros((3, q), int))


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"metric": "cosine"}, ValueError, "metric: expected one of 'gower', .* got 'cosine'"),
        ({"metric": "hamming"}, ValueError, "'hamming' is for codes, got 1 columns of numbers"),
        ({"metric": "sqeuclidean"}, ValueError, "'sqeuclidean' is for numbers, got 1 columns"),
        ({"weights": [1.0]}, ValueError, r"weights: expected shape \(2,\).* got shape \(1,\)"),
        ({"weights": [1.0, -1.0]}, ValueError, "weights: expected 0 to .* got 1 negative"),
        ({"weights": [NAN, 1e7]}, ValueError, "weights: expected 0 to .* got 2 negative"),
        ({"weights": ["a", "b"]}, TypeError, "weights: expected numbers, got <U1"),
    ],
)
def test_what_breaks_the_contract_is_named(options, error, sentence):
    with pytest.raises(error, match=sentence):
        nearest(rows(), rows(), 1, **options)
    with pytest.raises(error, match=sentence):
        count_within(rows(), rows(), 1.0, **options)


def test_a_number_without_a_finite_square_is_refused():
    far = Rows(numeric=np.array([[1e60]]))
    with pytest.raises(ValueError, match=r"queries\.numeric: expected values up to .* got 1"):
        nearest(far, far, 1, metric="sqeuclidean")


@pytest.mark.parametrize(
    ("groups", "error", "sentence"),
    [
        ([[1, 0]], TypeError, "groups: expected booleans, .* got int64"),
        ([[True]], ValueError, r"groups: expected shape \(groups, 2\).* got shape \(1, 1\)"),
        ([True, True], ValueError, r"groups: expected shape \(groups, 2\).* got shape \(2,\)"),
    ],
)
def test_groups_that_break_the_contract_are_named(groups, error, sentence):
    with pytest.raises(error, match=sentence):
        nearest_groups(rows(), rows(), groups, 1)


def test_answers_to_different_questions_do_not_merge():
    one, two = nearest(rows(), rows(), 1), nearest(rows(0, 1), rows(0, 1), 1)
    fewer = type(two)(two.index[:1], two.distance[:1])
    with pytest.raises(ValueError, match="second: expected 3 queries as in first, got 1"):
        merge(one, fewer)
