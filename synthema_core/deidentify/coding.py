"""Top- and bottom-coding: values beyond a limit are set to it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ..errors import SchemaError
from ..schema.types import NUMERIC

if TYPE_CHECKING:
    from ..schema import Column, Schema

Limits = tuple[float | None, float | None]


def declared_limits(
    frame: pl.DataFrame, schema: "Schema", limits: Mapping[str, Limits]
) -> dict[str, Limits]:
    """The limits of the call, checked.

    Raises:
        SchemaError: If one is not of a numeric column, or is empty or upside down.
    """
    for name, (low, high) in limits.items():
        if name not in frame.columns or schema.column(name).kind not in NUMERIC:
            raise SchemaError(
                f"limits: column '{name}': expected a column of numbers that is released, of kind "
                f"{', '.join(NUMERIC)}. Correct the name, or leave it out."
            )
        if (low is None and high is None) or (None not in (low, high) and low > high):  # type: ignore[operator]
            raise SchemaError(f"limits: column '{name}': expected low <= high, or one of them.")
    return dict(limits)


def tail_limits(
    column: pl.Series, declared: "Column", share: float, *, least: int
) -> Limits | None:
    """Limits that set a share of either tail, and at least so many rows, to one value.

    None where the column is no number or is too short.
    """
    if declared.kind not in NUMERIC or not column.dtype.is_numeric():
        return None
    values = column.drop_nulls()
    if declared.sentinels:
        values = values.filter(~values.is_in(list(declared.sentinels)))
    x = np.sort(values.to_numpy().astype(float))
    rows = max(int(np.ceil(share * len(x))), least)
    if len(x) < 2 * rows:
        return None
    return float(x[rows - 1]), float(x[-rows])


def recode(column: pl.Series, declared: "Column", limits: Limits) -> tuple[pl.Series, int]:
    """The column within limits, and how many values were beyond; sentinels stay."""
    low, high = limits
    coded = column.cast(pl.Float64).clip(low, high)
    if declared.sentinels:
        special = column.is_in(list(declared.sentinels))
        coded = coded.zip_with(~special.fill_null(value=False), column.cast(pl.Float64))
    changed = int((coded != column.cast(pl.Float64)).sum())
    whole = column.dtype.is_integer() and all(v is None or v == int(v) for v in limits)
    return (coded.cast(column.dtype) if whole else coded).alias(column.name), changed
