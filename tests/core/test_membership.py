import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthema_core.privacy.membership import membership, roc

coarse = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30).map(np.array)


def measure(members, controls):
    return membership(members=np.array(members), controls=np.array(controls), n_synthetic=7)


def test_a_copy_is_the_worst_possible():
    found = measure(np.zeros(300), np.linspace(0.1, 1, 150))
    assert found.auc.value == found.tpr_at_1.value == found.tpr_at_10.value == 1.0
    assert found.tpr_at_1.low > 0.9


def test_scores_that_all_tie_find_nobody():
    found = measure(np.full(90, 0.5), np.full(10, 0.5))
    assert found.auc.value == 0.5
    assert found.tpr_at_1.value == pytest.approx(0.01, abs=1e-12)
    assert found.tpr_at_10.value == pytest.approx(0.1, abs=1e-12)
    np.testing.assert_allclose(found.tpr, found.fpr, atol=1e-12)


@pytest.mark.parametrize(("m", "n"), [(900, 100), (90, 10), (100, 900)])
@pytest.mark.parametrize("levels", [3, 10**9])
def test_unequal_tables_do_not_bias_with_or_without_ties(m, n, levels):
    rng = np.random.default_rng(0)
    found = [measure(rng.integers(0, levels, m), rng.integers(0, levels, n)) for _ in range(200)]
    assert np.mean([f.auc.value for f in found]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([f.tpr_at_1.value for f in found]) == pytest.approx(0.01, abs=0.005)
    assert np.mean([f.tpr_at_10.value for f in found]) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(("m", "n"), [(60, 20), (200, 100)])
def test_intervals_cover_the_null_as_often_as_they_say(m, n):
    rng = np.random.default_rng(1)
    found = [measure(rng.normal(size=m), rng.normal(size=n)) for _ in range(200)]
    for name, null in (("auc", 0.5), ("tpr_at_1", 0.01), ("tpr_at_10", 0.1)):
        inside = [getattr(f, name).low <= null <= getattr(f, name).high for f in found]
        assert np.mean(inside) >= 0.93, name


def test_ten_controls_work_and_say_how_little_they_see():
    rng = np.random.default_rng(2)
    found = measure(rng.normal(size=90), rng.normal(size=10))
    assert found.auc.high - found.auc.low > 0.3
    assert found.minimum_detectable_auc > 0.7


def test_ten_controls_certify_no_rate_of_one_percent():
    assert measure(np.zeros(90), np.ones(10)).tpr_at_1.value == pytest.approx(0.11)


@given(coarse, coarse)
def test_the_roc_curve_rises_from_zero_to_one(members, controls):
    fpr = np.linspace(0, 1, 21)
    tpr = roc(members=members, controls=controls, fpr=fpr)
    assert tpr[0] == 0.0
    assert tpr[-1] == pytest.approx(1.0, abs=1e-12)
    assert (np.diff(tpr) >= -1e-12).all()


@given(coarse, coarse, st.randoms())
def test_the_order_of_rows_changes_nothing(members, controls, random):
    shuffled = members.copy()
    random.shuffle(shuffled)
    first, second = measure(members, controls), measure(shuffled, controls)
    assert first.auc == second.auc
    assert first.tpr_at_10 == second.tpr_at_10


def test_quoted_rates_lie_on_the_curve():
    rng = np.random.default_rng(3)
    found = measure(rng.normal(size=80), rng.normal(0.5, 1, size=70))
    for fpr, rate in ((0.01, found.tpr_at_1), (0.1, found.tpr_at_10)):
        assert found.tpr[found.fpr == fpr] == rate.value
        assert rate.low <= rate.value <= rate.high


def test_an_empty_control_group_is_none_and_never_zero():
    found = measure(np.zeros(5), np.zeros(0))
    assert found.auc.value is None
    assert found.tpr_at_1.value is None
    assert np.isnan(found.tpr).all()
