"""What the trainings of one fit share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from synthema_kernels import flows

if TYPE_CHECKING:
    from collections.abc import Callable

    import jax

    from .checkpoint import Checkpoint


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
