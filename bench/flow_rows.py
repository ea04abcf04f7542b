"""Made-up mixed rows as a flow of mixed rows reads them, and members at their start; no Polars."""

import math
import os
from concurrent.futures import ThreadPoolExecutor

import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from bench.cases import mixed
from synthema_kernels import flows


def cells(n):
    """Rows, structure and layout of a made-up table of 20 numbers and 20 categories."""
    made = mixed(n, 100, columns=40)
    numeric, codes = made["queries_numeric"].T, made["queries_codes"].T
    numbers = len(numeric)
    absent = np.isnan(numeric)
    z, low, high = (np.zeros(numeric.shape) for _ in range(3))
    wide = []
    for j, column in enumerate(numeric):
        here = ~absent[j]
        values, place, count = np.unique(column[here], return_inverse=True, return_counts=True)
        upto = np.concatenate([[0.0], np.cumsum(count) / count.sum()])
        edges = np.clip(ndtri(np.clip(upto, 0.0, 1.0)), -flows.FAR, flows.FAR)
        middle = ndtri((upto[1:] + upto[:-1]) / 2)
        z[j, here], low[j, here], high[j, here] = (
            part[place] for part in (middle, edges[:-1], edges[1:])
        )
        atoms = slice(len(values) if len(values) < 200 else 0)  # few values: each has a wide cell
        wide.append([part[atoms] for part in (edges[:-1], edges[1:], middle)])
    width = max(len(parts[0]) for parts in wide) + 1
    cell_low, cell_high, cell_z = (
        jnp.asarray(
            [np.pad(w[part], (0, width - len(w[part])), constant_values=np.inf) for w in wide],
            jnp.float32,
        )
        for part in range(3)
    )
    codes = np.minimum(codes, 5)
    levels = codes.max(1) + 1
    codes = np.where(codes < 0, levels[:, None], codes)  # missing is a level of its own
    rows = flows.MixedRows(
        codes=jnp.asarray(np.concatenate([absent, codes]), jnp.int32),
        z=jnp.asarray(z, jnp.float32),
        low=jnp.asarray(low, jnp.float32),
        high=jnp.asarray(high, jnp.float32),
        log_width=jnp.asarray(np.log(np.where(absent, 1.0, high - low)), jnp.float32),
        present=jnp.asarray(~absent),
    )
    structure = flows.Structure(
        ruled=jnp.zeros(0, jnp.int32),
        forbid=jnp.zeros((0, 0), jnp.float32),
        cell_low=cell_low,
        cell_high=cell_high,
        cell_z=cell_z,
        log_unseen=jnp.float32(-math.log(2.0 * n + 2.0)),
    )
    counts = (*[2] * numbers, *(int(level) + 1 for level in levels))
    return rows, structure, flows.Layout(numbers, counts, tuple(range(numbers)))


def begin(table, weights, held, hidden):
    """Members at their start, stacked, and which rows each sees."""
    rows, _, layout = table
    none = (-1,) * layout.numbers  # no time, so no status of one

    def member(seed, weight):
        rng = np.random.default_rng(seed)
        order = flows.draw_order(layout, "numbers_first", none, rng)
        return flows.copula_member(
            rows, layout, order, hidden=hidden, ridge=1.0, rng=rng, weights=weight
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        members = flows.stack(list(pool.map(member, range(len(weights)), weights)))
    return members, flows.Fold.of(weights, held)
