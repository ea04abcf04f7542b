"""Seconds against rows, us and the rivals, from the records of `bench.neighbors`."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.neighbors_plan import KINDS
from bench.neighbors_tables import partial, seconds

PANELS = ("gauss-8", "gauss-32", "gauss-128", "lowdim-32", "real-32", "mixed")
# Okabe and Ito's colors, which color-blind readers tell apart; and a marker for each engine.
LOOKS = {
    "synthema": ("#D55E00", "o"),
    "oneDAL brute": ("#0072B2", "s"),
    "oneDAL kd-tree": ("#56B4E9", "D"),
    "FAISS flat": ("#009E73", "^"),
    "FAISS flat, k = 1": ("#009E73", "v"),
    "scikit-learn brute": ("#CC79A7", "P"),
    "SciPy cKDTree": ("#E69F00", "X"),
    "pykdtree": ("#000000", "*"),
    "SciPy cdist, chunks": ("#E69F00", "h"),
    "anonymeter": ("#0072B2", "p"),
    "syntheval": ("#009E73", "<"),
    "gower, arrays": ("#CC79A7", ">"),
    "gower, data frames": ("#56B4E9", "d"),
    "sdmetrics DCR": ("#000000", "8"),
}


def draw(records: list[dict], path: Path) -> None:
    """One panel a kind of data, with the most threads; hollow markers are scaled times."""
    shown = [name for name in PANELS if any(x["case"] == name for x in records)]
    if not shown:
        raise SystemExit(f"bench.neighbors: none of {', '.join(PANELS)} among the results")
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    with plt.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold"}):
        figure, axes = plt.subplots(
            rows, columns, figsize=(3.9 * columns, 3.3 * rows + 0.9), squeeze=False
        )
        for name, axis in zip(shown, axes.flat, strict=False):
            _panel(axis, name, [x for x in records if x["case"] == name and "wall" in x])
        for axis in axes.flat[len(shown) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("seconds")
        _share_range([axis for name, axis in zip(shown, axes.flat, strict=False) if _numbers(name)])
        _legend(figure, axes.flat)
        figure.savefig(path, dpi=150)
    plt.close(figure)
    print(path)


def _panel(axis: Axes, name: str, records: list[dict]) -> None:
    most = max(x["threads"] for x in records)
    records = [x for x in records if x["threads"] == most]
    for engine, (color, marker) in LOOKS.items():
        points = sorted((x for x in records if x["engine"] == engine), key=lambda x: x["n"])
        if not points:
            continue
        ours = engine == "synthema"
        n, wall = [x["n"] for x in points], [seconds(x) for x in points]
        dashed = "--" if engine.endswith("k = 1") else "-"
        width, order = (2.4, 5) if ours else (1.1, 3)
        axis.plot(n, wall, dashed, color=color, linewidth=width, zorder=order)
        for x, y, point in zip(n, wall, points, strict=True):
            inside = "white" if partial(point) else color
            axis.plot(
                x, y, marker, color=color, markerfacecolor=inside, markersize=7 if ours else 5.5,
                zorder=order + 1, label=engine,
            )  # fmt: skip
    axis.set(xscale="log", yscale="log")
    title = KINDS[name].title.replace("numeric + 16 categorical columns", "+ 16 mixed columns")
    axis.set_title(title, loc="left")
    axis.set_xlabel("rows, queries = pool")
    ticks = sorted({x["n"] for x in records})
    axis.set_xticks(ticks, [_rows(x) for x in ticks])
    axis.set_xlim(ticks[0] / 1.35, ticks[-1] * 1.35)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_locator(LogLocator(numticks=12))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axis.grid(color="0.9", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)


def _numbers(name: str) -> bool:
    return KINDS[name].numbers


def _share_range(axes: list[Axes]) -> None:
    """The same seconds at the same height, so that panels can be compared."""
    ends = [end for axis in axes for end in axis.get_ylim()]
    for axis in axes:
        axis.set_ylim(min(ends), max(ends))


def _legend(figure: plt.Figure, axes: Iterable[Axes]) -> None:
    handles = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for handle in handles.values():
        handle.set_markerfacecolor(handle.get_color())
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    names = [x for x in LOOKS if x in handles]
    note = "hollow: fewer queries, time scaled by their number"
    figure.legend(
        [handles[x] for x in names], names, loc="lower center", ncol=5, frameon=False, title=note
    )


def _rows(n: int) -> str:
    return f"{n // 1000}k" if n >= 1000 else str(n)
