"""Sources: a table as parts, whether it lies in memory or in files that memory could not hold.

What is computed part by part must not depend on how the rows were grouped. Where a group shows (a
hash), it is a block of BLOCK_ROWS rows counted from the start of the table.
"""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import polars as pl

from .errors import MemoryBoundError, TableError
from .memory import resident, words
from .tables import BLOCK_ROWS, as_frame, read

__all__ = ["BLOCK_ROWS", "FrameSource", "ParquetSource", "Source", "as_source", "spans"]

WHOLE = 4  # times the size of a CSV file: its bytes, its text, and the table
Span = tuple[int, int]  # first row, and the row after the last


class Source(Protocol):
    """A table as parts. Frozen, and it pickles: another process can read its own parts."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def height(self) -> int:
        """Rows, at least one."""

    @property
    def dtypes(self) -> Mapping[str, pl.DataType]:
        """Dtype of each column, in the table's order, as every part has it."""

    def drop(self, columns: Sequence[str]) -> Self:
        """The same without some columns."""

    def part(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows from `start` up to but without `stop`, as `as_frame` leaves them.

        Args:
            start: First row.
            stop: The row after the last, above `start` and at most `height`.
            columns: Names of the columns to read; None reads all.
        """


@dataclass(frozen=True, slots=True, eq=False)
class FrameSource:
    """A table in memory; `frame` has been through `as_frame`."""

    frame: pl.DataFrame
    name: str

    @property
    def height(self) -> int:
        """Rows."""
        return self.frame.height

    @property
    def dtypes(self) -> Mapping[str, pl.DataType]:
        """Dtype of each column."""
        return dict(self.frame.schema)

    def drop(self, columns: Sequence[str]) -> "FrameSource":
        """The same without some columns."""
        return replace(self, frame=self.frame.drop(columns))

    def part(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Some rows, not copied."""
        frame = self.frame if columns is None else self.frame.select(columns)
        return frame[start:stop]


@dataclass(frozen=True, slots=True, eq=False)
class ParquetSource:
    """Parquet files read as one table, one after the other in the order of their names.

    Attributes:
        paths: Files.
        heights: Rows of each.
        dtypes: As every part has them.
        name: What errors call the table.
    """

    paths: tuple[str, ...]
    heights: tuple[int, ...]
    dtypes: Mapping[str, pl.DataType]
    name: str

    @classmethod
    def scan(cls, paths: list[Path], *, name: str) -> "ParquetSource":
        """Look at the footers of the files; no row is read.

        Raises:
            TableError: If one cannot be read, or its columns are not those of the first.
        """
        heights, first = [], None
        for path in paths:
            try:
                lazy = pl.scan_parquet(path, glob=False)
                schema = lazy.collect_schema()
                heights.append(int(lazy.select(pl.len()).collect().item()))
            except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
                raise _unreadable(name, path, error) from None
            first = first or schema
            if schema != first:
                odd = next((n for n in {**first, **schema} if first.get(n) != schema.get(n)), None)
                what = f"column '{odd}' differs" if odd else "the order of its columns differs"
                raise TableError(
                    f"{name}: {path.name}: expected the columns of {paths[0].name}, but {what}. "
                    "Write all files of one table with one schema."
                )
        if first is None or sum(heights) == 0:
            raise TableError(
                f"{name}: expected at least one row, got none. Check the file that was written."
            )
        # one row of nothing goes through the door: its dtypes are those of every part
        empty = pl.DataFrame({n: pl.Series([None], dtype=dtype) for n, dtype in first.items()})
        plain = as_frame(empty, name=name)
        return cls(tuple(map(str, paths)), tuple(heights), dict(plain.schema), name)

    @property
    def height(self) -> int:
        """Rows of all files."""
        return sum(self.heights)

    def drop(self, columns: Sequence[str]) -> "ParquetSource":
        """The same without some columns."""
        return replace(
            self, dtypes={n: dtype for n, dtype in self.dtypes.items() if n not in columns}
        )

    def part(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Some rows; only the row groups that hold them are decoded.

        Raises:
            TableError: If a file is damaged or has changed, or a part is not fit to be used.
        """
        pieces, before = [], 0
        for path, height in zip(self.paths, self.heights, strict=True):
            low, high = max(start - before, 0), min(stop - before, height)
            if low < high:
                pieces.append(self._read(Path(path), low, high - low, columns))
            before += height
        frame = pieces[0] if len(pieces) == 1 else pl.concat(pieces)
        whole = stop - start == self.height
        where = self.name if whole else f"{self.name}, rows {start + 1:,} to {stop:,}"
        return as_frame(frame, name=where)

    def _read(self, path: Path, start: int, n: int, columns: Sequence[str] | None) -> pl.DataFrame:
        try:
            lazy = pl.scan_parquet(path, glob=False).slice(start, n)
            lazy = lazy.select(list(self.dtypes) if columns is None else columns)
            frame = lazy.collect(engine="streaming")  # holds less at once than the other engine
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise _unreadable(self.name, path, error) from None
        if frame.height != n:
            raise TableError(f"{self.name}: {path.name} has changed. Let it rest while it is read.")
        return frame


def as_source(table: object, *, name: str, bound: int | None = None) -> Source:
    """Take a table, or a path: a Parquet file, a folder of them or a pattern is read in parts.

    Args:
        table: What `as_frame` takes, a path, or a source. Other files than Parquet are read whole.
        name: What errors call it.
        bound: Bytes that the process may hold, if it must not hold more.

    Raises:
        TableError: If there is no such table.
        MemoryBoundError: If a file that is read whole would not fit.
    """
    if isinstance(table, FrameSource | ParquetSource):
        return replace(table, name=name)
    if not isinstance(table, str | os.PathLike):
        return FrameSource(as_frame(table, name=name), name)
    paths = parquet_files(table)
    if paths is None:
        _check_whole(Path(table), name, bound)
        return FrameSource(read(table, name=name), name)
    if not paths:
        raise TableError(f"{name}: no Parquet file in {os.fspath(table)}. Check the path.")
    return ParquetSource.scan(paths, name=name)


def parquet_files(path: str | os.PathLike[str]) -> list[Path] | None:
    """The Parquet files that a path names, ordered by name; None if it names another file."""
    text = os.fspath(path)
    if Path(text).is_dir():
        return sorted(p for p in Path(text).iterdir() if p.suffix.lower() == ".parquet")
    if not Path(text).exists() and glob.has_magic(text):
        return sorted(Path(p) for p in glob.glob(text, recursive=True))
    return (
        [Path(text)] if Path(text).suffix.lower() == ".parquet" and Path(text).is_file() else None
    )


def _check_whole(path: Path, name: str, bound: int | None) -> None:
    """Refuse a file that is read as a whole and is too large for that."""
    if bound is None or not path.is_file():
        return
    need = resident() + WHOLE * path.stat().st_size
    if need > bound:
        raise MemoryBoundError(
            f"memory: {name} is read as a whole, as it is no Parquet file, and that would take "
            f"about {words(need)} of the {words(bound)} allowed. Convert it to Parquet, for "
            f"example: pl.scan_csv('{path.name}').sink_parquet('{path.stem}.parquet')"
        )


def spans(height: int, rows: int) -> Iterator[Span]:
    """Row numbers of consecutive parts of `rows` rows; the last one may be shorter."""
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def _unreadable(name: str, path: Path, error: BaseException) -> TableError:
    return TableError(
        f"{name}: {path.name} cannot be read as parquet ({type(error).__name__}): truncated, "
        "damaged, or of another format. Copy it again, or export it once more."
    )
