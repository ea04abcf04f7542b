"""What columns tell of one another before any training: ties, bounds, times by their status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .columns import Discrete, Numeric, caps, ties

if TYPE_CHECKING:
    import polars as pl

    from .columns import Codec
    from .schema import Schema


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
    """The codecs with a curve of an endpoint's time for each status that enough patients have."""
    numeric = {n: c for n, c in codecs.items() if isinstance(c, Numeric)}
    floats = {n: c.floats(train[n]) for n, c in numeric.items()}
    out = dict(codecs)
    for endpoint in schema.endpoints:
        time, status = numeric.get(endpoint.time), codecs.get(endpoint.status)
        if time is None or not isinstance(status, Discrete):
            continue
        values, number = floats[endpoint.time], time.number
        free = number.states(values, floats) == 0
        level = status.levels.states(train[endpoint.status])[free]
        bounds = floats[number.cap.column][free] if number.cap else None
        out[endpoint.time] = time.with_number(
            number.by_status(level, status.choices, values[free], bounds)
        )
    return out
