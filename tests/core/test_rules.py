"""Rules: each against a row-by-row definition, then their JSON form, sentences and errors."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthema_core.errors import RuleError
from synthema_core.rules import (
    Condition,
    DefinedIf,
    Excludes,
    Implies,
    Ordered,
    Range,
    Requires,
    broken,
    from_dict,
    to_dict,
)

NUMBERS = st.sampled_from([None, 0, 1, 2, 3])
TEXTS = st.sampled_from([None, "x", "y"])

conditions = st.one_of(
    st.builds(Condition, st.sampled_from("ab"), is_in=st.sampled_from([(0,), (1, 2), (1.0, 3)])),
    st.builds(Condition, st.just("t"), is_in=st.sampled_from([("x",), ("x", "y"), ("z",)])),
    st.builds(Condition, st.sampled_from("ab"), low=st.sampled_from([0, 1, 1.5])),
    st.builds(Condition, st.sampled_from("ab"), low=st.just(1), high=st.just(2)),
    st.builds(Condition, st.sampled_from("abt"), missing=st.booleans()),
)
names = st.sampled_from(["", "a name"])
rules = st.one_of(
    st.builds(
        Range, st.sampled_from("ab"), low=st.just(1), high=st.sampled_from([None, 2]), name=names
    ),
    st.builds(Implies, conditions, conditions, name=names),
    st.builds(Excludes, st.lists(conditions, min_size=2, max_size=3).map(tuple), name=names),
    st.builds(Ordered, st.permutations("abc").map(tuple), strict=st.booleans(), name=names),
    st.builds(Requires, st.sampled_from("abt"), st.none() | conditions, name=names),
    st.builds(DefinedIf, st.sampled_from("abt"), conditions, name=names),
)
rows = st.fixed_dictionaries({"a": NUMBERS, "b": NUMBERS, "c": NUMBERS, "t": TEXTS})


def holds(condition, row):
    """The definition, one row at a time."""
    value = row[condition.column]
    if condition.missing is not None:
        return (value is None) == condition.missing
    if value is None:
        return False
    if condition.is_in is not None:
        return value in condition.is_in
    return (condition.low is None or value >= condition.low) and (
        condition.high is None or value <= condition.high
    )


def breaks(rule, row):
    """The definition, one row at a time."""
    if isinstance(rule, Range):
        value = row[rule.column]
        return value is not None and not holds(
            Condition(rule.column, low=rule.low, high=rule.high), row
        )
    if isinstance(rule, Implies):
        decidable = rule.then.missing is not None or row[rule.then.column] is not None
        return holds(rule.when, row) and decidable and not holds(rule.then, row)
    if isinstance(rule, Excludes):
        return all(holds(condition, row) for condition in rule.conditions)
    if isinstance(rule, Ordered):
        known = [row[name] for name in rule.columns() if row[name] is not None]
        pairs = [(x, y) for i, x in enumerate(known) for y in known[i + 1 :]]
        return any(x >= y if rule.strict else x > y for x, y in pairs)
    if isinstance(rule, Requires):
        return row[rule.column] is None and (rule.when is None or holds(rule.when, row))
    return row[rule.column] is not None and not holds(rule.when, row)


@given(st.lists(rules, min_size=1, max_size=4), st.lists(rows, min_size=1, max_size=8))
def test_rules_meet_their_definition(some, data):
    types = {"a": pl.Int8, "b": pl.Float64, "c": pl.Int64, "t": pl.String}
    got = broken(pl.DataFrame(data, schema=types), some)
    assert got.dtype == np.bool_
    want = np.array([[breaks(rule, row) for rule in some] for row in data])
    np.testing.assert_array_equal(got, want)


@given(rules)
def test_rules_round_trip_through_json(rule):
    assert from_dict(json.loads(json.dumps(to_dict(rule)))) == rule


@given(rules)
def test_every_rule_reads_as_a_sentence_about_its_columns(rule):
    assert all(f"'{name}'" in rule.sentence() for name in rule.columns())


def test_sentences():
    assert Range("age", 18, 100).sentence() == "'age' is between 18 and 100"
    assert Ordered(("efs", "os")).sentence() == "'efs' <= 'os'"
    when = Condition("hsct", is_in=(1,))
    assert DefinedIf("type", when).sentence() == "'type' is defined only if 'hsct' is 1"
    assert Requires("type").sentence() == "'type' is known"


def test_dates_and_booleans_are_ordered_and_listed():
    frame = pl.DataFrame(
        {"b": [True, False], "d": ["2020-01-01", "2020-01-03"], "e": ["2020-01-02"] * 2}
    )
    frame = frame.with_columns(pl.col("d", "e").str.to_date())
    got = broken(frame, [Ordered(("d", "e")), Requires("b", Condition("b", is_in=(True,)))])
    assert got.tolist() == [[False, False], [True, False]]


def test_no_rules_is_an_empty_matrix():
    assert broken(pl.DataFrame({"a": [1, 2]}), []).shape == (2, 0)


@pytest.mark.parametrize("name", ["a b", "a*", "(a)", 'q"[0]'])
def test_awkward_names_are_taken_literally(name):
    frame = pl.DataFrame({name: [1, 5], "a": [9, 9]})
    assert broken(frame, [Range(name, high=3)]).tolist() == [[False], [True]]


def test_a_rule_about_an_absent_column_is_refused():
    with pytest.raises(RuleError, match=r"rule 'adult': column 'age' is not in the table\. Add"):
        broken(pl.DataFrame({"x": [1]}), [Range("age", 18, name="adult")])


def test_a_rule_of_the_wrong_type_is_refused_without_cells():
    with pytest.raises(RuleError, match=r"'range': its values do not fit .*'x' String") as caught:
        broken(pl.DataFrame({"x": ["Smith"]}), [Range("x", 18)])
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Condition("x"), "got 0 of them"),
        (lambda: Condition("x", is_in=(1,), low=2), "got 2 of them"),
        (lambda: Condition("x", is_in=()), "one or more values of one type"),
        (lambda: Condition("x", is_in=(1, "a")), "of one type"),
        (lambda: Condition("x", is_in=(float("nan"),)), "finite"),
        (lambda: Range("x"), "got neither"),
        (lambda: Range("x", 3, 2), "low <= high"),
        (lambda: Range("x", float("inf")), "finite"),
        (lambda: Ordered(("x", "x")), "different columns"),
        (lambda: Excludes((Condition("x", low=1),)), "two conditions or more, got 1"),
        (lambda: from_dict({"rule": "rangee"}), "whose 'rule' is one of range, implies"),
        (lambda: from_dict({"rule": "range", "column": "x", "min": 3}), "unknown field 'min'"),
        (lambda: from_dict({"rule": "range", "low": 3}), "the field 'column' is absent"),
        (
            lambda: from_dict({"rule": "implies", "when": {"column": "x", "low": 1}}),
            "'then' is absent",
        ),
        (lambda: from_dict({"rule": "requires", "column": 3}), "expected text"),
        (lambda: from_dict({"rule": "ordered", "columns": "ab"}), "expected a list"),
        (
            lambda: from_dict({"rule": "ordered", "columns": ["a", "b"], "strict": 1}),
            "true or false",
        ),
        (lambda: from_dict([]), "expected an object"),
        (lambda: Condition.from_dict({"column": "x", "in": "abc"}), "expected a list"),
        (lambda: Condition.from_dict({"column": "x", "missing": "yes"}), "true or false"),
        (lambda: Condition.from_dict(3), "expected an object, got int"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make, message):
    with pytest.raises(RuleError, match=message):
        make()
