"""A column of whole numbers: age in years, platelets, a number of mutations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numeric import Numeric, expect

if TYPE_CHECKING:
    import polars as pl

    from ..schema import Column
    from .protected import Protection


def fit(column: pl.Series, spec: Column, protection: Protection) -> Numeric:
    """Whole numbers; a draw is whole because no decimals were recorded."""
    expect(spec, column, wanted="numeric", found=column.dtype.is_numeric())
    return Numeric.fit(column, spec, protection)
