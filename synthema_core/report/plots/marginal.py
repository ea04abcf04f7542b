"""One column: a filled silhouette for the real rows, a line for the synthetic ones."""

from typing import Any

import numpy as np

from .. import ink
from ..pooling import Bars, Bins
from ..ranges import DATES, value

WIDTH, HEIGHT = 250, 150  # CSS pixels
MOST_BARS = 8


def histogram(name: str, bins: Bins, *, kind: str, key: str) -> ink.Inline:
    """Shares per bin, on a common axis."""

    def paint(figure: Any) -> None:
        axes = figure.add_axes(_frame(WIDTH, HEIGHT, left=36))
        axes.stairs(bins.real, bins.edges, fill=True, color=ink.REAL_SOFT)
        axes.stairs(bins.real, bins.edges, color=ink.REAL, linewidth=0.8)
        axes.stairs(bins.synthetic, bins.edges, color=ink.SYNTHETIC, linewidth=1.3)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", nbins=2 if kind in DATES else 4)
        axes.xaxis.set_major_formatter(lambda number, _: value(number, kind))
        axes.locator_params(axis="y", nbins=3)
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")

    label = f"Histogram of column {name}, real against synthetic; figures in the table below it."
    return ink.draw(paint, width=WIDTH, height=HEIGHT, key=key, label=label, framed=True)


def bars(name: str, shown: Bars, *, key: str) -> ink.Inline:
    """Shares per category; beyond `MOST_BARS` the remainder is one bar."""
    labels, real, synthetic = _top(shown)
    labels = [_shorten(label) for label in labels]
    height = HEIGHT if len(labels) <= 5 else 30 + 24 * len(labels)
    left = 10 + 6.6 * max(len(label) for label in labels)  # about a letter's width at this size

    def paint(figure: Any) -> None:
        axes = figure.add_axes(_frame(WIDTH, height, left=left))
        place = np.arange(len(labels))[::-1]
        axes.barh(place + 0.19, real, 0.36, color=ink.REAL)
        axes.barh(place - 0.19, synthetic, 0.36, color=ink.SYNTHETIC)
        axes.set_yticks(place, labels)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, max(len(labels), 2) - 0.4)
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")

    label = f"Categories of column {name}, real against synthetic; figures in the table below it."
    return ink.draw(paint, width=WIDTH, height=height, key=key, label=label, framed=True)


def _top(shown: Bars) -> tuple[list[str], np.ndarray, np.ndarray]:
    """At most `MOST_BARS` bars; the caller puts the most frequent first and the rare last."""
    if len(shown.labels) <= MOST_BARS:
        return list(shown.labels), shown.real, shown.synthetic
    cut = MOST_BARS - 1
    rest = f"{len(shown.labels) - cut} others"
    real = np.append(shown.real[:cut], shown.real[cut:].sum())
    synthetic = np.append(shown.synthetic[:cut], shown.synthetic[cut:].sum())
    return [*shown.labels[:cut], rest], real, synthetic


def _frame(width: float, height: float, *, left: float) -> tuple[float, float, float, float]:
    """Axes in figure fractions, leaving `left` pixels for the labels of the vertical axis."""
    below, above, right = 22, 6, 12
    return (
        left / width,
        below / height,
        (width - left - right) / width,
        (height - below - above) / height,
    )


def _shorten(label: str, most: int = 16) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
