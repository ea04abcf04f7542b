"""Follow-up that ends on one calendar day: found, kept, and of use to what is unknown."""

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from synthema_core.columns import Protection
from synthema_core.encoding import Encoder
from synthema_core.schema import Column, Schema

N = 600
FIVE = Protection(min_count=5)
DAYS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}


def registry(unit, *, dates, seed=0, n=N):
    """Patients who came from 2001 to 2010, followed until the end of 2015 or their death."""
    rng = np.random.default_rng(seed)
    came = rng.integers(0, 3650, n)
    event = rng.exponential(4000, n)
    until = (date(2015, 12, 31) - date(2001, 1, 1)).days - came
    dropped = np.where(rng.random(n) < 0.05, rng.uniform(0, 1, n) * until, until)
    time = np.minimum(event, dropped) / DAYS[unit]
    decimals = 2 if unit == "years" else 0
    first = pl.Series([date(2001, 1, 1)]).cast(pl.Int32)[0]
    day = pl.Series(first + came, dtype=pl.Int32).cast(pl.Date)
    columns = {
        "diagnosis": day if dates else day.dt.year(),
        f"os_{unit}": np.round(time, decimals).astype(float if decimals else int),
        "os_status": (event <= dropped).astype(int),
        "age": rng.integers(20, 90, n),
    }
    return pl.DataFrame(columns).rename({} if dates else {"diagnosis": "diagnosis_year"})


def encoder_of(table):
    return Encoder.fit(table, Schema.infer(table), protection=FIVE, by_status=True)


@pytest.mark.parametrize("unit", DAYS)
@pytest.mark.parametrize("dates", [True, False])
def test_the_end_of_follow_up_is_found_in_any_unit(unit, dates):
    table = registry(unit, dates=dates)
    encoder = encoder_of(table)
    censored, events = encoder.numeric[f"os_{unit}"].number.curves
    per = (1.0 if dates else 365.25) / DAYS[unit]
    assert censored.follow_up.column == ("diagnosis" if dates else "diagnosis_year")
    assert censored.follow_up.per == pytest.approx(per)
    assert censored.counted_back
    assert events.follow_up == censored.follow_up
    assert not events.counted_back
    assert "ends with follow-up" in encoder.trace(f"os_{unit}")
    again = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again.to_dict() == encoder.to_dict()


@pytest.mark.parametrize("unit", DAYS)
def test_times_are_read_back_and_no_draw_goes_beyond_the_end(unit):
    table = registry(unit, dates=False)
    encoder = encoder_of(table)
    view = encoder.flow(table)
    time = f"os_{unit}"
    back = encoder.table(view.codes, view.cells.z)
    assert (back[time] - table[time]).abs().max() < 1e-9
    drawn = encoder.table(view.codes, np.random.default_rng(1).normal(size=view.cells.z.shape))
    month = DAYS["months"] / DAYS[unit]
    last = (table[time] + table["diagnosis_year"] * 365.25 / DAYS[unit]).max() + month
    assert (drawn[time] + drawn["diagnosis_year"] * 365.25 / DAYS[unit]).max() <= last
    assert drawn[time].min() >= 0


def test_a_missing_entry_leaves_the_time_as_it_is():
    table = registry("days", dates=False)
    gone = pl.int_range(N, eager=True) % 7 == 0
    table = table.with_columns(table["diagnosis_year"].set(gone, None))
    encoder = encoder_of(table)
    assert encoder.numeric["os_days"].number.curves[0].counted_back
    view = encoder.flow(table)
    back = encoder.table(view.codes, view.cells.z)
    assert np.isfinite(view.cells.log_width[view.cells.present]).all()
    known = table.filter(~gone)["os_days"]
    assert back.filter(~gone)["os_days"].equals(known)
    assert back["diagnosis_year"].null_count() == gone.sum()


def test_dates_that_have_nothing_to_do_with_follow_up_are_left_alone():
    table = registry("days", dates=False)
    shuffled = table.with_columns(table["diagnosis_year"].shuffle(seed=1))
    assert encoder_of(shuffled).numeric["os_days"].number.cap is None


def test_grades_of_which_none_is_known_say_nothing():
    table = registry("days", dates=True).with_columns(year=pl.lit(None, pl.Int64))
    years = Column("year", "ordinal", categories=(2001, 2002))
    schema = Schema.infer(table.drop("year"))
    schema = Schema((*schema.columns, years), schema.endpoints, schema.rules)
    encoder = Encoder.fit(table, schema, protection=FIVE, by_status=True)
    assert encoder.numeric["os_days"].number.cap.column == "diagnosis"


def test_the_end_is_no_patients_own():
    table = registry("days", dates=True)
    follow_up = encoder_of(table).numeric["os_days"].number.curves[0].follow_up
    last = (table["diagnosis"].cast(pl.Int32) + table["os_days"]).max()
    month = 365.25 / 12
    assert follow_up.end >= last
    assert (follow_up.end / month) == pytest.approx(round(follow_up.end / month))


def test_what_is_imputed_ends_with_follow_up():
    pytest.importorskip("jax")
    from synthema_core.generate import FlowGenerator

    table = registry("months", dates=False)
    flow = FlowGenerator(members=2, hidden=16, steps=40, seed=0, progress=False)
    flow.fit(table, Schema.infer(table))
    gone = pl.Series(np.random.default_rng(0).random(N) < 0.3)
    last = (table["os_months"] + 12 * table["diagnosis_year"]).max() + 1
    for name, close in (("os_months", 12), ("diagnosis_year", 1)):
        holes = table.with_columns(table[name].set(gone, None))
        filled = flow.impute(holes, seed=0)
        assert (filled["os_months"] + 12 * filled["diagnosis_year"]).max() <= last
        alive = gone & (table["os_status"] == 0)
        off = (filled[name] - table[name]).filter(alive).abs()
        assert off.median() <= close
