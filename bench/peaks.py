"""What the machine can do at most: `python -m bench.peaks [--threads 1 2]`.

SGEMM is NumPy's product of two float32 matrices of 4,096 rows (2 n^3 operations). 'int8' is a loop
of VNNI instructions on registers alone, 128 operations each, or of AVX2 instructions where there is
no VNNI; it counts memory for nothing, so no search reaches it. Each is the best of several, in a
process with that many threads.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

COUNT = ("BENCH_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ROWS = 4_096
STEPS = 1 << 22
LANES = 16  # of int32; VNNI adds four products to each


def peaks(threads: int, *, rows: int = ROWS) -> dict[str, float | None]:
    """Billions of operations a second, in a process of its own; None without AVX2."""
    command = [sys.executable, "-m", "bench.peaks", "--here", str(threads), str(rows)]
    done = subprocess.run(
        command, env=environment(threads), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"bench.peaks: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def environment(threads: int) -> dict[str, str]:
    """The environment of a process with that many threads."""
    return {**os.environ, **dict.fromkeys((*COUNT, "NUMBA_NUM_THREADS"), str(threads))}


def best(function, runs: int) -> float:
    """Seconds of the quickest of several calls, after one to warm up."""
    function()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def sgemm(rows: int) -> float:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((rows, rows), np.float32) for _ in range(2))
    out = np.empty_like(a)
    return 2 * rows**3 / best(lambda: np.matmul(a, b, out=out), 5) / 1e9


def int8(threads: int) -> float | None:
    try:
        from synthema_kernels import _simd as simd
        from synthema_kernels._dots import dot_bytes
    except ImportError:
        return None

    if simd.HAS_PAIRS:
        return pairs(threads)
    if not simd.HAS_VNNI:
        return None
    from numba import njit, prange

    @njit(parallel=True)
    def loop(steps, out):
        for thread in prange(out.size):
            left = simd.reinterpret(simd.splat(np.int32(thread + 1), LANES), "uint8")
            right = simd.reinterpret(simd.splat(np.int32(thread + 3), LANES), "int8")
            # Twelve sums that do not wait for each other keep every unit busy.
            s0 = s1 = s2 = s3 = s4 = s5 = simd.splat(np.int32(0), LANES)
            s6 = s7 = s8 = s9 = sa = sb = simd.splat(np.int32(1), LANES)
            for _ in range(steps):
                s0, s1 = dot_bytes(s0, left, right), dot_bytes(s1, left, right)
                s2, s3 = dot_bytes(s2, left, right), dot_bytes(s3, left, right)
                s4, s5 = dot_bytes(s4, left, right), dot_bytes(s5, left, right)
                s6, s7 = dot_bytes(s6, left, right), dot_bytes(s7, left, right)
                s8, s9 = dot_bytes(s8, left, right), dot_bytes(s9, left, right)
                sa, sb = dot_bytes(sa, left, right), dot_bytes(sb, left, right)
            a, b = simd.add(simd.add(s0, s1), simd.add(s2, s3)), simd.add(s4, s5)
            c, d = simd.add(simd.add(s6, s7), simd.add(s8, s9)), simd.add(sa, sb)
            out[thread] = simd.total(simd.add(simd.add(a, b), simd.add(c, d)))

    out = np.empty(threads, np.int32)
    seconds = best(lambda: loop(STEPS, out), 9)
    return 12 * 128 * STEPS * threads / seconds / 1e9


def pairs(threads: int) -> float:
    """The same without VNNI: 64 operations an instruction, and one that adds its int16."""
    from numba import njit, prange

    from synthema_kernels import _simd as simd
    from synthema_kernels._dots import dot_step

    @njit(parallel=True)
    def loop(steps, out):
        for thread in prange(out.size):
            one = simd.splat(np.int32(1), 8)
            # What stays the same would be multiplied once, before the loop.
            row = simd.splat(np.int32(thread), 8)
            a = simd.splat(np.int32(thread + 1), 8)
            b, c, d = simd.add(a, one), simd.splat(np.int32(515), 8), simd.splat(np.int32(1029), 8)
            e, f = simd.reinterpret(a, "int16"), simd.reinterpret(b, "int16")
            g, h = simd.reinterpret(c, "int16"), simd.reinterpret(d, "int16")
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = simd.splat(np.int16(0), 16)
            for _ in range(steps):
                row = simd.add(row, one)
                pair = simd.reinterpret(row, "int16")
                s0, s1 = dot_step(s0, pair, a), dot_step(s1, pair, b)
                s2, s3 = dot_step(s2, pair, c), dot_step(s3, pair, d)
                s4, s5 = dot_step(s4, e, row), dot_step(s5, f, row)
                s6, s7 = dot_step(s6, g, row), dot_step(s7, h, row)
            s0, s2 = simd.add(simd.add(s0, s1), simd.add(s2, s3)), simd.add(s4, s5)
            out[thread] = simd.total(simd.add(simd.add(s0, s2), simd.add(s6, s7)))

    out = np.empty(threads, np.int32)
    seconds = best(lambda: loop(STEPS, out), 9)
    return 8 * 64 * STEPS * threads / seconds / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--rows", type=int, default=ROWS, help="of the float32 matrices")
    parser.add_argument("--here", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        threads, rows = arguments.here
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        print(json.dumps({"sgemm": sgemm(rows), "int8": int8(threads)}))
        return
    for threads in arguments.threads:
        got = peaks(threads, rows=arguments.rows)
        shown = f"{got['int8']:.0f} GOP/s" if got["int8"] else "not here"
        print(f"{threads} thread(s): SGEMM {got['sgemm']:.0f} GFLOP/s, int8 dot {shown}")


if __name__ == "__main__":
    main()
