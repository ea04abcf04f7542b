import numpy as np
import polars as pl
import pytest
from scipy import stats

from synthema_core.fidelity.marginal import category_error, number_error, shapes
from synthema_core.fidelity.values import Values, values
from synthema_core.schema import Schema


def numbers(*tables):
    return Values(name="x", kind="continuous", labels=None, tables=tuple(map(np.array, tables)))


def test_numbers_differ_by_the_kolmogorov_smirnov_distance():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 80).astype(float), rng.integers(2, 11, 50).astype(float)
    theirs = stats.ks_2samp(a, b, method="asymp").statistic
    assert number_error(a, b) == pytest.approx(theirs, abs=1e-12)
    assert number_error(a, a) == 0.0
    assert number_error(a, b + 100) == 1.0


def test_missing_numbers_count():
    full, half = np.ones(10), np.where(np.arange(10) < 5, np.nan, 1.0)
    assert number_error(full, half) == 0.5
    assert number_error(half, half) == 0.0
    assert number_error(full, np.full(10, np.nan)) == 1.0
    assert number_error(np.full(3, np.nan), np.full(4, np.nan)) == 0.0
    # half missing in both: the values that are left differ completely
    assert number_error(half, half + 1) == 0.5


def test_categories_differ_by_total_variation_and_missing_is_one_of_them():
    a, b = np.array([0, 0, 1, 1]), np.array([0, 0, 0, -1])
    assert category_error(a, b) == pytest.approx(0.5)
    assert category_error(a, a[::-1]) == 0.0
    assert category_error(a, np.array([5, 6])) == 1.0
    assert category_error(np.array([-1]), np.array([-1])) == 0.0


def test_a_second_real_table_is_the_baseline():
    found = shapes([numbers([1.0, 2.0], [1.0, 3.0], [1.0, 2.0])])
    assert found.mean == 0.5
    assert found.baseline == 0.0
    assert shapes([numbers([1.0, 2.0], [1.0, 3.0])]).baseline is None


def test_no_column_has_no_mean():
    assert shapes([]).mean is None


def test_bars_hold_every_value_beyond_the_last_bin_and_leave_out_the_missing():
    rng = np.random.default_rng(1)
    real = np.append(rng.normal(size=99), 1e9)
    synthetic = np.append(rng.normal(size=60), np.full(40, np.nan))
    (column,) = shapes([numbers(real, synthetic)]).columns
    assert column.edges[-1] < 1e6
    assert column.real.sum() == pytest.approx(1.0)
    assert column.synthetic.sum() == pytest.approx(0.6)
    assert column.missing_synthetic == pytest.approx(0.4)


def test_constant_and_all_missing_columns_are_drawn():
    (column,) = shapes([numbers(np.full(5, 2.5), np.full(4, 2.5))]).columns
    assert column.real.sum() == 1.0
    (column,) = shapes([numbers(np.full(5, np.nan), np.full(4, np.nan), np.ones(3))]).columns
    assert column.error == 0.0
    assert column.baseline == 1.0


def test_a_sentinel_is_missing_and_an_unseen_category_gets_a_label_of_its_own():
    train = pl.DataFrame({"t": [1.5, 2.5, 1e6, 1e6], "g": ["a", "b", "a", "b"]})
    schema = Schema.infer(train).with_column("t", kind="continuous", sentinels=(1e6,))
    synthetic = pl.DataFrame({"t": [1.5, 1e6], "g": ["c", None]})
    number, category = values([train, synthetic], schema)
    assert np.isnan(number.tables[0]).sum() == 2
    assert category.labels == ("a", "b", "c")
    assert category.tables[1].tolist() == [2, -1]
