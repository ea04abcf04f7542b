import math

import numpy as np
import pytest
from scipy import stats

from synthema_core.intervals import (
    auc,
    clopper_pearson,
    midranks,
    minimum_detectable_auc,
    wilson,
)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (1, 1000), (81, 263)])
def test_proportions_have_the_intervals_of_scipy(k, n):
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        theirs = stats.binomtest(k, n).proportion_ci(method=method)
        np.testing.assert_allclose(ours(k, n), (theirs.low, theirs.high), atol=1e-12)


def test_a_proportion_of_none_or_all_touches_the_end_but_stays_uncertain():
    for interval in (wilson, clopper_pearson):
        low, high = interval(0, 20)
        assert low == 0.0
        assert 0.1 < high < 0.2
        low, high = interval(20, 20)
        assert 0.8 < low < 0.9
        assert high == 1.0


def test_auc_counts_pairs_and_ties_one_half():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 40).astype(float), rng.integers(1, 6, 25).astype(float)
    pairs = (a[:, None] > b).mean() + (a[:, None] == b).mean() / 2
    assert auc(a, b).value == pytest.approx(pairs, abs=1e-15)
    assert auc(a, b).n == 65


def test_auc_has_delongs_variance():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.5, 1, 60), rng.normal(0, 1, 45)
    beats = (a[:, None] > b).astype(float)  # the definition, pair by pair
    variance = beats.mean(1).var(ddof=1) / 60 + beats.mean(0).var(ddof=1) / 45
    found = auc(a, b)
    logit = math.log(found.value / (1 - found.value))
    half = 1.959964 * math.sqrt(variance) / (found.value * (1 - found.value))
    assert found.low == pytest.approx(1 / (1 + math.exp(half - logit)), abs=1e-6)
    assert found.high == pytest.approx(1 / (1 + math.exp(-half - logit)), abs=1e-6)


def test_perfect_separation_and_constant_scores_are_not_certain():
    perfect = auc(np.ones(50), np.zeros(40))
    assert perfect.value == 1.0
    assert 0.9 < perfect.low < 1.0
    assert perfect.high == 1.0
    constant = auc(np.ones(50), np.ones(40))
    assert constant.value == 0.5
    assert constant.low < 0.45
    assert constant.high > 0.55


def test_an_empty_comparison_is_none():
    nothing = auc(np.ones(0), np.ones(3))
    assert (nothing.value, nothing.low, nothing.high, nothing.n) == (None, None, None, 0)


@pytest.mark.parametrize(("m", "n"), [(10, 10), (90, 10), (100, 40)])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_interval_of_an_auc_covers_as_often_as_it_says(m, n, shift):
    rng = np.random.default_rng(2)
    true = stats.norm.cdf(shift / math.sqrt(2))
    hits = 0
    for _ in range(400):
        found = auc(rng.normal(shift, 1, m), rng.normal(0, 1, n))
        hits += found.low <= true <= found.high
    assert hits >= 0.93 * 400


def test_midranks_are_scipys_average_ranks():
    values = np.array([3.0, 1.0, 3.0, 3.0, 2.0, 1.0])
    np.testing.assert_array_equal(midranks(values), stats.rankdata(values))


def test_the_detectable_auc_shrinks_with_n_and_is_detected_in_four_of_five():
    assert minimum_detectable_auc(0, 5) == 1.0
    assert minimum_detectable_auc(10, 10) > minimum_detectable_auc(1000, 10) > 0.5
    m, n = 300, 150
    shift = math.sqrt(2) * stats.norm.ppf(minimum_detectable_auc(m, n))
    rng = np.random.default_rng(3)
    seen = sum(auc(rng.normal(shift, 1, m), rng.normal(0, 1, n)).low > 0.5 for _ in range(300))
    assert 0.7 < seen / 300 < 0.9
