"""Exact array kernels for synthetic-data privacy: NumPy in, NumPy out.

The map, in reading order:

- `rows`: `Rows(numeric=, codes=)`, a mixed table as two arrays; missing is NaN and -1. All checks.
- `contract`: what every engine of `nearest` accepts and returns (`Neighbors`).
- `neighbors`: the verbs. `nearest(queries, pool, k)` finds the exact k closest rows,
  `nearest_groups` does so in several groups of columns, `count_within(queries, pool, radius)`
  counts the rows that are that close, `merge` joins the answers of two parts of a pool.
- `ranked`, `predicates`: `count_matching` counts the rows that satisfy each of many conditions.
- `_copies`: rows that repeat are searched once.
- `_gower_bytes`, `_gower_words`, `_gower_groups`, `_euclidean`: the engines behind the verbs, each
  with the bound that lets it leave most rows unmeasured.
- `_threads`: how many threads a search is worth.
- `_simd`: vectors inside compiled code.
- `reference`: the slow NumPy twin of every public kernel. It is the definition.
- `_jit`: the Numba flags.
- `device`: the same `nearest` in JAX, for accelerators and meshes; not loaded from here.

A public kernel checks its arguments and calls a compiled function of the same name with an
underscore. To add one, write its twin first, then the kernel, then the property test that holds
them together.

Importing this package loads neither Polars nor JAX.
"""

from . import reference as reference
from .contract import Neighbors as Neighbors
from .neighbors import count_within as count_within
from .neighbors import merge as merge
from .neighbors import nearest as nearest
from .neighbors import nearest_groups as nearest_groups
from .predicates import count_matching as count_matching
from .ranked import Matches as Matches
from .ranked import Ranked as Ranked
from .rows import Rows as Rows

__all__ = [
    "Matches",
    "Neighbors",
    "Ranked",
    "Rows",
    "count_matching",
    "count_within",
    "merge",
    "nearest",
    "nearest_groups",
    "reference",
]
