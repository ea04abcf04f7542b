"""The likelihood-ratio attack: its definition, its power where models remember, its calibration."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from synthema_core.encoding import Encoder
from synthema_core.intervals import NotMeasured
from synthema_core.intervals import auc as area
from synthema_core.privacy import lira
from synthema_core.schema import Column, Schema

PEOPLE = 400


def densities(rng, include, *, memory, base):
    """Nats that depend on the person, rise where a model saw it, and vary between models."""
    return base + memory * include + rng.normal(size=include.shape)


def setting(seed, *, memory, shadows=16):
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 8, PEOPLE)
    include = lira.halves(PEOPLE, shadows, seed=seed)
    saw = rng.permutation(np.arange(PEOPLE) < PEOPLE // 2)
    ours = densities(rng, include, memory=memory, base=base)
    return saw, densities(rng, saw, memory=memory, base=base), ours, include


@pytest.mark.parametrize("people", [40, 41])
def test_everybody_is_in_half_of_the_shadows(people):
    include = lira.halves(people, 8, seed=0)
    assert include.shape == (8, people)
    assert (include.sum(axis=0) == 4).all()
    assert set(include.sum(axis=1)) <= {people // 2, people - people // 2}
    np.testing.assert_array_equal(include, lira.halves(people, 8, seed=0))
    assert not np.array_equal(include, lira.halves(people, 8, seed=1))


def test_shadows_come_in_pairs():
    with pytest.raises(ValueError, match="expected an even number from 4, got 7"):
        lira.halves(10, 7, seed=0)


def test_scores_meet_their_definitions():
    """With a vast belief that all people vary alike, the variance is the common one."""
    _, target, ours, include = setting(0, memory=1.0)
    inside = np.array([x[i].mean() for x, i in zip(ours.T, include.T, strict=True)])
    outside = np.array([x[~i].mean() for x, i in zip(ours.T, include.T, strict=True)])
    own = np.array([x[~i].var(ddof=1) for x, i in zip(ours.T, include.T, strict=True)])
    away = (8 * own.mean() + 7 * own) / 15
    np.testing.assert_allclose(lira.density_ratio(target, ours, include).values, target - outside)
    np.testing.assert_allclose(
        lira.offline(target, ours, include).values, (target - outside) / np.sqrt(away)
    )
    near = np.array([x[i].var(ddof=1) for x, i in zip(ours.T, include.T, strict=True)])
    near = (8 * near.mean() + 7 * near) / 15
    want = norm.logpdf(target, inside, np.sqrt(near)) - norm.logpdf(target, outside, np.sqrt(away))
    np.testing.assert_allclose(lira.online(target, ours, include).values, want)


@pytest.mark.parametrize("attack", [lira.density_ratio, lira.offline, lira.online])
def test_memory_is_found_where_the_density_alone_tells_nothing(attack):
    saw, target, ours, include = setting(1, memory=2.0)
    found = attack(target, ours, include)
    assert area(target[saw], target[~saw]).value < 0.65
    assert area(found.values[saw], found.values[~saw]).value > 0.85


@pytest.mark.parametrize("attack", [lira.density_ratio, lira.offline, lira.online])
def test_without_memory_nobody_is_found(attack):
    wrong = 0
    for seed in range(100):
        saw, target, ours, include = setting(seed, memory=0.0)
        found = attack(target, ours, include).values
        auc = area(found[saw], found[~saw])
        wrong += not auc.low <= 0.5 <= auc.high
    assert wrong <= 7


@pytest.fixture(scope="module")
def tables():
    """Thirty flags: a flow without dropout learns sixty people by heart."""
    rng = np.random.default_rng(0)
    names = [f"f{i}" for i in range(30)]
    table = pl.DataFrame({name: rng.integers(0, 2, 180) for name in names})
    schema = Schema(tuple(Column(name, "boolean", categories=(0, 1)) for name in names))
    return schema, table[:60], table[60:120], table[120:]


def test_a_copy_is_found_by_flows_and_a_fresh_table_is_not(tables):
    pytest.importorskip("jax")
    from synthema_core.flow_attacks import table_attacks
    from synthema_core.generate.shadows import ShadowSettings

    schema, train, holdout, fresh = tables
    common = {
        "train": train,
        "holdout": holdout,
        "schema": schema,
        "shadows": 6,
        "settings": ShadowSettings(steps=100, hidden=32, rate=1e-2, dropout=0.0),
        "seed": 0,
    }
    copied = table_attacks(synthetic=train, **common)
    assert [one.name for one in copied] == [lira.RATIO, lira.OFFLINE]
    assert all(one.auc.value > 0.95 for one in copied)
    for one in table_attacks(synthetic=fresh, **common):
        assert one.auc.low <= 0.5 <= one.auc.high


def test_a_model_file_is_judged_by_its_own_densities(tables):
    """A target trained as its shadows are: both attacks find who it was trained on."""
    pytest.importorskip("jax")
    from synthema_core.flow_attacks import model_attacks
    from synthema_core.generate.shadows import ShadowSettings, shadow_scores

    schema, train, holdout, _ = tables
    encoder = Encoder.fit(train, schema)
    how = ShadowSettings(steps=100, hidden=32, rate=1e-2, dropout=0.0)

    class Target:
        model = SimpleNamespace(encoder=encoder)

        def log_prob(self, table):
            members = np.arange(len(table))[np.newaxis] < len(train)
            return shadow_scores(encoder, table, members, seed=9, settings=how)[0]

    found = model_attacks(
        train=train, holdout=holdout, model=Target(), shadows=6, settings=how, seed=0
    )
    assert [one.name for one in found] == [lira.OFFLINE, lira.ONLINE]
    assert all(one.auc.value > 0.95 for one in found)
    assert found[0].n_synthetic == 0


def test_too_few_people_are_not_measured(tables):
    from synthema_core.flow_attacks import table_attacks

    schema, train, holdout, fresh = tables
    found = table_attacks(
        train=train[:20], holdout=holdout[:10], synthetic=fresh, schema=schema, seed=0
    )
    assert isinstance(found, NotMeasured)
    assert "at least 40 people" in found.reason
