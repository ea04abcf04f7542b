"""Who is timed by `bench.neighbors`, on what, and at which sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import cases
from bench.cases import Case, gaussian, mixed


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Who is timed: `function` of bench/engines, in the environment `home` ('' is ours)."""

    function: str
    home: str = ""
    k: int = 2
    note: str = ""
    strong: bool = False  # runs at every size, on all queries if it can
    tree: bool = False  # left out where every tree degenerates into a scan
    chunk: int = 0  # it walks squares of so many rows: given one, with all its fixed costs
    without: tuple[str, ...] = ()  # instruction sets that are hidden from our compiler


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is searched: how it is made, by which distance, and at which sizes."""

    title: str
    make: Callable[[int, int], Case]
    numbers: bool  # squared Euclidean, else Gower
    rows: tuple[int, ...]
    trees: bool = True
    table: str = ""  # of patients, which may not be at hand
    scaling: bool = False  # shown with fewer threads, too
    engines: tuple[str, ...] = ()  # empty: all


VNNI = ("avx512vnni", "avxvnni")
SQUARED = {
    "synthema": Engine(function="synthema_l2", strong=True),
    "… without VNNI": Engine(function="synthema_l2", without=VNNI),
    "… without AVX-512": Engine(function="synthema_l2", without=("avx512", *VNNI)),
    "oneDAL brute": Engine(function="onedal_brute", home="onedal", strong=True),
    "oneDAL kd-tree": Engine(function="onedal_kd", home="onedal", strong=True, tree=True),
    "FAISS flat": Engine(function="faiss_l2", home="faiss", strong=True),
    "FAISS flat, k = 1": Engine(function="faiss_k1", home="faiss", k=1, strong=True),
    "scikit-learn brute": Engine(function="sklearn_brute", home="sklearn"),
    "scikit-learn argmin": Engine(function="sklearn_argmin", home="sklearn", k=1),
    "scikit-learn kd-tree": Engine(function="sklearn_kd", home="sklearn", tree=True),
    "scikit-learn ball": Engine(function="sklearn_ball", home="sklearn", tree=True),
    "SciPy cKDTree": Engine(function="ckdtree", home="scipy", tree=True),
    "pykdtree": Engine(function="pykdtree", home="pykdtree", tree=True),
}
GOWER = {
    "synthema": Engine(function="synthema", strong=True),
    "… without AVX-512": Engine(function="synthema", without=("avx512", *VNNI)),
    "… without AVX2": Engine(function="synthema", without=("avx512", "avx2", *VNNI)),
    "SciPy cdist, chunks": Engine(function="scipy_cdist", home="scipy", strong=True),
    "anonymeter": Engine(function="anonymeter", home="anonymeter", note="NaN spreads", strong=True),
    "syntheval": Engine(function="syntheval", home="syntheval", note="NaN spreads"),
    "gower, arrays": Engine(function="gower_arrays", home="gower", note="NaN spreads"),
    "gower, data frames": Engine(function="gower_frames", home="gower", note="NaN spreads"),
    "sdmetrics DCR": Engine(function="sdmetrics", home="sdmetrics", k=1, chunk=1_000),
}

LARGE, TWO, ONE = (10_000, 50_000, 100_000), (10_000, 50_000), (50_000,)
SOME = (*list(GOWER)[:3], "SciPy cdist, chunks", "anonymeter", "gower, arrays")
KINDS = {
    **{
        f"gauss-{d}": Kind(
            title=f"Gaussian, {d} columns",
            make=partial(gaussian, columns=d),
            numbers=True,
            rows=LARGE if d in (32, 64) else TWO,
            trees=d <= 16,
            scaling=d == 32,
        )
        for d in (8, 16, 32, 64, 128)
    },
    "lowdim-32": Kind(
        title="4 dimensions in 32 columns", make=cases.lowdim, numbers=True, rows=LARGE
    ),
    "real-32": Kind(
        title="5 factors and noise in 32 columns", make=cases.reallike, numbers=True, rows=LARGE
    ),
    "mixed": Kind(
        title="16 numeric + 16 categorical columns, 10 % missing",
        make=mixed,
        numbers=False,
        rows=TWO,
        scaling=True,
    ),
    "mixed-whole": Kind(
        title="16 numeric + 16 categorical columns",
        make=partial(mixed, missing=0.0),
        numbers=False,
        rows=ONE,
        engines=SOME,
    ),
}
for _name, _rows in (("support2", 4_500), ("adult", 24_000), ("covid_mx_1m", 100_000)):
    _make = cases.patients(_name)
    KINDS[_name] = Kind(
        title=f"{_name}, mixed",
        make=_make,
        numbers=False,
        rows=(_rows,),
        table=_name,
        engines=SOME,
    )
    if _name == "support2":  # few rows: 10,000 generated ones say as much
        continue
    KINDS[f"{_name}-numbers"] = Kind(
        title=f"{_name}, as numbers",
        make=cases.numbers_of(_make),
        numbers=True,
        rows=(_rows,),
        table=_name,
        engines=(*list(SQUARED)[:7], "SciPy cKDTree"),
    )


def chosen(kind: Kind, n: int, sizes: list[int], *, fewer: bool) -> list[str]:
    """Whose turn it is at one size: all rivals at the middle one, and always on mixed tables."""
    everybody = SQUARED if kind.numbers else GOWER
    middle = n == sizes[len(sizes) // 2]
    return [
        name
        for name, engine in everybody.items()
        if (not kind.engines or name in kind.engines)
        and (kind.trees or not engine.tree)
        and (engine.strong or not (fewer or (kind.numbers and not middle)))
    ]
