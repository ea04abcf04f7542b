"""FlowGenerator: no broken rule, the training table's types, the same rows from the same seed."""

import json
import pickle
import struct
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

pytest.importorskip("jax")

from safetensors.numpy import save_file

from synthema_core.errors import (
    ModelFileError,
    OutputError,
    RuleError,
    SchemaError,
    SynthemaError,
    TableError,
)
from synthema_core.generate import FlowGenerator, cohort
from synthema_core.rules import Condition, Excludes, Implies
from synthema_core.schema import Column, Schema

SMALL = {"members": 2, "steps": 100, "hidden": 16}
KEPT = [
    *("age", "sex", "ecog", "wbc", "hsct", "hsct_days", "hsct_type", "mut_NPM1"),
    *("cyto_t_8_21", "efs_days", "efs_status", "os_days", "os_status"),
]


@pytest.fixture(scope="module")
def train():
    return cohort.simulate(300, seed=0).select(KEPT)


@pytest.fixture(scope="module")
def schema():
    return cohort.schema().select(KEPT)


@pytest.fixture(scope="module")
def model(train, schema):
    return FlowGenerator(seed=0, **SMALL).fit(train, schema)


@pytest.fixture(scope="module")
def synthetic(model):
    return model.sample(1000, seed=1)


@pytest.fixture(scope="module")
def letters():
    """A model without any number: quick to fit."""
    table = pl.DataFrame({"g": ["a", "b", "c"] * 30, "flag": [0, 1] * 45})
    schema = Schema(
        (
            Column("g", "categorical", categories=("a", "b", "c")),
            Column("flag", "boolean", categories=(0, 1)),
        )
    )
    return FlowGenerator(seed=0, **SMALL).fit(table, schema)


def under(model, *rules):
    """The same model with more rules in its schema."""
    encoder = model.model.encoder
    out = FlowGenerator(**model.get_params())
    out.model_ = replace(
        model.model, encoder=replace(encoder, schema=encoder.schema.with_rules(*rules))
    )
    return out


def test_no_row_breaks_a_rule(synthetic, schema):
    assert synthetic.height == 1000
    assert schema.validate(synthetic).ok


def test_types_categories_and_missingness_are_those_of_training(synthetic, train):
    assert synthetic.schema == train.schema
    for name in ("sex", "ecog", "hsct_type"):
        assert set(synthetic[name].drop_nulls()) <= set(train[name].drop_nulls())
    share = np.array([train[n].null_count() / 300 for n in train.columns])
    drawn = np.array([synthetic[n].null_count() / 1000 for n in train.columns])
    assert np.abs(share - drawn).max() < 0.12
    assert (drawn[share == 0] == 0).all()
    np.testing.assert_array_equal(synthetic["wbc"].round(1), synthetic["wbc"])


def test_survival_keeps_its_ties(synthetic, train):
    real = (train["efs_days"] == train["os_days"]).mean()
    assert (synthetic["efs_days"] == synthetic["os_days"]).mean() == pytest.approx(real, abs=0.1)


def test_log_prob_is_a_probability_and_prefers_what_it_learned(model, train):
    real = model.log_prob(train)
    assert real.shape == (300,)
    assert (real < 0).all()
    shuffled = train.with_columns(train["os_days"].shuffle(seed=0))  # some die before they relapse
    assert real.mean() > model.log_prob(shuffled).mean() + 1


def test_an_unseen_category_has_little_but_some_probability(model, train):
    odd = train.head(5).with_columns(sex=pl.lit("unheard of"))
    found = model.log_prob(odd)
    assert np.isfinite(found).all()
    assert (found < model.log_prob(train.head(5)) - 2).all()


def test_same_seed_same_rows(model, synthetic):
    assert model.sample(1000, seed=1).equals(synthetic)
    assert model.sample(20, seed=1).equals(synthetic.head(20))
    assert not model.sample(1000, seed=2).equals(synthetic)
    assert model.sample(0, seed=1).schema == synthetic.schema


def test_a_streamed_file_holds_the_same_rows(model, synthetic, tmp_path):
    path = model.sample_to(tmp_path / "rows.parquet", 3000, seed=1, memory="16GiB")
    account = model.redraw_
    assert pl.read_parquet(path).head(1000).equals(synthetic)
    assert pl.read_parquet(path).equals(model.sample(3000, seed=1))
    assert model.redraw_ == account
    assert account.kept >= 3000
    assert account.drawn == account.kept + account.refused
    assert 0 <= account.shift <= account.rate <= 1
    with pytest.raises(SynthemaError, match="leaves no room"):
        model.sample_to(path, 10, seed=1, memory="1MiB")
    with pytest.raises(OutputError, match=r"\.parquet"):
        model.sample_to(tmp_path / "rows.csv", 10, seed=1)
    assert [p.name for p in tmp_path.iterdir()] == ["rows.parquet"]


def test_same_seed_same_model(model, train, schema):
    again = FlowGenerator(seed=0, **SMALL).fit(train, schema)
    np.testing.assert_array_equal(again.log_prob(train), model.log_prob(train))


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"sex": "F"}, pl.col("sex") == "F"),
        ({"ecog": [0, 1]}, pl.col("ecog").is_in([0, 1])),
        ({"age": (60, 70)}, pl.col("age").is_between(60, 70)),
        ({"hsct_days": None}, pl.col("hsct_days").is_null()),
        ({"sex": "M", "os_status": 1}, (pl.col("sex") == "M") & (pl.col("os_status") == 1)),
    ],
)
def test_conditions_hold_in_every_row(model, schema, where, kept):
    drawn = model.sample(60, seed=3, where=where)
    assert drawn.height == 60
    assert drawn.filter(kept).height == 60
    assert schema.validate(drawn).ok


def test_an_impossible_condition_is_refused(model):
    with pytest.raises(RuleError, match=r"no row in which 'age' is between 500.*Loosen"):
        model.sample(5, seed=0, where={"age": (500, 600)})


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"nothing": 1}, "column 'nothing' is not in the schema"),
        ({"sex": "X"}, r"column 'sex': 1 of the wanted values .* 2 categories"),
        ({"sex": (0, 1)}, "column 'sex'"),
    ],
)
def test_a_wrong_condition_names_its_column(model, where, message):
    with pytest.raises(SchemaError, match=message):
        model.sample(5, seed=0, where=where)


def test_contradictory_rules_are_named(letters):
    everyone = Condition("g", is_in=("a", "b", "c"))
    broken = under(
        letters,
        Implies(everyone, Condition("flag", is_in=(0,)), name="all zero"),
        Implies(everyone, Condition("flag", is_in=(1,)), name="all one"),
    )
    with pytest.raises(
        RuleError, match=r"no row can meet: .*'flag' is 0; .*'flag' is 1\. .*Correct one of them"
    ):
        broken.sample(5, seed=0)


def test_a_rule_unknown_in_training_is_met_by_redrawing(letters):
    never = Excludes((Condition("g", is_in=("a",)), Condition("flag", is_in=(1,))))
    strict = under(letters, never)
    drawn = strict.sample(300, seed=0)
    account = strict.redraw_
    assert dict(account.by_rule) == {never.sentence(): account.refused}
    assert 0.1 < account.rate < 0.25
    # a sixth is refused, and the kept lose half of the letter: 1/3 against 1/5
    assert account.shift == pytest.approx(2 / 15, abs=0.03)
    assert account.shifted == "g"
    assert account.to_dict()["rate"] == account.rate
    assert drawn.filter((pl.col("g") == "a") & (pl.col("flag") == 1)).is_empty()


def test_a_saved_model_is_the_model(model, synthetic, train, tmp_path):
    path = model.save(tmp_path / "aml.synthema")
    again = FlowGenerator.load(path)
    assert again.sample(1000, seed=1).equals(synthetic)
    np.testing.assert_array_equal(again.log_prob(train), model.log_prob(train))
    assert again.get_params() == model.get_params()
    assert [p.name for p in tmp_path.iterdir()] == ["aml.synthema"]


def test_the_record_watches_memorization(model):
    record = model.model.record
    watch = record["memorization"]
    losses = [min(held) for held in record["validation"]]
    assert np.isfinite(watch["gap"])
    assert watch["per_variable"] == pytest.approx(watch["gap"] / model.model.layout.variables)
    assert (watch["warning"] is None) == (watch["per_variable"] <= 0.25)
    assert len(losses) == len(record["best_step"]) == model.members


def test_a_damaged_or_foreign_file_is_refused(letters, tmp_path):
    good = letters.save(tmp_path / "good.synthema").read_bytes()
    size = struct.unpack("<Q", good[:8])[0]
    header = json.loads(good[8 : 8 + size])

    def with_header(change):
        data = json.loads(header["__metadata__"]["header"])
        change(data)
        metadata = {**header["__metadata__"], "header": json.dumps(data)}
        text = json.dumps({**header, "__metadata__": metadata}).encode()
        return struct.pack("<Q", len(text)) + text + good[8 + size :]

    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": np.zeros(3)}, foreign)
    files = {
        "truncated": (good[:-100], "damaged"),
        "half a header": (good[: size // 2], "damaged"),
        "empty": (b"", "damaged"),
        "text": (b"these are no weights", "damaged"),
        "pickle": (pickle.dumps({"weights": [1.0]}), "damaged"),
        "foreign": (foreign.read_bytes(), "another kind of safetensors"),
        "later": (with_header(lambda d: d.update(version=99)), "expected version 4, got 99"),
        "no members": (with_header(lambda d: d.update(members=0)), "do not fit together"),
        "too many": (with_header(lambda d: d.update(members=3)), "do not fit together"),
        "no record": (with_header(lambda d: d.pop("record")), "do not fit together"),
        "no encoder": (with_header(lambda d: d.update(encoder={})), "do not fit together"),
        "other columns": (
            with_header(lambda d: d["encoder"]["codecs"].pop("g")),
            "do not fit together",
        ),
        "odd dtype": (
            with_header(
                lambda d: d["encoder"]["codecs"]["g"]["levels"].update(dtype={"name": "read_csv"})
            ),
            "do not fit together",
        ),
    }
    for name, (content, message) in files.items():
        path = tmp_path / f"{name}.synthema"
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=message) as error:
            FlowGenerator.load(path)
        assert str(path) in str(error.value), name
    with pytest.raises(ModelFileError, match="not found"):
        FlowGenerator.load(tmp_path / "absent.synthema")


def test_too_few_rows_are_refused(train, schema):
    with pytest.raises(TableError, match="train: expected at least 50 rows, got 49"):
        FlowGenerator(seed=0).fit(train.head(49), schema)


def test_before_fitting_there_is_nothing_to_draw():
    with pytest.raises(SynthemaError, match=r"not fitted yet. Call fit"):
        FlowGenerator(seed=0).sample(5, seed=0)


def test_settings_follow_scikit_learn(letters):
    generator = FlowGenerator(seed=3, members=5)
    assert FlowGenerator(**generator.get_params()).get_params() == generator.get_params()
    assert generator.set_params(members=2).members == 2
    with pytest.raises(SynthemaError, match="parameter 'mebers': unknown"):
        generator.set_params(mebers=2)
    table = pl.DataFrame({"g": ["a"] * 60, "flag": [0] * 60})
    for change in ({"members": 0}, {"steps": 0}, {"orders": "backwards"}):
        with pytest.raises(SynthemaError, match=f"parameter '{next(iter(change))}'"):
            FlowGenerator(seed=0, **change).fit(table, letters.model.encoder.schema)
    with pytest.raises(SynthemaError, match="n: expected a number of rows from 0, got -1"):
        letters.sample(-1, seed=0)


def test_table_and_schema_must_agree(model, train, schema):
    with pytest.raises(SchemaError, match=r"column 'wbc'.*absent"):
        FlowGenerator(seed=0).fit(train.drop("wbc"), schema)
    with pytest.raises(SchemaError, match=r"column 'age'.*absent"):
        model.log_prob(train.drop("age"))
    words = train.with_columns(wbc=pl.lit("secret"))
    for read in (model.log_prob, lambda t: FlowGenerator(seed=0).fit(t, schema)):
        with pytest.raises(SchemaError, match="column 'wbc'") as error:
            read(words)
        assert "secret" not in str(error.value)


def test_a_table_of_letters_alone(letters):
    drawn = letters.sample(200, seed=0)
    assert drawn.schema == {"g": pl.String, "flag": pl.Int64}
    cells = pl.DataFrame({"g": list("aabbcc"), "flag": [0, 1] * 3})
    assert np.exp(letters.log_prob(cells)).sum() == pytest.approx(1.0, abs=1e-4)


def test_a_table_of_one_number():
    name = 'white cells (10^9/L) ["q"]'
    values = np.random.default_rng(0).lognormal(1, 0.7, 80).round(1)
    model = FlowGenerator(seed=0, members=1, steps=100, hidden=8)
    model.fit(pl.DataFrame({name: values}), Schema((Column(name, "continuous"),)))
    drawn = model.sample(500, seed=0)[name]
    assert drawn.min() > 0
    assert drawn.median() == pytest.approx(np.median(values), rel=0.25)
    possible = model.model.encoder.marginal(name).quantile(np.linspace(1e-6, 1 - 1e-6, 100_001))
    probability = np.exp(model.log_prob(pl.DataFrame({name: np.unique(possible)})))
    assert probability.sum() == pytest.approx(1.0, abs=0.01)


def test_odd_columns_and_names(capfd):
    n = 700
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            'a "quoted" [name]': rng.choice(["x y", "it's", "[z]"], n),
            "icd": [f"C{k % 600:03d}" for k in range(n)],
            "site": ["Torino"] * n,
            "nothing": pl.Series([None] * n, dtype=pl.Float64),
        }
    )
    schema = Schema(
        (
            Column('a "quoted" [name]', "categorical", categories=("[z]", "it's", "x y")),
            Column("icd", "categorical", categories=tuple(f"C{k:03d}" for k in range(600))),
            Column("site", "constant", categories=("Torino",)),
            Column("nothing", "constant", categories=()),
        )
    )
    model = FlowGenerator(seed=0, members=1, steps=100, hidden=16).fit(table, schema)
    drawn = model.sample(300, seed=0, where={'a "quoted" [name]': ["[z]", "it's"]})
    assert drawn.schema == table.schema
    assert schema.validate(drawn).ok
    assert drawn["site"].unique().to_list() == ["Torino"]
    assert drawn["nothing"].null_count() == 300
    assert drawn["icd"].n_unique() > 100
    assert np.isfinite(model.log_prob(table)).all()
    assert capfd.readouterr().err == ""  # no progress bar outside a terminal
