"""The only place that sets Numba flags.

`fastmath` stays off: NaN means missing, and the order of a sum is part of a definition.
Compiled code is cached beside the source, or in NUMBA_CACHE_DIR, so a second process starts at
once. That cache does not see a change in *another* file: a kernel's helpers live in its own file.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def device(function: Function) -> Function:
    """Compile a helper that kernels call."""
    return cast("Function", njit(cache=True, error_model="numpy")(function))


def inner(function: Function) -> Function:
    """Compile a helper of a hot loop: it counts no references, so it may not make an array."""
    return cast("Function", njit(cache=True, error_model="numpy", _nrt=False)(function))


def inlined(function: Function) -> Function:
    """`inner`, merged into its callers."""
    compiled = njit(cache=True, error_model="numpy", _nrt=False, forceinline=True)(function)
    return cast("Function", compiled)


def kernel(function: Function) -> Function:
    """Compile an entry point whose `prange` loops run on all cores."""
    return cast("Function", njit(cache=True, error_model="numpy", parallel=True)(function))
