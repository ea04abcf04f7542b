"""A column that holds one value, or none at all."""

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
    """One value: it says nothing about a row, but a table that leaves it is told apart."""
    levels = Levels.fit(column, spec.categories, also)
    return Nominal(levels).protected(column, protection.min_count)
