"""Train, synthetic and holdout: checked against one schema, and made comparable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .errors import SchemaError
from .schema import Column, Schema
from .schema.validate import expected_dtype
from .sources import Source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThreeTables:
    """The tables of an audit: `train`, `synthetic` and, if there is one, `holdout`.

    Attributes:
        given: The real tables as they came, for digests and validation.
        sorted: The real tables: modelled columns only, of one dtype in all tables, rows sorted by
            all of them: what is computed from these cannot depend on the order of the rows.
        number: Of each real table, the row number in `given` of each row in `sorted`.
        synthetic: The table that is judged, visited part by part.
        dtypes: Of each modelled column, in the schema's order, the one dtype of all tables.
    """

    given: dict[str, pl.DataFrame]
    sorted: dict[str, pl.DataFrame]
    number: dict[str, NDArray[np.int64]]
    synthetic: Source
    dtypes: dict[str, pl.DataType]

    @classmethod
    def of(cls, sources: Mapping[str, Source], schema: Schema) -> "ThreeTables":
        """Read the real tables, and make all comparable.

        Args:
            sources: Named `train`, `synthetic` and perhaps `holdout`; `check` has seen them.
            schema: What their columns are.

        Raises:
            TableError: If a real table is not fit to be looked at.
        """
        dtypes = common_dtypes(sources, schema)
        real = [name for name in ("train", "holdout") if name in sources]
        given = {name: sources[name].part(0, sources[name].height) for name in real}
        ordered, number = {}, {}
        for name, frame in given.items():
            alike_ = alike(frame, dtypes)
            number[name] = _order(alike_)
            ordered[name] = alike_[number[name]]
        return cls(
            given=given,
            sorted=ordered,
            number=number,
            synthetic=sources["synthetic"],
            dtypes=dtypes,
        )

    @property
    def train(self) -> pl.DataFrame:
        """The members."""
        return self.sorted["train"]

    @property
    def holdout(self) -> pl.DataFrame | None:
        """The controls."""
        return self.sorted.get("holdout")

    @property
    def heights(self) -> dict[str, int]:
        """Rows of each table."""
        real = {name: frame.height for name, frame in self.sorted.items()}
        return {**real, "synthetic": self.synthetic.height}

    def reference(self, fewest: int) -> Literal["holdout", "train"]:
        """The real table that fidelity is measured against: the holdout if it has enough rows."""
        holdout = self.sorted.get("holdout")
        return "holdout" if holdout is not None and holdout.height >= fewest else "train"

    def sample(self, name: str, most: int, seed: int) -> pl.DataFrame:
        """A real table, or `most` of its rows drawn at random."""
        frame = self.sorted[name]
        drawn = drawn_rows(frame.height, most, seed)
        return frame if drawn is None else frame[drawn]

    def warnings(self, schema: Schema) -> Iterator[str]:
        """What is odd about the real tables."""
        for name, frame in self.given.items():
            found = schema.validate(frame, name=name)
            if not found.ok:
                where = ", ".join(dict.fromkeys(f"'{v.column}'" for v in found.violations))
                yield (
                    f"{name}: {int(found.rows.sum())} of {found.n_rows} rows contradict the schema "
                    f"(column {where}). Real rows should not: look at the schema, or the table."
                )
        holdout = self.holdout
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


def _order(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Row numbers that sort a table by all its columns; equal rows stay in their order."""
    keys = [pl.col(name) for name in frame.columns]
    order = pl.arg_sort_by(keys, nulls_last=True, maintain_order=True).cast(pl.Int64)
    return frame.select(order.alias("order"))["order"].to_numpy()


def drawn_rows(height: int, most: int, seed: int) -> NDArray[np.int64] | None:
    """Ascending numbers of `most` rows drawn at random; None if there are no more than that."""
    if height <= most:
        return None
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(height, most, replace=False, shuffle=False))


def alike(frame: pl.DataFrame, dtypes: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Modelled columns only, in the dtypes that all tables share."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in dtypes.items())


def check(sources: Mapping[str, Source], schema: Schema) -> None:
    """Refuse tables whose columns are not what the schema says, before a row is read.

    Raises:
        SchemaError: If a column is absent, unknown, or of another type.
    """
    for name, source in sources.items():
        lacking = [c.name for c in schema.modelled if c.name not in source.dtypes]
        if lacking:
            raise SchemaError(
                f"{name}: column {_quoted(lacking)}: expected by the schema, absent from the "
                "table. Add it, or drop it from the schema with Schema.select."
            )
        extra = [column for column in source.dtypes if column not in schema.names]
        if extra:
            raise SchemaError(
                f"{name}: column {_quoted(extra)}: in the table, unknown to the schema. "
                "Drop it from the table, or add it to the schema."
            )
        for column in schema.modelled:
            _check_dtype(source.dtypes[column.name], column, name)


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


def common_dtypes(sources: Mapping[str, Source], schema: Schema) -> dict[str, pl.DataType]:
    """One dtype of each column in all tables: 1, 1.0 and nothing at all must not look different."""
    common: dict[str, pl.DataType] = {}
    for column in schema.modelled:
        of = {name: source.dtypes[column.name] for name, source in sources.items()}
        known = set(of.values()) - {pl.Null()}
        if len(known) > 1 and all(dtype.is_numeric() for dtype in known):
            common[column.name] = pl.Float64()
        else:
            common[column.name] = known.pop() if len(known) == 1 else of["train"]
    return common


def _quoted(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
