"""The distribution of one numeric column, at the resolution it was recorded with.

With nothing kept back, which is how distances and audits read a table; generators protect their
patients, see `protected`.

A value seen twice or more is an atom: its mass stays on it, so heaping (blast counts at multiples
of five) comes back exactly. A value seen once stands for its neighborhood: its mass is spread up to
the midpoints of its neighbors and read at its own number of decimals, so that a draw is rarely a
patient's own value. Beyond the extremes lies the mass that a new patient has of being more extreme,
1 / (n + 1) a side, unless the extreme is itself an atom: a limit of the scale (age at entry, 100 %)
is seen more than once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import smooth_search
from .bits import Bits
from .normal import ndtr, ndtri
from .pieces import DUST, decimals_of
from .protected import OPEN, Protection, tailed
from .smooth import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pieces import Pieces

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

# offsets at which an exponential tail has 2, 10, 25, 50 and 100 % of its mass left
TAIL = np.log([50.0, 10.0, 4.0, 2.0, 1.0])
FAR = 1e4  # stands for infinity at the edges of the normal scale; as `flows.FAR`
WIDE = 0.01  # a cell narrower than this on the normal scale needs no snapping while drawing
MAX_WIDE = 512


@dataclass(frozen=True, slots=True)
class Marginal:
    """Pieces of uniform density, ascending and disjoint, each read at its own number of decimals.

    Attributes:
        left: (m,) left end of each piece.
        right: (m,) right end; equal to the left end where the piece is an atom.
        f: (m + 1,) distribution function before each piece, and 1.
        decimals: (m,) decimals of the values read off each piece; unused for an atom.
        grid: Bits that every value read is rounded to, as the training values were; None if not.
    """

    left: Floats
    right: Floats
    f: Floats
    decimals: Ints
    grid: Bits | None = None

    @classmethod
    def fit(cls, values: Floats, protection: Protection = OPEN) -> Marginal:
        """Fit to (n,) finite training values, n >= 1. Where all are positive, so is every draw."""
        if protection.min_count > 1:
            return cls._protected(values, protection)
        point, count = np.unique(_dusted(values), return_counts=True)
        decimals = decimals_of(point)
        half = 0.5 * 10.0**-decimals
        middle = (point[1:] + point[:-1]) / 2
        atom = count > 1
        left = np.where(atom, point, np.concatenate([(point - half)[:1], middle]))
        right = np.where(atom, point, np.concatenate([middle, (point + half)[-1:]]))
        usual = int(np.median(np.repeat(decimals, count)))
        below, above = _tails(values, count, float(left[0]), 10.0**-usual)
        tail = np.diff(np.exp(-TAIL), prepend=0.0)[1:] / (values.size + 1)
        tails = [usual] * (TAIL.size - 1)
        mass = np.concatenate(
            [tail if below.size else [], count / values.size, tail[::-1] if above.size else []]
        )
        total = np.cumsum(mass)
        pieces = cls(
            left=np.concatenate([left[0] - below[:-1], left, right[-1] + above[::-1][:-1]]),
            right=np.concatenate([left[0] - below[1:], right, right[-1] + above[::-1][1:]]),
            f=np.concatenate([[0.0], total / total[-1]]),
            decimals=np.concatenate(
                [tails if below.size else [], decimals, tails if above.size else []]
            ).astype(np.int64),
        )
        return pieces._readable(inner=slice(below[1:].size, below[1:].size + point.size))

    @classmethod
    def _protected(cls, values: Floats, protection: Protection) -> Marginal:
        """Pieces that stand for several patients each; see `protected`."""
        # dust aside: 8.2 in single precision and in double are one number, written as most were
        stored, times = np.unique(values, return_counts=True)
        unit = 10.0 ** decimals_of(stored)
        clean, inverse = np.unique(np.round(stored * unit) / unit, return_inverse=True)
        order = np.lexsort((-times, inverse))
        usual = stored[order[np.searchsorted(inverse[order], np.arange(clean.size))]]
        count = np.bincount(inverse, weights=times).astype(np.int64)
        least = min(protection.min_count, values.size)
        sample = Sample.of(usual, count, decimals_of(usual), least)
        grid = Bits.grid_of(values)
        found, curve = smooth_search.fit(sample, lambda p, v: cls._of(p, grid).masses(v))
        if protection.tails == "fitted":
            found = tailed(found, sample, curve)
        return cls._of(found, grid)

    @classmethod
    def _of(cls, found: Pieces, grid: Bits | None) -> Marginal:
        total = np.cumsum(found.mass)
        return cls(
            left=found.left,
            right=found.right,
            f=np.concatenate([[0.0], total / total[-1]]),
            decimals=found.decimals,
            grid=grid,
        )

    def masses(self, values: Floats) -> Floats:
        """Mass of each value; one that cannot be drawn shares that of the nearest that can."""
        low, high = self.edges(values)
        drawn = self.quantile((low + high) / 2)
        other = np.abs(drawn - values) > DUST * np.abs(values)
        finer = decimals_of(values[other]) - decimals_of(drawn[other])
        mass = high - low
        mass[other] /= 10.0 ** np.maximum(finer, 1)
        return mass

    def _readable(self, inner: slice) -> Marginal:
        """The same distribution; pieces of the tails that hold no value join the inner one."""
        _, first, last = self._read(self.left, np.arange(self.left.size))
        empty = first > last
        empty[inner] = False
        below, above = empty.copy(), empty.copy()
        below[inner.start :], above[: inner.stop] = False, False
        keep = ~(below[:-1] | above[1:])  # of the inner boundaries
        return Marginal(
            left=self.left[np.append(True, keep)],
            right=self.right[np.append(keep, True)],
            f=self.f[np.concatenate([[True], keep, [True]])],
            decimals=self.decimals[~empty],
        )

    def edges(self, values: Floats) -> tuple[Floats, Floats]:
        """Distribution function at either edge of the cell of each value.

        The cell of a value is what is read as that value. One that cannot be drawn is read as the
        nearest that can.
        """
        if self.grid is None:
            return self._nearest(values)
        first, after = self.grid.span(values)
        low, high = self._below(first), self._below(after)
        near_low, near_high = self._nearest(values)
        drawn = high > low
        return np.where(drawn, low, near_low), np.where(drawn, high, near_high)

    def _below(self, x: Floats) -> Floats:
        """Mass of all that is read as less than x before it is rounded to the grid."""
        i = np.clip(np.searchsorted(self.left, x, side="right") - 1, 0, None)
        left, right, unit = self.left[i], self.right[i], 10.0 ** self.decimals[i]
        _, first, last = self._read(x, i)
        k = np.ceil(x * unit - DUST)  # of the first value that is not less
        end = np.clip(np.where(k > last, right, (k - 0.5) / unit), left, right)
        end = np.where((k <= first) | (x <= left), left, end)
        size = np.where(right > left, right - left, 1.0)
        share = np.where(right > left, (end - left) / size, x > left)
        mass: Floats = self.f[i] + (self.f[i + 1] - self.f[i]) * share
        return mass

    def _nearest(self, values: Floats) -> tuple[Floats, Floats]:
        """Edges of the cell of each value, or of the nearest that can be drawn, before rounding."""
        i = np.clip(np.searchsorted(self.left, values, side="right") - 1, 0, None)
        after = np.minimum(i + 1, self.left.size - 1)
        dust = DUST / 10.0 ** self.decimals[after]  # a value on the boundary is the next piece's
        nearer = values - self.right[i] > self.left[after] - values
        i = np.where(nearer | (values >= self.left[after] - dust), after, i)
        left, right, unit = self.left[i], self.right[i], 10.0 ** self.decimals[i]
        k, first, last = self._read(values, i)
        low = np.where(k <= first, left, np.minimum((k - 0.5) / unit, right))
        high = np.where(k >= last, right, np.maximum((k + 0.5) / unit, left))
        size = np.where(right > left, right - left, 1.0)
        mass = self.f[i + 1] - self.f[i]
        atom = right == left
        low = self.f[i] + mass * np.where(atom, 0.0, (low - left) / size)
        high = self.f[i] + mass * np.where(atom, 1.0, (high - left) / size)
        return low, high

    def upto(self, values: Floats) -> Floats:
        """Mass of all that is read as `values` or less; where nothing is, of the smallest cell."""
        if self.grid is not None:
            first, after = self.grid.span(values)
            whole = self._below(np.where(self.grid.stored(values) <= values, after, first))
            return np.maximum(whole, self.edges(self.quantile(np.zeros(1)))[1])
        i = np.clip(np.searchsorted(self.left, values, side="right") - 1, 0, None)
        unit = 10.0 ** self.decimals[i]
        within = np.minimum(np.floor(values * unit + DUST) / unit, self.right[i])
        _, high = self.edges(np.maximum(within, self.left[i]))
        mass: Floats = np.where(values >= self.right[i], self.f[i + 1], high)
        return mass

    def at(self, z: Floats) -> Floats:
        """Value read at the point `z` of the normal scale."""
        return self.quantile(ndtr(z))

    def quantile(self, u: Floats) -> Floats:
        """Value read where the distribution function is `u`."""
        i = np.clip(np.searchsorted(self.f, u, side="right") - 1, 0, self.left.size - 1)
        share = (u - self.f[i]) / (self.f[i + 1] - self.f[i])
        x = self.left[i] + share * (self.right[i] - self.left[i])
        k, first, last = self._read(x, i)
        value = np.clip(k, first, np.maximum(first, last)) / 10.0 ** self.decimals[i]
        atom = self.left[i] == self.right[i]
        drawn: Floats = np.where(atom, self.left[i], value) + 0.0  # no negative zero
        return drawn if self.grid is None else self.grid.stored(drawn)

    def wide(self) -> tuple[Floats, Floats, Floats]:
        """Median and edges on the normal scale of the widest cells, ascending: (cells,) each."""
        z, low, high, _ = normal_cells(*self.edges(self._readings()))
        order = np.argsort(low - high, kind="stable")[:MAX_WIDE]
        keep = np.sort(order[(high - low)[order] > WIDE])
        return z[keep], low[keep], high[keep]

    def points(self) -> Floats:
        """The middle of each piece on the normal scale."""
        middle: Floats = ndtri(self.f[:-1] + np.diff(self.f) / 2)
        return middle

    def _readings(self) -> Floats:
        """Values that a draw may read, ascending: of a piece that holds many, the middle one."""
        every = np.arange(self.left.size)
        _, first, last = self._read(self.left, every)
        many = np.where(self.left < self.right, np.maximum(last - first + 1, 1), 1).astype(np.int64)
        few = many <= MAX_WIDE
        piece = np.repeat(every[few], many[few])
        place = np.arange(piece.size) - np.repeat(np.cumsum(many[few]) - many[few], many[few])
        atom = self.left[piece] == self.right[piece]
        each = (first[piece] + place) / 10.0 ** self.decimals[piece]
        read = np.concatenate([np.where(atom, self.left[piece], each), self.at(self.points())])
        return np.unique(read if self.grid is None else self.grid.stored(read))

    def _read(self, x: Floats, i: Ints) -> tuple[Floats, Floats, Floats]:
        """Nearest grid point of piece i in units of its last decimal, its first and its last."""
        unit = 10.0 ** self.decimals[i]
        first = np.ceil(self.left[i] * unit - DUST)
        last = np.ceil(self.right[i] * unit - DUST) - 1.0  # the right end belongs to the next piece
        return np.clip(np.round(x * unit), first, np.maximum(first, last)), first, last

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers; `from_dict` undoes it exactly."""
        return {
            "left": self.left.tolist(),
            "right": self.right.tolist(),
            "f": self.f.tolist(),
            "decimals": self.decimals.tolist(),
        } | ({"grid": self.grid.to_dict()} if self.grid else {})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Marginal:
        """Undo `to_dict`."""
        left, right, f = (np.asarray(data[key], np.float64) for key in ("left", "right", "f"))
        grid = Bits.from_dict(data["grid"]) if data.get("grid") else None
        return cls(left, right, f, np.asarray(data["decimals"], np.int64), grid)


def normal_cells(low: Floats, high: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Cells of a distribution function on the normal scale: median, edges and log of the width."""
    with np.errstate(divide="ignore"):
        a, b = np.clip(ndtri(low), -FAR, FAR), np.clip(ndtri(high), -FAR, FAR)
        return ndtri((low + high) / 2), a, b, np.log(b - a)


def _dusted(values: Floats) -> Floats:
    """Values seen once without single-precision dust; a repeated one stays as it was stored."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    unit = 10.0 ** decimals_of(values)
    clean = np.round(values * unit) / unit
    dusted: Floats = np.where(count[inverse] == 1, clean, values)
    return dusted


def _tails(values: Floats, count: Ints, start: float, step: float) -> tuple[Floats, Floats]:
    """Offsets of the tails' knots beyond either end, farthest first; empty if no tail.

    Args:
        values: (n,) training values.
        count: How often each distinct value occurs, ascending by value.
        start: Left end of the first piece, where the lower tail begins.
        step: Unit of the last decimal.
    """

    def tail(excess: Floats, count: int, room: float) -> Floats:
        if count > 1 or room < step or distinct < 3:
            return np.empty(0)
        knots: Floats = TAIL * min(max(float(excess.mean()), step), room / TAIL[0])
        return knots

    distinct = count.size
    low, high = np.quantile(values, [0.05, 0.95])
    floor = -np.inf if values.min() < 0 else min(step, float(values.min()))
    below = tail(low - values[values <= low], int(count[0]), start - floor)
    above = tail(values[values >= high] - high, int(count[-1]), np.inf)
    return below, above
