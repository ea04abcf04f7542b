"""Links and secrets: nothing from a fresh sample, everything from a copy, and honest intervals."""

import numpy as np
import pytest
from scipy.stats import binom

from synthema_core.privacy.attack import detectable
from synthema_core.privacy.disclosure import (
    inference,
    linkability,
    risk,
    sweep_inference,
    sweep_linkability,
)
from synthema_kernels import Rows

N = 400
FIRST, SECOND = (np.arange(9) % 2 == side for side in (0, 1))


def people(n, *, seed, missing=0.05):
    """Five numbers and four codes that depend on one common factor."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 1))
    numeric = factor + rng.standard_normal((n, 5))
    codes = (factor + rng.standard_normal((n, 4)) > 0).astype(int) + rng.integers(0, 2, (n, 4))
    numeric[rng.random(numeric.shape) < missing] = np.nan
    codes[rng.random(codes.shape) < missing] = -1
    return Rows(numeric=numeric / 8, codes=codes)


def attacks(train, synthetic, *, seed=0):
    holdout = people(N, seed=91 + seed)
    common = {"train": train, "holdout": holdout, "synthetic": synthetic, "seed": seed}
    return (
        linkability(**common, first=FIRST, second=SECOND, target="even, odd"),
        *inference(**common, secrets=[0, 5], names=["a number", "a code"]),
    )


def test_a_copy_discloses_everything():
    train = people(N, seed=1)
    link, number, code = attacks(train, train)
    assert link.main.value == 1.0
    assert link.risk.value == 1.0
    for attack in (number, code):
        assert attack.main.value == 1.0
        assert attack.risk.low > 0.8
    assert number.main.n == np.isfinite(train.numeric[:, 0]).sum()


def test_a_shuffled_copy_is_as_bad():
    train = people(N, seed=2)
    order = np.random.default_rng(0).permutation(N)
    shuffled = Rows(numeric=train.numeric[order], codes=train.codes[order])
    for one, other in zip(attacks(train, train), attacks(train, shuffled), strict=True):
        assert one.main == other.main


@pytest.mark.usefixtures("one_thread")
def test_fresh_people_disclose_nothing_beyond_the_control():
    """Nominal 95 %: of 100 audits without any leak, at most 7 may say that there is one."""
    outside = np.zeros(3)
    for seed in range(100):
        found = attacks(people(N, seed=1000 + seed), people(N, seed=3000 + seed), seed=7000 + seed)
        outside += [not a.risk.low <= 0 <= a.risk.high for a in found]
    assert (outside <= 7).all(), outside


def test_a_secret_that_everybody_could_infer_is_no_disclosure():
    """The code repeats the sign of a number: the control learns it as well."""
    tables = []
    for seed in (3, 4, 5):
        numeric = np.random.default_rng(seed).uniform(-1, 1, (N, 1))
        tables.append(Rows(numeric=numeric, codes=(numeric > 0).astype(int)))
    train, holdout, synthetic = tables
    (found,) = inference(
        train=train, holdout=holdout, synthetic=synthetic, secrets=[1], names=["sign"], seed=0
    )
    assert found.main.value > 0.97
    assert found.baseline == pytest.approx(0.5, abs=0.05)
    assert found.risk.low <= 0 <= found.risk.high


def test_a_leak_is_measured_at_its_true_share():
    """For 30 % of the patients the secret stands beside an exact copy of what is known."""
    rng = np.random.default_rng(6)

    def table():
        return Rows(numeric=rng.random((2000, 4)), codes=rng.integers(0, 50, (2000, 1)))

    train, holdout, synthetic = table(), table(), table()
    leaked = Rows(
        numeric=np.vstack([train.numeric[:600], synthetic.numeric[600:]]),
        codes=np.vstack([train.codes[:600], synthetic.codes[600:]]),
    )
    (found,) = inference(
        train=train, holdout=holdout, synthetic=leaked, secrets=[4], names=["code"], seed=0
    )
    assert found.risk.low <= 0.3 <= found.risk.high
    assert found.succeeded[:600].all()


def test_people_without_a_secret_are_left_out_and_a_missing_guess_fails():
    known = np.zeros((4, 1))
    train = Rows(numeric=known, codes=np.array([[1], [-1], [1], [-1]]))
    nothing = Rows(numeric=known[:1], codes=np.array([[-1]]))
    (found,) = inference(
        train=train, holdout=train, synthetic=nothing, secrets=[1], names=["code"], seed=0
    )
    assert (found.main.value, found.main.n) == (0.0, 2)
    assert found.baseline == 0.0


def test_ties_are_broken_at_random_and_not_by_the_order_of_rows():
    """All rows are alike in both sources: a link is a coincidence, not a certainty."""
    same = Rows(codes=np.zeros((200, 2), int))
    found = linkability(
        train=same,
        holdout=same,
        synthetic=same,
        first=np.array([True, False]),
        second=np.array([False, True]),
        target="both",
        seed=0,
    )
    assert found.main.value <= 0.5
    assert found.baseline == pytest.approx(1 / 200)


def test_the_interval_of_a_risk():
    """The ends where a naive formula divides by zero."""
    assert risk(0, 0, 1, 5).value is None
    assert risk(5, 5, 5, 5).value is None
    sure = risk(50, 50, 0, 50)
    assert sure.value == 1.0
    assert 0.8 < sure.low < sure.high == 1.0
    none = risk(0, 50, 0, 50)
    assert none.value == 0.0
    assert none.low < 0 < none.high
    worse = risk(10, 50, 30, 50)
    assert worse.value == pytest.approx(-1.0)
    assert worse.high < 0


@pytest.mark.parametrize(("n", "h"), [(40, 40), (25, 60), (120, 12)])
@pytest.mark.parametrize("leak", [0.0, 0.3])
def test_the_interval_of_a_risk_covers_at_least_as_often_as_it_says(n, h, leak):
    """Exactly, over all pairs of counts, but for a control that never fails: that has no risk."""
    grid = [[risk(a, n, b, h) for b in range(h)] for a in range(n + 1)]
    held = np.array(
        [[one.low <= leak + 1e-12 and leak <= one.high + 1e-12 for one in line] for line in grid]
    )
    for share in np.linspace(0.02, 0.98, 25):
        main = binom.pmf(np.arange(n + 1), n, share + leak * (1 - share))
        control = binom.pmf(np.arange(h), h, share)
        assert main @ held @ control >= 0.95 * control.sum()


@pytest.mark.parametrize(("n", "h"), [(40, 40), (60, 120), (120, 30)])
def test_a_detectable_risk_is_seen_in_four_audits_of_five(n, h):
    """Exactly, over all pairs of counts; few controls that fail make it too careful, never bold."""
    seen = np.array([[risk(a, n, b, h).low > 0 for b in range(h)] for a in range(n + 1)])
    for share in (0.05, 0.2, 0.5, 0.7):
        least = detectable(share * h, h, n)
        main = binom.pmf(np.arange(n + 1), n, share + least * (1 - share))
        power = main @ seen @ binom.pmf(np.arange(h), h, share)
        assert 0.78 <= power <= 0.95 or least == 1.0
    assert detectable(0, 0, n) == detectable(h, h, n) == 1.0


def test_a_risk_with_a_correction_has_a_wider_interval():
    alone, one_of_ten = risk(12, 40, 5.5, 30.5), risk(12, 40, 5.5, 30.5, outside=0.0025)
    assert one_of_ten.low < alone.low < alone.value < alone.high < one_of_ten.high


def test_the_two_sources_must_not_overlap():
    rows = people(9, seed=8)
    with pytest.raises(ValueError, match="expected columns in one of them, got some in both"):
        linkability(
            train=rows, holdout=rows, synthetic=rows, first=FIRST, second=FIRST, target="", seed=0
        )


NAMES = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]


@pytest.mark.usefixtures("one_thread")
def test_a_sweep_finds_the_split_that_links_and_is_silent_on_fresh_people():
    train = people(300, seed=11)
    common = {"holdout": people(300, seed=12), "names": NAMES, "seed": 0, "splits": 4}
    copy = sweep_linkability(train=train, synthetic=train, **common)
    assert copy.worst.main.value == 1.0
    assert copy.worst.tried == len(copy.attacks) == 7
    alone = next(a for a in copy.attacks if a.target == copy.worst.target)
    assert copy.worst.risk.low < alone.risk.low  # corrected for having tried seven
    outside = 0
    for seed in range(40):
        fresh = sweep_linkability(
            train=people(150, seed=500 + seed),
            synthetic=people(150, seed=700 + seed),
            holdout=people(150, seed=900 + seed),
            names=NAMES,
            splits=3,
            seed=seed,
        )
        outside += fresh.worst.risk.low > 0
    assert outside <= 4, outside


def test_a_split_that_was_tried_is_not_tried_again():
    rows = people(20, seed=13)
    asked = {"train": rows, "holdout": rows, "synthetic": rows, "names": NAMES, "seed": 1}
    halves = np.arange(9) < 5  # the numbers: one of the structured ways, twice
    assert len(sweep_linkability(**asked, splits=0).attacks) == 3
    assert len(sweep_linkability(**asked, splits=0, quasi_identifiers=halves).attacks) == 3
    assert len(sweep_linkability(**asked, splits=0, quasi_identifiers=~halves).attacks) == 3


def test_a_sweep_of_secrets_finds_the_one_that_leaks():
    """The last code is random, and stands beside an exact copy of what is known for 40 %."""
    rng = np.random.default_rng(14)

    def table(n):
        rows = people(n, seed=int(rng.integers(2**30)), missing=0.0)
        codes = np.hstack([rows.codes[:, :2], rng.integers(0, 9, (n, 1))])
        return Rows(numeric=rows.numeric[:, :3], codes=codes)

    train, holdout, synthetic = table(500), table(500), table(500)
    leaked = Rows(
        numeric=np.vstack([train.numeric[:200], synthetic.numeric[200:]]),
        codes=np.vstack([train.codes[:200], synthetic.codes[200:]]),
    )
    found = sweep_inference(
        train=train, holdout=holdout, synthetic=leaked, names=NAMES[:6], k=(1, 3), seed=0
    )
    assert {a.attacker for a in found.attacks} == {"nearest", "3 nearest", "model"}
    assert len(found.attacks) == 18
    nearest_of_last = next(a for a in found.attacks if a.target == "f")
    assert nearest_of_last.risk.low <= 0.4 <= nearest_of_last.risk.high
    assert found.worst.risk.low > 0.2
    assert found.worst.tried == 18


@pytest.mark.parametrize("options", [{"k": 5}, {"model": True}], ids=["5 nearest", "model"])
def test_every_attacker_is_silent_on_what_anybody_could_infer(options):
    """A secret that the population gives away is guessed well, and is no disclosure."""
    tables = []
    for seed in (15, 16, 17):
        numeric = np.random.default_rng(seed).uniform(-1, 1, (N, 2))
        tables.append(Rows(numeric=numeric, codes=(numeric[:, :1] > 0).astype(int)))
    train, holdout, synthetic = tables
    (found,) = inference(
        train=train,
        holdout=holdout,
        synthetic=synthetic,
        secrets=[2],
        names=["sign"],
        seed=0,
        **options,
    )
    assert found.main.value > 0.85
    assert found.risk.low <= 0 <= found.risk.high


def test_a_model_reads_missing_fields_rare_levels_and_empty_columns():
    rng = np.random.default_rng(18)
    numeric = rng.random((N, 3))
    numeric[:, 1] = np.nan
    numeric[:200, 0] = np.nan
    codes = np.stack([np.arange(N), rng.integers(-1, 3, N), np.full(N, -1)], axis=1)
    rows = Rows(numeric=numeric, codes=codes)
    found = inference(
        train=rows,
        holdout=rows,
        synthetic=rows,
        secrets=range(6),
        names=NAMES[:6],
        model=True,
        seed=0,
    )
    assert [a.main.n for a in found[1::4]] == [0, 0]  # nothing to lose, nothing to measure
    assert all(0 <= a.main.value <= 1 for a in found if a.main.n)


def test_votes_of_the_closest():
    """The commonest level, the closest of equals; the median of the numbers that are there."""
    synthetic = Rows(
        numeric=np.array([[0.0, 5.0], [0.1, np.nan], [0.2, 1.0]]), codes=np.array([[7], [8], [8]])
    )
    person = Rows(numeric=np.array([[0.0, 3.0]]), codes=np.array([[8]]))
    asked = {"train": person, "holdout": person, "synthetic": synthetic, "seed": 0}
    known = np.array([True, False, False])

    def hit(secret, k):
        (found,) = inference(
            **asked, secrets=[secret], names=["x"], known=known, k=k, tolerance=1e-9
        )
        return bool(found.succeeded[0])

    assert [hit(2, k) for k in (1, 2, 3)] == [False, False, True]
    assert [hit(1, k) for k in (1, 2, 3)] == [False, False, True]


def test_some_people_are_attacked_and_a_small_control_is_enough():
    train = people(300, seed=19)
    common = {"train": train, "holdout": people(40, seed=20), "synthetic": train, "n_attacks": 100}
    link = linkability(**common, first=FIRST, second=SECOND, target="", seed=0)
    secret = inference(**common, secrets=[5], names=["code"], seed=0)[0]
    for found in (link, secret):
        assert found.control.n <= 40
        assert found.attacked.sum() == found.main.n <= 100
        assert not found.succeeded[~found.attacked].any()
        assert found.succeeded.shape == (300,)
    again = linkability(**common, first=FIRST, second=SECOND, target="", seed=0)
    np.testing.assert_array_equal(link.attacked, again.attacked)
