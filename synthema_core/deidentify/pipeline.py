"""De-identify a table in one call, and keep a record of what was done and what it cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .. import anonymity as measures
from ..errors import SchemaError, SynthemaError
from ..tables import as_frame
from . import direct, keyed, search
from .coding import declared_limits, recode, tail_limits
from .hierarchy import Hierarchy
from .ladder import Ladder, climb
from .loss import distance, loss
from .record import NOTE, Deidentified, Record, Step
from .release import released_schema
from .suppress import Suppressed, blank_cells, drop_rows

if TYPE_CHECKING:
    from ..schema import Schema


def deidentify(
    table: object,
    schema: "Schema",
    *,
    k: int,
    seed: int,
    key: bytes | None = None,
    quasi_identifiers: Sequence[str] | None = None,
    secrets: Sequence[str] | None = None,
    pseudonyms: Sequence[str] = (),
    patient: str | None = None,
    shift_days: int = 365,
    limits: Mapping[str, tuple[float | None, float | None]] | None = None,
    tails: float = 0.0,
    hierarchies: Mapping[str, Hierarchy] | None = None,
    may_remove: Sequence[str] = (),
    suppress: Literal["rows", "cells"] = "rows",
    max_suppression: float = 0.05,
    sampling_fraction: float | None = None,
) -> Deidentified:
    """Make each combination of quasi-identifiers common to at least k rows, or k patients.

    In order: columns that the schema does not know, identifiers and free text are dropped, or given
    keyed pseudonyms; dates are shifted, by one number of days per patient; limits and tails are
    coded; quasi-identifiers are generalized by the cheapest levels that leave few enough rows in
    small classes; those rows are suppressed; the rows are put in another order; k is measured.

    Args:
        table: (n, c), anything `as_frame` takes.
        schema: Kinds and roles.
        k: Smallest class wanted, >= 2.
        seed: Of the order of rows, together with the key.
        key: At least 16 bytes; needed for pseudonyms and for shifting dates. See `read_key`.
        quasi_identifiers: Columns to generalize; those of that role if None.
        secrets: Columns whose diversity is measured; those of that role if None.
        pseudonyms: Identifier columns to keep under a keyed code instead of dropping them.
        patient: Column that says whose row it is. Dates shift together, and k counts patients.
        shift_days: Most days by which dates move either way; 0 leaves them.
        limits: Lowest and highest value by column, None where open; values beyond are set to it.
        tails: Share of each tail of a numeric quasi-identifier that is set to a limit; at least k
            rows are at the limit.
        hierarchies: By column; a column without one gets one that suits its kind.
        may_remove: Quasi-identifiers that may be set to missing as a whole if need be.
        suppress: Drop whole rows, or blank cells of the quasi-identifiers.
        max_suppression: Largest share of rows that may be touched by suppression, in [0, 1).
        sampling_fraction: Share of the population in the table, for the risks in the record.

    Returns:
        Table, schema, record. The same arguments give the same table.

    Raises:
        SynthemaError: If k cannot be reached within the suppression allowed, a key is needed and
            absent, or a setting is out of its range.
    """
    frame = as_frame(table)
    columns = [c.name for c in schema.columns if c.name in frame.columns]
    named = [c.name for c in schema.columns if c.role == "quasi_identifier"]
    known = list(dict.fromkeys(named if quasi_identifiers is None else quasi_identifiers))
    steps: list[Step] = []
    _check(frame, schema, known, k, max_suppression, tails, shift_days, seed, suppress)
    for names, what in ((hierarchies or {}, "hierarchies"), (may_remove, "may_remove")):
        for name in names:
            if name not in known:
                raise SchemaError(f"{what}: column '{name}' is no quasi-identifier. Name it one.")
    before = measures.anonymity(
        frame,
        schema=schema,
        quasi_identifiers=known,
        secrets=secrets,
        k=k,
        unit=patient,
        sampling_fraction=sampling_fraction,
    )
    units = None
    if patient is not None and frame.get_column(patient).n_unique() < frame.height:
        units = frame.get_column(patient).rank("dense").cast(pl.Int64).to_numpy()
    whose = frame.get_column(patient) if patient else pl.int_range(frame.height, eager=True)
    work = frame.select(columns)
    extra = [name for name in frame.columns if name not in columns]
    steps += [
        Step(column=c, action="dropped", detail="not in the schema", cells=frame.height)
        for c in extra
    ]
    work = direct.identifiers(work, schema, pseudonyms, key, steps)
    work = direct.dates(work, schema, whose.alias(patient or "row"), key, shift_days, steps)
    bounds = declared_limits(work, schema, limits or {})
    bounds |= {
        name: pair
        for name in known
        if tails and name not in bounds
        for pair in [tail_limits(work.get_column(name), schema.column(name), tails, least=k)]
        if pair is not None
    }
    for name, pair in bounds.items():
        coded, changed = recode(work.get_column(name), schema.column(name), pair)
        work = work.with_columns(coded)
        steps.append(
            Step(column=name, action="top- and bottom-coded", detail=_range(pair), cells=changed)
        )
    ladders = [
        climb(
            work.get_column(c),
            schema.column(c),
            (hierarchies or {}).get(c),
            removable=c in may_remove,
        )
        for c in known
    ]
    allowed = int(max_suppression * frame.height + 1e-9)
    found = search.cheapest(
        [ladder.groups for ladder in ladders],
        [ladder.costs for ladder in ladders],
        k=k,
        allowed=allowed,
        units=units,
    )
    if isinstance(found, int):
        raise SynthemaError(
            f"k = {k} cannot be reached: at the coarsest levels {found:,} of {frame.height:,} rows "
            f"are in smaller classes, and {allowed:,} may be suppressed. Allow more suppression, "
            "give coarser hierarchies, let a column be removed, or name fewer quasi-identifiers."
        )
    groups = [ladder.groups[i] for ladder, i in zip(ladders, found.levels, strict=True)]
    gone = _suppress(ladders, found.levels, groups, units, k, suppress)
    general = work.with_columns(
        ladder.released(i) for ladder, i in zip(ladders, found.levels, strict=True)
    )
    for ladder, i in zip(ladders, found.levels, strict=True):
        if i:
            steps.append(
                Step(
                    column=ladder.column.name,
                    action="generalized",
                    detail=ladder.levels[i].name,
                    cells=len(ladder.code),
                )
            )
    released = general.with_columns(
        pl.when(pl.Series(~gone.cells[:, j])).then(pl.col(name)).otherwise(None).alias(name)
        for j, name in enumerate(known)
    )
    for j, name in enumerate(known):
        if gone.cells[:, j].any():
            steps.append(
                Step(
                    column=name,
                    action="cells set to missing",
                    detail=f"class below {k}",
                    cells=int(gone.cells[:, j].sum()),
                )
            )
    if gone.rows.any():
        steps.append(
            Step(
                column="",
                action="rows dropped",
                detail=f"class below {k}",
                cells=int(gone.rows.sum()),
            )
        )
    rows = np.flatnonzero(~gone.rows)
    moved = {
        c: distance(general.get_column(c), released.get_column(c)[rows])
        for c in released.columns
        if schema.column(c).kind != "identifier"
    }
    for name in bounds:
        coarse = general.schema[name] != frame.schema[name]
        if not coarse:  # against the values before coding, where they can be compared
            moved[name] = distance(frame.get_column(name), released.get_column(name)[rows])
    rows = rows[keyed.row_order(len(rows), seed=seed, key=key)]
    steps.append(Step(column="", action="rows reordered", detail="at random", cells=len(rows)))
    out = released[rows]
    checked = out if patient is None else out.with_columns(frame.get_column(patient)[rows])
    after = measures.anonymity(
        checked,
        schema=schema,
        quasi_identifiers=known,
        secrets=secrets,
        k=k,
        unit=patient,
        sampling_fraction=sampling_fraction,
    )
    if after.classes.k < k:  # measured on the table itself, not on the codes of the search
        raise SynthemaError(f"k = {k} was not met on the released table. Please report this.")
    record = Record(
        k=k,
        max_suppression=max_suppression,
        suppress=suppress,
        steps=tuple(steps),
        loss=loss(ladders, found.levels, gone, measures.class_index(out, known), moved),
        before=before,
        after=after,
        tested=found.tested,
        combinations=found.combinations,
        seed=seed,
        note=NOTE,
        source=f"{search.SOURCE} {keyed.SOURCE}",
    )
    return Deidentified(
        table=out,
        schema=released_schema(schema, out, ladders, found.levels, set(bounds)),
        record=record,
    )


def _check(
    frame: pl.DataFrame,
    schema: "Schema",
    known: list[str],
    k: int,
    share: float,
    tails: float,
    days: int,
    seed: int,
    suppress: str,
) -> None:
    if k < 2 or not 0 <= share < 1 or not 0 <= tails < 0.5 or days < 0 or seed < 0:
        raise SynthemaError(
            "expected k >= 2, max_suppression in [0, 1), tails in [0, 0.5), shift_days >= 0 and "
            f"seed >= 0, got {k}, {share}, {tails}, {days}, {seed}."
        )
    if suppress not in ("rows", "cells"):
        raise SynthemaError(f"suppress: expected 'rows' or 'cells', got '{suppress}'.")
    for name in known:
        if schema.column(name).kind in ("identifier", "text"):
            raise SchemaError(
                f"column '{name}': a column of kind '{schema.column(name).kind}' is dropped or "
                "given a pseudonym; it is no quasi-identifier. Leave it out."
            )
        if name not in frame.columns:
            raise SchemaError(f"column '{name}', a quasi-identifier, is not in the table.")


def _suppress(
    ladders: Sequence[Ladder],
    at: Sequence[int],
    groups: Sequence[NDArray[np.int64]],
    units: NDArray[np.int64] | None,
    k: int,
    how: str,
) -> Suppressed:
    if how == "rows":
        return drop_rows(groups, units, k)
    labels = [ladder.levels[i].labels for ladder, i in zip(ladders, at, strict=True)]
    missing = [0 if each == (None,) else len(each) for each in labels]
    return blank_cells(groups, missing, units, k)


def _range(pair: tuple[float | None, float | None]) -> str:
    low, high = pair
    parts = [f"from {low:g}" if low is not None else "", f"to {high:g}" if high is not None else ""]
    return " ".join(part for part in parts if part)
