"""What is given and what is open: conditions and known cells as levels and intervals allowed.

Each variable is drawn from its conditional among what is allowed, in the member's own order, and
the row is weighted by the probability of having been so (importance sampling): rows chosen by
weight are draws given all of it, and the mean weight estimates its probability without bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.special import ndtri

from synthema_kernels import flows

from ..columns.scale import Plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..columns.marginal import Marginal
    from ..encoding import Encoder
    from ..flow_view import FlowView
    from ..rules import Condition
    from .conditions import Wanted

    Bools = NDArray[np.bool_]

POOL = 8  # chunks of every member that rows under conditions are chosen from
HOPELESS = -35.0  # a log-weight that only levels ruled out have


def allowed_where(encoder: Encoder, wanted: Wanted) -> flows.Allowed:
    """Conditions as one row of what is allowed.

    It may allow more than the conditions do (a tie, a number below another, a gap in a list): rows
    are checked when they are drawn.
    """
    layout = _starts(encoder)
    numbers = encoder.variables.numbers
    levels = np.ones((sum(encoder.variables.levels), 1), bool)
    low, high = (np.full((len(numbers), 1), end) for end in (-flows.FAR, flows.FAR))
    for condition in wanted.conditions:
        name = condition.column
        if name in encoder.discrete and name in layout:
            known = encoder.discrete[name].levels
            values = pl.Series(name, [*known.known, *[None] * known.missing], known.dtype)
            meets = np.zeros(known.count, bool)
            np.logical_or.at(meets, known.states(values), _met(condition, values))
            levels[layout[name] : layout[name] + meets.size, 0] &= meets
        elif name in encoder.numeric:
            number, scale = encoder.numeric[name].number, encoder.numeric[name].scale
            if number.missing:
                state = np.arange(number.levels)
                own = slice(layout[name], layout[name] + state.size)
                levels[own, 0] &= (state == 1) == bool(condition.missing)
            asked = _interval(condition)
            if asked is not None and isinstance(scale, Plain):
                asked = scale.around(*asked)
                for place, atom in enumerate(number.atoms):
                    levels[layout[name] + 1 + number.missing + place] &= (
                        asked[0] <= atom <= asked[1]
                    )
                if number.cap is None:
                    for j, curve in enumerate(number.curves, numbers.index(name)):
                        low[j], high[j] = _ends(curve.marginal, asked)
    return flows.Allowed(levels, low, high)


def allowed_known(encoder: Encoder, view: FlowView, known: Mapping[str, Bools]) -> flows.Allowed:
    """Known cells as what is allowed: their level and their cell; anything where unknown.

    A number that is read off another column (a tie, a bound) is known only where that column is.
    """
    variables = encoder.variables
    layout, cells = _starts(encoder), view.cells
    n = view.codes.shape[1]
    levels = np.ones((sum(variables.levels), n), bool)
    for name, code in zip(variables.discrete, view.codes, strict=True):
        clamped = _readable(encoder, name, known) & (code >= 0)
        own = slice(layout[name], layout[name] + encoder.codecs[name].choices)
        levels[own, clamped] = code[clamped] == np.arange(encoder.codecs[name].choices)[:, None]
    clamped = np.array([_readable(encoder, name, known) for name in variables.numbers])
    clamped = clamped.reshape(len(variables.numbers), n)
    return flows.Allowed(
        levels,
        np.where(clamped, cells.low, -flows.FAR),
        np.where(clamped, cells.high, flows.FAR),
    )


def without_missing(
    encoder: Encoder, allowed: flows.Allowed, open_cells: Mapping[str, Bools]
) -> None:
    """Take the level of missing from the cells that are to be filled."""
    for name, start in _starts(encoder).items():
        level = missing_level(encoder, name)
        if level is not None:
            allowed.levels[start + level, open_cells[name]] = False


def ruled_missing(encoder: Encoder, codes: NDArray[np.int32]) -> dict[str, Bools]:
    """Where each column must be missing, since the levels of others rule out every other level.

    `codes` are (q, n), -1 where unknown.
    """
    variables, layout = encoder.variables, _starts(encoder)
    forbid = encoder.forbidden()
    held = np.zeros((len(forbid), codes.shape[1]), np.float32)
    for name, code in zip(variables.discrete, codes, strict=True):
        rows = np.flatnonzero(code >= 0)
        held[layout[name] + code[rows], rows] = 1.0
    ruled = forbid.T @ held > 0
    out: dict[str, Bools] = {}
    for name, start in layout.items():
        level = missing_level(encoder, name)
        others = [start + i for i in range(encoder.codecs[name].choices) if i != level]
        out[name] = np.logical_and.reduce([*ruled[others], np.full(len(held.T), level is not None)])
    return out


def missing_level(encoder: Encoder, name: str) -> int | None:
    """The level that stands for missing; None if the column never is."""
    if name in encoder.numeric:
        return 1 if encoder.numeric[name].number.missing else None
    levels = encoder.discrete[name].levels
    return levels.count - 1 if levels.missing else None


def needed_by(encoder: Encoder, columns: set[str]) -> set[str]:
    """Columns that are read off one of `columns`, themselves not among them."""
    return {n for n, c in encoder.numeric.items() if columns & set(c.number.needs)} - columns


def chosen(log_weight: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of a pool by systematic resampling: as many as can be had without one coming twice."""
    weight = np.exp(log_weight - log_weight.max())
    count = max(int(weight.sum()), 1)
    marks = (rng.random() + np.arange(count)) * weight.sum() / count
    place = np.searchsorted(np.cumsum(weight), marks, side="right")
    return rng.permutation(np.minimum(place, weight.size - 1))


def _readable(encoder: Encoder, name: str, known: Mapping[str, Bools]) -> Bools:
    out = known[name]
    if name in encoder.numeric:
        for other in encoder.numeric[name].number.needs:
            out = out & known[other]
    return out


def _starts(encoder: Encoder) -> dict[str, int]:
    variables = encoder.variables
    starts = np.cumsum([0, *variables.levels])[:-1].tolist()
    return dict(zip(variables.discrete, starts, strict=True))


def _ends(marginal: Marginal, asked: tuple[float, float]) -> tuple[float, float]:
    """An interval of values on the normal scale."""
    below, above = marginal.edges(np.clip(asked, marginal.left[0], marginal.right[-1]))
    low, high = np.clip(ndtri([below[0], above[1]]), -flows.FAR, flows.FAR).tolist()
    return low, high


def _met(condition: Condition, values: pl.Series) -> Bools:
    return values.to_frame().select(condition.expr().alias("met"))["met"].to_numpy()


def _interval(condition: Condition) -> tuple[float, float] | None:
    """Bounds of the numbers that may meet a condition."""
    if condition.missing is not None:
        return None
    if condition.is_in is None:
        low = -np.inf if condition.low is None else condition.low
        high = np.inf if condition.high is None else condition.high
        return float(low), float(high)
    numbers = [float(v) for v in condition.is_in if isinstance(v, int | float)]
    return (min(numbers), max(numbers)) if len(numbers) == len(condition.is_in) else None
