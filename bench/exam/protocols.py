"""How each patient table is examined: columns, endpoints, strata, targets, rules.

A protocol is plain data, so that the marking, which runs in an environment of its own, reads it
from JSON and evaluates the rules by code of its own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from bench.patients import load

AML = """study type_aml sex age ecog hb platelet wbc ldh bm_blasts pb_blasts splenomegaly
normal_karyotype cyto_complex cyto_minus5_5q cyto_minus7 cyto_plus8_8q cyto_mono17_17p_abn17p
cyto_t_15_17 cyto_t_8_21 cyto_inv16_t16_16 mut_NPM1 mut_CEBPA mut_FLT3_ITD mut_FLT3_TKD mut_DNMT3A
mut_NRAS mut_TET2 mut_IDH2 mut_IDH1 mut_RUNX1 mut_PTPN11 mut_TP53 mut_SRSF2 mut_ASXL1 mut_KIT
mut_WT1 mut_STAG2 molecular_class eln_risk_2011 induction_response hsct cr_days efs_days efs_status
os_days os_status""".split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How one table is examined.

    Attributes:
        columns: Columns in use; all of them if empty.
        numeric: Numeric columns; if empty, those with numbers and more than 10 distinct values.
        endpoints: Pairs (time, status); the first is the main one. Their columns are outcomes.
        outcomes: Further columns that tell the outcome: no features of a prediction.
        targets: What models trained on synthetic patients must predict for real ones.
        strata: Survival is compared within their levels; a number is cut at its median.
        cox: Covariates of the Cox model.
        rules: What no patient may break, in the JSON form of `synthema_core.rules`.
    """

    columns: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    endpoints: tuple[tuple[str, str], ...]
    outcomes: tuple[str, ...] = ()
    targets: tuple[str, ...]
    strata: tuple[str, ...]
    cox: tuple[str, ...]
    rules: tuple[dict[str, Any], ...] = ()

    def plain(self, table: pl.DataFrame) -> dict[str, Any]:
        """For JSON, with the numeric columns of this table filled in."""
        numeric = self.numeric or tuple(
            c for c in table.columns if table[c].dtype.is_numeric() and table[c].n_unique() > 10
        )
        return asdict(self) | {"columns": table.columns, "numeric": list(numeric)}


def _is(column: str, value: str | int) -> dict[str, Any]:
    return {"column": column, "in": [value]}


def _ordered(*columns: str) -> dict[str, Any]:
    return {"rule": "ordered", "columns": list(columns)}


def _implies(when: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"rule": "implies", "when": when, "then": then}


PROTOCOLS: dict[str, Protocol] = {
    "aml_amlsg_2016": Protocol(
        columns=tuple(AML),
        numeric=tuple(
            "age hb platelet wbc ldh bm_blasts pb_blasts cr_days efs_days os_days".split()
        ),
        endpoints=(("os_days", "os_status"), ("efs_days", "efs_status")),
        outcomes=("cr_days",),
        targets=("os_status", "eln_risk_2011", "mut_NPM1", "induction_response", "wbc"),
        strata=("eln_risk_2011", "age", "sex", "mut_TP53", "mut_NPM1", "mut_FLT3_ITD"),
        cox=tuple(
            """age sex wbc hb platelet bm_blasts mut_NPM1 mut_FLT3_ITD mut_TP53 mut_DNMT3A
            mut_RUNX1 mut_CEBPA cyto_complex cyto_inv16_t16_16 eln_risk_2011""".split()
        ),
        rules=(
            _ordered("efs_days", "os_days"),
            _ordered("cr_days", "os_days"),
            _implies(_is("os_status", 1), _is("efs_status", 1)),
            _implies(_is("molecular_class", "inv16"), _is("cyto_inv16_t16_16", 1)),
            _implies(_is("molecular_class", "t8_21"), _is("cyto_t_8_21", 1)),
            {
                "rule": "excludes",
                "conditions": [_is("cyto_complex", 1), _is("normal_karyotype", 1)],
            },
            _implies(_is("induction_response", "ED"), {"column": "cr_days", "missing": True}),
        ),
    ),
    "flchain": Protocol(
        endpoints=(("futime", "death"),),
        outcomes=("chapter",),
        targets=("death", "mgus", "creatinine", "kappa"),
        strata=("age", "sex", "flc.grp"),
        cox=("age", "sex", "kappa", "lambda", "creatinine", "mgus"),
        rules=({"rule": "defined_if", "column": "chapter", "when": _is("death", 1)},),
    ),
    "support2": Protocol(
        endpoints=(("time", "event"),),
        outcomes=("sfdm2",),
        targets=("event", "dnr", "dementia", "ca", "crea"),
        strata=("dzclass", "age", "sex", "ca"),
        cox=("age", "sex", "scoma", "sps", "meanbp", "crea", "dzclass", "ca", "diabetes"),
        rules=(
            _ordered("surv6m", "surv2m"),
            _implies(_is("dzgroup", "Lung Cancer"), _is("dzclass", "Cancer")),
            _implies(_is("dzgroup", "Colon Cancer"), _is("dzclass", "Cancer")),
            _implies(_is("dzgroup", "Coma"), _is("dzclass", "Coma")),
            _implies(
                _is("sfdm2", "<2 mo. follow-up"), {"column": "time", "low": 0.0, "high": 60.0}
            ),
            _implies(_is("sfdm2", "<2 mo. follow-up"), _is("event", 1)),
        ),
    ),
    "beataml2_2022": Protocol(
        endpoints=(("os_days", "os_status"),),
        outcomes=("causeOfDeath",),
        targets=("os_status", "npm1c", "eln", "response", "wbc"),
        strata=("eln", "age", "sex", "npm1c"),
        cox=("age", "sex", "npm1c", "flt3itd", "tp53c", "runx1c", "asxl1c", "priorMDS"),
        rules=(
            _implies(_is("causeOfDeath", "Alive"), _is("os_status", 0)),
            _implies(_is("causeOfDeath", "Dead-Disease"), _is("os_status", 1)),
            _implies(_is("flt3itd", 0), {"column": "allelicRatio", "low": 0.0, "high": 0.0}),
        ),
    ),
    "hsct_ebmt4": Protocol(
        endpoints=(("srv", "srv.s"), ("rel", "rel.s")),
        outcomes=("rec", "rec.s", "ae", "ae.s", "recae", "recae.s"),
        targets=("srv.s", "rel.s", "ae.s", "year"),
        strata=("agecl", "match", "proph", "year"),
        cox=("agecl", "match", "proph", "year"),
        rules=(
            _ordered("rec", "recae", "srv"),
            _ordered("ae", "recae"),
            _ordered("rel", "srv"),
            _implies(_is("recae.s", 1), _is("rec.s", 1)),
            _implies(_is("recae.s", 1), _is("ae.s", 1)),
        ),
    ),
    "mgus2": Protocol(
        endpoints=(("futime", "death"), ("ptime", "pstat")),
        targets=("death", "pstat", "sex", "hgb"),
        strata=("age", "sex", "mspike"),
        cox=("age", "sex", "hgb", "creat", "mspike"),
        rules=(_ordered("ptime", "futime"),),
    ),
}


@dataclass(frozen=True, slots=True)
class Split:
    """One random split: half to fit on, a quarter to test on, a quarter the attacker's."""

    train: pl.DataFrame
    test: pl.DataFrame
    reference: pl.DataFrame


def table_of(name: str) -> pl.DataFrame:
    """The columns in use of a patient table."""
    table = load(name)
    columns = PROTOCOLS[name].columns
    return table.select(columns) if columns else table


def split(table: pl.DataFrame, seed: int) -> Split:
    """Shuffle and cut at one half and three quarters."""
    order = np.random.default_rng(seed).permutation(table.height)
    half, most = table.height // 2, table.height * 3 // 4
    return Split(table[order[:half]], table[order[half:most]], table[order[most:]])
