"""Conditions of `synthema sample --where`, from text to values of the column's own type."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import SynthemaError

if TYPE_CHECKING:
    from ..schema import Column, Schema


def conditions(texts: Sequence[str], schema: "Schema") -> dict[str, Any]:
    """Read `column=value` and `column=low..high`, a bound of which may be left out.

    A column named several times may have any of its values.

    Returns:
        By column: a list of values, or a pair of bounds (None where open), as `sample` takes them.

    Raises:
        SynthemaError: If a text is not of that form, or does not fit the column.
    """
    where: dict[str, Any] = {}
    for text in texts:
        name, value = _split(text, schema)
        if not name or value in ("", ".."):
            raise SynthemaError(
                f"--where {text}: expected COLUMN=VALUE or COLUMN=LOW..HIGH, as in age=60..75."
            )
        column = schema.column(name)
        low, dots, high = value.partition("..")
        if dots and column.categories is None:
            if name in where:
                raise SynthemaError(f"--where: column '{name}' has a range. Name it only once.")
            where[name] = (_bound(low, column), _bound(high, column))
        elif isinstance(where.get(name), tuple):
            raise SynthemaError(f"--where: column '{name}' has a range. Name it only once.")
        else:
            where.setdefault(name, []).append(_value(value, column))
    return where


def _split(text: str, schema: "Schema") -> tuple[str, str]:
    """Column and value; a column's own name may hold an equals sign."""
    known = [name for name in schema.names if text.startswith(f"{name}=")]
    name = max(known, key=len, default=text.partition("=")[0])
    return name, text[len(name) + 1 :]


def _bound(text: str, column: "Column") -> Any:
    return _value(text, column) if text else None


def _value(text: str, column: "Column") -> str | int | float | bool:
    """A text from the command line as a value of the column."""
    try:
        number = float(text)
    except ValueError:
        number = None
    if column.categories is not None:
        for category in column.categories:
            if str(category).casefold() == text.casefold() or category == number:
                return category
        shown = ", ".join(str(category) for category in column.categories[:12])
        more = ", ..." if len(column.categories) > 12 else ""
        raise SynthemaError(
            f"--where: column '{column.name}': '{text}' is no category. Use one of {shown}{more}."
        )
    if number is None or not math.isfinite(number):
        raise SynthemaError(
            f"--where: column '{column.name}' is of kind {column.kind}: expected a number or a "
            f"range of numbers, got '{text}'."
        )
    return int(number) if number.is_integer() else number
