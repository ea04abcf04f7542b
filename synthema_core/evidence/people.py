"""Attacks on rows, counted by patients: the most suspicious row of a patient speaks for him."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..intervals import Estimate, wilson
from ..privacy.disclosure import Attack, risk
from .material import Group

Bools = NDArray[np.bool_]


def by_patient(
    attack: Attack, train: Group, holdout: Group, counted: tuple[Bools, Bools]
) -> Attack:
    """The same attack, if it succeeds on a patient once it succeeds on one of his rows.

    Members and controls are counted alike, so more rows make no patient more of a member. The blind
    guess is granted as many tries as a patient has rows.

    Args:
        attack: On rows.
        train: The members.
        holdout: The controls.
        counted: (n,) and (h,) rows with something to lose; a patient counts with his.
    """
    if not (train.repeated or holdout.repeated):
        return attack
    ours, n = _hit(attack.succeeded, train, counted[0])
    theirs, h = _hit(attack.controls_succeeded, holdout, counted[1])
    rows = np.bincount(train.person[counted[0]])
    tries = rows[rows > 0]
    baseline = float((1 - (1 - attack.baseline) ** tries).mean()) if len(tries) else 0.0
    return replace(
        attack,
        main=_share(ours, n),
        control=_share(theirs, h),
        baseline=baseline,
        risk=risk(ours, n, theirs, h),
    )


def _hit(succeeded: Bools, group: Group, counted: Bools) -> tuple[int, int]:
    """Patients it succeeds on, and patients with something to lose."""
    hit = np.unique(group.person[succeeded & counted])
    return len(hit), len(np.unique(group.person[counted]))


def _share(hits: int, n: int) -> Estimate:
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    low, high = wilson(hits, n)
    return Estimate(value=hits / n, low=low, high=high, n=n)
