"""What de-identification costs: suppression, certainty penalty, discernibility, marginals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..intervals import Estimate
from .ladder import Ladder
from .suppress import Suppressed

SOURCE = (
    "Normalized certainty penalty: Xu et al. (2006), KDD, 785-790: width over range, members over "
    "categories, 1 for a suppressed cell. Discernibility: Bayardo & Agrawal (2005), ICDE, 217-228, "
    "divided by n^2. Marginals: Kolmogorov-Smirnov distance of ordered columns, total variation of "
    "the others, missing a value of its own. Exact on this table, so without interval."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginal:
    """How far a released column is from the original one.

    Attributes:
        column: Name.
        penalty: Certainty penalty of its cells, in [0, 1]; None if it is no quasi-identifier.
        distance: Distance between released and original marginals, in [0, 1]; of a generalized
            column, between its groups before and after suppression.
    """

    column: str
    penalty: float | None
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The price of the release.

    Attributes:
        suppressed_rows: Share of rows dropped.
        suppressed_cells: Share of cells of quasi-identifiers set to missing in rows that stay.
        penalty: Mean penalty over the cells of quasi-identifiers, dropped rows counted as 1.
        discernibility: Mean share of the table that a row cannot be told from; dropped rows 1.
        marginals: By column.
        n: Rows of the original table.
        source: Definitions.
    """

    suppressed_rows: Estimate
    suppressed_cells: Estimate
    penalty: float
    discernibility: float
    marginals: tuple[Marginal, ...]
    n: int
    source: str


def loss(
    ladders: Sequence[Ladder],
    at: Sequence[int],
    gone: Suppressed,
    index: NDArray[np.int64],
    marginals: dict[str, float],
) -> Loss:
    """The loss of a release.

    Args:
        ladders: One per quasi-identifier.
        at: Level of each.
        gone: What was suppressed.
        index: (r,) class of each row that stays.
        marginals: Distance by column.
    """
    n, q = gone.cells.shape
    own: dict[str, float] = {}
    for j, (ladder, level) in enumerate(zip(ladders, at, strict=True)):
        cost = ladder.penalty(level)
        cost[gone.cells[:, j] | gone.rows] = 1.0
        own[ladder.column.name] = float(cost.mean())
    sizes = np.bincount(index).astype(float)
    dropped = int(gone.rows.sum())
    cells = int(gone.cells.sum())
    kept = (n - dropped) * q
    return Loss(
        suppressed_rows=Estimate(value=dropped / n, low=None, high=None, n=n),
        suppressed_cells=Estimate(value=cells / kept, low=None, high=None, n=kept),
        penalty=float(np.mean(list(own.values()))),
        discernibility=float(((sizes**2).sum() + dropped * n) / n**2),
        marginals=tuple(
            Marginal(column=name, penalty=own.get(name), distance=distance)
            for name, distance in marginals.items()
        ),
        n=n,
        source=SOURCE,
    )


def distance(before: pl.Series, after: pl.Series) -> float:
    """Between the marginals of one column before and after, in [0, 1]; missing is a value."""
    both = pl.concat([before.alias("v"), after.alias("v")])
    ordered = both.dtype.is_numeric() or both.dtype.is_temporal()
    if both.dtype == pl.Boolean:
        both = both.cast(pl.Int8)
    if both.dtype == pl.Null:
        return 0.0
    code = both.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
    n, width = len(before), int(code.max()) + 1
    p = np.bincount(code[:n], minlength=width) / n
    q = np.bincount(code[n:], minlength=width) / max(len(after), 1)
    if ordered:  # missing sits below every value: the first step of both curves is its share
        return float(np.abs(np.cumsum(p - q)).max())
    return float(np.abs(p - q).sum() / 2)
