"""What a flow sees of a table: exact cells for numbers, codes for everything else.

A number is known to the resolution it was recorded at, so a row says in which *cell* of the normal
scale it lies, and its likelihood is the mass of that cell: no noise is added and no density is
pretended where there is an atom. Rows lie on the trailing axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np

if TYPE_CHECKING:
    from jax.typing import ArrayLike
    from jaxtyping import Array, Bool, Float, Int
    from numpy.typing import NDArray

    Ints = NDArray[np.int32]

FAR = 1e4  # stands for infinity at the open edge of a cell: beyond it no conditional has mass
KNOTS = (-1.0, 0.0, 1.0)  # where a number's effect on what follows may bend
WIDE = 64  # a variable of more levels acts through the hidden layers alone, not linearly
NARROW = 0.02  # below this width a cell's mass is density times width, to a relative error of 2e-5


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MixedRows:
    """p numeric and q discrete variables of n rows.

    Attributes:
        codes: (q, n) level of each discrete variable; -1 is a level never seen in training.
        z: (p, n) median of the cell on the standard normal scale of the marginal.
        low: (p, n) lower edge of the cell, -FAR if open.
        high: (p, n) upper edge of the cell, FAR if open.
        log_width: (p, n) log(high - low), computed where the difference is exact.
        present: (p, n) whether the number exists; the other fields are ignored where it does not.
    """

    codes: Int[Array, "q n"]
    z: Float[Array, "p n"]
    low: Float[Array, "p n"]
    high: Float[Array, "p n"]
    log_width: Float[Array, "p n"]
    present: Bool[Array, "p n"]

    def take(self, index: Int[ArrayLike, m]) -> MixedRows:
        """The rows at `index`."""
        taken: MixedRows = jax.tree.map(lambda leaf: leaf[:, index], self)
        return taken


@dataclass(frozen=True)
class Layout:
    """The variables of a flow, the same for every member. Hashable: a static argument.

    Variables are numbered numbers first: 0 .. p-1 numeric, p .. p+q-1 discrete.

    Attributes:
        numbers: p, how many numeric variables there are.
        levels: Number of levels of each discrete variable.
        state: For each number the discrete variable that says whether it is present (level 0), or
            -1.
        status: For each number another discrete variable that it depends on, or -1; () for none.
        admitted: For each number the levels of that variable at which it is present; all if empty.
    """

    numbers: int
    levels: tuple[int, ...]
    state: tuple[int, ...]
    status: tuple[int, ...] = ()
    admitted: tuple[tuple[int, ...], ...] = ()

    @property
    def variables(self) -> int:
        """How many variables there are in all."""
        return self.numbers + len(self.levels)

    @property
    def width(self) -> int:
        """How many levels there are in all."""
        return sum(self.levels)

    @property
    def features(self) -> int:
        """How many inputs the network has: the bends of every number, one per level."""
        return self.bends + self.width

    @property
    def bends(self) -> int:
        """How many inputs come from numbers: each itself, then its hinges, hinge-major."""
        return self.numbers * (1 + len(KNOTS))

    @property
    def gates(self) -> tuple[Ints, NDArray[np.bool_]]:
        """What decides whether a number is present.

        Returns:
            (p, 2) its state and its status, -1 where it has none; (p, levels) whether a level of
            the status admits it.
        """
        pairs = zip(self.status, self.admitted, strict=True)
        status = [s if levels else -1 for s, levels in pairs] or [-1] * self.numbers
        admitted = np.ones((self.numbers, max(self.levels, default=1)), np.bool_)
        for row, levels in zip(admitted, self.admitted, strict=False):
            if levels:
                row[:] = False
                row[list(levels)] = True
        return np.stack([self.state, status], 1).astype(np.int32).reshape(-1, 2), admitted

    @property
    def starts(self) -> Ints:
        """(q,) first level of each discrete variable in the concatenation of all levels."""
        return np.cumsum((0, *self.levels), dtype=np.int32)[:-1]

    @property
    def owner(self) -> Ints:
        """(width,) discrete variable each level belongs to."""
        return np.repeat(np.arange(len(self.levels), dtype=np.int32), self.levels)

    @property
    def within(self) -> Ints:
        """(width,) place of each level within its variable."""
        return np.arange(self.width, dtype=np.int32) - self.starts[self.owner]

    @property
    def linear_levels(self) -> Ints:
        """Levels of the variables that have few enough to act and be acted on linearly."""
        return np.flatnonzero(np.asarray(self.levels)[self.owner] <= WIDE).astype(np.int32)

    @property
    def linear_features(self) -> Ints:
        """Inputs of the linear part."""
        bends = np.arange(self.bends, dtype=np.int32)
        return np.concatenate([bends, self.bends + self.linear_levels])

    @property
    def feature_variable(self) -> Ints:
        """(features,) variable each network input comes from."""
        numbers = np.tile(np.arange(self.numbers), 1 + len(KNOTS))
        return np.concatenate([numbers, self.numbers + self.owner]).astype(np.int32)


def bend(z: Array) -> list[Array]:
    """A number and its hinges max(0, z - knot): a piecewise-linear embedding. NumPy or JAX."""
    return [z, *(((z - knot) + abs(z - knot)) / 2 for knot in KNOTS)]
