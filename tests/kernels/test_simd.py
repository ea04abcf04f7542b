"""Vectors of compiled code do what NumPy does, and the gate says what the compiler was told."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numba import config, njit
from numba.core.codegen import get_host_cpu_features

from synthema_kernels import _simd
from synthema_kernels._simd import (
    absolute,
    add,
    bit_and,
    bit_or,
    bit_xor,
    bits_eq,
    bits_ge,
    bits_gt,
    bits_le,
    bits_lt,
    bits_ne,
    converted,
    count_bits,
    half,
    highest,
    known,
    load,
    lowest,
    lowest_bit,
    maximum,
    minimum,
    multiply,
    multiply_add,
    peaks,
    rounded,
    splat,
    spread,
    store,
    subtract,
    sum_of_differences,
    take_ticket,
    total,
)

compiled = pytest.mark.skipif(config.DISABLE_JIT, reason="the interpreter has no vectors")
NUMBERS = ["float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "int64"]


def numbers(kind, size=16, seed=0):
    rng = np.random.default_rng(seed)
    if kind.startswith("f"):
        return (rng.integers(-40, 40, size) / 4).astype(kind)  # exact sums
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, size, dtype=kind, endpoint=True)


def values(bits, lanes=16):
    return np.array([bool(bits >> lane & 1) for lane in range(lanes)])


@compiled
@pytest.mark.parametrize("kind", NUMBERS)
def test_arithmetic(kind):
    @njit
    def run(a, b, out):
        x, y = load(a, 1, 16), load(b, 1, 16)  # any place: nothing need be aligned
        store(out, 0, add(x, y))
        store(out, 16, subtract(x, y))
        store(out, 32, multiply(x, y))
        store(out, 48, minimum(x, y))
        store(out, 64, maximum(x, y))
        store(out, 80, splat(a[3], 16))
        store(out, 96, spread(a, 4, 16))
        return total(x), lowest(x), highest(x)

    a, b = numbers(kind, 17), numbers(kind, 17, seed=1)
    out = np.empty(112, kind)
    got = run(a, b, out)
    x, y = a[1:], b[1:]
    want = [x + y, x - y, x * y, np.minimum(x, y), np.maximum(x, y)]
    want += [np.full(16, a[at]) for at in (3, 4)]
    np.testing.assert_array_equal(out, np.concatenate(want))
    assert got == (x.sum(dtype=kind), x.min(), x.max())


@compiled
@pytest.mark.parametrize("kind", NUMBERS)
def test_comparisons_set_one_bit_a_lane(kind):
    @njit
    def run(a, b):
        x, y = load(a, 0, 16), load(b, 0, 16)
        return (
            bits_eq(x, y), bits_ne(x, y), bits_lt(x, y), bits_le(x, y), bits_gt(x, y), bits_ge(x, y)
        )  # fmt: skip

    a, b = numbers(kind), numbers(kind, seed=1)
    b[::3] = a[::3]
    want = [a == b, a != b, a < b, a <= b, a > b, a >= b]
    np.testing.assert_array_equal([values(bits) for bits in run(a, b)], want)


@compiled
def test_a_full_word_of_lanes():
    @njit
    def run(a, b):
        bits = bits_lt(load(a, 0, 64), load(b, 0, 64))
        return bits, lowest_bit(bits), count_bits(bits), lowest_bit(0)

    a, b = numbers("int32", 64), numbers("int32", 64, seed=1)
    bits, first, count, none = run(a, b)
    less = a < b
    np.testing.assert_array_equal(values(bits, 64), less)
    assert (first, count, none) == (less.argmax(), less.sum(), 64)


@compiled
def test_bits_and_halves():
    @njit
    def run(a, b, out):
        x, y = load(a, 0, 16), load(b, 0, 16)
        store(out, 0, bit_and(x, y))
        store(out, 16, bit_or(x, y))
        store(out, 32, bit_xor(x, y))
        store(out, 48, half(x, 1))
        store(out, 56, half(x, 0))
        store(out, 64, peaks(x, 4))

    a, b = numbers("uint8"), numbers("uint8", seed=1)
    out = np.empty(68, np.uint8)
    run(a, b, out)
    want = [a & b, a | b, a ^ b, a[8:], a[:8], a.reshape(4, 4).max(axis=0)]
    np.testing.assert_array_equal(out, np.concatenate(want))


@compiled
def test_floats():
    @njit
    def run(a, b, out, singles, octets):
        x, y = load(a, 0, 8), load(b, 0, 8)
        store(out, 0, absolute(known(x, y)))
        store(out, 8, rounded(y))
        store(out, 16, multiply_add(y, y, y))
        store(singles, 0, converted(y, "float32"))
        store(octets, 0, converted(rounded(y), "int8"))

    a, b = numbers("float64", 8), numbers("float64", 8, seed=1)
    a[2] = np.nan
    out, singles, octets = np.empty(24), np.empty(8, np.float32), np.empty(8, np.int8)
    run(a, b, out, singles, octets)
    filled = np.where(np.isnan(a), b, a)
    np.testing.assert_array_equal(out, np.concatenate([abs(filled), np.rint(b), b * b + b]))
    np.testing.assert_array_equal(singles, b)
    np.testing.assert_array_equal(octets, np.rint(b))


@compiled
@pytest.mark.parametrize("lanes", [32, 64])
def test_sums_of_differences(lanes):
    if not (_simd.HAS_AVX2 if lanes == 32 else _simd.HAS_AVX512):
        pytest.skip("the CPU has no such instruction")

    @njit
    def run(a, b, out):
        store(out, 0, sum_of_differences(load(a, 0, lanes), load(b, 0, lanes)))

    a, b = numbers("uint8", lanes), numbers("uint8", lanes, seed=1)
    out = np.empty(lanes // 8, np.int64)
    run(a, b, out)
    np.testing.assert_array_equal(out, abs(a.astype(int) - b).reshape(-1, 8).sum(axis=1))


@compiled
def test_a_ticket_counts_up():
    @njit
    def run(counter):
        return take_ticket(counter), take_ticket(counter)

    counter = np.array([5])
    assert (*run(counter), *counter) == (5, 6, 7)


@compiled
def test_vectors_of_two_types_do_not_mix():
    @njit
    def run(a, b):
        return total(add(load(a, 0, 8), load(b, 0, 8)))

    with pytest.raises(Exception, match=r"No implementation|[Ii]nvalid"):
        run(np.zeros(8, np.int32), np.zeros(8, np.uint32))


def gate(**environment):
    code = (
        "from synthema_kernels import _simd as s;"
        "print(s.HAS_VECTORS, s.HAS_AVX2, s.HAS_AVX512, s.HAS_VNNI, s.HAS_PAIRS)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return out.stdout.split()


def test_the_gate_follows_what_numba_compiles_for():
    none = ["False"] * 5
    assert gate(NUMBA_DISABLE_JIT="1") == none
    assert gate(NUMBA_DISABLE_JIT="0", NUMBA_CPU_NAME="generic")[1:] == none[1:]
    listed = "+avx2,+avx512f,+avx512bw,+avx512vl,+avx512dq"
    for extra, vnni in ((",+avx512vnni", "True"), (",-avx512vnni", "False"), ("", "False")):
        found = gate(
            NUMBA_DISABLE_JIT="0",
            NUMBA_CPU_NAME="skylake-avx512",
            NUMBA_CPU_FEATURES=listed + extra,
        )
        assert found == ["True", "True", "True", vnni, str(vnni == "False")]
    assert get_host_cpu_features() is not None
