"""The distribution of a numeric column: cells that partition, values at their own resolution."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from synthema_core.columns.caps import Cap
from synthema_core.columns.marginal import Marginal, decimals_of, normal_cells

GRID = ndtri(np.linspace(0.0005, 0.9995, 700))
whole = st.integers(-30, 30).map(float)
tenths = st.integers(0, 400).map(lambda k: k / 10)
mixed = st.one_of(whole, tenths, st.integers(1, 3000).map(lambda k: k / 1000))
columns = st.lists(mixed, min_size=1, max_size=40).map(np.array)


def possible(marginal):
    """Every value that can be drawn: the grid points of each piece, or the atom."""
    values = []
    for left, right, decimals in zip(marginal.left, marginal.right, marginal.decimals, strict=True):
        unit = 10.0**decimals
        points = np.arange(np.ceil(left * unit - 1e-6), np.ceil(right * unit - 1e-6)) / unit
        values.append([left] if left == right else points)
    return np.unique(np.concatenate(values))


@given(columns)
@example(np.array([5.0]))
@example(np.array([1.0, 1.04, 1.3, 1.3]))
def test_pieces_partition(values):
    marginal = Marginal.fit(values)
    assert marginal.f[0] == 0.0
    assert marginal.f[-1] == 1.0
    assert (np.diff(marginal.f) > 0).all()
    assert (marginal.right >= marginal.left).all()
    assert (marginal.left[1:] >= marginal.right[:-1]).all()


@given(columns)
def test_a_draw_lies_in_the_cell_of_its_value(values):
    marginal = Marginal.fit(values)
    low, high = marginal.edges(marginal.at(GRID))
    u = ndtr(GRID)
    assert (low - 1e-7 <= u).all()
    assert (u <= high + 1e-7).all()


@given(columns)
def test_masses_of_all_values_sum_to_one(values):
    marginal = Marginal.fit(values)
    low, high = marginal.edges(possible(marginal))
    assert (high - low).sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(high[:-1], low[1:], atol=1e-6)


@given(columns)
def test_training_values_come_back(values):
    marginal = Marginal.fit(values)
    z, low, high, log_width = normal_cells(*marginal.edges(values))
    assert np.isfinite(z).all()
    assert (low < z).all()
    assert (z < high).all()
    np.testing.assert_allclose(np.exp(log_width), high - low)
    np.testing.assert_allclose(marginal.at(z), values, rtol=1e-12, atol=1e-12)


@given(columns)
def test_a_repeated_value_keeps_its_share_exactly(values):
    marginal = Marginal.fit(values)
    points, count = np.unique(values, return_counts=True)
    low, high = marginal.edges(points[count > 1])
    tails = 2 / (values.size + 1)
    share = count[count > 1] / values.size
    assert (high - low <= share + 1e-9).all()
    assert (high - low >= share / (1 + tails) - 1e-9).all()
    assert np.isin(points[count > 1], marginal.at(GRID)).sum() >= (high - low > 0.002).sum()


@given(st.lists(tenths, min_size=3, max_size=40).map(np.array))
def test_draws_have_no_more_decimals_than_the_data(values):
    drawn = Marginal.fit(values).at(GRID)
    assert (decimals_of(drawn) <= decimals_of(values).max()).all()


@given(st.lists(st.integers(1, 400).map(lambda k: k / 10), min_size=1, max_size=40).map(np.array))
def test_positive_stays_positive(values):
    assert (Marginal.fit(values).at(np.linspace(-37, 8, 2000)) > 0).all()


@given(st.lists(st.integers(0, 40).map(float), min_size=1, max_size=40).map(np.array))
def test_not_negative_stays_so(values):
    assert (Marginal.fit(values).at(np.linspace(-37, 8, 2000)) >= 0).all()


def test_single_precision_dust_is_no_resolution():
    clean = np.array([0.1, 0.7, 1.3, 12.6, 80.9])
    dusty = clean.astype(np.float32).astype(float)
    np.testing.assert_array_equal(decimals_of(dusty), 1)
    drawn = Marginal.fit(dusty).at(GRID)
    np.testing.assert_array_equal(drawn, np.round(drawn, 1))
    assert decimals_of(np.array([3.0, 1e9, 0.25, 1 / 3])).tolist()[:3] == [0, 0, 2]


def test_tails_hold_what_a_new_patient_may_exceed():
    values = np.sort(np.random.default_rng(0).lognormal(3, 1, 200).round(1))
    marginal = Marginal.fit(values)
    beyond = marginal.at(GRID)
    assert marginal.f[4] == pytest.approx(0.98 / 201, rel=0.05)
    assert beyond.max() <= values[-1] + 4 * (values[-1] - np.quantile(values, 0.95))


def test_a_limit_seen_twice_has_no_tail():
    values = np.concatenate([np.full(5, 100.0), np.arange(40.0, 99.0, 1.7)])
    assert Marginal.fit(values).at(np.array([8.0, 37.0])).tolist() == [100.0, 100.0]


@given(columns)
def test_json_brings_back_every_bit(values):
    marginal = Marginal.fit(values)
    again = Marginal.from_dict(marginal.to_dict())
    for name in ("left", "right", "f", "decimals"):
        np.testing.assert_array_equal(getattr(marginal, name), getattr(again, name))


@given(st.lists(st.integers(0, 60).map(float), min_size=25, max_size=60).map(np.array))
def test_what_a_cap_leaves_is_a_distribution_of_its_own(values):
    marginal = Marginal.fit(values)
    drawable = possible(marginal)
    bounds = np.random.default_rng(0).choice(drawable[drawable >= values.min()], values.size)
    cap = Cap.fit("bound", marginal, np.minimum(values, bounds), bounds)
    for bound in (*np.unique(bounds)[:5], float("nan")):
        below = drawable[~(drawable > bound)]
        fixed = np.full(below.size, bound)
        low, high = cap.edges(marginal, below, fixed)
        assert low[0] == 0.0
        assert high[-1] == pytest.approx(1.0)
        np.testing.assert_allclose(low[1:], high[:-1], atol=1e-9)
        heavy = high - low > 1e-6
        again = cap.at(marginal, (low + high) / 2, fixed)
        np.testing.assert_array_equal(again[heavy], below[heavy])
        low, high = cap.edges(marginal, drawable, np.full(drawable.size, bound))
        assert (high > low).all()  # above the bound too: a broken rule is no impossibility
        drawn = cap.at(marginal, ndtr(GRID), np.full(GRID.size, bound))
        assert not (drawn > bound).any()
