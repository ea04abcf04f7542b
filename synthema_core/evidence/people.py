"""Attacks on rows, counted by patients: the most suspicious row of a patient speaks for him."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..privacy.attack import Attack, detectable, risk, share
from .material import Group

Bools = NDArray[np.bool_]


def by_patient(attack: Attack, train: Group, holdout: Group) -> Attack:
    """The same attack, if it succeeds on a patient once it succeeds on one of his rows.

    Members and controls are counted alike, so more rows make no patient more of a member. The blind
    guess is granted as many tries as a patient has rows that were attacked.

    Args:
        attack: On rows.
        train: The members.
        holdout: The controls.
    """
    if not (train.repeated or holdout.repeated):
        return attack
    at = [
        np.ones(len(group.number), np.bool_) if some is None else some
        for some, group in ((attack.attacked, train), (attack.controls_attacked, holdout))
    ]
    ours, n = _hit(attack.succeeded, train, at[0])
    theirs, h = _hit(attack.controls_succeeded, holdout, at[1])
    rows = np.bincount(train.person[at[0]])
    tries = rows[rows > 0]
    baseline = float((1 - (1 - attack.baseline) ** tries).mean()) if len(tries) else 0.0
    return replace(
        attack,
        main=share(ours, n),
        control=share(theirs, h),
        baseline=baseline,
        risk=risk(ours, n, theirs, h),
        minimum_detectable_risk=detectable(theirs, h, n),
    )


def _hit(succeeded: Bools, group: Group, attacked: Bools) -> tuple[int, int]:
    """Patients it succeeds on, and patients attacked."""
    hit = np.unique(group.person[succeeded & attacked])
    return len(hit), len(np.unique(group.person[attacked]))
