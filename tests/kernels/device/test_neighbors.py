"""`device.nearest` returns the bits of the definition and of the compiled kernel, on any mesh."""

import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("jax")

from synthema_kernels import Rows, device, nearest, reference

# Exact in binary: equality needs no tolerance. 3.5 and -2 lie outside the usual scale.
numbers = st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan"), 3.5, -2.0])
levels = st.sampled_from([-1, 0, 1, 2, 2**31 - 1])


def assert_same(got, want):
    np.testing.assert_array_equal(got.index, want.index)
    np.testing.assert_array_equal(got.distance, want.distance)
    assert got.index.dtype == np.int64
    assert got.distance.dtype == np.float64


@st.composite
def pairs(draw) -> tuple[Rows, Rows]:
    """Few widths, and sizes that are padded to few shapes: every new one compiles for a while."""
    p, q = draw(st.sampled_from([(0, 0), (2, 0), (0, 2), (3, 2)]))
    queries, pool = (
        Rows(
            numeric=draw(arrays(np.float64, (n, p), elements=numbers)),
            codes=draw(arrays(np.int64, (n, q), elements=levels)),
        )
        for n in (draw(st.sampled_from([0, 5, 6, 8])), draw(st.integers(9, 16)))
    )
    return queries, pool


@given(pairs(), st.integers(1, 5))
@settings(deadline=None)
def test_nearest_meets_its_definition(pair, k):
    queries, pool = pair
    assert_same(device.nearest(queries, pool, k), reference.nearest(queries, pool, k))


@given(pairs(), st.sampled_from([1, 4]))
@settings(deadline=None)
def test_nearest_without_self_meets_its_definition(pair, k):
    _, rows = pair
    got = device.nearest(rows, rows, k, exclude_self=True)
    assert_same(got, reference.nearest(rows, rows, k, exclude_self=True))
    assert (got.index != np.arange(len(rows))[:, None]).all()


def random_pair(n, m, p, q, *, seed, scale=1.0):
    """Irregular numbers, missing fields, and copies across the two tables."""
    rng = np.random.default_rng(seed)
    numeric, codes = rng.random((n + m, p)) * scale, rng.integers(0, 5, (n + m, q))
    numeric[rng.random(numeric.shape) < 0.1] = np.nan
    codes[rng.random(codes.shape) < 0.1] = -1
    numeric[n : n + m // 10], codes[n : n + m // 10] = numeric[: m // 10], codes[: m // 10]
    return (
        Rows(numeric=numeric[:n], codes=codes[:n]),
        Rows(numeric=numeric[n:], codes=codes[n:]),
    )


@pytest.mark.parametrize(("p", "q", "k"), [(5, 4, 2), (11, 0, 40), (0, 3, 1), (1, 17, 5)])
def test_every_bit_of_a_float64_sum(p, q, k):
    """Several tiles and blocks, more columns than a pass takes: one order of the sum."""
    queries, pool = random_pair(300, 400, p, q, seed=p)
    got = device.nearest(queries, pool, k)
    assert_same(got, nearest(queries, pool, k))
    assert_same(got, reference.nearest(queries, pool, k))


def test_every_row_of_the_pool_can_be_asked_for():
    queries, pool = random_pair(20, 400, 3, 2, seed=2)
    assert_same(device.nearest(queries, pool, 400), reference.nearest(queries, pool, 400))


@pytest.mark.parametrize("scale", [1e-322, 1e-310, 1e-300, 1e-12, 1e6, 1e100])
def test_no_scale_of_the_numbers_changes_the_answer(scale):
    """Subnormal differences too, which XLA alone would flush to zero."""
    queries, pool = random_pair(60, 90, 4, 2, seed=1, scale=scale)
    assert_same(device.nearest(queries, pool, 3), reference.nearest(queries, pool, 3))


def test_a_copied_row_is_at_distance_zero(random_rows):
    rows = random_rows(600)
    index, distance = device.nearest(rows, rows, k=1)
    assert (distance == 0).all()
    assert (index[:, 0] <= np.arange(len(rows))).all()


def test_ties_go_to_the_lower_index_across_tiles():
    numeric = np.ones((700, 1))
    numeric[[7, 260, 699]] = 0.25
    query, pool = Rows(numeric=np.zeros((1, 1))), Rows(numeric=numeric)
    index, distance = device.nearest(query, pool, k=5)
    assert index.tolist() == [[7, 260, 699, 0, 1]]
    assert distance.tolist() == [[0.25, 0.25, 0.25, 1.0, 1.0]]


def test_a_pool_of_one_row_repeated(random_rows):
    """All rows tie: the first k of the pool, whatever the tile."""
    row = random_rows(1)
    pool = Rows(numeric=np.repeat(row.numeric, 600, 0), codes=np.repeat(row.codes, 600, 0))
    index, distance = device.nearest(pool, pool, k=4, exclude_self=True)
    assert (distance == 0).all()
    assert index[[0, 2, 599]].tolist() == [[1, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 3]]


def test_the_caller_keeps_single_precision(random_rows):
    import jax.numpy as jnp

    device.nearest(random_rows(3), random_rows(5))
    assert jnp.zeros(1).dtype == jnp.float32


FOUR_DEVICES = """
import jax, numpy as np
from jax.sharding import AxisType
from synthema_kernels import Rows, device, nearest
assert jax.device_count() == 4
rng = np.random.default_rng(8)
numeric, codes = rng.integers(0, 9, (1100, 5)) / 7, rng.integers(-1, 3, (1100, 3))
numeric[rng.random(numeric.shape) < 0.1] = np.nan
rows = lambda n: Rows(numeric=numeric[:n], codes=codes[:n])
meshes = [
    jax.make_mesh((4,), ("rows",), (AxisType.Auto,)),
    jax.make_mesh((2, 2), ("hosts", "cards"), (AxisType.Explicit,) * 2),
]
for mesh in meshes:
    for n in (0, 1, 3, 7, 301, 1100):
        for exclude_self in (False, True)[: 1 + (n in (301, 1100))]:
            queries, pool = rows(n), rows(n if exclude_self else 400)
            one, four, compiled = (
                nearest_(queries, pool, 3, exclude_self=exclude_self, **options)
                for nearest_, options in (
                    (device.nearest, {}), (device.nearest, {"mesh": mesh}), (nearest, {})
                )
            )
            for got in (one, four):
                assert got.index.tobytes() == compiled.index.tobytes(), n
                assert got.distance.tobytes() == compiled.distance.tobytes(), n
with jax.set_mesh(meshes[1]):
    assert device.nearest(rows(7), rows(400), 3).index.tobytes() == nearest(
        rows(7), rows(400), 3
    ).index.tobytes()
print("same")
"""


def test_four_devices_give_the_bits_of_one_at_any_number_of_queries():
    flags = "--xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FOUR_DEVICES],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "same", done.stderr[-2000:]


def rows(n=3, p=1, q=1):
    return Rows(numeric=np.zeros((n, p)), codes=np.zeros((n, q), int))


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((np.zeros((3, 1)), rows(), 1), {}),
        ((rows(), None, 1), {}),
        ((rows(p=2), rows(), 1), {}),
        ((rows(), rows(q=4), 1), {}),
        ((rows(), rows(0), 1), {}),
        ((rows(), rows(), 4), {}),
        ((rows(0), rows(), 4), {}),
        ((rows(), rows(), 0), {}),
        ((rows(), rows(), 1.0), {}),
        ((rows(), rows(), True), {}),
        ((rows(2), rows(3), 1), {"exclude_self": True}),
        ((rows(), rows(), 3), {"exclude_self": True}),
    ],
)
def test_errors_are_those_of_the_compiled_kernel(arguments, options):
    with pytest.raises((TypeError, ValueError)) as compiled:
        nearest(*arguments, **options)
    with pytest.raises((TypeError, ValueError)) as ours:
        device.nearest(*arguments, **options)
    assert (ours.type, str(ours.value)) == (compiled.type, str(compiled.value))


def test_what_is_no_mesh_is_named():
    with pytest.raises(TypeError, match=r"mesh: expected jax\.sharding\.Mesh, got list"):
        device.nearest(rows(), rows(), 1, mesh=[])


def test_a_platform_without_float64_is_refused(monkeypatch):
    monkeypatch.setattr("synthema_kernels.device.neighbors.SHAPES", {"gpu": (8, 8)})
    with pytest.raises(ValueError, match=r"float64 \(gpu\), got cpu. Use synthema_kernels.nearest"):
        device.nearest(rows(), rows(), 1)


def test_it_is_called_as_the_compiled_kernel_is():
    ours, compiled = (inspect.signature(f).parameters for f in (device.nearest, nearest))
    assert [*compiled, "mesh"] == list(ours)
    assert all(ours[name] == compiled[name] for name in compiled)
