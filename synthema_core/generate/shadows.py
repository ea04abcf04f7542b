"""Shadow flows: many small flows, each trained on its own part of the same candidates.

What a flow thinks of a patient it has seen, beside what it thinks of the same patient when it has
not, is what a likelihood-ratio attack needs (Carlini et al., 2022, arXiv 2112.03570). All shadows
read the candidates through one encoder and are trained by one compiled program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import tables
from ..errors import MissingExtra, SynthemaError
from .model import layout_of

try:
    import jax

    from synthema_kernels import flows

    from .starting import copula_members, mixed_rows, structure_of
except ImportError as error:  # pragma: no cover - needs an environment without the extra
    raise MissingExtra(
        "shadow flows need the flows extra. Run: pip install 'synthema-core[flows]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..encoding import Encoder

MIN_SEEN = 20  # candidates that each shadow must be trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSettings:
    """How each shadow is trained: fewer and larger steps than a generator's, none held out.

    Attributes:
        steps: Optimizer steps, rounded up to whole stretches of 100.
        hidden: Width of the two hidden layers.
        rate: First learning rate.
        dropout: Share of hidden units left out in training.
        ridge: Penalty of the regressions that training starts from, in rows per feature.
        orders: Family of the orders.
    """

    steps: int = 400
    hidden: int = 64
    rate: float = 2e-3
    dropout: float = 0.2
    ridge: float = 1.0
    orders: flows.Family = "numbers_first"


def shadow_scores(
    encoder: Encoder,
    table: object,
    include: NDArray[np.bool_],
    *,
    seed: int,
    settings: ShadowSettings | None = None,
    on_steps: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Log-probability of every candidate under shadow flows that have seen some of them.

    Args:
        encoder: How candidates are read. The attacked model's own: its scores are then on the same
            cells as the shadows'.
        table: n candidates, any Arrow table with the schema's columns.
        include: (k, n) which candidates each of k shadows is trained on.
        seed: Of orders, weights, batches. Same seed, same scores on the same platform.
        settings: How each shadow is trained.
        on_steps: Called now and then with the number of steps just done, one shadow at a time.

    Returns:
        (k, n) nats.

    Raises:
        SynthemaError: If `include` is not (k, n), or a shadow would see fewer than 20 candidates.
        SchemaError: If the table and the encoder disagree.
    """
    settings = settings or ShadowSettings()
    frame = tables.as_frame(table, name="table")
    include = np.asarray(include, bool)
    if include.ndim != 2 or include.shape[1] != frame.height or not len(include):
        raise SynthemaError(
            f"include: expected (shadows, {frame.height}), got {include.shape}. One row per "
            "shadow, one column per candidate."
        )
    fewest = int(include.sum(1).min())
    if fewest < MIN_SEEN:
        raise SynthemaError(
            f"include: expected at least {MIN_SEEN} candidates in each shadow, got {fewest}."
        )
    layout = layout_of(encoder)
    rows = mixed_rows(encoder.flow(frame))
    structure = structure_of(encoder, fewest)
    rngs = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(len(include))]
    members = copula_members(
        encoder,
        rows,
        include.astype(np.float64),
        rngs,
        orders=settings.orders,
        hidden=settings.hidden,
        ridge=settings.ridge,
    )
    fitted = flows.fit(
        members,
        structure,
        rows,
        flows.Fold.of(include),
        layout,
        flows.Settings(batch=int(np.clip(fewest // 8, 32, 256))),
        flows.Pace(steps=settings.steps, rate=settings.rate, dropout=settings.dropout),
        keys=jax.random.split(jax.random.key(seed), len(include)),
        on_steps=on_steps,
    )
    return flows.log_probs(fitted.members, structure, rows, layout)
