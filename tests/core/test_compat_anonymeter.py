"""Switching is one import: the calls users know, on pandas and Polars, without the defects."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from synthema_core.compat.anonymeter import (
    InferenceEvaluator,
    LinkabilityEvaluator,
    SinglingOutEvaluator,
)
from synthema_core.compat.frames import Frames
from synthema_core.errors import SynthemaError, TableError

ODD = "income [€] in % of 'all'"


def people(n, seed):
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, n)
    return pl.DataFrame(
        {
            "age": age,
            ODD: np.round(rng.gamma(2, 10, n) + age / 9, 1),
            "name": rng.choice(["O'Brien", 'D"Arc', "Li", "(x)"], n),
            "seen": [dt.datetime(2020, 1, 1) + dt.timedelta(days=int(d)) for d in age * 3],
            "ill": rng.random(n) < 0.3,
        }
    ).with_columns(pl.when(rng.random(n) < 0.1).then(None).otherwise(pl.col(ODD)).alias(ODD))


ORI, FRESH, CONTROL = people(300, 1), people(300, 2), people(200, 3)
AUX = (["age", "name"], [ODD, "seen"])


@pytest.fixture(params=["polars", "pandas"])
def kind(request):
    return (lambda f: f) if request.param == "polars" else (lambda f: f.to_pandas())


@pytest.mark.parametrize("mode", ["univariate", "multivariate"])
def test_singling_out_as_it_is_called_there(kind, mode):
    frames = {"ori": kind(ORI), "syn": kind(ORI), "control": kind(CONTROL)}
    found = SinglingOutEvaluator(**frames, n_attacks=100, n_cols=4).evaluate(mode=mode)
    risk = found.risk(confidence_level=0.95)
    value, (low, high) = risk
    assert value == risk.value == 1.0
    assert 0.5 < low < high == 1.0
    assert found.results().control_rate.value < 0.5
    assert found.risk(baseline=True).value < 0.5
    assert found.risk(confidence_level=0.5).ci[0] > low


def test_queries_are_expressions_that_isolate_one_person():
    found = SinglingOutEvaluator(ori=ORI, syn=ORI, n_attacks=60, n_cols=3).evaluate()
    univariate = SinglingOutEvaluator(ori=ORI, syn=ORI, n_attacks=60).evaluate(mode="univariate")
    queries = [*found.queries(), *univariate.queries(), *found.queries(baseline=True)]
    assert len(found.queries()) == 60
    for query in queries:
        assert ORI.filter(query).height == 1


def test_linkability_as_it_is_called_there(kind):
    found = LinkabilityEvaluator(
        ori=kind(ORI),
        syn=kind(ORI),
        control=kind(CONTROL),
        aux_cols=AUX,
        n_attacks=250,
        n_neighbors=5,
    ).evaluate(n_jobs=-1)
    values = [found.risk(n_neighbors=k).value for k in (1, 3, 5)]
    assert values == sorted(values)
    assert found.risk() == found.risk(n_neighbors=5)
    assert found.results().n_attacks_ori == 250
    assert found.results().n_attacks_control == 200
    with pytest.raises(ValueError, match="n_neighbors: expected 1 to 5"):
        found.risk(n_neighbors=6)


@pytest.mark.parametrize("secret", ["ill", "name", ODD, "seen"])
def test_inference_as_it_is_called_there(kind, secret):
    aux = [c for c in ORI.columns if c != secret]
    found = InferenceEvaluator(
        ori=kind(ORI),
        syn=kind(ORI),
        control=kind(CONTROL),
        aux_cols=aux,
        secret=secret,
        n_attacks=1000,
    ).evaluate(n_jobs=2)
    assert found.results().attack_rate.value > 0.6  # people of one age tie
    assert found.risk().ci[0] > 0.2 or secret == "seen"  # age gives it away to anybody


def test_without_a_control_the_rate_is_reported():
    found = InferenceEvaluator(ORI, ORI, ["age", "seen"], "ill", n_attacks=np.inf).evaluate()
    assert found.results().control_rate is None
    assert found.risk().value == found.results().attack_rate.value


def test_groups_and_models():
    class Always:
        def predict(self, x):
            assert {"age", "name"} <= set(x.columns)
            return np.full(len(x), "Li")

    found = InferenceEvaluator(
        ORI, FRESH, ["age"], "name", control=CONTROL, inference_model=Always()
    ).evaluate()
    groups = found.risk_for_groups()
    assert groups["Li"].n_success == groups["Li"].n_attacks_ori
    assert groups["O'Brien"].n_success == 0
    assert sum(g.n_attacks_control for g in groups.values()) == 200


def test_fresh_people_are_no_risk():
    frames = {"ori": ORI, "syn": FRESH, "control": CONTROL}
    for found in (
        SinglingOutEvaluator(**frames, n_attacks=200).evaluate(),
        LinkabilityEvaluator(**frames, aux_cols=AUX).evaluate(),
        InferenceEvaluator(**frames, aux_cols=["age", ODD], secret="ill").evaluate(),
    ):
        assert found.risk().ci[0] == 0.0
        assert found.attack.risk.low <= 0


def test_calls_that_cannot_be_right_say_so():
    with pytest.raises(RuntimeError, match="call evaluate"):
        SinglingOutEvaluator(ORI, FRESH).risk()
    with pytest.raises(ValueError, match="mode: expected 'univariate' or 'multivariate'"):
        SinglingOutEvaluator(ORI, FRESH).evaluate(mode="bivariate")
    with pytest.raises(TableError, match="ori: column 'nobody': expected, but it is absent"):
        LinkabilityEvaluator(ORI, FRESH, (["nobody"], ["age"]))
    with pytest.raises(TableError, match="expected one type in all tables"):
        InferenceEvaluator(ORI, FRESH.with_columns(age=pl.lit("x")), ["age"], "ill")
    with pytest.raises(SynthemaError, match="the secret 'ill' is among what is known"):
        InferenceEvaluator(ORI, FRESH, ["ill"], "ill")
    with pytest.raises(SynthemaError, match="the secret 'name' holds no numbers"):
        InferenceEvaluator(ORI, FRESH, ["age"], "name", regression=True)
    with pytest.raises(ValueError, match="confidence_level"):
        LinkabilityEvaluator(ORI, FRESH, AUX).evaluate().risk(confidence_level=1.0)


def test_pandas_and_polars_give_the_same_bits():
    def run(kind):
        return LinkabilityEvaluator(kind(ORI), kind(FRESH), AUX, control=kind(CONTROL)).evaluate()

    assert run(lambda f: f).risk() == run(pl.DataFrame.to_pandas).risk()
    assert isinstance(ORI.to_pandas(), pd.DataFrame)


def test_columns_that_no_attack_uses_are_never_converted():
    odd = {"notes": [[1], "free text"] * (ORI.height // 2)}  # of no type that a table can have

    def run(*frames):
        ori, syn, control = frames
        return LinkabilityEvaluator(ori, syn, AUX, control=control).evaluate()

    plain = [frame.to_pandas() for frame in (ORI, FRESH, CONTROL)]
    beside = [frame.assign(notes=(odd["notes"] * 2)[: len(frame)]) for frame in plain]
    assert run(*beside).risk() == run(*plain).risk()


def test_truth_values_and_missing_text_keep_their_levels():
    ori = pl.DataFrame({"ill": [True, None, True], "name": ["b", None, "a"], "none": [None] * 3})
    syn = pl.DataFrame({"ill": [None, True, False], "name": ["c", "a", None], "none": [None] * 3})
    frames = Frames.of({"ori": ori, "syn": syn})
    assert frames.levels == {"ill": [False, True], "name": ["a", "b", "c"], "none": []}
    assert frames.rows[0].codes.tolist() == [[1, 1, -1], [-1, -1, -1], [1, 0, -1]]
    assert frames.rows[1].codes.tolist() == [[-1, 2, -1], [1, 0, -1], [0, -1, -1]]
