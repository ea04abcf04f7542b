"""Any columns given any others: missing cells filled, and conditional probabilities."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from synthema_kernels import flows

from ..columns.normal import ndtr
from ..errors import RuleError, SchemaError
from ..flow_view import FlowView
from ..rules import broken
from .drawing import Drawer
from .given import (
    allowed_known,
    missing_level,
    needed_by,
    ruled_missing,
    without_missing,
)
from .starting import mixed_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..encoding import Encoder
    from .model import Model

    Floats = NDArray[np.float64]

WIDTH = 2048  # rows drawn at once by one member
PARTICLES = 32  # draws per member that a filled row is chosen from
SUMMED = 256  # draws per member that a probability is averaged over
TURNS = 20
BEYOND = 60.0  # nats that a draw loses if a known number would lie above its bound
LISTED = 512  # combinations of levels that are summed one by one


def log_mixture(model: Model, view: FlowView) -> Floats:
    """(n,) log-probability of rows under the mixture of all members."""
    each = flows.log_probs(model.members, model.structure, mixed_rows(view), model.layout)
    return np.asarray(np.logaddexp.reduce(each, axis=0) - np.log(len(each)))


def impute(model: Model, frame: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Fill missing cells, each row by one draw from the model given all that the row holds.

    Draws are chosen by importance weight among those that break no rule. A cell stays missing where
    the levels of the row rule out everything else (the day of a transplant that was not done). A
    number that is read off a missing one (a tie, a bound, the end of follow-up) keeps its value; it
    informs the draw through the rules, and through how such numbers lie below their bound whatever
    the rest of the row. A row that breaks a rule by its known cells is filled as if that rule
    did not exist.

    Args:
        model: The model.
        frame: A table with the schema's columns; other columns are kept as they are.
        seed: Of the draws.

    Returns:
        The table.

    Raises:
        RuleError: If no draw of a row breaks no rule.
        SchemaError: If the table and the schema disagree.
    """
    encoder = model.encoder
    names = list(encoder.codecs)
    view = encoder.flow(frame)
    null = {name: frame[name].is_null().to_numpy() for name in names}
    codes = view.codes.copy()
    for code, name in zip(codes, encoder.variables.discrete, strict=True):
        code[null[name]] = -1  # unknown, and not the level of missing
    never = ruled_missing(encoder, codes)
    nowhere = np.zeros(frame.height, bool)
    fill = {name: null[name] & ~never.get(name, nowhere) for name in names}
    rows = np.flatnonzero(np.any(list(fill.values()), axis=0))
    out = frame
    drawer, rng = Drawer.of(model, seed), np.random.default_rng(seed)
    size = WIDTH // PARTICLES
    for turn, first in enumerate(range(0, rows.size, size)):
        index = rows[first : first + size]
        part = frame[index.tolist()]
        open_cells = {name: mask[index] for name, mask in fill.items()}
        done = _filled(encoder, drawer, part, open_cells, turn, rng)
        for name in names:
            if open_cells[name].any():
                where = index[open_cells[name]].tolist()
                values = done[name].filter(pl.Series(open_cells[name]))
                out = out.with_columns(out[name].scatter(where, values))
    return out


def _filled(
    encoder: Encoder,
    drawer: Drawer,
    part: pl.DataFrame,
    open_cells: Mapping[str, NDArray[np.bool_]],
    turn: int,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Rows with their open cells drawn; all cells of unknown columns are drawn together."""
    n, size = part.height, WIDTH // PARTICLES
    rules = encoder.schema.all_rules
    view = encoder.flow(part)
    allowed = allowed_known(encoder, view, {name: ~mask for name, mask in open_cells.items()})
    without_missing(encoder, allowed, _not_ruled(encoder, open_cells))
    padded = np.minimum(np.arange(size), n - 1)  # the last row again: blocks compile once
    wide = flows.Allowed(*(np.repeat(a[:, padded], PARTICLES, axis=1) for a in allowed))
    excused = broken(part, rules)  # by what is known
    best = np.full(n, -np.inf)
    kept: list[pl.DataFrame | None] = [None] * n
    for attempt in range(TURNS):
        drawn = drawer.draw(turn * TURNS + attempt, size * PARTICLES, wide)
        k = drawn.log_weight.shape[1]
        codes = drawn.codes[:, : n * PARTICLES].reshape(len(drawn.codes), n * PARTICLES * k)
        z = drawn.z[:, : n * PARTICLES].reshape(len(drawn.z), n * PARTICLES * k)
        weight = drawn.log_weight[: n * PARTICLES].reshape(-1)
        owner = np.repeat(np.arange(n), PARTICLES * k)
        table = encoder.table(codes, z)
        known = part[owner.tolist()]
        table = pl.DataFrame(
            [
                pl.select(
                    pl.when(pl.Series(open_cells[name][owner]))
                    .then(table[name])
                    .otherwise(known[name])
                    .alias(name)
                ).to_series()
                for name in table.columns
            ]
        )
        good = ~(broken(table, rules) & ~excused[owner]).any(1)
        good &= ~_left_missing(encoder, table, codes, open_cells, owner)
        weight = weight + _log_read_off(encoder, table, open_cells, owner)
        score = np.where(good, weight + rng.gumbel(size=weight.size), -np.inf)
        for i in np.flatnonzero(np.isneginf(best)):
            own = slice(i * PARTICLES * k, (i + 1) * PARTICLES * k)
            place = own.start + int(score[own].argmax())
            if np.isfinite(score[place]):
                best[i], kept[i] = score[place], table.slice(place, 1)
        if np.isfinite(best).all():
            return pl.concat([row for row in kept if row is not None])
    raise RuleError(
        f"impute: {int(np.isneginf(best).sum())} of {n} rows have no completion that keeps the "
        f"rules in {TURNS * PARTICLES} draws. Correct the rows, or the rules."
    )


def _not_ruled(
    encoder: Encoder, open_cells: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """Open cells of columns that no other open column can rule out."""
    partners: dict[str, set[str]] = {}
    for rule in encoder.schema.all_rules:
        for name in rule.columns():
            partners.setdefault(name, set()).update(rule.columns())
    return {
        name: mask
        & ~np.any(
            [open_cells[o] for o in partners.get(name, set()) - {name} if o in open_cells]
            or [np.zeros_like(mask)],
            axis=0,
        )
        for name, mask in open_cells.items()
    }


def _left_missing(
    encoder: Encoder,
    table: pl.DataFrame,
    codes: NDArray[np.int32],
    open_cells: Mapping[str, NDArray[np.bool_]],
    owner: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Rows with an open cell that was drawn missing although nothing rules a value out."""
    ruled = ruled_missing(encoder, codes)
    out = np.zeros(table.height, bool)
    for name, mask in open_cells.items():
        if missing_level(encoder, name) is not None:
            out |= table[name].is_null().to_numpy() & mask[owner] & ~ruled[name]
    return out


def _log_read_off(
    encoder: Encoder,
    table: pl.DataFrame,
    open_cells: Mapping[str, NDArray[np.bool_]],
    owner: NDArray[np.int64],
) -> Floats:
    """Log-mass of known numbers that are read off cells filled just now, by their curves alone."""
    total = np.zeros(table.height)
    unread = {
        name: ~open_cells[name] & np.any([open_cells[o] for o in codec.number.needs], axis=0)
        for name, codec in encoder.numeric.items()
        if codec.number.cap
    }
    if not any(mask.any() for mask in unread.values()):
        return total
    cells = encoder.flow(table).cells
    others = encoder.floats(table)
    for name, mask in unread.items():
        beyond = others[name] > encoder.numeric[name].number.curves[0].bounds(others)
        total -= BEYOND * (mask[owner] & beyond)
    with np.errstate(divide="ignore"):
        for j, name in enumerate(encoder.variables.numbers):
            if name in unread and unread[name].any():
                mass = np.log(ndtr(cells.high[j]) - ndtr(cells.low[j]))
                total += np.where(unread[name][owner] & cells.present[j], mass, 0.0)
    return total


def conditional(
    model: Model, frame: pl.DataFrame, columns: Sequence[str], *, seed: int = 0
) -> Floats:
    """Log-probability of `columns` given every other column of the row, in nats.

    It is the row's log-probability less that of the other columns. That one is the exact sum over
    all values of `columns` where these are levels with at most 512 combinations; else the mean
    weight of 256 draws per member (seeded), unbiased on the scale of probabilities. A missing cell
    is a value like any other. Rules met by redrawing are not accounted for, as in `log_prob`.

    Args:
        model: The model.
        frame: A table with the schema's columns.
        columns: Modelled columns, at least one.
        seed: Of the draws.

    Returns:
        (n,) nats.

    Raises:
        SchemaError: If a column is unknown, or another column is read off it (a tie, a bound) and
            not asked for with it.
    """
    encoder = model.encoder
    asked = set(columns)
    unknown = sorted(asked - set(encoder.codecs))
    if unknown or not asked:
        raise SchemaError(
            f"columns: expected modelled columns, got {unknown or 'none'}. Name columns that the "
            "schema models."
        )
    needed = sorted(needed_by(encoder, asked))
    if needed:
        raise SchemaError(
            f"column {needed[0]!r}: its values are read off {sorted(asked)}. Ask for it as well."
        )
    view = encoder.flow(frame)
    names = [name for name in encoder.codecs if name in asked]
    joint = log_mixture(model, view) + encoder.log_shares(frame, names)
    sizes = [encoder.codecs[name].choices for name in names]
    if all(name in encoder.discrete for name in names) and np.prod(sizes, initial=1) <= LISTED:
        return joint - _log_sum(model, view, names, sizes)
    return joint - _log_mean(model, view, asked, seed)


def _log_sum(model: Model, view: FlowView, names: Sequence[str], sizes: Sequence[int]) -> Floats:
    places = [
        model.encoder.variables.discrete.index(name)
        for name in names
        if name in model.encoder.variables.discrete
    ]
    total = np.full(view.codes.shape[1], -np.inf)
    for levels in product(*(range(size) for size in sizes if size)):
        codes = view.codes.copy()
        codes[places] = np.array(levels, np.int32)[:, None]
        cells = replace(view.cells, present=model.encoder.variables.present(codes))
        total = np.logaddexp(total, log_mixture(model, FlowView(codes, cells)))
    return total


def _log_mean(model: Model, view: FlowView, asked: set[str], seed: int) -> Floats:
    encoder, drawer = model.encoder, Drawer.of(model, seed)
    n, size = view.codes.shape[1], WIDTH // SUMMED
    known = {name: np.full(n, name not in asked) for name in encoder.codecs}
    allowed = allowed_known(encoder, view, known)
    unseen = (view.codes < 0) & np.array([[d not in asked] for d in encoder.variables.discrete])
    out = np.empty(n)
    for turn, first in enumerate(range(0, n, size)):
        index = np.minimum(np.arange(first, first + size), n - 1)
        wide = flows.Allowed(*(np.repeat(a[:, index], SUMMED, axis=1) for a in allowed))
        weight = drawer.draw(turn, size * SUMMED, wide).log_weight.reshape(size, -1)
        mean = np.logaddexp.reduce(weight, axis=1) - np.log(weight.shape[1])
        out[first : first + size] = mean[: n - first]
    out += float(model.structure.log_unseen) * unseen.sum(0)
    return out
