"""Numbers in single precision in some centers: which ones is learned, and drawn as it was."""

import json

import numpy as np
import polars as pl
import pytest

from synthema_core.columns import Protection
from synthema_core.encoding import Encoder
from synthema_core.schema import Schema

N = 400
FIVE = Protection(min_count=5)


def dust_of(values, written):
    """Values through single precision, written exactly, with nine digits or with eight places."""
    single = np.float32(values).astype(float)
    return np.array([float(format(x, written)) for x in single])


def joined(written=".9g"):
    """Three studies, of which one was kept in single precision."""
    rng = np.random.default_rng(0)
    value = np.round(rng.normal(9, 2, N), 1)
    study = rng.choice(["A", "B", "C"], N)
    stored = np.where(study == "B", dust_of(value, written), value)
    flag = rng.integers(0, 2, N)
    table = pl.DataFrame({"hb": stored, "flag": flag, "study": study})
    gone = pl.int_range(N, eager=True) % 9 == 0
    return table.with_columns(table["hb"].set(gone, None)), pl.Series("hb", value)


@pytest.mark.parametrize("written", [".17g", ".9g", ".8f"])
def test_what_went_through_single_precision_is_read_and_stored_as_it_was(written):
    table, value = joined(written)
    encoder = Encoder.fit(table, Schema.infer(table), protection=FIVE)
    codec = encoder.codecs["hb"]
    assert codec.dust.column == "study"
    known = table["hb"].is_not_null()
    read = codec.floats(table["hb"])[known.to_numpy()]
    assert np.array_equal(read, value.filter(known).to_numpy())
    view = encoder.flow(table)
    drawn = encoder.table(view.codes, np.random.default_rng(1).normal(size=view.cells.z.shape))
    decimals = drawn["hb"].round(1)
    single = pl.Series(dust_of(decimals.fill_null(0.0).to_numpy(), written))
    stored = pl.select(pl.when(drawn["study"] == "B").then(single).otherwise(decimals)).to_series()
    there = drawn["hb"].is_not_null()
    assert drawn["hb"].filter(there).equals(stored.filter(there), check_names=False)
    again = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again.to_dict() == encoder.to_dict()


def test_dust_that_no_column_explains_is_left_alone():
    table, _ = joined()
    shuffled = table.with_columns(table["study"].shuffle(seed=1))
    assert Encoder.fit(shuffled, Schema.infer(shuffled), protection=FIVE).codecs["hb"].dust is None
    assert Encoder.fit(table, Schema.infer(table)).codecs["hb"].dust is None  # for distances


def test_a_column_that_is_all_of_one_form_needs_nobody_to_decide():
    table, value = joined()
    everywhere = table.with_columns(hb=dust_of(value.to_numpy(), ".9g"))
    codec = Encoder.fit(everywhere, Schema.infer(everywhere), protection=FIVE).codecs["hb"]
    assert codec.dust is None
