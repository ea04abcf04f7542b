"""Every attack: everything from a copy, nothing from a fresh sample, and honest intervals."""

import json

import numba
import numpy as np
import pytest

from synthema_core.listing import plain
from synthema_core.privacy import neighborhood as near
from synthema_core.privacy.membership import RATES, scored
from synthema_core.privacy.suite import CLASSIFIER, OUTSIDERS, membership_attacks
from synthema_core.privacy.tally import stack, take
from synthema_core.privacy.values import values
from synthema_core.privacy.verdict import verdict
from synthema_kernels import Rows, reference

N = 150
NAMES = [
    "distance",
    "distance against people",
    "neighborhood",
    "distance in column groups",
    "distance: numbers",
    "distance: categories",
    "values",
    CLASSIFIER,
    OUTSIDERS,
]


def people(n, *, seed, missing=0.05):
    """Five numbers, of one decimal, and four codes that depend on one common factor."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 1))
    numeric = np.round(10 * (factor + rng.standard_normal((n, 5)))) / 80
    codes = (factor + rng.standard_normal((n, 4)) > 0).astype(int) + rng.integers(0, 2, (n, 4))
    numeric[rng.random(numeric.shape) < missing] = np.nan
    codes[rng.random(codes.shape) < missing] = -1
    return Rows(numeric=numeric, codes=codes)


def cheap(train, holdout, synthetic, *, seed):
    """All attacks without a classifier."""
    pool, m = stack(train, holdout), len(train)
    scores = [
        *near.neighborhood(pool, synthetic, groups=near.kinds(pool), seed=seed),
        near.Scores("values", values(pool, synthetic), "here"),
    ]
    return [
        scored(
            one.name,
            members=one.values[:m],
            controls=one.values[m:],
            n_synthetic=len(synthetic),
            source=one.source,
        )
        for one in scores
    ]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tables of 60 rows: starting threads costs more than searching."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture(scope="module")
def copied():
    train = people(N, seed=1)
    return membership_attacks(train=train, holdout=people(N, seed=2), synthetic=train, seed=0)


def test_every_attack_is_there_with_its_name_and_source(copied):
    assert [attack.name for attack in copied] == NAMES
    assert all(attack.source.endswith(RATES) for attack in copied)
    assert len({attack.source for attack in copied}) >= 7
    for attack in copied[:-1]:
        assert (len(attack.member_scores), len(attack.control_scores)) == (N, N)
    assert copied[-1].n_controls == N // 2


def test_a_copy_is_found_by_every_attack(copied):
    found = {attack.name: attack.auc for attack in copied}
    assert found["distance"].value > 0.97
    assert found["distance against people"].value > 0.97
    assert all(auc.low > 0.5 for name, auc in found.items() if "classifier" not in name)
    judged = verdict(copied, seed=0)
    assert judged.leak
    assert judged.p_value == pytest.approx(1 / (judged.relabelings + 1) * 10 / 9)
    assert judged.combined.auc.value > 0.97
    assert [one.name for one in judged.attacks] == [*NAMES, "combined"]


def test_no_score_of_a_person_reaches_a_report(copied):
    text = json.dumps(plain(copied))
    assert "tpr_at_01" in text
    assert "member_scores" not in text
    assert "control_scores" not in text


def test_the_same_seed_gives_the_same_bits(copied):
    train = people(N, seed=1)
    again = membership_attacks(train=train, holdout=people(N, seed=2), synthetic=train, seed=0)
    for one, other in zip(copied, again, strict=True):
        np.testing.assert_array_equal(one.member_scores, other.member_scores)
    assert verdict(copied, seed=3).attacks == verdict(again, seed=3).attacks


def test_fresh_people_betray_nobody():
    """Nominal 95 %: of 100 audits without any leak, at most 7 may say that there is one."""
    wrong, inside = np.zeros(9, int), []
    for seed in range(100):
        train, holdout, fresh = (people(60, seed=1000 * k + seed) for k in (1, 2, 3))
        attacks = cheap(train, holdout, fresh, seed=seed)
        judged = verdict(attacks, seed=seed, relabelings=99)
        aucs = [*(attack.auc for attack in attacks), judged.combined.auc]
        wrong += [*(not auc.low <= 0.5 <= auc.high for auc in aucs), judged.leak]
        for attack in attacks:
            rates = (attack.tpr_at_01, 0.001), (attack.tpr_at_1, 0.01), (attack.tpr_at_10, 0.1)
            inside.append([rate.low <= null <= rate.high for rate, null in rates])
    assert (wrong <= 7).all(), wrong
    assert (np.mean(inside, axis=0) >= 0.93).all()


def test_one_copied_patient_in_twenty_is_detected():
    """An otherwise fresh table at n = 770, with 5 % of the training rows in it."""
    train, holdout, fresh = (people(770, seed=k) for k in (7, 8, 9))
    synthetic = stack(take(train, slice(0, 38)), take(fresh, slice(38, None)))
    attacks = cheap(train, holdout, synthetic, seed=0)
    judged = verdict(attacks, seed=0)
    assert judged.leak
    assert attacks[0].tpr_at_1.low > 0.01
    worst = np.argsort(-attacks[0].member_scores, kind="stable")[:38]
    assert (worst < 38).mean() > 0.9


def test_values_betray_members_where_no_row_is_close():
    """Resampled columns: no synthetic row resembles a patient, every value is a patient's."""
    rng = np.random.default_rng(0)
    train, holdout = (Rows(numeric=rng.random((200, 8))) for _ in range(2))
    shuffled = Rows(numeric=rng.permuted(train.numeric, axis=0))
    attacks = {a.name: a.auc for a in cheap(train, holdout, shuffled, seed=0)}
    assert attacks["distance"].low < 0.5
    assert attacks["values"].value == 1.0


def test_members_that_are_avoided_are_found_as_well():
    """A filter that drops synthetic rows close to a patient tells who the patients are."""
    train, holdout, fresh = (people(400, seed=k) for k in (11, 12, 13))
    gap = reference.nearest(fresh, train, k=1).distance[:, 0]
    kept = take(fresh, gap > np.quantile(gap, 0.4))
    attacks = cheap(train, holdout, kept, seed=0)
    assert attacks[0].auc.high < 0.5
    assert verdict(attacks, seed=0).leak


def test_scores_meet_their_definitions():
    pool, synthetic = people(40, seed=3), people(30, seed=4)
    found = {s.name: s.values for s in near.neighborhood(pool, synthetic, groups={}, seed=0)}
    theirs, ours = reference.distances(pool, synthetic), reference.distances(pool, pool)
    np.fill_diagonal(ours, np.inf)
    ours = np.sort(ours, axis=1)
    np.testing.assert_array_equal(found["distance"], -theirs.min(axis=1))
    np.testing.assert_array_equal(found["distance against people"], ours[:, 0] - theirs.min(axis=1))
    np.testing.assert_array_equal(
        found["neighborhood"], (theirs <= ours[:, [4]]).sum(axis=1) / len(synthetic)
    )


def test_values_count_missing_and_leave_the_person_out():
    nan = np.nan
    pool = Rows(numeric=np.array([[nan], [nan], [1.0]]), codes=np.array([[0], [1], [-1]]))
    made = Rows(numeric=np.array([[nan], [2.0]]), codes=np.array([[0], [0]]))
    number = 2 * np.array([1.5, 1.5, 0.5]) / (2 + 1.5)  # of three levels: 1, 2, missing
    code = 2 * np.array([0.5, 0.5, 0.5]) / (2 + 1.5)
    want = np.log((np.array([1, 1, 0]) + 0.5) / (number + 0.5))
    want += np.log((np.array([2, 0, 0]) + 0.5) / (code + 0.5))
    np.testing.assert_allclose(values(pool, made), want)


def test_small_and_plain_tables_have_a_verdict():
    """One column, few people, everybody alike: nothing to find, and nothing breaks."""
    same = Rows(codes=np.zeros((12, 1), int))
    attacks = membership_attacks(train=same, holdout=take(same, slice(2)), synthetic=same, seed=0)
    judged = verdict(attacks, seed=0)
    assert not judged.leak
    assert all(attack.auc.value == 0.5 for attack in attacks)
    assert judged.combined.auc.value == 0.5


def test_a_verdict_needs_the_same_people():
    one = scored("one", members=np.ones(3), controls=np.ones(2), n_synthetic=1, source="")
    two = scored("two", members=np.ones(4), controls=np.ones(2), n_synthetic=1, source="")
    with pytest.raises(ValueError, match="expected all to have scored the same members"):
        verdict([one, two], seed=0)
    with pytest.raises(ValueError, match="expected at least one, got none"):
        verdict([], seed=0)
    nobody = scored("one", members=np.ones(3), controls=np.ones(0), n_synthetic=1, source="")
    assert verdict([nobody], seed=0) is None
