"""Columns as arrays in their own units, for the tables that are to be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..schema import Column, Endpoint, Schema

NUMBERS = ("continuous", "count", "date", "datetime", "duration", "time")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """One column of several tables.

    Attributes:
        name: Column.
        kind: Its kind in the schema.
        labels: The k categories as text, those the schema knows first; None for numbers.
        tables: One array per table: float64 with NaN for missing, or int64 codes of `labels` with
            -1 for missing.
    """

    name: str
    kind: str
    labels: tuple[str, ...] | None
    tables: tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Times:
    """Follow-up of one table.

    Attributes:
        time: (n,) float64, finite; NaN if missing.
        cause: (n,) int64: 0 is censored, k > 0 the k-th event value, -1 missing.
    """

    time: NDArray[np.float64]
    cause: NDArray[np.int64]


def values(tables: Sequence[pl.DataFrame], schema: Schema) -> tuple[Values, ...]:
    """Every modelled column of the schema.

    A sentinel counts as missing: it is a code and no quantity. Dates count in days, durations in
    seconds if Polars knows them as durations, else in their own unit.

    Args:
        tables: Frames that hold every modelled column.
        schema: Of the frames.

    Returns:
        In the schema's order; an all-missing column is left out where no table has a value.
    """
    found = (_column([table[c.name] for table in tables], c) for c in schema.modelled)
    return tuple(column for column in found if column is not None)


def numbers(series: pl.Series, column: Column) -> NDArray[np.float64]:
    """A numeric column as float64, NaN for missing and for a sentinel."""
    if series.dtype == pl.Date:
        series = series.to_physical()
    elif series.dtype == pl.Datetime:
        series = series.dt.epoch("us") / 86_400e6
    elif series.dtype == pl.Duration:
        series = series.dt.total_microseconds() / 1e6
    found: NDArray[np.float64] = series.cast(pl.Float64).to_numpy().astype(np.float64)
    if column.sentinels:
        found[np.isin(found, column.sentinels)] = np.nan
    return found


def times(table: pl.DataFrame, endpoint: Endpoint, schema: Schema) -> Times:
    """Time and status of one endpoint; a status that is no event is censoring."""
    status = table[endpoint.status]
    cause = np.zeros(len(status), dtype=np.int64)
    for k, value in enumerate(endpoint.event, start=1):
        cause[(status == value).fill_null(value=False).to_numpy()] = k
    cause[status.is_null().to_numpy()] = -1
    return Times(time=numbers(table[endpoint.time], schema.column(endpoint.time)), cause=cause)


def _column(series: Sequence[pl.Series], column: Column) -> Values | None:
    if all(one.null_count() == len(one) for one in series):
        return None
    labels: tuple[str, ...] | None = None
    tables: tuple[NDArray[Any], ...]
    if column.kind in NUMBERS:
        tables = tuple(numbers(one, column) for one in series)
    else:
        texts = [one.cast(pl.String) for one in series]
        known = pl.Series(list(column.categories or ()), strict=False)
        known = known.cast(series[0].dtype, strict=False).cast(pl.String).drop_nulls()
        seen = pl.concat([one.drop_nulls() for one in texts]).unique().sort()
        labels = tuple(dict.fromkeys([*known.to_list(), *seen.to_list()]))
        code = {label: i for i, label in enumerate(labels)}
        tables = tuple(
            one.replace_strict(code, default=-1, return_dtype=pl.Int64).to_numpy() for one in texts
        )
    return Values(name=column.name, kind=column.kind, labels=labels, tables=tables)
