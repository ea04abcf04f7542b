"""The door: what comes in, what is refused and how, and that outputs are whole or absent."""

import datetime as dt
import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from synthema_core.errors import OutputError, TableError
from synthema_core.tables import as_frame, atomic_path, digest, read, write

FRAME = pl.DataFrame(
    {
        "age": pl.Series([50, None, 70], dtype=pl.Int16),
        "hb g/dL [first]": [9.5, None, 12.25],
        'the "site"': ["Köln", "a,b", None],
        "alive": [True, None, False],
        "seen": [dt.date(2020, 1, 31), None, dt.date(1999, 12, 1)],
    }
)


@pytest.mark.parametrize(
    "convert",
    [
        lambda f: f,
        lambda f: f.lazy(),
        lambda f: f.to_arrow(),
        lambda f: f.to_arrow().to_batches()[0],
        lambda f: f.to_pandas(use_pyarrow_extension_array=True),
    ],
    ids=["polars", "lazy", "pyarrow table", "record batch", "pandas"],
)
def test_every_kind_of_table_becomes_the_same_frame(convert):
    frame = as_frame(convert(FRAME))
    assert frame.columns == FRAME.columns
    assert frame.rows() == FRAME.rows()


def test_nan_becomes_missing_from_polars_and_pandas():
    assert as_frame(pl.DataFrame({"x": [1.0, float("nan"), None]}))["x"].to_list() == [
        1,
        None,
        None,
    ]
    assert as_frame(pd.DataFrame({"x": [1.0, np.nan]}))["x"].to_list() == [1.0, None]


def test_pandas_objects_and_integer_names_come_in():
    frame = as_frame(pd.DataFrame({0: ["a", None], "b": [1, 2]}))
    assert frame.columns == ["0", "b"]
    assert frame["0"].to_list() == ["a", None]


def test_categoricals_and_decimals_become_plain():
    frame = pl.DataFrame(
        {
            "e": pl.Series(["lo", "hi"], dtype=pl.Enum(["lo", "hi"])),
            "c": pl.Series(["x", "y"], dtype=pl.Categorical),
            "d": pl.Series(["1.5", "2.5"]).cast(pl.Decimal(10, 2)),
        }
    )
    assert as_frame(frame).dtypes == [pl.String, pl.String, pl.Float64]
    arrow = pa.table({"c": pa.array(["x", "y", None]).dictionary_encode()})
    assert as_frame(arrow)["c"].to_list() == ["x", "y", None]


@pytest.mark.parametrize(
    "table", [pl.DataFrame(), pl.DataFrame({"x": []}), pd.DataFrame({"x": []})]
)
def test_an_empty_table_is_refused(table):
    with pytest.raises(
        TableError, match=r"train: expected at least one row and one column, got 0 x"
    ):
        as_frame(table, name="train")


def test_one_row_and_one_column_pass_the_door():
    assert as_frame(pl.DataFrame({"x": [1]})).shape == (1, 1)


@pytest.mark.parametrize("value", [float("inf"), -float("inf")])
def test_infinities_are_refused_and_named(value):
    with pytest.raises(
        TableError, match=r"column 'ldh': expected finite numbers, got infinity in 2 rows"
    ):
        as_frame(pl.DataFrame({"age": [1, 2, 3], "ldh": [value, 1.0, value]}))


def test_duplicate_names_are_refused():
    pandas = pd.DataFrame([[1, 2]], columns=["age", "age"])
    arrow = pa.table([pa.array([1]), pa.array([2])], names=["age", "age"])
    for table in (pandas, arrow):
        with pytest.raises(TableError, match=r"column 'age' occurs 2 times\. Rename or drop one"):
            as_frame(table)


def test_a_name_without_letters_is_refused():
    with pytest.raises(TableError, match=r"column number 2 has no name\. Name it, or drop it"):
        as_frame(pl.DataFrame({"a": [1], "": [2]}))


@pytest.mark.parametrize("values", [[[1], [2]], [{"a": 1}, {"a": 2}], [b"x", b"y"]])
def test_nested_columns_are_refused(values):
    with pytest.raises(
        TableError, match="column 'x': expected numbers, text, booleans or dates, got"
    ):
        as_frame(pl.DataFrame({"x": values}))


@pytest.mark.parametrize("thing", [3, "table.csv", [1, 2], None, {"a": [1]}])
def test_what_is_no_table_is_refused(thing):
    with pytest.raises(TableError, match="expected a table"):
        as_frame(thing)


def test_pandas_columns_of_mixed_types_show_no_cell():
    with pytest.raises(TableError, match="Columns must hold one type each") as caught:
        as_frame(pd.DataFrame({"x": ["Smith", 3, object()]}))
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize("name", ["*", "^a.*$"])
def test_names_that_are_patterns_are_refused(name):
    with pytest.raises(TableError, match=r"'\*' and '\^\.\.\.\$' are no names\. Rename it"):
        as_frame(pl.DataFrame({name: [1.5], "abc": [2]}))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".arrow", ".feather", ".ipc", ".PARQUET"])
def test_files_round_trip(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    write(FRAME, path)
    back = read(path)
    assert back.columns == FRAME.columns
    assert back.rows() == FRAME.rows()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_arrow_stream_is_read(tmp_path):
    FRAME.write_ipc_stream(tmp_path / "t.arrow")
    assert read(tmp_path / "t.arrow").rows() == FRAME.rows()


def test_csv_separator_missing_values_and_byte_order_mark(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffage;sex;note\n50;F;None\nNA;;x\n".encode())
    frame = read(path)
    assert frame.rows() == [(50, "F", "None"), (None, None, "x")]
    assert frame.columns == ["age", "sex", "note"]


def test_csv_with_a_late_decimal_is_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x\n" + "1\n" * 2000 + "1.5\n")
    assert read(path)["x"].dtype == pl.Float64


def test_csv_with_duplicate_names_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("age,sex,age\n1,2,3\n")
    with pytest.raises(TableError, match=r"t\.csv: column 'age' occurs 2 times"):
        read(path)


def test_csv_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("name,age\nMüller,3\n".encode("latin1"))
    with pytest.raises(TableError, match=r"expected UTF-8, .* byte 10. .*iconv") as caught:
        read(path)
    assert "ller" not in str(caught.value)


def test_csv_with_ragged_lines_shows_no_cell(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,Smith,5\n")
    with pytest.raises(TableError, match="cannot be read as csv") as caught:
        read(path)
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "a,b\n"])
def test_an_empty_csv_is_refused(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(TableError, match="expected"):
        read(path)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path, suffix, share):
    path = tmp_path / f"t{suffix}"
    write(pl.concat([FRAME] * 50), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(TableError, match="truncated, damaged, or of another"):
        read(path)


def test_missing_files_and_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(TableError, match="no such file"):
        read(tmp_path / "absent.csv")
    with pytest.raises(TableError, match=r"got '\.xlsx'. Convert or rename"):
        read(tmp_path / "t.xlsx")
    with pytest.raises(OutputError, match=r"got '\.xlsx'"):
        write(FRAME, tmp_path / "t.xlsx")


def test_unwritable_outputs_are_refused(tmp_path):
    with pytest.raises(OutputError, match="no such folder"):
        write(FRAME, tmp_path / "absent" / "t.csv")
    with pytest.raises(OutputError, match="expected a regular file"):
        write(FRAME, _folder(tmp_path))
    with pytest.raises(OutputError, match="expected a regular file"), atomic_path(os.devnull):
        pass


def _folder(tmp_path):
    folder = tmp_path / "t.csv"
    folder.mkdir()
    return folder


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        write(FRAME, tmp_path / "t.csv")


def test_a_full_disk_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match=r"No space left on device\. Nothing was left"):
        with atomic_path(tmp_path / "t.csv"):
            raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_output_leaves_the_old_file(tmp_path, exception):
    path = tmp_path / "t.txt"
    path.write_text("old")

    def interrupted():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise exception

    with pytest.raises(exception):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_replaces_the_target_of_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with atomic_path(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_digest_sees_every_change():
    frames = [
        FRAME,
        FRAME.reverse(),
        FRAME.select(reversed(FRAME.columns)),
        FRAME.rename({"age": "Age"}),
        FRAME.with_columns(pl.col("age").cast(pl.Int32)),
        FRAME.with_columns(pl.col("age").fill_null(0)),
        FRAME.with_columns(pl.lit("").alias('the "site"')),
        FRAME.with_columns(~pl.col("alive")),
        FRAME.head(2),
        pl.DataFrame({"x": ["ab", "c"]}),
        pl.DataFrame({"x": ["a", "bc"]}),
        pl.DataFrame({"x": [None, None]}),
        pl.DataFrame({"x": [None]}),
    ]
    assert len({digest(frame) for frame in frames}) == len(frames)
    assert digest(FRAME) == digest(FRAME.clone())


def test_digest_is_the_same_in_another_process():
    code = """
        import polars as pl
        from synthema_core.tables import digest
        print(digest(pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [0.5, 1.5]})))
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [0.5, 1.5]})
    assert out.stdout.strip() == digest(frame)


def test_a_table_that_needs_another_package_says_which():
    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            raise ImportError("pyarrow is absent")

    with pytest.raises(TableError, match=r"needs another package .*pip install pyarrow"):
        as_frame(Frame())
