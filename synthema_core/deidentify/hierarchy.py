"""Generalization hierarchies: from each value of a column to coarser and coarser groups.

A hierarchy turns the distinct values of a column into levels. Each level joins groups of the level
before it: that nesting is what makes the search in `search` exact, so it is checked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import SynthemaError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One level over d distinct values: the group of each, and label and cost of each group.

    The cost is the normalized certainty penalty: width over range of a band, members over
    categories of a group, 0 of a single value.
    """

    name: str
    group: NDArray[np.int64]
    labels: tuple[str | None, ...]
    cost: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bands:
    """Bands of equal width that start at `origin`: `Bands(5, 10, 20)`. Each width divides the next.

    A label is "[60, 70)": 60 is in it, 70 is not.
    """

    widths: tuple[float, ...]
    origin: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        ratios = [b / a for a, b in pairwise(self.widths) if a]
        if (
            not self.widths
            or min(self.widths) <= 0
            or any(r < 1 or abs(r - round(r)) > 1e-9 for r in ratios)
        ):
            raise SynthemaError(
                "bands: expected positive widths, each a multiple of the one before, as in "
                f"5, 10, 20; got {', '.join(f'{w:g}' for w in self.widths)}."
            )

    def levels(self, values: pl.Series) -> list[Level]:
        """Levels over ascending distinct numbers."""
        x = _numbers(values)
        out = []
        for width in self.widths:
            number = np.floor((x - self.origin) / width)
            low = self.origin + number * width
            out.append(_bands(f"bands of {width:g}", x, low, low + width))
        return out


@dataclass(frozen=True, slots=True)
class Cuts:
    """Bands with cuts of their own, one tuple per level; each level keeps some cuts of the last."""

    cuts: tuple[tuple[float, ...], ...]

    def levels(self, values: pl.Series) -> list[Level]:
        """Levels over ascending distinct numbers; the outer bands are open."""
        x = _numbers(values)
        out = []
        for cuts in self.cuts:
            edges = np.concatenate([[-np.inf], cuts, [np.inf]])
            i = np.searchsorted(edges, x, side="right")
            out.append(_bands(f"{len(cuts) + 1} bands", x, edges[i - 1], edges[i]))
        return out


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first characters of a code: `Prefix((4, 3, 1))`, as C92.0, C92, C."""

    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        lengths = tuple(self.lengths)
        object.__setattr__(self, "lengths", lengths)
        if not lengths or min(lengths) < 1 or list(lengths) != sorted(set(lengths), reverse=True):
            raise SynthemaError("prefix: expected descending lengths from 1, as in 4, 3, 1.")

    def levels(self, values: pl.Series) -> list[Level]:
        """Levels over distinct codes."""
        text = values.cast(pl.String)
        return [_groups(f"first {n} characters", text.str.head(n).to_list()) for n in self.lengths]


@dataclass(frozen=True, slots=True)
class Groups:
    """A declared mapping per level, from each value of the column to its group."""

    mappings: tuple[Mapping[Any, str], ...]

    def levels(self, values: pl.Series) -> list[Level]:
        """Levels over distinct values."""
        out = []
        for number, mapping in enumerate(self.mappings, start=1):
            known = {str(key): group for key, group in mapping.items()}
            texts = values.cast(pl.String).to_list()
            absent = sum(text not in known for text in texts)
            if absent:
                raise SynthemaError(
                    f"column '{values.name}': level {number} of its mapping lacks {absent} of "
                    f"{len(texts)} values. Add them."
                )
            out.append(_groups(f"declared level {number}", [known[text] for text in texts]))
        return out


@dataclass(frozen=True, slots=True)
class Pooled:
    """Categories rarer than a share of the rows become "other"; one share per level."""

    shares: tuple[float, ...]
    counts: Mapping[Any, int]
    n: int

    def levels(self, values: pl.Series) -> list[Level]:
        """Levels over distinct values; a level that pools fewer than two categories is left out."""
        texts = values.cast(pl.String).to_list()
        count = [self.counts[value] for value in values.to_list()]
        out = []
        for share in self.shares:
            rare = [c < share * self.n for c in count]
            if sum(rare) < 2:
                continue
            keys = [("other", True) if r else (t, False) for t, r in zip(texts, rare, strict=True)]
            level = _groups(f"rarer than {share:g} pooled", keys)
            # a category may itself be called "other"; in a release the two are one word
            labels = tuple(key[0] for key in dict.fromkeys(keys))
            out.append(Level(name=level.name, group=level.group, labels=labels, cost=level.cost))
        return out


@dataclass(frozen=True, slots=True)
class Steps:
    """Neighboring steps of an ordinal column joined by 2, 4, ...; labels "first to last"."""

    order: tuple[Any, ...]
    sizes: tuple[int, ...] = (2, 4)

    def levels(self, values: pl.Series) -> list[Level]:
        """Levels over distinct steps."""
        rank = {str(value): i for i, value in enumerate(self.order)}
        texts = values.cast(pl.String).to_list()
        if any(text not in rank for text in texts):
            raise SynthemaError(
                f"column '{values.name}': holds steps that the schema does not list. List them."
            )
        out = []
        for size in self.sizes:
            if size >= len(self.order):
                break
            names = []
            for text in texts:
                first = rank[text] // size * size
                last = min(first + size, len(self.order)) - 1
                ends = (str(self.order[first]), str(self.order[last]))
                names.append(ends[0] if first == last else " to ".join(ends))
            out.append(_groups(f"{size} steps in one", names))
        return out


@dataclass(frozen=True, slots=True)
class Periods:
    """Months, quarters and years of a date."""

    periods: tuple[str, ...] = ("1mo", "1q", "1y")

    def levels(self, values: pl.Series) -> list[Level]:
        """Levels over distinct dates."""
        x = values.cast(pl.Date).to_physical().to_numpy().astype(float)
        span = max(float(x.max() - x.min()), 1.0) if len(x) else 1.0
        out = []
        for period in self.periods:
            starts = values.dt.truncate(period).cast(pl.Date)
            level = _groups(f"periods of {period}", starts.cast(pl.String).to_list())
            days = {"1mo": 30.0, "1q": 91.0, "1y": 365.0}[period]
            cost = np.full(len(level.labels), min(days / span, 1.0))
            out.append(Level(name=level.name, group=level.group, labels=level.labels, cost=cost))
        return out


Hierarchy = Bands | Cuts | Prefix | Groups | Pooled | Steps | Periods


def removed(d: int) -> Level:
    """The last level: the column is missing in every row."""
    return Level(name="removed", group=np.zeros(d, np.int64), labels=(None,), cost=np.ones(1))


def round_bands(values: pl.Series) -> Bands | Cuts | None:
    """Bands that fit a column of numbers: round widths, or round quantiles where it is skewed.

    None where it has fewer than three values: there is nothing to join.
    """
    x = values.drop_nulls().cast(pl.Float64).to_numpy()
    if len(np.unique(x)) < 3:
        return None
    span = float(x.max() - x.min())
    low, high = np.quantile(x, [0.05, 0.95])
    if high - low > 0.4 * span:  # not skewed: most of the range is inhabited
        base = _round_up(span / 20)
        return Bands((base, 2 * base, 4 * base, 8 * base))
    fine = np.quantile(x, np.arange(1, 16) / 16)
    every = [
        tuple(sorted({_two_digits(float(fine[j - 1])) for j in range(step, 16, step)}))
        for step in (1, 2, 4, 8)
    ]
    # rounding may merge cuts, never unnest them: each level is made of the same rounded numbers
    return Cuts(tuple(every))


def check_nested(levels: Sequence[Level], column: str) -> None:
    """Each level must join whole groups of the one before.

    Raises:
        SynthemaError: If one splits a group.
    """
    for fine, coarse in pairwise(levels):
        pairs = np.unique(np.stack([fine.group, coarse.group]), axis=1)
        if pairs.shape[1] != len(np.unique(fine.group)):
            raise SynthemaError(
                f"column '{column}': level '{coarse.name}' splits a group of level '{fine.name}'. "
                "Each level must join whole groups of the one before."
            )


def _numbers(values: pl.Series) -> NDArray[np.float64]:
    if not values.dtype.is_numeric():
        raise SynthemaError(
            f"column '{values.name}': expected numbers for bands, got {values.dtype}. Use a prefix "
            "or a mapping."
        )
    return values.cast(pl.Float64).to_numpy()


def _bands(
    name: str, x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> Level:
    starts, first, group = np.unique(low, return_index=True, return_inverse=True)
    ends = high[first]
    span = float(x[-1] - x[0]) if len(x) else 0.0
    width = np.minimum(ends, x[-1]) - np.maximum(starts, x[0])
    cost = width / span if span else np.zeros(len(starts))
    labels = tuple(_label(a, b) for a, b in zip(starts, ends, strict=True))
    return Level(name=name, group=group.astype(np.int64), labels=labels, cost=cost)


def _label(low: float, high: float) -> str:
    if math.isinf(low):
        return f"<{high:.12g}"
    return f">={low:.12g}" if math.isinf(high) else f"[{low:.12g}, {high:.12g})"


def _groups(name: str, keys: Sequence[Any]) -> Level:
    """Groups in the order in which the values first meet them."""
    order = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    group = np.array([order[key] for key in keys], np.int64)
    members = np.bincount(group)
    cost = np.where(members > 1, members / max(len(keys), 1), 0.0)
    return Level(name=name, group=group, labels=tuple(map(str, order)), cost=cost)


def _round_up(x: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(x))
    return next(step * unit for step in (1.0, 2.0, 5.0, 10.0) if step * unit >= x * (1 - 1e-9))


def _two_digits(x: float) -> float:
    return float(f"{x:.2g}")
