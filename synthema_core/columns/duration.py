"""A length of time: a number in the column's own unit, or a Polars Duration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .numeric import Numeric, expect

if TYPE_CHECKING:
    from ..schema import Column
    from .protected import Protection


def fit(column: pl.Series, spec: Column, protection: Protection) -> Numeric:
    """Lengths of time."""
    lengths = column.dtype.is_numeric() or column.dtype == pl.Duration
    expect(spec, column, wanted="numeric or Duration", found=lengths)
    return Numeric.fit(column, spec, protection)
