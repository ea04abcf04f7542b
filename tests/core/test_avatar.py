"""AvatarGenerator and its metrics: the published weights, the way back, rules, copies, ties."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthema_core.encoding import Encoder
from synthema_core.errors import ModelFileError, RuleError, SynthemaError, TableError
from synthema_core.generate import AvatarGenerator, cohort
from synthema_core.generate.avatar import _drawn, _variables, convex_weights
from synthema_core.generate.famd import Famd
from synthema_core.privacy.avatar import avatar_distances
from synthema_core.rules import Condition, Excludes, broken
from synthema_core.schema import Column, Schema
from synthema_kernels import Rows, reference


@pytest.fixture(scope="module")
def train():
    return cohort.simulate(400, seed=0)


@pytest.fixture(scope="module")
def model(train):
    return AvatarGenerator().fit(train, cohort.schema())


# --- projection ---------------------------------------------------------------------------------


def test_the_projection_by_hand():
    """One number, one variable of two levels with shares 1/4 and 3/4, one missing number."""
    numbers = np.array([[0.0, 2.0, 4.0, np.nan]])
    codes = np.array([[0, 1, 1, 1]], np.int32)
    famd = Famd.fit(numbers, codes, (2,))
    assert famd.mean.tolist() == [2.0]
    assert famd.spread.tolist() == [np.sqrt(2.0)]
    assert famd.share.tolist() == [0.25, 0.75]
    a, b = 1 / np.sqrt(0.25), 1 / np.sqrt(0.75)
    standard = np.array(
        [
            [-np.sqrt(2), 0.75 * a, -0.75 * b],
            [0, -0.25 * a, 0.25 * b],
            [np.sqrt(2), -0.25 * a, 0.25 * b],
            [0, -0.25 * a, 0.25 * b],
        ]
    )
    variance, vectors = np.linalg.eigh(standard.T @ standard / 4)
    np.testing.assert_allclose(famd.variance, variance[::-1][:2], atol=1e-12)  # rank 2
    coordinates = famd.project(numbers, codes)
    np.testing.assert_allclose(np.abs(coordinates), np.abs(standard @ vectors[:, ::-1][:, :2]))
    # inertia: 1 for the number, levels - 1 for the variable
    np.testing.assert_allclose(famd.variance.sum(), 2.0)


def test_distances_are_those_of_the_standard_scores(train):
    encoder = Encoder.fit(train, cohort.schema())
    numbers, codes = _variables(encoder, train)
    famd = Famd.fit(numbers, codes, encoder.variables.levels)
    points, scores = famd.project(numbers, codes)[:50], famd._standard(numbers, codes)[:50]

    def distances(x):
        return ((x[:, None] - x) ** 2).sum(-1)

    np.testing.assert_allclose(distances(points), distances(scores), atol=1e-8)


def test_the_way_back_is_exact(train, model):
    encoder, famd = model.model.encoder, model.model.famd
    numbers, codes = _variables(encoder, train)
    back, weights = famd.invert(model.model.coordinates)
    there = ~np.isnan(numbers)
    np.testing.assert_allclose(back[there], numbers[there], rtol=1e-8, atol=1e-8)
    assert all((w.argmax(1) == c).all() for w, c in zip(weights, codes, strict=True))
    assert encoder.readable(codes, np.where(there, numbers, 0.0)).equals(train)


# --- weights and neighbors ------------------------------------------------------------------------

distance_rows = st.lists(
    st.lists(st.sampled_from([0.0, 1e-300, 0.5, 1.0, 1e9]), min_size=5, max_size=5),
    min_size=1,
    max_size=8,
)


@given(distance_rows, st.integers(0, 5))
def test_weights_are_convex_and_copies_take_all(rows, seed):
    distance = np.array(rows)
    weights = convex_weights(distance, np.random.default_rng(seed))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(1), 1.0)
    copied = (distance == 0).any(1)
    assert (weights[copied][distance[copied] > 0] == 0).all()


def test_weights_follow_the_published_formula():
    distance = np.array([[1.0, 2.0, 4.0]])
    got = convex_weights(distance, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    r = rng.exponential(size=(1, 3))
    c = rng.permuted(np.array([[0.5, 0.25, 0.125]]), axis=1)
    want = r * c / distance
    np.testing.assert_allclose(got, want / want.sum())


def test_neighbors_are_the_closest_others(train, model):
    m = model.model
    searched = Rows(numeric=np.ascontiguousarray(m.coordinates[:, :5]))
    want = reference.nearest(searched, searched, 20, metric="sqeuclidean", exclude_self=True)
    np.testing.assert_array_equal(m.index, want.index)
    np.testing.assert_array_equal(m.distance, np.sqrt(want.distance))


def test_numbers_lie_between_those_of_the_neighbors(model):
    """The avatar is in the hull of its neighbors, so each recovered number is in their range."""
    m = model.model
    everybody = np.arange(len(m.index))
    numbers, _ = model._draw(everybody, np.random.default_rng(0))
    theirs = m.famd.invert(m.coordinates)[0][:, m.index]
    assert (numbers >= theirs.min(2) - 1e-6).all()
    assert (numbers <= theirs.max(2) + 1e-6).all()


def test_one_neighbor_hands_out_patients(train):
    schema = cohort.schema()
    avatars = AvatarGenerator(k=1).fit(train, schema)
    drawn = avatars.avatars(seed=0)
    neighbor = train[avatars.model.index[drawn.origin, 0].tolist()]
    kept = neighbor.select(drawn.table.columns)
    assert drawn.table.equals(kept)


# --- sampled tables ------------------------------------------------------------------------------


def test_same_seed_same_rows(train, model):
    first, second = model.sample(seed=4), model.sample(seed=4)
    assert first.equals(second)
    assert not first.equals(model.sample(seed=5))
    again = AvatarGenerator().fit(train, cohort.schema())
    assert again.sample(seed=4).equals(first)


@pytest.mark.parametrize("n", [None, 0, 1, 399, 1000])
@pytest.mark.parametrize("levels", ["largest", "drawn"])
def test_rules_types_levels_and_ranges_hold(train, n, levels):
    schema = cohort.schema()
    synthetic = AvatarGenerator(levels=levels, ncp=None).fit(train, schema).sample(n, seed=1)
    assert synthetic.height == (400 if n is None else n)
    assert synthetic.schema == train.schema
    assert not broken(synthetic, schema.all_rules).any()
    for name in train.columns:
        values = synthetic[name].drop_nulls()
        if train[name].dtype == pl.String:
            assert set(values) <= set(train[name])
        elif values.len():
            assert values.min() >= train[name].min() - 1
            assert values.max() <= train[name].max() + 1


def test_missing_rates_are_kept_roughly(train):
    """Drawn levels keep the rate; a vote of the largest weight bends it towards the majority."""
    model = AvatarGenerator(levels="drawn").fit(train, cohort.schema())
    synthetic = model.sample(4000, seed=0)
    for name in train.columns:
        want, got = train[name].null_count() / 400, synthetic[name].null_count() / 4000
        assert abs(want - got) < 0.05, name


def test_each_patient_gets_one_avatar_in_each_round(model, monkeypatch):
    seen = []
    inner = AvatarGenerator._avatars

    def spy(self, origin, rng):
        seen.append(origin)
        return inner(self, origin, rng)

    monkeypatch.setattr(AvatarGenerator, "_avatars", spy)
    model.sample(900, seed=0)
    count = np.bincount(seen[0], minlength=400)
    assert set(count) == {2, 3}
    assert (count == 3).sum() == 100
    assert (np.diff(seen[0]) < 0).any()  # not in the order of the patients
    assert model.avatars(seed=0).origin.tolist() == list(range(400))


def test_drawn_levels_follow_their_weights():
    weight = np.tile([[0.2, -0.1, 0.8, -np.inf]], (4000, 1))
    got = np.bincount(_drawn(weight, np.random.default_rng(0)), minlength=4) / 4000
    np.testing.assert_allclose(got, [0.2, 0.0, 0.8, 0.0], atol=0.03)


def letters(n, levels=("a", "b")):
    table = pl.DataFrame({"g": [levels[i % len(levels)] for i in range(n)], "x": np.arange(n) % 7})
    schema = Schema((Column("g", "categorical", categories=("a", "b", "z")), Column("x", "count")))
    return table, schema


def test_a_declared_level_that_nobody_has_is_never_given():
    table, schema = letters(60)
    for levels in ("largest", "drawn"):
        synthetic = AvatarGenerator(k=5, levels=levels).fit(table, schema).sample(500, seed=0)
        assert set(synthetic["g"]) == {"a", "b"}


def test_rules_that_nobody_meets_are_refused():
    table, schema = letters(30)
    never = Excludes((Condition("x", low=0), Condition("g", is_in=("a", "b"))))
    schema = Schema(schema.columns, rules=(never,))
    with pytest.raises(RuleError, match="30 of 30 avatars broke a rule"):
        AvatarGenerator(k=5).fit(table, schema).sample(seed=0)


def test_another_patient_stands_in_where_no_avatar_is_allowed():
    """With one neighbor an avatar never changes: a refused one is refused for good."""
    table, schema = letters(30)
    rule = Excludes((Condition("x", low=5), Condition("g", is_in=("a",))))
    schema = Schema(schema.columns, rules=(rule,))
    drawn = AvatarGenerator(k=1).fit(table, schema).avatars(seed=0)
    assert not broken(drawn.table, (rule,)).any()
    assert drawn.table.height == 30
    assert 0 < (drawn.origin != np.arange(30)).sum() < 30


def test_errors_say_what_to_do():
    table, schema = letters(10)
    with pytest.raises(TableError, match="at least 21 rows for k = 20"):
        AvatarGenerator().fit(table, schema)
    for settings in ({"k": 0}, {"k": 2.5}, {"k": True}, {"ncp": 0}, {"levels": "all"}):
        with pytest.raises(SynthemaError, match=f"parameter '{next(iter(settings))}'"):
            AvatarGenerator(**settings).fit(table, schema)
    with pytest.raises(SynthemaError, match="not fitted yet"):
        AvatarGenerator().sample(seed=0)
    with pytest.raises(SynthemaError, match="n: expected a number of rows"):
        AvatarGenerator(k=3).fit(table, schema).sample(-1, seed=0)
    assert AvatarGenerator().set_params(k=3).get_params() == {"k": 3, "ncp": 5, "levels": "largest"}
    with pytest.raises(SynthemaError, match="unknown"):
        AvatarGenerator().set_params(neighbors=3)


# --- files ---------------------------------------------------------------------------------------


def test_a_file_gives_the_same_rows(model, tmp_path):
    path = model.save(tmp_path / "aml.avatars")
    again = AvatarGenerator.load(path)
    assert again.get_params() == model.get_params()
    assert again.sample(50, seed=0).equals(model.sample(50, seed=0))


def test_damaged_and_foreign_files_are_refused(model, tmp_path):
    path = model.save(tmp_path / "aml.avatars")
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"text", whole[:2000] + b"\0" * 500):
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match="Copy it again"):
            AvatarGenerator.load(path)
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    with pytest.raises(ModelFileError, match="synthema-avatar"):
        AvatarGenerator.load(tmp_path / "other.npz")
    with pytest.raises(ModelFileError, match="not found"):
        AvatarGenerator.load(tmp_path / "nothing")


# --- hidden rate and local cloaking -----------------------------------------------------------

value = st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan")])


@st.composite
def linked(draw):
    n, p, q = draw(st.integers(1, 9)), draw(st.integers(0, 2)), draw(st.integers(0, 2))

    def rows():
        numeric = draw(st.lists(value, min_size=n * p, max_size=n * p))
        codes = draw(st.lists(st.integers(-1, 2), min_size=n * q, max_size=n * q))
        return Rows(
            numeric=np.array(numeric, float).reshape(n, p),
            codes=np.array(codes, np.int32).reshape(n, q),
        )

    return rows(), rows()


@given(linked())
def test_the_metrics_meet_their_definition(pair):
    train, avatars = pair
    got = avatar_distances(train=train, avatars=avatars)
    distance = reference.distances(train, avatars)
    found, closer = [], []
    for i, row in enumerate(distance):
        closer.append(sum(d < row[i] for d in row))
        best = [j for j, d in enumerate(row) if d == min(row)]
        found.append(1 / len(best) if i in best else 0.0)
    assert got.hidden_rate.value == pytest.approx(1 - np.mean(found))
    assert got.local_cloaking.q50 == np.median(closer)
    assert got.uncloaked.value == np.mean(np.array(closer) == 0)
    assert got.hidden_rate.low <= got.hidden_rate.value <= got.hidden_rate.high
    assert got.n == len(train)
    assert "not evidence" in got.source


def test_a_published_table_of_patients_is_not_hidden():
    rows = Rows(numeric=np.random.default_rng(0).random((40, 3)))
    got = avatar_distances(train=rows, avatars=rows, metric="sqeuclidean")
    assert (got.hidden_rate.value, got.local_cloaking.q95, got.uncloaked.value) == (0.0, 0.0, 1.0)


def test_the_link_between_rows_must_be_known():
    rows = Rows(numeric=np.zeros((4, 1)))
    with pytest.raises(ValueError, match="Link the rows first"):
        avatar_distances(train=rows, avatars=Rows(numeric=np.zeros((5, 1))))
    with pytest.raises(ValueError, match="at least one row"):
        avatar_distances(train=Rows(numeric=np.zeros((0, 1))), avatars=rows)


# --- real tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["aml_amlsg_2016", "mgus2"])
def test_real_tables(patient_table, name):
    table = patient_table(name)
    schema = Schema.infer(table)
    model = AvatarGenerator().fit(table, schema)
    drawn = model.avatars(seed=0)
    assert drawn.table.height == table.height
    assert not broken(drawn.table, schema.all_rules).any()
    rows = model.model.encoder.rows
    real = table[drawn.origin.tolist()]
    got = avatar_distances(train=rows(real), avatars=rows(drawn.table))
    assert got.hidden_rate.value > 0.5
    assert got.local_cloaking.q50 >= 1
