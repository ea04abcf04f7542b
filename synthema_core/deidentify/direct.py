"""Direct identifiers and dates: dropped, given a keyed pseudonym, shifted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from ..errors import SchemaError, SynthemaError
from . import keyed
from .record import Step

if TYPE_CHECKING:
    from ..schema import Schema


def identifiers(
    work: pl.DataFrame,
    schema: "Schema",
    pseudonyms: Sequence[str],
    key: bytes | None,
    steps: list[Step],
) -> pl.DataFrame:
    """The table without identifiers and free text, but for those that get a pseudonym."""
    for name in pseudonyms:
        if name not in work.columns or schema.column(name).kind != "identifier":
            raise SchemaError(
                f"pseudonyms: column '{name}': expected an identifier of the table. Declare it so."
            )
    for name in work.columns:
        kind = schema.column(name).kind
        if name in pseudonyms:
            if key is None:
                raise SynthemaError(f"column '{name}': a pseudonym needs a key. Give one.")
            work = work.with_columns(keyed.pseudonyms(work.get_column(name), keyed.check_key(key)))
            steps.append(
                Step(
                    column=name, action="pseudonym", detail="HMAC-SHA256, keyed", cells=work.height
                )
            )
        elif kind in ("identifier", "text"):
            work = work.drop(name)
            steps.append(Step(column=name, action="dropped", detail=kind, cells=work.height))
    return work


def dates(
    work: pl.DataFrame,
    schema: "Schema",
    whose: pl.Series,
    key: bytes | None,
    most: int,
    steps: list[Step],
) -> pl.DataFrame:
    """The table with all dates of a person moved by the same number of days."""
    named = [c for c, dtype in work.schema.items() if isinstance(dtype, pl.Date | pl.Datetime)]
    if not named or not most:
        return work
    if key is None:
        raise SynthemaError(
            f"column '{named[0]}': shifting dates needs a key. Give one, or leave dates as they "
            "are with shift_days=0."
        )
    moved = pl.duration(
        days=pl.lit(pl.Series(keyed.shifts(whose, keyed.check_key(key), most=most)))
    )
    detail = (
        f"up to {most} days either way, one shift per {'patient' if whose.name != 'row' else 'row'}"
    )
    for name in named:
        steps.append(
            Step(
                column=name,
                action="dates shifted",
                detail=detail,
                cells=work.height - work.get_column(name).null_count(),
            )
        )
    return work.with_columns(pl.col(name) + moved for name in named)
