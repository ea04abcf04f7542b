"""What the trainings of one fit share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from synthema_kernels import flows

if TYPE_CHECKING:
    from collections.abc import Callable

    import jax

    from .checkpoint import Checkpoint


PATIENCE = 12  # looks of 25 steps


def settings_for(n: int, *, margin: float) -> flows.Settings:
    """What training on n rows compiles for."""
    return flows.Settings(batch=int(np.clip(n // 8, 64, 256)), patience=PATIENCE, margin=margin)


def pace_for(n: int, *, steps: int, dropout: float | None) -> flows.Pace:
    """How members move on n rows: the fewer there are, the slower, with more left out.

    Two thousand rows carry the full rate; fewer are soon known by heart, and a linear part that
    already fits them is hardly moved. Compared on halves of public tables: docs/generators.md.

    Args:
        n: Training rows.
        steps: Most optimizer steps.
        dropout: Share of hidden units left out; None follows the number of rows.
    """
    return flows.Pace(
        steps=steps,
        rate=3e-3 * min(1.0, (n / 2000) ** 0.5),
        linear=min(0.1, n / 80_000),
        dropout=min(0.6, 400 / n) if dropout is None else dropout,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """A table, what training compiles for, and who hears of it.

    Attributes:
        structure: Certainties and wide cells.
        rows: All rows.
        layout: Their variables.
        settings: What training compiles for.
        kept: Where it stands.
        on_steps: Called with the number of steps just done.
    """

    structure: flows.Structure
    rows: flows.MixedRows
    layout: flows.Layout
    settings: flows.Settings
    kept: Checkpoint
    on_steps: Callable[[int], None]

    def __call__(
        self,
        stage: str,
        members: flows.Member,
        fold: flows.Fold,
        pace: flows.Pace,
        keys: jax.Array,
    ) -> flows.Fitted:
        """Train stacked members, from where a stage of this name stood."""
        return flows.fit(
            members,
            self.structure,
            self.rows,
            fold,
            self.layout,
            self.settings,
            pace,
            keys=keys,
            on_steps=self.on_steps,
            since=self.kept.since(stage),
            on_progress=partial(self.kept.keep, stage),
        )
