"""From an encoder to the arrays that flows train on: rows, certainties, members at their start."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from synthema_kernels import flows

from .model import layout_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import jax
    from numpy.typing import NDArray

    from ..encoding import Encoder
    from ..flow_view import FlowView


def structure_of(encoder: Encoder, n: int) -> flows.Structure:
    """Certainties of the schema and the wide cells of every number, for n training rows."""
    wide = [curve.wide() for c in encoder.numeric.values() for curve in c.number.curves]
    size = max((len(z) for z, _, _ in wide), default=0) + 1

    def padded(part: int) -> jax.Array:
        rows = [np.pad(w[part], (0, size - len(w[part])), constant_values=np.inf) for w in wide]
        return jnp.asarray(np.stack(rows) if rows else np.empty((0, size)), jnp.float32)

    forbid = encoder.forbidden()
    ruled = np.flatnonzero(forbid.any(0))
    return flows.Structure(
        ruled=jnp.asarray(ruled, jnp.int32),
        forbid=jnp.asarray(forbid[np.ix_(ruled, ruled)]),
        cell_low=padded(1),
        cell_high=padded(2),
        cell_z=padded(0),
        log_unseen=jnp.float32(-np.log(2.0 * n + 2.0)),
    )


def mixed_rows(view: FlowView) -> flows.MixedRows:
    """A flow view as the kernels read it, in single precision."""
    cells = view.cells
    return flows.MixedRows(
        codes=jnp.asarray(view.codes),
        z=jnp.asarray(cells.z, jnp.float32),
        low=jnp.asarray(cells.low, jnp.float32),
        high=jnp.asarray(cells.high, jnp.float32),
        log_width=jnp.asarray(cells.log_width, jnp.float32),
        present=jnp.asarray(cells.present),
    )


def copula_members(
    encoder: Encoder,
    rows: flows.MixedRows,
    weights: NDArray[np.floating],
    rngs: Sequence[np.random.Generator],
    *,
    orders: flows.Family,
    hidden: int,
    ridge: float,
) -> flows.Member:
    """Members at their start, stacked: each with an order of its own, a copula of its rows.

    Args:
        encoder: Of the rows.
        rows: All rows.
        weights: (k, n) weight of each row for each member.
        rngs: k sources of orders and hidden weights.
        orders: Family of the orders.
        hidden: Width of the hidden layers.
        ridge: Penalty of the regressions.
    """
    layout = layout_of(encoder)
    status = encoder.variables.status

    def member(weight: NDArray[np.floating], rng: np.random.Generator) -> flows.Member:
        order = flows.draw_order(layout, orders, status, rng)
        return flows.copula_member(
            rows, layout, order, hidden=hidden, ridge=ridge, rng=rng, weights=weight
        )

    # one thread per solve: a small system takes many times longer with two that wait for each other
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(max_workers=os.cpu_count()) as pool,
    ):
        return flows.stack(list(pool.map(member, weights, rngs)))
