"""The orders in which members read the variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .rows import Layout

Family = Literal["numbers_first", "mixed"]


def draw(
    layout: Layout, family: Family, leads: Sequence[int], rng: np.random.Generator
) -> NDArray[np.int32]:
    """A random place for each variable; the state of a number always stands just before the number.

    Args:
        layout: The variables.
        family: "numbers_first" puts every number before the levels that often derive from it;
            "mixed" shuffles everything.
        leads: For each number the discrete variable that is drawn before it in either family, or
            -1: the status of a time, since times of events and of censoring are two simple
            distributions.
        rng: Source of the shuffle.

    Returns:
        (variables,) position of each variable.
    """
    placed: set[int] = set()

    def block(number: int) -> list[int]:
        before = [c for c in (leads[number], layout.state[number]) if c >= 0 and c not in placed]
        placed.update(before)
        return [*(layout.numbers + c for c in before), number]

    numbers = [block(j) for j in rng.permutation(layout.numbers).tolist()]
    others = [[layout.numbers + c] for c in range(len(layout.levels)) if c not in placed]
    if family == "numbers_first":
        blocks = [*numbers, *_shuffled(others, rng)]
    else:
        blocks = _shuffled(numbers + others, rng)
    order = [variable for block in blocks for variable in block]
    position = np.empty(layout.variables, np.int32)
    position[order] = np.arange(layout.variables, dtype=np.int32)
    return position


def _shuffled(blocks: list[list[int]], rng: np.random.Generator) -> list[list[int]]:
    return [blocks[i] for i in rng.permutation(len(blocks))]
