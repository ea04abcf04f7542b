"""Columns that often equal each other: event-free survival that is survival."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .number import Floats

TIE_SHARE = 0.02  # two columns are tied if they agree on this share of the rows …
TIE_SURPRISE = 5.0  # … and this many times more often than independent columns would
MAX_TIES = 3


def find(
    sequence: Sequence[str],
    floats: Mapping[str, Floats],
    atoms: Mapping[str, Collection[float]],
    family: Mapping[str, object],
) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """The columns that each column is tied to, and its values that stay free.

    Args:
        sequence: Columns, those that others may be tied to first.
        floats: (n,) values of each column, NaN where missing.
        atoms: Values of each column that are states already, and no agreement.
        family: Only columns of the same family are compared.

    Returns:
        Targets, the most frequent first, and free values, of each tied column.
    """
    out = {}
    for place, name in enumerate(sequence):
        values = np.where(np.isin(floats[name], list(atoms[name])), np.nan, floats[name])
        targets = [t for t in sequence[:place] if family[t] == family[name]]
        free = np.isfinite(values)
        ties: list[str] = []
        while targets and len(ties) < MAX_TIES:
            agree = {t: (values == floats[t]) & free for t in targets}
            best = max(targets, key=lambda t: int(agree[t].sum()))
            if not _surprising(values[free], floats[best], int(agree[best].sum()), values.size):
                break
            ties.append(best)
            targets.remove(best)
            free &= ~agree[best]
        if ties:
            out[name] = tuple(ties), values[free]
    return out


def _surprising(values: Floats, target: Floats, agree: int, n: int) -> bool:
    """Whether so many agreements are more than a coincidence of two columns with common values."""
    if agree < max(10, TIE_SHARE * n):
        return False
    points, count = np.unique(values, return_counts=True)
    others, other_count = np.unique(target[np.isfinite(target)], return_counts=True)
    _, i, j = np.intersect1d(points, others, return_indices=True)
    chance = float((count[i] * (other_count[j] / max(other_count.sum(), 1))).sum())
    return agree > TIE_SURPRISE * chance
