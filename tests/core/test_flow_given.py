"""Any columns given any others: conditions, conditional probabilities and imputed cells."""

import numpy as np
import polars as pl
import pytest

pytest.importorskip("jax")

from synthema_core.errors import RuleError, SchemaError
from synthema_core.generate import FlowGenerator
from synthema_core.rules import Condition, Implies
from synthema_core.schema import Column, Schema

N = 600


def patients(seed):
    """Transplanted or not; a day only for those who were; a marker that often is not measured."""
    rng = np.random.default_rng(seed)
    risk = rng.choice(["low", "high", "rare"], N, p=[0.6, 0.38, 0.02])
    done = rng.random(N) < np.where(risk == "high", 0.8, 0.2)
    day = np.where(done, rng.integers(30, 40, N), np.nan)
    marker = np.where(rng.random(N) < 0.2, np.nan, (done * 2 + rng.normal(0, 0.3, N)).round(1))
    return pl.DataFrame(
        {
            "risk": risk,
            "done": done.astype(int),
            "day": pl.Series(day).fill_nan(None).cast(pl.Int64),
            "marker": pl.Series(marker).fill_nan(None),
        }
    )


SCHEMA = Schema(
    (
        Column("risk", "categorical", categories=("low", "high", "rare")),
        Column("done", "boolean", categories=(0, 1)),
        Column("day", "count"),
        Column("marker", "continuous"),
    )
).with_rules(
    Implies(Condition("done", is_in=(0,)), Condition("day", missing=True)),
    Implies(Condition("done", is_in=(1,)), Condition("day", missing=False)),
)


@pytest.fixture(scope="module")
def model():
    return FlowGenerator(seed=0, members=2, steps=200, hidden=16).fit(patients(0), SCHEMA)


def test_a_conditional_is_the_joint_over_its_sum(model):
    levels = [(r, d) for r in ("low", "high", "rare") for d in (0, 1)]
    rows = pl.DataFrame(
        {
            "risk": [r for r, _ in levels],
            "done": [d for _, d in levels],
            "day": [35 if d else None for _, d in levels],
            "marker": [2.0] * 6,
        },
        schema_overrides={"day": pl.Int64},
    )
    joint = model.log_prob(rows)
    found = model.conditional(rows, ["risk"])
    for d in (0, 1):
        same = np.array([done == d for _, done in levels])
        want = joint[same] - np.logaddexp.reduce(joint[same])
        np.testing.assert_allclose(found[same], want, atol=2e-3)
        assert np.exp(found[same]).sum() == pytest.approx(1.0, abs=2e-3)


def test_a_number_given_the_rest_sums_to_one(model):
    marginal = model.model.encoder.marginal("marker")
    values = np.unique(marginal.quantile(np.linspace(1e-9, 1 - 1e-9, 20_001)))
    rows = pl.DataFrame({"risk": "high", "done": 1, "day": 35, "marker": [*values, None]})
    found = np.exp(model.conditional(rows, ["marker"]))
    assert found.sum() == pytest.approx(1.0, abs=0.05)
    np.testing.assert_array_equal(found, np.exp(model.conditional(rows, ["marker"])))


def test_imputed_cells_follow_the_rest_and_known_ones_stay(model):
    real = patients(1)
    holes = real.with_columns(
        risk=pl.when(pl.arange(0, N) % 3 == 0).then(None).otherwise("risk"),
        done=pl.when(pl.arange(0, N) % 2 == 0).then(None).otherwise("done"),
    ).head(200)
    filled = model.impute(holes, seed=0)
    assert filled.schema == holes.schema
    assert SCHEMA.validate(filled).ok
    for name in holes.columns:
        known = holes[name].is_not_null()
        assert filled[name].filter(known).equals(holes[name].filter(known))
    assert filled["marker"].null_count() == filled["risk"].null_count() == 0
    was = real["done"].head(200).to_numpy()
    day = real["day"].head(200).is_not_null().to_numpy()
    assert (filled["done"].to_numpy() == was)[day].all()  # who has a day was transplanted
    agree = (filled["done"].to_numpy() == was)[~day].mean()
    assert agree > 0.8  # the marker says it
    assert filled.equals(model.impute(holes, seed=0))


def test_a_whole_table_is_left_alone(model):
    whole = patients(2).filter(pl.col("marker").is_not_null())
    assert model.impute(whole, seed=0).equals(whole)


def test_rare_conditions_take_few_draws_and_keep_the_distribution(model):
    drawn = model.sample(200, seed=0, where={"risk": "rare", "marker": (-1.0, 1.0)})
    assert drawn.height == 200
    assert drawn["risk"].unique().to_list() == ["rare"]
    assert drawn["marker"].is_between(-1, 1).all()
    plain = model.sample(40_000, seed=1).filter(
        (pl.col("risk") == "rare") & pl.col("marker").is_between(-1, 1)
    )
    assert drawn["done"].mean() == pytest.approx(plain["done"].mean(), abs=0.12)
    assert drawn["marker"].mean() == pytest.approx(plain["marker"].mean(), abs=0.12)


def test_what_cannot_be_asked_is_named(model):
    rows = patients(3).head(3)
    with pytest.raises(SchemaError, match="expected modelled columns, got \\['nothing'\\]"):
        model.conditional(rows, ["nothing"])
    with pytest.raises(SchemaError, match="expected modelled columns, got none"):
        model.conditional(rows, [])
    with pytest.raises(RuleError, match=r"done|day"):
        model.sample(1, seed=0, where={"done": 0, "day": (30, 40)})
