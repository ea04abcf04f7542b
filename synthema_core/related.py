"""What columns tell of one another before any training.

Ties and bounds of numbers, times by their status, rare levels by the columns that they decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .columns import Discrete, Nominal, Numeric, Ordinal, caps, ties
from .columns.dust import Dust
from .columns.follow_up import YEAR
from .columns.scale import Plain, Ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Codec
    from .schema import Schema

DECIDED = 0.8  # least share of the differences between rows that a column must explain of another
MOST_CELLS = 4_000_000  # of a table of two columns that is looked at
EXPECTED = 15  # rows that chance would have differ from others of their level


def tied_and_capped(
    codecs: dict[str, Codec], train: pl.DataFrame, schema: Schema
) -> dict[str, Codec]:
    """The codecs with columns that often equal another one tied, and bounded ones capped by it."""
    numeric = {n: c for n, c in codecs.items() if isinstance(c, Numeric)}
    floats = {n: c.floats(train[n]) for n, c in numeric.items()}
    family = {n: c.scale.family for n, c in numeric.items()}
    bound = caps.find(schema.all_rules, family)

    def rank(name: str) -> tuple[int, bool, float]:
        """A bound before what it bounds, an endpoint before its copies, the larger first."""
        depth, at = 0, name
        while at in bound:
            depth, at = depth + 1, bound[at]
        copy = name not in {e.time for e in schema.endpoints}
        return depth, copy, -float(np.nanmean(floats[name]))

    atoms = {n: c.number.atoms for n, c in numeric.items()}
    tied = ties.find(sorted(numeric, key=rank), floats, atoms, family)
    numbers = {n: c.number for n, c in numeric.items()}
    numbers |= {n: numbers[n].tied(*found) for n, found in tied.items()}
    for name, other in bound.items():
        free = numbers[name].states(floats[name], floats) == 0
        numbers[name] = numbers[name].capped(other, floats[name][free], floats[other][free])
    return {**codecs, **{n: c.with_number(numbers[n]) for n, c in numeric.items()}}


def by_status(codecs: dict[str, Codec], train: pl.DataFrame, schema: Schema) -> dict[str, Codec]:
    """The codecs with a curve of an endpoint's time for each status that enough patients have.

    Where a date or a calendar year says when patients came, follow-up may end on one day.
    """
    numeric = {n: c for n, c in codecs.items() if isinstance(c, Numeric)}
    floats = {n: c.floats(train[n]) for n, c in numeric.items()}
    grades = {n: c for n, c in codecs.items() if isinstance(c, Ordinal) and c.counts}
    floats |= {n: c.floats(train[n]) for n, c in grades.items()}
    days = {n: _days(codecs[n], values) for n, values in floats.items()}
    out = dict(codecs)
    for endpoint in schema.endpoints:
        time, status = numeric.get(endpoint.time), codecs.get(endpoint.status)
        if time is None or not isinstance(status, Discrete):
            continue
        values, number = floats[endpoint.time], time.number
        free = number.states(values, floats) == 0
        level = status.levels.states(train[endpoint.status])[free]
        bounds = floats[number.cap.column][free] if number.cap else None
        entries = {n: (floats[n][free], unit) for n, unit in days.items() if unit}
        out[endpoint.time] = time.with_number(
            number.by_status(level, status.choices, values[free], bounds, entries)
        )
    return out


def pooled_apart(codecs: dict[str, Codec], train: pl.DataFrame, least: int) -> dict[str, Codec]:
    """The codecs with rare labels pooled with those that decide other columns as they do.

    The countries of one region, the codes of one chapter: where a column decides another one
    throughout, a pool over all of it would tear the two apart.
    """
    discrete = {n: c for n, c in codecs.items() if isinstance(c, Discrete)}
    rare = {n: c for n, c in discrete.items() if isinstance(c, Nominal) and c.levels.pools}
    size = {n: len(c.levels.known) + 1 for n, c in discrete.items()}  # the last is missing
    codes = {n: c.levels.codes(train[n]) % size[n] for n, c in discrete.items() if rare}
    out = dict(codecs)
    for name, codec in rare.items():
        traits = []
        for other in discrete:
            if other == name or size[name] * size[other] > MOST_CELLS:
                continue
            flat = np.bincount(
                codes[name].astype(np.int64) * size[other] + codes[other],
                minlength=size[name] * size[other],
            )
            table = flat.reshape(size[name], size[other])[:-1]
            if _decides(table[:, :-1]):
                traits.append(table.argmax(axis=1))
        traits.sort(key=lambda trait: np.unique(trait).size)
        out[name] = codec.protected(train[name], least, traits)
    return out


def dusted(codecs: dict[str, Codec], train: pl.DataFrame, schema: Schema) -> dict[str, Codec]:
    """The codecs with numbers that were in single precision in some centers read as recorded.

    Times are left as they are: they may have to equal one another.
    """
    discrete = {n: c.levels for n, c in codecs.items() if isinstance(c, Discrete)}
    codes = {n: levels.codes(train[n]) for n, levels in discrete.items()}
    out = dict(codecs)
    for name, codec in codecs.items():
        if not isinstance(codec, Numeric) or schema.column(name).kind != "continuous":
            continue
        if not isinstance(codec.scale, Plain) or codec.scale.storage:
            continue
        values = codec.floats(train[name])
        known = np.isfinite(values)
        by = {n: (code[known], len(discrete[n].known)) for n, code in codes.items()}
        found = Dust.find(values[known], by)
        if found:
            out[name] = codec.dusted(found, train[name])
    return out


def _decides(table: NDArray[np.int64]) -> bool:
    """Whether the levels in the rows of a table decide those in its columns, nearly always.

    Goodman and Kruskal's tau (1954), pairs of different patients alone: a level that one patient
    holds decides nothing.
    """
    table = table[table.sum(axis=1) > 1]
    held, of_each = table.sum(axis=1), table.sum(axis=0)
    n = held.sum()
    if n == 0:
        return False
    expected = n * (1.0 - ((of_each / n) ** 2).sum())
    differ = ((held**2 - (table**2).sum(axis=1)) / (held - 1)).sum()
    return bool(expected >= EXPECTED and differ <= (1.0 - DECIDED) * expected)


def _days(codec: Codec, values: NDArray[np.float64]) -> float:
    """Days in one unit of a column of dates or calendar years; 0 for any other."""
    if isinstance(codec, Numeric) and isinstance(codec.scale, Ticks):
        return codec.scale.days if isinstance(codec.scale.dtype, pl.Date | pl.Datetime) else 0.0
    known = values[~np.isnan(values)]
    years = known.size and (known == np.floor(known)).all() and known.min() >= 1850
    return YEAR if years and known.max() <= 2150 else 0.0
