"""The orders in which members read the variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .rows import Layout

Family = Literal["numbers_first", "mixed"]


def draw(layout: Layout, family: Family, rng: np.random.Generator) -> NDArray[np.int32]:
    """A random place for each variable; the state of a number always stands just before the number.

    Args:
        layout: The variables.
        family: "numbers_first" puts every number before the levels that often derive from it; "mixed"
            shuffles everything.
        rng: Source of the shuffle.

    Returns:
        (variables,) position of each variable.
    """
    states = {s for s in layout.state if s >= 0}
    numbers = [
        [layout.numbers + s, j] if s >= 0 else [j] for j, s in enumerate(layout.state)
    ]
    others = [[layout.numbers + c] for c in range(len(layout.levels)) if c not in states]
    if family == "numbers_first":
        blocks = [*_shuffled(numbers, rng), *_shuffled(others, rng)]
    else:
        blocks = _shuffled(numbers + others, rng)
    order = [variable for block in blocks for variable in block]
    position = np.empty(layout.variables, np.int32)
    position[order] = np.arange(layout.variables, dtype=np.int32)
    return position


def _shuffled(blocks: list[list[int]], rng: np.random.Generator) -> list[list[int]]:
    return [blocks[i] for i in rng.permutation(len(blocks))]
