import numpy as np
import pytest

from synthema_core.fidelity.joint import detection
from synthema_core.fidelity.values import Values
from synthema_core.intervals import NotMeasured


def draw(rng, n):
    x = rng.normal(size=n)
    x[rng.random(n) < 0.1] = np.nan
    return [x, rng.normal(size=n), rng.integers(-1, 3, n)]


def columns(real, synthetic):
    names, labels = ("x", "y", "site"), (None, None, ("a", "b", "c"))
    return [
        Values(name=name, kind="k", labels=label, tables=(r, s))
        for name, label, r, s in zip(names, labels, real, synthetic, strict=True)
    ]


def test_a_fresh_sample_is_not_told_apart():
    rng = np.random.default_rng(0)
    found = detection(columns(draw(rng, 200), draw(rng, 300)), seed=0)
    assert found.n_per_side == 200
    assert found.auc.low <= 0.5 <= found.auc.high


def test_a_shifted_column_is_named():
    rng = np.random.default_rng(1)
    real, synthetic = draw(rng, 200), draw(rng, 200)
    synthetic[1] = synthetic[1] + 2
    found = detection(columns(real, synthetic), seed=0)
    assert found.auc.value > 0.85
    assert found.top_columns[0].name == "y"


def test_missing_values_give_a_table_away():
    rng = np.random.default_rng(2)
    real, synthetic = draw(rng, 200), draw(rng, 200)
    synthetic[0] = np.nan_to_num(synthetic[0])
    synthetic[2] = np.maximum(synthetic[2], 0)
    found = detection(columns(real, synthetic), seed=0)
    assert found.auc.low > 0.5


def test_same_seed_and_any_row_order_give_the_same_bits():
    rng = np.random.default_rng(3)
    real, synthetic = draw(rng, 120), draw(rng, 150)
    order = rng.permutation(150)
    first = detection(columns(real, synthetic), seed=4)
    second = detection(columns(real, [column[order] for column in synthetic]), seed=4)
    assert first == second
    assert first != detection(columns(real, synthetic), seed=5)


def test_600_categories_fit_into_the_classifier():
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 600, 400)
    icd = Values(
        name="icd",
        kind="categorical",
        labels=tuple(map(str, range(600))),
        tables=(codes[:200], codes[200:]),
    )
    assert detection([icd], seed=0).auc.low <= 0.5


def test_an_all_missing_column_is_no_obstacle():
    rng = np.random.default_rng(5)
    gone = np.full(60, np.nan)
    values = [
        Values(name="gone", kind="continuous", labels=None, tables=(gone, gone)),
        Values(name="x", kind="continuous", labels=None, tables=tuple(rng.normal(size=(2, 60)))),
    ]
    assert detection(values, seed=0).auc.value == pytest.approx(0.5, abs=0.2)


def test_too_few_rows_are_not_measured():
    rng = np.random.default_rng(6)
    found = detection(columns(draw(rng, 20), draw(rng, 300)), seed=0)
    assert isinstance(found, NotMeasured)
    assert "at least 25" in found.reason
