"""The time of a time-to-event endpoint; its status is a column of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numeric import Numeric, expect

if TYPE_CHECKING:
    import polars as pl

    from ..schema import Column
    from .protected import Protection


def fit(column: pl.Series, spec: Column, protection: Protection) -> Numeric:
    """Times since the endpoint's origin, in the column's unit, whole or not."""
    expect(spec, column, wanted="numeric", found=column.dtype.is_numeric())
    return Numeric.fit(column, spec, protection)
