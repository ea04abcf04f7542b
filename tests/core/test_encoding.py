"""Encoder: ranges and codes from training alone, ties, bounds, certainties."""

import json

import numpy as np
import polars as pl
import pytest

from synthema_core.encoding import Encoder
from synthema_core.errors import SchemaError
from synthema_core.generate import cohort
from synthema_core.rules import Condition, DefinedIf, Excludes, Implies, Ordered
from synthema_core.schema import Column, Endpoint, Schema
from synthema_kernels import nearest


def numbers(**columns):
    return Schema(tuple(Column(name, kind) for name, kind in columns.items()))


def test_ranges_come_from_train_alone():
    schema = numbers(x="continuous")
    train = pl.DataFrame({"x": [10.0, 20.0]})
    other = pl.DataFrame({"x": [5.0, 30.0, None]})
    encoder = Encoder.fit(train, schema, also=[other])
    np.testing.assert_array_equal(encoder.rows(other).numeric[:, 0], [-0.5, 2.0, np.nan])


def test_a_column_of_one_number_is_at_distance_zero_from_itself():
    encoder = Encoder.fit(pl.DataFrame({"x": [3.0, 3.0]}), numbers(x="continuous"))
    rows = encoder.rows(pl.DataFrame({"x": [3.0, 4.0]}))
    np.testing.assert_array_equal(rows.numeric[:, 0], [0.0, 1.0])


def test_unseen_categories_get_codes_of_their_own():
    schema = Schema((Column("c", "categorical", categories=("a", "b")),))
    train = pl.DataFrame({"c": ["a", "b", "a"]})
    other = pl.DataFrame({"c": ["new", "a", "newer", None]})
    encoder = Encoder.fit(train, schema, also=[other])
    assert encoder.rows(other).codes[:, 0].tolist() == [2, 0, 3, -1]
    assert encoder.rows(train).codes.dtype == np.int32
    assert encoder.flow(other).codes.tolist() == [[-1, 0, -1, -1]]  # a flow draws neither


def test_sentinels_are_missing_in_a_distance_and_a_state_in_a_flow():
    schema = Schema((Column("x", "continuous", sentinels=(1e6,)),))
    train = pl.DataFrame({"x": [1.0, 2.0, 1e6, 3.0, 1e6]})
    encoder = Encoder.fit(train, schema)
    np.testing.assert_array_equal(encoder.rows(train).numeric[:, 0], [0, 0.5, np.nan, 1, np.nan])
    view = encoder.flow(train)
    assert view.codes.tolist() == [[0, 0, 1, 0, 1]]
    assert encoder.table(view.codes, view.cells.z).equals(train)


def test_a_frequent_limit_is_a_state():
    train = pl.DataFrame({"x": [0.0] * 5 + [float(k) for k in range(1, 21)]})
    encoder = Encoder.fit(train, numbers(x="continuous"))
    assert encoder.numeric["x"].number.atoms == (0.0,)
    assert encoder.flow(train).codes[0].tolist() == [1] * 5 + [0] * 20


def test_ordinals_are_ranked():
    schema = Schema((Column("g", "ordinal", categories=("low", "mid", "high")),))
    train = pl.DataFrame({"g": ["mid", "low", None, "high"]})
    rows = Encoder.fit(train, schema).rows(train)
    np.testing.assert_array_equal(rows.numeric[:, 0], [0.5, 0.0, np.nan, 1.0])
    assert rows.codes.shape == (4, 0)


def test_a_copy_is_at_distance_zero_and_names_match_columns():
    table = cohort.simulate(60, seed=3)
    encoder = Encoder.fit(table, cohort.schema())
    rows = encoder.rows(table)
    assert (nearest(rows, rows, k=1).distance == 0).all()
    assert rows.numeric.shape == (60, len(encoder.numeric_names))
    assert rows.codes.shape == (60, len(encoder.code_names))
    assert {*encoder.numeric_names, *encoder.code_names} == set(table.columns)


def survival(n=200, *, seed=0):
    rng = np.random.default_rng(seed)
    os = rng.exponential(900, n).round() + 1
    event_free = np.where(rng.random(n) < 0.4, os, (os * rng.random(n)).round())
    table = pl.DataFrame(
        {
            "efs": event_free,
            "os": os,
            "efs_status": rng.integers(0, 2, n),
            "os_status": rng.integers(0, 2, n),
            "unrelated": rng.exponential(900, n).round() + 1,
        }
    )
    schema = Schema(
        (
            *(Column(name, "time") for name in ("efs", "os")),
            *(Column(f"{name}_status", "boolean", categories=(0, 1)) for name in ("efs", "os")),
            Column("unrelated", "continuous"),
        ),
        endpoints=(
            Endpoint("os", "os", "os_status", event=(1,)),
            Endpoint("efs", "efs", "efs_status", event=(1,), not_after="os"),
        ),
    )
    return table, schema


def test_ties_are_found_and_come_back():
    table, schema = survival()
    encoder = Encoder.fit(table, schema)
    ties = {name: codec.number.ties for name, codec in encoder.numeric.items()}
    assert ties == {"efs": ("os",), "os": (), "unrelated": ()}
    view = encoder.flow(table)
    assert encoder.table(view.codes, view.cells.z).equals(table)
    state = view.codes[encoder.variables.discrete.index("efs")]
    np.testing.assert_array_equal(state == 0, (table["efs"] != table["os"]).to_numpy())


@pytest.mark.parametrize("seed", range(5))
def test_columns_of_few_values_are_not_tied_by_chance(seed):
    rng = np.random.default_rng(seed)
    table = pl.DataFrame({name: rng.integers(0, 8, 300).astype(float) for name in "abc"})
    encoder = Encoder.fit(table, numbers(a="count", b="count", c="count"))
    assert all(codec.number.ties == () for codec in encoder.numeric.values())


def test_a_bounded_column_is_drawn_at_or_below_its_bound():
    table, schema = survival()
    encoder = Encoder.fit(table, schema)
    assert encoder.numeric["efs"].number.cap.column == "os"
    rng = np.random.default_rng(1)
    view = encoder.flow(table)
    drawn = encoder.table(view.codes, rng.standard_normal(view.cells.z.shape) * 2)
    assert (drawn["efs"] <= drawn["os"]).all()


def test_a_bound_that_is_often_equal_goes_in_no_circle():
    table, schema = survival()
    table = table.with_columns(
        remission=pl.when(pl.int_range(pl.len()) % 2 == 0).then("efs").otherwise(pl.col("efs") // 2)
    )
    schema = Schema(
        (*schema.columns, Column("remission", "duration")),
        endpoints=schema.endpoints,
        rules=(Ordered(("remission", "efs", "os")),),
    )
    encoder = Encoder.fit(table, schema)
    assert encoder.numeric["remission"].number.ties[0] == "efs"
    view = encoder.flow(table)
    assert encoder.table(view.codes, view.cells.z).equals(table)


def forbidden(rules, *, n=60):
    rng = np.random.default_rng(0)
    gate = rng.integers(0, 2, n)
    table = pl.DataFrame(
        {
            "gate": gate,
            "x": np.where(gate == 1, np.arange(n) + 1.0, np.nan),
            "grade": rng.choice(["a", "b", "c"], n),
        },
        nan_to_null=True,
    )
    schema = Schema(
        (
            Column("gate", "boolean", categories=(0, 1)),
            Column("x", "continuous"),
            Column("grade", "categorical", categories=("a", "b", "c")),
        ),
        rules=rules,
    )
    return Encoder.fit(table, schema).forbidden()  # gate 0, 1; x free, missing; grade a, b, c


def test_structural_missingness_is_forbidden_whatever_the_number():
    out = forbidden((DefinedIf("x", when=Condition("gate", is_in=(1,))),))
    expected = np.zeros((7, 7))
    expected[0, 2] = expected[2, 0] = 1
    np.testing.assert_array_equal(out, expected)


def test_exclusions_of_categories_are_forbidden():
    gate, b = Condition("gate", is_in=(1,)), Condition("grade", is_in=("b",))
    for rule in (Excludes((gate, b)), Implies(when=b, then=Condition("gate", is_in=(0,)))):
        out = forbidden((rule,))
        assert out[1, 5] == out[5, 1] == 1
        assert out.sum() == 2


def test_a_rule_that_a_rare_number_meets_forbids_nothing():
    gate, narrow = Condition("gate", is_in=(1,)), Condition("x", low=36.5, high=37.5)
    assert forbidden((Implies(when=gate, then=narrow),)).sum() == 0


def test_json_changes_nothing():
    table = cohort.simulate(80, seed=1)
    encoder = Encoder.fit(table, cohort.schema())
    again = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    first, second = encoder.flow(table), again.flow(table)
    np.testing.assert_array_equal(first.codes, second.codes)
    for name in ("z", "low", "high", "log_width", "present"):
        np.testing.assert_array_equal(getattr(first.cells, name), getattr(second.cells, name))
    np.testing.assert_array_equal(encoder.forbidden(), again.forbidden())
    assert again.variables == encoder.variables


def test_trace_prints_no_value():
    secret = [12345.5, 98765.25, 55555.5, 55555.5, 1e6]
    table = pl.DataFrame({"x": secret, "c": ["hush", "whisper", "hush", None, "hush"]})
    schema = Schema(
        (
            Column("x", "continuous", unit="mg", sentinels=(1e6,), reason="decimals"),
            Column("c", "categorical", categories=("hush", "whisper")),
        )
    )
    encoder = Encoder.fit(table, schema)
    text = encoder.trace("x") + encoder.trace("c")
    assert "x: continuous in mg" in text
    assert "decimals" in text
    for value in ("12345", "98765", "55555", "1000000", "1e6", "hush", "whisper"):
        assert value not in text


def test_an_absent_column_is_named():
    table, schema = survival()
    with pytest.raises(SchemaError, match=r"column 'efs' .*absent.*drop it from the schema"):
        Encoder.fit(table.drop("efs"), schema)
    encoder = Encoder.fit(table, schema)
    for read in (encoder.rows, encoder.flow):
        with pytest.raises(SchemaError, match="column 'os'"):
            read(table.drop("os"))
