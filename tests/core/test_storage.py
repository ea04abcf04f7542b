"""Numbers that were stored in few bits or in larger units are read as what was recorded."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthema_core.columns import Protection
from synthema_core.columns.bits import Bits
from synthema_core.columns.marginal import Marginal
from synthema_core.columns.storage import Storage
from synthema_core.encoding import Encoder
from synthema_core.schema import Column, Schema


def cut(x, bits):
    """Significant bits of a number, the others cut off: SAS with LENGTH 3 keeps 13."""
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.trunc(fraction * 2.0**bits), exponent - bits)


def decimals(places, high, n=400):
    rng = np.random.default_rng(places)
    return np.round(rng.gamma(2.0, high / 6, n) + 10.0**-places, places)


def short(x):
    """SAS with LENGTH 3, written with eight decimals."""
    return np.round(cut(x, 13), 8)


COLUMN = {"name": "crea", "kind": "continuous", "dtype": "Float64"}
STORED = {
    "sas 3, exact": lambda x: cut(x, 13),
    "sas 3, eight decimals": short,
    "sas 4": lambda x: cut(x, 21),
    "half": lambda x: x.astype(np.float16).astype(float),
    "half, seven decimals": lambda x: np.round(x.astype(np.float16).astype(float), 7),
}


@pytest.mark.parametrize("how", STORED)
@pytest.mark.parametrize(("places", "high"), [(1, 20.0), (2, 4.0)])
def test_decimals_are_recovered_from_few_bits(how, places, high):
    recorded = decimals(places, high)
    stored = STORED[how](recorded)
    form = Storage.of(stored)
    assert form.decimals == places
    np.testing.assert_array_equal(form.read(stored), recorded)
    np.testing.assert_array_equal(form.stored(recorded), stored)
    assert Storage.from_dict(json.loads(json.dumps(form.to_dict()))) == form


@pytest.mark.parametrize("places", [3, 9])
@pytest.mark.parametrize("bits", [21, 53])
def test_days_are_recovered_from_years(places, bits):
    days = np.random.default_rng(1).integers(6000, 36000, 500).astype(float)
    years = np.round(days / 365.25, places)
    stored = cut(years, bits) if bits < 53 and places == 3 else years
    form = Storage.of(stored)
    assert form.per == 365.25
    np.testing.assert_array_equal(form.read(stored), days)
    np.testing.assert_allclose(form.stored(days), stored, rtol=1e-12)


@pytest.mark.parametrize(("per", "places"), [(4, 2), (3, 9), (12, 2), (30.4375, 9)])
def test_a_unit_is_no_finer_than_it_must_be(per, places):
    whole = np.random.default_rng(1).integers(1, 400, 500).astype(float)
    form = Storage.of(np.round(whole / per, places))
    assert form.per == per
    np.testing.assert_array_equal(form.read(np.round(whole / per, places)), whole)


@pytest.mark.parametrize("places", [0, 1, 2, 3, 6])
def test_plain_decimals_are_no_form(places):
    assert Storage.of(decimals(places, 20.0)) is None
    assert Storage.of(decimals(places, 20.0).astype(np.float32).astype(float)) is None


def test_numbers_of_any_size_are_no_form():
    assert Storage.of(np.random.default_rng(2).lognormal(0, 3, 500)) is None
    assert Storage.of(np.array([0.1, 0.2])) is None


def test_one_odd_value_hides_no_form_and_stays_itself():
    stored = np.append(short(decimals(1, 20.0)), [1.234567, -9.0])
    form = Storage.of(stored)
    assert form.decimals == 1
    assert form.read(stored)[-2:].tolist() == [1.234567, -9.0]


def test_order_is_kept_and_an_interval_is_none_too_small():
    recorded = np.unique(decimals(1, 20.0))
    form = Storage.of(cut(recorded, 13))
    stored = form.stored(recorded)
    assert (np.diff(stored) > 0).all()
    for i in range(0, recorded.size, 7):
        low, high = form.around(stored[i], stored[i])
        assert low <= recorded[i] <= high


def test_a_generator_draws_stored_numbers_with_the_density_of_the_recorded():
    recorded = np.append(decimals(1, 20.0, 500), np.nan)
    plain, encoder = (
        Encoder.fit(
            pl.DataFrame({"crea": x}).fill_nan(None),
            Schema((Column(**COLUMN, sentinels=(x[0],)),)),
            protection=Protection(),
        )
        for x in (recorded, short(recorded))
    )
    assert encoder.marginal("crea").to_dict() == plain.marginal("crea").to_dict()
    view = plain.flow(pl.DataFrame({"crea": recorded}).fill_nan(None))
    same = encoder.flow(pl.DataFrame({"crea": short(recorded)}).fill_nan(None))
    np.testing.assert_array_equal(same.cells.z, view.cells.z)
    np.testing.assert_array_equal(same.cells.log_width, view.cells.log_width)
    back = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    drawn, known = (e.table(view.codes, view.cells.z)["crea"] for e in (back, plain))
    np.testing.assert_array_equal(drawn.to_numpy(), short(known.to_numpy()))


def test_distances_and_plain_columns_know_no_form():
    stored = short(decimals(1, 20.0))
    spec = Schema((Column(**COLUMN),))
    table = pl.DataFrame({"crea": stored})
    assert "storage" not in Encoder.fit(table, spec).to_dict()["codecs"]["crea"]["scale"]
    plain = pl.DataFrame({"crea": decimals(1, 20.0)})
    encoder = Encoder.fit(plain, spec, protection=Protection())
    assert "storage" not in encoder.to_dict()["codecs"]["crea"]["scale"]
    fitted = Marginal.fit(plain["crea"].to_numpy(), Protection())
    assert encoder.marginal("crea").to_dict() == fitted.to_dict()


def ratios(n=700):
    """Oxygen pressures over shares of oxygen, 13 bits of them, written with five decimals."""
    rng = np.random.default_rng(3)
    share = rng.choice([0.21, 0.3, 0.4, 0.5, 0.6, 1.0], n)
    return np.round(cut(np.round(rng.gamma(9.0, 10.0, n)) / share, 13), 5)


@pytest.fixture(scope="module")
def marginal():
    return Marginal.fit(ratios(), Protection())


def test_ratios_in_few_bits_are_drawn_in_as_few(marginal):
    assert Storage.of(ratios()) is None
    assert marginal.grid == Bits(bits=13, places=5, digits=8)
    u = np.random.default_rng(4).random(5000)
    drawn = marginal.quantile(u)
    assert (np.round(cut(drawn + 1e-5, 13), 5) == drawn).mean() > 0.999
    low, high = marginal.edges(drawn)
    assert ((low - 1e-9 <= u) & (u <= high + 1e-9)).all()
    again = Marginal.from_dict(json.loads(json.dumps(marginal.to_dict())))
    np.testing.assert_array_equal(again.quantile(u), drawn)


def test_masses_of_all_that_few_bits_hold_sum_to_one(marginal):
    every = np.arange(0.0, 2 * marginal.right[-1], 2.0**-9)
    every = np.unique(marginal.grid.stored(every))
    low, high = marginal.edges(every)
    drawn = np.isclose(marginal.quantile((low + high) / 2), every, rtol=1e-12)
    assert (high - low)[drawn].sum() == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(marginal.upto(every[drawn]), high[drawn], atol=1e-9)
    assert (marginal.upto(every) <= 1.0).all()


@pytest.mark.parametrize("values", [decimals(2, 20.0), decimals(3, 9.0), ratios() / 3, [0.5, 0.25]])
def test_other_numbers_have_no_grid(values):
    values = np.asarray(values)
    assert Bits.grid_of(values) is None
    assert Bits.grid_of(values.astype(np.float32).astype(float)) is None
    assert "grid" not in Marginal.fit(decimals(1, 20.0), Protection()).to_dict()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from([8, 11, 13]))
def test_a_number_lies_in_the_span_of_what_it_is_stored_as(values, bits):
    values = np.array(values)
    form = Bits(bits=bits)
    first, after = form.span(form.stored(values))
    assert ((first <= values) & (values < after)).all()
