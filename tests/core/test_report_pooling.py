"""No picture and no table of figures stands for fewer than five real patients."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthema_core.report.pooling import (
    FEWEST_BINS,
    FLOOR,
    RARE,
    pool_bins,
    pool_categories,
    pool_tails,
    printed,
    small,
)
from synthema_core.report.ranges import ranges, value

counts = st.lists(st.sampled_from([0, 1, 4, 5, 6, 50]), min_size=1, max_size=9)


def shares(held):
    total = max(sum(held), 1)
    return np.array(held) / total, total


@given(counts)
def test_categories_keep_their_total_and_name_no_rare_one(held):
    real, n = shares(held)
    synthetic = real[::-1]
    labels = tuple(f"c{i}" for i in range(len(held)))
    bars = pool_categories(labels, real, synthetic, n_real=n)
    assert np.isclose(bars.real.sum(), real.sum())
    assert np.isclose(bars.synthetic.sum(), synthetic.sum())
    assert bars.real_counts.sum() == sum(held)
    named = [c for label, c in zip(bars.labels, bars.real_counts, strict=True) if label != RARE]
    assert all(c >= FLOOR for c in named)
    assert named == sorted(named, reverse=True)
    assert RARE not in bars.labels[:-1]


def test_ordered_categories_keep_their_order():
    real = np.array([0.1, 0.6, 0.3])
    bars = pool_categories(("low", "mid", "high"), real, real, n_real=100, ordered=True)
    assert bars.labels == ("low", "mid", "high")


@given(counts)
def test_both_ends_of_a_histogram_hold_five_patients_if_there_are_so_many(held):
    real, n = shares(held)
    edges = np.arange(len(held) + 1, dtype=float)
    bins = pool_tails(edges, real, real, n_real=n)
    assert len(bins.edges) == len(bins.real) + 1
    assert (np.diff(bins.edges) > 0).all()
    assert np.isclose(bins.real.sum(), real.sum())
    assert bins.real_counts.sum() == sum(held)
    if len(bins.real) > 2:
        assert bins.real_counts[0] >= FLOOR
        assert bins.real_counts[-1] >= FLOOR


@given(counts)
def test_bins_widen_until_they_hold_groups(held):
    real, n = shares(held)
    edges = np.arange(len(held) + 1, dtype=float)
    bins = pool_bins(edges, real, real, n_real=n)
    assert np.isclose(bins.real.sum(), real.sum())
    assert bins.real_counts.sum() == sum(held)
    assert len(np.unique(np.diff(bins.edges))) == 1
    assert len(bins.real) <= FEWEST_BINS or sum(held) >= FLOOR * len(bins.real)


def test_small_counts_are_not_printed():
    assert [small(c) for c in (0, 1, 4, 5, 1234)] == ["0", "< 5", "< 5", "5", "1,234"]
    assert printed(0.004, 3) == "< 5 rows"
    assert printed(0.25, 100) == "25.0%"
    assert printed(0.0, 0) == "0.0%"


def test_bins_are_named_for_a_reader():
    assert ranges(np.array([0, 2.5, 5, 7.5]), "continuous") == ("< 2.5", "2.5 to 5", "≥ 5")
    assert ranges(np.array([-0.5, 0.5, 1.5, 2.5]), "count") == ("≤ 0", "1", "≥ 2")
    assert ranges(np.array([17.5, 19.5, 21.5, 23.5]), "count") == ("≤ 19", "20 to 21", "≥ 22")
    assert ranges(np.array([3.0, 4.0]), "count") == ("all values",)
    assert value(0.0, "date") == "1970-01-01"
    assert value(12345.6) == "12,346"
    assert value(-2.0) == "−2"
