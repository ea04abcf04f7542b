"""Collapsing copies changes how long a search takes, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthema_kernels import Rows, _copies, nearest, reference

numbers = st.sampled_from([0.0, -0.0, 0.5, float("nan")])


@pytest.fixture(autouse=True)
def collapse_everything(monkeypatch):
    monkeypatch.setattr(_copies, "FEWEST", 2)
    monkeypatch.setattr(_copies, "WORTH", 1.0)
    monkeypatch.setattr(_copies, "ENOUGH", 0)


@st.composite
def repeated(draw, p, q):
    """Few different rows, many times."""
    n = draw(st.integers(1, 25))
    return Rows(
        numeric=draw(arrays(np.float64, (n, p), elements=numbers)),
        codes=draw(arrays(np.int64, (n, q), elements=st.sampled_from([-1, 0]))),
    )


@given(st.data(), st.integers(0, 2), st.integers(0, 2), st.integers(1, 6))
def test_copies_in_both_tables(data, p, q, k):
    queries, pool = data.draw(repeated(p, q)), data.draw(repeated(p, q))
    k = min(k, len(pool))
    got, want = nearest(queries, pool, k), reference.nearest(queries, pool, k)
    np.testing.assert_array_equal(got.index, want.index)
    np.testing.assert_array_equal(got.distance, want.distance)


@given(st.data(), st.integers(0, 2), st.integers(0, 2), st.integers(1, 6), st.booleans())
def test_a_row_is_not_its_own_copy(data, p, q, k, the_same_object):
    pool = data.draw(repeated(p, q))
    queries = pool if the_same_object else Rows(numeric=pool.numeric, codes=pool.codes)
    if len(pool) > 1:
        k = min(k, len(pool) - 1)
        got = nearest(queries, pool, k, exclude_self=True)
        want = reference.nearest(queries, pool, k, exclude_self=True)
        np.testing.assert_array_equal(got.index, want.index)
        np.testing.assert_array_equal(got.distance, want.distance)


@given(repeated(2, 1))
def test_distinct_rows_stand_in_the_order_of_their_first_occurrence(rows):
    found = _copies.distinct(rows, len(rows))
    if found is None:
        assert len(rows) < 2
        return
    assert len(found.members) == len(found.kind) == len(rows)
    assert (np.diff(found.members[found.start[:-1]]) > 0).all()
    for kind in range(len(found.rows)):
        members = found.members[found.start[kind] : found.start[kind + 1]]
        assert (np.diff(members) > 0).all()
        assert (found.kind[members] == kind).all()
        one = _copies.take(found.rows, np.array([kind]))
        assert (reference.distances(one, _copies.take(rows, members)) == 0).all()
    between = reference.distances(found.rows, found.rows)
    assert (between + np.eye(len(between)) > 0).all()


@pytest.mark.parametrize("p", [0, 6, 12])
def test_all_rows_of_zeros_and_ones_have_keys_of_their_own(p):
    bits = (np.arange(2**12)[:, np.newaxis] >> np.arange(12)) & 1
    rows = Rows(numeric=bits[:, :p].astype(float), codes=bits[:, p:])
    assert len(np.unique(_copies._keys(rows, _copies.ALL))) == len(rows)


def test_different_rows_with_one_key_are_not_collapsed(monkeypatch):
    monkeypatch.setattr(_copies, "_write_keys", lambda *arrays: arrays[-1].fill(7))
    rows = Rows(codes=np.array([[0], [1], [0], [1]]))
    assert _copies.distinct(rows, len(rows)) is None
    np.testing.assert_array_equal(
        nearest(rows, rows, 2).index, reference.nearest(rows, rows, 2).index
    )
