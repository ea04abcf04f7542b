"""Schema of the simulated AML cohort: kinds, units, roles, endpoints and clinical rules."""

from typing import Final

import polars as pl

from synthema_core.generate import cohort_parameters as given
from synthema_core.rules import (
    Condition,
    DefinedIf,
    Excludes,
    Implies,
    Ordered,
    Range,
    Requires,
    Rule,
)
from synthema_core.schema import Column, Endpoint, Kind, Role, Schema

NAME: Final = "Simulated AML cohort"
DESCRIPTION: Final = (
    "SIMULATED. No row is a patient. Adults with intensively treated acute myeloid leukemia, drawn "
    "from published rates (mainly Papaemmanuil et al., N Engl J Med 2016;374:2209-2221); risk by "
    "the European LeukemiaNet 2022 rules. For demonstrations and tests, not for research."
)

KARYOTYPE: Final = (
    "normal_karyotype",
    "cyto_complex",
    "cyto_t_8_21",
    "cyto_inv16_t16_16",
    "cyto_t_9_11",
    "cyto_t_v_11",
    "cyto_inv3_t3_3",
    "cyto_t_6_9",
    "cyto_minus5_5q",
    "cyto_minus7",
    "cyto_mono17_17p_abn17p",
    "cyto_plus8_8q",
)
MUTATIONS: Final = tuple(f"mut_{gene}" for gene in given.MUTATIONS)

DTYPES: Final[dict[str, type[pl.DataType]]] = {
    "age": pl.Int8,
    "sex": pl.String,
    "ecog": pl.Int8,
    "type_aml": pl.String,
    "center": pl.String,
    "wbc": pl.Float64,
    "hb": pl.Float64,
    "platelet": pl.Int16,
    "ldh": pl.Int16,
    "bm_blasts": pl.Int8,
    "pb_blasts": pl.Int8,
    **dict.fromkeys(KARYOTYPE, pl.Int8),
    **dict.fromkeys(MUTATIONS, pl.Int8),
    "eln_risk": pl.String,
    "induction_response": pl.String,
    "cr_days": pl.Int16,
    "hsct": pl.Int8,
    "hsct_days": pl.Int16,
    "hsct_type": pl.String,
    "efs_days": pl.Int16,
    "efs_status": pl.Int8,
    "os_days": pl.Int16,
    "os_status": pl.Int8,
}
"""Every column in its order, with its Polars dtype."""

UNITS: Final = {
    "age": "years",
    "wbc": "10^9/L",
    "hb": "g/dL",
    "platelet": "10^9/L",
    "ldh": "U/L",
    "bm_blasts": "%",
    "pb_blasts": "%",
    "cr_days": "days",
    "hsct_days": "days",
    "efs_days": "days",
    "os_days": "days",
}
QUASI_IDENTIFIERS: Final = ("age", "sex", "center", "type_aml", "wbc", "hb", "platelet")
SECRETS: Final = ("mut_TP53", "eln_risk", "hsct_type", "os_status")
CATEGORIES: Final[dict[str, tuple[str | int, ...]]] = {
    "sex": ("F", "M"),
    "ecog": (0, 1, 2, 3, 4),
    "type_aml": ("de novo", "secondary", "therapy-related"),
    "center": tuple(f"center {i + 1:02d}" for i in range(len(given.CENTERS))),
    "mut_CEBPA": (0, 1, 2),
    "eln_risk": given.RISKS,
    "induction_response": ("CR", "RD", "ED"),
    "hsct_type": tuple(sorted(given.TRANSPLANT_TYPES)),
}
ORDINAL: Final = ("ecog", "mut_CEBPA", "eln_risk")
COUNTS: Final = ("age", "platelet", "ldh", "bm_blasts", "pb_blasts")


def schema() -> Schema:
    """Schema of `cohort.simulate`: 56 columns, two endpoints, and rules its rows never break."""
    return Schema(
        columns=tuple(_column(name, dtype) for name, dtype in DTYPES.items()),
        endpoints=(
            Endpoint(name="os", time="os_days", status="os_status", event=(1,)),
            Endpoint(
                name="efs", time="efs_days", status="efs_status", event=(1,), not_after="os_days"
            ),
        ),
        rules=_rules(),
        name=NAME,
        description=DESCRIPTION,
    )


def _column(name: str, dtype: type[pl.DataType]) -> Column:
    kind: Kind
    role: Role | None = None
    categories = CATEGORIES.get(name)
    if name in ("os_days", "efs_days"):
        kind = "time"
    elif name in ("cr_days", "hsct_days"):
        kind = "duration"
    elif name in COUNTS:
        kind = "count"
    elif name in ("wbc", "hb"):
        kind = "continuous"
    elif name in ORDINAL:
        kind = "ordinal"
    elif categories is None:
        kind, categories = "boolean", (0, 1)
    else:
        kind = "categorical"
    if name in QUASI_IDENTIFIERS:
        role = "quasi_identifier"
    elif name in SECRETS:
        role = "secret"
    return Column(
        name=name,
        kind=kind,
        unit=UNITS.get(name),
        role=role,
        categories=categories,
        dtype=dtype.__name__,
        reason="declared by the simulator",
    )


def _is(column: str, *values: str | int) -> Condition:
    return Condition(column=column, is_in=values)


def _rules() -> tuple[Rule, ...]:
    lesions = KARYOTYPE[1:]
    fusions = [name for name in KARYOTYPE if "_t_" in name or "_inv" in name]
    ranges = {"age": given.AGE_RANGE, **given.LABORATORY_RANGE}
    rules: list[Rule] = [
        Range(column=name, low=low, high=high) for name, (low, high) in ranges.items()
    ]
    rules += [
        Excludes(conditions=(_is("normal_karyotype", 1), _is(lesion, 1)), name="normal karyotype")
        for lesion in lesions
    ]
    rules += [
        Excludes(conditions=(_is(a, 1), _is(b, 1)), name="one fusion")
        for i, a in enumerate(fusions)
        for b in fusions[:i]
    ]
    rules += [
        Excludes(conditions=(_is("mut_NPM1", 1), _is(fusion, 1)), name="NPM1 without fusion")
        for fusion in fusions
    ]
    rules += [
        Implies(when=_is(lesion, 1), then=_is("eln_risk", risk), name="ELN 2022")
        for risk, names in (
            ("favorable", ("cyto_t_8_21", "cyto_inv16_t16_16")),
            ("adverse", (*given.ADVERSE_KARYOTYPE, "mut_TP53")),
        )
        for lesion in names
    ]
    return (
        *rules,
        DefinedIf(column="cr_days", when=_is("induction_response", "CR")),
        Requires(column="cr_days", when=_is("induction_response", "CR")),
        DefinedIf(column="hsct_days", when=_is("hsct", 1)),
        Requires(column="hsct_days", when=_is("hsct", 1)),
        DefinedIf(column="hsct_type", when=_is("hsct", 1)),
        Requires(column="hsct_type", when=_is("hsct", 1)),
        Ordered(("cr_days", "efs_days", "os_days"), name="remission, event, death"),
        Ordered(("hsct_days", "os_days"), strict=True, name="transplant before death"),
        Implies(when=_is("os_status", 1), then=_is("efs_status", 1), name="death is an event"),
        Implies(when=_is("induction_response", "ED"), then=_is("os_status", 1), name="early death"),
        Implies(when=_is("induction_response", "RD"), then=_is("efs_status", 1), name="refractory"),
        Excludes(conditions=(_is("induction_response", "ED"), _is("hsct", 1)), name="early death"),
    )
