"""Quality against privacy, a panel a table, drawn from the tables of docs/generators.md."""

from collections.abc import Mapping
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from bench.generators_page import COLUMNS, LABELS, PAGE, Table, number

LOOKS = {  # Okabe and Ito's colors, which color-blind readers tell apart
    "flow": ("ours", "#D55E00", "o", 110),
    "cart": ("CART", "#0072B2", "s", 50),
    "arf": ("ARF", "#009E73", "^", 50),
    "tvae": ("TVAE", "#CC79A7", "P", 50),
    "ctgan": ("CTGAN", "#E69F00", "X", 50),
    "gaussian_copula": ("Gaussian copula", "#56B4E9", "D", 45),
    "tabularargn": ("TabularARGN", "#F0E442", "v", 45),
    "tabddpm": ("TabDDPM", "#8B5A2B", "<", 45),
    "avatar": ("avatar", "#000000", "*", 80),
    "marginals": ("marginals", "#999999", "x", 50),
}


def point(table: Table, generator: str) -> list[tuple[float, float] | None]:
    """C2ST and membership AUC of a generator, each with its standard deviation."""
    row = table.rows.get(LABELS[generator], {})
    return [number(row.get(COLUMNS[measure], "–")) for measure in ("c2st", "membership")]


def draw(shown: Mapping[str, Table]) -> None:
    """One panel a table: C2ST AUC to the right, membership AUC upwards; best is bottom left."""
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    with plt.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold"}):
        figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(3.7 * columns, 3.1 * rows + 0.4),
            squeeze=False,
            sharex=True,
            sharey=True,
        )
        for (name, table), axis in zip(shown.items(), axes.flat, strict=False):
            axis.set_title(f"{name} ({table.facts.split()[0]} train)")
            axis.axhspan(0.45, 0.55, color="#EEF3EE", zorder=0)
            for generator, (label, color, marker, size) in LOOKS.items():
                c2st, member = point(table, generator)
                if c2st is None or member is None:
                    continue
                axis.errorbar(
                    c2st[0], member[0], xerr=c2st[1], yerr=member[1], color=color, linewidth=0.8
                )
                axis.scatter(c2st[0], member[0], s=size, color=color, marker=marker, label=label)
            real, _ = point(table, "fresh")
            if real is not None:
                axis.axvline(real[0], color="#999999", linestyle=":", linewidth=1)
            axis.set_xlim(0.44, 1.02)
            axis.spines[["top", "right"]].set_visible(False)
        for axis in axes.flat[len(shown) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("membership AUC")
        for axis in axes[-1]:
            axis.set_xlabel("C2ST AUC, 0.5: not told from real")
        handles: dict[str, Any] = {}
        for axis in axes.flat:
            handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
        figure.legend(
            handles.values(), handles.keys(), loc="lower center", ncols=len(handles), frameon=False
        )
        figure.tight_layout(rect=(0, 0.3 / (3.1 * rows + 0.4), 1, 1))
        path = PAGE.parent / "images" / "generators.png"
        figure.savefig(path, dpi=130)
    plt.close(figure)
    print(path)
