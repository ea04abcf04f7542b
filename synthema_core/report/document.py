"""An audit as JSON, under a published schema: what other programs read."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ..auditing import Audit
from ..fidelity.survival import SurvivalDistance
from ..tables import atomic_path
from .columns import published
from .pooling import FLOOR

FORMAT = "synthema-audit"
VERSION = 1


def document(audit: Audit) -> dict[str, Any]:
    """The audit as plain dicts, lists and numbers, with the name and version of the format.

    What shows single patients is pooled as on the page: rare categories, the ends of histograms,
    and the curve of an endpoint with fewer than `FLOOR` real events, which is left out.
    """
    shapes = replace(audit.shapes, columns=tuple(map(published, audit.shapes.columns)))
    survival = tuple(
        curve if curve.events_real >= FLOOR else _without_curve(curve) for curve in audit.survival
    )
    shown = replace(audit, shapes=shapes, survival=survival)
    return {"format": FORMAT, "version": VERSION, **shown.to_dict()}


def write_json(audit: Audit, path: str | Path) -> None:
    """Write every number of an audit as JSON. What has no number is null, never 0 and never NaN.

    Raises:
        OutputError: If the file cannot be written; nothing is left behind.
    """
    text = json.dumps(document(audit), indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _without_curve(curve: SurvivalDistance) -> SurvivalDistance:
    none = np.empty(0)
    return replace(curve, times=none, real=none, synthetic=none, real_low=None, real_high=None)


def json_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) that every document meets."""
    text = files(__package__).joinpath("audit.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
