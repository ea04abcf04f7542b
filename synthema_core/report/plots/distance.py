"""How close the synthetic table comes to people the generator saw, and to people it did not."""

from typing import Any

import numpy as np

from .. import ink


def distances(
    edges: np.ndarray, train: np.ndarray, holdout: np.ndarray | None, *, key: str
) -> ink.Inline:
    """Histogram and running share of real rows by distance to their closest synthetic row.

    Args:
        edges: (b + 1,) bin edges of the distance.
        train: (b,) share of the training rows per bin.
        holdout: (b,) share of the holdout rows per bin, or None.
        key: Prefix of the element ids.
    """

    def paint(figure: Any) -> None:
        density, running = figure.subplots(1, 2)
        density.stairs(train, edges, fill=True, color=ink.REAL_SOFT)
        density.stairs(train, edges, color=ink.REAL, linewidth=1)
        running.plot(edges, _running(train), color=ink.REAL, linewidth=1.6)
        if holdout is not None:
            dashes = (0, (4, 1.5))
            density.stairs(holdout, edges, color=ink.HOLDOUT, linewidth=1.5, linestyle=dashes)
            share = _running(holdout)
            running.plot(edges, share, color=ink.HOLDOUT, linewidth=1.6, linestyle=dashes)
        density.set_title("Share per bin", loc="left")
        running.set_title("Share at or below", loc="left")
        running.set_ylim(0, 1.005)
        for axes in (density, running):
            axes.set_xlim(min(0.0, edges[0]), edges[-1])
            axes.set_ylim(bottom=0)
            axes.set_xlabel("Distance to the closest synthetic row")
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")

    who = "training rows" if holdout is None else "training rows and of holdout rows"
    label = f"Distance of {who} to their closest synthetic row; figures in the table below it."
    return ink.draw(paint, width=820, height=280, key=key, label=label)


def _running(shares: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(shares)])
