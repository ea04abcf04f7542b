"""The training that is likeliest on held-out rows is found, taken and reported."""

import numpy as np
import polars as pl
import pytest

pytest.importorskip("jax")

import jax

from synthema_core.errors import SynthemaError
from synthema_core.generate import FlowGenerator
from synthema_core.generate.flow import _held_out
from synthema_core.generate.training import pace_for
from synthema_core.schema import Column, Schema

SMALL = {"members": 2, "steps": 300, "hidden": 8, "progress": False}
NAMES = "abcd"
SCHEMA = Schema(tuple(Column(name, "boolean", categories=(0, 1)) for name in NAMES))


@pytest.fixture(scope="module")
def parity():
    """The last column is the parity of the others: no linear part can say it."""
    bits = np.random.default_rng(0).integers(2, size=(3, 400))
    return pl.DataFrame(dict(zip(NAMES, [*bits, bits.sum(0) % 2], strict=True)))


@pytest.fixture(scope="module")
def found(parity, tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "search.checkpoint"
    generator = FlowGenerator(seed=0, search=2, **SMALL).fit(parity, SCHEMA, checkpoint=path)
    return generator, path


def test_the_likeliest_candidate_is_taken(found, parity):
    generator, _ = found
    search = generator.model.record["search"]
    tried = search["candidates"]
    nats = [one["validation"] for one in tried]
    assert (len(tried), search["folds"]) == (7, 2)
    assert search["chosen"] == int(np.argmin(nats))
    assert len({(one["rate"], one["dropout"], one["linear"]) for one in tried}) == 7
    # the ensemble is trained as the choice says
    best = tried[search["chosen"]]
    assert best["dropout"] < tried[0]["dropout"] or best["rate"] > tried[0]["rate"]  # few steps
    plain = FlowGenerator(seed=0, **SMALL).fit(parity, SCHEMA)
    assert plain.model.record["search"] is None
    assert plain.model.record["validation"] != generator.model.record["validation"]
    assert best["validation"] < tried[0]["validation"]


def test_the_search_repeats_itself_and_goes_on(found, parity, tmp_path):
    generator, path = found
    again = FlowGenerator(seed=0, search=2, **SMALL).fit(parity, SCHEMA, checkpoint=path)
    assert again.model.record["search"] == generator.model.record["search"]
    for a, b in zip(
        *map(jax.tree.leaves, (again.model.members, generator.model.members)), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    loaded = FlowGenerator.load(generator.save(tmp_path / "m.synthema"))
    assert loaded.search == 2
    assert loaded.model.record["search"]["chosen"] == generator.model.record["search"]["chosen"]


def test_less_than_no_fold_is_refused(parity):
    with pytest.raises(SynthemaError, match="'search'"):
        FlowGenerator(seed=0, search=-1).fit(parity, SCHEMA)


@pytest.mark.parametrize(("n", "held"), [(60, 20), (1000, 150), (100_000, 4096)])
def test_a_fold_holds_out_enough_rows_and_not_too_many(n, held):
    chosen = _held_out(n, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == held
    assert 0 <= chosen.min() < chosen.max() < n


def test_few_rows_are_trained_slowly_and_a_choice_is_kept():
    few, many = (pace_for(n, steps=100, dropout=None) for n in (200, 20_000))
    assert few.rate < many.rate
    assert few.linear < many.linear
    assert few.dropout > many.dropout
    assert pace_for(200, steps=100, dropout=0.1).dropout == 0.1
    with pytest.raises(SynthemaError, match="parameter 'margin': expected a number from 0, got -1"):
        FlowGenerator(seed=0, margin=-1.0).fit(pl.DataFrame({"a": [1]}), SCHEMA)
