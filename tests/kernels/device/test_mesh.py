"""Four devices give the bits of one, whether each holds the pool or its parts go around."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("jax")

FOUR_DEVICES = """
import jax, numpy as np
from jax.sharding import AxisType
from synthema_kernels import Rows, device, reference
from synthema_kernels.device import _tiles, neighbors
assert jax.device_count() == 4
neighbors.SHAPES = {"cpu": (32, 32)}
neighbors.GROUP, neighbors.GROUPS = 4, (1, 3)
rng = np.random.default_rng(8)
numeric, codes = rng.integers(0, 9, (301, 8)) / 7, rng.integers(-1, 3, (301, 3))
numeric[rng.random(numeric.shape) < 0.1] = np.nan
meshes = [
    jax.make_mesh((4,), ("rows",), (AxisType.Auto,)),
    jax.make_mesh((2, 2), ("hosts", "cards"), (AxisType.Explicit,) * 2),
]
columns = {"gower": (3, 3), "sqeuclidean": (8, 0)}

def rows(n, metric):
    p, q = columns[metric]
    return Rows(numeric=numeric[:n, :p], codes=codes[:n, :q])

for limit in (np.inf, 0):
    neighbors._memory = lambda mesh: limit
    for metric in columns:
        for n in (0, 1, 7, 100, 301):
            pool = rows(301 if n == 301 else 290, metric)
            options = {"metric": metric, "exclude_self": n == 301}
            want = reference.nearest(rows(n, metric), pool, 2, **options)
            for mesh in meshes[: 1 + (n == 7)]:
                got = device.nearest(rows(n, metric), pool, 2, mesh=mesh, **options)
                assert got.index.tobytes() == want.index.tobytes(), (limit, metric, n)
                assert got.distance.tobytes() == want.distance.tobytes(), (limit, metric, n)
    neighbors.PROGRAMS = {"cpu": _tiles.Shape(8, 8, 4, 2)}  # a card's, interpreted
    pool = rows(290, "gower")
    got, want = (f(pool, pool, 2) for f in (
        lambda *a: device.nearest(*a, mesh=meshes[0]), reference.nearest))
    assert got.index.tobytes() == want.index.tobytes(), limit
    neighbors.PROGRAMS = {}
    with jax.set_mesh(meshes[1]):  # the caller's own is none of ours
        few = rows(7, "gower")
        assert (device.nearest(few, few, 2).distance[:, 0] == 0).all()
    five = rows(5, "gower")  # devices without a row of the pool
    got, want = (f(five, five, 5) for f in (
        lambda *a: device.nearest(*a, mesh=meshes[0]), reference.nearest))
    assert got.index.tobytes() == want.index.tobytes()
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
    assert done.stdout.strip() == "same", done.stderr[-3000:]
