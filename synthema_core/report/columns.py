"""One column's picture, its caption and its table of figures."""

from dataclasses import dataclass, replace

import numpy as np

from ..fidelity.marginal import ColumnShape
from . import plots
from .figures import count, number, percent
from .ink import Inline
from .pooling import Bars, Bins, pool_bins, pool_categories, printed
from .ranges import ranges

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
        bins = pool_bins(shape.edges, shape.real, shape.synthetic, n_real=shape.n_real)
        drawn = plots.histogram(shape.name, bins, kind=shape.kind, key=key)
        rows = _rows(ranges(bins.edges, shape.kind), bins)
    absent = ""
    if shape.missing_real or shape.missing_synthetic:
        absent = (
            f"{printed(shape.missing_real, round(shape.missing_real * shape.n_real))}, "
            f"synthetic {percent(shape.missing_synthetic)}"
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


def published(shape: ColumnShape) -> ColumnShape:
    """The same column with rare groups pooled, for files that travel."""
    if shape.edges is None:
        bars = _pooled(shape, shape.labels or (), shape.real, shape.synthetic)
        return replace(shape, labels=bars.labels, real=bars.real, synthetic=bars.synthetic)
    bins = pool_bins(shape.edges, shape.real, shape.synthetic, n_real=shape.n_real)
    return replace(shape, edges=bins.edges, real=bins.real, synthetic=bins.synthetic)


def _bars(shape: ColumnShape) -> Bars:
    labels, real, synthetic = shape.labels or (), shape.real, shape.synthetic
    if shape.missing_real or shape.missing_synthetic:
        labels = (*labels, MISSING)
        real = np.append(real, shape.missing_real)
        synthetic = np.append(synthetic, shape.missing_synthetic)
    return _pooled(shape, labels, real, synthetic)


def _pooled(
    shape: ColumnShape, labels: tuple[str, ...], real: np.ndarray, synthetic: np.ndarray
) -> Bars:
    ordered = shape.kind in ("ordinal", "boolean")
    return pool_categories(labels, real, synthetic, n_real=shape.n_real, ordered=ordered)


def _rows(labels: tuple[str, ...], shown: Bars | Bins) -> list[tuple[str, str, str]]:
    values = zip(labels, shown.real_counts, shown.real, shown.synthetic, strict=True)
    return [
        (label, printed(float(real), int(held)), percent(float(twin)))
        for label, held, real, twin in values
    ]
