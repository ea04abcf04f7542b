"""Frames without a schema as rows: a column is a number if it is one in every frame, else a level.

Numbers, dates and times are scaled by their range in the first frame, once; everything else is
numbered over all frames. No column name and no value has to be quotable: nothing is ever parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthema_kernels import Rows

from ..errors import TableError
from ..privacy.attack import drawn
from ..tables import as_frame

UNIT = pl.Datetime("us")


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames of the same columns, as rows.

    Attributes:
        frames: As Polars, whole.
        at: (m,) of each frame the rows that the attack needs.
        rows: These as rows; numbers scaled by the range of the whole first frame.
        raw: The same with numbers as they are.
        names: Columns in the order of the rows, numbers first.
        levels: Of each column that is no number, its values by code.
    """

    frames: tuple[pl.DataFrame, ...]
    at: tuple[NDArray[np.int64], ...]
    rows: tuple[Rows, ...]
    raw: tuple[Rows, ...]
    names: tuple[str, ...]
    levels: dict[str, list[object]]

    @classmethod
    def of(
        cls,
        tables: dict[str, object],
        columns: Sequence[str] | None = None,
        *,
        people: int | None = None,
        seed: int = 0,
    ) -> "Frames":
        """Read the frames; `columns` of them, or all that the first has.

        Of every frame but "syn" at most `people` rows are needed, drawn at random; all with None.

        Raises:
            TableError: If one is no table, lacks a column, or holds text where another has numbers.
        """
        frames = {
            name: as_frame(_slim(table, columns), name=name) for name, table in tables.items()
        }
        first = next(iter(frames.values()))
        wanted = list(dict.fromkeys(first.columns if columns is None else columns))
        for name, frame in frames.items():
            absent = [c for c in wanted if c not in frame.columns]
            if absent:
                raise TableError(
                    f"{name}: column '{absent[0]}': expected, but it is absent. Add it, or "
                    "leave it out of the call."
                )
        numbers = [c for c in wanted if _is_number([f[c] for f in frames.values()], c)]
        others = [c for c in wanted if c not in numbers]
        rng = np.random.default_rng(seed)
        at = [drawn(f.height, None if n == "syn" else people, rng) for n, f in frames.items()]
        needed = [
            f if len(a) == f.height else f.select(wanted)[a]
            for f, a in zip(frames.values(), at, strict=True)
        ]
        floats = {c: [_floats(f[c]) for f in needed] for c in numbers}
        ranges = {c: _floats(first[c]) for c in numbers}
        codes, levels = _coded([frame.select(others) for frame in needed])
        raw, rows = [], []
        for i, n in enumerate(map(len, at)):
            coded = _beside([codes[c][i] for c in others], n, np.int32)
            plain = _beside([floats[c][i] for c in numbers], n, np.float64)
            scaled = _beside([_scaled(floats[c][i], ranges[c]) for c in numbers], n, np.float64)
            raw.append(Rows(numeric=plain, codes=coded))
            rows.append(Rows(numeric=scaled, codes=coded))
        names = (*numbers, *others)
        return cls(tuple(frames.values()), tuple(at), tuple(rows), tuple(raw), names, levels)

    def mask(self, columns: Sequence[str]) -> NDArray[np.bool_]:
        """(p + q,) whether each column is one of these."""
        return np.isin(np.array(self.names, object), np.array(list(columns), object))


def _slim(table: Any, columns: Sequence[str] | None) -> object:
    """A pandas frame without other columns: it converts what it hands over, cell by cell."""
    if columns is None or type(table).__module__.split(".")[0] != "pandas":
        return table
    return table.loc[:, [str(name) in columns for name in table.columns]]


def _is_number(columns: Sequence[pl.Series], name: str) -> bool:
    kinds = {_kind(c.dtype) for c in columns} - {"nothing"}
    if len(kinds) > 1:
        raise TableError(
            f"column '{name}': expected one type in all tables, got {' and '.join(sorted(kinds))}. "
            "Cast it."
        )
    return bool(kinds & {"numbers", "dates", "durations"})


def _kind(dtype: pl.DataType) -> str:
    if dtype == pl.Null:
        return "nothing"
    if dtype.is_numeric():
        return "numbers"
    if isinstance(dtype, pl.Date | pl.Datetime):
        return "dates"
    return "durations" if isinstance(dtype, pl.Duration) else "text or booleans"


def _floats(column: pl.Series) -> NDArray[np.float64]:
    dtype = column.dtype
    if isinstance(dtype, pl.Date | pl.Datetime):
        column = column.cast(pl.Datetime("us", getattr(dtype, "time_zone", None))).to_physical()
    elif isinstance(dtype, pl.Duration):
        column = column.cast(pl.Duration("us")).to_physical()
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def _scaled(values: NDArray[np.float64], fitted: NDArray[np.float64]) -> NDArray[np.float64]:
    present = fitted[~np.isnan(fitted)]
    if not present.size:
        return values
    low, spread = float(present.min()), float(np.ptp(present))
    return (values - low) / (spread if spread > 0 else 1.0)


def _coded(
    frames: Sequence[pl.DataFrame],
) -> tuple[dict[str, list[NDArray[np.int32]]], dict[str, list[object]]]:
    """By column: codes in each frame by the order of all values, missing -1, and the values."""
    columns = {name: _one_type([frame[name] for frame in frames]) for name in frames[0].columns}
    values = pl.DataFrame(columns)
    each = pl.all().unique().drop_nulls().sort().implode()
    levels = {name: known[0] for name, known in values.select(each).to_dict().items()}
    numbered = values.select(  # Polars takes columns side by side, and levels by a table of hashes
        pl.col(name)
        .cast(pl.String)
        .cast(pl.Enum(known.cast(pl.String)))
        .to_physical()
        .cast(pl.Int32)
        .fill_null(-1)
        for name, known in levels.items()
    )
    ends = np.cumsum([frame.height for frame in frames[:-1]])
    codes = {c.name: np.split(c.to_numpy(), ends) for c in numbered}
    return codes, {name: known.to_list() for name, known in levels.items()}


def _one_type(columns: Sequence[pl.Series]) -> pl.Series:
    """All values, one column below the other."""
    columns = [c.cast(pl.Boolean) if c.dtype == pl.Null else c for c in columns]
    if any(c.dtype == pl.String for c in columns):
        columns = [c.cast(pl.String) for c in columns]
    return pl.concat(columns)


def _beside(
    parts: Sequence[NDArray[np.generic]], n: int, dtype: type[np.generic]
) -> NDArray[np.generic]:
    return np.stack(parts, axis=1).astype(dtype) if parts else np.empty((n, 0), dtype)
