"""Where training starts: the member that is a Gaussian copula.

Means of the numbers begin as ridge regressions on what stands before them in the order, levels as
logistic regressions, both with weak slopes shrunk away: the first step already has every linear
dependence. The network's residual begins at zero.

Ridge regressions and one Newton step of the logistic ones from the marginals follow from sums and
products of the inputs, so rows are read once, in blocks. One step falls short where a level all but
decides another, so that where it is affordable the regression is fitted out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from . import logistic, spline
from .density import HEADS, Member, linear_outputs
from .rows import bend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .rows import Layout, MixedRows

    Floats = NDArray[np.float64]
    Places = NDArray[np.integer]

BLOCK = 4096  # rows whose inputs are held at once
TURNS = 4  # of penalties from slopes
WEAK = 0.2  # of the variance that one slope of chance explains, at which a penalty is halved
STRICT = 8.0  # times the penalty, for a slope of nothing …
FITTED_OUT = 1e8  # rows times squared inputs, up to which logistic regressions are fitted out
FREEDOM = 0.5  # of the penalties of one step, those of such a regression
FLAT = 1e-3  # precision of a bias
LEAST_SPREAD = 1e-9  # variance of a target, below which it is a constant
LEAST_PENALTY = 0.002  # … and for one that explains nearly all


def copula_member(
    rows: MixedRows,
    layout: Layout,
    position: NDArray[np.int32],
    *,
    hidden: int,
    ridge: float,
    rng: np.random.Generator,
    weights: NDArray[np.floating] | None = None,
) -> Member:
    """A member that starts as a conditional Gaussian copula fitted to `rows`.

    Args:
        rows: Training rows.
        layout: Their variables.
        position: (variables,) place of each variable in the order.
        hidden: Width of the hidden layers.
        ridge: Penalty per feature of the regressions, in units of one row.
        rng: Source of the hidden layers' first weights.
        weights: (n,) weight of each row, 0 for a row that must not be seen; all 1 if None.

    Returns:
        A member whose log-probability is that of the copula.
    """
    rows = jax.tree.map(np.asarray, rows)
    weight = np.ones(rows.codes.shape[1]) if weights is None else np.asarray(weights, np.float64)
    outputs = layout.width + HEADS * layout.numbers
    skip = np.zeros((linear_outputs(layout).size, layout.linear_features.size), np.float32)
    bias = np.zeros((outputs, 1), np.float32)
    for start, size, code in zip(layout.starts, layout.levels, rows.codes, strict=True):
        count = np.bincount(code[code >= 0], weight[code >= 0], minlength=size)
        bias[start : start + size, 0] = np.log((count + 0.5) / (count.sum() + 0.5 * size))
    bias[layout.width + 2 * layout.numbers :] = np.repeat(
        np.asarray(spline.identity_parameters()), layout.numbers
    )[:, None]
    source = position[layout.feature_variable][layout.linear_features]
    place = np.full(layout.width, -1)  # of each level among the linear ones
    place[layout.linear_levels] = np.arange(layout.linear_levels.size)
    every = _Moments.of(rows, layout, weight)
    gates, _ = layout.gates
    seen = np.flatnonzero(weight)
    affordable = seen.size * layout.linear_features.size**2 <= FITTED_OUT
    inputs = _inputs(rows.take(seen), layout) if affordable else None
    for c, (start, size) in enumerate(zip(layout.starts, layout.levels, strict=True)):
        earlier = np.flatnonzero(source < position[layout.numbers + c])
        if place[start] >= 0 and earlier.size:
            own = place[start] + np.arange(size)
            slope, shift, penalty = _logistic(every, earlier, layout.bends + own, ridge)
            shift += bias[start : start + size, 0]
            if inputs is not None:
                known = rows.codes[c, seen] >= 0
                own_rows = seen[known]
                x = np.concatenate([inputs[np.ix_(earlier, known)], np.ones((1, own_rows.size))])
                slope, shift = _fitted_out(
                    x,
                    np.asarray(rows.codes)[c, own_rows],
                    weight[own_rows],
                    (slope, shift),
                    penalty,
                )
            skip[own[:, None], earlier] = slope
            bias[start : start + size, 0] = shift
    for j in range(layout.numbers):
        gated = gates[j].max() >= 0
        here = _Moments.of(rows, layout, weight * rows.present[j]) if gated else every
        earlier = np.flatnonzero(source < position[j])
        slope, mean, variance = _ridge(here, earlier, j, ridge)
        skip[layout.linear_levels.size + j, earlier] = slope
        bias[layout.width + j] = mean
        bias[layout.width + layout.numbers + j] = 0.5 * np.log(variance)

    def dense(out: int, into: int) -> jax.Array:
        return jnp.asarray(rng.standard_normal((out, into)) * 1.4 / np.sqrt(into), jnp.float32)

    return Member(
        position=jnp.asarray(position, jnp.int32),
        w1=dense(hidden, layout.features),
        b1=jnp.zeros((hidden, 1), jnp.float32),
        w2=dense(hidden, hidden),
        b2=jnp.zeros((hidden, 1), jnp.float32),
        w3=jnp.zeros((outputs, hidden), jnp.float32),
        skip=jnp.asarray(skip),
        b3=jnp.asarray(bias),
    )


@dataclass(frozen=True)
class _Moments:
    """Weighted sums over rows: their weight, the linear inputs, the products of these."""

    n: float
    total: Floats
    products: Floats

    @classmethod
    def of(cls, rows: MixedRows, layout: Layout, weight: Floats) -> _Moments:
        size = layout.linear_features.size
        total, products = np.zeros(size), np.zeros((size, size))
        for index in _blocks(np.flatnonzero(weight)):
            x = _inputs(rows.take(index), layout)
            total += x @ weight[index]
            products += (x * weight[index]) @ x.T
        return cls(float(weight.sum()), total, products)

    def about_means(self, a: Places, b: Places) -> Floats:
        out: Floats = self.products[np.ix_(a, b)]
        return out - np.outer(self.total[a], self.total[b]) / self.n


def _inputs(rows: MixedRows, layout: Layout) -> Floats:
    """(f, n) linear inputs: `density.features` in NumPy, which compiles nothing per shape."""
    levels = layout.linear_levels
    numbers = [np.where(rows.present, part, 0.0) for part in bend(rows.z)]
    codes = np.asarray(rows.codes)[layout.owner[levels]] == layout.within[levels, None]
    return np.concatenate([*numbers, codes])


def _blocks(index: Places) -> Iterator[Places]:
    for first in range(0, index.size, BLOCK):
        yield index[first : first + BLOCK]


def _logistic(
    moments: _Moments, earlier: Places, levels: Places, ridge: float
) -> tuple[Floats, Floats, Floats]:
    """Logits after one Newton step from the marginals.

    Returns:
        (levels, f) weights, (levels,) shifts from the marginals and (levels, f) penalties.
    """
    f, size = earlier.size, levels.size
    weight, penalties = np.zeros((size, f)), np.ones((size, f))
    share = moments.total[levels] / max(moments.n, 1.0)
    spread = share * (1 - share)
    moved = np.flatnonzero(spread > 0)
    # a Newton step is the regression of the indicator, its slopes over the spread; of two levels
    # that are all there is, one mirrors the other
    mirrored = size == 2 and moved.size == 2 and bool(np.isclose(share.sum(), 1.0))
    for level in moved[: moved.size - mirrored]:
        penalty = 0.5 * ridge * (0.5 * f + 1.0) / spread[level]
        slope, each, _, _ = _sparse(moments, earlier, int(levels[level]), penalty)
        penalties[level] = each * spread[level]
        # (size - 1) / size: the logits of all levels move against each other
        weight[level] = slope / spread[level] * (1 - 1 / size)
    if mirrored:
        weight[1], penalties[1] = -weight[0], penalties[0]
    return weight, -(weight @ moments.total[earlier]) / max(moments.n, 1.0), penalties


def _fitted_out(
    x: Floats, level: Places, weight: Floats, start: tuple[Floats, Floats], penalties: Floats
) -> tuple[Floats, Floats]:
    """Weights and biases of the logistic regression that one step began."""
    slope, bias = start
    first = np.concatenate([slope, bias[:, None]], axis=1)
    precision = np.concatenate([FREEDOM * penalties, np.full((len(first), 1), FLAT)], axis=1)
    found = logistic.refined(x, level, weight, first, precision)
    return found[:, :-1], found[:, -1]


def _ridge(
    moments: _Moments, earlier: Places, number: int, ridge: float
) -> tuple[Floats, float, float]:
    """Weights, intercept and residual variance (corrected for the fit) of a number's regression."""
    n, f = moments.n, earlier.size
    if n < 3:
        return np.zeros(f), 0.0, 1.0
    weight, _, left, used = _sparse(moments, earlier, number, ridge * f * 0.5 + 1.0)
    variance = max(left, 0.0) / max(n - used, 0.5 * n)
    mean = (moments.total[number] - weight @ moments.total[earlier]) / n
    return weight, float(mean), float(min(variance, 1.2) + 1e-4)


def _sparse(
    moments: _Moments, earlier: Places, target: int, penalty: float
) -> tuple[Floats, Floats, float, float]:
    """A regression whose weak slopes are shrunk away and whose strong ones are left alone.

    Ridge regressions in turn, each slope's penalty from what it explained before: the mode under a
    Student prior (Tipping 2001, J. Mach. Learn. Res. 1, 211-244). What few patients say of one
    another is mostly chance, and a slope of chance is learned from the patients by heart.

    Args:
        moments: Sums and products of the inputs, the target among them.
        earlier: (f,) inputs of the regression.
        target: Its target.
        penalty: Of a slope that explains as much as chance does.

    Returns:
        (f,) slopes and their penalties, the sum of squared residuals, the degrees of freedom used.
    """
    gram = moments.about_means(earlier, earlier)
    along = moments.about_means(earlier, np.array([target]))[:, 0]
    own = float(moments.products[target, target] - moments.total[target] ** 2 / moments.n)
    if own <= LEAST_SPREAD * moments.n:  # nothing to explain
        return np.zeros(earlier.size), np.full(earlier.size, penalty), 0.0, 0.0
    size = np.diagonal(gram)
    chance = WEAK * own / moments.n
    each = np.full(earlier.size, penalty)
    for turn in range(TURNS + 1):
        slope = np.linalg.solve(gram + np.diag(each), along)
        if turn < TURNS:
            explained = slope**2 * size
            each = penalty * np.maximum(STRICT / (1.0 + explained / chance), LEAST_PENALTY)
    left = own - 2.0 * slope @ along + slope @ gram @ slope
    used = float((size / (size + each)).sum())
    return np.asarray(slope, np.float64), each, float(left), used
