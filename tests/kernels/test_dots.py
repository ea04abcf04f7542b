"""Sums of products are exact in every form that this processor has."""

import numpy as np
import pytest
from numba import config, njit

from synthema_kernels import _simd
from synthema_kernels._dots import dot_bytes, dot_step, load_wide, wide
from synthema_kernels._simd import load, reinterpret, spread, store

compiled = pytest.mark.skipif(config.DISABLE_JIT, reason="the interpreter has no vectors")
STEPS = 11


@njit
def summed(sums, cells, queries):
    part = load_wide(sums, 0, 16)
    for k in range(STEPS):
        row = load_wide(cells, k * wide(cells, 16), 16)
        part = dot_step(part, row, spread(queries, k, 16))
    store(sums, 0, part)


def expected(sums, rows, queries):
    """Lanes hold the numbers [step, lane, place]; each step of the query those of one lane."""
    return sums + (rows.astype(int) * queries.astype(int)[:, None]).sum(axis=(0, 2))


def start(kind="int32"):
    return np.random.default_rng(1).integers(-1000, 1000, 16).astype(kind)


@compiled
def test_floats():
    rng = np.random.default_rng(0)
    rows, queries = (rng.integers(-9, 9, (STEPS, *x)).astype(np.float32) for x in ((16, 1), (1,)))
    sums = start("float32")
    want = expected(sums, rows, queries)
    summed(sums, rows.reshape(-1), queries.reshape(-1))
    np.testing.assert_array_equal(sums, want)


@compiled
@pytest.mark.skipif(not _simd.HAS_PAIRS, reason="the CPU has VNNI, or no AVX2")
@pytest.mark.parametrize("largest", [False, True])
def test_words(largest):
    rng = np.random.default_rng(0)
    shapes = (STEPS, 16, 2), (STEPS, 2)
    rows, queries = (rng.integers(-6000, 6000, x).astype(np.int16) for x in shapes)
    if largest:
        rows[:], queries[:] = 6000, -6000
    sums = start()
    want = expected(sums, rows, queries)
    summed(sums, rows.reshape(-1).view(np.uint32), queries.reshape(-1).view(np.uint32))
    np.testing.assert_array_equal(sums, want)


@compiled
@pytest.mark.skipif(not _simd.HAS_PAIRS, reason="the CPU has VNNI, or no AVX2")
@pytest.mark.parametrize("largest", [False, True])
def test_pairs_of_bytes_may_pass_int16_on_the_way(largest):
    rng = np.random.default_rng(0)
    rows, queries = (rng.integers(-90, 91, (STEPS, *x, 2)) for x in ((32,), ()))
    if largest:
        rows[:], queries[:] = -90, 90  # products of 180 and -90
    queries += 90
    want = (rows * queries[:, None]).sum(axis=(0, 2))
    sums = (5 - want).astype(np.int16)  # cut off: the products bring it back
    both = np.repeat(queries[:, None], 2, axis=1).astype(np.uint8)
    octets = rows.astype(np.int8).reshape(-1).view(np.int16)
    summed(sums, octets, both.reshape(-1).view(np.int32))
    np.testing.assert_array_equal(sums, 5)


@compiled
@pytest.mark.skipif(not _simd.HAS_VNNI, reason="the CPU has no AVX-512 VNNI")
@pytest.mark.parametrize("largest", [False, True])
def test_bytes(largest):
    rng = np.random.default_rng(0)
    shapes = (STEPS, 16, 4), (STEPS, 4)
    rows, queries = (rng.integers(-127, 128, x) for x in shapes)
    if largest:
        rows[:], queries[:] = -127, -127
    rows += 128
    sums = start()
    want = expected(sums, rows, queries)
    octets = rows.astype(np.uint8), queries.astype(np.int8)
    summed(sums, *(x.reshape(-1).view(np.int32) for x in octets))
    np.testing.assert_array_equal(sums, want)


@compiled
@pytest.mark.skipif(not _simd.HAS_VNNI, reason="the CPU has no AVX-512 VNNI")
@pytest.mark.parametrize("lanes", [16, 64])
def test_products_of_bytes(lanes):
    octets = 4 * lanes

    @njit
    def run(sums, unsigned, signed):
        u, s = load(unsigned, 0, octets), load(signed, 0, octets)
        store(sums, 0, dot_bytes(load(sums, 0, lanes), reinterpret(u, "int32"), s))

    rng = np.random.default_rng(0)
    sums = rng.integers(-1000, 1000, lanes).astype(np.int32)
    u, s = (
        rng.integers(np.iinfo(x).min, np.iinfo(x).max, octets).astype(x)
        for x in (np.uint8, np.int8)
    )
    want = sums + (u.astype(int) * s).reshape(lanes, 4).sum(axis=1)
    run(sums, u, s)
    np.testing.assert_array_equal(sums, want)
