"""What an adversary knows, what he wants, and what counts as one person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ..errors import SchemaError
from ..schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Columns by the part they play in an attack.

    Attributes:
        quasi_identifiers: What the adversary may know from elsewhere.
        secrets: What he wants to learn; where none is declared, every other modelled column.
        secrets_declared: Whether somebody named them.
        unit: Column that names patients, if some have several rows: then patients are attacked, not
            rows. None if every row is a person.
    """

    quasi_identifiers: tuple[str, ...]
    secrets: tuple[str, ...]
    secrets_declared: bool
    unit: str | None


def roles(
    schema: Schema,
    real: Mapping[str, pl.DataFrame],
    *,
    quasi_identifiers: Sequence[str] | None = None,
    secrets: Sequence[str] | None = None,
    unit: str | None = None,
) -> Roles:
    """The roles that were named, else those of the schema.

    Args:
        schema: Its columns may carry the roles `quasi_identifier` and `secret`.
        real: The real tables as given, by name.
        quasi_identifiers: Columns that the adversary knows; None takes the schema's.
        secrets: Columns that he wants; None takes the schema's, and if it has none, every column
            that is no quasi-identifier.
        unit: Column that names patients; None takes the first identifier that all real tables have
            and that repeats in the training table.

    Raises:
        SchemaError: If a column is unknown, has two roles, or names no patient somewhere.
    """
    known = _named(schema, quasi_identifiers, "quasi_identifier")
    wanted = _named(schema, secrets, "secret")
    both = [name for name in wanted if name in known]
    if both:
        raise SchemaError(
            f"column '{both[0]}' is named as quasi-identifier and as secret. Choose one."
        )
    others = tuple(c.name for c in schema.modelled if c.name not in known)
    return Roles(
        quasi_identifiers=known,
        secrets=wanted or others,
        secrets_declared=bool(wanted),
        unit=_unit(schema, real, unit),
    )


def _named(schema: Schema, named: Sequence[str] | None, role: str) -> tuple[str, ...]:
    what = role.replace("_", "-")
    if isinstance(named, str):
        raise SchemaError(f"{what}s: expected a list of columns, got the text '{named}'.")
    if named is None:
        return tuple(c.name for c in schema.modelled if c.role == role)
    modelled = {c.name for c in schema.modelled}
    for name in named:
        if name not in modelled:
            kind = f"of kind '{schema.column(name).kind}'" if name in schema.names else "absent"
            raise SchemaError(
                f"column '{name}', a {what}: expected a column that the audit compares, but it is "
                f"{kind}{'' if name in schema.names else ' from the schema'}. Correct the name, or "
                "its kind."
            )
    return tuple(dict.fromkeys(named))


def _unit(schema: Schema, real: Mapping[str, pl.DataFrame], unit: str | None) -> str | None:
    if unit is not None:
        for name, frame in real.items():
            if unit not in frame.columns:
                raise SchemaError(
                    f"{name}: column '{unit}', which should name patients, is not in the table. "
                    "Add it to the table and to the schema, as an identifier."
                )
            if lacking := frame[unit].null_count():
                raise SchemaError(
                    f"{name}: column '{unit}': expected a patient in every row, got {lacking} "
                    "missing. Fill them in, or drop the rows."
                )
        return unit
    for column in schema.columns:
        if column.kind != "identifier" or column.role is not None:
            continue
        if any(column.name not in frame.columns for frame in real.values()):
            continue
        columns = [frame[column.name] for frame in real.values()]
        if any(c.null_count() for c in columns) or columns[0].dtype == pl.Null:
            continue
        if columns[0].n_unique() < len(columns[0]):
            return column.name
    return None
