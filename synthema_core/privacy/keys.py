"""Rows that agree on some columns, over several tables: numbered classes for exact counts."""

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

from .attack import Columns
from .predicates import RankedTables


def grouped(tables: list[Rows], groups: int | None) -> list[Rows]:
    """Numbers with more than `groups` values in the first table, cut at its quantiles.

    Few attackers know a laboratory value to its last digit. A number becomes the place of its
    group; missing stays missing, and None leaves all as they are.
    """
    if groups is None:
        return tables
    numeric = [table.numeric.copy() for table in tables]
    for j in range(numeric[0].shape[1]):
        present = numeric[0][:, j][~np.isnan(numeric[0][:, j])]
        if len(np.unique(present)) <= groups:
            continue
        edges = np.unique(np.quantile(present, np.linspace(0, 1, groups + 1)[1:-1]))
        for table in numeric:
            place = np.searchsorted(edges, table[:, j], side="right")
            table[:, j] = np.where(np.isnan(table[:, j]), np.nan, place)
    return [Rows(numeric=n, codes=t.codes) for n, t in zip(numeric, tables, strict=True)]


def classes(tables: list[Rows], columns: Columns) -> list[NDArray[np.int64]]:
    """For each table the class of each row, (n,), from 0; missing equals missing."""
    ranked = RankedTables.of(*tables)
    together = np.concatenate(ranked.tables)
    found = np.zeros(len(together), np.int64)
    for j in np.flatnonzero(columns):
        # No more classes than rows, so the product stays far from 2**63.
        both = found * (int(ranked.top[j]) + 2) + together[:, j] + 1
        _, found = np.unique(both, return_inverse=True)
    return np.split(found, np.cumsum([len(table) for table in tables])[:-1])
