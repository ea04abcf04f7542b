"""Whole rows are rebuilt where they were copied or mixed of few, and not from fresh people."""

import numpy as np
import pytest

from synthema_core.privacy.attack import sweep
from synthema_core.privacy.reconstruction import reconstruction
from synthema_kernels import Rows, nearest

WAYS = ["rows", "middles", "lines"]


def people(n, *, seed, missing=0.03):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 1))
    numeric = (factor + rng.standard_normal((n, 5))) / 6
    codes = (factor + rng.standard_normal((n, 5)) > 0).astype(int) + rng.integers(0, 2, (n, 5))
    numeric[rng.random(numeric.shape) < missing] = np.nan
    codes[rng.random(codes.shape) < missing] = -1
    return Rows(numeric=numeric, codes=codes)


def mixed_of(train, k, *, seed):
    """Each row a random mean of k close people; levels and missingness of the heaviest."""
    rng = np.random.default_rng(seed)
    index = nearest(train, train, k, exclude_self=True).index
    weight = rng.exponential(size=index.shape) / 2.0 ** rng.permuted(
        np.tile(np.arange(k), (len(train), 1)), axis=1
    )
    weight /= weight.sum(axis=1, keepdims=True)
    heaviest = index[np.arange(len(train)), weight.argmax(axis=1)]
    values = (np.nan_to_num(train.numeric[index]) * weight[:, :, None]).sum(axis=1)
    numeric = np.where(np.isnan(train.numeric[heaviest]), np.nan, values)
    return Rows(numeric=numeric, codes=train.codes[heaviest])


def attacks(train, synthetic, *, h=300, **options):
    options = {"seed": 0} | options
    return reconstruction(train=train, holdout=people(h, seed=99), synthetic=synthetic, **options)


def test_a_copy_is_rebuilt_whole():
    train = people(300, seed=1)
    rows, *_ = found = attacks(train, train)
    assert [a.attacker for a in found] == WAYS
    assert rows.main.value == 1.0
    assert rows.risk.value > 0.95
    assert rows.target == "10 of 10 columns"
    assert rows.baseline < 0.1
    assert rows.succeeded.all()


def test_the_fewer_people_a_row_is_mixed_of_the_more_are_rebuilt():
    train = people(400, seed=2)
    risks = []
    for k in (2, 5, 20):
        found = sweep(attacks(train, mixed_of(train, k, seed=k), share=0.9, tolerance=0.03))
        risks.append(found.worst.risk)
    assert risks[0].value > risks[1].value > risks[2].value
    assert risks[0].low > 0.05


def test_middles_rebuild_whom_the_rows_alone_do_not():
    """Five noisy versions of each person: their middle is nearer to him than any of them."""
    train = people(120, seed=3, missing=0.0)
    rng = np.random.default_rng(4)
    repeated = np.repeat(np.arange(120), 5)
    numeric = train.numeric[repeated] + rng.normal(0, 0.03, (600, 5))
    noisy = Rows(numeric=numeric, codes=train.codes[repeated])
    rows, middles, _ = attacks(train, noisy, share=1.0, tolerance=0.03)
    assert middles.main.value > rows.main.value + 0.1
    assert middles.risk.low > 0.3


@pytest.mark.usefixtures("one_thread")
def test_fresh_people_are_rebuilt_no_more_than_the_control():
    outside = np.zeros(3)
    for seed in range(100):
        found = reconstruction(
            train=people(120, seed=1000 + seed),
            holdout=people(90, seed=2000 + seed),
            synthetic=people(120, seed=3000 + seed),
            share=0.8,
            seed=seed,
        )
        outside += [not a.risk.low <= 0 <= a.risk.high for a in found]
    assert (outside <= 7).all(), outside


def test_the_same_seed_gives_the_same_bits_and_some_people_are_enough():
    train, synthetic = people(200, seed=5), people(200, seed=6)
    one, two = (attacks(train, synthetic, n_attacks=50, share=0.7) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert (a.main, a.control, a.risk) == (b.main, b.control, b.risk)
        assert a.main.n == a.attacked.sum() == 50


def test_small_tables_and_shares_out_of_range():
    train = people(30, seed=7)
    one_row = Rows(numeric=train.numeric[:1], codes=train.codes[:1])
    assert [a.attacker for a in attacks(train, one_row)] == ["rows"]
    two = Rows(numeric=train.numeric[:2], codes=train.codes[:2])
    assert [a.attacker for a in attacks(train, two)] == ["rows", "lines"]
    with pytest.raises(ValueError, match="share: expected more than 0 and at most 1, got 0"):
        attacks(train, train, share=0.0)
