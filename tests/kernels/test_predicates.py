"""`count_matching` equals its definition, with ties, empty ranges and empty tables as usual."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthema_kernels import Ranked, count_matching, reference

value = st.integers(-1, 3)


@given(st.data(), st.integers(0, 9), st.integers(1, 4), st.integers(0, 6), st.integers(0, 3))
def test_count_matching_meets_its_definition(data, n, d, m, terms):
    table = Ranked.of(data.draw(arrays(np.int64, (n, d), elements=value)))
    columns = data.draw(arrays(np.int64, (m, terms), elements=st.integers(0, d - 1)))
    low, high = (data.draw(arrays(np.int64, (m, terms), elements=value)) for _ in range(2))
    enough = data.draw(st.sampled_from([None, 1, 2, 3]))
    options = {"enough": enough, "keep": data.draw(st.integers(0, 4))}
    got = count_matching(table, columns, low, high, **options)
    want = reference.count_matching(table, columns, low, high, **options)
    np.testing.assert_array_equal(got.count, want.count)
    np.testing.assert_array_equal(got.rows, want.rows)


def test_a_range_may_reach_beyond_every_number():
    largest = np.iinfo(np.int32).max
    table = Ranked.of(np.array([[0], [largest], [-1]], np.int32))
    found = count_matching(table, [[0], [0]], [[1], [-(2**40)]], [[2**40], [-1]])
    assert found.count.tolist() == [1, 1]
    assert found.rows[:, 0].tolist() == [1, 2]


def test_what_is_no_table_or_no_condition_is_refused():
    with pytest.raises(TypeError, match="ranks: expected integers, got float64"):
        Ranked.of(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"ranks: expected shape \(rows, columns\), got 1 axes"):
        Ranked.of(np.zeros(2, int))
    table = Ranked.of(np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="columns, low, high: expected one shape"):
        count_matching(table, [[0]], [[0, 1]], [[0, 1]])
    with pytest.raises(ValueError, match="columns: expected places from 0 to 1"):
        count_matching(table, [[2]], [[0]], [[0]])
    with pytest.raises(ValueError, match="enough: expected 1 or more, got 0"):
        count_matching(table, [[0]], [[0]], [[0]], enough=0)
    with pytest.raises(ValueError, match="keep: expected 0 or more, got -1"):
        count_matching(table, [[0]], [[0]], [[0]], keep=-1)
