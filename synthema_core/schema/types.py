"""What a table means: columns and their kinds, endpoints, rules; frozen, and checked when made."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..errors import SchemaError
from ..rules import Ordered, Range, Rule, Value

if TYPE_CHECKING:
    from .validate import Validation

Kind = Literal[
    "continuous",
    "count",
    "boolean",
    "categorical",
    "ordinal",
    "date",
    "datetime",
    "duration",
    "time",
    "identifier",
    "text",
    "constant",
]
Role = Literal["quasi_identifier", "secret"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ROLES: tuple[Role, ...] = get_args(Role)
LISTED = ("boolean", "categorical", "ordinal", "constant")  # kinds that carry their categories
NUMERIC = ("continuous", "count", "duration", "time")  # kinds on which sentinels make sense
DROPPED = ("identifier", "text")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what kind of quantity it is, and why that was decided."""

    name: str
    kind: Kind
    unit: str | None = None
    role: Role | None = None
    categories: tuple[Value, ...] | None = None  # boolean: negative first; ordinal: in order
    sentinels: tuple[float, ...] = ()  # values that are codes, not quantities
    dtype: str = ""  # the Polars dtype seen, e.g. "Int8"
    reason: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"column '{self.name}'"
        if self.kind not in KINDS:
            raise SchemaError(
                f"{where}: unknown kind '{self.kind}'. Use one of {', '.join(KINDS)}."
            )
        if self.role is not None and self.role not in ROLES:
            raise SchemaError(
                f"{where}: unknown role '{self.role}'. Use one of {', '.join(ROLES)}."
            )
        for item in ("categories", "sentinels", "warnings"):
            value = getattr(self, item)
            if value is not None:
                object.__setattr__(self, item, tuple(value))
        if self.sentinels and self.kind not in NUMERIC:
            raise SchemaError(
                f"{where}: a column of kind '{self.kind}' has no sentinels. Remove them."
            )
        self._check_categories(where)

    def _check_categories(self, where: str) -> None:
        if self.kind not in LISTED:
            if self.categories is not None:
                raise SchemaError(
                    f"{where}: kind '{self.kind}' has no categories. Remove them, or "
                    "declare it categorical."
                )
            return
        if self.categories is None:
            raise SchemaError(f"{where}: kind '{self.kind}' needs its categories. List them.")
        families = {_family(value) for value in self.categories}
        if len(families) > 1 or None in families:
            raise SchemaError(
                f"{where}: expected categories of one type: text, numbers or booleans."
            )
        count = len(self.categories)
        if len(set(self.categories)) != count:
            raise SchemaError(f"{where}: a category is listed twice. Keep one of each.")
        if self.kind == "boolean" and count != 2:
            raise SchemaError(f"{where}: expected 2 categories for a boolean, got {count}.")
        if self.kind == "constant" and count > 1:
            raise SchemaError(f"{where}: expected at most 1 category for a constant, got {count}.")
        if self.kind in ("categorical", "ordinal") and count == 0:
            raise SchemaError(f"{where}: expected at least one category, got none.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A time-to-event endpoint: a time column read together with its status column.

    Status values in `event` are events (several of them compete); every other known status is
    censoring. `not_after` names the time column that this time may not exceed, as event-free
    survival may not exceed survival.
    """

    name: str
    time: str
    status: str
    event: tuple[Value, ...]
    not_after: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "event", tuple(self.event))
        where = f"endpoint '{self.name}'"
        if not self.event:
            raise SchemaError(f"{where}: expected at least one status value under 'event'.")
        if self.time == self.status or self.time == self.not_after:
            raise SchemaError(f"{where}: time, status and not_after must be different columns.")


@dataclass(frozen=True, slots=True)
class Schema:
    """The meaning of a table: its columns, endpoints and rules."""

    columns: tuple[Column, ...]
    endpoints: tuple[Endpoint, ...] = ()
    rules: tuple[Rule, ...] = ()
    name: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        for item in ("columns", "endpoints", "rules"):
            object.__setattr__(self, item, tuple(getattr(self, item)))
        if not self.columns:
            raise SchemaError("schema: expected at least one column, got none.")
        twice = _first_twice(self.names)
        if twice is not None:
            raise SchemaError(f"schema: column '{twice}' is declared twice. Keep one.")
        twice = _first_twice([endpoint.name for endpoint in self.endpoints])
        if twice is not None:
            raise SchemaError(f"schema: endpoint '{twice}' is declared twice. Keep one.")
        for endpoint in self.endpoints:
            self._check_endpoint(endpoint)
        timed = {endpoint.time for endpoint in self.endpoints}
        for column in self.columns:
            if column.kind == "time" and column.name not in timed:
                raise SchemaError(
                    f"column '{column.name}': a time needs an endpoint that names its status "
                    "column. Add one, or declare it a duration."
                )
        for rule in self.rules:
            for name in rule.columns():
                if name not in self.names:
                    raise SchemaError(
                        f"rule '{rule.name or rule.kind}': column '{name}' is not in the schema. "
                        "Correct the name, or drop the rule."
                    )

    def _check_endpoint(self, endpoint: Endpoint) -> None:
        where = f"endpoint '{endpoint.name}'"
        named = [endpoint.time, endpoint.status, endpoint.not_after]
        for name in named:
            if name is not None and name not in self.names:
                raise SchemaError(
                    f"{where}: column '{name}' is not in the schema. Correct the name."
                )
        if self.column(endpoint.time).kind != "time":
            raise SchemaError(
                f"{where}: column '{endpoint.time}': expected kind 'time'. Declare it so."
            )
        status = self.column(endpoint.status)
        if status.kind not in LISTED:
            raise SchemaError(
                f"{where}: column '{status.name}': expected a status of kind boolean or "
                f"categorical, got '{status.kind}'. Declare it so."
            )
        if not set(endpoint.event) <= set(status.categories or ()):
            raise SchemaError(
                f"{where}: an 'event' value is not a category of column '{status.name}'. "
                "List it there, or correct it."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in the order of the table."""
        return tuple(column.name for column in self.columns)

    @property
    def modelled(self) -> tuple[Column, ...]:
        """What a generator learns and an audit compares: all but identifiers and free text."""
        return tuple(column for column in self.columns if column.kind not in DROPPED)

    @property
    def categories(self) -> dict[str, tuple[Value, ...]]:
        """Levels of each column that lists them."""
        return {c.name: c.categories for c in self.columns if c.categories is not None}

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """Declared rules, and those the endpoints imply: times from 0, and each `not_after`."""
        implied: list[Rule] = [
            Range(endpoint.time, low=0, name=f"{endpoint.time} from 0")
            for endpoint in self.endpoints
        ]
        implied += [
            Ordered((e.time, e.not_after), name=f"{e.time} not after {e.not_after}")
            for e in self.endpoints
            if e.not_after is not None
        ]
        unnamed = {dataclasses.replace(rule, name="") for rule in self.rules}
        new = [r for r in implied if dataclasses.replace(r, name="") not in unnamed]
        return (*self.rules, *new)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            SchemaError: If there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(
            f"column '{name}' is not in the schema. It has {len(self.columns)} others."
        )

    def select(self, names: Iterable[str]) -> "Schema":
        """The schema of a subset of the columns, in the given order.

        Endpoints and rules that mention a dropped column go with it; a time left without its status
        becomes a duration.
        """
        keep = [self.column(name) for name in names]
        kept = {column.name for column in keep}
        endpoints = [
            e if e.not_after in kept else dataclasses.replace(e, not_after=None)
            for e in self.endpoints
            if {e.time, e.status} <= kept
        ]
        return self._with(keep, endpoints, [r for r in self.rules if set(r.columns()) <= kept])

    def with_column(self, name: str, /, **changes: Any) -> "Schema":
        """The same schema with fields of one column changed: `with_column("age", unit="years")`.

        A changed kind drops what no longer fits: categories and sentinels, and the endpoint of a
        former time.
        """
        old = self.column(name)
        kind = changes.get("kind", old.kind)
        if kind not in LISTED:
            changes.setdefault("categories", None)
        if kind not in NUMERIC:
            changes.setdefault("sentinels", ())
        try:
            new = dataclasses.replace(old, **changes)
        except TypeError:
            known = ", ".join(f.name for f in dataclasses.fields(Column))
            raise SchemaError(
                f"column '{name}': unknown field among {sorted(changes)}. Known: {known}."
            ) from None
        if new.name != name:
            raise SchemaError(
                f"column '{name}': a schema cannot rename. Rename the column in the table first."
            )
        columns = [new if column.name == name else column for column in self.columns]
        endpoints = [e for e in self.endpoints if e.time != name or new.kind == "time"]
        return self._with(columns, endpoints, self.rules)

    def with_rules(self, *rules: Rule) -> "Schema":
        """The same schema with these rules added; one that differs in name alone gives way."""
        said = {dataclasses.replace(rule, name="") for rule in rules}
        kept = (r for r in self.rules if dataclasses.replace(r, name="") not in said)
        return dataclasses.replace(self, rules=(*kept, *rules))

    def with_endpoints(self, *endpoints: Endpoint) -> "Schema":
        """The same schema with these endpoints added; one of the same name is replaced.

        Their time columns take the kind 'time'.
        """
        named = {e.name: e for e in (*self.endpoints, *endpoints)}
        timed = {e.time for e in endpoints}
        columns = [
            dataclasses.replace(c, kind="time", categories=None)
            if c.name in timed and c.kind != "time"
            else c
            for c in self.columns
        ]
        return self._with(columns, named.values(), self.rules)

    def _with(
        self, columns: Iterable[Column], endpoints: Iterable[Endpoint], rules: Iterable[Rule]
    ) -> "Schema":
        endpoints = tuple(endpoints)
        timed = {e.time for e in endpoints}
        columns = tuple(
            dataclasses.replace(c, kind="duration")
            if c.kind == "time" and c.name not in timed
            else c
            for c in columns
        )
        return dataclasses.replace(self, columns=columns, endpoints=endpoints, rules=tuple(rules))

    # The verbs live in modules of their own, one per verb; they are imported where they are called
    # because those modules need the types above.

    @classmethod
    def infer(cls, table: object, *, name: str = "") -> "Schema":
        """Decide the kind of every column of a table; see `synthema_core.schema.infer`."""
        from .infer import infer

        return infer(table, name=name)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Schema":
        """Read a schema file; see `synthema_core.schema.file`."""
        from .file import read

        return read(path)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Schema":
        """Undo `to_dict`; see `synthema_core.schema.file`."""
        from .file import from_dict

        return from_dict(data)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a schema file (JSON), whole or not at all."""
        from .file import write

        write(self, path)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, stable from run to run."""
        from .file import to_dict

        return to_dict(self)

    def validate(self, table: object, *, name: str = "table") -> "Validation":
        """List every violation by column, rule and count; see `synthema_core.schema.validate`."""
        from .validate import validate

        return validate(self, table, name=name)


def _family(value: object) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number" if value == value and abs(value) != float("inf") else None
    return "text" if isinstance(value, str) else None


def _first_twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
