"""Synthetic patients, and the audit that says whether they betray the real ones."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .auditing import Audit as Audit
    from .auditing import audit as audit
    from .auditing import audit_model as audit_model
    from .context import ReleaseContext as ReleaseContext
    from .encoding import Encoder as Encoder
    from .errors import SynthemaError as SynthemaError
    from .schema import Schema as Schema

# Loaded when named: `synthema --help` needs none of them, and Numba alone takes a good while.
_HOME = {
    "Audit": "auditing",
    "audit": "auditing",
    "audit_model": "auditing",
    "ReleaseContext": "context",
    "Encoder": "encoding",
    "SynthemaError": "errors",
    "Schema": "schema",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
