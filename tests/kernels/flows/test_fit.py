"""Training keeps its best step and repeats itself bit by bit."""

from dataclasses import replace

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels import flows  # noqa: E402

LAYOUT = flows.Layout(2, (3,), (-1, -1))
SETTINGS = flows.Settings(batch=32, every=5, patience=3)
PACE = flows.Pace(steps=60, rate=1e-2)
STRUCTURE = flows.Structure(
    ruled=jnp.zeros(0, jnp.int32),
    forbid=jnp.zeros((0, 0)),
    cell_low=jnp.full((2, 1), jnp.inf),
    cell_high=jnp.full((2, 1), jnp.inf),
    cell_z=jnp.full((2, 1), jnp.inf),
    log_unseen=jnp.float32(-6.0),
)


def rows(n, seed):
    """Two numbers on a circle: what a Gaussian copula cannot say."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    z = 1.4 * np.stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.standard_normal((2, n))
    return flows.MixedRows(
        codes=jnp.asarray((angle // 2.1)[None], jnp.int32),
        z=jnp.asarray(z, jnp.float32),
        low=jnp.asarray(z - 0.005, jnp.float32),
        high=jnp.asarray(z + 0.005, jnp.float32),
        log_width=jnp.full(z.shape, np.log(0.01), jnp.float32),
        present=jnp.ones(z.shape, bool),
    )


def start(k=1):
    return flows.stack(
        [
            flows.copula_member(
                rows(300, 0),
                LAYOUT,
                np.random.default_rng(i).permutation(3).astype(np.int32),
                hidden=16,
                ridge=1.0,
                rng=np.random.default_rng(i),
            )
            for i in range(k)
        ]
    )


def folds(k=1):
    """The last 100 of 400 rows are held out; each member sees two thirds of the others."""
    weights = (np.random.default_rng(5).random((k, 400)) < 0.67) * (np.arange(400) < 300)
    return flows.Fold.of(weights, np.tile(np.arange(300, 400), (k, 1)))


def fitted(seed=0, k=1, on_steps=None, fold=None, pace=PACE, settings=SETTINGS, **kwargs):
    return flows.fit(
        start(k),
        STRUCTURE,
        rows(400, 0),
        fold or folds(k),
        LAYOUT,
        settings,
        pace,
        keys=jax.random.split(jax.random.key(seed), 4)[:k],
        on_steps=on_steps,
        **kwargs,
    )


def same(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_best_step_is_kept():
    done = []
    found = fitted(on_steps=done.append)
    (looks,) = found.validation
    assert found.best_step == (SETTINGS.every * int(np.argmin(looks)),)
    held_out = rows(400, 0).take(np.arange(300, 400))
    again = -flows.log_probs(found.members, STRUCTURE, held_out, LAYOUT).mean()
    assert again == pytest.approx(min(looks), abs=1e-5)
    assert min(looks) < looks[0] - 0.2
    assert sum(done) == SETTINGS.every * len(found.train[0]) == SETTINGS.every * (len(looks) - 1)


def test_same_key_same_bits():
    first, again, other = fitted(), fitted(), fitted(seed=1)
    assert first.validation == again.validation
    same(first.members, again.members)
    assert first.validation != other.validation


def test_a_member_does_not_depend_on_the_others():
    one, three = fitted(), fitted(k=3)
    assert three.validation[0] != three.validation[1]
    fold = jax.tree.map(lambda leaf: leaf[:1], folds(3))
    same(fitted(fold=fold).members, jax.tree.map(lambda leaf: leaf[:1], three.members))
    assert one.members.position.shape == (1, 3)


def test_an_interrupted_training_goes_on_to_the_same_bits():
    whole, stood, done = fitted(k=3), {}, []

    def interrupt(steps):
        done.append(steps)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(k=3, on_steps=interrupt, on_progress=stood.__setitem__)
    assert stood
    assert min(len(one.train[0]) for one in stood.values()) < min(map(len, whole.train))
    counted = []
    found = fitted(k=3, since=stood, on_steps=counted.append)
    same(found.members, whole.members)
    assert (found.best_step, found.train) == (whole.best_step, whole.train)
    assert found.validation == whole.validation
    assert sum(counted) == SETTINGS.every * sum(map(len, whole.train))


def test_a_training_goes_on_only_where_it_stood():
    stood = {}
    fitted(on_progress=stood.__setitem__)
    with pytest.raises(ValueError, match="another's"):
        fitted(since={0: replace(stood[0], state={})})


def test_members_may_differ_in_pace():
    pace = flows.Pace(steps=np.array([20.0, 60.0]), rate=np.array([0.0, 1e-2]))
    still, moved = fitted(k=2, pace=pace).validation
    assert set(still) == {still[0]}
    assert len(still) < len(moved)
    assert min(moved) < moved[0] - 0.1


def test_rows_of_no_weight_are_never_seen():
    weights = np.ones((1, 400)) * (np.arange(400) % 2)
    found = []
    for odd in (0.0, 50.0):  # what the other rows hold must not matter
        table = rows(400, 0)
        z = table.z.at[:, ::2].add(odd)
        table = flows.MixedRows(**{**vars(table), "z": z, "low": table.low.at[:, ::2].add(odd)})
        found.append(
            flows.fit(
                start(),
                STRUCTURE,
                table,
                flows.Fold.of(weights),
                LAYOUT,
                SETTINGS,
                PACE,
                keys=jax.random.split(jax.random.key(0), 1),
            )
        )
    same(found[0].members, found[1].members)
    assert found[0].best_step == (60,)  # nothing held out: the last step is kept


def test_without_gain_training_stops_and_the_start_is_kept():
    coin = flows.Layout(0, (2,), ())
    empty = jnp.zeros((0, 100))
    tosses = flows.MixedRows(
        jnp.arange(100, dtype=jnp.int32)[None] % 2, empty, empty, empty, empty, empty > 0
    )
    begin = flows.copula_member(
        tosses, coin, np.zeros(1, np.int32), hidden=4, ridge=1.0, rng=np.random.default_rng(0)
    )
    structure = flows.Structure(
        jnp.zeros(0, jnp.int32), jnp.zeros((0, 0)), *[jnp.zeros((0, 1))] * 3, jnp.float32(-6.0)
    )
    found = flows.fit(
        flows.stack([begin]),
        structure,
        tosses,
        flows.Fold.of(np.ones((1, 100)), np.arange(100)[None]),
        coin,
        SETTINGS,
        flows.Pace(steps=4000, rate=0.0),
        keys=jax.random.split(jax.random.key(0), 1),
    )
    assert found.best_step == (0,)
    assert len(found.train[0]) * SETTINGS.every < 100
    same(found.members, flows.stack([begin]))


def test_a_gain_within_chance_is_not_worth_a_later_step():
    steps = {}
    for margin in (0.0, 4.0, 1e6):
        found = fitted(settings=replace(SETTINGS, margin=margin, patience=12))
        steps[margin] = found.best_step[0]
    assert steps[1e6] == 0
    assert 0 < steps[4.0] < steps[0.0]
    assert steps[0.0] == 5 * int(np.argmin(found.validation[0][: len(found.validation[0])]))
