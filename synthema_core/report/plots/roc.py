"""The attacker's trade-off, on plain axes and where it matters: at low false-positive rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ink

LOWEST = 1e-3
STYLES = (  # color, width and dashes of the first, the second and the third curve
    (ink.REAL, 1.6, "solid"),
    (ink.SYNTHETIC, 1.6, (0, (5, 1.5))),
    (ink.HOLDOUT, 1.6, (0, (1.2, 1.2))),
)


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """One attack's curve: (k,) ascending false-positive rates, and the rate of members found."""

    fpr: np.ndarray
    tpr: np.ndarray


def roc(curves: Sequence[Roc], *, n_controls: int, key: str, of: str = "membership") -> ink.Inline:
    """ROC of up to three attacks, with the low-FPR corner on logarithmic axes.

    Args:
        curves: The first in front.
        n_controls: People behind the FPR; below 1 / n_controls it cannot be resolved.
        key: Prefix of the element ids.
        of: What the attack is after, for the label.
    """

    def paint(figure: Any) -> None:
        whole, corner = figure.subplots(1, 2)
        straight = np.array([0.0, 1.0])
        whole.plot(straight, straight, color=ink.RULE, linewidth=1, dashes=(4, 3))
        low = max(LOWEST, 1 / max(n_controls, 1))
        grid = np.geomspace(LOWEST, 1, 200)
        corner.plot(grid, grid, color=ink.RULE, linewidth=1, dashes=(4, 3))
        for curve, (color, width, line) in reversed(list(zip(curves, STYLES, strict=False))):
            look = {"color": color, "linewidth": width, "linestyle": line}
            whole.plot(curve.fpr, curve.tpr, **look)
            seen = np.interp(grid, curve.fpr, curve.tpr)
            corner.plot(grid, np.maximum(seen, LOWEST), **look)
        whole.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
        whole.set_title("Whole curve", loc="left")
        if low > LOWEST:
            corner.axvspan(LOWEST, low, color="#eceef0", linewidth=0, zorder=0)
        corner.set(xscale="log", yscale="log", xlim=(LOWEST, 1), ylim=(LOWEST, 1.05))
        corner.set_aspect("equal")
        ticks = [0.001, 0.01, 0.1, 1]
        names = ["0.1%", "1%", "10%", "100%"]
        corner.set_xticks(ticks, names)
        corner.set_yticks(ticks, names)
        corner.set_title("Low false-positive corner (log axes)", loc="left")
        for at in (0.01, 0.1):
            corner.axvline(at, color=ink.RULE, linewidth=0.6, zorder=0)
        for axes in (whole, corner):
            axes.set_xlabel("False-positive rate: outsiders called members")
            axes.set_ylabel("True-positive rate")
        for axis in (whole.xaxis, whole.yaxis):
            axis.set_major_formatter(lambda value, _: f"{100 * value:g}%")

    label = (
        f"ROC curve of the {of} attack, whole and in its low false-positive corner on "
        "logarithmic axes; the dashed diagonal is guessing."
    )
    return ink.draw(paint, width=820, height=400, key=key, label=label)
