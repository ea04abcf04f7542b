"""A table as the marking sees it: numbers, category codes, and a matrix for gradient boosting.

Runs in the rival environment `exam`: NumPy, Polars and scikit-learn, nothing of this project.
"""

import numpy as np
import polars as pl

FEW = 20  # nominal levels that gradient boosting is told about; the rest are one


class Sheet:
    """How every table of one exam is read; levels and cuts come from real patients only.

    Args:
        real: All the real patients of the split.
        protocol: Columns, and which of them are numeric.
    """

    def __init__(self, real, protocol):
        self.protocol = protocol
        self.numeric = [c for c in protocol["columns"] if c in set(protocol["numeric"])]
        self.nominal = [c for c in protocol["columns"] if c not in set(protocol["numeric"])]
        self.levels = {}
        for c in self.nominal:
            counts = text(real[c]).drop_nulls().value_counts().sort(["count", c], descending=True)
            self.levels[c] = counts[c].to_list()
        self.sorted = {c: np.sort(known(numbers(real[c]))) for c in self.numeric}

    def read(self, frame):
        """numeric: (n, p) floats, NaN missing; codes: (n, q) ints, -1 missing, last = unknown."""
        numeric = [numbers(frame[c]) for c in self.numeric]
        codes = []
        for c in self.nominal:
            place = {v: i for i, v in enumerate(self.levels[c])}
            column = text(frame[c])
            coded = [(-1 if v is None else place.get(v, len(place))) for v in column.to_list()]
            codes.append(np.array(coded, np.int32))
        n = frame.height
        return (
            np.stack(numeric, 1) if numeric else np.empty((n, 0)),
            np.stack(codes, 1) if codes else np.empty((n, 0), np.int32),
        )

    def rank(self, column, x):
        """(n,) numbers on the scale of the real distribution function, NaN missing."""
        out, ok, real = np.full(x.shape, np.nan), ~np.isnan(x), self.sorted[column]
        middle = np.searchsorted(real, x[ok], "left") + np.searchsorted(real, x[ok], "right")
        out[ok] = middle / (2 * len(real))
        return out

    def ranks(self, numeric):
        """(n, p) numbers on that scale."""
        return (
            np.stack([self.rank(c, numeric[:, j]) for j, c in enumerate(self.numeric)], 1)
            if (self.numeric)
            else numeric
        )

    def matrix(self, frame, without=()):
        """(n, d) features of gradient boosting, and the places of its categorical ones."""
        numeric, codes = self.read(frame)
        keep_n = [j for j, c in enumerate(self.numeric) if c not in without]
        keep_c = [j for j, c in enumerate(self.nominal) if c not in without]
        capped = np.where(codes >= FEW, FEW, codes).astype(float)
        capped[capped < 0] = np.nan
        x = np.concatenate([numeric[:, keep_n], capped[:, keep_c]], 1)
        several = [
            len(keep_n) + i for i, j in enumerate(keep_c) if len(self.levels[self.nominal[j]]) > 2
        ]
        return x, several


def text(column):
    """Levels as text: a generator may give 1.0 for 1, or true for 1."""
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    if column.dtype.is_float():
        column = column.fill_nan(None)
        if (column.drop_nulls() == column.drop_nulls().round()).all():
            column = column.cast(pl.Int64)
    if column.dtype.is_numeric():
        column = column.cast(pl.Int64, strict=False)
    return column.cast(pl.String)


def numbers(column):
    """(n,) floats, NaN missing."""
    return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()


def known(x):
    return x[~np.isnan(x)]
