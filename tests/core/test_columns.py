"""Every column kind: table to flow and back, rows for distances, JSON."""

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthema_core import columns
from synthema_core.encoding import Encoder
from synthema_core.errors import SchemaError
from synthema_core.schema import Column, Endpoint, Schema

DAY = dt.datetime(2020, 2, 28)
COARSE = {
    "continuous": ([0.5, 1.25, 3.0, -2.0], pl.Float64, {}),
    "single": ([0.1, 0.7, 12.6], pl.Float32, {"kind": "continuous"}),
    "count": ([0, 1, 7, 120], pl.Int8, {}),
    "unsigned": ([0, 3, 200], pl.UInt16, {"kind": "count"}),
    "duration": ([dt.timedelta(days=k) for k in (0, 3, 90)], pl.Duration("ms"), {}),
    "lengths": ([0.5, 2.0, 30.0], pl.Float64, {"kind": "duration"}),
    "date": ([DAY.date() + dt.timedelta(days=k) for k in (0, 1, 400)], pl.Date, {}),
    "datetime": ([DAY + dt.timedelta(minutes=k) for k in (0, 7, 90)], pl.Datetime("us"), {}),
    "zoned": (
        [DAY.replace(tzinfo=dt.UTC) + dt.timedelta(hours=9 * k) for k in (0, 70, 900)],
        pl.Datetime("ms", "Europe/Rome"),
        {"kind": "datetime"},
    ),
    "boolean": ([False, True], pl.Boolean, {"categories": (False, True)}),
    "flag": ([0, 1], pl.Int8, {"kind": "boolean", "categories": (0, 1)}),
    "categorical": (["a", "b b", "c['\"]"], pl.String, {"categories": ("c['\"]", "a", "b b")}),
    "dictionary": (["x", "y"], pl.Categorical, {"kind": "categorical", "categories": ("x", "y")}),
    "enum": (["lo", "hi"], pl.Enum(["lo", "hi"]), {"kind": "ordinal", "categories": ("lo", "hi")}),
    "ordinal": ([0, 1, 2], pl.Int8, {"categories": (0, 1, 2, 3)}),
    "constant": (["only"], pl.String, {"categories": ("only",)}),
}


@st.composite
def coarse(draw):
    """A few values, many ties, some missing; at least one value."""
    name = draw(st.sampled_from(sorted(COARSE)))
    values, dtype, extra = COARSE[name]
    cells = draw(st.lists(st.sampled_from([*values, None]), max_size=25))
    spec = Column(**{"name": name, "kind": name, **extra})
    return pl.Series(name, [values[0], *cells], dtype=dtype), spec


def round_trip(series, spec):
    encoder = Encoder.fit(series.to_frame(), Schema((spec,)))
    view = encoder.flow(series.to_frame())
    return encoder, encoder.table(view.codes, view.cells.z)[spec.name]


@given(coarse())
def test_table_to_flow_to_table(column):
    series, spec = column
    _, again = round_trip(series, spec)
    assert again.dtype == series.dtype
    assert again.equals(series, null_equal=True)


@given(coarse())
def test_json_changes_nothing(column):
    series, spec = column
    encoder, again = round_trip(series, spec)
    data = json.loads(json.dumps(encoder.to_dict(), allow_nan=False))
    back = Encoder.from_dict(data)
    assert back.to_dict() == encoder.to_dict()
    view = back.flow(series.to_frame())
    assert back.table(view.codes, view.cells.z)[spec.name].equals(again, null_equal=True)


@given(coarse())
def test_rows_are_on_the_training_range(column):
    series, spec = column
    rows = Encoder.fit(series.to_frame(), Schema((spec,))).rows(series.to_frame())
    missing = series.is_null().to_numpy()
    if rows.numeric.size:
        np.testing.assert_array_equal(np.isnan(rows.numeric[:, 0]), missing)
        known = rows.numeric[~missing, 0]
        assert known.min() >= 0
        assert known.max() <= 1
    else:
        np.testing.assert_array_equal(rows.codes[:, 0] == -1, missing)


@pytest.mark.parametrize("kind", ["continuous", "count", "date", "datetime", "duration"])
def test_text_is_no_number_and_the_error_shows_no_cell(kind):
    with pytest.raises(SchemaError, match=r"column 'x': expected a .* dtype for kind") as error:
        columns.fit(pl.Series("x", ["secret"]), Column("x", kind))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("kind", ["continuous", "count", "duration"])
def test_a_column_without_values_is_refused(kind):
    column = pl.Series("x", [None, -9.0], dtype=pl.Float64)
    with pytest.raises(SchemaError, match=r"'x'.*only missing ones.*declare it constant"):
        columns.fit(column, Column("x", kind, sentinels=(-9.0,)))


@given(coarse())
def test_another_family_is_refused_after_fitting(column):
    series, spec = column
    encoder = Encoder.fit(series.to_frame(), Schema((spec,)))
    odd = pl.Series(spec.name, ["secret"] if series.dtype.is_numeric() else [3.5])
    for read in (encoder.rows, encoder.flow):
        with pytest.raises(SchemaError, match=f"column '{spec.name}'") as error:
            read(odd.to_frame())
        assert "secret" not in str(error.value)


def test_a_draw_beyond_an_integer_dtype_ends_at_its_limit():
    codec = columns.fit(pl.Series("x", [120, 127], dtype=pl.Int8), Column("x", "count"))
    drawn = codec.series(np.array([-500.0, 3.0, 500.0, np.nan]), "x")
    assert drawn.to_list() == [-128, 3, 127, None]
    assert drawn.dtype == pl.Int8


def test_an_all_missing_column_is_a_constant():
    series = pl.Series("x", [None, None], dtype=pl.Float64)
    encoder, again = round_trip(series, Column("x", "constant", categories=()))
    assert again.equals(series, null_equal=True)
    assert encoder.rows(series.to_frame()).codes.tolist() == [[-1], [-1]]


def test_time_goes_with_its_status():
    schema = Schema(
        (Column("t", "time"), Column("s", "boolean", categories=(0, 1))),
        endpoints=(Endpoint("e", "t", "s", event=(1,)),),
    )
    table = pl.DataFrame({"t": [0.5, 2.5, None, 9.0], "s": [0, 1, 1, 0]})
    encoder = Encoder.fit(table, schema)
    view = encoder.flow(table)
    assert encoder.variables.status == (encoder.variables.discrete.index("s"),)
    assert encoder.table(view.codes, view.cells.z).equals(table)
