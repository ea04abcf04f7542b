"""l-diversity: how many well-represented values of a secret a class leaves open."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..intervals import Estimate

SOURCE = (
    "l-diversity (distinct, entropy, recursive): Machanavajjhala et al. (2007), ACM TKDD 1, 3. "
    "Counted exactly on this table; the smallest over its classes; a missing secret is a value of "
    "its own."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """How many values of one secret remain possible for somebody whose class is known.

    Attributes:
        secret: Column.
        distinct: Fewest different values in any class.
        entropy: exp of the smallest entropy of any class; entropy l-diversity holds for l up to
            this.
        c: The constant of recursive (c, l)-diversity.
        recursive: Largest l for which every class has r_1 < c (r_l + ... + r_m), r the counts in
            descending order; 0 if there is none.
        least_c: Recursive diversity at l = 2 holds for every c above this; None if some class has
            one value only.
        told: Share of rows in classes where all rows have the same value: for them, who knows the
            quasi-identifiers knows the secret. Exact, so without interval.
        n_classes: Classes.
        n: Rows.
        source: Definition.
    """

    secret: str
    distinct: int
    entropy: float
    c: float
    recursive: int
    least_c: float | None
    told: Estimate
    n_classes: int
    n: int
    source: str


def counts_by_class(index: NDArray[np.int64], secret: NDArray[np.int64]) -> pl.DataFrame:
    """Columns class, value, count: one row per value that a class holds, sorted."""
    frame = pl.DataFrame({"class": index, "value": secret})
    return frame.group_by("class", "value").agg(pl.len().alias("count")).sort("class", "value")


def diversity(secret: str, counts: pl.DataFrame, *, c: float) -> Diversity:
    """l-diversity of one secret.

    Args:
        secret: Name of the column.
        counts: As `counts_by_class` returns.
        c: Constant of recursive diversity, > 0.
    """
    index, count = (counts.get_column(name).to_numpy() for name in ("class", "count"))
    values = np.bincount(index)
    rows = np.bincount(index, count)
    starts = np.flatnonzero(np.concatenate([[True], index[1:] != index[:-1]]))
    top = np.maximum.reduceat(count, starts)
    n = int(rows.sum())
    share = count / rows[index]
    entropy = float(np.bincount(index, -share * np.log(share)).min())
    single = values == 1
    least_c = None if single.any() else float((top / (rows - top)).max())
    return Diversity(
        secret=secret,
        distinct=int(values.min()),
        # exp(log(2)) must be 2: a limit of l that rounding misses would be a wrong verdict
        entropy=round(math.exp(max(entropy, 0.0)), 12),
        c=c,
        recursive=_recursive(index, count, c),
        least_c=least_c,
        told=Estimate(value=float(rows[single].sum()) / n, low=None, high=None, n=n),
        n_classes=len(values),
        n=n,
        source=SOURCE,
    )


def _recursive(index: NDArray[np.int64], count: NDArray[np.int64], c: float) -> int:
    """Largest l at which every class is recursively (c, l)-diverse."""
    count = count[np.lexsort((-count, index))]  # classes stay where they are: index is sorted
    starts = np.flatnonzero(np.concatenate([[True], index[1:] != index[:-1]]))
    seen = np.cumsum(count) - count
    rows = np.bincount(index, count)
    tail = rows[index] - (seen - seen[starts][index])  # r_l + ... + r_m, at each l
    # the tail shrinks as l grows, so the l that hold are those up to their number
    return int(np.bincount(index, count[starts][index] < c * tail).min())
