"""The schema file: JSON that a person can edit, with a published JSON Schema beside this module."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from .. import rules as clinical
from ..errors import SchemaError, SynthemaError
from ..tables import atomic_path
from .types import LISTED, Column, Endpoint, Schema

FORMAT = "synthema-schema"
VERSION = 1
PUBLISHED = "urn:synthema:schema:1"  # the $id of the JSON Schema
JSON_SCHEMA = Path(__file__).with_name("schema.schema.json")
_TOP = {"$schema", "format", "version", "name", "description", "columns", "endpoints", "rules"}


def write(schema: Schema, path: str | os.PathLike[str]) -> None:
    """Write a schema as pretty-printed JSON, whole or not at all.

    Raises:
        OutputError: If the place cannot be written.
    """
    text = json.dumps(to_dict(schema), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read(path: str | os.PathLike[str]) -> Schema:
    """Read a schema file.

    Raises:
        SchemaError: If the file is missing, no JSON, of another format or version, or contradicts
            itself.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except OSError as error:
        raise SchemaError(f"{path}: cannot be read: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError:
        raise SchemaError(f"{path}: expected UTF-8 text. Save it as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise SchemaError(
            f"{path}: not valid JSON at line {error.lineno}, column {error.colno}: "
            f"{error.msg}. Correct it there."
        ) from None
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from None
    try:
        return from_dict(data)
    except SynthemaError as error:
        raise SchemaError(f"{path}: {error}") from error


def to_dict(schema: Schema) -> dict[str, Any]:
    """The JSON form; empty fields are left out, order is that of the table."""
    out: dict[str, Any] = {"$schema": PUBLISHED, "format": FORMAT, "version": VERSION}
    out |= {key: value for key in ("name", "description") if (value := getattr(schema, key))}
    out["columns"] = [_plain(column) for column in schema.columns]
    if schema.endpoints:
        out["endpoints"] = [_plain(endpoint) for endpoint in schema.endpoints]
    if schema.rules:
        out["rules"] = [clinical.to_dict(rule) for rule in schema.rules]
    return out


def from_dict(data: Mapping[str, Any]) -> Schema:
    """Undo `to_dict`.

    Raises:
        SchemaError: If anything is unknown, absent, of the wrong type or contradictory.
    """
    data = _known(data, "schema", _TOP, {"format", "version", "columns"})
    if data["format"] != FORMAT:
        raise SchemaError(f"schema: expected format '{FORMAT}'. This is another kind of file.")
    if data["version"] != VERSION:
        raise SchemaError(f"schema: expected version {VERSION}. Install the release that wrote it.")
    return Schema(
        columns=tuple(_column(item) for item in _list(data["columns"], "columns")),
        endpoints=tuple(_endpoint(item) for item in _list(data.get("endpoints", []), "endpoints")),
        rules=tuple(_rule(item, i) for i, item in enumerate(_list(data.get("rules", []), "rules"))),
        name=_text(data.get("name", ""), "schema: name"),
        description=_text(data.get("description", ""), "schema: description"),
    )


def _plain(item: Column | Endpoint) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for part in fields(item):
        value = getattr(item, part.name)
        if value is None or value == "" or (value == () and part.name != "categories"):
            continue
        out[part.name] = list(value) if isinstance(value, tuple) else value
    return out


def _column(data: Any) -> Column:
    known = {part.name for part in fields(Column)}
    data = _known(data, "column", known, {"name", "kind"})
    where = f"column '{_text(data['name'], 'column: name')}'"
    for key in ("kind", "unit", "role", "dtype", "reason"):
        if data.get(key) is not None:
            _text(data[key], f"{where}: {key}")
    values = dict(data)
    for key in ("categories", "sentinels", "warnings"):
        if values.get(key) is not None:
            values[key] = tuple(_list(values[key], f"{where}: {key}"))
    if any(
        isinstance(v, bool) or not isinstance(v, int | float) for v in values.get("sentinels", ())
    ):
        raise SchemaError(f"{where}: sentinels: expected numbers.")
    if any(not isinstance(v, str) for v in values.get("warnings", ())):
        raise SchemaError(f"{where}: warnings: expected text.")
    if (
        data["kind"] in LISTED
        and str(data.get("dtype", "")).startswith("Float")
        and values.get("categories")
    ):
        # an editor may have written 1.0 as 1
        values["categories"] = tuple(
            float(v) if isinstance(v, int) and not isinstance(v, bool) else v
            for v in values["categories"]
        )
    return Column(**values)


def _endpoint(data: Any) -> Endpoint:
    known = {part.name for part in fields(Endpoint)}
    data = _known(data, "endpoint", known, {"name", "time", "status", "event"})
    where = f"endpoint '{_text(data['name'], 'endpoint: name')}'"
    for key in ("time", "status", "not_after"):
        if data.get(key) is not None:
            _text(data[key], f"{where}: {key}")
    event = tuple(_list(data["event"], f"{where}: event"))
    if not all(isinstance(value, str | int | float) for value in event):
        raise SchemaError(f"{where}: event: expected text, numbers or booleans.")
    return Endpoint(**{**data, "event": event})


def _rule(data: Any, index: int) -> clinical.Rule:
    try:
        return clinical.from_dict(data)
    except SynthemaError as error:
        raise SchemaError(f"rule number {index + 1}: {error}") from None


def _no_constant(word: str) -> Any:
    raise SchemaError(
        f"expected finite numbers, got {word}. Write a number, or leave the field out."
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise SchemaError(f"the field '{twice}' occurs twice in one object. Keep one.")
    return out


def _known(data: Any, where: str, allowed: set[str], needed: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise SchemaError(f"{where}: expected an object, got {type(data).__name__}.")
    label = (
        f"{where} '{data['name']}'"
        if where != "schema" and isinstance(data.get("name"), str)
        else where
    )
    for key in data:
        if key not in allowed:
            raise SchemaError(
                f"{label}: unknown field '{key}'. Known: {', '.join(sorted(allowed))}."
            )
    for key in sorted(needed - set(data)):
        raise SchemaError(f"{label}: the field '{key}' is absent. Add it.")
    return data


def _list(value: Any, where: str) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise SchemaError(f"{where}: expected a list, got {type(value).__name__}.")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise SchemaError(f"{where}: expected text, got {type(value).__name__}.")
    return value
