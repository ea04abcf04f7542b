"""The command line: what it prints and writes, how it ends, and that nothing is half-written."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from synthema_core import tables
from synthema_core.cli import main
from synthema_core.generate import cohort
from synthema_core.schema import Schema

QUICK = ("--members", "1", "--steps", "60")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with two halves of a small simulated cohort and their schema."""
    folder = tmp_path_factory.mktemp("study")
    patients = cohort.simulate(400, seed=5)
    tables.write(patients.head(200), folder / "train.parquet")
    tables.write(patients.tail(200), folder / "holdout.csv")
    cohort.schema().write(folder / "schema.json")
    return folder


@pytest.fixture(scope="module")
def model(study) -> Path:
    pytest.importorskip("jax")
    path = study / "aml.synthema"
    train, schema = str(study / "train.parquet"), str(study / "schema.json")
    assert main(["fit", train, "--schema", schema, "-o", str(path), *QUICK]) == 0
    return path


@pytest.fixture(scope="module")
def synthetic(study, model) -> Path:
    path = study / "synthetic.parquet"
    assert main(["sample", str(model), "-n", "150", "-o", str(path)]) == 0
    return path


def command(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "synthema_core", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def refused(capsys, *arguments: str) -> str:
    """Run what must fail with exit code 2 and one line on stderr; return the line."""
    assert run(*arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("synthema: error: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


# --- help and usage -----------------------------------------------------------------------------

COMMANDS = ["demo", "schema", "validate", "fit", "sample", "audit"]


def test_help_names_every_command_and_exit_code(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for word in (*COMMANDS, "exit codes:", "130"):
        assert word in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_examples_that_parse(name, capsys):
    from synthema_core.cli.arguments import parser

    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    examples = re.sub(r"\\\n\s*", "", text.partition("examples:")[2]).strip().splitlines()
    assert examples
    for line in examples:
        words = line.partition("  " * 4)[0].partition("&&")[0].split()
        assert words[:2] == ["synthema", name]
        parser().parse_args(words[1:])


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; start = time.process_time()\n"
        "from synthema_core.cli import main; main(['--help'])\n"
        "heavy = [m for m in ('jax', 'numba', 'polars', 'scipy', 'sklearn') if m in sys.modules]\n"
        "print(heavy, time.process_time() - start < 0.5, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[] True"


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("synthema ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required: COMMAND"),
        (["anonymize"], "invalid choice"),
        (["validate", "a.csv"], "--schema"),
        (["sample", "m", "-n", "0", "-o", "s.csv"], "expected a whole number from 1"),
        (["sample", "m", "-n", "many", "-o", "s.csv"], "expected a whole number from 1"),
        (["sample", "m", "-n", "5", "-o", "s.csv", "--seed", "-1"], "--seed"),
        (["demo", "-n", "20"], "expected a whole number from 200"),
    ],
)
def test_wrong_usage_is_one_line(arguments, says, capsys):
    assert says in refused(capsys, *arguments)


# --- schema and validate ------------------------------------------------------------------------


def test_schema_is_printed_and_written(study, tmp_path, capsys):
    path = tmp_path / "inferred.json"
    data = str(study / "train.parquet")
    assert main(["schema", data, "-o", str(path), "--drop", "center", "--drop", "hb"]) == 0
    out = capsys.readouterr().out
    assert "column" in out
    assert "endpoint os: os_days with os_status" in out
    schema = Schema.read(path)
    assert schema.name == "train"
    assert "center" not in schema.names
    assert "center" not in out
    assert len(schema.names) == 54


def test_schema_without_output_only_prints(study, capsys):
    before = sorted(study.iterdir())
    assert main(["schema", str(study / "holdout.csv")]) == 0
    assert "wrote" not in capsys.readouterr().out
    assert sorted(study.iterdir()) == before


def test_dropping_an_unknown_column_is_an_error(study, capsys):
    error = refused(capsys, "schema", study / "train.parquet", "--drop", "pid")
    assert "column 'pid' is not in the table" in error


def test_validate_accepts_what_obeys(study, capsys):
    assert (
        main(["validate", str(study / "train.parquet"), "--schema", str(study / "schema.json")])
        == 0
    )
    assert capsys.readouterr().out == "no violation in 200 rows and 56 columns\n"


def test_validate_lists_what_breaks_and_shows_no_cell(study, tmp_path, capsys):
    bad = pl.read_parquet(study / "train.parquet").with_columns(
        hb=pl.lit(7531.9), efs_days=pl.col("os_days") + 1, note=pl.lit("Mrs O'Brien")
    )
    tables.write(bad, tmp_path / "bad.parquet")
    code = main(["validate", str(tmp_path / "bad.parquet"), "--schema", str(study / "schema.json")])
    out = capsys.readouterr().out
    assert code == 1
    for word in ("hb", "efs_days", "note", "200"):
        assert word in out
    assert "7531.9" not in out
    assert "O'Brien" not in out


# --- fit, sample, audit -------------------------------------------------------------------------


def test_sample_obeys_the_schema(study, synthetic, capsys):
    assert main(["validate", str(synthetic), "--schema", str(study / "schema.json")]) == 0
    assert "no violation in 150 rows" in capsys.readouterr().out


def test_sample_repeats_with_its_seed(model, synthetic, tmp_path):
    for seed, same in (("0", True), ("1", False)):
        path = tmp_path / f"{seed}.parquet"
        assert main(["sample", str(model), "-n", "150", "-o", str(path), "--seed", seed]) == 0
        assert tables.read(path).equals(tables.read(synthetic)) is same


def test_sample_meets_conditions(model, tmp_path, capsys):
    path = tmp_path / "some.csv"
    where = ["--where", "eln_risk=adverse", "--where", "age=40..60", "--where", "wbc=2.."]
    assert main(["sample", str(model), "-n", "40", "-o", str(path), *where]) == 0
    rows = tables.read(path)
    assert rows.height == 40
    assert set(rows["eln_risk"]) == {"adverse"}
    assert rows["age"].is_between(40, 60).all()
    assert rows["wbc"].min() >= 2


def test_audit_prints_a_table_and_writes_both_files(study, synthetic, tmp_path, capsys):
    html, numbers = tmp_path / "audit.html", tmp_path / "audit.json"
    code = run(
        *("audit", "--train", study / "train.parquet", "--synthetic", synthetic),
        *("--holdout", study / "holdout.csv", "--schema", study / "schema.json"),
        *("-o", html, "--json", numbers),
    )
    out, error = capsys.readouterr()
    assert code == 0
    assert error == ""  # no progress bar in a pipe
    for word in ("membership AUC", "C2ST AUC", "KM distance os", "KM distance efs", "violations"):
        assert word in out
    assert html.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")
    assert json.loads(numbers.read_text(encoding="utf-8"))


def test_audit_without_holdout_says_not_measured(study, synthetic, capsys):
    code = run(
        *("audit", "--train", study / "train.parquet", "--synthetic", synthetic),
        *("--schema", study / "schema.json"),
    )
    assert code == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("membership AUC"))
    assert "not measured" in line


@pytest.mark.slow
def test_demo_ends_with_the_path_of_its_report(tmp_path):
    pytest.importorskip("jax")
    folder = tmp_path / "new" / "demo"
    done = command("demo", "-o", str(folder), "-n", "300", *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == str(folder / "audit.html")
    assert {path.name for path in folder.iterdir()} == {
        "train.parquet",
        "holdout.parquet",
        "synthetic.parquet",
        "aml.schema.json",
        "aml.synthema",
        "audit.html",
        "audit.json",
    }
    assert "simulated" in (folder / "audit.html").read_text(encoding="utf-8").lower()


# --- bad input ----------------------------------------------------------------------------------


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


BAD_TABLES = {
    "missing.parquet": (None, "no such file"),
    "table.xlsx": (b"PK", "expected a file that ends in"),
    "latin.csv": ("name\nMüller\n".encode("latin-1"), "expected UTF-8"),
    "truncated.parquet": (b"PAR1 and then nothing", "truncated, damaged"),
    "empty.csv": (b"", "empty file"),
    "header.csv": (b"age,sex\n", "expected at least one row"),
    "twice.csv": (b"age,age\n1,2\n", "'age' occurs 2 times"),
    "infinite.csv": (b"age,sex\n1,2\ninf,3\n", "expected finite numbers"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
@pytest.mark.parametrize("verb", ["schema", "validate"])
def test_bad_tables_end_in_one_line(name, verb, study, tmp_path, capsys):
    content, says = BAD_TABLES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    rest = ["--schema", study / "schema.json"] if verb == "validate" else []
    assert says in refused(capsys, verb, tmp_path / name, *rest)


def test_a_damaged_schema_file_is_named(study, tmp_path, capsys):
    broken = write_bytes(tmp_path / "s.json", b'{"format": ')
    error = refused(capsys, "validate", study / "train.parquet", "--schema", broken)
    assert "s.json" in error
    assert "not valid JSON" in error


def test_a_foreign_model_file_is_refused(tmp_path, capsys):
    pytest.importorskip("jax")
    model = write_bytes(tmp_path / "m.synthema", b"cos\nsystem\n(S'echo no'\ntR.")
    refused(capsys, "sample", model, "-n", "5", "-o", tmp_path / "s.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["m.synthema"]


def test_an_unwritable_output_is_refused_before_the_work(study, tmp_path, capsys):
    train, schema = study / "train.parquet", study / "schema.json"
    start = time.perf_counter()
    for output in (tmp_path / "no" / "m.synthema", tmp_path):
        refused(capsys, "fit", train, "--schema", schema, "-o", output)
    refused(capsys, "sample", tmp_path / "m", "-n", "9", "-o", tmp_path / "s.txt")
    refused(
        capsys,
        *("audit", "--train", train, "--synthetic", train, "--schema", schema),
        *("-o", tmp_path / "audit.pdf"),
    )
    assert time.perf_counter() - start < 5
    assert not list(tmp_path.iterdir())


def test_fit_refuses_too_few_rows_and_leaves_no_file(study, tmp_path, capsys):
    pytest.importorskip("jax")
    tables.write(pl.read_parquet(study / "train.parquet").head(10), tmp_path / "few.parquet")
    model = tmp_path / "m.synthema"
    error = refused(
        capsys, "fit", tmp_path / "few.parquet", "--schema", study / "schema.json", "-o", model
    )
    assert "got 10" in error
    assert [path.name for path in tmp_path.iterdir()] == ["few.parquet"]


def test_demo_into_a_file_is_refused(tmp_path, capsys):
    path = write_bytes(tmp_path / "demo", b"mine")
    assert "cannot be made a folder" in refused(capsys, "demo", "-o", path)
    assert path.read_bytes() == b"mine"


# --- interruption -------------------------------------------------------------------------------


def test_interrupt_ends_with_130_and_the_old_file(study, tmp_path, capsys, monkeypatch):
    path = write_bytes(tmp_path / "s.json", b"old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "synthema_core.tables.os.fsync", interrupted
    )  # the file is half-written now
    assert main(["schema", str(study / "train.parquet"), "-o", str(path)]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_during_training_leaves_no_file(study, tmp_path):
    pytest.importorskip("jax")
    model = tmp_path / "m.synthema"
    train, schema = str(study / "train.parquet"), str(study / "schema.json")
    words = ["fit", train, "--schema", schema, "-o", str(model), "--members", "1"]
    code = (  # a shell's background job ignores SIGINT, and so would its children
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from synthema_core.cli import main; raise SystemExit(main())"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    started.send_signal(signal.SIGINT)
    try:
        _, error = started.communicate(timeout=60)
    finally:
        started.kill()
    assert started.returncode == 130, error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_a_closed_pipe_is_no_error(study):
    line = f"{sys.executable} -m synthema_core schema {study / 'train.parquet'} | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith("column")
