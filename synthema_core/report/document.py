"""An audit as JSON, under a published schema: what other programs read."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..audit import Audit
from ..tables import atomic_path

FORMAT = "synthema-audit"
VERSION = 1


def document(audit: Audit) -> dict[str, Any]:
    """The audit as plain dicts, lists and numbers, with the name and version of the format."""
    return {"format": FORMAT, "version": VERSION, **audit.to_dict()}


def write_json(audit: Audit, path: str | Path) -> None:
    """Write every number of an audit as JSON. What has no number is null, never 0 and never NaN.

    Raises:
        OutputError: If the file cannot be written; nothing is left behind.
    """
    text = json.dumps(document(audit), indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def json_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) that every document meets."""
    text = files(__package__).joinpath("audit.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
