"""Quasi-identifiers: replicated uniques, classes of one mind, and match and learn."""

import numpy as np
import pytest

from synthema_core.privacy.keys import classes, grouped
from synthema_core.privacy.match_and_learn import match_and_learn
from synthema_core.privacy.replicated import replicated
from synthema_kernels import Rows

NAN = float("nan")
NAMES = ["age", "lab", "sex", "site", "drug"]
QUASI = np.array([True, False, True, True, False])


def people(n, *, seed, missing=0.05):
    rng = np.random.default_rng(seed)
    age, sex, site = rng.integers(20, 90, n), rng.integers(0, 2, n), rng.geometric(0.4, n)
    numeric = np.stack([age.astype(float), rng.gamma(2, 3, n) + age / 20], axis=1)
    codes = np.stack([sex, site, (rng.random(n) < 0.2) + 2 * (rng.random(n) < 0.1)], axis=1)
    numeric[rng.random(numeric.shape) < missing] = NAN
    codes[rng.random(codes.shape) < missing] = -1
    return Rows(numeric=numeric, codes=codes.astype(int))


def asked(train, synthetic, holdout, **options):
    common = {"names": NAMES, "quasi_identifiers": QUASI} | options
    return {"train": train, "synthetic": synthetic, "holdout": holdout} | common


def test_counts_are_those_of_the_definitions():
    """Counted again with dictionaries of tuples, exact values, missing a value of its own."""
    train, synthetic, holdout = (people(150, seed=s) for s in (1, 2, 3))
    found = replicated(**asked(train, synthetic, holdout, groups=None))

    def table(rows):
        whole = np.hstack([rows.numeric, rows.codes])
        return [tuple(np.nan_to_num(r, nan=-1)) for r in whole]

    def key(row):
        return tuple(np.array(row)[QUASI])

    mine, made = table(train), table(synthetic)
    d, s = {}, {}
    for rows, into in ((mine, d), (made, s)):
        for row in rows:
            into.setdefault(key(row), []).append(row)
    assert found.in_train.value == sum(len(d[key(r)]) == 1 for r in mine) / 150
    assert found.in_synthetic.value == sum(len(s[key(r)]) == 1 for r in made) / 150
    both = [len(d[key(r)]) == 1 == len(s.get(key(r), [])) for r in mine]
    assert found.attack.main.value == sum(both) / 150
    np.testing.assert_array_equal(found.attack.succeeded, both)
    for target in found.targets:
        at = NAMES.index(target.name)

        def one(rows, at=at):
            said = {row[at] for row in rows}
            return said.pop() if len(said) == 1 and -1 not in said else None

        has = [r for r in mine if r[at] != -1]
        right = [one(s.get(key(r), [])) == r[at] for r in has]
        assert target.attack.main.value == pytest.approx(sum(right) / len(has))
        strict = [ok and one(d[key(r)]) is not None for ok, r in zip(right, has, strict=True)]
        assert target.in_both.value == pytest.approx(sum(strict) / len(has))
        assert target.in_train.value == pytest.approx(
            sum(one(d[key(r)]) is not None for r in has) / len(has)
        )


def test_a_copy_replicates_every_unique_and_a_shuffled_copy_too():
    train, holdout = people(300, seed=4), people(100, seed=5)
    order = np.random.default_rng(0).permutation(300)
    shuffled = Rows(numeric=train.numeric[order], codes=train.codes[order])
    one, two = (replicated(**asked(train, t, holdout)) for t in (train, shuffled))
    assert one.attack.main == two.attack.main == one.in_train
    assert one.attack.risk.low > 0
    for target in one.targets:
        assert target.in_both == target.in_train == target.attack.main


def test_fresh_people_are_within_the_control():
    outside = np.zeros(3)
    for seed in range(100):
        tables = [
            people(n, seed=100 * seed + i)
            for i, n in enumerate((200, 200, 200 if seed % 2 else 60))
        ]
        found = replicated(**asked(*tables, targets=[1]))
        learned = match_and_learn(**asked(*tables))
        for i, one in enumerate((found.attack, found.targets[0].attack, learned.attack)):
            outside[i] += not one.risk.low <= 0 <= one.risk.high
    assert (outside <= 7).all(), outside


def test_match_and_learn_on_a_table_small_enough_to_count():
    """Two classes: one person alone with a rare drug, five who share the common one."""
    codes = np.array([[0, 1]] + [[1, 0]] * 5)
    rows = Rows(codes=codes)
    made = Rows(codes=codes[:2])
    found = match_and_learn(
        train=rows,
        synthetic=made,
        holdout=rows,
        names=["sex", "drug"],
        quasi_identifiers=np.array([True, False]),
        sampling_fraction=0.5,
    )
    # The rare drug (1 of 6) is news, the common one (5 of 6) is not.
    assert found.attack.succeeded.tolist() == [True] + [False] * 5
    assert found.population_to_sample.value == pytest.approx(1 / 12)  # 1 / f = 1, N = 12
    assert found.sample_to_population.value == pytest.approx(1 / 6 / 2)  # F = 2, n = 6
    assert found.risk.value == pytest.approx(1 / 12)
    assert found.real.value == pytest.approx(1 / 12)
    assert found.line == 0.09
    assert "0.5 of the population" in found.assumed
    worst = match_and_learn(
        train=rows,
        synthetic=made,
        holdout=rows,
        names=["sex", "drug"],
        quasi_identifiers=np.array([True, False]),
    )
    assert worst.risk.value == pytest.approx(1 / 6)
    assert "worst case" in worst.assumed


def test_a_number_is_learned_when_it_is_near_for_how_common_it_is():
    lab = np.concatenate([np.linspace(0, 1, 40), [30.0]])
    train = Rows(numeric=lab[:, None], codes=np.zeros((41, 1), int))
    options = {
        "train": train,
        "holdout": train,
        "names": ["lab", "site"],
        "quasi_identifiers": np.array([False, True]),
    }
    near = match_and_learn(synthetic=Rows(numeric=[[29.0]], codes=[[0]]), **options)
    assert near.attack.succeeded[40]  # alone out there: even a difference of 1 is telling
    elsewhere = match_and_learn(synthetic=Rows(numeric=[[29.0]], codes=[[1]]), **options)
    assert not elsewhere.attack.succeeded.any()


def test_shares_out_of_range_are_refused():
    rows = people(10, seed=7)
    for name, value in (("sampling_fraction", 0.0), ("adjustment", 0.4), ("learned_share", 1.5)):
        with pytest.raises(ValueError, match=name):
            match_and_learn(**asked(rows, rows, rows), **{name: value})


def test_without_a_holdout_nothing_is_claimed():
    rows = people(50, seed=8)
    nobody = Rows(numeric=rows.numeric[:0], codes=rows.codes[:0])
    found = replicated(**asked(rows, rows, nobody))
    assert found.attack.risk.value is None
    assert found.attack.control.value is None
    assert all(t.attack.risk.value is None for t in found.targets)
    assert match_and_learn(**asked(rows, rows, nobody)).attack.risk.value is None


def test_numbers_are_cut_at_quantiles_of_the_first_table():
    one, two = Rows(numeric=np.arange(100.0)[:, None]), Rows(numeric=[[NAN], [1e6], [-5.0]])
    first, second = grouped([one, two], 4)
    assert np.bincount(first.numeric[:, 0].astype(int)).tolist() == [25, 25, 25, 25]
    assert np.isnan(second.numeric[0, 0])
    assert second.numeric[1:, 0].tolist() == [3, 0]
    few = Rows(numeric=[[1.0], [2.0]])
    assert grouped([few, few], 4)[0].numeric.tolist() == [[1.0], [2.0]]
    assert [c.tolist() for c in classes([few, few], np.array([True]))] == [[0, 1], [0, 1]]
    assert classes([few, few], np.array([False]))[0].tolist() == [0, 0]
