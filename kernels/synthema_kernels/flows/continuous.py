"""A flow of continuous rows: density, samples and training, on one device or many.

Everything is compiled: scoring and drawing run over chunks of rows that stay near the cache, and
training runs whole epochs without a word to the host, in buffers that are given back to it. With a
`mesh` the rows are divided among its devices; on a CPU, two devices of one core each are faster
than one device of two cores (`XLA_FLAGS=--xla_force_host_platform_device_count=2`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from .autoregressive import Autoregressive
from .coupling import Coupling
from .dense import generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from jax.typing import ArrayLike
    from jaxtyping import Array, Float, PRNGKeyArray

Bijection = Coupling | Autoregressive

CHUNK = 512  # rows that a processor scores or draws at a time: they stay near its cache
CHUNK_ON_CARD = 32_768  # many, for a card starts each of its programs once per chunk


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ContinuousFlow:
    """A bijection from standardized rows to independent standard normals.

    Attributes:
        bijection: The layers.
        shift: (d,) what is taken from each column before the layers.
        scale: (d,) what it is divided by then.
    """

    bijection: Bijection
    shift: Float[Array, d]
    scale: Float[Array, d]

    def log_prob(self, rows: Float[ArrayLike, "n d"], *, mesh: Mesh | None = None) -> Array:
        """Log-density of each row, in nats: (n,).

        Compiles once per number of chunks: of 512 rows, on a card of 32,768.
        """
        rows = jnp.asarray(rows, self.shift.dtype)
        if rows.ndim != 2 or rows.shape[1] != len(self.shift):
            raise ValueError(f"rows: expected (n, {len(self.shift)}), got {rows.shape}")
        n = len(rows)
        chunk = _chunk(n, mesh)
        padded = jnp.pad(rows, ((0, -n % chunk), (0, 0)))
        values: Array = _compiled(_log_prob, mesh, chunk // _devices(mesh))(self, padded)
        return values[:n]

    def sample(self, key: PRNGKeyArray, n: int, *, mesh: Mesh | None = None) -> Array:
        """(n, d) rows drawn. Same key, n, kind and number of devices: same rows."""
        if n < 1:
            raise ValueError(f"n: expected at least 1, got {n}")
        devices = _devices(mesh)
        size = min(n, _most(mesh))
        keys = jax.random.split(key, -(-n // (size * devices)) * devices)
        rows: Array = _compiled(_sample, mesh, size)(self, keys)
        return rows[:n]


@dataclass(frozen=True)
class Training:
    """How a continuous flow is trained. Hashable: a static argument.

    Attributes:
        epochs: Most passes over the rows; the rate follows a cosine over them.
        batch: Rows per step, on all devices together. What does not fill a batch waits for
            another epoch.
        rate: First learning rate of Adam.
        held_out: Share of the rows that choose the best epoch; none with 0.
        patience: Epochs without improvement on them before training stops.
    """

    epochs: int = 100
    batch: int = 512
    rate: float = 1e-3
    held_out: float = 0.1
    patience: int = 20


@dataclass(frozen=True)
class ContinuousFit:
    """A trained flow and how it came about.

    Attributes:
        flow: The flow after its best epoch.
        best_epoch: That epoch, 1 the first; the last one where no rows were held out.
        train: Mean loss of each epoch, in nats per row.
        validation: Loss on the held-out rows after each epoch; empty where there were none.
    """

    flow: ContinuousFlow
    best_epoch: int
    train: tuple[float, ...]
    validation: tuple[float, ...]


_FIXED = ("order", "bfloat16")  # what is not trained


class _Carry(NamedTuple):
    weights: dict[str, Array]
    optimizer: Any
    best: dict[str, Array]
    best_loss: Array
    best_epoch: Array
    epoch: Array


def fit_continuous(
    key: PRNGKeyArray,
    rows: Float[ArrayLike, "n d"],
    *,
    kind: type[Coupling] | type[Autoregressive] = Coupling,
    depth: int = 5,
    hidden: int = 128,
    bfloat16: bool = False,
    training: Training | None = None,
    validation: Float[ArrayLike, "m d"] | None = None,
    mesh: Mesh | None = None,
) -> ContinuousFit:
    """Fit a flow to continuous rows.

    Args:
        key: Source of the start, of the held-out rows and of the batches.
        rows: (n, d), finite; n >= 2.
        kind: `Coupling`, or `Autoregressive`: closer on few rows, slower per row.
        depth: How many layers.
        hidden: Width of the two hidden layers of each layer's network.
        bfloat16: Whether matrix products are taken in bfloat16, summed in float32.
        training: How to train.
        validation: Rows that choose the best epoch; without them, a share of `rows`.
        mesh: One axis of devices, to share the rows of each batch.

    Returns:
        The flow and its record.

    Raises:
        ValueError: If the rows are not a finite matrix, or too few for the devices.
    """
    training = training or Training()
    data = np.asarray(rows)
    if data.ndim != 2 or len(data) < 2 or not np.isfinite(data).all():
        raise ValueError(f"rows: expected a finite (n, d) matrix, n >= 2, got shape {data.shape}")
    bijection = kind.start(key, data.shape[1], depth=depth, hidden=hidden, bfloat16=bfloat16)
    rng = generator(jax.random.fold_in(key, 1))
    data = data[rng.permutation(len(data))]
    shift, scale = data.mean(0), data.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    z = jnp.asarray((data - shift) / scale, bijection.w1.dtype)
    if validation is None:
        held, z = jnp.split(z, [round(training.held_out * len(z))])
    else:
        held = jnp.asarray((np.asarray(validation) - shift) / scale, z.dtype)
    devices = _devices(mesh)
    n = len(z) // devices * devices
    batch = min(training.batch, n) // devices
    if batch < 1:
        raise ValueError(f"rows: expected at least one per device, got {len(z)} for {devices}")

    # training gives its buffers away, so that it gets copies
    host = {k: np.asarray(v) for k, v in vars(bijection).items() if k not in _FIXED}
    weights, copy = ({k: jnp.array(v) for k, v in host.items()} for _ in range(2))
    steps = n // devices // batch
    # Adam starts from zeros: made on the host, so that nothing is compiled for it
    state = jax.eval_shape(_optimizer(training, steps).init, weights)
    zeros = jax.tree.map(lambda leaf: jnp.asarray(np.zeros(leaf.shape, leaf.dtype)), state)
    best, epoch = (jnp.asarray(np.zeros((), np.int32)) for _ in range(2))
    carry = _Carry(weights, zeros, copy, jnp.asarray(np.inf, z.dtype), best, epoch)
    run = _compiled(_epoch, mesh, training, batch)
    curves: list[tuple[Array, Array, Array]] = []
    for _ in range(training.epochs):
        picks = [rng.permutation(n // devices)[: steps * batch] for _ in range(devices)]
        order = jnp.asarray(np.concatenate(picks), jnp.int32)
        carry, curve = run(carry, bijection, z[:n], order, held)
        curves.append(curve)
        # the epoch before is looked at while this one runs: the device never waits for the host
        if len(curves) > 1 and len(curves) - 1 - int(curves[-2][2]) > training.patience:
            break
    losses, held_losses, chosen = (
        np.asarray(curve).tolist() for curve in zip(*curves, strict=True)
    )
    flow = ContinuousFlow(
        _with(bijection, carry.best), jnp.asarray(shift, z.dtype), jnp.asarray(scale, z.dtype)
    )
    return ContinuousFit(flow, chosen[-1], tuple(losses), tuple(held_losses) if len(held) else ())


def _optimizer(training: Training, steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(training.rate, training.epochs * steps, 0.02))


def _with(bijection: Bijection, weights: dict[str, Array]) -> Bijection:
    changed: Bijection = replace(bijection, **weights)  # type: ignore[arg-type]
    return changed


def _devices(mesh: Mesh | None) -> int:
    return mesh.size if mesh is not None else 1


def _chunk(n: int, mesh: Mesh | None) -> int:
    """Rows that all devices together take at a time."""
    devices = _devices(mesh)
    return devices * min(_most(mesh), -(-n // devices))


def _most(mesh: Mesh | None) -> int:
    """Rows that each device takes at a time."""
    platform = jax.default_backend() if mesh is None else mesh.devices.flat[0].platform
    return CHUNK if platform == "cpu" else CHUNK_ON_CARD


def _standard_normal(z: Float[Array, "d n"]) -> Float[Array, n]:
    return -0.5 * (z * z).sum(0) - 0.5 * len(z) * jnp.log(2.0 * jnp.pi)


def _density(bijection: Bijection, x: Float[Array, "d n"]) -> Float[Array, n]:
    z, log_det = bijection.forward(x)
    return _standard_normal(z) + log_det


def _log_prob(chunk: int, flow: ContinuousFlow, rows: Array, *, axis: str | None) -> Array:
    del axis  # rows do not meet
    z = (rows - flow.shift) / flow.scale
    chunks = z.reshape(-1, chunk, rows.shape[1])
    values: Array = lax.map(lambda x: _density(flow.bijection, x.T), chunks)
    return values.reshape(-1) - jnp.log(flow.scale).sum()


def _sample(size: int, flow: ContinuousFlow, keys: Array, *, axis: str | None) -> Array:
    del axis
    d = len(flow.shift)

    def drawn(key: PRNGKeyArray) -> Array:
        z = jax.random.normal(key, (d, size), flow.shift.dtype)
        return flow.bijection.inverse(z).T

    z: Array = lax.map(drawn, keys).reshape(-1, d)
    return z * flow.scale + flow.shift


def _epoch(
    training: Training,
    batch: int,
    carry: _Carry,
    start: Bijection,
    rows: Array,
    order: Array,
    held: Array,
    *,
    axis: str | None,
) -> tuple[_Carry, tuple[Array, Array, Array]]:
    """One pass over the rows of this device, in the order given."""
    steps = len(order) // batch
    optimizer = _optimizer(training, steps)
    batches = rows[order].reshape(steps, batch, -1).swapaxes(1, 2)

    def loss(weights: dict[str, Array], x: Array) -> Array:
        return -_density(_with(start, weights), x).mean()

    def step(state: tuple[dict[str, Array], Any], x: Array) -> tuple[Any, Array]:
        weights, optimizer_state = state
        value, gradient = jax.value_and_grad(loss)(weights, x)
        if axis is not None:  # one message for all weights
            flat, unflatten = ravel_pytree((value, gradient))
            value, gradient = unflatten(lax.pmean(flat, axis))
        update, optimizer_state = optimizer.update(gradient, optimizer_state, weights)
        return (optax.apply_updates(weights, update), optimizer_state), value

    (weights, state), values = lax.scan(step, (carry.weights, carry.optimizer), batches)
    epoch = carry.epoch + 1
    # without held-out rows the last epoch is the best
    held_loss = loss(weights, held.T) if len(held) else -epoch.astype(values.dtype)
    better = held_loss < carry.best_loss
    best = jax.tree.map(lambda a, b: jnp.where(better, a, b), weights, carry.best)
    best_epoch = jnp.where(better, epoch, carry.best_epoch)
    best_loss = jnp.where(better, held_loss, carry.best_loss)
    carry = _Carry(weights, state, best, best_loss, best_epoch, epoch)
    return carry, (values.mean(), held_loss, best_epoch)


@cache
def _compiled(function: Callable[..., Any], mesh: Mesh | None, *static: Any) -> Callable[..., Any]:
    """`function` for one device, or with its rows or keys divided among those of a mesh."""
    donated = (0,) if function is _epoch else ()
    if mesh is None:
        return jax.jit(partial(function, *static, axis=None), donate_argnums=donated)
    (axis,) = mesh.axis_names
    # of this kind results may be sliced as if they lay on one device
    mesh = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,))
    whole, part = PartitionSpec(), PartitionSpec(axis)
    training = function is _epoch
    places = (whole, whole, part, part, whole) if training else (whole, part)
    run = jax.jit(
        jax.shard_map(
            partial(function, *static, axis=axis),
            mesh=mesh,
            in_specs=places,
            out_specs=(whole, whole) if training else part,
            check_vma=False,
        ),
        donate_argnums=donated,
    )

    def placed(*arguments: Any) -> Any:
        put = zip(arguments, places, strict=True)
        return run(*(jax.device_put(a, NamedSharding(mesh, place)) for a, place in put))

    return placed
