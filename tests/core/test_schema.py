"""Schemas: what they refuse, their file, and what `validate` finds."""

import dataclasses
import datetime as dt
import functools
import json

import jsonschema
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthema_core.errors import OutputError, RuleError, SchemaError, TableError
from synthema_core.rules import Condition, DefinedIf, Excludes, Implies, Ordered, Range, Requires
from synthema_core.schema import Column, Endpoint, Schema
from synthema_core.schema.file import JSON_SCHEMA
from synthema_core.schema.types import KINDS, LISTED, NUMERIC, ROLES

AML = Schema(
    columns=(
        Column("pid", "identifier"),
        Column("age", "count", unit="years", role="quasi_identifier"),
        Column("hb", "continuous", unit="g/dL", dtype="Float64"),
        Column("hsct", "boolean", categories=(0, 1)),
        Column("hsct_type", "categorical", categories=("allo", "auto")),
        Column("hsct_days", "duration", sentinels=(99999.0,)),
        Column("os", "time"),
        Column("dead", "boolean", categories=(0, 1)),
        Column("efs", "time"),
        Column("event", "categorical", categories=(0, 1, 2)),
        Column("empty", "constant", categories=()),
    ),
    endpoints=(
        Endpoint("OS", "os", "dead", (1,)),
        Endpoint("EFS", "efs", "event", (1, 2), not_after="os"),
    ),
    rules=(
        Range("age", 18, 100, name="adults"),
        DefinedIf("hsct_type", Condition("hsct", is_in=(1,))),
    ),
    name="aml",
)
TABLE = pl.DataFrame(
    {
        "age": [50, 60, None],
        "hb": [9.5, None, 12.0],
        "hsct": [1, 0, None],
        "hsct_type": ["allo", None, None],
        "hsct_days": [100, 99999, None],
        "os": [200.0, 0.0, None],
        "dead": [1, 0, None],
        "efs": [100.0, 0.0, 50.0],
        "event": [2, 0, 1],
        "empty": pl.Series([None, None, None], dtype=pl.String),
    }
)


# --- JSON ---------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-9, 9) | st.sampled_from([0.5, -1.25, 1e6])
listed = st.one_of(
    st.lists(texts, min_size=1, max_size=4, unique=True),
    st.lists(numbers, min_size=1, max_size=4, unique=True),
    st.just([False, True]),
)


@st.composite
def columns(draw, name):
    kind = draw(st.sampled_from([k for k in KINDS if k != "time"]))
    categories = None
    if kind in LISTED:
        categories = draw(listed)
        if kind == "boolean":
            categories = draw(st.sampled_from([(0, 1), ("no", "yes"), (False, True), (1.0, 2.0)]))
        if kind == "constant":
            categories = categories[: draw(st.integers(0, 1))]
    return Column(
        name,
        kind,
        unit=draw(st.none() | texts.filter(bool)),
        role=draw(st.none() | st.sampled_from(ROLES)),
        categories=categories,
        sentinels=draw(st.lists(numbers, max_size=2)) if kind in NUMERIC else (),
        dtype=draw(st.sampled_from(["", "Int8", "String"])),
        reason=draw(texts),
        warnings=draw(st.lists(texts, max_size=2)),
    )


@st.composite
def schemas(draw):
    names = draw(st.lists(texts.filter(bool), min_size=1, max_size=4, unique=True))
    made = [draw(columns(name)) for name in names]
    rules = draw(
        st.lists(
            st.one_of(
                st.builds(Range, st.sampled_from(names), low=numbers, name=texts),
                st.builds(Requires, st.sampled_from(names)),
                st.builds(
                    DefinedIf,
                    st.sampled_from(names),
                    st.builds(Condition, st.sampled_from(names), is_in=listed.map(tuple)),
                ),
            ),
            max_size=3,
        )
    )
    return Schema(made, rules=rules, name=draw(texts), description=draw(texts))


@given(schemas())
def test_schemas_round_trip_and_match_the_published_json_schema(schema):
    data = json.loads(json.dumps(schema.to_dict()))
    validator().validate(data)
    back = Schema.from_dict(data)
    assert back == schema
    assert [type(v) for c in back.columns for v in c.categories or ()] == [
        type(v) for c in schema.columns for v in c.categories or ()
    ]


@functools.cache
def validator():
    published = json.loads(JSON_SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(published)
    return jsonschema.Draft202012Validator(published)


def test_a_whole_schema_round_trips_through_a_file(tmp_path):
    rules = (
        Implies(Condition("hsct", is_in=(1,)), Condition("hsct_days", missing=False)),
        Excludes((Condition("age", low=70), Condition("hsct_type", is_in=("allo",)))),
        Ordered(("hsct_days", "os"), name="transplant before the end"),
        Requires("age"),
    )
    schema = AML.with_rules(*rules)
    path = tmp_path / "aml.schema.json"
    schema.write(path)
    first = path.read_bytes()
    assert Schema.read(path) == schema
    validator().validate(json.loads(first))
    Schema.read(path).write(path)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_numbers_of_a_float_column_stay_floats_after_editing():
    data = {"name": "x", "kind": "ordinal", "dtype": "Float64", "categories": [0, 1, 2]}
    schema = Schema.from_dict({"format": "synthema-schema", "version": 1, "columns": [data]})
    assert [type(v) for v in schema.columns[0].categories] == [float] * 3


def edited(**changes):
    return {**AML.to_dict(), **changes}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "expected an object, got list"),
        (edited(format="other"), "another kind of file"),
        (edited(version=2), "expected version 1"),
        (edited(colums=[]), "unknown field 'colums'"),
        (edited(columns=[]), "at least one column"),
        (edited(columns={}), "columns: expected a list"),
        (
            edited(columns=[{"name": "x", "kind": "numeric"}]),
            "'x': unknown kind 'numeric'. Use one of cont",
        ),
        (edited(columns=[{"name": "x"}]), "column 'x': the field 'kind' is absent"),
        (
            edited(columns=[{"name": "x", "kind": "count", "units": "g"}]),
            "'x': unknown field 'units'",
        ),
        (edited(columns=[{"name": "x", "kind": "count", "unit": 3}]), "'x': unit: expected text"),
        (edited(columns=[{"name": "x", "kind": "count", "sentinels": ["a"]}]), "expected numbers"),
        (edited(columns=[{"name": "x", "kind": "count", "warnings": [1]}]), "expected text"),
        (edited(columns=[{"name": "x", "kind": "text", "categories": "ab"}]), "expected a list"),
        (edited(endpoints=[{"name": "OS", "time": "os", "status": "dead"}]), "'event' is absent"),
        (
            edited(endpoints=[{"name": "O", "time": "os", "status": "dead", "event": [None]}]),
            "expected text",
        ),
        (
            edited(rules=[{"rule": "range", "column": "agee", "low": 1}]),
            "column 'agee' is not in the schema",
        ),
        (edited(rules=[{"rule": "between"}]), "rule number 1: .*one of range"),
        (
            edited(rules=[{"rule": "requires", "column": "age", "x": 1}]),
            "rule number 1: .*unknown field 'x'",
        ),
        (edited(name=3), "name: expected text"),
    ],
)
def test_files_that_make_no_sense_are_refused(tmp_path, data, message):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(data))
    with pytest.raises(SchemaError, match=rf"s\.json: .*{message}"):
        Schema.read(path)
    with pytest.raises(jsonschema.ValidationError):
        # what the JSON Schema cannot know: whether a rule names a column that exists
        validator().validate(data if "agee" not in message else {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON at line 1, column 2"),
        ('{"a": 1, "a": 2}', "'a' occurs twice"),
        ('{"a": NaN}', "expected finite numbers"),
    ],
)
def test_text_that_is_no_json_is_refused(tmp_path, text, message):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(SchemaError, match=message):
        Schema.read(path)


def test_files_that_cannot_be_read_or_written_are_refused(tmp_path):
    with pytest.raises(SchemaError, match="cannot be read: No such file"):
        Schema.read(tmp_path / "absent.json")
    (tmp_path / "latin.json").write_bytes("ü".encode("latin1"))
    with pytest.raises(SchemaError, match="expected UTF-8"):
        Schema.read(tmp_path / "latin.json")
    with pytest.raises(OutputError, match="no such folder"):
        AML.write(tmp_path / "absent" / "s.json")


# --- what a schema refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Column("x", "float"), "unknown kind 'float'"),
        (lambda: Column("x", "count", role="public"), "unknown role 'public'"),
        (lambda: Column("x", "boolean"), "needs its categories"),
        (
            lambda: Column("x", "boolean", categories=(0, 1, 2)),
            "expected 2 categories for a boolean, got 3",
        ),
        (lambda: Column("x", "categorical", categories=()), "at least one category"),
        (lambda: Column("x", "categorical", categories=("a", "a")), "listed twice"),
        (lambda: Column("x", "categorical", categories=("a", 1)), "categories of one type"),
        (
            lambda: Column("x", "categorical", categories=(1.0, float("nan"))),
            "categories of one type",
        ),
        (lambda: Column("x", "constant", categories=(1, 2)), "at most 1 category"),
        (lambda: Column("x", "count", categories=(1, 2)), "has no categories"),
        (lambda: Column("x", "text", sentinels=(9,)), "has no sentinels"),
        (lambda: Endpoint("OS", "os", "dead", ()), "at least one status value"),
        (lambda: Endpoint("OS", "os", "os", (1,)), "different columns"),
        (lambda: Schema(()), "at least one column"),
        (lambda: Schema((Column("x", "count"),) * 2), "column 'x' is declared twice"),
        (lambda: Schema((Column("x", "time"),)), "a time needs an endpoint"),
        (
            lambda: AML.with_endpoints(Endpoint("PFS", "pfs", "dead", (1,))),
            "'pfs' is not in the schema",
        ),
        (
            lambda: AML.with_endpoints(Endpoint("X", "os", "hb", (1,))),
            "'hb': expected a status of kind",
        ),
        (
            lambda: AML.with_endpoints(Endpoint("X", "os", "dead", (2,))),
            "not a category of column 'dead'",
        ),
        (lambda: dataclasses.replace(AML, endpoints=AML.endpoints * 2), "'OS' is declared twice"),
        (lambda: AML.with_rules(Range("x", 1)), "rule 'range': column 'x' is not in the schema"),
        (lambda: AML.column("x"), "column 'x' is not in the schema"),
        (lambda: AML.with_column("age", units="years"), "unknown field"),
        (lambda: AML.with_column("age", name="Age"), "cannot rename"),
    ],
)
def test_contradictions_are_refused(make, message):
    with pytest.raises(SchemaError, match=message):
        make()


def test_views_of_a_schema():
    assert AML.column("age").unit == "years"
    assert AML.names[:2] == ("pid", "age")
    assert [c.name for c in AML.modelled] == list(AML.names[1:])
    sentences = [rule.sentence() for rule in AML.all_rules]
    assert sentences[:2] == [
        "'age' is between 18 and 100",
        "'hsct_type' is defined only if 'hsct' is 1",
    ]
    assert sentences[2:] == ["'os' is at least 0", "'efs' is at least 0", "'efs' <= 'os'"]


def test_an_implied_rule_that_is_declared_counts_once():
    schema = AML.with_rules(Ordered(("efs", "os"), name="mine"))
    assert len(schema.all_rules) == len(AML.all_rules)


def test_select_keeps_only_what_still_makes_sense():
    part = AML.select(["event", "efs", "age"])
    assert part.names == ("event", "efs", "age")
    assert part.endpoints == (Endpoint("EFS", "efs", "event", (1, 2)),)
    assert part.rules == (Range("age", 18, 100, name="adults"),)
    assert AML.select(["os", "age"]).column("os").kind == "duration"


def test_changes_make_a_new_schema():
    assert AML.with_column("age", unit="months").column("age").unit == "months"
    assert AML.with_column("hsct", kind="count").column("hsct").categories is None
    assert AML.with_column("hsct_days", kind="text").column("hsct_days").sentinels == ()
    assert [e.name for e in AML.with_column("efs", kind="duration").endpoints] == ["OS"]
    more = AML.with_endpoints(Endpoint("HSCT", "hsct_days", "hsct", (1,)))
    assert more.column("hsct_days").kind == "time"
    assert len(more.endpoints) == 3


# --- validate -------------------------------------------------------------------------------------


def found(schema, table):
    validation = schema.validate(table)
    assert validation.ok == (not validation.violations)
    assert validation.frame().height == len(validation.violations)
    return {(v.column, v.rule): v.count for v in validation.violations}, validation.rows.tolist()


def test_a_table_that_obeys_has_no_violations():
    assert found(AML, TABLE) == ({}, [False] * 3)
    assert AML.validate(TABLE).frame().columns == ["column", "rule", "count", "share"]


def test_identifiers_may_be_present_or_absent():
    assert AML.validate(TABLE.with_columns(pid=pl.Series(["a", "b", "c"]))).ok


@pytest.mark.parametrize(
    ("changes", "violation", "rows"),
    [
        ({"age": [17, 60, None]}, ("age", "'age' is between 18 and 100", 1), [1, 0, 0]),
        ({"age": [50.5, 60, -20]}, ("age", "expected whole numbers from 0", 2), None),
        ({"age": ["a", "b", "c"]}, ("age", "expected numbers, got String", 3), [1, 1, 1]),
        ({"hb": [True, True, False]}, ("hb", "expected numbers, got Boolean", 3), [1, 1, 1]),
        (
            {"hsct_type": ["allo", None, "x"]},
            ("hsct_type", "outside its 2 categories", 1),
            [0, 0, 1],
        ),
        ({"hsct_type": [1, 2, 3]}, ("hsct_type", "expected text, got Int64", 3), [1, 1, 1]),
        (
            {"hsct": [0, 0, 1]},
            ("hsct_type, hsct", "'hsct_type' is defined only if 'hsct' is 1", 1),
            [1, 0, 0],
        ),
        ({"dead": [1, 2, 3]}, ("dead", "outside its 2 categories", 2), [0, 1, 1]),
        ({"os": [-1.0, 0, 60], "efs": [None] * 3}, ("os", "'os' is at least 0", 1), [1, 0, 0]),
        ({"os": [200.0, 0, 20]}, ("efs, os", "'efs' <= 'os'", 1), [0, 0, 1]),
        ({"empty": [None, 1, 2]}, ("empty", "expected no value at all", 2), [0, 1, 1]),
        ({"more": [1, 2, 3]}, ("more", "is not in the schema", 3), [1, 1, 1]),
    ],
)
def test_validate_names_column_rule_and_count(changes, violation, rows):
    frame = TABLE.with_columns(
        pl.Series(name, values, strict=False) for name, values in changes.items()
    )
    violations, mask = found(AML, frame)
    column, rule, count = violation
    assert violations[column, rule] == count
    if rows is not None:
        assert mask == [bool(r) for r in rows]


def test_an_absent_column_breaks_every_row():
    violations, mask = found(AML, TABLE.drop("age"))
    assert violations == {("age", "is absent from the table"): 3}
    assert mask == [True] * 3


def test_numbers_match_their_categories_in_any_width():
    frame = TABLE.with_columns(pl.col("hsct").cast(pl.Float32), pl.col("event").cast(pl.UInt8))
    assert AML.validate(frame).ok


def test_a_column_of_nulls_fits_every_kind():
    frame = TABLE.with_columns(pl.lit(None).alias(name) for name in TABLE.columns)
    assert AML.validate(frame).ok


def test_dates_and_durations_are_checked_by_family():
    schema = Schema(
        (
            Column("d", "date"),
            Column("t", "datetime"),
            Column("s", "duration", dtype="Duration(us)"),
        )
    )
    moment = dt.datetime(2020, 1, 1)
    frame = pl.DataFrame({"d": [moment.date()], "t": [moment], "s": [dt.timedelta(days=3)]})
    assert schema.validate(frame).ok
    rules = {
        v.column: v.rule
        for v in schema.validate(frame.select(d="t", t="d", s=pl.lit(3))).violations
    }
    assert rules["d"].startswith("expected dates, got Datetime")
    assert rules["t"] == "expected datetimes, got Date"
    assert rules["s"] == "expected durations, got Int32"


@pytest.mark.parametrize("name", ["age at diagnosis", "a'b\"c", "[x]", "x*"])
def test_awkward_names_are_validated(name):
    schema = Schema((Column(name, "count"),), rules=(Range(name, high=3),))
    violations, _ = found(schema, pl.DataFrame({name: [1, 5]}))
    assert violations == {(name, f"'{name}' is at most 3"): 1}


def test_a_rule_of_the_wrong_type_is_refused():
    schema = Schema((Column("x", "categorical", categories=("a",)),), rules=(Range("x", 1),))
    with pytest.raises(RuleError, match="its values do not fit its columns"):
        schema.validate(pl.DataFrame({"x": ["a"]}))


def test_an_unfit_table_is_refused_by_name():
    with pytest.raises(TableError, match="holdout: expected at least one row"):
        AML.validate(TABLE.clear(), name="holdout")


def test_violations_never_show_a_cell():
    frame = TABLE.with_columns(pl.Series("hsct_type", ["Smith", "Jones", "Miller"]))
    text = str(AML.validate(frame).frame().rows())
    assert not any(word in text for word in ("Smith", "Jones", "Miller"))


def test_validate_handles_six_hundred_levels():
    labels = [f"C{i}" for i in range(600)]
    schema = Schema((Column("icd", "categorical", categories=labels),))
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"icd": rng.choice([*labels, "new"], 20_000)})
    (violation,) = schema.validate(frame).violations
    assert violation.count == (frame["icd"] == "new").sum()
