"""Shadow flows think more of whom they have seen."""

import numpy as np
import polars as pl
import pytest

pytest.importorskip("jax")

from synthema_core.encoding import Encoder
from synthema_core.errors import SynthemaError
from synthema_core.generate.shadows import ShadowSettings, shadow_scores
from synthema_core.schema import Column, Schema

SETTINGS = ShadowSettings(steps=100, hidden=16, rate=1e-2, dropout=0.0)


@pytest.fixture(scope="module")
def candidates():
    rng = np.random.default_rng(0)
    flags = {f"f{i}": rng.integers(0, 2, 60) for i in range(8)}
    table = pl.DataFrame({"x": rng.lognormal(0, 1, 60).round(2), **flags})
    schema = Schema(
        (
            Column("x", "continuous"),
            *(Column(name, "boolean", categories=(0, 1)) for name in flags),
        )
    )
    return table, Encoder.fit(table, schema)


def test_scores_are_higher_where_seen_and_repeat(candidates):
    table, encoder = candidates
    include = np.random.default_rng(1).random((6, 60)) < 0.5
    scores = shadow_scores(encoder, table, include, seed=0, settings=SETTINGS)
    assert scores.shape == (6, 60)
    gap = np.array([s[i].mean() - s[~i].mean() for s, i in zip(scores, include, strict=True)])
    assert (gap > 0.5).all()
    again = shadow_scores(encoder, table, include, seed=0, settings=SETTINGS)
    np.testing.assert_array_equal(again, scores)


def test_a_shadow_knows_nothing_of_the_others(candidates):
    table, encoder = candidates
    include = np.random.default_rng(1).random((3, 60)) < 0.5
    all_three = shadow_scores(encoder, table, include, seed=0, settings=SETTINGS)
    include[1] = ~include[1]
    other = shadow_scores(encoder, table, include, seed=0, settings=SETTINGS)
    np.testing.assert_array_equal(other[[0, 2]], all_three[[0, 2]])
    assert not np.array_equal(other[1], all_three[1])


@pytest.mark.parametrize(
    ("include", "message"),
    [
        (np.ones((2, 59), bool), r"include: expected \(shadows, 60\), got \(2, 59\)"),
        (np.ones(60, bool), r"include: expected \(shadows, 60\)"),
        (np.arange(60)[None] < 19, "include: expected at least 20 candidates .* got 19"),
    ],
)
def test_what_each_shadow_sees_is_checked(candidates, include, message):
    table, encoder = candidates
    with pytest.raises(SynthemaError, match=message):
        shadow_scores(encoder, table, include, seed=0, settings=SETTINGS)
