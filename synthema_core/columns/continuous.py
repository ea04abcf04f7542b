"""A real-valued column: hemoglobin, a dose, a ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numeric import Numeric, expect

if TYPE_CHECKING:
    import polars as pl

    from ..schema import Column
    from .protected import Protection


def fit(column: pl.Series, spec: Column, protection: Protection) -> Numeric:
    """Real numbers in the column's own unit, drawn at the decimals they were recorded with."""
    expect(spec, column, wanted="numeric", found=column.dtype.is_numeric())
    return Numeric.fit(column, spec, protection)
