import numpy as np
import pytest

from synthema_core.privacy.distance import distances
from synthema_kernels import Rows


def numeric(rng, n):
    return Rows(numeric=rng.normal(size=(n, 4)))


def binary(columns):
    return lambda rng, n: Rows(codes=rng.integers(0, 2, (n, columns)))


def measure(train, synthetic, holdout=None, seed=0):
    return distances(train=train, synthetic=synthetic, holdout=holdout, seed=seed)


@pytest.mark.parametrize(("n", "h"), [(200, 200), (450, 50), (90, 10)])
def test_a_copy_is_the_worst_possible_whatever_the_sizes(n, h):
    rng = np.random.default_rng(0)
    train, holdout = numeric(rng, n), numeric(rng, h)
    found = measure(train, train, holdout)
    assert found.share_closer_to_train.value == 1.0
    assert found.share_closer_to_train.low > 0.6
    assert found.copied_train.value == found.identical_share_train.value == 1.0
    assert found.copied_holdout.value == found.identical_share_holdout.value == 0.0
    assert found.dcr_train.q95 == found.nndr_train == 0.0


def test_a_copy_with_missing_fields_is_a_copy():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(100, 3))
    values[rng.random(values.shape) < 0.3] = np.nan
    codes = rng.integers(-1, 3, (100, 2))
    train = Rows(numeric=values, codes=codes)
    assert measure(train, train).copied_train.value == 1.0


@pytest.mark.parametrize(("n", "h", "s"), [(100, 100, 100), (450, 50, 500), (180, 20, 1000)])
@pytest.mark.parametrize("table", [numeric, binary(2), binary(8)], ids=["numeric", "4", "256"])
def test_unequal_tables_and_ties_do_not_bias_the_share(n, h, s, table):
    rng = np.random.default_rng(2)
    found = [
        measure(table(rng, n), table(rng, s), table(rng, h)).share_closer_to_train
        for _ in range(40)
    ]
    assert np.mean([f.value for f in found]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([f.low <= 0.5 <= f.high for f in found]) >= 0.93


def test_a_copy_of_few_categories_ties_everywhere_and_gives_one_half():
    rng = np.random.default_rng(3)
    train, holdout = binary(2)(rng, 450), binary(2)(rng, 50)
    assert measure(train, train, holdout).share_closer_to_train.value == pytest.approx(
        0.5, abs=0.03
    )


def test_the_order_of_synthetic_rows_changes_nothing():
    rng = np.random.default_rng(4)
    train, synthetic, holdout = binary(6)(rng, 90), binary(6)(rng, 80), binary(6)(rng, 30)
    shuffled = Rows(codes=synthetic.codes[rng.permutation(80)])
    first, second = measure(train, synthetic, holdout), measure(train, shuffled, holdout)
    assert first.share_closer_to_train == second.share_closer_to_train
    assert first.identical_share_train == second.identical_share_train
    assert first.dcr_train == second.dcr_train


def test_without_a_holdout_its_part_is_empty_and_never_zero():
    rng = np.random.default_rng(5)
    found = measure(numeric(rng, 30), numeric(rng, 20))
    for name in ("share_closer_to_train", "copied_holdout", "identical_share_holdout"):
        assert getattr(found, name).value is None
    assert found.dcr_holdout is None
    assert found.nndr_holdout is None
    assert found.holdout_to_synthetic is None
    assert found.identical_share_train.value == 0.0
    assert found.identical_share_train.high > 0.1


def test_one_real_row_has_no_second_neighbor():
    rng = np.random.default_rng(6)
    assert measure(numeric(rng, 1), numeric(rng, 5), numeric(rng, 1)).nndr_train is None


def test_600_categories_stay_600_categories():
    codes = np.arange(600)[:, None]
    train, synthetic = Rows(codes=codes[:300]), Rows(codes=codes[300:])
    assert measure(train, synthetic).identical_share_train.value == 0.0


def test_histograms_hold_every_real_row():
    rng = np.random.default_rng(7)
    found = measure(numeric(rng, 50), numeric(rng, 40), numeric(rng, 20))
    assert found.train_to_synthetic.sum() == pytest.approx(1.0)
    assert found.holdout_to_synthetic.sum() == pytest.approx(1.0)
    assert len(found.edges) == len(found.train_to_synthetic) + 1
