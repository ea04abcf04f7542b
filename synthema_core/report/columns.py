"""One column's picture, its caption and its table of figures."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..fidelity.marginal import ColumnShape
from . import plots
from .figures import count, number, percent
from .ink import Inline
from .pooling import Bars, Bins, pool_categories, pool_tails, printed

MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the page shows of one column."""

    key: str
    name: str
    error: str
    baseline: str
    missing: str
    n: str
    n_synthetic: str
    picture: Inline
    head: list[str]
    rows: list[tuple[str, str, str]]


def picture(shape: ColumnShape, *, key: str) -> Picture:
    """Draw a column as bars or as a histogram, with rare groups pooled."""
    if shape.edges is None:
        bars = _bars(shape)
        drawn = plots.bars(shape.name, bars, key=key)
        rows = _rows(bars.labels, bars)
    else:
        bins = pool_tails(shape.edges, shape.real, shape.synthetic, n_real=shape.n_real)
        drawn = plots.histogram(shape.name, bins, key=key)
        rows = _rows(_ranges(bins), bins)
    absent = ""
    if shape.missing_real or shape.missing_synthetic:
        absent = (
            f"{printed(shape.missing_real, round(shape.missing_real * shape.n_real))} real, "
            f"{percent(shape.missing_synthetic)} synthetic"
        )
    return Picture(
        key=key,
        name=shape.name,
        error=number(shape.error),
        baseline="" if shape.baseline is None else number(shape.baseline),
        missing=absent,
        n=count(shape.n_real),
        n_synthetic=count(shape.n_synthetic),
        picture=drawn,
        head=["Value", "real", "synthetic"],
        rows=rows,
    )


def _bars(shape: ColumnShape) -> Bars:
    labels, real, synthetic = shape.labels or (), shape.real, shape.synthetic
    if shape.missing_real or shape.missing_synthetic:
        labels = (*labels, MISSING)
        real = np.append(real, shape.missing_real)
        synthetic = np.append(synthetic, shape.missing_synthetic)
    return pool_categories(labels, real, synthetic, n_real=shape.n_real)


def _ranges(bins: Bins) -> tuple[str, ...]:
    """Names of the bins; the outer two are open. A bin around one whole number has its name."""
    edges = bins.edges
    if len(edges) > 2 and np.array_equal(edges % 1, np.full(len(edges), 0.5)):
        whole = [f"{low + 0.5:.0f}" for low in edges[:-1]]
        if np.array_equal(np.diff(edges), np.ones(len(edges) - 1)):
            return (f"≤ {whole[0]}", *whole[1:-1], f"≥ {whole[-1]}")
    show = [f"{edge:.4g}" for edge in bins.edges]
    if len(show) == 2:
        return ("all values",)
    inner = [f"{low} to {high}" for low, high in pairwise(show[1:-1])]
    return (f"< {show[1]}", *inner, f"≥ {show[-2]}")


def _rows(labels: tuple[str, ...], shown: Bars | Bins) -> list[tuple[str, str, str]]:
    values = zip(labels, shown.real_counts, shown.real, shown.synthetic, strict=True)
    return [
        (label, printed(float(real), int(held)), percent(float(twin)))
        for label, held, real, twin in values
    ]
