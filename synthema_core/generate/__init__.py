"""Generators of synthetic tables.

- `flow`: `FlowGenerator` learns a table and samples new rows; needs the `flows` extra (JAX).
- `avatar`: `AvatarGenerator` replaces each patient by a mix of his neighbors; needs no extra.
- `cohort`: a simulated AML cohort from published rates; learns nothing, needs no extra.
"""

from typing import TYPE_CHECKING, Any

from ..columns import Protection as Protection

if TYPE_CHECKING:
    from .avatar import AvatarGenerator as AvatarGenerator
    from .flow import FlowGenerator as FlowGenerator


def __getattr__(name: str) -> Any:
    # Loaded when named: the cohort must work, and start quickly, where JAX is not installed.
    if name == "FlowGenerator":
        from .flow import FlowGenerator

        return FlowGenerator
    if name == "AvatarGenerator":
        from .avatar import AvatarGenerator

        return AvatarGenerator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
