"""The schema of a released table."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from .hierarchy import Level
from .ladder import Ladder

if TYPE_CHECKING:
    from ..schema import Column, Schema


def released_schema(
    schema: "Schema",
    table: pl.DataFrame,
    ladders: Sequence[Ladder],
    at: Sequence[int],
    coded: Collection[str],
) -> "Schema":
    """The schema with generalized columns as categories of their labels.

    Rules and endpoints about a changed column go: what they say is about its old values.
    """
    changed = {ladder.column.name for ladder, i in zip(ladders, at, strict=True) if i}
    touched = changed | set(coded)
    rules = [rule for rule in schema.rules if not touched & set(rule.columns())]
    endpoints = [e for e in schema.endpoints if not {e.time, e.status} & changed]
    endpoints = [replace(e, not_after=None) if e.not_after in changed else e for e in endpoints]
    timed = {e.time for e in endpoints}
    columns = []
    for column in schema.columns:
        if column.kind == "time" and column.name not in timed:
            column = replace(column, kind="duration")
        columns.append(column)
    out = replace(schema, columns=tuple(columns), endpoints=tuple(endpoints), rules=tuple(rules))
    for ladder, i in zip(ladders, at, strict=True):
        if i:
            out = _generalized(out, ladder.levels[i], table.get_column(ladder.column.name))
    return out.select(table.columns)


def _generalized(schema: "Schema", level: Level, column: pl.Series) -> "Schema":
    old: Column = schema.column(column.name)
    present = set(column.drop_nulls())
    labels = tuple(dict.fromkeys(label for label in level.labels if label in present))
    changes = {"dtype": "String", "reason": level.name, "warnings": (), "unit": old.unit}
    if not labels:
        return schema.with_column(column.name, kind="constant", categories=(), **changes)
    ordered = old.kind not in ("categorical", "boolean") and len(labels) > 1
    kind = "ordinal" if ordered else "categorical"
    return schema.with_column(column.name, kind=kind, categories=labels, **changes)
