"""Which associations the synthetic table weakened or invented: a map over all pairs of columns."""

from typing import Any

import numpy as np

from .. import ink

MOST_LABELS = 48  # beyond this many columns the labels would be too small to read


def difference_map(names: tuple[str, ...], difference: np.ndarray, *, key: str) -> ink.Inline:
    """Synthetic minus real association for every pair.

    Args:
        names: c columns, in the order of the map.
        difference: (c, c) in [-1, 1]; NaN where the association is not defined.
        key: Prefix of the element ids.
    """
    labelled = len(names) <= MOST_LABELS
    known = np.abs(difference[np.isfinite(difference)])
    # One pair of rare mutations can differ by 1; the scale must not fade all the others for it.
    reach = max(0.1, float(np.quantile(known, 0.99))) if known.size else 0.1
    clipped = known.size > 0 and known.max() > reach
    below, above = ("≤ ", "≥ ") if clipped else ("", "")

    def paint(figure: Any) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        shades = LinearSegmentedColormap.from_list("report", [ink.REAL, ink.PAPER, ink.SYNTHETIC])
        axes = figure.subplots()
        picture = np.ma.masked_invalid(difference)
        image = axes.imshow(
            picture,
            cmap=shades.with_extremes(bad="#d9d5ce"),
            vmin=-reach,
            vmax=reach,
            interpolation="none",
        )
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=3)
        if labelled:
            size = {"fontsize": (11 if len(names) <= 30 else 9.5) * 0.75}
            short = [name if len(name) <= 22 else name[:21] + "…" for name in names]
            axes.set_xticks(range(len(names)), short, rotation=90, **size)
            axes.set_yticks(range(len(names)), short, **size)
        else:
            axes.set_xticks([])
            axes.set_yticks([])
        bar = figure.colorbar(image, ax=axes, shrink=0.45, aspect=22, pad=0.02, anchor=(0, 1))
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0)
        bar.set_ticks(
            [-reach, 0, reach], labels=[f"{below}−{reach:.2f}", "0", f"{above}+{reach:.2f}"]
        )

    side = int(np.clip(190 + 17 * len(names), 380, 940)) if labelled else 560
    label = (
        f"Map of {len(names)} by {len(names)} columns: synthetic minus real association of each "
        f"pair, colored from minus {reach:.2f} to plus {reach:.2f}. "
        "The table below it has the worst pairs."
    )
    return ink.draw(paint, width=side + 70, height=side, key=key, label=label)
