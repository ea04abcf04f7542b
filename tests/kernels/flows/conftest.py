"""A flow small enough to list every row it can draw."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
from scipy.special import ndtr, ndtri  # noqa: E402

from synthema_kernels import flows  # noqa: E402

# cells of the two numbers: edges on the normal scale, one of them far narrower than the others
EDGES = (
    np.array([-flows.FAR, -1.0, -0.3, 0.2, 0.215, 1.1, flows.FAR]),
    np.array([-flows.FAR, -0.5, 0.6, flows.FAR]),
)
# the first number may be missing: state 1 of the discrete variable 0
LAYOUT = flows.Layout(2, (2, 3, 2), (0, -1))


@dataclass(frozen=True)
class Tiny:
    """A layout, its structure, and all rows in the order of `product`."""

    layout: Any
    structure: Any
    rows: Any
    table: np.ndarray  # (n, 5): cell of each number (-1 where absent), then the three codes

    def member(self, family: str, seed: int, *, noise: float = 0.5) -> Any:
        """A random member: every weight differs from where training starts."""
        rng = np.random.default_rng(seed)
        position = flows.draw_order(self.layout, family, (-1, 1), rng)
        start = flows.copula_member(self.rows, self.layout, position, hidden=10, ridge=1.0, rng=rng)
        leaves = {
            name: jnp.asarray(leaf + noise * rng.standard_normal(leaf.shape))
            for name, leaf in vars(start).items()
            if name != "position"
        }
        return flows.Member(position=start.position, **leaves)


def medians(edges: np.ndarray) -> np.ndarray:
    return ndtri((ndtr(edges[1:]) + ndtr(edges[:-1])) / 2)


def rows_of(table: np.ndarray) -> Any:
    """Rows of the flow from cells and codes."""
    cells = table[:, :2].T
    low, high = (
        np.stack([EDGES[j][np.maximum(c, 0) + side] for j, c in enumerate(cells)])
        for side in (0, 1)
    )
    z = np.stack([medians(EDGES[j])[np.maximum(c, 0)] for j, c in enumerate(cells)])
    return flows.MixedRows(
        codes=jnp.asarray(table[:, 2:].T, jnp.int32),
        z=jnp.asarray(z),
        low=jnp.asarray(low),
        high=jnp.asarray(high),
        log_width=jnp.asarray(np.log(high - low)),
        present=jnp.asarray(cells >= 0),
    )


@pytest.fixture
def double():
    """Double precision for the whole test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def tiny(double) -> Tiny:
    table = np.array(
        [
            (x, y, state, a, b)
            for state, a, b, y in product((0, 1), range(3), range(2), range(3))
            for x in (range(6) if state == 0 else (-1,))
        ]
    )
    width = max(len(e) for e in EDGES) - 1

    def padded(values: list[np.ndarray]) -> Any:
        return jnp.asarray(
            np.stack([np.pad(v, (0, width - len(v)), constant_values=np.inf) for v in values])
        )

    structure = flows.Structure(
        ruled=jnp.zeros(0, jnp.int32),
        forbid=jnp.zeros((0, 0)),
        cell_low=padded([e[:-1] for e in EDGES]),
        cell_high=padded([e[1:] for e in EDGES]),
        cell_z=padded([medians(e) for e in EDGES]),
        log_unseen=jnp.asarray(-9.0),
    )
    return Tiny(LAYOUT, structure, rows_of(table), table)
