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
    numbers = list(range(layout.numbers))
    others = [c for c in range(len(layout.levels)) if c not in layout.state]
    if family == "numbers_first":
        free = [layout.numbers + c for c in others if c not in leads]
        sequence = [*_shuffled(numbers, rng), *_shuffled(free, rng)]
    else:
        sequence = _shuffled([*numbers, *(layout.numbers + c for c in others)], rng)

    order: dict[int, None] = {}
    for variable in sequence:
        if variable < layout.numbers:
            before = [c for c in (leads[variable], layout.state[variable]) if c >= 0]
            order.update(dict.fromkeys(layout.numbers + c for c in before))
        order.setdefault(variable)
    position = np.empty(layout.variables, np.int32)
    position[list(order)] = np.arange(layout.variables, dtype=np.int32)
    return position


def _shuffled(variables: list[int], rng: np.random.Generator) -> list[int]:
    return [variables[i] for i in rng.permutation(len(variables))]
