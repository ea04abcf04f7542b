"""What an engine is: a function of two tables that returns `fit` and `search`.

`queries` and `pool` are dicts of the arrays `numeric` and `codes`. What a rival wants instead (a
data frame, one array of floats) is made when the engine is called, and not timed. `fit()` returns
what a search needs, an index or nothing; `search(fitted, part)` returns the distance from each
query of the slice `part` to its closest row. Both are timed.
"""

import os
from collections.abc import Callable

import numpy as np

THREADS = int(os.environ.get("BENCH_THREADS", os.cpu_count() or 1))
ENGINES: dict[str, tuple[Callable, str]] = {}
Table = dict[str, np.ndarray]


def engine(distribution: str) -> Callable[[Callable], Callable]:
    """Register an engine, and the distribution whose version is printed."""

    def register(function: Callable) -> Callable:
        ENGINES[function.__name__] = (function, distribution)
        return function

    return register


def nothing() -> None:
    """The `fit` of an engine without an index."""
