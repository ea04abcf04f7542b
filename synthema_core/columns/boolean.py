"""A yes-or-no column: a mutation, an event status; stored as 0 and 1, as words or as booleans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .levels import Levels
from .nominal import Nominal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from ..schema import Column
    from .protected import Protection


def fit(
    column: pl.Series, spec: Column, also: Sequence[pl.Series], protection: Protection
) -> Nominal:
    """Two values, the negative one first; a third in `also` gets a code but is never drawn."""
    levels = Levels.fit(column, spec.categories, also)
    return Nominal(levels).protected(column, protection.min_count)
