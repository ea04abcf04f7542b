"""Equivalence classes: the rows that agree on every quasi-identifier, and how many each holds."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import SynthemaError
from ..intervals import Estimate

MOST_PATTERNS = 64  # patterns of missing fields when a missing field may match anything

SOURCE = (
    "k-anonymity: Samarati & Sweeney (1998), SRI-CSL-98-04; Sweeney (2002), Int. J. Uncertainty, "
    "Fuzziness and Knowledge-Based Systems 10, 557-570. Counted exactly on this table: a property "
    "of its rows, not an estimate, so there is no interval."
)
LOWER_BOUND = (
    " A missing field matches any value, so the risk 1 / size is a lower bound: the value behind "
    "it may tell two rows apart."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classes:
    """How many rows, or patients, share each combination of quasi-identifiers.

    Attributes:
        k: Size of the smallest class.
        wanted: The k asked for.
        below: Share of rows in classes smaller than `wanted`; exact, so without interval.
        unique: Share of rows that are alone in their class.
        n_below: Rows in classes smaller than `wanted`.
        n_unique: Rows alone in their class.
        n_classes: Classes; None where missing fields match anything, as classes then overlap.
        size: (s,) sizes that occur, ascending.
        rows: (s,) rows in classes of each size.
        unit: What a size counts: "rows", or the column that names patients.
        missing: "value": missing is a value of its own; "match": it matches anything.
        n: Rows.
        source: Definition.
    """

    k: int
    wanted: int
    below: Estimate
    unique: Estimate
    n_below: int
    n_unique: int
    n_classes: int | None
    size: NDArray[np.int64]
    rows: NDArray[np.int64]
    unit: str
    missing: str
    n: int
    source: str


def class_index(frame: pl.DataFrame, columns: list[str]) -> NDArray[np.int64]:
    """The class of each row, numbered from 0 by first appearance; missing equals missing."""
    keys = frame.select(columns)
    classes = keys.unique(maintain_order=True).with_row_index("\0class")
    found = keys.join(classes, on=columns, how="left", nulls_equal=True, maintain_order="left")
    return found.get_column("\0class").cast(pl.Int64).to_numpy()


def sizes_by_class(
    index: NDArray[np.int64], unit: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Rows of each class, or different units of each class."""
    if unit is None:
        return np.bincount(index)
    pairs = pl.DataFrame({"class": index, "unit": unit}).unique()
    return np.bincount(pairs.get_column("class").to_numpy(), minlength=int(index.max()) + 1)


def matching_sizes(frame: pl.DataFrame, columns: list[str]) -> NDArray[np.int64]:
    """How many rows each row may be confused with when a missing field matches anything.

    Rows are taken by their pattern of missing fields; two patterns are compared on the columns that
    both have, by one hash join.

    Raises:
        SynthemaError: If there are too many patterns.
    """
    index = class_index(frame, columns)
    # no name of the table starts with a null character, see `class_index`
    classes = frame.select(columns).unique(maintain_order=True)
    counts = np.bincount(index)
    missing = classes.select(pl.col(c).is_null() for c in columns).to_numpy()
    patterns, pattern = np.unique(missing, axis=0, return_inverse=True)
    if len(patterns) > MOST_PATTERNS:
        raise SynthemaError(
            f"missing='match': expected at most {MOST_PATTERNS} patterns of missing fields, got "
            f"{len(patterns)}. Use missing='value', or fewer quasi-identifiers."
        )
    classes = classes.with_columns(pl.Series("\0count", counts))
    parts = [classes.filter(pattern.ravel() == i) for i in range(len(patterns))]
    sizes = np.zeros(len(counts), np.int64)
    for i, known in enumerate(~patterns):
        for j, others in enumerate(~patterns):
            common = [c for c, both in zip(columns, known & others, strict=True) if both]
            sizes[pattern.ravel() == i] += _agreeing(parts[i], parts[j], common)
    return sizes[index]


def _agreeing(these: pl.DataFrame, those: pl.DataFrame, columns: list[str]) -> NDArray[np.int64]:
    """For each of these classes, the rows of those that agree with it on the columns."""
    if not columns:
        return np.full(these.height, those.get_column("\0count").sum())
    totals = those.group_by(columns).agg(pl.col("\0count").sum().alias("\0total"))
    found = these.join(totals, on=columns, how="left", maintain_order="left")
    return found.get_column("\0total").fill_null(0).cast(pl.Int64).to_numpy()


def count_classes(
    sizes: NDArray[np.int64],
    *,
    wanted: int,
    n_classes: int | None,
    unit: str,
    missing: str,
) -> Classes:
    """Classes from the size of each row's class, (n,)."""
    n = len(sizes)
    size, rows = np.unique(sizes, return_counts=True)
    n_below, n_unique = int(rows[size < wanted].sum()), int(rows[size == 1].sum())
    return Classes(
        k=int(size[0]),
        wanted=wanted,
        below=Estimate(value=n_below / n, low=None, high=None, n=n),
        unique=Estimate(value=n_unique / n, low=None, high=None, n=n),
        n_below=n_below,
        n_unique=n_unique,
        n_classes=n_classes,
        size=size,
        rows=rows,
        unit=unit,
        missing=missing,
        n=n,
        source=SOURCE + (LOWER_BOUND if missing == "match" else ""),
    )
