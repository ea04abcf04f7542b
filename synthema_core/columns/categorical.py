"""A nominal column: karyotype class, center, ICD code."""

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
    """Labels without an order; one that only `also` holds gets a code but is never drawn."""
    levels = Levels.fit(column, spec.categories, also)
    return Nominal(levels).protected(column, protection.min_count)
