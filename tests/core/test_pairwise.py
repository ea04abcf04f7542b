import time

import numpy as np
import pytest
from scipy import stats

from synthema_core.fidelity.pairwise import association, pairs
from synthema_core.fidelity.values import Values


def table(seed=0, n=300):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    b = a + rng.normal(size=n)
    group = (a > 0).astype(int) + rng.integers(0, 2, n)
    noise = rng.integers(0, 4, n)
    return [a, b, group, noise]


def test_two_numbers_have_spearmans_rho():
    a, b, *_ = table()
    b = np.round(b)  # ties
    found = association([a, -b])[0, 1]
    assert found == pytest.approx(abs(stats.spearmanr(a, b).statistic), abs=1e-12)


def test_missing_numbers_leave_out_their_rows_only():
    a, b, *_ = table()
    b[:50] = np.nan
    found = association([a, b])[0, 1]
    assert found == pytest.approx(abs(stats.spearmanr(a[50:], b[50:]).statistic), abs=0.02)


def test_two_categories_have_bergsmas_v():
    *_, group, noise = table()
    counts = np.zeros((3, 4))
    np.add.at(counts, (group, noise), 1)
    n = counts.sum()
    phi = stats.chi2_contingency(counts, correction=False).statistic / n
    phi = max(0.0, phi - 2 * 3 / (n - 1))
    least = min(3 - 4 / (n - 1), 4 - 9 / (n - 1)) - 1
    found = association([group, noise])[0, 1]
    assert found == pytest.approx(np.sqrt(phi / least), abs=1e-12)
    assert association([group, group])[0, 1] == pytest.approx(1.0, abs=1e-9)


def test_a_number_and_a_category_have_the_correlation_ratio():
    a, _, group, noise = table()
    statistic, _ = stats.kruskal(*(a[group == g] for g in range(3)))  # (n - 1) eta^2 on ranks
    ratio = statistic / (len(a) - 1)
    corrected = 1 - (1 - ratio) * (len(a) - 1) / (len(a) - 3)
    found = association([a, group, noise])
    assert found[0, 1] == pytest.approx(np.sqrt(corrected), abs=1e-9)
    assert found[0, 2] < 0.15


def test_constants_and_one_category_per_row_are_associated_with_nothing():
    a, *_ = table()
    found = association([a, np.ones(300), np.zeros(300, int), np.arange(300)])
    np.testing.assert_array_equal(found[0, 1:], 0.0)
    np.testing.assert_array_equal(np.diag(found), 1.0)


def test_nothing_to_compare_is_nan_and_no_error():
    left = np.where(np.arange(300) < 150, 1.0, np.nan) * np.arange(300)
    right = np.where(np.arange(300) < 150, np.nan, 1.0) * np.arange(300)
    assert np.isnan(association([left, right])[0, 1])
    column = Values(name="x", kind="continuous", labels=None, tables=(left, left))
    other = Values(name="y", kind="continuous", labels=None, tables=(right, right))
    found = pairs([column, other])
    assert found.mean_error is None
    assert found.worst == ()
    assert pairs([column]).mean_error is None


def test_the_worst_pair_comes_first_and_equal_tables_differ_by_nothing():
    a, b, group, noise = table()
    shuffled = np.random.default_rng(9).permutation(b)

    def column(name, *tables):
        labels = None if tables[0].dtype.kind == "f" else tuple("abcd")
        return Values(name=name, kind="x", labels=labels, tables=tables)

    found = pairs(
        [
            column("a", a, a, a),
            column("b", b, shuffled, b),
            column("group", group, group, group),
            column("noise", noise, noise, noise),
        ]
    )
    assert (found.worst[0].first, found.worst[0].second) == ("a", "b")
    assert found.worst[0].real - found.worst[0].synthetic > 0.4
    assert found.baseline == 0.0
    assert found.mean_error > 0.1


def test_rare_categories_are_pooled():
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 600, 2000)
    labels = tuple(map(str, range(600)))
    many = Values(name="icd", kind="categorical", labels=labels, tables=(codes, codes))
    binary = Values(name="b", kind="boolean", labels=("0", "1"), tables=(codes % 2, codes % 2))
    assert pairs([many, binary]).real[0, 1] < 0.4


def test_117_columns_take_less_than_a_few_seconds():
    rng = np.random.default_rng(5)
    columns = [rng.normal(size=770) for _ in range(20)]
    columns += [rng.integers(0, 5, 770) for _ in range(97)]
    start = time.process_time()
    association(columns)
    assert time.process_time() - start < 3
