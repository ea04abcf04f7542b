"""One column kind, one file: its fit, what distances and flows see of it, and the way back.

Numeric kinds (`continuous`, `count`, `duration`, `date`, `time`) are a scale around a shared
`number.Number`; discrete kinds (`boolean`, `categorical`, `ordinal`, `constant`) are a meaning
around shared `levels.Levels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import SchemaError
from .boolean import Boolean as Boolean
from .categorical import Categorical as Categorical
from .constant import Constant as Constant
from .continuous import Continuous as Continuous
from .count import Count as Count
from .date import Date as Date
from .duration import Duration as Duration
from .levels import Levels as Levels
from .number import Number as Number
from .ordinal import Ordinal as Ordinal
from .time import Time as Time
from .view import RowsView as RowsView

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from ..schema import Column

NumericCodec = Continuous | Count | Duration | Date | Time
DiscreteCodec = Boolean | Categorical | Constant | Ordinal
Codec = NumericCodec | DiscreteCodec

CODECS: dict[str, type[Codec]] = {
    "boolean": Boolean,
    "categorical": Categorical,
    "constant": Constant,
    "continuous": Continuous,
    "count": Count,
    "date": Date,
    "datetime": Date,
    "duration": Duration,
    "ordinal": Ordinal,
    "time": Time,
}


def fit(column: pl.Series, spec: Column, also: Sequence[pl.Series] = ()) -> Codec:
    """The codec of a training column.

    Args:
        column: Training values.
        spec: The column's entry in the schema.
        also: The same column of other tables; only their unseen levels matter.

    Raises:
        SchemaError: If the column cannot be what its entry says.
    """
    numeric = spec.kind not in {"boolean", "categorical", "ordinal", "constant"}
    if numeric and column.null_count() == len(column):
        raise SchemaError(
            f"column {spec.name!r}: expected {spec.kind} values, got only missing ones. "
            "Drop the column, or declare it constant."
        )
    if spec.kind in {"continuous", "count", "time"} and not column.dtype.is_numeric():
        raise SchemaError(
            f"column {spec.name!r}: expected a numeric dtype for kind {spec.kind}, "
            f"got {column.dtype}. Cast it, or declare it categorical."
        )
    return CODECS[spec.kind].fit(column, spec, also)


def from_dict(kind: str, data: dict[str, Any]) -> Codec:
    """The codec that `to_dict` described."""
    return CODECS[kind].from_dict(data)
