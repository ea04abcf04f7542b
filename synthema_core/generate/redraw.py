"""Rows that break no rule: draw, keep what is allowed, draw again, and stop with a clear error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ..errors import RuleError
from ..rules import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..rules import Rule
    from .conditions import Wanted

MIN_ACCEPTED = 1e-4  # below this share of accepted draws the request is refused
FIRST_LOOK = 20_000  # … but not before so many draws


def redraw(
    draw: Callable[[int], pl.DataFrame], n: int, rules: Sequence[Rule], wanted: Wanted
) -> pl.DataFrame:
    """The first n draws that break no rule and meet the conditions.

    What comes out is the generator's distribution given that the rules and conditions hold.

    Args:
        draw: Gives the draws of a turn 0, 1, 2, …
        n: How many rows are wanted.
        rules: Rules none of which a row may break.
        wanted: Conditions every row must meet.

    Returns:
        A table of n rows.

    Raises:
        RuleError: If fewer than one draw in 10,000 is accepted; it names the rule that refuses
            most.
    """
    kept: list[pl.DataFrame] = []
    have = drawn = turn = 0
    refused = np.zeros(len(rules))
    unmet = 0
    while have < n or not kept:
        table = draw(turn)
        breaks = broken(table, rules)
        met = wanted.met(table)
        good = table.filter(pl.Series(met & ~breaks.any(1)))
        kept.append(good)
        have, drawn, turn = have + good.height, drawn + table.height, turn + 1
        refused += breaks.sum(0)
        unmet += int((~met).sum())
        if drawn >= FIRST_LOOK and have < MIN_ACCEPTED * drawn:
            raise RuleError(_refusal(drawn, have, unmet, refused, rules, wanted))
    return pl.concat(kept).head(n)


def _refusal(
    drawn: int, have: int, unmet: int, refused: np.ndarray, rules: Sequence[Rule], wanted: Wanted
) -> str:
    message = f"sample: {have} of {drawn} draws were accepted."
    if wanted.conditions:
        message += f" {unmet} did not meet: {wanted.sentence()}."
    if refused.any():
        worst = int(refused.argmax())
        message += f" {int(refused[worst])} broke the rule: {rules[worst].sentence()}."
    return message + " Loosen the conditions, or correct the rule."
