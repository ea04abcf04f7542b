"""Predicates isolate members where the table leaks, and nobody beyond the control where not."""

import numpy as np
import pytest

from synthema_core.privacy.attack import corrected, some
from synthema_core.privacy.predicates import RankedTables, distinct
from synthema_core.privacy.singling_out import in_place_of_members, one_of_a_subset, singling_out
from synthema_kernels import Matches, Rows

NAN = float("nan")


def people(n, *, seed, missing=0.05):
    """Three numbers, one of them coarse, and four codes with rare levels, all of one factor."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 1))
    numeric = factor + rng.standard_normal((n, 3))
    numeric[:, 0] = np.round(numeric[:, 0], 1)
    codes = np.minimum(rng.geometric(0.3, (n, 4)) + (factor > 0), 12)
    numeric[rng.random(numeric.shape) < missing] = NAN
    codes[rng.random(codes.shape) < missing] = -1
    return Rows(numeric=numeric, codes=codes)


def attacks(train, synthetic, *, h=400, seed=0, **options):
    holdout = people(h, seed=91 + seed)
    options = {"widths": (1, 2, 4), "n_attacks": 500} | options
    return singling_out(train=train, holdout=holdout, synthetic=synthetic, seed=seed, **options)


@pytest.mark.parametrize("h", [40, 400, 1200])
def test_a_copy_is_singled_out_whatever_the_size_of_the_control(h):
    train = people(400, seed=1)
    for found in attacks(train, train, h=h):
        assert found.main.value == 1.0
        assert found.risk.value == 1.0
        assert found.risk.low > 0.2
        assert found.succeeded.any()


def test_a_copy_twice_over_is_no_less_singled_out():
    """Rows that repeat must not hide that each was one person."""
    train = people(300, seed=2)
    twice = some(train, np.tile(np.arange(300), 2))
    for one, two in zip(attacks(train, train), attacks(train, twice), strict=True):
        assert two.main.value == one.main.value == 1.0


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("h", [40, 200, 600])
def test_fresh_people_are_singled_out_as_often_as_the_control(h):
    """Nominal 95 %, whatever the size of the holdout: at most 7 of 100 audits see a leak."""
    outside = np.zeros(2)
    for seed in range(100):
        found = attacks(
            people(200, seed=1000 + seed),
            people(200, seed=3000 + seed),
            h=h,
            seed=7000 + seed,
            n_attacks=100,
            attempts=1000,
            widths=(1, 3),
        )
        outside += [not a.risk.low <= 0 <= a.risk.high for a in found]
    assert (outside <= 7).all(), outside


def test_a_leak_is_measured_at_its_true_share():
    """A third of the synthetic rows are training rows: so are a third of the predicates."""
    for h in (100, 1000):
        train, fresh = people(1000, seed=3), people(1000, seed=4)
        leaked = Rows(
            numeric=np.vstack([train.numeric[:333], fresh.numeric[333:]]),
            codes=np.vstack([train.codes[:333], fresh.codes[333:]]),
        )
        found = attacks(train, leaked, h=h, widths=(7,), n_attacks=1500)[0]
        assert found.risk.low <= 1 / 3 <= found.risk.high
        assert found.risk.low > 0.1


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    train, synthetic = people(200, seed=5), people(200, seed=6)
    one, two = (attacks(train, synthetic, seed=3) for _ in range(2))
    other = singling_out(
        train=train, holdout=people(400, seed=94), synthetic=synthetic, widths=(4,), seed=4
    )
    for a, b in zip(one, two, strict=True):
        assert (a.main, a.control, a.baseline, a.risk) == (b.main, b.control, b.baseline, b.risk)
        np.testing.assert_array_equal(a.succeeded, b.succeeded)
    assert other[0].main != one[2].main


def test_the_person_who_is_isolated_is_named():
    train = Rows(numeric=np.array([[1.0], [2.0], [50.0]]), codes=np.array([[0], [0], [1]]))
    holdout = Rows(numeric=np.array([[1.0], [2.0], [3.0]]), codes=np.array([[0], [0], [0]]))
    synthetic = Rows(numeric=np.array([[1.5], [2.0], [40.0]]), codes=np.array([[0], [0], [1]]))
    (found,) = singling_out(train=train, holdout=holdout, synthetic=synthetic, widths=(2,), seed=0)
    assert found.succeeded[2]


def test_constant_columns_give_no_predicate_and_no_number():
    rows = Rows(numeric=np.full((30, 1), 2.0), codes=np.zeros((30, 2), int))
    for found in (
        attacks(rows, rows, h=10)
        if False
        else singling_out(train=rows, holdout=rows, synthetic=rows, widths=(1, 2), seed=0)
    ):
        # one row is left once copies are one: it "isolates" a condition that 30 people meet
        assert found.main.value == 0.0
        assert not found.succeeded.any()


def test_more_than_32_columns_and_one_row():
    rng = np.random.default_rng(8)
    rows = Rows(codes=rng.integers(0, 3, (50, 80)))
    (found,) = singling_out(
        train=rows,
        holdout=rows,
        synthetic=some(rows, np.arange(1)),
        widths=(40,),
        seed=0,
        n_attacks=20,
    )
    assert found.main.value == 1.0


def test_an_attacker_may_hold_some_columns_only():
    train = people(200, seed=9)
    only = np.zeros(7, np.bool_)
    only[3:] = True
    one, four, capped = attacks(train, train, widths=(1, 4, 7), columns=only)
    assert [a.target for a in (one, four, capped)] == ["1 column", "4 columns", "4 columns"]


def test_ranks_keep_the_order_of_all_tables_and_missing_is_below():
    one = Rows(numeric=np.array([[2.5], [NAN], [-1.0]]), codes=np.array([[3], [-1], [0]]))
    two = Rows(numeric=np.array([[0.0], [2.5]]), codes=np.array([[600], [0]]))
    ranked = RankedTables.of(one, two)
    assert ranked.tables[0].tolist() == [[2, 3], [-1, -1], [0, 0]]
    assert ranked.tables[1].tolist() == [[1, 600], [2, 0]]
    assert ranked.top[1] == 600
    assert ranked.is_number.tolist() == [True, False]


def test_distinct_keeps_each_row_once():
    rng = np.random.default_rng(10)
    table = rng.integers(-1, 3, (500, 5)).astype(np.int32)
    want = {tuple(row) for row in table.tolist()}
    got = distinct(table)
    assert len(got) == len(want)
    assert {tuple(row) for row in got.tolist()} == want


def test_a_larger_control_is_read_on_its_subsets():
    """Drawing them all by hand gives the same chance."""
    rng = np.random.default_rng(11)
    counts = np.array([0, 1, 2, 5, 9, 10])
    drawn = np.array(
        [[(rng.permutation(10)[:4] < c).sum() == 1 for c in counts] for _ in range(8000)]
    )
    np.testing.assert_allclose(one_of_a_subset(counts, 10, 4), drawn.mean(axis=0), atol=0.02)


def test_a_smaller_control_stands_in_for_members_without_bias():
    """Predicates of any weight: the share expected of n people is met on average."""
    rng = np.random.default_rng(12)
    n, h, weight = 300, 30, np.repeat([1e-4, 3e-3, 2e-2], 200)
    shares = []
    for _ in range(300):
        inside, outside = rng.binomial(n, weight), rng.binomial(h, weight)
        blank = np.full((600, 2), -1)
        found = in_place_of_members(Matches(inside, blank), Matches(outside, blank), n=n, h=h)
        shares.append(found)
    want = (n * weight * (1 - weight) ** (n - 1)).mean()
    assert np.mean(shares) == pytest.approx(want, abs=3 * np.std(shares) / np.sqrt(300))


def test_a_sweep_keeps_in_mind_that_predicates_share_people():
    """Corrected for one attack, an interval is what it was."""
    train, synthetic = people(300, seed=13), people(300, seed=14)
    for found in attacks(train, synthetic, h=80):
        again = corrected(found, 1).risk
        assert again.low == pytest.approx(found.risk.low)
        assert again.high == pytest.approx(found.risk.high)
        assert corrected(found, 5).risk.low < found.risk.low
