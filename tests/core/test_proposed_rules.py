"""Rules that a schema proposes: what holds in every row and chance does not explain."""

import numpy as np
import polars as pl

from synthema_core.rules import Implies, Ordered
from synthema_core.schema import Schema

N = 200
RNG = np.random.default_rng(0)


def test_orders_that_chance_does_not_explain_are_proposed():
    start = RNG.integers(0, 100, N)
    day = pl.Series(start).cast(pl.Int32).cast(pl.Date)
    table = pl.DataFrame(
        {
            "start": start,
            "stop": start + RNG.integers(0, 100, N),
            "admitted": day,
            "discharged": day.dt.offset_by("40d").set(pl.Series(start) == 3, None),
            "grams": RNG.normal(3000, 200, N),
            "kilograms": RNG.normal(3, 0.2, N),
            "loud": RNG.integers(0, 200, N),
        }
    )
    found = {rule.order for rule in Schema.infer(table).rules if isinstance(rule, Ordered)}
    assert found == {("start", "stop"), ("admitted", "discharged")}
    few = {rule.order for rule in Schema.infer(table[:40]).rules if isinstance(rule, Ordered)}
    assert not few


def test_of_orders_in_a_chain_the_closest_are_proposed():
    n = 1000
    first = RNG.integers(0, 100, n)
    middle = first + RNG.integers(0, 100, n)
    table = pl.DataFrame({"c": middle + RNG.integers(0, 100, n), "a": first, "b": middle})
    assert [r.order for r in Schema.infer(table).rules] == [("a", "b"), ("b", "c")]
    gaps = table.with_columns(table["b"].set(pl.int_range(n, eager=True) % 5 == 0, None))
    found = {rule.order for rule in Schema.infer(gaps).rules}
    assert found == {("a", "b"), ("b", "c"), ("a", "c")}  # where b is missing, nothing else says so


def test_spans_that_repeat_each_other_are_both_held_below_the_last_time():
    os = RNG.integers(100, 2000, N)
    span = os // RNG.integers(2, 5, N)
    columns = {"os_days": os, "os_status": RNG.integers(0, 2, N)}
    table = pl.DataFrame({**columns, "relapse_days": span, "recurrence_days": span})
    found = {rule.order for rule in Schema.infer(table).rules if isinstance(rule, Ordered)}
    assert found == {("relapse_days", "os_days"), ("recurrence_days", "os_days")}


def test_a_declared_rule_takes_the_place_of_the_same_proposal():
    start = RNG.integers(0, 100, N)
    schema = Schema.infer(pl.DataFrame({"start": start, "stop": start + RNG.integers(0, 100, N)}))
    declared = Ordered(("start", "stop"), name="nobody leaves before he comes")
    assert len(schema.rules) == 1
    assert schema.with_rules(declared).rules == (declared,)


def test_a_loose_name_is_a_time_only_if_no_other_could_be():
    table = pl.DataFrame(
        {"diff_days": RNG.integers(1, 900, N), "observed": RNG.integers(0, 2, N) == 1}
    )
    assert [e.time for e in Schema.infer(table).endpoints] == ["diff_days"]
    age = table.with_columns(age_years=pl.Series(RNG.integers(20, 90, N)))
    assert [e.time for e in Schema.infer(age).endpoints] == ["diff_days"]
    two = table.with_columns(stay_days=pl.Series(RNG.integers(1, 90, N)))
    assert not Schema.infer(two).endpoints


def test_levels_that_decide_another_column_are_proposed_once():
    n = 1200
    group = RNG.choice(["lung", "colon", "heart", "coma"], n)
    part = np.select([group == "heart", group == "coma"], ["organ", "brain"], "cancer")
    known = pl.Series("class", part).set(pl.int_range(n, eager=True) % 9 == 0, None)
    table = pl.DataFrame({"group": group, "class": known, "coin": RNG.choice(["a", "b"], n)})
    found = [rule for rule in Schema.infer(table).rules if isinstance(rule, Implies)]
    assert [rule.sentence() for rule in found] == [
        "if 'group' is coma, then 'class' is brain",
        "if 'group' is one of colon, lung, then 'class' is cancer",
        "if 'group' is heart, then 'class' is organ",
    ]
    exception = np.flatnonzero(group == "heart")[:1]
    broken = table.with_columns(known.scatter(exception, "brain"))
    kept = [rule.when.is_in for rule in Schema.infer(broken).rules if isinstance(rule, Implies)]
    assert ("heart",) not in kept
    assert ("colon", "lung") in kept


def test_rare_levels_decide_nothing():
    flag = np.zeros(N, int)
    flag[:25] = 1
    table = pl.DataFrame({"flag": flag, "coin": np.where(flag, "a", RNG.choice(["a", "b"], N))})
    assert not Schema.infer(table).rules


def test_a_column_that_decides_throughout_is_believed_for_all_but_its_rarest_levels():
    country = np.append(RNG.integers(0, 20, N), [20] * 4 + [21])
    table = pl.DataFrame(
        {
            "country": pl.Series(country).cast(pl.String),
            "region": np.array(["N", "E", "S", "W"])[country % 4],
        }
    )
    found = [rule for rule in Schema.infer(table).rules if isinstance(rule, Implies)]
    assert [rule.then.is_in for rule in found] == [("E",), ("N",), ("S",), ("W",)]
    named = {level for rule in found for level in rule.when.is_in}
    often = table["country"].value_counts().filter(pl.col("count") >= 5)["country"]
    assert named == set(often) <= {str(k) for k in range(20)}
    broken = table.with_columns(table["region"].scatter(0, "X"))
    assert not [rule for rule in Schema.infer(broken).rules if isinstance(rule, Implies)]
