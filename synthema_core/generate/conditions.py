"""What a caller wants of every sampled row: conditions on columns, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SchemaError
from ..rules import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from numpy.typing import NDArray

    from ..schema import Schema


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions that every row must meet."""

    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, where: Mapping[str, Any], schema: Schema) -> Wanted:
        """Read `{column: value | [values] | (low, high) | None}`.

        Raises:
            SchemaError: If a column is unknown or not modelled, or a category is not one of the
                column's.
        """
        return cls(tuple(_condition(name, value, schema) for name, value in where.items()))

    def met(self, table: pl.DataFrame) -> NDArray[np.bool_]:
        """(n,) which rows meet all of them."""
        out = np.ones(table.height, bool)
        for condition in self.conditions:
            out &= table.select(condition.expr().alias("met"))["met"].to_numpy()
        return out

    def sentence(self) -> str:
        """The conditions in plain English."""
        return " and ".join(condition.sentence() for condition in self.conditions)


def _condition(name: str, value: Any, schema: Schema) -> Condition:
    column = schema.column(name)
    if column not in schema.modelled:
        raise SchemaError(
            f"column {name!r}: a {column.kind} column is not generated. Leave it out of where."
        )
    if value is None:
        return Condition(name, missing=True)
    if isinstance(value, tuple) and column.categories is None:
        low, high = value
        return Condition(name, low=low, high=high)
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if column.categories is None:
        return Condition(name, is_in=values)
    unknown = [v for v in values if v not in column.categories]
    if unknown:
        raise SchemaError(
            f"column {name!r}: {len(unknown)} of the wanted values are not among its "
            f"{len(column.categories)} categories. Use values that the schema lists."
        )
    return Condition(name, is_in=values)
