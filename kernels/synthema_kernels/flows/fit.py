"""Training members side by side: compiled stretches of steps, the best step of each kept.

Members share one program. What tells them apart (order, rows, rate, key) is an argument with a
leading member axis, so that an ensemble, a search over settings and shadow models of an attack
compile once, whatever their number.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import NamedSharding, PartitionSpec

from .density import Member, Structure, log_prob
from .progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Array, Float, Int, PRNGKeyArray

    from .rows import Layout, MixedRows

STRETCH = 4  # looks per compiled call: the host is asked once per stretch, never per step
CLIP = 5.0  # global norm of a gradient


@dataclass(frozen=True)
class Settings:
    """What training compiles for. Hashable: a static argument.

    Attributes:
        batch: Rows per step, drawn with replacement.
        every: Steps between two looks at the held-out rows.
        patience: Looks without improvement before a member stops.
        margin: Standard errors by which a later step must surpass the one kept, on the held-out
            rows one by one: what is gained by chance alone is not worth knowing patients better.
            The rule of one standard error (Breiman et al. 1984), on paired differences. 0 keeps
            the best.
    """

    batch: int = 128
    every: int = 25
    patience: int = 8
    margin: float = 0.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pace:
    """How a member moves: arguments of the program, one number for all members or one for each.

    Attributes:
        steps: Most optimizer steps; the rate follows a cosine over them.
        rate: First learning rate.
        linear: Share of the rate at which the linear part moves, which starts at its ridge fit.
        weight_decay: Of AdamW.
        dropout: Share of hidden units left out in training.
    """

    steps: Float[Array, "*k"] | float = 1500.0
    rate: Float[Array, "*k"] | float = 3e-3
    linear: Float[Array, "*k"] | float = 0.1
    weight_decay: Float[Array, "*k"] | float = 1e-4
    dropout: Float[Array, "*k"] | float = 0.3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fold:
    """Which rows a member steps on and which choose its best step.

    Attributes:
        upto: (k, n) running sum of the weights of the rows it steps on.
        held_out: (k, h) rows that choose the best step. None, h = 0, keeps the last step.
    """

    upto: Float[Array, "k n"]
    held_out: Int[Array, "k h"]

    @classmethod
    def of(cls, weights: np.ndarray, held_out: np.ndarray | None = None) -> Fold:
        """A fold of each member from (k, n) weights >= 0 of the rows it may step on."""
        upto = np.cumsum(weights, axis=1, dtype=np.float64)
        if held_out is None:
            held_out = np.empty((len(upto), 0), np.int32)
        return cls(jnp.asarray(upto, jnp.float32), jnp.asarray(held_out, jnp.int32))


@dataclass(frozen=True)
class Fitted:
    """Trained members and how they came about.

    Attributes:
        members: Stacked: the weights of the best step of each on its held-out rows.
        best_step: That step of each.
        train: Mean training loss in nats per row at each look of each.
        validation: Loss in nats per row on the held-out rows at each look of each, the first before
            any step; inf without held-out rows.
    """

    members: Member
    best_step: tuple[int, ...]
    train: tuple[tuple[float, ...], ...]
    validation: tuple[tuple[float, ...], ...]


class _State(NamedTuple):
    """Where a member is in its training; its weights lie in one vector."""

    weights: Array
    optimizer: Any
    best: Array
    best_rows: Array  # loss of each held-out row
    best_loss: Array
    best_step: Array
    step: Array
    active: Array


class _Own(NamedTuple):
    """What belongs to one member and does not change."""

    start: Member
    fold: Fold
    pace: Pace
    key: PRNGKeyArray


_OPTIMIZER = optax.chain(optax.clip_by_global_norm(CLIP), optax.scale_by_adam())


def stack(members: list[Member]) -> Member:
    """Members as one, every leaf with a leading member axis."""
    stacked: Member = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    return stacked


def _flat(member: Member) -> tuple[Array, Callable[[Array], Member]]:
    """The weights of a member as one vector, and the way back."""
    weights, back = ravel_pytree({k: v for k, v in vars(member).items() if k != "position"})
    return weights, lambda vector: Member(position=member.position, **back(vector))


def _held_losses(
    weights: Array, own: _Own, structure: Structure, rows: MixedRows, layout: Layout
) -> Array:
    """Loss of each held-out row in nats."""
    if not own.fold.held_out.size:
        return jnp.full((1,), jnp.inf)
    member = _flat(own.start)[1](weights)
    return -log_prob(member, structure, rows.take(own.fold.held_out), layout)


def _surpasses(held: Array, best: Array, margin: float) -> Array:
    """Whether losses are lower than those kept by more than chance."""
    gain = best - held
    return gain.mean() > margin * gain.std() / jnp.sqrt(best.size)


@partial(jax.jit, static_argnames=("layout",))
def _begin(own: _Own, structure: Structure, rows: MixedRows, layout: Layout) -> _State:
    def one(own: _Own) -> _State:
        weights, _ = _flat(own.start)
        loss = _held_losses(weights, own, structure, rows, layout)
        none = jnp.asarray(0, jnp.int32)
        active = jnp.asarray(True)  # noqa: FBT003
        begun = _OPTIMIZER.init(weights)
        return _State(weights, begun, weights, loss, loss.mean(), none, none, active)

    return jax.vmap(one)(own)


@partial(jax.jit, static_argnames=("layout", "settings"), donate_argnames=("state",))
def _stretch(
    state: _State,
    own: _Own,
    structure: Structure,
    rows: MixedRows,
    layout: Layout,
    settings: Settings,
) -> tuple[_State, tuple[Array, Array]]:
    """STRETCH looks of `every` steps for every member, without a word to the host."""
    n = rows.codes.shape[1]

    def one(state: _State, own: _Own) -> tuple[_State, tuple[Array, Array]]:
        pace, upto, member_of = own.pace, own.fold.upto, _flat(own.start)[1]
        ones = jax.tree.map(jnp.ones_like, own.start)
        share, _ = _flat(replace(ones, skip=pace.linear * ones.skip))  # of the rate

        def loss(weights: Array, batch: MixedRows, key: PRNGKeyArray) -> Array:
            member = member_of(weights)
            return -log_prob(member, structure, batch, layout, dropout=pace.dropout, key=key).mean()

        def step(state: _State, _: None) -> tuple[_State, Array]:
            pick, drop = jax.random.split(jax.random.fold_in(own.key, state.step))
            mark = jax.random.uniform(pick, (settings.batch,)) * upto[-1]
            chosen = jnp.minimum(jnp.searchsorted(upto, mark, side="right"), n - 1)
            value, gradient = jax.value_and_grad(loss)(state.weights, rows.take(chosen), drop)
            update, optimizer = _OPTIMIZER.update(gradient, state.optimizer)
            rate = pace.rate * (0.51 + 0.49 * jnp.cos(jnp.pi * state.step / pace.steps))
            change = rate * share * (update + pace.weight_decay * state.weights)
            weights = state.weights - change
            return state._replace(weights=weights, optimizer=optimizer, step=state.step + 1), value

        def look(state: _State, _: None) -> tuple[_State, tuple[Array, Array]]:
            state, values = lax.scan(step, state, None, length=settings.every)
            held = _held_losses(state.weights, own, structure, rows, layout)
            better = state.active & _surpasses(held, state.best_rows, settings.margin)
            better |= state.active & (own.fold.held_out.size == 0)  # none: the last step is kept
            return state._replace(
                best=jnp.where(better, state.weights, state.best),
                best_rows=jnp.where(better, held, state.best_rows),
                best_loss=jnp.where(better, held.mean(), state.best_loss),
                best_step=jnp.where(better, state.step, state.best_step),
            ), (values.mean(), held.mean())

        state, curves = lax.scan(look, state, None, length=STRETCH)
        patient = state.step - state.best_step < settings.patience * settings.every
        return state._replace(active=state.active & patient & (state.step < pace.steps)), curves

    return jax.vmap(one)(state, own)


def fit(
    members: Member,
    structure: Structure,
    rows: MixedRows,
    fold: Fold,
    layout: Layout,
    settings: Settings,
    pace: Pace,
    *,
    keys: PRNGKeyArray,
    on_steps: Callable[[int], None] | None = None,
    since: Mapping[int, Progress] | None = None,
    on_progress: Callable[[int, Progress], None] | None = None,
) -> Fitted:
    """Train k members, each until its held-out rows no longer gain.

    On one CPU each member is trained on its own, as many at a time as there are cores: batched
    products gain nothing there. Elsewhere all members are one program whose member axis is spread
    over the devices. A member's result depends on neither how many others there are nor which.

    Args:
        members: Where to start, stacked; see `copula_member` and `stack`.
        structure: Certainties and wide cells.
        rows: All rows, the same for every member.
        fold: Rows of each member.
        layout: The variables; static.
        settings: What training compiles for; static.
        pace: How the members move.
        keys: (k,) sources of batches and dropout.
        on_steps: Called now and then with the number of steps just done, one member at a time.
        since: Where an earlier call with the same arguments stood, by group of members: the result
            is the same, bit for bit, as if it had gone on.
        on_progress: Called with a group of members that are trained together and where they stand,
            after every stretch and before `on_steps`; from several threads.

    Returns:
        The best of each member on its held-out rows, and its curves.

    Raises:
        ValueError: If `since` is of other members.
    """
    k = len(fold.upto)
    pace = jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.float32(leaf), (k,)), pace)
    own = _Own(members, fold, pace, keys)
    stop = threading.Event()  # a thread cannot be killed: each looks here between stretches

    def report(steps: int) -> None:
        if stop.is_set():
            raise CancelledError
        if on_steps is not None:
            on_steps(steps)

    def run(group: int, part: _Own) -> _Run:
        keep = None if on_progress is None else partial(on_progress, group)
        before = (since or {}).get(group)
        return _train(part, structure, rows, layout, settings, before, keep, report)

    if len(jax.local_devices()) > 1 or jax.default_backend() != "cpu":
        own, (structure, rows) = _spread(own, (structure, rows))
        return _joined([run(0, own)], k)
    parts = [jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], own) for i in range(k)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        try:
            _compile(parts[0], structure, rows, layout, settings, pool)
            return _joined(list(pool.map(run, range(k), parts)), k)
        except BaseException:  # Ctrl-C too: the pool waits for its threads
            stop.set()
            raise


def _compile(
    own: _Own,
    structure: Structure,
    rows: MixedRows,
    layout: Layout,
    settings: Settings,
    pool: ThreadPoolExecutor,
) -> None:
    """Compile both programs at once, before threads that need them would each do so."""
    shape = jax.eval_shape(partial(_begin, layout=layout), own, structure, rows)
    begin = _begin.lower(own, structure, rows, layout)
    stretch = _stretch.lower(shape, own, structure, rows, layout, settings)
    list(pool.map(lambda lowered: lowered.compile(), (stretch, begin)))


class _Run(NamedTuple):
    """Members trained together."""

    members: Member
    best_step: np.ndarray  # (k,)
    train: np.ndarray  # (k, looks)
    validation: np.ndarray  # (k, 1 + looks)
    looks: np.ndarray  # (k,) until each stopped


def _train(
    own: _Own,
    structure: Structure,
    rows: MixedRows,
    layout: Layout,
    settings: Settings,
    since: Progress | None,
    keep: Callable[[Progress], None] | None,
    report: Callable[[int], None],
) -> _Run:
    if since is None:
        state = _begin(own, structure, rows, layout)
        validation = [np.asarray(state.best_loss)[:, None]]
        train = [np.empty((len(state.active), 0), np.float32)]
        looks = np.zeros(len(state.active), int)
    else:
        state = since.restored(jax.eval_shape(partial(_begin, layout=layout), own, structure, rows))
        train, validation, looks = [since.train], [since.validation], since.looks
        report(settings.every * int(looks.sum()))
    active = np.array(state.active)
    while active.any():
        state, (losses, held) = _stretch(state, own, structure, rows, layout, settings)
        train.append(np.asarray(losses))
        validation.append(np.asarray(held))
        looks = looks + STRETCH * active
        if keep is not None:  # all weights come to the host for it
            keep(Progress.of(state, train, validation, looks))
        report(STRETCH * settings.every * int(active.sum()))
        active = np.array(state.active)
    members = jax.vmap(lambda start, best: _flat(start)[1](best))(own.start, state.best)
    curves = np.concatenate(train, 1), np.concatenate(validation, 1)
    return _Run(members, np.asarray(state.best_step), *curves, looks)


def _spread(
    own: _Own, shared: tuple[Structure, MixedRows]
) -> tuple[_Own, tuple[Structure, MixedRows]]:
    """The member axis over all devices, the last member repeated to fill them; the rest on each."""
    devices = np.array(jax.local_devices())
    k = len(own.key)
    filled = np.minimum(np.arange(-(-k // devices.size) * devices.size), k - 1)
    mesh = jax.sharding.Mesh(devices, ("members",))
    apart, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("members",), ()))
    own = jax.tree.map(lambda leaf: jax.device_put(leaf[filled], apart), own)
    return own, jax.device_put(shared, whole)


def _joined(runs: list[_Run], k: int) -> Fitted:
    """The first k members."""
    members = jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:k], *[r.members for r in runs])
    curves = [
        (int(step), tuple(train[:looks].tolist()), tuple(held[: looks + 1].tolist()))
        for run in runs
        for step, train, held, looks in zip(*run[1:], strict=True)
    ][:k]
    best_step, train, validation = zip(*curves, strict=True)
    return Fitted(members, best_step, train, validation)
