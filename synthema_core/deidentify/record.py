"""The record of a de-identification: what was done, in order, and what it cost."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ..anonymity import Anonymity
from ..tables import atomic_path
from .loss import Loss

if TYPE_CHECKING:
    from ..schema import Schema

NOTE = (
    "Only the declared quasi-identifiers were generalized; every other column is released as it "
    "is. Classes of k say nothing about what a secret tells (see diversity and closeness) nor "
    "about an attacker who knows other columns. Who holds the key can undo pseudonyms and date "
    "shifts."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was done to one column, or to the rows (column is then empty)."""

    column: str
    action: str
    detail: str
    cells: int  # cells, or rows, that it changed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """What was done, in order, what it cost, and the classes before and after, by measurement.

    Attributes:
        k: Asked for.
        max_suppression: Share of rows that could be suppressed.
        suppress: "rows" or "cells".
        steps: In order.
        loss: The price.
        before: Classes and risk of the original table.
        after: The same, measured on the released table.
        tested: Combinations of levels counted, of `combinations`.
        combinations: Combinations of levels.
        seed: Of the order of rows.
        note: What this does not show.
        source: Methods.
    """

    k: int
    max_suppression: float
    suppress: str
    steps: tuple[Step, ...]
    loss: Loss
    before: Anonymity
    after: Anonymity
    tested: int
    combinations: int
    seed: int
    note: str
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        from ..listing import plain

        out: dict[str, Any] = plain(self)
        return out

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """Write the record, whole or not at all."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deidentified:
    """The released table, its schema, and the record."""

    table: pl.DataFrame
    schema: "Schema"
    record: Record
