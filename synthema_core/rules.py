"""Clinical rules as data: what a row must obey, evaluated as Polars expressions.

A rule is a frozen dataclass that names columns and values, so that it lives in the schema file and
reads as a sentence. Six kinds exist: `Range`, `Implies`, `Excludes`, `Ordered`, `Requires` and
`DefinedIf`. A missing operand never breaks a rule, except in `Requires` and `DefinedIf`, which are
about missingness itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from operator import and_, or_
from typing import Any, ClassVar

import numpy as np
import polars as pl

from .errors import RuleError

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One column's value is in a list, or between two bounds (both included), or is missing or not.

    Exactly one of the three forms. A missing value meets no list and no bounds.
    """

    column: str
    is_in: tuple[Value, ...] | None = None
    low: float | None = None
    high: float | None = None
    missing: bool | None = None

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, f"condition on column '{self.column}'")
        bounded = self.low is not None or self.high is not None
        forms = sum((self.is_in is not None, bounded, self.missing is not None))
        if forms != 1:
            raise RuleError(
                f"condition on column '{self.column}': expected one of: a list of values ('in'), "
                f"bounds ('low', 'high'), 'missing'; got {forms} of them."
            )
        if self.is_in is None:
            return
        object.__setattr__(self, "is_in", tuple(self.is_in))
        if len({_family(value) for value in self.is_in}) != 1:
            raise RuleError(
                f"condition on column '{self.column}': expected one or more values of one type "
                "(text, numbers or booleans)."
            )

    def expr(self) -> pl.Expr:
        """Boolean, never null: whether the condition holds."""
        column = pl.col(self.column)
        if self.missing is not None:
            return column.is_null() if self.missing else column.is_not_null()
        if self.is_in is not None:
            return among(column, self.is_in).fill_null(value=False)
        return _between(column, self.low, self.high).fill_null(value=False)

    def known(self) -> pl.Expr:
        """Boolean, never null: whether the condition can be decided."""
        return pl.lit(value=True) if self.missing is not None else pl.col(self.column).is_not_null()

    def sentence(self) -> str:
        """Plain English, for reports."""
        if self.missing is not None:
            return f"'{self.column}' is {'missing' if self.missing else 'known'}"
        if self.is_in is not None:
            if len(self.is_in) == 1:
                return f"'{self.column}' is {self.is_in[0]}"
            return f"'{self.column}' is one of {', '.join(map(str, self.is_in))}"
        return f"'{self.column}' {_bounds_words(self.low, self.high)}"

    def to_dict(self) -> dict[str, Any]:
        """JSON form: 'column', and one of 'in' (a list), 'low' and 'high', 'missing'."""
        out: dict[str, Any] = {"column": self.column}
        if self.is_in is not None:
            out["in"] = list(self.is_in)
        out |= {k: v for k in ("low", "high", "missing") if (v := getattr(self, k)) is not None}
        return out

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Condition":
        """Undo `to_dict`; RuleError on anything else."""
        data = _mapping(data, "condition", {"column", "in", "low", "high", "missing"}, {"column"})
        if not isinstance(data.get("missing"), bool | None):
            raise RuleError("condition: expected true or false under 'missing'.")
        values: dict[str, Any] = {k: v for k, v in data.items() if k not in ("column", "in")}
        if data.get("in") is not None:
            values["is_in"] = _listed(data["in"], "condition: in")
        return cls(_text(data["column"], "condition: column"), **values)


@dataclass(frozen=True, slots=True)
class Range:
    """A number lies between two bounds, both included; None leaves a side open."""

    kind: ClassVar[str] = "range"
    column: str
    low: float | None = None
    high: float | None = None
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, f"range of column '{self.column}'")
        if self.low is None and self.high is None:
            raise RuleError(
                f"range of column '{self.column}': expected 'low', 'high' or both, got neither."
            )

    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads."""
        return (self.column,)

    def violated(self) -> pl.Expr:
        """Boolean, never null: True where a row breaks the rule."""
        return ~_between(pl.col(self.column), self.low, self.high).fill_null(value=True)

    def sentence(self) -> str:
        """Plain English, for reports."""
        return f"'{self.column}' {_bounds_words(self.low, self.high)}"


@dataclass(frozen=True, slots=True)
class Implies:
    """Where `when` holds, `then` holds too."""

    kind: ClassVar[str] = "implies"
    when: Condition
    then: Condition
    name: str = field(default="", kw_only=True)

    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads."""
        return (self.when.column, self.then.column)

    def violated(self) -> pl.Expr:
        """Boolean, never null: True where a row breaks the rule."""
        return self.when.expr() & ~self.then.expr() & self.then.known()

    def sentence(self) -> str:
        """Plain English, for reports."""
        return f"if {self.when.sentence()}, then {self.then.sentence()}"


@dataclass(frozen=True, slots=True)
class Excludes:
    """The conditions are never all true in one row."""

    kind: ClassVar[str] = "excludes"
    conditions: tuple[Condition, ...]
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", tuple(self.conditions))
        if len(self.conditions) < 2:
            raise RuleError(
                f"excludes: expected two conditions or more, got {len(self.conditions)}. "
                "Use 'implies' or 'range'."
            )

    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads."""
        return tuple(condition.column for condition in self.conditions)

    def violated(self) -> pl.Expr:
        """Boolean, never null: True where a row breaks the rule."""
        return reduce(and_, (condition.expr() for condition in self.conditions))

    def sentence(self) -> str:
        """Plain English, for reports."""
        return "never together: " + "; ".join(c.sentence() for c in self.conditions)


@dataclass(frozen=True, slots=True)
class Ordered:
    """The known values of the columns ascend in this order; equal ones pass unless `strict`."""

    kind: ClassVar[str] = "ordered"
    order: tuple[str, ...] = field(metadata={"key": "columns"})
    strict: bool = False
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(self.order))
        if len(set(self.order)) != len(self.order) or len(self.order) < 2:
            raise RuleError("ordered: expected two or more different columns.")

    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads, in their order."""
        return self.order

    def violated(self) -> pl.Expr:
        """Boolean, never null: True where a row breaks the rule."""
        # every pair, not only neighbors: a missing value in between must not hide an inversion
        pairs = [(a, b) for i, a in enumerate(self.order) for b in self.order[i + 1 :]]
        wrong = (pl.col(a) >= pl.col(b) if self.strict else pl.col(a) > pl.col(b) for a, b in pairs)
        return reduce(or_, (expr.fill_null(value=False) for expr in wrong))

    def sentence(self) -> str:
        """Plain English, for reports."""
        sign = " < " if self.strict else " <= "
        return sign.join(f"'{column}'" for column in self.order)


@dataclass(frozen=True, slots=True)
class Requires:
    """The column is known wherever `when` holds (always, if there is no `when`)."""

    kind: ClassVar[str] = "requires"
    column: str
    when: Condition | None = None
    name: str = field(default="", kw_only=True)

    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads."""
        return (self.column,) if self.when is None else (self.column, self.when.column)

    def violated(self) -> pl.Expr:
        """Boolean, never null: True where a row breaks the rule."""
        absent = pl.col(self.column).is_null()
        return absent if self.when is None else absent & self.when.expr()

    def sentence(self) -> str:
        """Plain English, for reports."""
        return f"'{self.column}' is known" + (
            "" if self.when is None else f" if {self.when.sentence()}"
        )


@dataclass(frozen=True, slots=True)
class DefinedIf:
    """Structural missingness: missing unless `when` holds (and it may be missing there too)."""

    kind: ClassVar[str] = "defined_if"
    column: str
    when: Condition
    name: str = field(default="", kw_only=True)

    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads."""
        return (self.column, self.when.column)

    def violated(self) -> pl.Expr:
        """Boolean, never null: True where a row breaks the rule."""
        return pl.col(self.column).is_not_null() & ~self.when.expr()

    def sentence(self) -> str:
        """Plain English, for reports."""
        return f"'{self.column}' is defined only if {self.when.sentence()}"


Rule = Range | Implies | Excludes | Ordered | Requires | DefinedIf
KINDS: tuple[type[Rule], ...] = (Range, Implies, Excludes, Ordered, Requires, DefinedIf)


def to_dict(rule: Rule) -> dict[str, Any]:
    """JSON form of a rule: its kind under 'rule', then its fields; empty fields are left out."""
    out: dict[str, Any] = {"rule": rule.kind}
    for item in fields(rule):
        value = getattr(rule, item.name)
        if value is None or value == "" or value is False:
            continue
        key = item.metadata.get("key", item.name)
        out[key] = [_plain(v) for v in value] if isinstance(value, tuple) else _plain(value)
    return out


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Condition) else value


def from_dict(data: Mapping[str, Any]) -> Rule:
    """Undo `to_dict`.

    Raises:
        RuleError: If the kind is unknown, or a field is unknown, absent or of the wrong type.
    """
    kinds = {kind.kind: kind for kind in KINDS}
    if not isinstance(data, Mapping) or data.get("rule") not in kinds:
        raise RuleError(f"rule: expected an object whose 'rule' is one of {', '.join(kinds)}.")
    cls = kinds[data["rule"]]
    keys = {item.metadata.get("key", item.name): item.name for item in fields(cls)}
    needed = {"column", "conditions", "columns", "then"} & set(keys)
    if cls in (Implies, DefinedIf):
        needed.add("when")
    checked = _mapping(data, f"rule '{cls.kind}'", {"rule", *keys}, needed)
    return cls(**{keys[k]: _field(k, v) for k, v in checked.items() if k != "rule"})


def broken(frame: pl.DataFrame, rules: Sequence[Rule]) -> np.ndarray:
    """Which row breaks which rule.

    Args:
        frame: (n, c); must hold every column that a rule names.
        rules: r rules.

    Returns:
        (n, r) Boolean, True where the row breaks the rule.

    Raises:
        RuleError: If a column is absent, or its dtype does not fit the values of the rule.
    """
    out = np.zeros((frame.height, len(rules)), dtype=np.bool_)
    for j, rule in enumerate(rules):
        absent = [name for name in rule.columns() if name not in frame.columns]
        if absent:
            raise RuleError(
                f"rule '{rule.name or rule.kind}': column '{absent[0]}' is not in the table. "
                "Add the column, or drop the rule."
            )
        try:
            out[:, j] = frame.select(rule.violated().alias("broken")).to_series().to_numpy()
        except (pl.exceptions.PolarsError, TypeError):
            dtypes = ", ".join(f"'{name}' {frame.schema[name]}" for name in rule.columns())
            raise RuleError(
                f"rule '{rule.name or rule.kind}': its values do not fit its columns ({dtypes}). "
                "Use numbers for numeric columns and text for text."
            ) from None
    return out


def among(column: pl.Expr, values: Sequence[Value]) -> pl.Expr:
    """Whether a value is in a list; null where the value is. 1 and 1.0 are equal."""
    if any(isinstance(value, str | bool) for value in values):
        return column.is_in(list(values))
    # one test per number: `is_in` would refuse 1.0 in a column of whole numbers
    return reduce(or_, (column == value for value in values))


def _between(column: pl.Expr, low: float | None, high: float | None) -> pl.Expr:
    tests = [] if low is None else [column >= low]
    return reduce(and_, tests if high is None else [*tests, column <= high])


def _bounds_words(low: float | None, high: float | None) -> str:
    if low is None:
        return f"is at most {high}"
    return f"is at least {low}" if high is None else f"is between {low} and {high}"


def _check_bounds(low: Any, high: Any, where: str) -> None:
    for bound in (low, high):
        number = isinstance(bound, int | float) and not isinstance(bound, bool)
        if bound is not None and not (number and math.isfinite(bound)):
            raise RuleError(f"{where}: expected finite numbers as 'low' and 'high'.")
    if low is not None and high is not None and low > high:
        raise RuleError(f"{where}: expected low <= high. Swap them.")


def _family(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float) and math.isfinite(value):
        return "number"
    if isinstance(value, str):
        return "text"
    raise RuleError(f"condition: {type(value).__name__} is no text, finite number or boolean.")


def _mapping(data: object, where: str, allowed: set[str], needed: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise RuleError(f"{where}: expected an object, got {type(data).__name__}.")
    for key in data:
        if key not in allowed:
            raise RuleError(f"{where}: unknown field '{key}'. Known: {', '.join(sorted(allowed))}.")
    for key in sorted(needed - set(data)):
        raise RuleError(f"{where}: the field '{key}' is absent. Add it.")
    return data


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise RuleError(f"{where}: expected text, got {type(value).__name__}.")
    return value


def _listed(value: object, where: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise RuleError(f"{where}: expected a list, got {type(value).__name__}.")
    return tuple(value)


def _field(key: str, value: Any) -> Any:
    if key in ("when", "then"):
        return Condition.from_dict(value)
    if key in ("conditions", "columns"):
        listed = _listed(value, f"rule: {key}")
        return tuple(
            Condition.from_dict(v) if key == "conditions" else _text(v, key) for v in listed
        )
    if key in ("column", "name"):
        return _text(value, f"rule: {key}")
    if key == "strict" and not isinstance(value, bool):
        raise RuleError("rule: expected true or false under 'strict'.")
    return value
