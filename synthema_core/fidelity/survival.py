"""Do synthetic patients live as long as real ones?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import EMPTY, Z95, Estimate
from .values import Times

REPLICATES = 200
GRID = 2_000  # jump times up to which the area between two curves is exact
PLOT = 201
CHUNK = 2_000_000  # bootstrap weights held at once
SOURCE = (
    "Mean absolute difference of two Kaplan-Meier curves (1958, J. Am. Stat. Assoc. 53, 457-481) "
    "up to the common follow-up; competing causes by Aalen & Johansen (1978, Scand. J. Stat. 5, "
    "141-150). Interval by 200 bootstrap replicates of both tables; band by Greenwood (1926) "
    "on the log(-log) scale."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivalDistance:
    """Two survival (or cumulative incidence) curves, and the mean gap between them.

    Attributes:
        endpoint: Name of the endpoint.
        cause: Event value of a cumulative incidence curve; None for the Kaplan–Meier curve of all
            events together.
        distance: Mean absolute difference of the two curves up to the common follow-up, in [0, 1].
        baseline: The same distance between two tables of real patients; None without a holdout.
        follow_up: Common follow-up, in the unit of the time column.
        unit: That unit, if the schema names it.
        n_real: Real rows with time and status.
        n_synthetic: Synthetic rows with time and status.
        events_real: Events among them.
        events_synthetic: Events among them.
        nonpositive_times: Synthetic times at or below zero; they are counted at time 0.
        times: (g,) grid for plotting, from 0 to the common follow-up.
        real: (g,) curve of the real rows: survival, or incidence if `cause` is given.
        real_low: (g,) its pointwise 95 % band; None for an incidence curve.
        real_high: (g,).
        synthetic: (g,) curve of the synthetic rows.
        source: Definition.
    """

    endpoint: str
    cause: str | None
    distance: Estimate
    baseline: float | None
    follow_up: float
    unit: str | None = None
    n_real: int
    n_synthetic: int
    events_real: int
    events_synthetic: int
    nonpositive_times: int
    times: NDArray[np.float64]
    real: NDArray[np.float64]
    real_low: NDArray[np.float64] | None
    real_high: NDArray[np.float64] | None
    synthetic: NDArray[np.float64]
    source: str


def survival(
    *,
    endpoint: str,
    causes: tuple[str, ...],
    real: Times,
    synthetic: Times,
    other: Times | None = None,
    unit: str | None = None,
    seed: int,
) -> tuple[SurvivalDistance, ...]:
    """Compare one endpoint of two tables: survival, and incidence of each cause if several compete.

    Rows without time or status are left out. Times at or below zero are counted, and treated as 0.
    At a tie an event comes before a censoring. The area between the curves is exact up to GRID
    different event times; beyond, the curves are read at GRID evenly spaced times.

    Args:
        endpoint: Its name.
        causes: k names of the event values 1 to k.
        real: Table to compare with.
        synthetic: Table to be judged.
        other: A second real table, for the baseline.
        unit: Unit of the times, as the schema names it.
        seed: Bootstrap.

    Returns:
        The survival curve of all events, then one incidence curve per cause if k > 1. Without a row
        on either side, or without follow-up, the distance is empty.
    """
    first, second, third = _kept(real), _kept(synthetic), None if other is None else _kept(other)
    nonpositive = int((synthetic.time <= 0).sum())
    kinds = range(1 + len(causes)) if len(causes) > 1 else range(1)
    distance, follow_up = _distance(first, second, len(causes), seed=seed)
    baseline = None if third is None else _distance(first, third, len(causes), seed=None)[0]
    times = np.linspace(0.0, follow_up, PLOT)
    ours, theirs = (_curves(table, len(causes), times) for table in (first, second))
    band = _band(first, ours[0], times)
    return tuple(
        SurvivalDistance(
            endpoint=endpoint,
            cause=causes[kind - 1] if kind else None,
            distance=distance[kind],
            baseline=None if baseline is None else baseline[kind].value,
            follow_up=follow_up,
            unit=unit,
            n_real=len(first.time),
            n_synthetic=len(second.time),
            events_real=_events(first, kind),
            events_synthetic=_events(second, kind),
            nonpositive_times=nonpositive,
            times=times,
            real=ours[kind],
            real_low=None if kind else band[0],
            real_high=None if kind else band[1],
            synthetic=theirs[kind],
            source=SOURCE,
        )
        for kind in kinds
    )


def kaplan_meier(
    time: NDArray[np.float64], event: NDArray[np.bool_], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Kaplan–Meier survival S(t) = prod over t_i <= t of (1 - d_i / n_i).

    Args:
        time: (n,) follow-up, finite, >= 0.
        event: (n,) whether follow-up ended by the event.
        at: (g,) times at which to read the curve; it is right-continuous.

    Returns:
        (g,) in [0, 1], NaN if n is 0.

    Source: Kaplan & Meier (1958), J. Am. Stat. Assoc. 53, 457-481.
    """
    table = _kept(Times(time=time, cause=event.astype(np.int64)))
    alive: NDArray[np.float64] = _curves(table, 1, at)[0]
    return alive


def _kept(table: Times) -> Times:
    """Complete rows sorted by time, none below 0."""
    known = (table.cause >= 0) & ~np.isnan(table.time)
    time, cause = np.maximum(table.time[known], 0.0), table.cause[known]
    order = np.lexsort((cause, time))  # by cause too: the bootstrap must not see the row order
    return Times(time=time[order], cause=cause[order])


def _events(table: Times, kind: int) -> int:
    return int((table.cause == kind).sum() if kind else (table.cause > 0).sum())


def _distance(
    first: Times, second: Times, n_causes: int, *, seed: int | None
) -> tuple[list[Estimate], float]:
    """Distance of each curve, with an interval if there is a seed, and the common follow-up.

    By the triangle inequality the distance errs by no more than the mean absolute error of the
    difference of the curves; the interval is the estimate plus and minus the bootstrap's 95 %
    quantile of that error. The bootstrap distribution of the distance itself sits too high, as
    resampling adds noise: its percentiles would never admit a distance of 0.
    """
    n = len(first.time) + len(second.time)
    if len(first.time) == 0 or len(second.time) == 0:
        return [EMPTY] * (1 + n_causes), 0.0
    end = float(min(first.time[-1], second.time[-1]))
    if end <= 0:
        return [EMPTY] * (1 + n_causes), 0.0
    jumps = [table.time[table.cause > 0] for table in (first, second)]
    grid = np.unique(np.concatenate([[0.0], *jumps]))
    grid = grid[grid < end] if len(grid) <= GRID else np.linspace(0.0, end, GRID, endpoint=False)
    width = np.diff(np.append(grid, end)) / end

    curves = [_curves(table, n_causes, grid) for table in (first, second)]
    difference = curves[0] - curves[1]
    value = np.abs(difference) @ width
    if seed is None:
        return [Estimate(value=v, low=None, high=None, n=n) for v in value.tolist()], end
    rng = np.random.default_rng(seed)
    size = max(1, CHUNK // max(len(first.time), len(second.time), len(grid)))
    errors = []
    for start in range(0, REPLICATES, size):
        count = min(size, REPLICATES - start)
        ours, theirs = (
            _curves(table, n_causes, grid, _weights(len(table.time), count, rng))
            for table in (first, second)
        )
        errors.append(np.abs(ours - theirs - difference) @ width)
    error = np.quantile(np.concatenate(errors), 0.95, axis=0)
    low, high = np.maximum(value - error, 0.0), np.minimum(value + error, 1.0)
    return [
        Estimate(value=v, low=a, high=b, n=n)
        for v, a, b in zip(value.tolist(), low.tolist(), high.tolist(), strict=True)
    ], end


def _weights(n: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each of n rows is drawn in each of `count` bootstrap samples."""
    drawn: NDArray[np.int64] = rng.multinomial(n, np.full(n, 1 / n), size=count)
    return drawn


def _curves(
    table: Times,
    n_causes: int,
    at: NDArray[np.float64],
    weights: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Survival, then incidence by cause, of every weighted sample at once.

    Args:
        table: n rows, sorted by time.
        n_causes: k.
        at: (g,) times.
        weights: (b, n) samples; None is the table itself.

    Returns:
        (1 + k, g), or (b, 1 + k, g) with weights.
    """
    single = weights is None
    n = len(table.time)
    if n == 0:
        return np.full((1 + n_causes, len(at)), np.nan)
    drawn = np.ones((1, n)) if weights is None else weights.astype(np.float64)
    times, starts = np.unique(table.time, return_index=True)
    leaving = np.add.reduceat(drawn, starts, axis=1)
    at_risk = np.maximum(leaving[:, ::-1].cumsum(axis=1)[:, ::-1], 1.0)  # 0 at risk: 0 events too
    hazard = [
        np.add.reduceat(drawn * (table.cause == cause), starts, axis=1) / at_risk
        for cause in range(1, n_causes + 1)
    ]
    alive = np.cumprod(1 - sum(hazard), axis=1)
    before = np.concatenate([np.ones((len(drawn), 1)), alive[:, :-1]], axis=1)
    curves = [np.concatenate([np.ones((len(drawn), 1)), alive], axis=1)]
    for one in hazard:
        incidence = (before * one).cumsum(axis=1)
        curves.append(np.concatenate([np.zeros((len(drawn), 1)), incidence], axis=1))
    position = np.searchsorted(times, at, side="right")
    stacked: NDArray[np.float64] = np.stack(curves, axis=1)[:, :, position]
    return stacked[0] if single else stacked


def _band(
    table: Times, alive: NDArray[np.float64], at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pointwise 95 % band of the survival curve, by Greenwood's variance of log(-log S)."""
    if len(table.time) == 0:
        return alive, alive
    times, starts = np.unique(table.time, return_index=True)
    at_risk = len(table.time) - starts
    events = np.add.reduceat(table.cause > 0, starts, dtype=np.float64)
    terms = np.divide(
        events, at_risk * (at_risk - events), out=np.zeros(len(times)), where=at_risk > events
    )
    position = np.searchsorted(times, at, side="right")
    variance = np.concatenate([[0.0], terms.cumsum()])[position]
    low, high = alive.copy(), alive.copy()
    inside = (alive > 0) & (alive < 1)
    spread = np.exp(Z95 * np.sqrt(variance[inside]) / np.abs(np.log(alive[inside])))
    low[inside], high[inside] = alive[inside] ** spread, alive[inside] ** (1 / spread)
    return low, high
