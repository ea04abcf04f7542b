"""Rules that clash are named before anything is fitted; rules that do not are let through."""

import pytest

from synthema_core.contradictions import contradiction, require_consistent
from synthema_core.errors import RuleError
from synthema_core.generate import AvatarGenerator, cohort
from synthema_core.rules import Condition, DefinedIf, Excludes, Implies, Ordered, Range, Requires
from synthema_core.schema import Schema


def being(column, *values):
    return Condition(column, is_in=values)


def gone(column):
    return Condition(column, missing=True)


CLASHES = {
    "two ranges": [Range("age", 0, 40), Range("age", 50, 90)],
    "a range and an order": [
        Range("efs", 100, None),
        Range("os", None, 50),
        Ordered(("efs", "os")),
    ],
    "a strict circle": [Ordered(("a", "b"), strict=True), Ordered(("b", "a"))],
    "a long strict circle": [Ordered(("a", "b", "c")), Ordered(("c", "a"), strict=True)],
    "strictly between equal bounds": [
        Range("a", 5, 5),
        Range("b", 5, 5),
        Ordered(("a", "b"), strict=True),
    ],
    "two consequences": [
        Implies(being("t821", 1), being("eln", "favorable")),
        Implies(being("t821", 1), being("eln", "adverse")),
    ],
    "a chain": [
        Implies(being("a", 1), being("b", 1)),
        Implies(being("b", 1), being("c", 1)),
        Excludes((being("a", 1), being("c", 1))),
    ],
    "known and missing": [
        Requires("cr", being("response", "CR")),
        Implies(being("response", "CR"), gone("cr")),
    ],
    "defined nowhere": [
        DefinedIf("x", being("hsct", 1)),
        Requires("x"),
        Implies(being("hsct", 0, 1), being("hsct", 0)),
    ],
    "numbers named apart": [
        Implies(being("sex", "F"), Condition("hb", low=0, high=10)),
        Implies(being("sex", "F"), Condition("hb", low=11, high=20)),
    ],
}


@pytest.mark.parametrize("rules", CLASHES.values(), ids=CLASHES)
def test_a_clash_is_found_and_named(rules):
    innocent = [Range("weight", 1, 300), Implies(being("sex", "M"), being("pregnant", 0))]
    found = contradiction([innocent[0], *rules, innocent[1]])
    assert found is not None
    assert set(found.rules) <= set(rules)
    with pytest.raises(RuleError, match="rules: no row") as error:
        require_consistent([*innocent, *rules])
    for rule in found.rules:
        assert rule.sentence() in str(error.value)
        assert all(f"'{name}'" in str(error.value) for name in rule.columns())


FINE = {
    "no rule": [],
    "equal by a circle": [Ordered(("a", "b")), Ordered(("b", "a"))],
    "touching ranges": [Range("age", 0, 40), Range("age", 40, 90)],
    "a start out of range is idle": [
        Range("age", 18, 100),
        Implies(Condition("age", low=0, high=10), being("ward", "children")),
    ],
    "one level excluded": [
        Excludes((being("complex", 1), being("normal", 1))),
        Implies(being("normal", 1), being("complex", 0)),
    ],
    "missing where undefined": [
        DefinedIf("cr", being("response", "CR")),
        Implies(being("response", "ED"), gone("cr")),
    ],
    "strict in one gap": [Range("a", 0, 10), Range("b", 0, 10), Ordered(("a", "b"), strict=True)],
}


@pytest.mark.parametrize("rules", FINE.values(), ids=FINE)
def test_rules_that_can_be_met_pass(rules):
    assert contradiction(rules) is None


def test_levels_that_the_schema_lists_are_all_there_are():
    rules = [Excludes((being("flag", v), being("sex", "F"))) for v in (0, 1)]
    start = Implies(being("sex", "F"), being("ward", "w"))
    assert contradiction([*rules, start]) is None  # flag could be something else
    found = contradiction([*rules, start], categories={"flag": (0, 1)})
    assert found is not None
    assert set(found.rules) == set(rules)


def test_conditions_are_held_against_the_rules():
    rules = [Ordered(("efs", "os")), DefinedIf("hsct_days", being("hsct", 1))]
    require_consistent(rules, given=[Condition("os", low=10, high=20)])
    with pytest.raises(RuleError, match=r"'efs' is at least 100.*Loosen the condition"):
        require_consistent(rules, given=[Condition("efs", low=100), Condition("os", high=50)])
    with pytest.raises(RuleError, match="defined only if"):
        require_consistent(rules, given=[being("hsct", 0), Condition("hsct_days", low=1)])


def test_the_rules_of_the_cohort_can_be_met():
    assert contradiction(cohort.schema().all_rules) is None
    inferred = Schema.infer(cohort.simulate(200, seed=0))
    assert contradiction(inferred.all_rules) is None


def test_a_generator_refuses_to_learn_what_cannot_be_drawn():
    train = cohort.simulate(60, seed=0)
    schema = cohort.schema().with_rules(*CLASHES["two ranges"])
    with pytest.raises(RuleError, match=r"is between 0 and 40.*Columns: 'age'"):
        AvatarGenerator().fit(train, schema)
