"""Exact array kernels for synthetic-data privacy: NumPy in, NumPy out.

The map, in reading order:

- `rows`: `Rows(numeric=, codes=)`, a mixed table as two arrays; missing is NaN and -1. All checks.
- `contract`: what every engine of `nearest` accepts and returns (`Neighbors`).
- `neighbors`: `nearest(queries, pool, k)`, the exact k closest rows by Gower's distance, compiled.
- `neighbors`, too: `count_within(queries, pool, radius)`, how many rows are that close.
- `_sketch`: the int16 words that let both leave most rows unmeasured.
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
from .neighbors import nearest as nearest
from .rows import Rows as Rows

__all__ = ["Neighbors", "Rows", "count_within", "nearest", "reference"]
