"""Decide what each column of a table is, say why, and warn where a person should look."""

from .types import Schema


def infer(table: object, *, name: str = "") -> Schema:
    """Placeholder."""
    raise NotImplementedError
