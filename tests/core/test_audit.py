import json
import math
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import synthema_core as sc
from synthema_core.errors import SchemaError, SynthemaError, TableError
from synthema_core.intervals import NotMeasured
from synthema_core.privacy.membership import Membership
from synthema_core.schema import Schema


def cohort(n, seed):
    rng = np.random.default_rng(seed)
    os_days = np.round(rng.exponential(600, n)).astype(np.int64) + 1
    return pl.DataFrame(
        {
            "age": np.round(rng.normal(60, 12, n), 1),
            "wbc": pl.Series(np.round(rng.lognormal(2, 1, n), 1)).set(
                pl.Series(rng.random(n) < 0.1), None
            ),
            "sex": rng.choice(["female", "male"], n),
            "risk [ELN]": rng.choice(["adverse", "favorable", "O'Brien's"], n),
            "npm1": rng.integers(0, 2, n),
            "os_days": os_days,
            "os_status": rng.integers(0, 2, n),
        }
    )


def audit(**arguments):
    """Without the attacks beyond distance, which have their own tests and take longer."""
    return sc.audit(**{"evidence": "none", **arguments})


@pytest.fixture(scope="module")
def tables():
    train, holdout, fresh = cohort(200, 0), cohort(120, 1), cohort(150, 2)
    return train, holdout, fresh, Schema.infer(train, name="test")


@pytest.fixture(scope="module")
def copied(tables):
    train, holdout, _, schema = tables
    return sc.audit(train=train, synthetic=train, holdout=holdout, schema=schema, seed=0)


def numbers(found):
    plain = found.to_dict()
    del plain["provenance"]
    return plain


def test_a_verbatim_copy_scores_worst_on_every_privacy_measure(copied):
    attack, rows = copied.membership, copied.distances
    assert attack.auc.value == attack.tpr_at_1.value == attack.tpr_at_10.value == 1.0
    assert rows.share_closer_to_train.value == 1.0
    assert rows.copied_train.value == rows.identical_share_train.value == 1.0
    assert rows.dcr_train.q95 == rows.nndr_train == 0.0


def test_a_shuffled_copy_gives_identical_numbers(tables, copied):
    train, holdout, _, schema = tables
    shuffled = train.sample(fraction=1.0, shuffle=True, seed=5)
    again = sc.audit(train=train, synthetic=shuffled, holdout=holdout, schema=schema, seed=0)
    assert numbers(again) == numbers(copied)
    assert again.provenance.digests["synthetic"] != copied.provenance.digests["synthetic"]


def test_a_fresh_real_sample_shows_no_leak_and_full_fidelity(tables):
    train, holdout, fresh, schema = tables
    found = audit(train=train, synthetic=fresh, holdout=holdout, schema=schema, seed=0)
    for estimate, null in (
        (found.membership.auc, 0.5),
        (found.membership.tpr_at_1, 0.01),
        (found.membership.tpr_at_10, 0.1),
        (found.distances.share_closer_to_train, 0.5),
        (found.detection.auc, 0.5),
        (found.survival[0].distance, 0.0),
    ):
        assert estimate.low <= null <= estimate.high
    assert found.distances.copied_train.value == 0.0
    assert found.shapes.mean < 2 * found.shapes.baseline
    assert found.validity.n_violating_rows == 0
    assert found.reference == "holdout"


def test_a_9_to_1_split_shows_no_leak(tables):
    *_, fresh, schema = tables
    train, holdout = cohort(450, 10), cohort(50, 11)
    found = audit(train=train, synthetic=fresh, holdout=holdout, schema=schema, seed=0)
    for estimate in (found.membership.auc, found.distances.share_closer_to_train):
        assert estimate.low <= 0.5 <= estimate.high
        assert estimate.value == pytest.approx(0.5, abs=0.1)


def test_same_seed_gives_the_same_bits(tables):
    train, holdout, fresh, schema = tables
    arguments = {"train": train, "synthetic": fresh, "holdout": holdout, "schema": schema}
    first, second, third = (sc.audit(**arguments, seed=seed) for seed in (1, 1, 2))
    assert numbers(first) == numbers(second)
    assert numbers(first) != numbers(third)


def test_ten_holdout_rows_work_with_wide_intervals_and_a_warning(tables):
    train, holdout, fresh, schema = tables
    found = audit(train=train, synthetic=fresh, holdout=holdout[:10], schema=schema, seed=0)
    assert found.membership.auc.high - found.membership.auc.low > 0.25
    assert found.reference == "train"
    assert any("10 rows" in warning for warning in found.warnings)


def test_without_a_holdout_membership_is_not_measured_and_says_why(tables):
    train, _, fresh, schema = tables
    found = audit(train=train, synthetic=fresh, schema=schema, seed=0)
    assert isinstance(found.membership, NotMeasured)
    assert "control group" in found.membership.reason
    assert found.distances.share_closer_to_train.value is None
    assert found.shapes.baseline is None
    assert any("no sign of low risk" in warning for warning in found.warnings)
    assert "holdout" not in found.provenance.digests


def test_any_arrow_table_is_taken(tables):
    train, holdout, fresh, schema = tables
    first = audit(train=train, synthetic=fresh, holdout=holdout, schema=schema, seed=0)
    second = audit(
        train=train.to_pandas(),
        synthetic=fresh.to_arrow(),
        holdout=holdout.lazy(),
        schema=schema,
        seed=0,
    )
    assert numbers(second) == numbers(first)


def test_a_synthetic_table_without_a_column_is_refused_by_name(tables):
    train, holdout, fresh, schema = tables
    short = fresh.drop("sex", "risk [ELN]")
    with pytest.raises(SchemaError, match=r"synthetic: column 'sex', 'risk \[ELN\]'.*Add it"):
        audit(train=train, synthetic=short, holdout=holdout, schema=schema, seed=0)


def test_a_synthetic_table_with_an_extra_column_is_refused_by_name(tables):
    train, holdout, fresh, schema = tables
    extra = fresh.with_columns(weight=pl.lit(1.0))
    with pytest.raises(SchemaError, match=r"synthetic: column 'weight'.*Drop it"):
        audit(train=train, synthetic=extra, holdout=holdout, schema=schema, seed=0)


def test_a_column_of_another_type_is_refused_by_name(tables):
    train, holdout, fresh, schema = tables
    text = fresh.with_columns(pl.col("age").cast(pl.String))
    with pytest.raises(SchemaError, match=r"synthetic: column 'age': expected numbers, got String"):
        audit(train=train, synthetic=text, holdout=holdout, schema=schema, seed=0)


def test_no_error_shows_a_cell(tables):
    train, holdout, fresh, schema = tables
    secret = fresh.with_columns(age=pl.lit("Ms Smith, born 12 May"))
    with pytest.raises(SchemaError) as caught:
        audit(train=train, synthetic=secret, holdout=holdout, schema=schema, seed=0)
    assert "Smith" not in str(caught.value)


def test_infinities_empty_tables_and_negative_seeds_are_refused(tables):
    train, holdout, fresh, schema = tables
    wild = fresh.with_columns(age=pl.lit(math.inf))
    for synthetic in (wild, fresh.clear()):
        with pytest.raises(TableError, match="synthetic"):
            audit(train=train, synthetic=synthetic, holdout=holdout, schema=schema, seed=0)
    with pytest.raises(SynthemaError, match="seed"):
        audit(train=train, synthetic=fresh, schema=schema, seed=-1)


def test_unseen_categories_are_compared_and_reported(tables):
    train, holdout, fresh, schema = tables
    odd = {"sex": pl.when(pl.int_range(pl.len()) < 9).then(pl.lit("?")).otherwise("sex")}
    found = audit(
        train=train,
        synthetic=fresh.with_columns(**odd),
        holdout=holdout.with_columns(**odd),
        schema=schema,
        seed=0,
    )
    (rule,) = found.validity.by_rule
    assert (rule.column, rule.count) == ("sex", 9)
    assert any(w.startswith("holdout: 9 of 120 rows contradict") for w in found.warnings)
    sex = next(column for column in found.shapes.columns if column.name == "sex")
    assert sex.labels == ("female", "male", "?")


def test_synthetic_times_at_or_below_zero_are_reported(tables):
    train, holdout, fresh, schema = tables
    early = fresh.with_columns(os_days=pl.col("os_days") - 200)
    found = audit(train=train, synthetic=early, holdout=holdout, schema=schema, seed=0)
    assert found.survival[0].nonpositive_times == (early["os_days"] <= 0).sum()
    assert found.validity.n_violating_rows == (early["os_days"] < 0).sum()
    assert any("at or below 0" in warning for warning in found.warnings)


def test_a_holdout_that_was_seen_is_called_out(tables):
    train, _, fresh, schema = tables
    found = audit(train=train, synthetic=fresh, holdout=train[:120], schema=schema, seed=0)
    assert any("split again" in warning for warning in found.warnings)


def test_integers_and_floats_and_nulls_of_one_column_are_one_column(tables):
    train, holdout, fresh, schema = tables
    floats = fresh.with_columns(pl.col("npm1", "os_status").cast(pl.Float64))
    first = audit(train=train, synthetic=fresh, holdout=holdout, schema=schema, seed=0)
    second = audit(train=train, synthetic=floats, holdout=holdout, schema=schema, seed=0)
    assert second.membership.auc == first.membership.auc
    assert second.shapes.mean == first.shapes.mean
    empty = fresh.with_columns(wbc=None)
    assert audit(train=train, synthetic=empty, schema=schema, seed=0).shapes.mean > 0.1


@pytest.mark.parametrize("columns", [["age"], ["sex"], ["npm1", "sex"]])
def test_few_columns_are_enough(tables, columns):
    train, holdout, fresh, schema = tables
    found = audit(
        train=train[columns],
        synthetic=fresh[columns],
        holdout=holdout[columns],
        schema=schema.select(columns),
        seed=0,
    )
    assert found.membership.auc.low <= 0.5 <= found.membership.auc.high
    assert (found.pairs.mean_error is None) == (len(columns) == 1)


def test_low_cardinality_ties_show_no_leak_even_in_a_copy(tables):
    train, holdout, _, schema = tables
    columns = ["npm1", "sex"]
    found = audit(
        train=train[columns],
        synthetic=train[columns],
        holdout=holdout[columns],
        schema=schema.select(columns),
        seed=0,
    )
    assert found.membership.auc.value == pytest.approx(0.5, abs=1e-12)
    assert found.distances.share_closer_to_train.value == pytest.approx(0.5, abs=0.05)


def test_one_row_of_each_is_audited():
    train = cohort(30, 0)
    schema = Schema.infer(train)
    found = audit(train=train[:1], synthetic=train[1:2], holdout=train[2:3], schema=schema, seed=0)
    assert isinstance(found.detection, NotMeasured)
    assert found.distances.nndr_train is None


def test_the_dictionary_is_json_and_the_frame_lists_every_number(copied):
    text = json.dumps(copied.to_dict(), allow_nan=False)
    assert json.loads(text)["membership"]["auc"]["value"] == 1.0
    frame = copied.frame()
    assert set(frame["kind"]) == {"evidence", "descriptive", "fidelity", "validity"}
    assert frame["source"].null_count() == 0
    assert frame.filter(measure="share_closer_to_train")["value"].item() == 1.0


def test_it_says_what_it_was_made_from(tables, copied):
    made = copied.provenance
    assert (made.n_train, made.n_synthetic, made.n_holdout, made.seed) == (200, 200, 120, 0)
    assert set(made.digests) == {"train", "synthetic", "holdout", "schema"}
    assert made.digests["train"] == made.digests["synthetic"]
    assert {"synthema-core", "polars", "numba"} <= set(made.versions)
    assert made.seconds["total"] > 0
    assert made.created.endswith("+00:00")


def test_importing_the_package_is_light():
    code = (
        "import sys, synthema_core as sc; assert callable(sc.audit); "
        "print([m for m in ('jax', 'sklearn', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_real_patients_copied_shuffled_and_fresh(patient_table):
    table = patient_table("aml_amlsg_2016").sample(fraction=1.0, shuffle=True, seed=0)
    columns = ["age", "sex", "wbc", "hb", "platelet", "bm_blasts", "mut_NPM1", "mut_TP53"]
    table = table.select(
        *columns, "eln_risk_2011", "efs_days", "efs_status", "os_days", "os_status"
    )
    train, holdout, fresh = table[:770], table[770:1155], table[1155:]
    schema = Schema.infer(table)

    def measure(synthetic):
        return audit(train=train, synthetic=synthetic, holdout=holdout, schema=schema, seed=0)

    copied, shuffled = measure(train), measure(train.sample(fraction=1.0, shuffle=True, seed=1))
    assert numbers(copied) == numbers(shuffled)
    assert isinstance(copied.membership, Membership)
    assert copied.membership.auc.value == copied.membership.tpr_at_1.value == 1.0
    assert copied.distances.share_closer_to_train.value == 1.0
    assert copied.distances.identical_share_train.value == 1.0
    found = measure(fresh)
    assert found.membership.auc.low <= 0.5 <= found.membership.auc.high
    assert found.distances.share_closer_to_train.low <= 0.5
    assert found.distances.identical_share_train.value == 0.0
