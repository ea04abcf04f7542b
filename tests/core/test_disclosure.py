"""Links and secrets: nothing from a fresh sample, everything from a copy, and honest intervals."""

import numpy as np
import pytest

from synthema_core.privacy.disclosure import inference, linkability, risk
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


def test_the_two_sources_must_not_overlap():
    rows = people(9, seed=8)
    with pytest.raises(ValueError, match="expected columns in one of them, got some in both"):
        linkability(
            train=rows, holdout=rows, synthetic=rows, first=FIRST, second=FIRST, target="", seed=0
        )
