"""One column kind, one file: its fit, what distances and flows see of it, and the way back.

Every kind becomes one of three codecs. `Numeric` (continuous, count, duration, date, datetime,
time) is a scale around a `Number`; `Nominal` (boolean, categorical, constant) and `Ordinal` are a
meaning around `Levels`. A codec has `rows` for distances and a `number` or `levels` for flows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import boolean, categorical, constant, continuous, count, date, duration, ordinal, time
from .nominal import Nominal as Nominal
from .numeric import Numeric as Numeric
from .ordinal import Ordinal as Ordinal
from .protected import OPEN as OPEN
from .protected import Protection as Protection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

    from ..schema import Column

Discrete = Nominal | Ordinal
Codec = Numeric | Discrete

NUMERIC: dict[str, Callable[[pl.Series, Column, Protection], Numeric]] = {
    "continuous": continuous.fit,
    "count": count.fit,
    "date": date.fit,
    "datetime": date.fit,
    "duration": duration.fit,
    "time": time.fit,
}
DISCRETE: dict[str, Callable[[pl.Series, Column, Sequence[pl.Series], Protection], Discrete]] = {
    "boolean": boolean.fit,
    "categorical": categorical.fit,
    "constant": constant.fit,
    "ordinal": ordinal.fit,
}
CODECS: dict[str, type[Codec]] = {"numeric": Numeric, "nominal": Nominal, "ordinal": Ordinal}


def fit(
    column: pl.Series,
    spec: Column,
    also: Sequence[pl.Series] = (),
    protection: Protection = OPEN,
) -> Codec:
    """The codec of a training column.

    Args:
        column: Training values.
        spec: The column's entry in the schema.
        also: The same column of other tables, for their unseen levels. Numbers beyond the training
            range need no code of their own.
        protection: What is kept back of the training values: nothing for distances, which compare
            what is there; a generator keeps back what few patients share.

    Raises:
        SchemaError: If the column cannot be what its entry says.
    """
    if spec.kind in NUMERIC:
        return NUMERIC[spec.kind](column, spec, protection)
    return DISCRETE[spec.kind](column, spec, also, protection)


def to_dict(codec: Codec) -> dict[str, Any]:
    """Plain values; `from_dict` undoes it exactly."""
    return {"codec": type(codec).__name__.lower(), **codec.to_dict()}


def from_dict(data: Mapping[str, Any]) -> Codec:
    """Undo `to_dict`."""
    return CODECS[data["codec"]].from_dict(data)
