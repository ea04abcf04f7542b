"""Train, synthetic and holdout: checked against one schema, and made comparable."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from .errors import SchemaError
from .schema import Column, Schema
from .schema.validate import expected_dtype
from .tables import as_frame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThreeTables:
    """The tables of an audit by name: `train`, `synthetic` and, if there is one, `holdout`.

    Attributes:
        given: As they came, for digests and validation.
        sorted: Modelled columns only, of one dtype in all tables, rows sorted by all of them: what
            is computed from these cannot depend on the order of the rows.
    """

    given: dict[str, pl.DataFrame]
    sorted: dict[str, pl.DataFrame]

    @classmethod
    def read(
        cls, train: object, synthetic: object, holdout: object | None, schema: Schema
    ) -> "ThreeTables":
        """Take any Arrow-speaking tables.

        Raises:
            TableError: If one is empty or not fit to be looked at.
            SchemaError: If one lacks a column, has one too many, or has a column of another type
                than the schema says.
        """
        tables = {"train": train, "synthetic": synthetic, "holdout": holdout}
        given = {n: as_frame(t, name=n) for n, t in tables.items() if t is not None}
        for name, frame in given.items():
            _check(frame, schema, name)
        names = [column.name for column in schema.modelled]
        alike = _alike({name: frame[names] for name, frame in given.items()})
        return cls(
            given=given,
            sorted={n: f.sort(map(pl.col, names), nulls_last=True) for n, f in alike.items()},
        )

    @property
    def train(self) -> pl.DataFrame:
        """The members."""
        return self.sorted["train"]

    @property
    def synthetic(self) -> pl.DataFrame:
        """The table that is judged."""
        return self.sorted["synthetic"]

    @property
    def others(self) -> list[pl.DataFrame]:
        """All tables but the training table."""
        return [frame for name, frame in self.sorted.items() if name != "train"]

    @property
    def real(self) -> list[str]:
        """Names of the tables of real patients."""
        return [name for name in self.sorted if name != "synthetic"]

    def reference(self, fewest: int) -> Literal["holdout", "train"]:
        """The real table that fidelity is measured against: the holdout if it has enough rows."""
        holdout = self.sorted.get("holdout")
        return "holdout" if holdout is not None and holdout.height >= fewest else "train"

    def fidelity(self, reference: str) -> list[str]:
        """The reference, the synthetic table and, if there is one, the other real table."""
        return [reference, "synthetic", *(name for name in self.real if name != reference)]

    def sample(self, name: str, most: int, seed: int) -> pl.DataFrame:
        """The table, or `most` of its rows drawn at random."""
        frame = self.sorted[name]
        if frame.height <= most:
            return frame
        drawn = np.random.default_rng(seed).choice(frame.height, most, replace=False, shuffle=False)
        return frame[np.sort(drawn)]

    def warnings(self, schema: Schema) -> Iterator[str]:
        """What is odd about the real tables."""
        for name in self.real:
            found = schema.validate(self.given[name], name=name)
            if not found.ok:
                where = ", ".join(dict.fromkeys(f"'{v.column}'" for v in found.violations))
                yield (
                    f"{name}: {int(found.rows.sum())} of {found.n_rows} rows contradict the schema "
                    f"(column {where}). Real rows should not: look at the schema, or the table."
                )
        holdout = self.sorted.get("holdout")
        if holdout is not None:
            known = holdout.join(
                self.train.unique(),
                on=[pl.col(c) for c in holdout.columns],
                how="semi",
                nulls_equal=True,
            ).height
            twins = int(self.train.is_duplicated().sum())
            # Coarse tables repeat themselves; only more repetition than within train is suspect.
            if known / holdout.height > 0.01 + 2 * twins / self.train.height:
                yield (
                    f"holdout: {known} of {holdout.height} rows stand in the training table too. "
                    "The control group must be people the generator never saw: split again."
                )


def _check(frame: pl.DataFrame, schema: Schema, name: str) -> None:
    lacking = [c.name for c in schema.modelled if c.name not in frame.columns]
    if lacking:
        raise SchemaError(
            f"{name}: column {_quoted(lacking)}: expected by the schema, absent from the table. "
            "Add it, or drop it from the schema with Schema.select."
        )
    extra = [column for column in frame.columns if column not in schema.names]
    if extra:
        raise SchemaError(
            f"{name}: column {_quoted(extra)}: in the table, unknown to the schema. "
            "Drop it from the table, or add it to the schema."
        )
    for column in schema.modelled:
        _check_dtype(frame.schema[column.name], column, name)


def _check_dtype(dtype: pl.DataType, column: Column, name: str) -> None:
    expected = expected_dtype(column)
    if dtype != pl.Null and expected not in ("anything", _family(dtype)):
        raise SchemaError(
            f"{name}: column '{column.name}': expected {expected}, got {dtype}. "
            "Cast the column, or change its kind in the schema."
        )


def _family(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "numbers"
    families: dict[type[pl.DataType], str] = {
        pl.Boolean: "booleans",
        pl.String: "text",
        pl.Date: "dates",
        pl.Datetime: "datetimes",
        pl.Duration: "durations",
    }
    return families.get(dtype.base_type(), "something else")


def _alike(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Give a column one dtype in all tables: 1, 1.0 and nothing at all must not look different."""
    first = next(iter(frames.values()))
    changes = []
    for column in first.columns:
        dtypes = {frame.schema[column] for frame in frames.values()} - {pl.Null()}
        if len(dtypes) == 1:
            changes.append(pl.col(column).cast(dtypes.pop()))
        elif dtypes and all(dtype.is_numeric() for dtype in dtypes):
            changes.append(pl.col(column).cast(pl.Float64))
        elif dtypes:
            changes.append(pl.col(column).cast(first.schema[column]))
    return {name: frame.with_columns(changes) for name, frame in frames.items()}


def _quoted(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
