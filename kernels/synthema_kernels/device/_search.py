"""The search as programs: bounds for all pairs, float64 for the few rows that they leave.

Rows of the pool lie in groups of 32, groups in tiles. A block of queries meets one tile after the
other, and of that matrix only the lowest bound of each group is kept. Then, per query, the rows of
the groups with the lowest bounds are measured in float64. If the next lowest bound exceeds the k-th
distance found, nothing closer is left, nor a tie; else the query is not settled, and the caller
asks again with more groups or measures all pairs. Two cases are settled whatever comes next:

- A k-th distance of 0. A copy has bound 0 exactly, nothing is below, and of equal bounds the lower
  group is taken first: every copy not yet seen has a higher row number.
- Bounds that are the distances: k groups that come first by bound, then by number, hold the k rows
  that come first by distance, then by number.

Pool and queries lie over the devices of a mesh with one axis. If the pool is split too, its parts
go around the ring of devices, and each device merges what its queries find in each.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from . import _exact, _lift, _tiles
from ._exact import Array, Columns, Measure
from ._lift import Form, Lifted, Scale
from ._lists import NOWHERE, Best, merge, smallest

Result = TypeVar("Result")
State = TypeVar("State", bound=tuple[Any, ...])

AXIS = "rows"
SURE = 1 - 2.0**-20  # pays for a few roundings of a bound and for those of the distance


class Plan(NamedTuple):
    """What is compiled into a program, beside shapes.

    Attributes:
        mesh: Devices in a line.
        split: The pool is split over them, not repeated.
        tile: Rows of the pool that meet a block of queries at once.
        group: Rows of the pool that share a bound; divides the tile.
        squares: Distances add squares.
        programs: How those of a card lie; None leaves the bounds to XLA.
        interpret: Run them without a card.
    """

    mesh: Mesh
    split: bool
    tile: int
    group: int
    squares: bool
    programs: _tiles.Shape | None
    interpret: bool

    @property
    def along(self) -> str | None:
        """The axis that the pool is split along."""
        return AXIS if self.split else None


class Found(NamedTuple):
    """The answer of a block, and whether each query is settled."""

    best: Best
    settled: Array


@partial(jax.jit, static_argnames="plan")
def columns(numeric: Array, codes: Array, *, plan: Plan) -> Columns:
    """The pool as columns (p or q, groups, rows of a group)."""

    def turn(rows: Array) -> Array:
        return rows.T.reshape(rows.shape[1], rows.shape[0] // plan.group, plan.group)

    return _mapped(
        lambda a, b: Columns(turn(a), turn(b)), plan, (P(plan.along),) * 2, P(None, plan.along)
    )(numeric, codes)


@partial(jax.jit, static_argnames=("form", "plan"))
def lifted(pool: Columns, m: Array, scale: Scale, *, form: Form, plan: Plan) -> Lifted:
    """The pool in float32, row by row of all groups of a tile; padding is infinitely far."""

    def local(pool: Columns, m: Array, scale: Scale) -> Lifted:
        flat = Columns(*(x.reshape(len(x), _row_count(pool)) for x in pool))
        rows = _lift.lift(flat, scale, form, is_pool=True)
        row = _part(plan) * rows.offset.size + jnp.arange(rows.offset.size)
        rows = rows._replace(offset=jnp.where(row < m, rows.offset, jnp.inf))
        per_tile = plan.tile // plan.group

        def turn(x: jax.Array) -> jax.Array:
            deep = x.shape[:-1]
            tiled = x.reshape(*deep, x.shape[-1] // plan.tile, per_tile, plan.group)
            return jnp.moveaxis(tiled.swapaxes(-1, -2), -3, 0)

        return Lifted(*(turn(x) for x in rows))

    specs = P(None, plan.along), P(), P()
    return _mapped(local, plan, specs, P(plan.along))(pool, m, scale)


@partial(jax.jit, static_argnames=("k", "more", "form", "plan"))
def by_bounds(
    queries: Columns,
    own: Array,
    pool: Columns,
    bounds: Lifted,
    m: Array,
    measure: Measure,
    scale: Scale,
    *,
    k: int,
    more: int,
    form: Form,
    plan: Plan,
) -> Found:
    """The k closest rows of a block of queries, by k + `more` groups each."""

    def local(
        queries: Columns,
        own: Array,
        pool: Columns,
        bounds: Lifted,
        m: Array,
        measure: Measure,
        scale: Scale,
    ) -> tuple[Best, Array]:
        queries = Columns(*(x.T for x in queries))
        lifted = _lift.lift(queries, scale, form, is_pool=False)

        def visit(
            pool: tuple[Columns, Lifted], first: Array, best: Best, unseen: Array
        ) -> tuple[Best, Array]:
            rows, bounds = pool
            group, left = _closest_groups(lifted, bounds, scale, form, plan, k + more)
            found = _measured(queries, own, rows, group, first, m, measure, plan, k)
            sure = scale.exact | (found.distance[-1] == 0)
            return merge(best, found), jnp.minimum(unseen, jnp.where(sure, jnp.inf, left))

        start = Best.empty(k, len(own)), jnp.full(len(own), jnp.inf, jnp.float32)
        best, unseen = _around(visit, (pool, bounds), start, plan)
        settled = unseen.astype(jnp.float64) * SURE > best.distance[-1] * scale.step
        return best, settled

    rows = P(plan.along)
    specs = (P(AXIS), P(AXIS), P(None, plan.along), rows, P(), P(), P())
    out = P(None, AXIS), P(AXIS)
    return Found(*_mapped(local, plan, specs, out)(queries, own, pool, bounds, m, measure, scale))


@partial(jax.jit, static_argnames=("k", "plan"))
def by_all_pairs(
    queries: Columns, own: Array, pool: Columns, m: Array, measure: Measure, *, k: int, plan: Plan
) -> Best:
    """The same answer by measuring every pair in float64."""

    def local(queries: Columns, own: Array, pool: Columns, m: Array, measure: Measure) -> Best:
        queries = Columns(*(x.T for x in queries))

        def visit(pool: Columns, first: Array, best: Best) -> tuple[Best]:
            found = _exact.search(
                queries, own, pool, first, m, measure, k=k, tile=plan.tile, squares=plan.squares
            )
            return (merge(best, found),)

        (best,) = _around(visit, pool, (Best.empty(k, len(own)),), plan)
        return best

    specs = P(AXIS), P(AXIS), P(None, plan.along), P(), P()
    return _mapped(local, plan, specs, P(None, AXIS))(queries, own, pool, m, measure)


def _mapped(
    local: Callable[..., Result], plan: Plan, specs: Any, out: Any
) -> Callable[..., Result]:
    """The same program on every device, on its share of what is split."""
    mapped: Callable[..., Result] = jax.shard_map(
        local, mesh=plan.mesh, in_specs=specs, out_specs=out, check_vma=False
    )
    return mapped


def _part(plan: Plan) -> Array:
    """Number of the part of the pool that this device begins with."""
    return lax.axis_index(AXIS) if plan.split else 0


def _around(visit: Callable[..., State], pool: Any, state: State, plan: Plan) -> State:
    """Visit every part of the pool, this device's own first."""
    if not plan.split:
        return visit(pool, 0, *state)
    size, mine = plan.mesh.size, lax.axis_index(AXIS)
    rows = _row_count(pool)
    onward = [(i, (i + 1) % size) for i in range(size)]

    def step(carry: tuple[Any, State], turn: jax.Array) -> tuple[tuple[Any, State], None]:
        pool, state = carry
        state = visit(pool, (mine - turn) % size * rows, *state)
        return (jax.tree.map(lambda x: lax.ppermute(x, AXIS, onward), pool), state), None

    (_, state), _ = lax.scan(step, (pool, state), jnp.arange(size))
    return state


def _row_count(pool: Any) -> int:
    """Rows of this device's part."""
    groups, size = jax.tree.leaves(pool)[0].shape[1:]
    return int(groups * size)


def _closest_groups(
    queries: Lifted, pool: Lifted, scale: Scale, form: Form, plan: Plan, count: int
) -> tuple[Array, Array]:
    """Groups (count, queries) with the lowest bounds, and the lowest bound of all others."""
    n, per_tile = len(queries.offset), plan.tile // plan.group
    if plan.programs:
        bounds = _tiles.group_bounds(
            queries, pool, scale, form, shape=plan.programs, interpret=plan.interpret
        )
    else:

        def visit(_: None, tile: Lifted) -> tuple[None, Array]:
            return None, _lift.group_bounds(queries, tile, scale, form)

        _, bounds = lax.scan(visit, None, pool)  # (tiles, groups of a tile, queries)
    tiles = jnp.arange(len(bounds))[:, jnp.newaxis]
    wanted = min(count + 1, bounds.shape[0] * per_tile)
    # The closest groups lie in as many closest tiles: two short lists in place of a long one.
    near = smallest(bounds.min(axis=1), tiles, min(wanted, len(bounds)))
    at = jnp.minimum(near.rows, len(bounds) - 1)
    few = jnp.take_along_axis(bounds, at[:, jnp.newaxis], axis=0)
    few = jnp.where(near.distance[:, jnp.newaxis] < jnp.inf, few, jnp.inf)
    numbers = at[:, jnp.newaxis] * per_tile + jnp.arange(per_tile)[:, jnp.newaxis]
    closest = smallest(few.reshape(-1, n), numbers.reshape(-1, n), wanted)
    if wanted > count:
        return closest.rows[:count], closest.distance[count]
    return closest.rows, jnp.full(n, jnp.inf, jnp.float32)


def _measured(
    queries: Columns,
    own: Array,
    pool: Columns,
    group: Array,
    first: Array,
    m: Array,
    measure: Measure,
    plan: Plan,
    k: int,
) -> Best:
    """The k closest rows of the groups (any, queries)."""
    at = jnp.minimum(group, pool.numeric.shape[1] - 1)
    tall = Columns(*(x[:, :, jnp.newaxis] for x in queries))
    shape = (*group.shape, plan.group)
    distance = _exact.distances(
        tall, pool, lambda column: column[at], shape, measure, squares=plan.squares
    )
    row = first + at[:, :, jnp.newaxis] * plan.group + jnp.arange(plan.group)
    allowed = (row < m) & (row != own[:, jnp.newaxis]) & (group < NOWHERE)[:, :, jnp.newaxis]
    distance = jnp.where(allowed, distance, jnp.inf)
    distance, row = (x.swapaxes(1, 2).reshape(-1, len(own)) for x in (distance, row))
    return smallest(distance, row, k)
