"""`device.nearest` returns the bits of the definition and of the compiled kernel."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("jax")

from synthema_kernels import Rows, device, nearest, reference
from synthema_kernels.device import _lift, _tiles
from synthema_kernels.device import neighbors as ours
from synthema_kernels.device._exact import Columns

NAN = float("nan")
# Exact in binary: equality needs no tolerance. 3.5 and -2 lie outside the usual scale.
numbers = st.sampled_from([0.0, 0.25, 0.5, 1.0, NAN, 3.5, -2.0])
levels = st.sampled_from([-1, 0, 1, 2, 2**24 - 1, 2**31 - 1])
factors = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 1e6])


@pytest.fixture(scope="module")
def small_steps():
    """Tiles of 8 rows and groups of 2, of which few may be looked into: all paths in 16 rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "SHAPES", {"cpu": (8, 8)})
        patch.setattr(ours, "GROUP", 2)
        patch.setattr(ours, "GROUPS", (1, 3))
        yield


@pytest.fixture(params=["plain", "programs of a card"])
def way(request, monkeypatch):
    """How bounds are found: by XLA, or by a card's programs, here interpreted."""
    if request.param != "plain":
        monkeypatch.setattr(ours, "PROGRAMS", {"cpu": _tiles.Shape(16, 64, 4, 2)})


@pytest.fixture
def attempts(monkeypatch):
    """How many queries each attempt of a search was left with."""
    seen, ahead = [], ours._Search._ahead

    def count(self, call, waiting, **options):
        seen.append(len(waiting))
        return ahead(self, call, waiting, **options)

    monkeypatch.setattr(ours._Search, "_ahead", count)
    return seen


def assert_same(got, want):
    np.testing.assert_array_equal(got.index, want.index)
    np.testing.assert_array_equal(got.distance, want.distance)
    assert got.index.dtype == np.int64
    assert got.distance.dtype == np.float64


def assert_defined(queries, pool, k, **options):
    got = device.nearest(queries, pool, k, **options)
    assert_same(got, reference.nearest(queries, pool, k, **options))


# Few widths and numbers of neighbors: every new one compiles for a while.
CASES = [
    ("gower", 3, 2, 2),
    ("gower", 2, 0, 5),
    ("gower", 0, 0, 1),
    ("hamming", 0, 3, 2),
    ("sqeuclidean", 3, 0, 1),
    ("sqeuclidean", 8, 0, 2),
]


@pytest.mark.parametrize(("metric", "p", "q", "k"), CASES)
@given(data=st.data(), exclude_self=st.booleans(), n=st.sampled_from([0, 5, 6, 8]))
@settings(deadline=None, max_examples=30)
def test_nearest_meets_its_definition(small_steps, metric, p, q, k, data, exclude_self, n):
    def table(rows):
        numeric = arrays(np.float64, (rows, p), elements=numbers)
        codes = arrays(np.int64, (rows, q), elements=levels)
        return Rows(numeric=data.draw(numeric), codes=data.draw(codes))

    pool = table(data.draw(st.integers(9, 16)))
    queries = pool if exclude_self else table(n)
    options = {"metric": metric, "exclude_self": exclude_self}
    options["weights"] = data.draw(st.none() | arrays(np.float64, p + q, elements=factors))
    assert_defined(queries, pool, k, **options)


def random_pair(n, m, p, q, *, seed, scale=1.0, missing=0.1):
    """Irregular numbers, missing fields, and copies across the two tables."""
    rng = np.random.default_rng(seed)
    numeric, codes = rng.random((n + m, p)) * scale, rng.integers(0, 5, (n + m, q))
    numeric[rng.random(numeric.shape) < missing] = np.nan
    codes[rng.random(codes.shape) < missing] = -1
    numeric[n : n + m // 10], codes[n : n + m // 10] = numeric[: m // 10], codes[: m // 10]
    return (
        Rows(numeric=numeric[:n], codes=codes[:n]),
        Rows(numeric=numeric[n:], codes=codes[n:]),
    )


@pytest.mark.parametrize(
    ("metric", "p", "q", "k"),
    [("gower", 5, 4, 2), ("gower", 11, 0, 40), ("sqeuclidean", 11, 0, 5)],
)
def test_every_bit_of_a_float64_sum(way, metric, p, q, k):
    """Several tiles and blocks, more columns than a pass takes, with weights: one order of sums."""
    queries, pool = random_pair(300, 1100, p, q, seed=p)
    weights = np.random.default_rng(k).random(p + q)
    short = np.where(np.arange(p + q) < p, weights, 0.75)
    for options in ({}, {"weights": weights}, {"weights": short}):
        got = device.nearest(queries, pool, k, metric=metric, **options)
        assert_same(got, nearest(queries, pool, k, metric=metric, **options))
        assert_same(got, reference.nearest(queries, pool, k, metric=metric, **options))


def test_a_product_of_what_lies_far_from_zero_is_blind_and_harmless(way, attempts):
    """Differences of a millionth: bounds settle few queries, and no answer changes."""
    rng = np.random.default_rng(5)
    numeric = 1000.0 + rng.random((400, 8)) * 1e-3
    numeric[::7] += rng.standard_normal((len(numeric[::7]), 8)) * 1e6
    rows = Rows(numeric=numeric)
    assert_defined(rows, rows, 2, metric="sqeuclidean", exclude_self=True)
    assert len(attempts) > 1


def test_the_programs_of_a_card_add_up_what_xla_does():
    """Many words and columns, which take loops, and few, which do not; levels beyond the pool's."""
    import jax

    rng = np.random.default_rng(2)
    cases = [(True, 40, 0, True), (False, 17, 2, True), (False, 0, 3, True), (False, 2, 17, False)]
    for squares, p, q, product in cases:
        numeric, codes = rng.random((96, p)), rng.integers(-1, 4, (96, q))
        numeric[rng.random(numeric.shape) < 0.1] = np.nan
        table, holed = Rows(numeric=numeric, codes=codes), np.full(p, True)
        form = _lift.Form(squares, True, product, product, (4,) * q if product else ())
        scale = _lift.Scale.of(table, holed, np.ones(p + q), 1.0, form)
        with jax.enable_x64(True):
            columns = Columns(numeric.T, codes.T + (np.arange(96) % 5 == 0))
            pool = _lift.lift(Columns(numeric.T, codes.T), scale, form, is_pool=True)
            tiles = _lift.Lifted(*(x.reshape(*x.shape[:-1], 3, 32)[None] for x in pool))
            queries = _lift.lift(columns, scale, form, is_pool=False)
            lie = {"shape": _tiles.Shape(16, 32, 4, 2), "interpret": True}
            got = _tiles.group_bounds(queries, tiles, scale, form, **lie)[0]
            tile = _lift.Lifted(*(x[0] for x in tiles))
            want = _lift.group_bounds(queries, tile, scale, form)
        np.testing.assert_allclose(got, want, atol=1e-4, rtol=1e-4)


def test_a_card_compiles_what_is_interpreted_here():
    """As far as the intermediate language of Triton."""
    import jax

    with jax.enable_x64(True):
        form = _lift.Form(False, True, True, True, (4, 4))
        table = Rows(numeric=np.zeros((4096, 9)), codes=np.zeros((4096, 2), int))
        scale = _lift.Scale.of(table, np.full(9, True), np.ones(11), 1.0, form)

        def bounds(columns):
            pool = _lift.lift(columns, scale, form, is_pool=True)
            tiles = _lift.Lifted(*(x.reshape(*x.shape[:-1], 32, 128)[None] for x in pool))
            queries = _lift.lift(columns, scale, form, is_pool=False)
            lie = {"shape": ours.PROGRAMS["gpu"], "interpret": False}
            return _tiles.group_bounds(queries, tiles, scale, form, **lie)

        traced = jax.jit(bounds).trace(Columns(table.numeric.T, table.codes.T))
        assert "triton" in traced.lower(lowering_platforms=("cuda",)).as_text()


def test_ties_that_no_list_holds_are_measured(attempts):
    pool = np.full((3000, 2), 0.3)
    pool[[40, 2000], 1] = 0.1  # closer than the others
    queries, pool = Rows(numeric=np.full((9, 2), 0.05)), Rows(numeric=pool)
    assert_defined(queries, pool, 5)
    assert attempts == [9, 9, 9]


def test_copies_without_end_and_whole_numbers_are_settled_at_once(way, attempts):
    rng = np.random.default_rng(6)
    numeric = rng.integers(0, 2, (2000, 2)) * 0.1
    rows = Rows(numeric=numeric)
    assert_same(device.nearest(rows, rows, 3), nearest(rows, rows, 3))
    codes = Rows(codes=rng.integers(-1, 2, (2000, 5)))
    fewer = Rows(codes=codes.codes[:100] % 3)
    for k in (1, 3):
        assert_defined(fewer, codes, k, metric="hamming", weights=[1, 2, 0.5, 1, 1])
    assert attempts == [2000, 100, 100]


@pytest.mark.parametrize("scale", [1e-322, 1e-310, 1e-300, 1e-12, 1e6, 1e100])
def test_no_scale_of_the_numbers_changes_the_answer(scale):
    """Subnormal differences too, which XLA alone would flush to zero."""
    queries, pool = random_pair(60, 90, 4, 2, seed=1, scale=scale)
    assert_defined(queries, pool, 3)
    if scale < 1e50:
        queries, pool = (Rows(numeric=x.numeric) for x in (queries, pool))
        assert_defined(queries, pool, 3, metric="sqeuclidean", exclude_self=False)


@pytest.mark.parametrize("weight", [5e-324, 1e-300, 0.3])
def test_products_too_small_for_a_device_are_left_to_the_definition(weight):
    _, rows = random_pair(1, 60, 4, 2, seed=3, scale=1e-300)
    assert_defined(rows, rows, 3, weights=np.full(6, weight), exclude_self=True)


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


@pytest.mark.parametrize("double", [False, True])
def test_the_caller_keeps_the_precision_of_jax(random_rows, double):
    import jax

    with jax.enable_x64(double):
        found = device.nearest(random_rows(3), random_rows(5))
        assert_same(found, reference.nearest(random_rows(3), random_rows(5)))
        assert jax.numpy.zeros(1).dtype == (np.float64 if double else np.float32)


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
        ((rows(), rows(), 1), {"metric": "cosine"}),
        ((rows(), rows(), 1), {"metric": "hamming"}),
        ((rows(), rows(), 1), {"metric": "sqeuclidean"}),
        ((rows(), rows(), 1), {"weights": [1.0]}),
        ((rows(), rows(), 1), {"weights": [1.0, -1.0]}),
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
    monkeypatch.setattr(ours, "SHAPES", {"gpu": (8, 8)})
    with pytest.raises(ValueError, match=r"float64 \(gpu\), got cpu. Use synthema_kernels.nearest"):
        device.nearest(rows(), rows(), 1)


def test_it_is_called_as_the_compiled_kernel_is():
    theirs, compiled = (inspect.signature(f).parameters for f in (device.nearest, nearest))
    assert [*compiled, "mesh"] == list(theirs)
    assert all(theirs[name] == compiled[name] for name in compiled)


def test_a_bound_never_exceeds_the_distance():
    """The promise of `_lift`, on columns of many sizes, with outliers and missing fields."""
    import jax

    Form, Lifted, Scale = _lift.Form, _lift.Lifted, _lift.Scale
    group_bounds, lift = _lift.group_bounds, _lift.lift
    rng = np.random.default_rng(9)
    numeric = rng.random((192, 9)) * 10.0 ** rng.integers(-6, 1, 9)
    numeric[:2] *= 1e12
    numeric[3::2] = numeric[2::2] * (1 + 1e-7 * rng.standard_normal((95, 9)))
    weights = rng.random(9) * 3
    codes = rng.integers(-1, 3, (192, 2))
    forms = [(0, 0, 0.1), (0, 1, 0.1), (0, 1, 0.0), (1, 0, 0.1), (1, 1, 0.1), (1, 1, 0.0)]
    for squares, product, missing in forms:
        numeric[:, ::2][rng.random(numeric[:, ::2].shape) < missing] = np.nan  # not in all columns
        holed = np.isnan(numeric).any(axis=0) & (missing > 0)
        q = 0 if squares else 2
        numbers = np.nan_to_num(numeric) if missing == 0 else numeric
        table = Rows(numeric=numbers, codes=codes[:, :q])
        w = np.append(weights, [0.5, 2.0])[: 9 + q]
        metric = "sqeuclidean" if squares else "gower"
        distance = reference.distances(table, table, metric=metric, weights=w)
        for halves in {False, bool(product)}:
            levels = (4,) * q if product else ()
            form = Form(bool(squares), missing > 0, bool(product), halves, levels)
            scale = Scale.of(table, holed, w, 1.0, form)
            with jax.enable_x64(True):
                columns = Columns(table.numeric.T, table.codes.T)
                pool = lift(columns, scale, form, is_pool=True)
                queries = lift(columns, scale, form, is_pool=False)
                tile = Lifted(*(x[..., np.newaxis, :] for x in pool))
                bound = np.asarray(group_bounds(queries, tile, scale, form), np.float64)
            assert (bound.T <= distance * scale.step).all()
            assert (bound.T > 0.9 * distance * scale.step).mean() > 0.5  # and says something
            assert (form.width(9), form.gaps(9, q)) == (len(pool.words), len(pool.gaps))
