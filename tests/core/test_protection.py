"""What a generator keeps back: rare levels pooled, rare numbers spread, extremes fitted."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthema_core import columns
from synthema_core.columns import OPEN, Protection, pools
from synthema_core.columns.marginal import Marginal
from synthema_core.encoding import Encoder
from synthema_core.errors import SynthemaError
from synthema_core.privacy.values import values as values_attack
from synthema_core.rules import Condition, Excludes
from synthema_core.schema import Column, Schema
from synthema_kernels import Rows

GRID = (np.arange(4000) + 0.5) / 4000
FIVE = Protection(min_count=5)
CENTER = Column("center", "categorical", categories=("a", "b", "c", "d", "e"))
LETTERS = Column("x", "categorical", categories=("a", "b", "c"))

some_values = st.lists(
    st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 10.0, 1000.0]), min_size=1, max_size=60
)


@settings(max_examples=40)
@given(some_values, st.integers(2, 6))
def test_pieces_are_ascending_and_what_is_drawn_is_read_as_itself(values, least):
    marginal = Marginal.fit(np.array(values), Protection(min_count=least))
    assert (np.diff(marginal.f) > 0).all()
    assert (marginal.left <= marginal.right).all()
    assert (marginal.right[:-1] <= marginal.left[1:] + 1e-9).all()
    drawn = marginal.quantile(GRID)
    assert (np.diff(drawn) >= 0).all()
    low, high = marginal.edges(drawn)
    assert (low <= GRID + 1e-9).all()
    assert (high >= GRID - 1e-9).all()
    if min(values) >= 0:
        assert drawn.min() >= 0


def test_a_value_of_few_patients_is_no_atom_of_its_own():
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(120, 30, 400))
    point, count = np.unique(values, return_counts=True)
    assert count.max() > 5
    marginal = Marginal.fit(values, FIVE)
    assert (marginal.left < marginal.right).all()
    assert marginal.left.size < point.size / 2
    spike = np.concatenate([values, np.full(25, 133.0)])
    marginal = Marginal.fit(spike, FIVE)
    low, high = marginal.edges(np.array([133.0]))
    assert high - low == pytest.approx((values == 133).mean() + 25 / 425, abs=0.01)


def test_heaps_come_back_without_the_counts_of_single_values():
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(60, 15, 500))
    heaped = np.where(rng.random(500) < 0.5, np.round(values / 5) * 5, values)
    marginal = Marginal.fit(heaped, FIVE)
    atoms = marginal.left[marginal.left == marginal.right]
    assert (atoms % 5 == 0).all()
    drawn = marginal.quantile(GRID)
    assert (drawn % 5 == 0).mean() == pytest.approx((heaped % 5 == 0).mean(), abs=0.03)
    mass = np.diff(marginal.f)[marginal.left == marginal.right]
    middle = (atoms > 40) & (atoms < 80)
    assert np.abs(np.diff(mass[middle], 2)).max() < 0.05  # smooth


def test_decimals_follow_the_scale():
    rng = np.random.default_rng(0)
    values = rng.lognormal(2, 1.2, 800)
    values = np.where(values < 10, np.round(values, 1), np.round(values))
    drawn = Marginal.fit(values, FIVE).quantile(GRID)
    whole = drawn == np.round(drawn)
    assert whole[drawn > 12].mean() > 0.9
    assert whole[drawn < 9].mean() == pytest.approx(
        (values == np.round(values))[values < 9].mean(), abs=0.06
    )


def test_masses_of_values_do_not_tell_who_was_in_the_table():
    rng = np.random.default_rng(3)
    label = np.repeat([1, 0], 300)
    kept, smooth = np.zeros(600), np.zeros(600)
    for turn in range(30):
        people = np.round(rng.lognormal(4, 0.4, 600), turn % 2)
        one = Rows(numeric=people[:, None], codes=np.empty((600, 0), np.int32))
        for total, protection in ((kept, OPEN), (smooth, FIVE)):
            drawn = Marginal.fit(people[:300], protection).quantile(rng.random(300))
            made = Rows(numeric=drawn[:, None], codes=np.empty((300, 0), np.int32))
            total += values_attack(one, made)
    area = [(t[label == 1][:, None] > t[label == 0]).mean() for t in (kept, smooth)]
    assert area[0] > area[1] + 0.1  # what smoothing is for
    assert area[1] < 0.6


def test_dust_of_single_precision_makes_no_number_of_its_own():
    tenths = np.arange(80, 90) / 10
    dusty = np.concatenate([np.repeat(tenths, 6), np.repeat(tenths.astype(np.float32), 3)])
    marginal = Marginal.fit(dusty.astype(float), FIVE)
    assert np.unique(marginal.quantile(GRID)).tolist() == tenths.tolist()
    low, high = marginal.edges(dusty.astype(float))
    assert (low < high).all()


def test_the_distribution_stays():
    at, ratio = np.array([0.05, 0.25, 0.5, 0.75, 0.95]), []
    for seed in range(8):
        values = np.round(np.random.default_rng(seed).lognormal(3, 1, 600), 1)
        kept, protected = Marginal.fit(values), Marginal.fit(values, FIVE)
        ratio.append(protected.quantile(at) / kept.quantile(at))
    np.testing.assert_allclose(np.mean(ratio, 0), 1.0, atol=0.03)  # no bias …
    np.testing.assert_allclose(ratio, 1.0, atol=0.18)  # … and two standard errors of the lowest


def test_numbers_of_few_patients_come_back_no_more_often_than_in_fresh_patients():
    rng = np.random.default_rng(1)
    found = np.zeros(3)
    for turn in range(20):
        spread, decimals = ((1.0, 1), (0.5, 1), (1.0, 0))[turn % 3]
        train, fresh = (np.round(rng.lognormal(3, spread, 400), decimals) for _ in range(2))
        value, count = np.unique(train, return_counts=True)
        few = value[count < 5]
        for i, drawn in enumerate(
            (
                Marginal.fit(train, FIVE).quantile(rng.random(400)),
                fresh,
                Marginal.fit(train).quantile(rng.random(400)),
            )
        ):
            found[i] += np.isin(few, drawn).mean() / 20
    assert found[0] < found[1] + 0.015
    assert found[2] > found[1] + 0.05  # what protection is for


def test_no_extreme_is_kept_and_tails_reach_beyond_what_was_seen():
    rng = np.random.default_rng(2)
    beyond = 0
    for _ in range(30):
        values = np.round(rng.lognormal(3, 1, 500), 3)
        column = pl.Series("x", values)
        codec = columns.fit(column, Column("x", "continuous"), protection=FIVE)
        number = columns.to_dict(codec)["number"]
        (curve,) = number["curves"]
        ends = [*curve["marginal"]["left"], *curve["marginal"]["right"]]
        stored = [*ends, number["low"], number["high"], *number["atoms"]]
        assert not np.isin(np.sort(values)[[0, 1, 2, -3, -2, -1]], stored).any()
        drawn = codec.number.curves[0].marginal.quantile(rng.random(500))
        beyond += drawn.max() > values.max()
    assert 8 <= beyond <= 22  # as a fresh sample: half of the time


@pytest.mark.parametrize("n", [6, 12, 25])
def test_few_numbers_leave_no_extreme_either(n):
    for seed in range(10):
        values = np.round(np.random.default_rng(seed).lognormal(3, 1, n), 1)
        marginal = Marginal.fit(values, FIVE)
        ends = np.array([marginal.left[0], marginal.right[-1]])
        near = np.abs(ends[:, None] - np.array([values.min(), values.max()])).min(1)
        assert (near > 0.051).all()  # an extreme, half a unit further or not


def test_one_wild_value_does_not_stretch_the_tail():
    values = np.append(np.linspace(1.0, 100.0, 400), 1e6)
    drawn = Marginal.fit(values, FIVE).quantile(GRID)
    assert np.quantile(drawn, 0.99) < 200


def test_a_limit_of_many_patients_stays_a_limit():
    values = np.concatenate([np.linspace(0.0, 99.0, 300).round(), np.full(40, 100.0)])
    assert Marginal.fit(values, FIVE).quantile(np.array([0.9, 1 - 1e-12])).max() == 100.0


def rare():
    return pl.Series("center", ["a"] * 60 + ["b"] * 30 + ["c"] * 4 + ["d"] * 2 + ["e"] + [None] * 3)


def named(levels):
    return [[levels.known[i] for i in pool] for pool in levels.pools]


def test_rare_levels_are_pooled_and_still_drawn():
    column = rare()
    codec = columns.fit(column, CENTER, protection=FIVE)
    levels = codec.levels
    assert named(levels) == [["c", "d", "e"]]
    assert levels.held == (7,)
    assert codec.choices == 4  # a, b, the pool, missing
    states = levels.states(column)
    assert np.bincount(states).tolist() == [60, 30, 7, 3]
    drawn = levels.series(np.full(7000, 2, np.int32), "center").value_counts()
    shares = dict(drawn.iter_rows())
    assert shares["c"] == pytest.approx(4000, abs=200)
    assert shares["e"] == pytest.approx(1000, abs=150)
    again = columns.from_dict(json.loads(json.dumps(columns.to_dict(codec))))
    assert again.levels == levels
    assert levels.series(states, "center").null_count() == 3
    assert levels.series(states, "center").head(90).equals(column.head(90))


def test_a_lone_rare_level_is_pooled_with_the_next_rarest():
    column = pl.Series("x", ["a"] * 50 + ["b"] * 20 + ["c"])
    levels = columns.fit(column, LETTERS, protection=FIVE).levels
    assert named(levels) == [["b", "c"]]


def test_rare_grades_are_pooled_with_their_neighbors():
    column = pl.Series("grade", [0] * 2 + [1] * 40 + [2] * 50 + [3] * 9 + [4] * 3 + [6])
    grades = columns.fit(column, Column("grade", "ordinal", categories=tuple(range(7))), (), FIVE)
    levels = grades.levels
    assert named(levels) == [[0, 1], [3, 4, 6]]  # nobody holds 5
    assert levels.held == (42, 13)
    assert np.bincount(levels.states(column)).tolist() == [50, 0, 42, 13]


def countries(n):
    """A table in which every country lies in one region, most of them held by two patients."""
    region = np.arange(n) % 4
    country = np.where(np.arange(n) < n // 2, region, 4 + np.arange(n) // 8 * 4 + region)
    coin = np.random.default_rng(0).choice(["a", "b", "c"], n)
    return pl.DataFrame(
        {
            "country": pl.Series(country).cast(pl.String),
            "region": pl.Series(region).replace_strict({0: "N", 1: "E", 2: "S", 3: "W"}),
            "coin": coin,
        }
    )


def test_rare_levels_are_pooled_apart_by_what_their_column_decides():
    table = countries(400)
    levels_of = {name: tuple(table[name].unique().sort()) for name in table.columns}
    schema = Schema(tuple(Column(n, "categorical", categories=k) for n, k in levels_of.items()))
    levels = Encoder.fit(table, schema, protection=FIVE).codecs["country"].levels
    regions = dict(table.select("country", "region").iter_rows())
    assert [{regions[c] for c in pool} for pool in named(levels)] == [{"N"}, {"E"}, {"S"}, {"W"}]
    assert levels.held == (50,) * 4
    drawn = levels.series(levels.states(table["country"]), "country")
    assert drawn.replace_strict(regions).equals(table["region"], check_names=False)
    again = Encoder.from_dict(
        json.loads(json.dumps(Encoder.fit(table, schema, protection=FIVE).to_dict()))
    )
    assert again.codecs["country"].levels == levels


@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=12),
    st.integers(1, 6),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_every_pool_is_held_by_enough_and_no_rare_level_is_left(count, least, traits, random):
    count = np.array(count)
    known = [np.array([random.randrange(3) for _ in count]) for _ in range(traits)]
    for found in (pools.alike(count, least, known), pools.adjacent(count, least)):
        pooled = [i for pool in found for i in pool]
        assert len(pooled) == len(set(pooled))
        assert all(count[i] > 0 for i in pooled)
        enough = count.sum() >= least
        assert not enough or all(count[list(pool)].sum() >= least for pool in found)
        rare = {i for i in np.flatnonzero((count > 0) & (count < least))}
        assert not enough or rare <= set(pooled)


def test_shares_of_a_pool_sum_to_one():
    levels = columns.fit(rare(), CENTER, protection=FIVE).levels
    share = np.exp(levels.log_share(pl.Series("center", ["c", "d", "e", "a", None, "new"])))
    assert share[:3].sum() == pytest.approx(1)
    assert share[3:].tolist() == [1, 1, 1]


def test_nothing_is_pooled_without_protection_or_need():
    column = rare()
    open_ = columns.fit(column, CENTER).levels
    assert open_.pools == ()
    assert open_ == columns.fit(column, CENTER, protection=OPEN).levels
    many = pl.Series("x", ["a"] * 50 + ["b"] * 50)
    assert columns.fit(many, LETTERS, protection=FIVE).levels.pools == ()


def test_rules_forbid_a_pool_only_where_they_forbid_all_of_it():
    table = pl.DataFrame({"center": rare(), "flag": [0, 1] * 50})
    one = Excludes((Condition("center", is_in=("c",)), Condition("flag", is_in=(1,))))
    every = Excludes((Condition("center", is_in=("c", "d", "e")), Condition("flag", is_in=(1,))))
    for rule, forbidden in ((one, 0.0), (every, 1.0)):
        schema = Schema(
            (
                CENTER,
                Column("flag", "boolean", categories=(0, 1)),
            )
        ).with_rules(rule)
        encoder = Encoder.fit(table, schema, protection=FIVE)
        assert encoder.forbidden()[2, 4 + 1] == forbidden


@pytest.mark.parametrize(
    ("settings", "word"), [({"min_count": 0}, "min_count"), ({"tails": "no"}, "tails")]
)
def test_a_policy_that_makes_no_sense_is_refused(settings, word):
    with pytest.raises(SynthemaError, match=word):
        Protection(**settings)


def test_a_coarse_number_between_two_finer_repeated_ones_has_a_piece():
    marginal = Marginal.fit(np.repeat([249.6, 250.0, 250.4, 300.0], [6, 1, 6, 9]), FIVE)
    assert (marginal.left <= marginal.right).all()
    low, high = marginal.edges(np.array([250.0]))
    assert low[0] < high[0]
