"""What inference decides, on columns made to show one thing each."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthema_core.errors import SchemaError, TableError
from synthema_core.rules import DefinedIf, Ordered
from synthema_core.schema import Schema

N = 200
RNG = np.random.default_rng(0)


def infer(name, values):
    return Schema.infer(pl.DataFrame({name: pl.Series(values, strict=False)})).column(name)


def several(*values, n=N):
    """These values in turn, n rows."""
    return [values[i % len(values)] for i in range(n)]


FLOATS = RNG.normal(size=N).round(3).tolist()
COUNTS = RNG.poisson(40, N).tolist()
DAY = dt.date(2020, 1, 1)


@pytest.mark.parametrize(
    ("name", "values", "kind", "categories"),
    [
        ("hb", FLOATS, "continuous", None),
        ("age", COUNTS, "count", None),
        ("age", [float(v) for v in COUNTS], "count", None),
        ("age", [None, *map(float, COUNTS)], "count", None),
        ("delta", [v - 40 for v in COUNTS], "continuous", None),
        ("mutated", several(0, 1), "boolean", (0, 1)),
        ("mutated", several(0.0, 1.0, None), "boolean", (0.0, 1.0)),
        ("sex", several(1, 2), "boolean", (1, 2)),
        ("flag", several(True, False), "boolean", (False, True)),
        ("flag", several("Yes", "No"), "boolean", ("No", "Yes")),
        ("flag", several("0", "1"), "boolean", ("0", "1")),
        ("flag", several("present", "absent"), "boolean", ("absent", "present")),
        ("sex", several("M", "F"), "categorical", ("F", "M")),
        ("ecog", several(0, 1, 2, 3, None), "ordinal", (0, 1, 2, 3)),
        ("alleles", several(0, 1, 2), "ordinal", (0, 1, 2)),
        ("n_visits", several(0, 1, 2), "count", None),
        ("ward_id", several(1, 7, 30), "categorical", (1, 7, 30)),
        ("year", several(1990, 1991, 1995), "ordinal", (1990, 1991, 1995)),
        ("center", several("C1", "C2", "C3"), "categorical", ("C1", "C2", "C3")),
        ("age", several(">40", "<=20", "20-40"), "ordinal", ("<=20", "20-40", ">40")),
        (
            "age",
            several("[70-80)", "[8-70)", "[80-90)"),
            "ordinal",
            ("[8-70)", "[70-80)", "[80-90)"),
        ),
        ("year", several("1995-1998", "1985-1989", "1990-1994"), "ordinal", None),
        (
            "risk",
            several("high", "low", "Intermediate"),
            "ordinal",
            ("low", "Intermediate", "high"),
        ),
        ("risk", several("Adverse", "Favorable", "Inter-2", "Inter-1"), "ordinal", None),
        ("risk", several("high", "low", "unknown"), "categorical", ("high", "low", "unknown")),
        ("arm", several("a", None), "categorical", ("a",)),
        ("seen", [DAY + dt.timedelta(days=i) for i in range(N)], "date", None),
        ("seen", [dt.datetime(2020, 1, 1, i % 24) for i in range(N)], "datetime", None),
        ("stay", [dt.timedelta(hours=i % 50) for i in range(N)], "duration", None),
        ("stay_days", COUNTS, "duration", None),
        ("time_to_relapse", COUNTS, "duration", None),
        ("hours_per_week", COUNTS, "count", None),
        ("all", several("x"), "constant", ("x",)),
        ("all", several(3.5), "constant", (3.5,)),
        ("none", pl.Series([None] * N, dtype=pl.Float64), "constant", ()),
        ("none", [None] * N, "constant", ()),
        ("pid", list(range(1, N + 1)), "identifier", None),
        ("row", [float(i) for i in range(N)], "identifier", None),
        ("mrn", (RNG.permutation(N) * 37 + 100_000).tolist(), "identifier", None),
        ("code", [f"P{i:05}" for i in range(N)], "identifier", None),
        ("patient", [i // 2 for i in range(2 * N)], "identifier", None),
        (
            "note",
            [f"Patient {i} was seen in the ward and sent home" for i in range(N)],
            "text",
            None,
        ),
        ("label", [f"L{i // 2}" for i in range(N)] + ["L1"] * 10, "categorical", None),
    ],
)
def test_kinds(name, values, kind, categories):
    column = infer(name, values)
    assert column.kind == kind, column
    assert column.reason
    if categories is not None:
        assert column.categories == categories
        assert [type(v) for v in column.categories] == [type(v) for v in categories]


@pytest.mark.parametrize(
    ("name", "values", "warning"),
    [
        ("x", [None] * N, "no value at all"),
        ("x", several("a"), "the same value in every row"),
        ("x", several("a", None), "one value or missing"),
        ("x", several(1, 2), "check which one means yes"),
        ("x", several(-1, 0, 1, 2), "negative code"),
        ("x", several("1.5", "2.5", "7"), "numbers stored as text"),
        ("x", several("2020-01-01", "2021-02-03"), "dates stored as text"),
        ("x", [*several("a", "b"), "c"], "1 of 3 categories hold fewer than 5 rows"),
        ("x", [f"C{i % 600}" for i in range(6000)], "600 categories"),
        ("x", [*FLOATS, *[None] * 2 * N], "67% missing"),
        ("note", [f"free text number {i}" for i in range(N)], "drop it, or code it"),
        ("patient", [i // 2 for i in range(2 * N)], "split train and holdout by it"),
        ("pid", list(range(N)), "not modelled, never synthesized"),
        ("birth", [DAY + dt.timedelta(days=i) for i in range(N)], "dates point at persons"),
    ],
)
def test_warnings_say_where_to_look(name, values, warning):
    assert warning in "; ".join(infer(name, values).warnings)


@pytest.mark.parametrize(
    ("values", "sentinels"),
    [
        ([*COUNTS, 1_000_000, 1_000_000], (1_000_000.0,)),
        ([*COUNTS, 999, 999], (999.0,)),
        ([*FLOATS, 9999.0, 9999.0], (9999.0,)),
        ([*COUNTS, -9, -9], (-9.0,)),
        ([*COUNTS, -1, -1, 9999, 9999], (9999.0, -1.0)),
        ([*COUNTS, 1_000_000], ()),  # once is an outlier
        ([*COUNTS, 99, 99], ()),  # not far enough
        (np.exp(RNG.normal(size=N) * 3).round(2).tolist(), ()),  # heavy tails are no codes
    ],
)
def test_sentinels(values, sentinels):
    column = infer("x", values)
    assert column.sentinels == sentinels
    assert bool(sentinels) == ("check 'sentinels'" in "; ".join(column.warnings))
    assert column.kind in ("count", "continuous")
    schema = Schema.infer(pl.DataFrame({"x": values}))
    assert schema.validate(pl.DataFrame({"x": values})).ok


def test_units_come_from_names():
    assert infer("os_days", COUNTS).unit == "days"
    assert infer("followup_months", COUNTS).unit == "months"
    assert infer("age", COUNTS).unit is None


def test_an_enum_keeps_its_declared_order():
    dtype = pl.Enum(["poor", "fair", "good", "never seen"])
    column = infer("state", pl.Series(several("good", "poor", "fair"), dtype=dtype))
    assert column.kind == "ordinal"
    assert column.categories == ("poor", "fair", "good")


# --- endpoints ------------------------------------------------------------------------------------

TIMES = RNG.integers(1, 3000, N)
STATUS = RNG.integers(0, 2, N)


@pytest.mark.parametrize(
    ("time", "status"),
    [
        ("os_days", "os_status"),
        ("OS.months", "OS.event"),
        ("osTime", "osStatus"),
        ("time", "status"),
        ("time", "event"),
        ("futime", "death"),
        ("futime", "fustat"),
        ("ptime", "pstat"),
        ("survival_time", "survival_status"),
        ("survival_time", "dead"),
        ("rec", "rec.s"),
        ("rel", "rel_ind"),
        ("follow up days", "vital status"),
    ],
)
def test_times_are_tied_to_their_status(time, status):
    schema = Schema.infer(pl.DataFrame({"hb": FLOATS, status: STATUS, time: TIMES}))
    (endpoint,) = schema.endpoints
    assert (endpoint.time, endpoint.status, endpoint.event) == (time, status, (1,))
    assert schema.column(time).kind == "time"
    assert status in schema.column(time).reason


@pytest.mark.parametrize(
    ("labels", "event"),
    [
        ((False, True), (True,)),
        ((1, 2), (2,)),
        (("0:LIVING", "1:DECEASED"), ("1:DECEASED",)),
        (("alive", "dead"), ("dead",)),
        (("censored", "relapse", "death"), ("death", "relapse")),
        ((0, 1, 2), (1, 2)),
        ((0.0, 1.0), (1.0,)),
    ],
)
def test_status_values_that_are_events(labels, event):
    status = [labels[i % len(labels)] for i in range(N)]
    schema = Schema.infer(pl.DataFrame({"time": TIMES, "status": status}))
    assert schema.endpoints[0].event == event
    column = schema.column("status")
    assert column.kind in ("boolean", "categorical")
    assert (len(event) > 1) == any("competing" in w for w in column.warnings)


@pytest.mark.parametrize(
    ("time", "status"),
    [("os_days", "efs_status"), ("hb", "status"), ("time", "sex"), ("age", "dead")],
)
def test_unrelated_names_are_not_tied(time, status):
    assert not Schema.infer(pl.DataFrame({time: TIMES, status: STATUS})).endpoints


def test_a_time_known_only_after_the_event_is_a_duration():
    days = pl.Series([int(t) if s else None for t, s in zip(TIMES, STATUS, strict=True)])
    schema = Schema.infer(pl.DataFrame({"hsct_days": days, "hsct_status": STATUS}))
    assert not schema.endpoints
    assert schema.column("hsct_days").kind == "duration"
    assert schema.rules[0].sentence() == "'hsct_days' is defined only if 'hsct_status' is 1"


def test_a_negative_time_is_refused_and_zero_is_reported():
    table = pl.DataFrame({"time": TIMES, "status": STATUS})
    with pytest.raises(
        SchemaError, match=r"column 'time': expected times from 0 .* got 1 negative"
    ):
        Schema.infer(
            table.with_columns(
                pl.when(pl.int_range(N) == 0).then(-5).otherwise("time").alias("time")
            )
        )
    year = pl.when(pl.int_range(N) == 0).then(-5).otherwise("time").alias("year")
    loose = Schema.infer(table.select(year, pl.col("status").alias("event")))
    assert not loose.endpoints
    assert "not read as the time of 'event': 1 values are below 0" in loose.column("year").warnings
    zero = table.with_columns(pl.when(pl.int_range(N) < 3).then(0).otherwise("time").alias("time"))
    assert "a time of 0 in 3 rows" in Schema.infer(zero).column("time").warnings[0]


def survival_table(late=0):
    os = TIMES
    efs = np.maximum(os // 2, 1)
    efs[:late] = os[:late] + 1
    columns = {"os_days": os, "os_status": STATUS, "efs_days": efs, "efs_status": STATUS}
    return pl.DataFrame({**columns, "cr_days": os // 3, "last_days": os})


def test_orders_between_times_are_proposed():
    schema = Schema.infer(survival_table())
    assert {e.name: e.not_after for e in schema.endpoints} == {"os": None, "efs": "os_days"}
    assert [rule for rule in schema.rules if isinstance(rule, Ordered)] == [
        Ordered(("cr_days", "efs_days"), name="proposed: cr_days not after efs_days"),
    ]
    assert any("exact copy of column 'os_days'" in w for w in schema.column("last_days").warnings)


def test_an_order_with_few_exceptions_is_reported_and_with_many_is_dropped():
    few = Schema.infer(survival_table(late=1))
    assert few.endpoints[1].not_after == "os_days"
    assert "later than column 'os_days' in 1 rows" in few.column("efs_days").warnings[0]
    assert Schema.infer(survival_table(late=50)).endpoints[1].not_after is None


# --- structure ------------------------------------------------------------------------------------


def test_structural_missingness_is_proposed_only_where_it_is_exact():
    done = RNG.integers(0, 2, N)
    kind = pl.Series([["allo", "auto"][i % 2] if d else None for i, d in enumerate(done)])
    table = pl.DataFrame({"done": done, "kind": kind, "other": RNG.integers(0, 2, N)})
    (rule,) = Schema.infer(table).rules
    assert isinstance(rule, DefinedIf)
    assert rule.sentence() == "'kind' is defined only if 'done' is 1"
    assert rule.name == "proposed: kind given done"
    once = kind.fill_null(strategy="forward", limit=1)
    assert Schema.infer(table.with_columns(kind=once)).rules == ()


def test_random_missingness_is_not_structural():
    table = pl.DataFrame(
        {f"x{i}": [v if RNG.random() > 0.4 else None for v in COUNTS] for i in range(5)}
    )
    flags = pl.DataFrame({f"f{i}": RNG.integers(0, 2, N) for i in range(20)})
    assert Schema.infer(table.hstack(flags)).rules == ()


def test_columns_that_define_each_other_make_no_circle():
    a = [v if i % 2 else None for i, v in enumerate(several("x", "y", "z", "x"))]
    done = [i % 2 for i in range(N)]
    schema = Schema.infer(pl.DataFrame({"a": a, "b": a, "done": done}))
    assert [rule.sentence() for rule in schema.rules] == [
        "'a' is defined only if 'done' is 1",
        "'b' is defined only if 'done' is 1",
    ]


def test_recodings_are_reported():
    labels = several("x", "y", "z")
    table = pl.DataFrame({"a": labels, "b": [{"x": 3, "y": 1, "z": 2}[v] for v in labels]})
    assert "a recoding of column 'a': drop one of them" in Schema.infer(table).column("b").warnings


def test_rare_flags_that_coincide_are_not_reported():
    flag = [1] * 5 + [0] * (N - 5)
    assert Schema.infer(pl.DataFrame({"a": flag, "b": flag})).column("b").warnings == ()


# --- whole tables ---------------------------------------------------------------------------------


def test_one_row_is_refused_and_one_column_is_not():
    with pytest.raises(
        SchemaError, match="expected at least two rows to infer a schema from, got 1"
    ):
        Schema.infer(pl.DataFrame({"x": [1]}))
    assert Schema.infer(pl.DataFrame({"x": [1, 2, 2]}), name="tiny").name == "tiny"
    with pytest.raises(TableError, match="expected at least one row"):
        Schema.infer(pl.DataFrame({"x": []}))


def test_pandas_tables_are_inferred():
    frame = pd.DataFrame(
        {"age": COUNTS, "flag": several(0.0, 1.0, np.nan), "sex": several("f", "m")}
    )
    assert [c.kind for c in Schema.infer(frame).columns] == ["count", "boolean", "categorical"]


@pytest.mark.parametrize("name", ["age at diagnosis", "x*", "a'b\"c [d]", "日付"])
def test_awkward_names_are_inferred(name):
    table = pl.DataFrame({name: COUNTS, "status": STATUS})
    assert Schema.infer(table).column(name).kind == "count"


cell = st.one_of(st.none(), st.sampled_from([0, 1, 2, 7, 999]))
label = st.one_of(st.none(), st.sampled_from(["a", "b", "no", "yes", "1"]))


@given(st.lists(st.tuples(cell, cell, label, label), min_size=2, max_size=30))
def test_a_table_obeys_its_own_schema(rows):
    table = pl.DataFrame(
        rows,
        schema={"os_days": pl.Int64, "os_status": pl.Float64, "a": pl.String, "b": pl.String},
        orient="row",
    )
    schema = Schema.infer(table)
    assert schema.validate(table).ok
    assert Schema.from_dict(schema.to_dict()) == schema
