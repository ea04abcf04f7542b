"""Kaplan-Meier and cumulative-incidence curves, real against synthetic."""

from typing import Any

import numpy as np

from .. import ink
from ..ranges import value


def curves(
    times: np.ndarray,
    real: np.ndarray,
    synthetic: np.ndarray,
    *,
    band: tuple[np.ndarray, np.ndarray] | None,
    what: str,
    unit: str | None,
    key: str,
) -> ink.Inline:
    """Step curves, the real one with its pointwise 95 % band.

    Args:
        times: (g,) ascending.
        real: (g,) probability for the real rows.
        synthetic: (g,) probability for the synthetic rows.
        band: Lower and upper limit of the real curve, each (g,).
        what: What the vertical axis shows.
        unit: Unit of the times, if it is known.
        key: Prefix of the element ids.
    """

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        if band is not None:
            axes.fill_between(times, *band, step="post", color=ink.REAL_SOFT, linewidth=0)
        axes.step(times, real, where="post", color=ink.REAL, linewidth=1.6)
        axes.step(
            times, synthetic, where="post", color=ink.SYNTHETIC, linewidth=1.6, dashes=(5, 1.4)
        )
        axes.set(xlim=(0, float(times[-1]) or 1.0), ylim=(0, 1.005))
        axes.set_xlabel(f"Time, {unit}" if unit else "Time, in the unit of its column")
        axes.set_ylabel(what)
        axes.xaxis.set_major_formatter(lambda number, _: value(number))
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")

    label = f"{what} over time, real against synthetic; figures in the table below it."
    return ink.draw(paint, width=470, height=300, key=key, label=label)
