"""Polars dtypes as JSON, so that a model file returns columns in the dtypes it was fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWN = {
    str(dtype): dtype
    for dtype in (
        *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
        *(pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Categorical, pl.Enum, pl.Null),
        *(pl.Date, pl.Datetime, pl.Duration),
    )
}


def to_dict(dtype: pl.DataType) -> dict[str, Any]:
    """Name and parameters of a dtype."""
    out: dict[str, Any] = {"name": str(dtype.base_type())}
    if isinstance(dtype, pl.Enum):
        out["categories"] = dtype.categories.to_list()
    if isinstance(dtype, pl.Datetime | pl.Duration):
        out["time_unit"] = dtype.time_unit
    if isinstance(dtype, pl.Datetime):
        out["time_zone"] = dtype.time_zone
    return out


def from_dict(data: Mapping[str, Any]) -> pl.DataType:
    """Undo `to_dict`."""
    parameters = {k: v for k, v in data.items() if k != "name"}
    dtype: pl.DataType = KNOWN[data["name"]](**parameters)
    return dtype


def require(column: pl.Series, dtype: pl.DataType) -> None:
    """Check that a column can be read like the training column: the same family, or nothing at all.

    Raises:
        SchemaError: If it is of another family.
    """
    wanted, found = family(dtype), family(column.dtype)
    if wanted != found and pl.Null not in (dtype, column.dtype):
        raise SchemaError(
            f"column {column.name!r}: expected {wanted}, as in training, got {column.dtype}. "
            "Cast it."
        )


def family(dtype: pl.DataType) -> str:
    """What a dtype holds, whatever its width."""
    if dtype.is_numeric():
        return "numbers"
    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else str(dtype.base_type())
