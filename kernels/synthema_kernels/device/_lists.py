"""Short lists of the closest rows, and how they are made and joined."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

NOWHERE = 2**62  # the row number of a place that nothing has taken: behind every real one


class Best(NamedTuple):
    """The closest rows so far, (k, queries) each, ordered by distance, then by row."""

    distance: jax.Array
    rows: jax.Array

    @staticmethod
    def empty(k: int, queries: int) -> "Best":
        """No row at all, infinitely far."""
        return Best(jnp.full((k, queries), jnp.inf), jnp.full((k, queries), NOWHERE))


def smallest(values: jax.Array, rows: jax.Array, count: int) -> Best:
    """The lowest values per query with their rows; of equal values the lower row first.

    A pass per value, each two reductions: few values are asked for, and a sort of all of them, as
    XLA would do it on a card, moves the matrix many times over.

    Args:
        values: (any, queries), infinite where nothing is offered.
        rows: (any, queries) or (any, 1), no row twice per query.
        count: How many to take; missing ones are infinite and `NOWHERE`.
    """

    def take(rest: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        value = rest.min(axis=0)
        at = jnp.where((rest == value) & (rest < jnp.inf), rows, NOWHERE).min(axis=0)
        return jnp.where(rows == at, jnp.inf, rest), (value, at)

    _, (value, at) = lax.scan(take, values, length=count)
    return Best(value, at)


def merge(first: Best, second: Best) -> Best:
    """The closest of two lists over different rows; the order of joining is of no matter."""
    distance = jnp.concatenate([first.distance, second.distance])
    rows = jnp.concatenate([first.rows, second.rows])
    return smallest(distance, rows, len(first.rows))
