"""Orders between columns that chance does not explain: start and end, part and whole."""

from collections.abc import Hashable, Mapping
from itertools import permutations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..rules import Ordered, among
from .structure import CHANCE
from .types import Column, Endpoint

ENOUGH = 50  # rows that know both columns
OFTEN = 0.02  # of unrelated pairs must be out of order: a gram below a kilogram is no rule
ALIKE = {
    "time": "time",
    "duration": "time",
    "count": "number",
    "continuous": "number",
    "date": "date",
    "datetime": "date",
}  # kinds whose values can be compared, if they are numbers or of one type


def find_orders(
    frame: pl.DataFrame,
    columns: tuple[Column, ...],
    endpoints: tuple[Endpoint, ...],
    known: tuple[Ordered, ...],
) -> tuple[Ordered, ...]:
    """Pairs of columns of which one never exceeds the other, though unrelated values would.

    A proposal holds in every row that knows both; values paired at random would break it in at
    least OFTEN of the rows, and not in a single one with a probability below CHANCE. What follows
    from two others in every row is left out, so that each column stands next to its closest bounds;
    of columns that are equal everywhere the first serves, or the time of an endpoint.

    Args:
        frame: (n, c).
        columns: Their kinds.
        endpoints: With the orders that they imply.
        known: Pairs proposed already.

    Returns:
        New pairs, then those of `known` that do not follow from them.
    """
    values = {c.name: _numbers(frame, c) for c in columns if c.kind in ALIKE}
    dtypes = frame.schema
    sort = {
        c.name: (ALIKE[c.kind], None if dtypes[c.name].is_numeric() else dtypes[c.name])
        for c in columns
        if c.kind in ALIKE
    }
    known_in = {name: ~np.isnan(numbers) for name, numbers in values.items()}
    for twin in _twins(values, sort, [c.name for c in columns if c.kind == "time"]):
        del values[twin]
    before = {(rule.order[0], rule.order[1]) for rule in known}
    implied = {(e.time, e.not_after) for e in endpoints if e.not_after is not None}
    found = [
        pair
        for pair in permutations(values, 2)
        if sort[pair[0]] == sort[pair[1]]
        and not {pair, pair[::-1]} & (before | implied)
        and _ordered(*(values[name] for name in pair))
    ]
    every = {*found, *before, *implied}

    def follows(pair: tuple[str, ...]) -> bool:
        low, high = pair
        between = [m for m in values if (low, m) in every and (m, high) in every]
        both = known_in[low] & known_in[high]
        return any(known_in[middle][both].all() for middle in between)

    new = (
        Ordered(pair, name=f"proposed: {pair[0]} not after {pair[1]}")
        for pair in found
        if not follows(pair)
    )
    return (*new, *(rule for rule in known if not follows(rule.order)))


def _numbers(frame: pl.DataFrame, column: Column) -> NDArray[np.float64]:
    """The column as numbers, NaN where nothing or a sentinel stands."""
    known = frame.get_column(column.name)
    if column.sentinels:
        coded = frame.select(among(pl.col(column.name), column.sentinels)).to_series()
        known = known.set(coded.fill_null(value=False), None)
    return known.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _twins(
    values: dict[str, NDArray[np.float64]], sort: Mapping[str, Hashable], times: list[str]
) -> set[str]:
    """Columns that are equal to one before them, times of endpoints coming first."""
    seen: list[str] = []
    twins = set()
    for name in dict.fromkeys([*times, *values]):
        alike = (other for other in seen if sort[other] == sort[name])
        if any(np.array_equal(values[name], values[other], equal_nan=True) for other in alike):
            twins.add(name)
        else:
            seen.append(name)
    return twins


def _ordered(low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    both = ~(np.isnan(low) | np.isnan(high))
    n = int(both.sum())
    if n < ENOUGH or (low > high).any() or not (low < high).any():
        return False
    above = np.searchsorted(np.sort(high[both]), low[both], side="left")  # of the bounds, below it
    often = float(above.mean() / n)
    return often >= OFTEN and (1.0 - often) ** n < CHANCE
