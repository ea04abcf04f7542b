"""Inference on real tables: what a data scientist would have written down. Skipped where absent."""

import time

import polars as pl
import pytest

from synthema_core.schema import Schema

TABLES = [
    "aml_amlsg_2016",
    "flchain",
    "beataml2_2022",
    "hsct_ebmt4",
    "bmt_children_uci",
    "mgus2",
    "support2",
    "adult",
    "diabetes130",
]


def kinds(schema):
    return {column.name: column.kind for column in schema.columns}


def endpoints(schema):
    return {(e.time, e.status, e.not_after) for e in schema.endpoints}


def structural(schema):
    return {rule.sentence() for rule in schema.rules}


@pytest.mark.parametrize("name", TABLES)
def test_a_real_table_obeys_its_schema_and_the_row_number_is_an_identifier(patient_table, name):
    table = patient_table(name).with_row_index("pid", offset=1)
    start = time.perf_counter()
    schema = Schema.infer(table, name=name)
    assert time.perf_counter() - start < 20  # a second or two on an idle machine
    assert schema.column("pid").kind == "identifier"
    assert all(column.reason for column in schema.columns)
    assert schema.validate(table).ok
    assert Schema.from_dict(schema.to_dict()) == schema


def test_aml(patient_table):
    table = patient_table("aml_amlsg_2016")
    schema = Schema.infer(table)
    kind = kinds(schema)
    flags = [
        n for n in table.columns if n.startswith(("mut_", "cyto_")) and table[n].dtype == pl.Int8
    ]
    flags = [n for n in flags if table[n].max() == 1 and table[n].min() == 0]
    assert {kind[n] for n in flags} == {"boolean"}
    assert kind["mut_CEBPA"] == kind["ecog"] == "ordinal"
    assert kind["age"] == kind["ldh"] == "count"
    assert {kind[n] for n in ("hb", "wbc", "platelet", "bm_blasts")} == {"continuous"}
    assert {kind[n] for n in ("study", "sex", "center", "molecular_class")} == {"categorical"}
    assert schema.column("eln_risk_2011").categories == (
        "Favorable",
        "Inter-1",
        "Inter-2",
        "Adverse",
    )
    assert endpoints(schema) == {
        ("os_days", "os_status", None),
        ("efs_days", "efs_status", "os_days"),
        ("rfs_days", "rfs_status", "os_days"),
    }
    durations = {n for n, k in kind.items() if k == "duration"}
    assert durations == {"hsct_days", "cr_days", "recurrence_days", "last_followup_days"}
    assert {schema.column(n).unit for n in durations} == {"days"}
    assert {
        "'hsct_type' is defined only if 'hsct' is 1",
        "'hsct_phase' is defined only if 'hsct' is 1",
        "'hsct_days' is defined only if 'hsct' is 1",
        "'rfs_days' is defined only if 'cr_days' is known",
        "'recurrence_days' is defined only if 'rfs_status' is 1",
        "'cr_days' <= 'os_days'",
    } <= structural(schema)
    warning = "an exact copy of column 'os_days': drop one of them"
    assert warning in schema.column("last_followup_days").warnings


def test_flchain(patient_table):
    schema = Schema.infer(patient_table("flchain"))
    assert endpoints(schema) == {("futime", "death", None)}
    assert structural(schema) == {"'chapter' is defined only if 'death' is 1"}
    assert any("a time of 0" in w for w in schema.column("futime").warnings)
    assert kinds(schema)["flc.grp"] == "ordinal"
    assert kinds(schema)["kappa"] == "continuous"


def test_beataml(patient_table):
    schema = Schema.infer(patient_table("beataml2_2022"))
    assert endpoints(schema) == {("os_days", "os_status", None)}
    kind = kinds(schema)
    assert kind["n_mut"] == kind["age"] == "count"
    assert kind["tp53c"] == "boolean"
    assert kind["cebpaBi"] == "categorical"


def test_transplants(patient_table):
    schema = Schema.infer(patient_table("hsct_ebmt4"))
    assert endpoints(schema) == {
        (name, f"{name}.s", None if name == "srv" else "srv")
        for name in ("rec", "ae", "recae", "rel", "srv")
    }
    assert kinds(schema)["agecl"] == "ordinal"
    assert kinds(schema)["proph"] == "boolean"


def test_children_have_their_sentinels_found(patient_table):
    schema = Schema.infer(patient_table("bmt_children_uci"))
    found = {c.name for c in schema.columns if c.sentinels == (1_000_000.0,)}
    assert found == {"ANCrecovery", "PLTrecovery", "time_to_aGvHD_III_IV"}
    assert endpoints(schema) == {("survival_time", "survival_status", None)}


def test_mgus(patient_table):
    schema = Schema.infer(patient_table("mgus2"))
    assert endpoints(schema) == {("ptime", "pstat", "futime"), ("futime", "death", None)}


def test_support_and_adult(patient_table):
    support = Schema.infer(patient_table("support2"))
    assert endpoints(support) == {("time", "event", None)}
    assert support.column("diabetes").categories == ("0", "1")
    adult = Schema.infer(patient_table("adult"))
    assert not adult.endpoints
    assert adult.column("hours_per_week").kind == "count"
    assert (
        "a recoding of column 'education': drop one of them"
        in adult.column("education_num").warnings
    )


def test_encounters_name_their_patients(patient_table):
    schema = Schema.infer(patient_table("diabetes130"))
    assert schema.column("patient").kind == "identifier"
    assert "split train and holdout by it" in schema.column("patient").warnings[0]
    assert schema.column("diag_1").kind == "categorical"
    assert schema.column("admission_source_id").kind == "categorical"
    assert schema.column("num_procedures").kind == "count"
    assert schema.column("examide").kind == "constant"
    assert schema.column("age").kind == "ordinal"
