"""Does a table obey its schema? Every violation by column, rule and count, never a cell."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ..rules import among, broken
from ..tables import as_frame

if TYPE_CHECKING:
    from .types import Column, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule that some rows break."""

    column: str  # several, joined by ", ", for a rule between columns
    rule: str  # a sentence
    count: int  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Everything in a table that contradicts its schema."""

    violations: tuple[Violation, ...]
    n_rows: int
    # (n,) bool: rows with any violation; all of them if a column is absent, extra or of another
    # dtype
    rows: np.ndarray

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.violations

    def frame(self) -> pl.DataFrame:
        """One row per violation: column, rule, count, share of the rows."""
        return pl.DataFrame(
            {
                "column": [v.column for v in self.violations],
                "rule": [v.rule for v in self.violations],
                "count": [v.count for v in self.violations],
                "share": [v.count / self.n_rows for v in self.violations],
            },
            schema={"column": pl.String, "rule": pl.String, "count": pl.Int64, "share": pl.Float64},
        )


def validate(schema: "Schema", table: object, *, name: str = "table") -> Validation:
    """List every violation of a schema by a table.

    Checked in turn: columns absent or extra (identifiers and free text may be absent: synthetic
    tables have none), the family of each dtype, values outside the categories, counts that are no
    whole numbers, then every rule, implied ones included. A missing value breaks only rules about
    missingness. Sentinels are exempt from 'whole'.

    Args:
        schema: What the table should be.
        table: (n, c), anything `as_frame` takes.
        name: What errors call the table.

    Returns:
        Violations in the order of the schema.

    Raises:
        TableError: If the table is not fit to be looked at (see `as_frame`).
    """
    frame = as_frame(table, name=name)
    n = frame.height
    rows = np.zeros(n, dtype=np.bool_)
    found: list[Violation] = []

    def whole_table(column: str, rule: str) -> None:
        found.append(Violation(column=column, rule=rule, count=n))
        rows[:] = True

    sound: set[str] = set()
    for column in schema.columns:
        if column.name not in frame.columns:
            if column in schema.modelled:
                whole_table(column.name, "is absent from the table")
            continue
        expected = expected_dtype(column)
        dtype = frame.schema[column.name]
        if dtype != pl.Null and not _fits(dtype, expected):
            whole_table(column.name, f"expected {expected}, got {dtype}")
            continue
        sound.add(column.name)
        test = _value_test(column, dtype)
        if test is None:
            continue
        sentence, expr = test
        bad = frame.select(expr.fill_null(value=False).alias("bad")).to_series().to_numpy()
        if bad.any():
            found.append(Violation(column=column.name, rule=sentence, count=int(bad.sum())))
            rows |= bad
    for extra in frame.columns:
        if extra not in schema.names:
            whole_table(extra, "is not in the schema")

    rules = [rule for rule in schema.all_rules if set(rule.columns()) <= sound]
    for rule, bad in zip(rules, broken(frame, rules).T, strict=True):
        if bad.any():
            label = ", ".join(dict.fromkeys(rule.columns()))
            found.append(Violation(column=label, rule=rule.sentence(), count=int(bad.sum())))
            rows |= bad
    return Validation(violations=tuple(found), n_rows=n, rows=rows)


def expected_dtype(column: "Column") -> str:
    """The family of dtypes that a column of this kind may have, in words."""
    if column.kind in ("continuous", "count", "time"):
        return "numbers"
    if column.kind == "duration":
        return "durations" if column.dtype.startswith("Duration") else "numbers"
    if column.kind in ("date", "datetime"):
        return f"{column.kind}s"
    if not column.categories:  # identifier, text, a column without any value
        return "anything"
    first = column.categories[0]
    if isinstance(first, bool):
        return "booleans"
    return "text" if isinstance(first, str) else "numbers"


def _fits(dtype: pl.DataType, expected: str) -> bool:
    return {
        "numbers": dtype.is_numeric(),
        "durations": dtype == pl.Duration,
        "dates": dtype == pl.Date,
        "datetimes": dtype == pl.Datetime,
        "booleans": dtype == pl.Boolean,
        "text": dtype == pl.String,
        "anything": True,
    }[expected]


def _value_test(column: "Column", dtype: pl.DataType) -> tuple[str, pl.Expr] | None:
    """A sentence, and the expression that is True where a value contradicts the kind."""
    values = pl.col(column.name)
    if column.kind == "constant" and not column.categories:
        return "expected no value at all", values.is_not_null()
    if dtype == pl.Null:
        return None
    if column.categories:
        sentence = f"outside its {len(column.categories)} categories"
        return sentence, ~among(values, column.categories)
    if column.kind == "count":
        special = among(values, column.sentinels) if column.sentinels else pl.lit(value=False)
        return "expected whole numbers from 0", (
            (values < 0) | (values != values.floor())
        ) & ~special
    return None
