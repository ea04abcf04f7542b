"""A model file on trial: what its weights say, apart from any row it drew."""

import json

import numpy as np
import polars as pl
import pytest

pytest.importorskip("jax")

import synthema_core as sc
from synthema_core.columns.marginal import Marginal
from synthema_core.context import ReleaseContext
from synthema_core.errors import ModelFileError, SynthemaError
from synthema_core.evidence.listed import recovered
from synthema_core.generate import FlowGenerator
from synthema_core.intervals import NotMeasured
from synthema_core.report.document import document, json_schema
from synthema_core.report.html import render


def cohort(n, seed):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": rng.integers(20, 90, n),
            "wbc": rng.lognormal(2, 1, n).round(3),
            "sex": rng.choice(["f", "m"], n),
        }
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    train, holdout = cohort(120, 0), cohort(110, 1)
    schema = sc.Schema.infer(train, name="made up")
    model = FlowGenerator(seed=0, members=1, steps=100, hidden=16, progress=False)
    model.fit(train, schema)
    path = tmp_path_factory.mktemp("model") / "made_up.synthema"
    model.save(path)
    return train, holdout, schema, model, path


@pytest.fixture(scope="module")
def found(fitted):
    train, holdout, _, _, path = fitted
    context = ReleaseContext(epsilon=30.0)
    return sc.audit_model(path, train=train, holdout=holdout, context=context, seed=0)


def test_density_tells_members_from_others_no_better_than_it_says(fitted, found):
    train, holdout, _, model, _ = fitted
    assert found.rows == 120
    assert found.parameters > 100
    assert len(found.digest) == 64
    scores = model.log_prob(train), model.log_prob(holdout)
    beaten = np.mean(scores[0][:, None] > scores[1][None, :])
    assert found.membership.auc.value == pytest.approx(beaten, abs=1e-9)
    assert found.gap.value == pytest.approx(scores[0].mean() - scores[1].mean())
    assert found.gap.low < found.gap.value < found.gap.high
    best = found.worst.people[0]
    assert best.rows == (int(scores[0].argmax()),)
    assert found.epsilon.claimed == 30.0


def test_the_file_and_the_generator_say_the_same(fitted, found):
    train, holdout, _, model, _ = fitted
    again = sc.audit_model(model, train=train, holdout=holdout, seed=0)
    assert again.digest == ""
    assert again.membership.auc == found.membership.auc
    assert again.copied_train == found.copied_train


def test_values_that_midpoints_betray_are_found():
    rng = np.random.default_rng(0)
    values = np.unique(rng.lognormal(2, 1, 80).round(3))
    listed = recovered(Marginal.fit(values))
    assert np.isin(values, np.round(listed, 3)).mean() > 0.95
    heaped = np.repeat([10.0, 20.0, 30.0], 5)
    assert set(heaped) <= set(recovered(Marginal.fit(heaped)).tolist())


def test_what_the_file_lists_is_compared_with_people_never_seen(found):
    by_name = {attack.target: attack for attack in found.extraction}
    assert set(by_name) == {"age", "wbc", "sex"}
    for attack in by_name.values():
        assert attack.main.n == 120
        assert attack.control.n == 110
    assert by_name["sex"].control.value == 1.0  # both levels are everybody's


def test_rows_and_weights_are_judged_apart_in_one_report(fitted):
    train, holdout, schema, model, path = fitted
    result = sc.audit(
        train=train,
        synthetic=model.sample(100, seed=1),
        holdout=holdout,
        schema=schema,
        seed=0,
        model=path,
    )
    page = render(result)
    assert "What the file lists" in page
    assert "membership by its density" in page
    frame = result.frame().filter(section="model")
    assert {"auc by log-density", "log-density gap"} <= set(frame["measure"])
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    plain = json.loads(json.dumps(document(result), allow_nan=False))
    assert [error.json_path for error in validator.iter_errors(plain)] == []


def test_without_people_never_seen_the_density_is_not_measured(fitted):
    train, _, _, model, _ = fitted
    found = sc.audit_model(model, train=train, seed=0)
    assert isinstance(found.membership, NotMeasured)
    assert found.gap.value is None
    assert found.copied_train.n == 120


def test_what_is_no_model_is_refused(fitted, tmp_path):
    train, holdout, *_ = fitted
    with pytest.raises(ModelFileError, match="not found"):
        sc.audit_model(tmp_path / "absent", train=train, seed=0)
    with pytest.raises(SynthemaError, match="fitted FlowGenerator, got int"):
        sc.audit_model(3, train=train, holdout=holdout, seed=0)
