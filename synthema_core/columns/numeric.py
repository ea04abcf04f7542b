"""The codec of every numeric kind: a scale to read values on, and their distribution there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SchemaError
from . import scale
from .dust import Dust
from .number import Number
from .protected import OPEN, Protection

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from ..schema import Column
    from .number import Floats
    from .pieces import Bools


@dataclass(frozen=True, slots=True)
class Numeric:
    """A column whose values lie on a line. Missing is null in the table and NaN in floats and rows.

    Attributes:
        scale: How values are read as floats and written back.
        number: Their distribution, states and training range.
        dust: Which rows are stored in single precision, if another column decides that.
    """

    scale: scale.Scale
    number: Number
    dust: Dust | None = None

    @classmethod
    def fit(cls, column: pl.Series, spec: Column, protection: Protection = OPEN) -> Numeric:
        """Fit to a training column.

        Raises:
            SchemaError: If the column holds no value.
        """
        read = scale.scale_of(column, recognize=protection.min_count > 1)
        values = read.floats(column)
        sentinels = tuple(read.read(np.array(spec.sentinels, np.float64)).tolist())
        if (np.isnan(values) | np.isin(values, sentinels)).all():
            raise SchemaError(
                f"column {spec.name!r}: expected {spec.kind} values, got only missing ones. "
                "Drop the column, or declare it constant."
            )
        return cls(read, Number.fit(values, sentinels=sentinels, protection=protection))

    @property
    def choices(self) -> int:
        """How many states a flow chooses from before the number; 0 if it is always a number."""
        return self.number.levels

    def with_number(self, number: Number) -> Numeric:
        """The same column with another distribution."""
        return replace(self, number=number)

    def dusted(self, dust: Dust, column: pl.Series) -> Numeric:
        """The same column, values in single precision read as what was recorded."""
        values = dust.storage.read(self.floats(column))
        number = Number.fit(
            values, sentinels=self.number.sentinels, protection=self.number.protection
        )
        return Numeric(self.scale, number, dust)

    def floats(self, column: pl.Series) -> Floats:
        """(n,) values on the column's scale, NaN where missing."""
        values = self.scale.floats(column)
        return self.dust.storage.read(values) if self.dust else values

    def rows(self, column: pl.Series) -> Floats:
        """(n,) numbers, 0 to 1 over the training range, NaN where missing."""
        return self.number.rows(self.floats(column))

    def series(self, values: Floats, name: str, dusty: Bools | None = None) -> pl.Series:
        """Undo `floats`; `dusty` rows are stored in single precision."""
        if self.dust and dusty is not None:
            values = np.where(dusty, self.dust.storage.stored(values), values)
        return self.scale.series(values, name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it."""
        dust = {"dust": self.dust.to_dict()} if self.dust else {}
        return {"scale": self.scale.to_dict(), "number": self.number.to_dict()} | dust

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Numeric:
        """Undo `to_dict`."""
        dust = Dust.from_dict(data["dust"]) if "dust" in data else None
        return cls(scale.from_dict(data["scale"]), Number.from_dict(data["number"]), dust)


def expect(spec: Column, column: pl.Series, *, wanted: str, found: bool) -> None:
    """Check that a training column has a dtype its kind can read.

    Raises:
        SchemaError: If it has not.
    """
    if not found:
        raise SchemaError(
            f"column {spec.name!r}: expected a {wanted} dtype for kind {spec.kind}, "
            f"got {column.dtype}. Cast it, or declare it categorical."
        )
