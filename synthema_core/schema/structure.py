"""What ties columns together: structural missingness, duplicates and recodings."""

import numpy as np
import polars as pl

from ..rules import Condition, DefinedIf, Value
from .types import Column

MOST_VALUES = 12  # a parent with more values explains anything by chance
ENOUGH = 20  # missing rows that a proposal must rest on, and
ENOUGH_SHARE = 0.05  # their share: a few absent records look structural by chance
UNEXPLAINED = 0.25  # most of the rows that may lack the value where it is defined
CHANCE = 1e-9  # probability of such a pattern if values were missing at random


def find_structure(frame: pl.DataFrame, columns: tuple[Column, ...]) -> tuple[DefinedIf, ...]:
    """Columns that are always missing where another column has certain values.

    A proposal holds in every row of the table. The parent is a boolean or has few categories; where
    none explains a length of time, an earlier one that is missing in exactly the same rows does.
    Of several explanations the one that leaves least unexplained wins, then a boolean, then the one
    with fewest values, then table order.

    Args:
        frame: (n, c).
        columns: Their kinds.
    """
    children = [c for c in columns if c.kind not in ("identifier", "text", "constant")]
    children = [c for c in children if frame.get_column(c.name).null_count() >= ENOUGH]
    if not children:
        return ()
    missing = np.column_stack([frame.get_column(c.name).is_null().to_numpy() for c in children])
    best: dict[str, tuple[tuple[int, bool, int], Condition]] = {}
    for parent in columns:
        categories = parent.categories or ()
        if parent.kind == "constant" or not 2 <= len(categories) <= MOST_VALUES:
            continue
        codes = codes_of(frame.get_column(parent.name), categories)
        # size[k] rows have the k-th value, absent[k] of them lack each child; the last k: parent
        # missing
        size = np.bincount(codes, minlength=len(categories) + 1)
        absent = np.column_stack([np.bincount(codes[m], minlength=len(size)) for m in missing.T])
        for j, child in enumerate(children):
            if child.name == parent.name:
                continue
            explained = _explain(size, absent[:, j])
            if explained is None:
                continue
            open_, unexplained = explained
            rank = (unexplained, parent.kind != "boolean", len(categories))
            if child.name not in best or rank < best[child.name][0]:
                when = Condition(parent.name, is_in=tuple(categories[k] for k in open_))
                best[child.name] = (rank, when)
    conditions = {name: when for name, (_, when) in best.items()}
    conditions |= _same_rows(children, missing, conditions)
    acyclic = _without_cycles(
        {c.name: conditions[c.name] for c in children if c.name in conditions}
    )
    return tuple(
        DefinedIf(name, when, name=f"proposed: {name} given {when.column}")
        for name, when in acyclic.items()
    )


def _explain(size: np.ndarray, absent: np.ndarray) -> tuple[list[int], int] | None:
    """Which values of a parent leave a child defined, and in how many of those rows it is missing.

    None if the parent does not decide: the child is known somewhere where the parent is missing, or
    too few rows are closed, or chance could have closed them.
    """
    closed = (absent == size) & (size > 0)
    if not closed[-1] and size[-1] > 0:
        return None
    open_ = [k for k in range(len(size) - 1) if not closed[k] and size[k] > 0]
    structural = int(size[:-1][closed[:-1]].sum())
    if not open_ or structural < max(ENOUGH, ENOUGH_SHARE * size.sum()):
        return None
    rows = int(size[open_].sum())
    lacking = int(absent[open_].sum())
    by_chance = (lacking / rows) ** structural
    if lacking > UNEXPLAINED * rows or by_chance > CHANCE:
        return None
    # where the parent is missing, the child is too, but the parent's value does not say so
    return open_, lacking + int(size[-1])


def _same_rows(
    children: list[Column], missing: np.ndarray, explained: dict[str, Condition]
) -> dict[str, Condition]:
    """Times that no category explains, but that an earlier time explains in every row."""
    out: dict[str, Condition] = {}
    spans = [j for j, c in enumerate(children) if c.kind in ("time", "duration")]
    for later in spans:
        name = children[later].name
        if name in explained:
            continue
        for earlier in (j for j in spans if j < later):
            if np.array_equal(missing[:, earlier], missing[:, later]):
                out[name] = Condition(children[earlier].name, missing=False)
                break
    return out


def _without_cycles(conditions: dict[str, Condition]) -> dict[str, Condition]:
    """Drop a proposal that closes a circle: of two that define each other, the first stays."""
    out: dict[str, Condition] = {}
    for name, when in conditions.items():
        parent: str | None = when.column
        while parent is not None and parent != name:
            parent = out[parent].column if parent in out else None
        if parent is None:
            out[name] = when
    return out


def codes_of(series: pl.Series, categories: tuple[Value, ...]) -> np.ndarray:
    """Position of each value in the list; the length of the list where it is missing."""
    lookup = pl.DataFrame(
        {"value": pl.Series(list(categories), dtype=series.dtype)}
    ).with_row_index("code")
    joined = series.to_frame("value").join(lookup, on="value", how="left", maintain_order="left")
    return joined.get_column("code").fill_null(len(categories)).to_numpy().astype(np.int64)


def find_copies(frame: pl.DataFrame, columns: tuple[Column, ...]) -> dict[str, list[str]]:
    """Warnings for columns that repeat another one, value by value or label by label.

    Two-valued columns count only if the rarer value has 20 rows: rare flags coincide by chance.
    """
    notes: dict[str, list[str]] = {}
    seen: dict[bytes, list[pl.Series]] = {}
    # times first: where a plain duration repeats the time of an endpoint, the duration is the copy
    for column in sorted(columns, key=lambda c: c.kind != "time"):
        if column.kind in ("constant", "identifier", "text"):
            continue
        values = frame.get_column(column.name)
        counts = values.value_counts().get_column("count").sort()
        if len(counts) < 2 or frame.height - counts[-1] < ENOUGH:
            continue
        # cheap first: only columns with equal value counts can be recodings of each other
        alike = seen.setdefault(counts.to_numpy().tobytes(), [])
        other = next((o for o in alike if np.array_equal(_ranks(o), _ranks(values))), None)
        if other is None:
            alike.append(values)
            continue
        same = values.dtype == other.dtype and values.equals(other, check_names=False)
        word = "an exact copy of" if same else "a recoding of"
        notes.setdefault(column.name, []).append(f"{word} column '{other.name}': drop one of them")
    return notes


def _ranks(series: pl.Series) -> np.ndarray:
    """Each value's order of appearance: equal for two columns if one recodes the other."""
    first = series.to_frame("value").with_row_index("row")
    groups = first.select(pl.col("row").min().over("value")).to_series()
    _, codes = np.unique(groups.to_numpy(), return_inverse=True)
    return codes.astype(np.int64)
