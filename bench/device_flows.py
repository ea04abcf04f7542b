"""Flows on a card and on the processors beside it: `python -m bench.device_flows [--small]`.

Needs NumPy, SciPy, Optax, Numba and JAX, for processors or a card (`pip install 'jax[cuda13]'`); in
a checkout that is not installed, PYTHONPATH=.:kernels. No patient's table is read. Each part
runs in a process of its own; one that fails, or has no time left (`--seconds`, of all together),
takes no other with it. Four cores feed the card while the others are measured
(`JAX_PLATFORMS=cpu`), unless `--apart`.

- `peaks`: a matrix product in three precisions, and a copy, as in `bench.device_neighbors`.
- `continuous`: the flows of `bench.flows`, d = 32, on its rows and, on a card, on more in larger
  batches. `default` is single precision as JAX multiplies it, which a card rounds to TF32;
  `highest` rounds nothing; `bfloat16` is the flag. `held out` is the log-likelihood of rows that
  training has not seen, in nats per row.
- `mixed`: 1,500 and 20,000 rows of 40 columns, half numbers and half categories of up to 7 levels,
  a tenth missing, trained and drawn as `FlowGenerator` does it. Cells and the copulas that members
  start from are made on the host before. `steps` are those of all members until each stopped.
  Rows are drawn in double precision, as codes and points; no table is made of them.
- `shadows`: 64 flows of half of 1,540 such rows each, as the privacy attacks train them, in one
  program on a card; then all rows are scored by all flows.

`compile` is the first call less the best of the others, or less what its share of the long one
took. `GFLOP/s` counts the matrix products of the loss and its gradient as they are written, two
operations per multiplication, and nothing else; beside it the share of each peak that the same
device reached, where `peaks` ran.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

PARTS = ("peaks", "mixed", "shadows", "continuous")
PACKAGES = ("jax", "jaxlib", "optax", "numpy", "scipy", "numba")
SHADOWS = 64
MEMBERS = 8
BESIDE = 4  # cores that feed the card while the others are measured


PREFIX = []  # of each line of this process


def say(line):
    print("".join([*PREFIX, line]), flush=True)


# ------------------------------------------------------------------ operations


def products(jaxpr):
    """Operations of all matrix products of a program; the body of a loop as often as it runs."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (axes, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            inner = math.prod(shape[axis] for axis in axes)
            total += 2 * inner * math.prod(equation.outvars[0].aval.shape)
            continue
        times = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
        for value in equation.params.values():
            inside = getattr(value, "jaxpr", value)  # closed or not
            if hasattr(inside, "eqns"):
                total += times * products(inside)
    return total


def of_gradient(loss, weights, *rest):
    """Operations of the products of a loss and its gradient."""
    import jax

    return products(jax.make_jaxpr(jax.value_and_grad(loss))(weights, *rest).jaxpr)


def speed(flops, peak):
    """Operations per second, beside what the same device reached."""
    shares = [f"{flops / peak[name]:.2%} of {name}" for name in ("bf16", "tf32", "f32") if peak]
    return f"{flops / 1e9:,.0f} GFLOP/s" + (f" ({', '.join(shares)})" if shares else "")


# ------------------------------------------------------------------ parts


def measure_peaks(case):
    from bench.device_neighbors import peaks

    found = peaks(on_card=case["card"])
    numbers = ", ".join(f"{k} {v / 1e9:,.0f} GFLOP/s" for k, v in found.items() if k != "copy")
    say(f"  peaks: {numbers}, copy {found['copy'] / 1e9:,.0f} GB/s")
    Path(case["peaks"]).write_text(json.dumps(found))


def measure_continuous(case):
    """Both flows; what matters most first."""
    from bench.flows import BIG

    small = {**BIG, "n": 2_048, "hidden": 32, "depth": 2, "d": 32}
    big = small if case["small"] else {**BIG, "d": 32}
    large = {**big, "n": 2**17, "batch": 2**13, "epochs": 20}
    if case["small"]:
        large |= {"n": 2_048, "batch": 1_024, "epochs": 2}
    if case["card"]:
        big = {**big, "epochs": 10}
    for kind in ("coupling", "autoregressive"):
        for way in ("default", "bfloat16"):
            _continuous(kind, way, big, case, drawn=kind == "coupling" or case["card"])
        if case["card"]:
            for way in ("default", "bfloat16", "highest"):
                _continuous(kind, way, large, case, drawn=way != "highest")
    if case["card"]:  # as many rows at a time as a processor takes
        from synthema_kernels.flows import continuous

        continuous.CHUNK_ON_CARD = continuous.CHUNK
        _continuous("coupling", "default", {**large, "epochs": 1}, case, drawn=True)


def _continuous(kind, way, how, case, *, drawn):
    import jax

    from bench.device_neighbors import quickest
    from bench.flow_engines import rows
    from synthema_kernels.flows import Autoregressive, Coupling, Training, fit_continuous
    from synthema_kernels.flows.continuous import CHUNK, CHUNK_ON_CARD, _density, _with

    n, training = how["n"], Training(how["epochs"], how["batch"], held_out=how["held_out"])
    x, unseen = np.split(rows({**how, "n": n + 4_096}), [n])
    made = {"kind": {"coupling": Coupling, "autoregressive": Autoregressive}[kind]}
    made |= {"depth": how["depth"], "hidden": how["hidden"], "bfloat16": way == "bfloat16"}
    key = jax.random.key(0)

    def fit():
        return jax.block_until_ready(fit_continuous(key, x, training=training, **made).flow)

    with jax.default_matmul_precision("highest" if way == "highest" else None):
        first, best, flow = quickest(2, fit)
        likelihood = float(flow.log_prob(unseen).mean())
        layers = flow.bijection
        weights = {k: v for k, v in vars(layers).items() if k not in ("order", "bfloat16")}
        flops = of_gradient(
            lambda w, x: -_density(_with(layers, w), x).mean(), weights, x[: how["batch"]].T
        )
        steps = (n - round(how["held_out"] * n)) // how["batch"] * how["epochs"]
        say(
            f"  {kind}, {way}, n = {n:,}, batch {how['batch']:,}: train "
            f"{steps * how['batch'] / best:,.0f} rows/s ({best / steps * 1e3:.2f} ms a step, "
            f"compile {first - best:.1f} s), {speed(flops * steps / best, _peak(case))}, "
            f"held out {likelihood:.3f}"
        )
        if not drawn:
            return
        chunk = CHUNK_ON_CARD if case["card"] else CHUNK
        for what, call in (
            ("log_prob", lambda: flow.log_prob(x).block_until_ready()),
            ("sample", lambda: flow.sample(key, n).block_until_ready()),
        ):
            first, best, _ = quickest(3, call)
            say(
                f"    {what}, {n:,} rows in chunks of {min(chunk, n):,}: {n / best:,.0f} rows/s "
                f"(compile {first - best:.1f} s)"
            )


def measure_mixed(case):
    from bench.flow_rows import begin, cells

    sizes = (400,) if case["small"] else (1_500, 20_000)
    for n in sizes:
        start = time.perf_counter()
        table = cells(n)
        rng = np.random.default_rng(0)
        few = max(20, min(int(0.15 * n), 4_096))
        held = np.stack([rng.permutation(n)[:few] for _ in range(MEMBERS)])
        weights = np.ones((MEMBERS, n))
        np.put_along_axis(weights, held, 0.0, axis=1)
        pace = {
            "steps": 200 if case["small"] else 2_500,
            "rate": 3e-3 * min(1.0, (n / 2000) ** 0.5),
            "linear": min(0.1, n / 80_000),
            "dropout": min(0.6, 400 / n),
        }
        settings = {"batch": int(np.clip(n // 8, 64, 256)), "patience": 12, "margin": 3.0}
        hidden = 32 if case["small"] else 96
        begun = begin(table, weights, held, hidden)
        say(f"  mixed, {n:,} rows: cells and starts in {time.perf_counter() - start:.1f} s")
        fitted = trained("mixed", table, begun, settings, pace, case)
    n = 1_000_000 if case["card"] else 200_000
    for block in (512, 16_384) if case["card"] else (512,):
        draw(fitted.members, table, block, 20_000 if case["small"] else n)


def measure_shadows(case):
    from bench.flow_rows import begin, cells
    from synthema_kernels import flows

    n, shadows = (200, 4) if case["small"] else (1_540, SHADOWS)
    start = time.perf_counter()
    table = cells(n)
    rng = np.random.default_rng(1)
    include = np.zeros((shadows, n))
    for row in include:
        row[rng.permutation(n)[: n // 2]] = 1.0
    begun = begin(table, include, None, 32 if case["small"] else 64)
    took = time.perf_counter() - start
    say(f"  shadows, {shadows} of {n // 2:,} rows: cells and starts in {took:.1f} s")
    pace = {"steps": 100 if case["small"] else 400, "rate": 2e-3, "dropout": 0.2}
    settings = {"batch": int(np.clip(n // 2 // 8, 32, 256))}
    fitted = trained("shadows", table, begun, settings, pace, case)
    from bench.device_neighbors import quickest

    first, best, _ = quickest(
        2, lambda: flows.log_probs(fitted.members, table[1], table[0], table[2])
    )
    say(f"    scored: {shadows * n / best:,.0f} rows/s (compile {first - best:.1f} s)")


def trained(name, table, begun, settings, pace, case):
    """Fit after a first stretch that compiles; twice on a card, where it is short."""
    import jax

    from synthema_kernels import flows

    rows, structure, layout = table
    members, fold = begun
    k = len(fold.upto)
    how, taken = flows.Settings(**settings), []
    keys = jax.random.split(jax.random.key(0), k)

    def fit(**other):
        taken.clear()
        fitted = flows.fit(
            members, structure, rows, fold, layout, how, flows.Pace(**{**pace, **other}), keys=keys,
            on_steps=taken.append,
        )  # fmt: skip
        jax.block_until_ready(fitted.members)
        return fitted

    start = time.perf_counter()
    fit(steps=1)
    first, warm = time.perf_counter() - start, sum(taken)
    seconds = []
    for _ in range(2 if case["card"] else 1):
        start = time.perf_counter()
        fitted = fit()
        seconds.append(time.perf_counter() - start)
    best, steps = min(seconds), sum(taken)
    first -= best * warm / steps

    def loss(weights, batch, key):
        member = flows.Member(position=members.position[0], **weights)
        one = flows.log_prob(member, structure, batch, layout, dropout=0.1, key=key)
        return -one.mean()

    weights = {name: leaf[0] for name, leaf in vars(members).items() if name != "position"}
    flops = of_gradient(loss, weights, rows.take(np.arange(how.batch)), keys[0])
    held = [min(curve) for curve in fitted.validation]
    likelihood = f", held out {-np.mean(held):.3f}" if np.isfinite(held).all() else ""
    say(
        f"    {name}: {k} members in {best:.2f} s (compile {first:.1f} s), {steps:,} steps of "
        f"{how.batch} rows, {steps * how.batch / best:,.0f} rows/s, "
        f"{speed(flops * steps / best, _peak(case))}{likelihood}"
    )
    return fitted


def draw(members, table, block, n):
    """Rows from all members in double precision, as a generator draws them."""
    import jax
    import jax.numpy as jnp

    from synthema_kernels import flows

    _, structure, layout = table

    def in_double(tree):
        return jax.tree.map(lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x, tree)

    with jax.enable_x64(True):
        members, structure = in_double(members), in_double(structure)

        @jax.jit
        def turn(members, key):
            keys = jax.random.split(key, len(members.position))
            one = partial(flows.sample, structure=structure, layout=layout, n=block)
            return jax.lax.map(lambda of: one(of[0], key=of[1]), (members, keys))

        turns = -(-n // (block * MEMBERS))

        start = time.perf_counter()
        jax.device_get(turn(members, jax.random.key(0)))
        once = time.perf_counter() - start
        start = time.perf_counter()
        for t in range(turns):
            jax.device_get(turn(members, jax.random.key(t)))
        seconds = time.perf_counter() - start
    drawn = turns * block * MEMBERS
    say(
        f"    drawn: {drawn:,} rows in {seconds:.2f} s, {drawn / seconds:,.0f} rows/s, "
        f"{block:,} of each member at a time (compile {once - seconds / turns:.1f} s)"
    )


# ------------------------------------------------------------------ one process per part


def _peak(case):
    path = Path(case["peaks"])
    return json.loads(path.read_text()) if path.exists() else {}


def one_part(case):
    os.sched_setaffinity(0, case["cores"])  # before JAX counts them
    import jax

    devices, cores = jax.devices(), f"{len(case['cores'])} cores"
    case["card"] = devices[0].platform != "cpu"
    if case["on"] == "card" and not case["card"]:
        raise SystemExit("JAX sees no card")
    PREFIX.append(f"{case['on']}: ")
    say(f"{case['part']} on {len(devices)} x {devices[0].device_kind}, {cores}")
    start = time.perf_counter()
    try:
        globals()[f"measure_{case['part']}"](case)
    finally:
        say(f"  {time.perf_counter() - start:.1f} s in all")


def run(part, on, cores, asked, left):
    """One part in a process of its own; what it prints comes through at once."""
    case = {"part": part, "on": on, "small": asked.small, "cores": cores}
    case["peaks"] = f"{asked.folder}/{on}.json"
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",  # starts are made side by side, each on one core
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        **({"JAX_PLATFORMS": "cpu"} if on == "cpu" else {}),
    }
    command = [sys.executable, "-m", "bench.device_flows", "--case", json.dumps(case)]
    try:
        code = subprocess.run(command, env=environment, timeout=max(left, 1.0)).returncode
    except subprocess.TimeoutExpired:
        code = "no time left"
    if code:
        say(f"{on}: {part} not finished ({code})")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--on", nargs="+", choices=("card", "cpu"), default=("card", "cpu"))
    parser.add_argument("--seconds", type=float, default=230.0, help="for everything")
    parser.add_argument("--apart", action="store_true", help="the card first, then the processors")
    parser.add_argument("--small", action="store_true", help="a check that it runs, no figures")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        one_part(json.loads(asked.case))
        return
    start = time.monotonic()
    cores = sorted(os.sched_getaffinity(0))
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    say(f"{platform.machine()}, {len(cores)} cores; Python {platform.python_version()}, {versions}")
    together = len(asked.on) > 1 and len(cores) > BESIDE and not asked.apart
    shares = {"card": cores[:BESIDE], "cpu": cores[BESIDE:]}

    def all_parts(on):
        for part in asked.parts:
            left = asked.seconds - (time.monotonic() - start)
            run(part, on, shares[on] if together else cores, asked, left)

    with (
        tempfile.TemporaryDirectory() as asked.folder,
        ThreadPoolExecutor(len(asked.on) if together else 1) as pool,
    ):
        list(pool.map(all_parts, asked.on))
    say(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
