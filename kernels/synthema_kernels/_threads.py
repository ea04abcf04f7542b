"""How many threads a piece of work is worth.

A parallel loop ends when its last thread does. Where the processor is shared, a thread may start
tens of milliseconds late: work that is over by then is done sooner by one thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numba

SHARE = 30e-3  # seconds of work that a further thread is started for
READ = 1e-9  # seconds until a cell is read
COMPARED = 0.1e-9  # until a cell of a query is compared with one of the pool, mostly by a bound


@contextmanager
def threads_for(seconds: float) -> Iterator[None]:
    """As many threads as each get their share of this work, at most those that Numba may use.

    The number decides how long a search takes, never what it finds.
    """
    with at_most(1 + int(seconds / SHARE)):
        yield


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """No more threads than these, nor than Numba may use."""
    most = numba.get_num_threads()
    numba.set_num_threads(min(most, threads))
    try:
        yield
    finally:
        numba.set_num_threads(most)
