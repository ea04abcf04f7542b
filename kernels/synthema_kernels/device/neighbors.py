"""Exact nearest rows on any JAX device: bounds in float32, survivors in float64.

`_search` tells how a search goes and why it is exact, `_lift` what a bound is, `_exact` how the
definition's bits come out of XLA. Here are the verb, the blocks of queries and the mesh.

XLA flushes subnormal numbers to zero. Where numbers are so small that a difference could be one,
they are multiplied by 2**600, which rounds nothing; if there are products too, whose rounding that
would change, NumPy measures all pairs.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from numpy.typing import ArrayLike, NDArray

from .. import reference
from ..contract import Metric, Neighbors, check_metric, checked_k, checked_weights
from ..rows import Rows
from . import _search, _tiles
from ._exact import Columns, Measure
from ._lift import FEWEST_FOR_PRODUCT, Form, Scale
from ._search import AXIS, Plan

# platform -> pool rows a tile, queries a block. On processors the matrix stays in the cache; on a
# card it is large enough to hide the start of a kernel (reckoned, not measured).
# A platform that is not here has no float64 that is known to round as IEEE 754 does.
SHAPES = {"cpu": (1024, 256), "gpu": (4096, 8192)}
PROGRAMS = {"gpu": _tiles.Shape(128, 128, 8, 3)}  # other platforms leave the bounds to XLA
MOST_LEVELS = 512  # of all codes: more words cost more than comparing codes does
GROUP = 32  # rows that share a bound: fewer are more bounds to sort, more are more rows to measure
GROUPS = (6, 56)  # beside k, and at least 1, to look into: at first, and if that settled nothing
MOST_LISTED = 32  # k; lists get longer than measuring all pairs takes
BOUNDS = 2**30  # bytes of group bounds a device may hold
SHARE = 0.4  # of a device's memory, for a pool that each device holds whole
SMALL = 2.0**-400  # differences of larger numbers, and their squares, are far from subnormal
SMALL_WEIGHT = 2.0**-100  # and so are those times a larger weight
UNIT = 2.0**600  # from 2**-1074 and up to 1e100, numbers stay normal, and their sums finite
CHUNK = 2**16  # rows that NumPy looks at once


def nearest(
    queries: Rows,
    pool: Rows,
    k: int = 2,
    *,
    metric: Metric = "gower",
    weights: ArrayLike | None = None,
    exclude_self: bool = False,
    mesh: Mesh | None = None,
) -> Neighbors:
    """The k closest rows of `pool` for each row of `queries`, exactly, on an accelerator.

    Returns the bits of `synthema_kernels.nearest`: the distance, its rules for missing values and
    ties, and the errors are those. Any mesh gives the same bits.

    A device computes lower bounds of all distances in float32, by a matrix product for
    'sqeuclidean', and measures in float64 what they leave. Queries that they leave too much of,
    such as those amid thousands of ties, are measured against every row: slower, and as exact.
    A program is compiled per number of columns, of tiles of the pool, and k.

    Every device holds the whole pool, or its part if that takes too much memory: parts then go from
    device to device. A row takes 8 bytes per number and 4 per code, and 4 more per column (up to
    14 for 'sqeuclidean' with missing values; on a card 2 per code that a column can have). Bounds
    and a tile take a gigabyte or two on a card.

    Args:
        queries: n rows.
        pool: m rows with the same columns in the same order, m >= 1.
        k: Neighbors per query, at most m, or m - 1 with `exclude_self`.
        metric: What is added up.
        weights: (p + q,) factor of each column's term, numeric columns first, from 0 (left out) to
            a million; None is 1 for all.
        exclude_self: Query i *is* pool row i, and is not its own neighbor; copies of it may be.
        mesh: Devices of this process that share the queries, along all its axes; any n will do.
            None is JAX's first device.

    Returns:
        Index (n, k) int64 and distance (n, k) float64, arrays of the host.

    Raises:
        TypeError: If `queries` or `pool` is not `Rows`, `k` not an integer, or `mesh` not a `Mesh`.
        ValueError: If the columns differ or do not suit the metric, the pool is empty, `k` or a
            weight is out of range, or the devices are neither CPUs nor GPUs.

    Source: Gower (1971), Biometrics 27, 857-871; `synthema_kernels.reference` is the definition.
    """
    k = checked_k(queries, pool, k, exclude_self=exclude_self)
    check_metric(queries, pool, metric)
    weight = checked_weights(queries, weights)
    mesh = _in_line(mesh)
    if len(queries) == 0:
        return Neighbors(np.empty((0, k), np.int64), np.empty((0, k)))
    unit, p = 1.0, queries.numeric.shape[1]
    small_weight = ((weight > 0) & (weight < SMALL_WEIGHT)).any()
    if small_weight or _has_small(queries.numeric) or _has_small(pool.numeric):
        if metric == "sqeuclidean" or not np.isin(weight[:p], (0.0, 1.0)).all():
            return _by_definition(queries, pool, k, metric, weight, exclude_self=exclude_self)
        unit = UNIT
    with jax.enable_x64(True), jax.set_mesh(mesh):  # noqa: FBT003 (whatever the caller has set)
        search = _Search(queries, pool, k, metric == "sqeuclidean", weight, unit, mesh)
        return search.run(exclude_self=exclude_self)


def _in_line(mesh: Mesh | None) -> Mesh:
    """The devices along one axis: how the caller named and typed the axes is of no matter."""
    if mesh is not None and not isinstance(mesh, Mesh):
        raise TypeError(f"mesh: expected jax.sharding.Mesh, got {type(mesh).__name__}")
    devices = np.array(jax.devices()[:1]) if mesh is None else mesh.devices.reshape(-1)
    platform = devices[0].platform
    if platform not in SHAPES:
        raise ValueError(
            f"mesh: expected devices with IEEE float64 ({', '.join(SHAPES)}), got {platform}. "
            "Use synthema_kernels.nearest."
        )
    return Mesh(devices, (AXIS,), axis_types=(AxisType.Auto,))


Call = Callable[[Columns, NDArray[np.int64]], _search.Found]


class _Search:
    """One search: where the pool lies, and the blocks of queries that meet it."""

    def __init__(
        self,
        queries: Rows,
        pool: Rows,
        k: int,
        squares: bool,  # noqa: FBT001 (a private constructor of one caller)
        weight: NDArray[np.float64],
        unit: float,
        mesh: Mesh,
    ) -> None:
        n, m, p = len(queries), len(pool), queries.numeric.shape[1]
        platform = mesh.devices[0].platform
        most_rows, most_queries = SHAPES[platform]
        programs = PROGRAMS.get(platform)
        tile = most_rows if programs else min(most_rows, _power_of_two(m))
        self.holed = _with_missing(queries.numeric) | _with_missing(pool.numeric)
        self.forms = _forms(pool, self.holed, squares, weight[p:], card=programs is not None)
        split = mesh.size > 1 and m * max(_row_bytes(pool, f) for f in self.forms) > _memory(mesh)
        self.plan = Plan(mesh, split, tile, min(GROUP, tile), squares, programs, platform == "cpu")
        tiles = _multiple(-(-m // tile), mesh.size if split else 1)
        resident = tiles * tile // (mesh.size if split else 1)
        affordable = BOUNDS * self.plan.group // (4 * resident)
        most = min(most_queries, 1 << max(affordable.bit_length() - 1, 0))
        fewest = programs.queries if programs else 1
        self.block = mesh.size * max(min(most, _power_of_two(-(-n // mesh.size))), fewest)
        self.queries, self.unit, self.weight = queries, unit, weight
        self.k, self.m, self.source = k, m, pool
        self.measure = Measure(weight[:p], weight[p:] * unit, np.float64(unit), np.int64(0))
        place = NamedSharding(mesh, P(self.plan.along))
        sides = (_padded(x, tiles * tile) for x in (pool.numeric * unit, pool.codes))
        numeric, codes = (jax.device_put(x, place) for x in sides)
        self.pool = _search.columns(numeric, codes, plan=self.plan)

    def run(self, *, exclude_self: bool) -> Neighbors:
        """The answer, by ever more work for ever fewer queries."""
        n, k = len(self.queries), self.k
        index, distance = np.empty((n, k), np.int64), np.empty((n, k))
        waiting = np.arange(n)
        for form, more in self._attempts():
            call = self._all_pairs if form is None else self._bounded(form, more)
            unsettled = []
            for rows, found in self._ahead(call, waiting, exclude_self=exclude_self):
                size = len(rows)
                settled = np.asarray(found.settled)[:size]
                unsettled.append(rows[~settled])
                index[rows] = np.asarray(found.best.rows).T[:size]
                distance[rows] = np.asarray(found.best.distance).T[:size] / self.unit
            waiting = np.concatenate(unsettled)
            if len(waiting) == 0:
                break
        return Neighbors(index, distance)

    def _attempts(self) -> Iterator[tuple[Form | None, int]]:
        """Ways to search, the quickest first; the last one settles every query."""
        if self.k <= MOST_LISTED:
            yield from zip(self.forms, GROUPS, strict=True)
        yield None, 0

    def _bounded(self, form: Form, more: int) -> Call:
        scale = Scale.of(self.source, self.holed, self.weight, self.unit, form)
        bounds = _search.lifted(self.pool, self.m, scale, form=form, plan=self.plan)

        def call(queries: Columns, own: NDArray[np.int64]) -> _search.Found:
            tables = self.pool, bounds, self.m, self.measure, scale
            found: _search.Found = _search.by_bounds(
                queries, own, *tables, k=self.k, more=more, form=form, plan=self.plan
            )
            return found

        return call

    def _all_pairs(self, queries: Columns, own: NDArray[np.int64]) -> _search.Found:
        best = _search.by_all_pairs(
            queries, own, self.pool, self.m, self.measure, k=self.k, plan=self.plan
        )
        return _search.Found(best, np.ones(len(own), bool))

    def _ahead(
        self, call: Call, waiting: NDArray[np.int64], *, exclude_self: bool
    ) -> Iterator[tuple[NDArray[np.int64], _search.Found]]:
        """Query numbers and answers, block by block: the devices work on one as one is read."""
        before = None
        for start in range(0, len(waiting), self.block):
            rows = waiting[start : start + self.block]
            own = np.full(self.block, -1)
            if exclude_self:
                own[: len(rows)] = rows
            numeric = self.queries.numeric[rows] * self.unit
            block = Columns(*(_padded(x, self.block) for x in (numeric, self.queries.codes[rows])))
            after = rows, call(block, own)
            if before is not None:
                yield before
            before = after
        if before is not None:
            yield before


def _memory(mesh: Mesh) -> float:
    """Bytes that a pool may take on every device; no limit where JAX does not know the memory."""
    known = [device.memory_stats() for device in mesh.devices]
    limits = [stats["bytes_limit"] for stats in known if stats and "bytes_limit" in stats]
    return min((SHARE * limit for limit in limits), default=np.inf)


def _power_of_two(n: int) -> int:
    """The lowest that is at least n: few shapes, so few programs."""
    return 1 << max(n - 1, 0).bit_length()


def _multiple(n: int, of: int) -> int:
    return -(-n // of) * of


def _padded(rows: NDArray[Any], count: int) -> NDArray[Any]:
    """Rows and zeros up to the count."""
    if len(rows) == count:
        return rows
    padded = np.zeros((count, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded


def _has_small(numbers: NDArray[np.float64]) -> bool:
    """Whether a number other than 0 is so small that a difference or its square could vanish."""
    limit = np.float64(SMALL).view(np.uint64) << np.uint64(1)
    for start in range(0, len(numbers), CHUNK):
        part = np.ascontiguousarray(numbers[start : start + CHUNK]).view(np.uint64)
        if ((part << np.uint64(1)) - np.uint64(1) < limit - np.uint64(1)).any():  # 0 wraps around
            return True
    return False


def _with_missing(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns have missing numbers."""
    holed = np.zeros(numbers.shape[1], bool)
    for start in range(0, len(numbers), CHUNK):
        holed |= np.isnan(numbers[start : start + CHUNK]).any(axis=0)
    return holed


def _forms(
    pool: Rows,
    holed: NDArray[np.bool_],
    squares: bool,  # noqa: FBT001 (as in the constructor)
    code_weights: NDArray[np.float64],
    *,
    card: bool,
) -> tuple[Form, Form]:
    """How bounds are taken at first, and where that settled nothing."""
    gaps = Form(squares, bool(holed.any()))
    if squares:
        product = gaps._replace(product=True, halves=card)
        return product if len(holed) >= FEWEST_FOR_PRODUCT else gaps, gaps
    levels = _levels(pool.codes, code_weights) if card else None
    if levels is None:
        return gaps, gaps
    return gaps._replace(product=True, halves=True, levels=levels), gaps


def _levels(codes: NDArray[np.int32], weights: NDArray[np.float64]) -> tuple[int, ...] | None:
    """How many codes from -1 on each column has; None if too many, or a weight is no bfloat16."""
    short = np.frexp(weights)[0] * 256
    if (short != np.floor(short)).any():
        return None
    levels = tuple(int(x) + 2 for x in codes.max(axis=0, initial=-1))
    return levels if sum(levels) <= MOST_LEVELS else None


def _row_bytes(pool: Rows, form: Form) -> int:
    """What a row of the pool takes on a device: itself and lifted."""
    p, q = int(pool.numeric.shape[1]), int(pool.codes.shape[1])
    words = (2 if form.halves else 4) * form.width(p)
    return 8 * p + 4 * q + words + 4 * form.gaps(p, q)


def _by_definition(
    queries: Rows,
    pool: Rows,
    k: int,
    metric: Metric,
    weight: NDArray[np.float64],
    *,
    exclude_self: bool,
) -> Neighbors:
    """The definition itself, a few queries at a time."""
    parts = []
    at_once = max(1, 2**22 // len(pool))
    for start in range(0, len(queries), at_once):
        rows = slice(start, start + at_once)
        few = Rows(numeric=queries.numeric[rows], codes=queries.codes[rows])
        distance = reference.distances(few, pool, metric=metric, weights=weight)
        if exclude_self:
            own = np.arange(start, start + len(few))
            distance[own - start, own] = np.inf
        index = np.argsort(distance, axis=1, kind="stable")[:, :k]
        parts.append((index, np.take_along_axis(distance, index, axis=1)))
    return Neighbors(*(np.concatenate(side) for side in zip(*parts, strict=True)))
