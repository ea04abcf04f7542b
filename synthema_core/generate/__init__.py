"""Generators of synthetic tables.

- `flow`: `FlowGenerator` learns a table and samples new rows; needs the `flows` extra (JAX).
- `cohort`: a simulated AML cohort from published rates; learns nothing, needs no extra.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .flow import FlowGenerator as FlowGenerator


def __getattr__(name: str) -> Any:
    # Loaded when named: the cohort must work, and start quickly, where JAX is not installed.
    if name == "FlowGenerator":
        from .flow import FlowGenerator

        return FlowGenerator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
