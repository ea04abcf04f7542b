"""Which training suits a table: candidates trained side by side, the likeliest on held-out rows.

Candidates depart from the pace that was set in one respect each. They start from the same members,
on the same folds with the same keys, so that what tells them apart is their training; all of them
are members of one compiled program.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synthema_kernels import flows

    from .training import Trainer


def candidates(pace: flows.Pace) -> tuple[flows.Pace, ...]:
    """The pace as it was set, then departures from it.

    Slower, faster, with less and with more dropout, and with a linear part that stays as it was
    fitted or moves as fast as the rest.
    """
    return (
        pace,
        replace(pace, rate=pace.rate / 3),
        replace(pace, rate=pace.rate * 2),
        replace(pace, dropout=pace.dropout / 3),
        replace(pace, dropout=(1 + 2 * pace.dropout) / 3),
        replace(pace, linear=0.0),
        replace(pace, linear=1.0),
    )


def searched(
    train: Trainer, pace: flows.Pace, members: flows.Member, fold: flows.Fold, keys: jax.Array
) -> tuple[flows.Pace, dict[str, Any]]:
    """The candidate of the highest held-out log-likelihood, and what was compared.

    Args:
        train: Trains stacked members.
        pace: As set; the first candidate, which stays where no other one is better.
        members: Where each fold starts, stacked.
        fold: The folds.
        keys: One for each fold.

    Returns:
        The pace to train with, and a record: for each candidate what it was and its loss on the
        held-out rows, in nats per row, mean over the folds of the lowest of each; the choice.
    """
    tried = candidates(pace)
    folds = len(fold.upto)
    place = np.tile(np.arange(folds), len(tried))
    own, at, key = jax.tree.map(lambda leaf: leaf[place], (members, fold, keys))
    fitted = train("search", own, at, _side_by_side(tried, folds), key)
    loss = np.reshape([min(curve) for curve in fitted.validation], (len(tried), folds)).mean(1)
    chosen = int(loss.argmin())
    compared = [
        {**asdict(one), "validation": float(nats)} for one, nats in zip(tried, loss, strict=True)
    ]
    return tried[chosen], {"folds": folds, "candidates": compared, "chosen": chosen}


def _side_by_side(paces: Sequence[flows.Pace], folds: int) -> flows.Pace:
    stacked: flows.Pace = jax.tree.map(
        lambda *each: np.repeat(np.asarray(each, np.float32), folds), *paces
    )
    return stacked
