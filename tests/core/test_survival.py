import numpy as np
import polars as pl
import pytest

from synthema_core.fidelity.survival import kaplan_meier, survival
from synthema_core.fidelity.values import Times, times
from synthema_core.schema import Column, Endpoint, Schema


def draw(rng, n, scale=10.0, causes=1):
    return Times(time=rng.exponential(scale, n), cause=rng.integers(0, causes + 1, n))


def measure(real, synthetic, other=None, causes=("death",), seed=0):
    return survival(
        endpoint="os", causes=causes, real=real, synthetic=synthetic, other=other, seed=seed
    )


def test_kaplan_meier_reproduces_the_6_mp_arm_of_the_leukemia_trial():
    # Freireich et al. (1963), Blood 21, 699-716: weeks of remission, + is censored.
    data = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+".split()
    time = np.array([float(item.rstrip("+")) for item in data])
    event = np.array([not item.endswith("+") for item in data])
    at = np.array([0, 5.9, 6, 7, 10, 13, 16, 22, 23, 35])
    textbook = [1, 1, 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448, 0.448]
    np.testing.assert_allclose(kaplan_meier(time, event, at), textbook, atol=0.0006)


def test_its_band_is_greenwoods():
    data = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+".split()
    cause = np.array([int(not item.endswith("+")) for item in data])
    table = Times(time=np.array([float(item.rstrip("+")) for item in data]), cause=cause)
    (found,) = measure(table, table)
    at_6 = np.searchsorted(found.times, 6.5)
    # S(6) = 18/21; Greenwood's standard error is S sqrt(3 / (21 * 18)) = 0.0764.
    theta = 1.959964 * 0.0764 / (18 / 21 * abs(np.log(18 / 21)))
    assert found.real_low[at_6] == pytest.approx((18 / 21) ** np.exp(theta), abs=1e-3)
    assert found.real_high[at_6] == pytest.approx((18 / 21) ** np.exp(-theta), abs=1e-3)
    assert found.distance.value == 0.0


def test_the_distance_is_the_area_between_the_curves_per_unit_of_time():
    # One falls to 1/2 at 2, the other at 6; both are followed to 10.
    first = Times(time=np.array([2.0, 10.0]), cause=np.array([1, 0]))
    second = Times(time=np.array([6.0, 12.0]), cause=np.array([1, 0]))
    (found,) = measure(first, second)
    assert found.follow_up == 10.0
    assert found.distance.value == pytest.approx(0.5 * 4 / 10)
    assert (found.events_real, found.events_synthetic) == (1, 1)


def test_competing_events_are_compared_by_cause_and_add_up():
    table = Times(time=np.array([1.0, 2.0, 3.0, 4.0]), cause=np.array([1, 2, 0, 1]))
    whole, first, second = measure(table, table, causes=("relapse", "death"))
    assert (whole.cause, first.cause, second.cause) == (None, "relapse", "death")
    # By hand (Aalen-Johansen): 1/4, then 3/4 * 1/3 for the other, then 1/2 * 1/1.
    assert first.real[-1] == pytest.approx(0.75)
    assert second.real[-1] == pytest.approx(0.25)
    np.testing.assert_allclose(whole.real + first.real + second.real, 1.0, atol=1e-12)
    assert second.events_real == 1
    assert first.real_low is None


def test_a_fresh_sample_is_at_no_distance_and_another_disease_is():
    rng = np.random.default_rng(0)
    (same,) = measure(draw(rng, 300), draw(rng, 300), draw(rng, 300))
    assert same.distance.low == 0.0
    assert same.distance.value < 2.5 * same.baseline
    (other,) = measure(draw(rng, 300), draw(rng, 300, scale=30.0))
    assert other.distance.low > 0.05


@pytest.mark.parametrize("scale", [10.0, 12.0, 15.0])
def test_the_bootstrap_interval_covers_with_and_without_a_difference(scale):
    rng = np.random.default_rng(1)
    # Exponential, followed to a fixed 20; the true area is integrated on a fine grid.
    end, grid = 20.0, np.linspace(0, 20, 20_001)
    true = np.abs(np.exp(-grid / 10) - np.exp(-grid / scale)).mean()

    def cohort(scale):
        time = rng.exponential(scale, 150)
        return Times(time=np.minimum(time, end), cause=(time < end).astype(np.int64))

    found = [measure(cohort(10), cohort(scale))[0].distance for _ in range(150)]
    assert np.mean([f.low <= true <= f.high for f in found]) >= 0.93


def test_same_seed_and_any_row_order_give_the_same_bits():
    rng = np.random.default_rng(2)
    real, synthetic = draw(rng, 60, causes=2), draw(rng, 50, causes=2)
    order = rng.permutation(50)
    shuffled = Times(time=synthetic.time[order], cause=synthetic.cause[order])
    first = measure(real, synthetic, causes=("a", "b"))
    second = measure(real, shuffled, causes=("a", "b"))
    assert [f.distance for f in first] == [f.distance for f in second]


def test_synthetic_times_at_or_below_zero_are_reported():
    rng = np.random.default_rng(3)
    synthetic = Times(time=np.array([-5.0, 0.0, 4.0, np.nan]), cause=np.array([1, 1, 0, 1]))
    (found,) = measure(draw(rng, 30), synthetic)
    assert found.nonpositive_times == 2
    assert found.n_synthetic == 3
    assert found.synthetic[0] == pytest.approx(1 / 3)


def test_nobody_followed_is_none_and_never_zero():
    rng = np.random.default_rng(4)
    nobody = Times(time=np.full(3, np.nan), cause=np.full(3, -1))
    at_zero = Times(time=np.zeros(3), cause=np.ones(3, np.int64))
    for synthetic in (nobody, at_zero):
        (found,) = measure(draw(rng, 10), synthetic)
        assert found.distance.value is None


def test_status_values_become_causes_and_others_are_censored():
    schema = Schema(
        columns=(
            Column("t", "time"),
            Column("s", "categorical", categories=("alive", "relapse", "death")),
        ),
        endpoints=(Endpoint("efs", "t", "s", ("relapse", "death")),),
    )
    frame = pl.DataFrame({"t": [1, 2, 3, None], "s": ["death", "alive", None, "relapse"]})
    found = times(frame, schema.endpoints[0], schema)
    assert found.cause.tolist() == [2, 0, -1, 1]
    assert np.isnan(found.time[3])
