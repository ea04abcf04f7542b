"""A calendar date or a date with a time of day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .numeric import Numeric, expect

if TYPE_CHECKING:
    from ..schema import Column
    from .protected import Protection


def fit(column: pl.Series, spec: Column, protection: Protection) -> Numeric:
    """Instants, counted from 1970 in days where all are midnights, else more finely."""
    expect(spec, column, wanted="Date or Datetime", found=column.dtype in (pl.Date, pl.Datetime))
    return Numeric.fit(column, spec, protection)
