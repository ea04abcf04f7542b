"""Decide what each column of a table is, say why, and warn where a person should look."""

from dataclasses import replace

import polars as pl

from ..errors import SchemaError
from ..tables import as_frame
from .endpoints import find_endpoints
from .implications import find_implications
from .kinds import decide, look
from .orders import find_orders
from .structure import find_copies, find_structure
from .types import Column, Schema


def infer(table: object, *, name: str = "") -> Schema:
    """A first schema of a table, to be read by a person before it is used.

    Every column gets a kind and the reason for it; `warnings` say where a person should look. Times
    are tied to their status, orders between endpoints and structural missingness are proposed as
    rules that hold in this table. Roles are a person's decision and stay empty.

    Args:
        table: (n, c) with n >= 2, anything `as_frame` takes.
        name: Name of the schema.

    Raises:
        TableError: If the table is not fit to be looked at (see `as_frame`).
        SchemaError: If there is a single row, or a time of an endpoint is negative, unless its name
            may mean something else.
    """
    declared = _enum_orders(table)
    frame = as_frame(table, name=name or "table")
    if frame.height < 2:
        raise SchemaError(
            f"{name or 'table'}: expected at least two rows to infer a schema from, got "
            f"{frame.height}. Give more rows, or write the schema by hand."
        )
    columns = tuple(decide(look(series, declared.get(series.name, ()))) for series in frame)
    found = find_endpoints(frame, columns)
    status_of = {endpoint.time: endpoint.status for endpoint in found.endpoints}
    columns = tuple(
        _as_time(c, status_of[c.name], frame.get_column(c.name)) if c.name in status_of else c
        for c in columns
    )
    several = {e.status for e in found.endpoints if len(e.event) > 1}
    columns = tuple(
        replace(c, kind="categorical", reason=f"{c.reason}; competing events have no order")
        if c.name in several and c.kind == "ordinal"
        else c
        for c in columns
    )
    rules = find_structure(frame, columns)
    explained = {rule.column for rule in rules}
    copies = find_copies(frame, columns)
    finished = []
    for column in columns:
        # missingness that a rule explains needs no look
        notes = [
            w for w in column.warnings if not (w.endswith("missing") and column.name in explained)
        ]
        notes += found.notes.get(column.name, []) + copies.get(column.name, [])
        finished.append(replace(column, warnings=tuple(notes)))
    # first the closest bounds: a generator meets the first order of a column by construction
    implied = find_implications(frame, columns)
    orders = find_orders(frame, columns, found.endpoints, found.rules)
    return Schema(tuple(finished), found.endpoints, (*rules, *orders, *implied), name)


def _enum_orders(table: object) -> dict[str, tuple[str, ...]]:
    """The declared order of Enum columns, before the door turns them into text."""
    if isinstance(table, pl.DataFrame | pl.LazyFrame):
        schema = table.collect_schema()
        return {n: tuple(d.categories) for n, d in schema.items() if isinstance(d, pl.Enum)}
    return {}


def _as_time(column: Column, status: str, values: pl.Series) -> Column:
    negative = int((values < 0).sum() or 0)
    if negative:
        raise SchemaError(
            f"column '{column.name}': expected times from 0 (its status is '{status}'), got "
            f"{negative} negative ones. Correct them, or set them to missing."
        )
    zero = int((values == 0).sum() or 0)
    warnings = column.warnings
    if zero:
        warnings += (f"a time of 0 in {zero} rows: event on the first day, or unknown?",)
    return replace(
        column,
        kind="time",
        categories=None,
        reason=f"numbers from 0, paired with the status column '{status}'",
        warnings=warnings,
    )
