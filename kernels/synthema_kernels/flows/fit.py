"""Training one member: compiled stretches of steps, the best step on held-out rows kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from .density import Member, Structure, log_prob

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Array, Int, PRNGKeyArray

    from .rows import Layout, MixedRows

STRETCH = 4  # evaluations per compiled call: the host looks up once per stretch, never per step


@dataclass(frozen=True)
class Settings:
    """How a member is trained. Hashable: a static argument.

    Attributes:
        steps: Most optimizer steps; the rate follows a cosine over them.
        batch: Rows per step, drawn with replacement.
        rate: First learning rate.
        linear: Share of the rate at which the linear part moves, which starts at its ridge fit.
        weight_decay: Of AdamW.
        dropout: Share of hidden units left out in training.
        every: Steps between two looks at the held-out rows.
        patience: Looks without improvement before training stops.
    """

    steps: int = 1500
    batch: int = 128
    rate: float = 1e-3
    linear: float = 0.1
    weight_decay: float = 1e-4
    dropout: float = 0.3
    every: int = 25
    patience: int = 16


@dataclass(frozen=True)
class Fitted:
    """A trained member and how it came about.

    Attributes:
        member: The weights of the best step on the held-out rows.
        best_step: That step.
        train: Mean training loss in nats per row of each look.
        validation: Loss in nats per row on the held-out rows at each look, the first before any
            step.
    """

    member: Member
    best_step: int
    train: tuple[float, ...]
    validation: tuple[float, ...]


class _Carry(NamedTuple):
    member: dict[str, Array]
    optimizer: Any
    best: dict[str, Array]
    best_loss: Array
    best_step: Array
    step: Array


_FROZEN = "position"


def _split(member: Member) -> dict[str, Array]:
    return {k: jnp.array(v) for k, v in vars(member).items() if k != _FROZEN}


def _optimizer(settings: Settings) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(settings.rate, settings.steps, 0.02)
    return optax.chain(
        optax.clip_by_global_norm(5.0), optax.adamw(rate, weight_decay=settings.weight_decay)
    )


@partial(jax.jit, static_argnames=("layout",))
def _loss(member: Member, structure: Structure, rows: MixedRows, layout: Layout) -> Array:
    return -log_prob(member, structure, rows, layout).mean()


@partial(jax.jit, static_argnames=("layout", "settings"), donate_argnames=("carry",))
def _stretch(
    carry: _Carry,
    position: Int[Array, variables],
    structure: Structure,
    train: MixedRows,
    held_out: MixedRows,
    key: PRNGKeyArray,
    layout: Layout,
    settings: Settings,
) -> tuple[_Carry, tuple[Array, Array]]:
    """STRETCH looks of `every` steps each, without a word to the host."""
    optimizer = _optimizer(settings)
    n = train.codes.shape[1]

    def loss(weights: dict[str, Array], rows: MixedRows, key: PRNGKeyArray) -> Array:
        member = Member(position=position, **weights)
        values = log_prob(member, structure, rows, layout, dropout=settings.dropout, key=key)
        return -values.mean()

    def step(carry: _Carry, _: None) -> tuple[_Carry, Array]:
        pick, drop = jax.random.split(jax.random.fold_in(key, carry.step))
        rows = train.take(jax.random.randint(pick, (settings.batch,), 0, n))
        value, gradient = jax.value_and_grad(loss)(carry.member, rows, drop)
        update, state = optimizer.update(gradient, carry.optimizer, carry.member)
        update = {**update, "skip": settings.linear * update["skip"]}
        member = optax.apply_updates(carry.member, update)
        return carry._replace(member=member, optimizer=state, step=carry.step + 1), value

    def look(carry: _Carry, _: None) -> tuple[_Carry, tuple[Array, Array]]:
        carry, values = lax.scan(step, carry, None, length=settings.every)
        held = _loss(Member(position=position, **carry.member), structure, held_out, layout)
        better = held < carry.best_loss
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), carry.member, carry.best)
        carry = carry._replace(
            best=best,
            best_loss=jnp.where(better, held, carry.best_loss),
            best_step=jnp.where(better, carry.step, carry.best_step),
        )
        return carry, (values.mean(), held)

    return lax.scan(look, carry, None, length=STRETCH)


def fit(
    member: Member,
    structure: Structure,
    train: MixedRows,
    held_out: MixedRows,
    layout: Layout,
    settings: Settings,
    *,
    key: PRNGKeyArray,
    on_steps: Callable[[int], None] | None = None,
) -> Fitted:
    """Train a member until the held-out rows no longer gain.

    Args:
        member: Where to start; see `copula_member`.
        structure: Certainties and wide cells.
        train: Rows the steps are drawn from.
        held_out: Rows that choose the best step; they are never stepped on.
        layout: The variables.
        settings: How to train.
        key: Source of batches and dropout.
        on_steps: Called now and then with the number of steps just done.

    Returns:
        The best member on the held-out rows and its curves.
    """
    weights = _split(member)
    first = _loss(member, structure, held_out, layout)
    carry = _Carry(
        weights,
        _optimizer(settings).init(weights),
        jax.tree.map(jnp.copy, weights),
        first,
        jnp.asarray(0, jnp.int32),
        jnp.asarray(0, jnp.int32),
    )
    position = jnp.asarray(member.position)
    curves: tuple[list[float], list[float]] = ([], [float(first)])
    stretch = STRETCH * settings.every
    for _ in range(-(-settings.steps // stretch)):
        carry, (losses, held) = _stretch(
            carry, position, structure, train, held_out, key, layout, settings
        )
        curves[0].extend(np.asarray(losses).tolist())
        curves[1].extend(np.asarray(held).tolist())
        if on_steps is not None:
            on_steps(stretch)
        if int(carry.step) - int(carry.best_step) >= settings.patience * settings.every:
            break
    best = replace(member, **carry.best)
    return Fitted(best, int(carry.best_step), tuple(curves[0]), tuple(curves[1]))
