"""The door: any Arrow-speaking table in, Polars inside, whole files out.

`as_frame` is where every public function turns what it was given into Polars, so the promises made
here hold everywhere behind it: at least one row, unique names, one missing value (null, never NaN),
no infinities, no nested types.
"""

import contextlib
import csv
import hashlib
import io
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from .errors import OutputError, TableError

BLOCK_ROWS = 65_536  # rows hashed together: parts of a table start at multiples of it
SUFFIXES = (".parquet", ".csv", ".arrow", ".feather", ".ipc")
CSV_MISSING = ("", "NA", "NaN")  # R and pandas; 'None' is a real category in some hospital tables
_SCALARS = (pl.String, pl.Boolean, pl.Date, pl.Datetime, pl.Duration, pl.Null)


def as_frame(table: object, *, name: str = "table") -> pl.DataFrame:
    """Turn any table into a Polars frame that the rest of the package can trust.

    NaN becomes null; Categorical and Enum become String; Decimal becomes Float64. Row and column
    order stay.

    Args:
        table: Polars (lazy or not), pandas, pyarrow, or anything with `__arrow_c_stream__` or
            `__dataframe__`.
        name: What the error messages call it: "train", "holdout", a file name.

    Returns:
        (n, c) frame, n >= 1, c >= 1.

    Raises:
        TableError: If it is no table or is empty, if names are empty or occur twice, if a column is
            nested or
            holds infinities.
    """
    frame = _to_polars(table, name)
    if frame.width == 0 or frame.height == 0:
        raise TableError(
            f"{name}: expected at least one row and one column, got {frame.height} x "
            f"{frame.width}. Check the file or the filter that made it."
        )
    _check_names(frame.columns, name)
    frame = frame.with_columns(
        *(_plain(frame.get_column(column), name) for column in frame.columns)
    )
    infinite = [s.name for s in frame if s.dtype.is_float() and s.is_infinite().any()]
    if infinite:
        column = infinite[0]
        count = int(frame.get_column(column).is_infinite().sum())
        raise TableError(
            f"{name}: column '{column}': expected finite numbers, got infinity in {count} rows. "
            "Set them to missing, or to a value that means something."
        )
    return frame


def _to_polars(table: object, name: str) -> pl.DataFrame:
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    names = getattr(table, "column_names", getattr(table, "columns", None))  # pyarrow, pandas
    if names is not None and not callable(names):
        # before Polars sees them: it would rename or fail in its own words
        _check_names([str(n) for n in names if isinstance(n, str | int)], name)
    anything: Any = table
    try:
        if type(table).__module__.split(".")[0] == "pandas" and hasattr(table, "columns"):
            return pl.from_pandas(anything.rename(columns=str))
        if hasattr(table, "__arrow_c_stream__"):
            return pl.DataFrame(anything)
        if hasattr(table, "__dataframe__"):
            return pl.from_dataframe(anything)
    except ImportError as error:
        raise TableError(
            f"{name}: reading this table needs another package ({error}). "
            "Run: pip install pyarrow, or pass Polars."
        ) from error
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        # the library's own message may quote a cell, so only its kind is repeated
        raise TableError(
            f"{name}: cannot be converted ({type(error).__name__}). "
            "Columns must hold one type each: numbers, text, booleans or dates."
        ) from None
    raise TableError(
        f"{name}: expected a table (Polars, pandas, pyarrow, or any with __arrow_c_stream__ or "
        f"__dataframe__), got {type(table).__name__}."
    )


def _check_names(names: list[str], where: str) -> None:
    twice = [n for n, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(
            f"{where}: column '{twice[0]}' occurs {names.count(twice[0])} times. "
            "Rename or drop one: every column needs its own name."
        )
    for name in names:
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            # Polars reads such names as patterns, in places that cannot be escaped
            raise TableError(f"{where}: column '{name}': '*' and '^...$' are no names. Rename it.")
    if "" in names:
        raise TableError(
            f"{where}: column number {names.index('') + 1} has no name. "
            "Name it, or drop it if it only counts the rows."
        )


def _plain(series: pl.Series, where: str) -> pl.Series:
    dtype = series.dtype
    if dtype.is_float():
        return series.fill_nan(None)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    if dtype.is_decimal():
        return series.cast(pl.Float64)
    if dtype.is_integer() or dtype in _SCALARS:
        return series
    raise TableError(
        f"{where}: column '{series.name}': expected numbers, text, booleans or dates, got {dtype}. "
        "Cast it, or drop it."
    )


def read(path: str | os.PathLike[str], *, name: str | None = None) -> pl.DataFrame:
    """Read a Parquet, CSV or Arrow file, chosen by its suffix, through `as_frame`.

    CSV: UTF-8; the separator is the most frequent of , ; tab in the header; empty, NA and NaN mean
        missing; ISO
    dates become dates.

    Raises:
        TableError: If the file is missing, of another format, damaged, not UTF-8, or not fit (see
            `as_frame`).
    """
    path = Path(path)
    where = name or path.name
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError(
            f"{where}: expected a file that ends in {', '.join(SUFFIXES)}, got "
            f"'{suffix}'. Convert or rename it."
        )
    if not path.is_file():
        raise TableError(f"{where}: no such file: {path}. Check the path.")
    try:
        if suffix == ".csv":
            return as_frame(_read_csv(path, where), name=where)
        if suffix == ".parquet":
            frame = pl.read_parquet(io.BytesIO(path.read_bytes()))
        else:
            frame = _read_arrow(path.read_bytes())
    except OSError as error:
        raise TableError(f"{where}: cannot be read: {error.strerror or 'I/O error'}.") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise TableError(
            f"{where}: cannot be read as {suffix[1:]} ({type(error).__name__}): truncated, "
            "damaged, or of another format. Copy it again, or export it once more."
        ) from None
    return as_frame(frame, name=where)


def _read_arrow(content: bytes) -> pl.DataFrame:
    magic = b"ARROW1"  # the file format; without it, the streaming format
    reader = pl.read_ipc if content.startswith(magic) else pl.read_ipc_stream
    return reader(io.BytesIO(content))


def _read_csv(path: Path, where: str) -> pl.DataFrame:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig").lstrip("\r\n")
    except UnicodeDecodeError as error:
        raise TableError(
            f"{where}: expected UTF-8, got another byte sequence at byte {error.start}. "
            "Save it as UTF-8, for example: iconv -f latin1 -t utf-8 old.csv > new.csv"
        ) from None
    if not text:
        raise TableError(f"{where}: expected a header line with column names, got an empty file.")
    separator = max(",;\t", key=text.partition("\n")[0].count)
    names = next(csv.reader(io.StringIO(text), delimiter=separator))
    _check_names(names, where)
    return pl.read_csv(
        io.BytesIO(content),
        separator=separator,
        new_columns=names,  # Polars leaves doubled quotes in a header as they are
        null_values=list(CSV_MISSING),
        infer_schema_length=None,  # the whole file: a decimal in the last row must not fail
        try_parse_dates=True,
    )


def write(frame: pl.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame as Parquet, CSV or Arrow, chosen by the suffix; the whole file or nothing.

    Raises:
        OutputError: If the suffix is unknown or the place cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(
            f"{path}: expected a file that ends in {', '.join(SUFFIXES)}, got '{suffix}'. "
            "Rename the output."
        )
    with atomic_path(path) as temporary:
        if suffix == ".parquet":
            frame.write_parquet(temporary)
        elif suffix == ".csv":
            frame.write_csv(temporary)
        else:
            frame.write_ipc(temporary)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place on success and vanishes on any exception.

    Ctrl-C counts as an exception: a reader of `path` sees the old file or the whole new one, never
    a half.

    Raises:
        OutputError: If the folder is missing or cannot be written, or `path` is no regular file.
    """
    target = Path(path).resolve()  # through a link: the file it names is replaced, not the link
    if target.exists() and not target.is_file():
        raise OutputError(
            f"{path}: expected a regular file, got a folder or a device. Name a file."
        )
    if not target.parent.is_dir():
        raise OutputError(f"{path}: no such folder: {target.parent}. Create it first.")
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp{target.suffix}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror}. Choose another place."
        ) from error
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # a power cut after the rename must not leave an empty file
        temporary.replace(target)
    except OSError as error:
        if error.filename not in (None, str(temporary)):
            raise
        reason = error.strerror or "I/O error"
        raise OutputError(
            f"{path}: cannot be written: {reason}. Nothing was left behind."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def digest(frame: pl.DataFrame) -> str:
    """SHA-256 of names, dtypes and values, in row and column order; the same in every process.

    Null differs from every value. Categories count by their text, dates by their physical integer.
    The values are hashed in blocks of BLOCK_ROWS rows, so that a table can be hashed in parts.
    """
    blocks = [block_digest(part) for part in frame.iter_slices(BLOCK_ROWS)]
    return joined_digest(dict(frame.schema), frame.height, blocks)


def block_digest(frame: pl.DataFrame) -> bytes:
    """SHA-256 of the values of at most BLOCK_ROWS rows."""
    total = hashlib.sha256()
    for series in frame:
        total.update(np.packbits(series.is_null().to_numpy()).tobytes())
        total.update(_value_bytes(series))
    return total.digest()


def joined_digest(dtypes: Mapping[str, pl.DataType], height: int, blocks: Sequence[bytes]) -> str:
    """What `digest` gives for a whole table, from its columns and the digests of its blocks.

    Args:
        dtypes: Of each column, in the order of the table.
        height: Rows.
        blocks: `block_digest` of rows 0 to BLOCK_ROWS - 1, of the next BLOCK_ROWS, and so on.
    """
    total = hashlib.sha256(f"{height} rows".encode())
    for name, dtype in dtypes.items():
        total.update(f"\0{name}\0{dtype}\0".encode())
    for block in blocks:
        total.update(block)
    return total.hexdigest()


def _value_bytes(series: pl.Series) -> bytes:
    if series.dtype == pl.Null:
        return b""
    if isinstance(series.dtype, pl.String | pl.Categorical | pl.Enum):
        text = series.cast(pl.String).fill_null("")
        lengths = text.str.len_bytes().to_numpy().astype("<u4")
        together: str = text.str.join("").item()  # in Polars: a loop over strings is slow
        return lengths.tobytes() + together.encode()
    physical = series.to_physical()
    if physical.dtype == pl.Boolean:
        physical = physical.cast(pl.UInt8)
    values = physical.fill_null(0).to_numpy()
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
