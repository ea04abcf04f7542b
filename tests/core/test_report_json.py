"""What `write_json` writes meets its published schema, and stands for no single patient."""

import json
import re
from dataclasses import replace

import jsonschema
import numpy as np
import polars as pl
import pytest

import synthema_core as sc
from synthema_core.errors import OutputError
from synthema_core.report import write_html, write_json
from synthema_core.report.document import document, json_schema


@pytest.fixture(scope="module")
def audits():
    """A small table of numbers, categories, dates and an endpoint: with and without a holdout."""
    rng = np.random.default_rng(0)
    n = 480
    table = pl.DataFrame(
        {
            "age": rng.integers(18, 85, n),
            "wbc": rng.lognormal(2, 1, n).round(1),
            "risk": rng.choice(["low", "mid", "high"], n, p=[0.5, 0.3, 0.2]),
            "seen": pl.Series(rng.integers(14_000, 17_000, n)).cast(pl.Int32).cast(pl.Date),
            "os_days": rng.exponential(600, n).round() + 1,
            "os_status": rng.integers(0, 2, n),
        }
    )
    train, synthetic, holdout = table[:160], table[160:320], table[320:]
    schema = sc.Schema.infer(train, name="made up")
    settings = {"train": train, "synthetic": synthetic, "schema": schema, "seed": 0}
    return {
        "holdout": sc.audit(**settings, holdout=holdout),
        "no holdout": sc.audit(**settings),
        "copy": sc.audit(**{**settings, "synthetic": train}, holdout=holdout),
    }


@pytest.mark.parametrize("name", ["holdout", "no holdout", "copy"])
def test_json_meets_the_published_schema(audits, name, tmp_path):
    validator = jsonschema.Draft202012Validator(json_schema())
    path = tmp_path / "audit.json"
    write_json(audits[name], path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [error.json_path for error in validator.iter_errors(found)] == []
    assert (found["format"], found["version"]) == ("synthema-audit", 1)
    assert ("reason" in found["membership"]) == (name == "no holdout")


def test_the_schema_is_sound_and_closed(audits):
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert not validator.is_valid({**document(audits["copy"]), "verdict": "fine"})
    assert not validator.is_valid({**document(audits["copy"]), "membership": 0})


def test_rare_categories_and_few_events_stay_out_of_the_file(audits):
    audit = audits["holdout"]
    shape = next(column for column in audit.shapes.columns if column.name == "risk")
    real = np.array([0.99, 1 / 160, 0.01 - 1 / 160])
    rare = replace(shape, labels=("common", "one family in Pavia", "odd"), real=real)
    few = tuple(replace(curve, events_real=2) for curve in audit.survival)
    assert few
    audit = replace(audit, shapes=replace(audit.shapes, columns=(rare,)), survival=few)
    found = document(audit)
    assert "Pavia" not in json.dumps(found)
    assert found["shapes"]["columns"][0]["labels"] == ["common", "other (rare)"]
    assert all(curve["times"] == [] for curve in found["survival"])


def test_the_page_of_a_real_audit_shows_dates_and_a_betrayal(audits, tmp_path):
    path = tmp_path / "audit.html"
    write_html(audits["copy"], path)
    page = path.read_text(encoding="utf-8")
    assert "This table betrays its patients." in page
    assert "≥ 2016-" in page
    write_html(audits["no holdout"], path)
    page = path.read_text(encoding="utf-8")
    assert "This is no sign of low risk" in page
    assert not re.search(r"\bsafe\b", page)


def test_methods_of_the_audit_write_the_same_files(audits, tmp_path):
    audits["copy"].write_json(tmp_path / "a.json")
    write_json(audits["copy"], tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_unwritable_place_is_an_error_that_names_it(audits, tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        write_json(audits["copy"], tmp_path / "nowhere" / "audit.json")
