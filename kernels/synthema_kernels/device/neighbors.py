"""Exact nearest rows on any JAX device, in float64 and in the definition's order.

The pool lies on the device as tiles [column, row]. A block of queries visits one tile after the
other: the distances of that pair, a matrix [tile row, query], are summed column by column as
`reference.distances` sums them, and the closest rows are moved from the matrix to the running
answer, one per query and pass, until no query has a row left that is close enough. After the first
tiles that is a pass or two. There is no candidate to re-check, and no tie to break later.

Numbers are multiplied by 2**600, and distances divided by it. That rounds nothing, and keeps every
difference out of the subnormal range, which XLA flushes to zero: without it, two rows that differ
by 1e-310 would be copies.
"""

from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from ..contract import Neighbors, checked_k
from ..rows import Rows

Array: TypeAlias = Any  # of the host on its way to the devices, or of the devices

# platform -> pool rows a tile, queries a block. The matrix should stay in the cache of the device:
# 0.5 MB, the quickest of seven measured, and 34 MB, reckoned for a large card and not measured.
# A platform that is not here has no float64 that is known to round as IEEE 754 does.
SHAPES = {"cpu": (256, 256), "gpu": (1024, 4096)}
UNROLL = 8  # columns a pass over the matrix: more cost compilation, fewer cost memory traffic
EXPONENT = 600  # from 2**-1074 and up to 1e100, numbers stay normal, and their sums finite
UNIT = 2.0**EXPONENT


def nearest(
    queries: Rows,
    pool: Rows,
    k: int = 2,
    *,
    exclude_self: bool = False,
    mesh: Mesh | None = None,
) -> Neighbors:
    """The k closest rows of `pool` for each row of `queries`, exactly, on an accelerator.

    Returns the bits of `synthema_kernels.nearest`: the distance, its rules for missing values and
    ties, and the errors are those. Any mesh gives the same bits.

    All arithmetic is float64, on every pair: a card with slow float64 is slow here, and on
    processors the compiled kernel, which rules out most pairs by integers, is far quicker. Every
    device holds the whole pool (8 bytes per number, 4 per code) and works in 100 MB or less at
    small k, whatever the number of rows. Time grows with k. A program is compiled per number of
    columns, of pool tiles, and k.

    Args:
        queries: n rows.
        pool: m rows with the same columns in the same order, m >= 1.
        k: Neighbors per query, at most m, or m - 1 with `exclude_self`.
        exclude_self: Query i *is* pool row i, and is not its own neighbor; copies of it may be.
        mesh: Devices of this process that share the queries, along all its axes; any n will do.
            None is JAX's first device.

    Returns:
        Index (n, k) int64 and distance (n, k) float64, arrays of the host.

    Raises:
        TypeError: If `queries` or `pool` is not `Rows`, `k` not an integer, or `mesh` not a `Mesh`.
        ValueError: If the columns differ, the pool is empty, `k` is out of range, or the devices
            are neither CPUs nor GPUs.

    Source: Gower (1971), Biometrics 27, 857-871; `synthema_kernels.reference` is the definition.
    """
    k = checked_k(queries, pool, k, exclude_self=exclude_self)
    mesh = _in_line(mesh)
    n, m = len(queries), len(pool)
    most_rows, most_queries = SHAPES[mesh.devices[0].platform]
    tile = min(most_rows, _power_of_two(m))
    block = mesh.size * min(most_queries, _power_of_two(-(-n // mesh.size)))
    index, distance = np.empty((n, k), np.int64), np.empty((n, k))
    with jax.enable_x64(True), jax.set_mesh(mesh):  # noqa: FBT003 (whatever the caller has set)
        tiles = jax.device_put(_tiles(pool, tile), NamedSharding(mesh, P()))
        for start in range(0, n, block):  # a call per block: bounded memory, and Ctrl-C works
            part = slice(start, min(start + block, n))
            own = np.arange(start, start + block) if exclude_self else np.full(block, -1)
            found = _nearest(_columns(queries, part, block), own, tiles, m, k=k, mesh=mesh)
            size = part.stop - start
            index[part] = np.asarray(found.rows).T[:size]
            distance[part] = np.ldexp(np.asarray(found.distance).T[:size], -EXPONENT)
    return Neighbors(index, distance)


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
    return Mesh(devices, ("rows",), axis_types=(AxisType.Auto,))


def _power_of_two(n: int) -> int:
    """The lowest that is at least n: few shapes, so few programs."""
    return 1 << max(n - 1, 0).bit_length()


class _Columns(NamedTuple):
    """Rows as columns: numeric (..., p, rows) times 2**600, codes (..., q, rows)."""

    numeric: Array
    codes: Array


class _Best(NamedTuple):
    """The running answer: (k, queries) each, closest first."""

    distance: jax.Array
    rows: jax.Array


def _columns(table: Rows, rows: slice, width: int) -> _Columns:
    """Some rows as columns, zeros up to the width."""
    numeric, codes = table.numeric[rows].T, table.codes[rows].T
    padding = (0, 0), (0, width - numeric.shape[1])
    return _Columns(np.pad(np.ldexp(numeric, EXPONENT), padding), np.pad(codes, padding))


def _tiles(table: Rows, tile: int) -> _Columns:
    """All rows as tiles [tile, column, row]."""
    count = -(-len(table) // tile)
    columns = _columns(table, slice(None), count * tile)
    return _Columns(*(x.reshape(len(x), count, tile).swapaxes(0, 1) for x in columns))


@partial(jax.jit, static_argnames=("k", "mesh"))
def _nearest(
    queries: _Columns, own: Array, pool: _Columns, m: Array, *, k: int, mesh: Mesh
) -> _Best:
    """The answer of one block; each device has its share of the queries, and all of the pool."""
    search = jax.shard_map(
        partial(_search, k=k),
        mesh=mesh,
        in_specs=(P(None, "rows"), P("rows"), P(), P()),
        out_specs=P(None, "rows"),
        check_vma=False,  # no device speaks to another: there is nothing to check
    )
    return search(queries, own, pool, m)


def _search(queries: _Columns, own: Array, pool: _Columns, m: Array, *, k: int) -> _Best:
    tiles, _, tile = pool.numeric.shape
    row = jnp.arange(tile)[:, jnp.newaxis]

    def visit(best: _Best, step: tuple[_Columns, jax.Array]) -> tuple[_Best, None]:
        columns, first = step
        distance = _distance(queries, columns)
        allowed = (first + row < m) & (first + row != own)
        return _merge(best, jnp.where(allowed, distance, jnp.inf), first), None

    shape = (k, len(own))
    nothing = _Best(jnp.full(shape, jnp.inf), jnp.full(shape, -1))
    best, _ = lax.scan(visit, nothing, (pool, jnp.arange(tiles) * tile))
    return best


def _distance(queries: _Columns, pool: _Columns) -> jax.Array:
    """All distances of a tile and a block, (pool rows, queries), times 2**600."""

    def add_gap(total: jax.Array, column: tuple[Array, Array]) -> tuple[jax.Array, None]:
        a, b = column[0], column[1][:, jnp.newaxis]
        gap = jnp.abs(a - b)
        if_missing = jnp.where(jnp.isnan(a) != jnp.isnan(b), UNIT, 0.0)
        return total + jnp.where(jnp.isnan(gap), if_missing, gap), None

    def count(differing: jax.Array, column: tuple[Array, Array]) -> tuple[jax.Array, None]:
        return differing + (column[0] != column[1][:, jnp.newaxis]), None

    shape = pool.numeric.shape[1], queries.numeric.shape[1]
    total, _ = lax.scan(add_gap, jnp.zeros(shape), (queries.numeric, pool.numeric), unroll=UNROLL)
    differing, _ = lax.scan(
        count, jnp.zeros(shape, jnp.int32), (queries.codes, pool.codes), unroll=UNROLL
    )
    return total + UNIT * differing.astype(total.dtype)


def _merge(best: _Best, distance: jax.Array, first: jax.Array) -> _Best:
    """Move rows from the matrix to the answer, one per query and pass, while one is closer."""
    row = jnp.arange(len(distance))[:, jnp.newaxis]

    def closer(state: tuple[_Best, jax.Array, jax.Array]) -> jax.Array:
        best, _, closest = state
        return (closest < best.distance[-1]).any()  # strict: a tie keeps the lower index

    def move(
        state: tuple[_Best, jax.Array, jax.Array],
    ) -> tuple[_Best, jax.Array, jax.Array]:
        best, distance, closest = state
        at = jnp.where(distance == closest, row, len(distance)).min(axis=0)  # lowest row of a tie
        distance = jnp.where(row == at, jnp.inf, distance)
        return _inserted(best, closest, first + at), distance, distance.min(axis=0)

    best, _, _ = lax.while_loop(closer, move, (best, distance, distance.min(axis=0)))
    return best


def _inserted(best: _Best, distance: jax.Array, rows: jax.Array) -> _Best:
    """One more row per query, behind its equals; one that is not closer than the last falls out."""
    stays = best.distance <= distance
    follows = jnp.roll(stays, 1, axis=0).at[0].set(True)

    def insert(old: jax.Array, new: jax.Array) -> jax.Array:
        return jnp.where(stays, old, jnp.where(follows, new, jnp.roll(old, 1, axis=0)))

    return _Best(insert(best.distance, distance), insert(best.rows, rows))
