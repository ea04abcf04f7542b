"""Rows that break no rule: draw, keep what is allowed, draw again, and keep an account of it.

Whole rows are drawn again, never single columns: what comes out is then exactly the generator's
distribution given that the rules hold. Redrawing the columns of a broken rule alone would keep the
others as they were drawn without it, and shift every relation between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ..errors import RuleError
from ..rules import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..rules import Rule
    from .conditions import Wanted

MIN_ACCEPTED = 1e-4  # below this share of accepted draws the request is refused
FIRST_LOOK = 20_000  # … but not before so many draws
COMPARED = 50_000  # draws that the shift is measured on
BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Redraw:
    """What rules and conditions refused while a table was drawn.

    Attributes:
        drawn: Rows that were drawn.
        kept: Rows that broke no rule and met the conditions.
        unmet: Rows that did not meet the caller's conditions.
        refused: Rows that met them and broke a rule.
        by_rule: Rows that broke each rule, by its sentence; only rules that some row broke.
        shift: How far redrawing moved the column that it moved most: total variation distance
            between all draws that meet the conditions and those kept, numbers in twentieths.
        shifted: That column; None where nothing was refused.
    """

    drawn: int
    kept: int
    unmet: int
    refused: int
    by_rule: tuple[tuple[str, int], ...]
    shift: float
    shifted: str | None

    @property
    def rate(self) -> float:
        """Share of the rows meeting the conditions that a rule refused: drawn again."""
        return self.refused / max(self.drawn - self.unmet, 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "drawn": self.drawn,
            "kept": self.kept,
            "unmet": self.unmet,
            "refused": self.refused,
            "rate": self.rate,
            "by_rule": dict(self.by_rule),
            "shift": self.shift,
            "shifted": self.shifted,
        }


@dataclass(slots=True)
class Stream:
    """Accepted rows as they come, and the account of the others.

    Attributes:
        draw: Gives the draws of a turn 0, 1, 2, …
        rules: Rules none of which a row may break.
        wanted: Conditions every row must meet.
    """

    draw: Callable[[int], pl.DataFrame]
    rules: Sequence[Rule]
    wanted: Wanted
    drawn: int = 0
    kept: int = 0
    unmet: int = 0
    refused: int = 0
    broken_by: np.ndarray = field(init=False)
    _seen: list[tuple[pl.DataFrame, pl.DataFrame]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.broken_by = np.zeros(len(self.rules), np.int64)

    def take(self, n: int) -> Iterator[pl.DataFrame]:
        """The first n draws that break no rule and meet the conditions, in parts.

        Raises:
            RuleError: If fewer than one draw in 10,000 is accepted; it names the rule that refuses
                most.
        """
        turn = have = 0
        while have < n or not turn:
            table = self.draw(turn)
            breaks = broken(table, self.rules)
            met = self.wanted.met(table)
            bad = breaks.any(1)
            good = table.filter(pl.Series(met & ~bad))
            if self.drawn < COMPARED:
                self._seen.append((good, table.filter(pl.Series(met & bad))))
            self.drawn, self.kept = self.drawn + table.height, self.kept + good.height
            self.unmet += int((~met).sum())
            self.refused += int((met & bad).sum())
            self.broken_by += breaks.sum(0)
            if self.drawn >= FIRST_LOOK and self.kept < MIN_ACCEPTED * self.drawn:
                raise RuleError(self._refusal())
            yield good.head(n - have)
            have, turn = have + good.height, turn + 1

    def account(self) -> Redraw:
        """What was refused so far."""
        sentences = [
            (r.sentence(), int(c)) for r, c in zip(self.rules, self.broken_by, strict=True)
        ]
        shift, shifted = 0.0, None
        if self.refused:
            kept = pl.concat(good for good, _ in self._seen)
            refused = pl.concat(bad for _, bad in self._seen)
            share = refused.height / max(kept.height + refused.height, 1)
            for name in kept.columns:
                moved = share * _apart(kept[name], refused[name])
                if moved > shift:
                    shift, shifted = moved, name
        return Redraw(
            drawn=self.drawn,
            kept=self.kept,
            unmet=self.unmet,
            refused=self.refused,
            by_rule=tuple(pair for pair in sentences if pair[1]),
            shift=shift,
            shifted=shifted,
        )

    def _refusal(self) -> str:
        message = f"sample: {self.kept} of {self.drawn} draws were accepted."
        if self.wanted.conditions:
            message += f" {self.unmet} did not meet: {self.wanted.sentence()}."
        if self.broken_by.any():
            worst = int(self.broken_by.argmax())
            message += (
                f" {int(self.broken_by[worst])} broke the rule: {self.rules[worst].sentence()}."
            )
        return message + " Loosen the conditions, or correct the rule."


def _apart(kept: pl.Series, refused: pl.Series) -> float:
    """Total variation distance between two samples of a column; 0 if either is empty.

    With a share r refused, all draws are r of the refused and 1 - r of the kept; their distance
    from the kept is r times this one.
    """
    if not kept.len() or not refused.len():
        return 0.0
    if kept.dtype.is_temporal():
        kept, refused = kept.to_physical(), refused.to_physical()
    if kept.dtype.is_numeric() and kept.n_unique() > BINS:
        known = kept.drop_nulls().to_numpy()
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
        kept, refused = (
            pl.Series(np.where(s.is_null(), -1, np.searchsorted(edges, s.fill_null(0).to_numpy())))
            for s in (kept, refused)
        )
    shares = [
        s.alias("v").cast(pl.String).value_counts(normalize=True, name="share")
        for s in (kept, refused)
    ]
    both = shares[0].join(shares[1], on="v", how="full", nulls_equal=True).fill_null(0.0)
    gaps = (both["share"] - both["share_right"]).abs().sort()  # sorted: the same sum every time
    return float(gaps.sum()) / 2
