"""k-anonymity, l-diversity, t-closeness and re-identification risk of one table, in one call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import SchemaError, SynthemaError
from ..intervals import NotMeasured
from ..schema.types import NUMERIC
from ..tables import as_frame
from .classes import Classes, class_index, count_classes, matching_sizes, sizes_by_class
from .closeness import Closeness, Distance, closeness
from .diversity import Diversity, counts_by_class, diversity
from .population import Risk, risk

if TYPE_CHECKING:
    from ..schema import Column, Role, Schema

Missing = Literal["value", "match"]
ROWS = "rows"
OVERLAP = "classes overlap where a missing field matches anything: use missing='value'"
NO_UNIQUES = "uniqueness is a property of rows: not estimated for patients with several rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymity:
    """What one table gives away to somebody who knows the quasi-identifiers.

    Attributes:
        quasi_identifiers: Columns that the attacker knows.
        secrets: Columns that the attacker wants.
        classes: k-anonymity.
        diversity: l-diversity of each secret, in their order.
        closeness: t-closeness of each secret, in their order.
        risk: Re-identification by attacker.
        n: Rows.
    """

    quasi_identifiers: tuple[str, ...]
    secrets: tuple[str, ...]
    classes: Classes
    diversity: tuple[Diversity, ...] | NotMeasured
    closeness: tuple[Closeness, ...] | NotMeasured
    risk: Risk
    n: int


def anonymity(
    table: object,
    *,
    schema: "Schema | None" = None,
    quasi_identifiers: Sequence[str] | None = None,
    secrets: Sequence[str] | None = None,
    k: int = 5,
    c: float = 3.0,
    threshold: float = 0.09,
    population: object | None = None,
    population_rows: int | None = None,
    sampling_fraction: float | None = None,
    unit: str | None = None,
    missing: Missing = "value",
    name: str = "table",
) -> Anonymity:
    """Measure how many rows share each combination of quasi-identifiers, and what that tells.

    Missing is a value of its own, in quasi-identifiers and in secrets. With `missing="match"` a
    missing quasi-identifier matches any value: class sizes are then the largest they could be and
    the risks a lower bound, and classes overlap, so that l-diversity and t-closeness are not
    measured.

    Args:
        table: (n, c), anything `as_frame` takes: real, synthetic or de-identified.
        schema: Gives the roles where the call names no columns, and the kinds of the secrets.
        quasi_identifiers: Columns the attacker knows; those of that role if None.
        secrets: Columns the attacker wants; those of that role if None.
        k: Class size asked for, >= 1; it changes only what is counted as below.
        c: Constant of recursive (c, l)-diversity, > 0.
        threshold: Risk above which a row counts as exposed, in (0, 1]; 0.09 is that of EMA Policy
            0070 and of Health Canada.
        population: Table of the whole population, with the quasi-identifiers in the same form.
        population_rows: People in the population, if there is no table of them; >= n.
        sampling_fraction: Or the share of the population in the table, in (0, 1].
        unit: Column that names patients, if one may have several rows: sizes then count patients.
        missing: "value" or "match".
        name: What errors call the table.

    Raises:
        SynthemaError: If no quasi-identifier is named, a column is absent, or a setting is out of
            its range.
    """
    frame = as_frame(table, name=name)
    known = _columns(frame, schema, quasi_identifiers, "quasi_identifier", name)
    wanted = _columns(frame, schema, secrets, "secret", name)
    _check(k, c, threshold, known, wanted, missing)
    # a unit that names every row once counts rows, and nothing is lost by saying so
    units = None if unit is None else _units(frame, unit, name)
    one_each = units is None or len(np.unique(units)) == frame.height
    index = class_index(frame, known)
    if missing == "match":
        if units is not None or population is not None:
            raise SynthemaError(
                "missing='match': expected neither a unit nor a population table. Use "
                "missing='value' with them."
            )
        sizes = matching_sizes(frame, known)
    else:
        sizes = sizes_by_class(index, None if one_each else units)[index]
    n_people = frame.height if units is None else len(np.unique(units))
    fraction = _fraction(n_people, population, population_rows, sampling_fraction)
    people = None if population is None else _people(frame, known, population)
    risks = risk(sizes, threshold=threshold, people=people, sampling_fraction=fraction)
    if fraction is not None and (missing == "match" or not one_each):
        reason = OVERLAP if missing == "match" else NO_UNIQUES
        risks = replace(risks, uniques=NotMeasured(reason=reason))
    spread: tuple[Diversity, ...] | NotMeasured = NotMeasured(reason=OVERLAP)
    close: tuple[Closeness, ...] | NotMeasured = NotMeasured(reason=OVERLAP)
    if missing == "value":
        spread = tuple(
            diversity(s, counts_by_class(index, _codes(frame.get_column(s))), c=c) for s in wanted
        )
        close = tuple(_closeness(frame.get_column(s), index, schema) for s in wanted)
    return Anonymity(
        quasi_identifiers=tuple(known),
        secrets=tuple(wanted),
        classes=count_classes(
            sizes,
            wanted=k,
            n_classes=int(index.max()) + 1 if missing == "value" else None,
            unit=ROWS if unit is None else unit,
            missing=missing,
        ),
        diversity=spread,
        closeness=close,
        risk=risks,
        n=frame.height,
    )


def class_sizes(
    table: object,
    *,
    schema: "Schema | None" = None,
    quasi_identifiers: Sequence[str] | None = None,
    unit: str | None = None,
    missing: Missing = "value",
) -> NDArray[np.int64]:
    """How many rows (or patients) share the quasi-identifiers of each row, (n,); see `anonymity`.

    `(class_sizes(...) < 5).nonzero()` lists the rows most at risk, by number.
    """
    frame = as_frame(table)
    known = _columns(frame, schema, quasi_identifiers, "quasi_identifier", "table")
    _check(1, 1.0, 1.0, known, [], missing)
    if missing == "match":
        return matching_sizes(frame, known)
    index = class_index(frame, known)
    return sizes_by_class(index, None if unit is None else _units(frame, unit, "table"))[index]


def _columns(
    frame: pl.DataFrame,
    schema: "Schema | None",
    named: Sequence[str] | None,
    role: "Role",
    where: str,
) -> list[str]:
    if isinstance(named, str):
        raise SynthemaError(f"expected a list of columns, got the text '{named}'.")
    if named is None:
        named = [] if schema is None else [c.name for c in schema.columns if c.role == role]
    names = list(dict.fromkeys(named))
    for column in names:
        if column not in frame.columns:
            raise SchemaError(
                f"{where}: column '{column}', a {role.replace('_', '-')}, is not in the table. "
                "Correct the name, or leave it out."
            )
    return names


def _check(
    k: int, c: float, threshold: float, known: list[str], wanted: list[str], missing: str
) -> None:
    if not known:
        raise SchemaError(
            "expected at least one quasi-identifier, got none. Name them, or give columns of the "
            "schema the role 'quasi_identifier'."
        )
    both = [column for column in wanted if column in known]
    if both:
        raise SchemaError(
            f"column '{both[0]}' is named as quasi-identifier and as secret. Choose one."
        )
    if k < 1 or c <= 0 or not 0 < threshold <= 1:
        raise SynthemaError(
            f"expected k >= 1, c > 0 and a threshold in (0, 1], got {k}, {c}, {threshold}."
        )
    if missing not in ("value", "match"):
        raise SynthemaError(f"missing: expected 'value' or 'match', got '{missing}'.")


def _units(frame: pl.DataFrame, unit: str, where: str) -> NDArray[np.int64]:
    if unit not in frame.columns:
        raise SchemaError(f"{where}: column '{unit}', the unit, is not in the table.")
    column = frame.get_column(unit)
    if column.null_count():
        raise SchemaError(
            f"{where}: column '{unit}': expected a patient in every row, got {column.null_count()} "
            "missing. Fill them in, or drop the rows."
        )
    return _codes(column)


def _codes(column: pl.Series) -> NDArray[np.int64]:
    """0 for missing, then 1, 2, ... in the order of the values."""
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    if column.dtype == pl.Null:
        return np.zeros(len(column), np.int64)
    return column.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()


def _closeness(column: pl.Series, index: NDArray[np.int64], schema: "Schema | None") -> Closeness:
    """t-closeness in the order of the kind, or of the dtype where the schema is silent."""
    declared: Column | None = None
    if schema is not None and column.name in schema.names:
        declared = schema.column(column.name)
    distance: Distance = "ordered"
    if declared is None:
        if not (column.dtype.is_numeric() or column.dtype.is_temporal()):
            distance = "categorical"
    elif declared.kind == "ordinal":
        # a released table may hold steps of another width, which this order does not know
        steps = [str(value) for value in declared.categories or ()]
        text = column.cast(pl.String)
        if text.drop_nulls().is_in(steps).all():
            column = text.cast(pl.Enum(steps)).to_physical().alias(column.name)
        elif not column.dtype.is_numeric():
            distance = "categorical"
    elif declared.kind in NUMERIC and column.dtype.is_numeric():
        if declared.sentinels:
            column = column.set(column.is_in(list(declared.sentinels)), None)
    elif not column.dtype.is_temporal():
        distance = "categorical"
    counts = counts_by_class(index, _codes(column))
    missing = 0 if distance == "ordered" else None
    return closeness(column.name, counts, distance=distance, missing=missing)


def _fraction(
    n: int, population: object | None, people: int | None, fraction: float | None
) -> float | None:
    if sum(value is not None for value in (population, people, fraction)) > 1:
        raise SynthemaError(
            "expected one of population, population_rows and sampling_fraction, got more."
        )
    if people is not None:
        if people < n:
            raise SynthemaError(f"population_rows: expected at least {n} people, got {people}.")
        return n / people
    if fraction is not None and not 0 < fraction <= 1:
        raise SynthemaError(f"sampling_fraction: expected a share in (0, 1], got {fraction}.")
    return fraction


def _people(frame: pl.DataFrame, known: list[str], population: object) -> NDArray[np.int64]:
    """People of the population in the class of each row."""
    whole = as_frame(population, name="population")
    for column in known:
        if column not in whole.columns:
            raise SchemaError(f"population: column '{column}' is not in the table. Add it.")
    totals = whole.group_by(known).agg(pl.len().alias("\0people"))
    try:
        found = frame.select(known).join(
            totals, on=known, how="left", nulls_equal=True, maintain_order="left"
        )
    except pl.exceptions.PolarsError:
        wrong = next((c for c in known if frame.schema[c] != whole.schema[c]), known[0])
        raise SchemaError(
            f"population: column '{wrong}': expected {frame.schema[wrong]}, got "
            f"{whole.schema[wrong]}. Cast it."
        ) from None
    return found.get_column("\0people").fill_null(0).cast(pl.Int64).to_numpy()
