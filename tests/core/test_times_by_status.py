"""The time of an endpoint has a curve for each status: nobody is censored before follow-up ends."""

import numpy as np
import polars as pl
import pytest

from synthema_core.columns.number import OWN_CURVE, _groups
from synthema_core.encoding import Encoder
from synthema_core.schema import Column, Endpoint, Schema

N, SHORTEST, LONGEST = 600, 30, 60  # months of follow-up
SCHEMA = Schema(
    (
        Column("time", "time"),
        Column("status", "categorical", categories=("alive", "dead", "moved")),
        Column("relapse", "time"),
        Column("relapsed", "boolean", categories=(0, 1)),
    ),
    endpoints=(
        Endpoint("os", "time", "status", ("dead",)),
        Endpoint("rfs", "relapse", "relapsed", (1,), "time"),
    ),
)

ALONE = Schema(SCHEMA.columns[:2], endpoints=SCHEMA.endpoints[:1])


def patients(seed, n=N):
    """Everybody who lives is followed for 30 to 60 months; few have moved away before."""
    rng = np.random.default_rng(seed)
    follow, death = rng.integers(SHORTEST, LONGEST + 1, n), rng.exponential(25, n).astype(int) + 1
    moved = rng.random(n) < 0.03
    time = np.where(moved, rng.integers(1, 20, n), np.minimum(death, follow))
    status = np.where(moved, "moved", np.where(death <= follow, "dead", "alive"))
    relapsed = rng.random(n) < 0.5
    relapse = np.where(relapsed, rng.integers(1, time + 1), time)
    return pl.DataFrame(
        {
            "time": time,
            "status": status,
            "relapse": relapse,
            "relapsed": relapsed.astype(int),
        }
    )


@pytest.mark.parametrize(
    ("count", "group"),
    [
        ([0, 0], [0, 0]),
        ([OWN_CURVE - 1, OWN_CURVE], [0, 0]),  # too few for one of their own join the others
        ([OWN_CURVE, OWN_CURVE + 1], [0, 1]),
        ([60, 10, 80], [0, 1, 1]),
        ([30, 90, 20], [1, 0, 1]),  # the rare ones have enough together
        ([0, 90, 70], [0, 0, 1]),
    ],
)
def test_a_status_has_a_curve_of_its_own_if_enough_patients_have_it(count, group):
    assert _groups(np.array(count)).tolist() == group


def test_curves_are_variables_of_which_one_exists_in_a_row():
    train = patients(0)
    encoder = Encoder.fit(train, SCHEMA, by_status=True)
    variables, view = encoder.variables, encoder.flow(train)
    assert variables.numbers[:2] == ("time", "time")
    assert variables.admitted[:2] == ((0,), (1, 2))  # the few who moved join the many who died
    alive = (train["status"] == "alive").to_numpy()
    np.testing.assert_array_equal(view.cells.present[:2], [alive, ~alive])
    np.testing.assert_array_equal(variables.present(view.codes), view.cells.present)
    again = Encoder.from_dict(encoder.to_dict())
    assert again.to_dict() == encoder.to_dict()
    assert encoder.table(view.codes, view.cells.z).equals(train)


def test_distances_and_avatars_read_a_time_as_before():
    train = patients(0)
    encoder = Encoder.fit(train, SCHEMA)
    assert encoder.variables.numbers == ("time", "relapse")
    assert encoder.variables.admitted == ((), ())


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("jax")
    from synthema_core.generate import FlowGenerator

    return FlowGenerator(seed=0, members=2, steps=200, hidden=16).fit(patients(0), ALONE)


def test_nobody_is_drawn_censored_before_the_shortest_follow_up(model):
    drawn = model.sample(4000, seed=1)
    alive = drawn.filter(pl.col("status") == "alive")["time"]
    assert alive.len() > 400
    assert (alive < SHORTEST - 3).mean() < 0.01  # beyond lies a fitted tail
    dead = [(t["status"] == "dead").mean() for t in (drawn, patients(2, 4000))]
    assert dead[0] == pytest.approx(dead[1], abs=0.06)


def test_all_times_and_statuses_have_probability_one(model):
    curves = model.model.encoder.numeric["time"].number.curves
    every = np.linspace(1e-9, 1 - 1e-9, 20_001)
    times = [np.unique(c.marginal.quantile(every)).astype(int).tolist() for c in curves]
    grid = [(t, s) for s, k in (("alive", 0), ("dead", 1), ("moved", 1)) for t in times[k]]
    rows = pl.DataFrame(grid, schema=["time", "status"], orient="row")
    assert np.exp(model.log_prob(rows)).sum() == pytest.approx(1.0, abs=1e-3)


def test_statuses_given_a_time_have_probability_one(model):
    rows = pl.DataFrame({"time": [5] * 3 + [40] * 3, "status": ["alive", "dead", "moved"] * 2})
    given = np.exp(model.conditional(rows, ["status"])).reshape(2, 3)
    np.testing.assert_allclose(given.sum(1), 1.0, atol=1e-5)
    assert given[0, 0] < 0.05 < given[1, 0]  # few could be alive and not be followed up


def test_a_known_time_tells_an_unknown_status(model):
    rows = pl.DataFrame(
        {"time": [5] * 200, "status": [None] * 200}, schema_overrides={"status": pl.String}
    )
    filled = model.impute(rows, seed=0)
    assert filled["time"].to_list() == [5] * 200
    assert (filled["status"] == "alive").mean() < 0.05


def test_a_condition_on_a_time_holds_on_every_curve(model):
    drawn = model.sample(300, seed=4, where={"time": (1, 12)})
    assert drawn["time"].is_between(1, 12).all()
    assert (drawn["status"] == "alive").sum() == 0


def test_the_model_file_keeps_the_curves(model, tmp_path):
    from synthema_core.generate import FlowGenerator

    path = model.save(tmp_path / "m.synthema")
    assert FlowGenerator.load(path).sample(50, seed=9).equals(model.sample(50, seed=9))
