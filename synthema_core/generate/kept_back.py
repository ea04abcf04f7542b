"""What a generator kept back of its training table, by column: for the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..columns import OPEN, Discrete

if TYPE_CHECKING:
    from ..encoding import Encoder


def kept_back(encoder: Encoder) -> dict[str, dict[str, Any]]:
    """Columns that a protection changed, and how; no value of any of them.

    Returns:
        For a column with levels: how many were pooled, into how many pools, and how many patients
        held one of them. For
        a number: how many single values have a mass of their own (spikes, and multiples on which
        values are heaped), how many smooth pieces lie between, and what became of the tails.
    """
    out: dict[str, dict[str, Any]] = {}
    for name, codec in encoder.codecs.items():
        if isinstance(codec, Discrete):
            levels = codec.levels
            if levels.pools:
                out[name] = {
                    "levels_pooled": sum(map(len, levels.pools)),
                    "pools": len(levels.pools),
                    "patients": sum(levels.held),
                }
        elif codec.number.protection != OPEN:
            atoms = [c.marginal.left == c.marginal.right for c in codec.number.curves]
            out[name] = {
                "repeated_values_kept": sum(int(a.sum()) for a in atoms),
                "pieces": sum(int((~a).sum()) for a in atoms),
                "tails": codec.number.protection.tails,
            }
    return out
