"""`synthema deidentify`: what it writes and prints, and how it refuses."""

import json
import re

import polars as pl
import pytest

from synthema_core import tables
from synthema_core.cli import main
from synthema_core.cli.arguments import parser
from synthema_core.generate import cohort
from synthema_core.schema import Schema


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A simulated cohort with an identifier and a date, its schema, and a key."""
    folder = tmp_path_factory.mktemp("study")
    patients = cohort.simulate(400, seed=5).with_columns(
        pid=pl.int_range(400).cast(pl.String).str.zfill(6),
        diagnosed=pl.date(2015, 1, 1) + pl.duration(days=pl.int_range(400)),
    )
    tables.write(patients, folder / "all.parquet")
    schema = Schema.infer(patients).with_column("pid", kind="identifier")
    for name, role in {"age": "quasi_identifier", "sex": "quasi_identifier"}.items():
        schema = schema.with_column(name, role=role)
    schema.write(folder / "s.json")
    (folder / "key").write_text("a key of more than sixteen bytes\n")
    return folder


def run(study, *more: object, out: str = "out.parquet") -> int:
    data = [study / "all.parquet", "--schema", study / "s.json", "-o", study / out]
    return main([str(word) for word in ("deidentify", *data, *more)])


def test_help_has_examples_that_parse(capsys):
    assert main(["deidentify", "--help"]) == 0
    text = capsys.readouterr().out
    examples = re.sub(r"\\\n\s*", "", text.partition("examples:")[2]).strip().splitlines()
    assert len(examples) == 3
    for line in examples:
        parser().parse_args(line.split()[1:])
    assert not re.search(r"anonym|complian|\bsafe", text, re.I)


def test_table_record_and_schema_are_written(study, capsys):
    more = ["--k", 5, "--key-file", study / "key", "--pseudonym", "pid", "--patient", "pid"]
    more += ["--bands", "age=5,10,20", "--limit", "age=25..80", "--record", study / "r.json"]
    assert run(study, *more, "--schema-out", study / "new.json") == 0
    out = capsys.readouterr().out
    for word in ("prosecutor risk, maximum", "dates shifted", "pseudonym", "loss:", "wrote"):
        assert word in out
    released = tables.read(study / "out.parquet")
    assert released.group_by("age", "sex").len().get_column("len").min() >= 5
    assert released.get_column("pid").str.len_chars().unique().to_list() == [32]
    record = json.loads((study / "r.json").read_text())
    assert record["after"]["classes"]["k"] >= 5
    assert "a key of more" not in (study / "r.json").read_text() + out
    assert Schema.read(study / "new.json").validate(released).ok
    assert main(["validate", str(study / "out.parquet"), "--schema", str(study / "new.json")]) == 0


def test_the_key_may_come_from_the_environment(study, monkeypatch):
    assert run(study, "--k", 5, "--key-file", study / "key", "--seed", 3, out="a.parquet") == 0
    monkeypatch.setenv("SYNTHEMA_KEY", "a key of more than sixteen bytes")
    assert run(study, "--k", 5, "--seed", 3, out="b.parquet") == 0
    assert tables.read(study / "a.parquet").equals(tables.read(study / "b.parquet"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--k", 5], "needs a key"),
        (["--k", 5, "--shift-days", 0, "--quasi", "nobody"], "column 'nobody'"),
        (["--k", 201, "--shift-days", 0, "--max-suppression", 0], "cannot be reached"),
        (["--k", 5, "--bands", "age=5,7"], "--bands age: bands: expected positive widths"),
        (["--k", 5, "--bands", "age"], "not of the form"),
        (["--k", 5, "--limit", "age=40"], "not of the form"),
        (["--k", 5, "--groups", "sex=none.csv"], "none.csv"),
        (["--k", 5, "--record", "r.txt"], "ends in .json"),
        (["--k", 5, "--key-file", "none"], "key file none"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(study, more, says, capsys):
    before = sorted(study.iterdir())
    assert run(study, *more, out="never.parquet") == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert says in error
    assert sorted(study.iterdir()) == before


def test_an_input_is_never_overwritten(study, capsys):
    assert run(study, "--k", 5, out="all.parquet") == 2
    assert "is an input" in capsys.readouterr().err
