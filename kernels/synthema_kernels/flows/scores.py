"""Rows of any number scored by stacked members: one compiled program, in blocks of rows."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import jax
import numpy as np

from .density import Member, Structure, log_prob

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .rows import Layout, MixedRows

BLOCK = 1024


def log_probs(
    members: Member, structure: Structure, rows: MixedRows, layout: Layout
) -> NDArray[np.float64]:
    """Log-probability in nats of each row under each member.

    Args:
        members: k members, stacked.
        structure: Certainties and wide cells.
        rows: n rows.
        layout: The variables; static.

    Returns:
        (k, n) nats.
    """
    n = rows.codes.shape[1]
    if n == 0:
        return np.empty((len(members.position), 0))
    size = min(BLOCK, 1 << max(n - 1, 63).bit_length())
    starts = range(0, n, size)
    # the last block repeats the last row: blocks of one size compile once
    blocks = [rows.take(np.minimum(np.arange(s, s + size), n - 1)) for s in starts]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        first = _block(members, structure, blocks[0], layout)  # compiles before the others need it
        rest = pool.map(lambda block: _block(members, structure, block, layout), blocks[1:])
        return np.concatenate([first, *rest], axis=1)[:, :n]


def _block(
    members: Member, structure: Structure, rows: MixedRows, layout: Layout
) -> NDArray[np.float64]:
    return np.asarray(_each(members, structure, rows, layout), np.float64)


@partial(jax.jit, static_argnames=("layout",))
def _each(members: Member, structure: Structure, rows: MixedRows, layout: Layout) -> jax.Array:
    def one(member: Member) -> jax.Array:
        return log_prob(member, structure, rows, layout)

    each: jax.Array = jax.lax.map(one, members)
    return each
