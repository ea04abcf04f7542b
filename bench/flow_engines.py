"""Engines of `bench.flows`, each run in an environment of its own: `flow_engines.py NAME CASE`.

An engine gets rows and a case and returns three things to time: a fit of `epochs` epochs, the
log-density of all rows, and a draw of a number of rows. Every library is used as its documentation
says, at its best: compiled where it compiles, with the same optimizer and loss objects again where
new ones would compile anew, in the faster of one call and chunks of 2,048 rows, without gradients
where none are needed. distrax has no training loop and gets the one of this package.
"""

import json
import resource
import sys
import time
from importlib.metadata import version

import numpy as np

CLOCK = time.process_time
CHUNK = 2_048


def rows(case):
    x = np.random.default_rng(0).standard_normal((case["n"], case["d"])).astype(np.float32)
    x[:, 1:] += 0.8 * np.sin(2 * x[:, :-1])
    return (x - x.mean(0)) / x.std(0)


def synthema(x, case, *, mesh=None):
    import jax

    from synthema_kernels.flows import Autoregressive, Coupling, Training, fit_continuous

    kind = Coupling if case["kind"] == "coupling" else Autoregressive
    how = Training(epochs=case["epochs"], batch=case["batch"], held_out=case["held_out"])
    made = {"depth": case["depth"], "hidden": case["hidden"], "training": how, "mesh": mesh}
    key = jax.random.key(0)
    flow = None

    def fit():
        nonlocal flow
        flow = fit_continuous(key, x, kind=kind, **made).flow
        jax.block_until_ready(flow)

    return (
        fit,
        lambda: flow.log_prob(x, mesh=mesh).block_until_ready(),
        lambda n: flow.sample(key, n, mesh=mesh).block_until_ready(),
    )


def synthema_2_devices(x, case):
    import jax

    return synthema(x, case, mesh=jax.make_mesh((2,), ("rows",)))


def flowjax(x, case):
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax
    from flowjax.bijections import RationalQuadraticSpline
    from flowjax.distributions import Normal
    from flowjax.flows import coupling_flow, masked_autoregressive_flow
    from flowjax.train import fit_to_data
    from flowjax.train.losses import MaximumLikelihoodLoss

    make = coupling_flow if case["kind"] == "coupling" else masked_autoregressive_flow
    key = jax.random.key(0)
    flow = make(
        key,
        base_dist=Normal(jnp.zeros(case["d"])),
        transformer=RationalQuadraticSpline(knots=8, interval=5),
        flow_layers=case["depth"],
        nn_width=case["hidden"],
        nn_depth=2,
    )
    x = jnp.asarray(x)
    again = {"optimizer": optax.adam(1e-3), "loss_fn": MaximumLikelihoodLoss()}
    score = eqx.filter_jit(lambda flow, x: flow.log_prob(x))
    draw = eqx.filter_jit(lambda flow, key, n: flow.sample(key, (n,)))

    def fit():
        fit_to_data(
            key,
            flow,
            x,
            **again,
            max_epochs=case["epochs"],
            max_patience=case["epochs"],
            batch_size=case["batch"],
            val_prop=case["held_out"],
            show_progress=False,
        )

    return (
        fit,
        [
            lambda: score(flow, x).block_until_ready(),
            lambda: [score(flow, p).block_until_ready() for p in chunks(x)],
        ],
        [
            lambda n: draw(flow, key, n).block_until_ready(),
            lambda n: [draw(flow, key, CHUNK).block_until_ready() for _ in range(n // CHUNK)],
        ],
    )


def chunks(x):
    return [x[i : i + CHUNK] for i in range(0, len(x), CHUNK)]


def distrax(x, case):
    from functools import partial

    import distrax
    import jax
    import jax.numpy as jnp
    import optax

    d, hidden, depth = case["d"], case["hidden"], case["depth"]
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = [(depth, d, hidden), (depth, hidden, hidden), (depth, hidden, d * 25)]
    weights = [
        jax.random.normal(k, s) * (0.1 if s[-1] > hidden else 1.0) / s[1] ** 0.5
        for k, s in zip(keys, shapes, strict=True)
    ]
    biases = [jnp.zeros((depth, s[-1])) for s in shapes]
    first = jnp.arange(d) < d // 2

    def flow(weights):
        def conditioner(layer, x):
            for k, (w, b) in enumerate(zip(*weights, strict=True)):
                x = x @ w[layer] + b[layer]
                x = jax.nn.relu(x) if k < 2 else x
            return x.reshape(*x.shape[:-1], d, 25)

        layers = [
            distrax.MaskedCoupling(
                mask=first if k % 2 else ~first,
                bijector=lambda p: distrax.RationalQuadraticSpline(
                    p, range_min=-5.0, range_max=5.0
                ),
                conditioner=partial(conditioner, k),
            )
            for k in range(depth)
        ]
        base = distrax.MultivariateNormalDiag(jnp.zeros(d), jnp.ones(d))
        return distrax.Transformed(base, distrax.Inverse(distrax.Chain(layers)))

    optimizer = optax.adam(1e-3)
    x = jnp.asarray(x)
    parameters = (weights, biases)

    @partial(jax.jit, donate_argnums=(0, 1))
    def epoch(parameters, state, x, key):
        steps = len(x) // case["batch"]
        order = jax.random.permutation(key, len(x))[: steps * case["batch"]]

        def step(carry, batch):
            parameters, state = carry
            loss, gradient = jax.value_and_grad(lambda p: -flow(p).log_prob(batch).mean())(
                parameters
            )
            update, state = optimizer.update(gradient, state)
            return (optax.apply_updates(parameters, update), state), loss

        batches = x[order].reshape(steps, case["batch"], d)
        return jax.lax.scan(step, (parameters, state), batches)

    def fit():
        now = jax.tree.map(jnp.copy, parameters)
        state = optimizer.init(now)
        for k in range(case["epochs"]):
            (now, state), loss = epoch(now, state, x, jax.random.key(k))
        jax.block_until_ready(loss)

    score = jax.jit(lambda p, x: flow(p).log_prob(x))
    draw = jax.jit(lambda p, key, n: flow(p).sample(seed=key, sample_shape=(n,)), static_argnums=2)
    key = jax.random.key(1)
    return (
        fit,
        [
            lambda: score(parameters, x).block_until_ready(),
            lambda: [score(parameters, p).block_until_ready() for p in chunks(x)],
        ],
        [
            lambda n: draw(parameters, key, n).block_until_ready(),
            lambda n: [draw(parameters, key, CHUNK).block_until_ready() for _ in range(n // CHUNK)],
        ],
    )


def _torch(x, case, parameters, log_prob, sample):
    import torch

    torch.set_num_threads(case["threads"])
    x = torch.from_numpy(x)
    optimizer = torch.optim.Adam(parameters, 1e-3)

    def fit():
        for _ in range(case["epochs"]):
            order = torch.randperm(len(x))[: len(x) // case["batch"] * case["batch"]]
            for batch in x[order].split(case["batch"]):
                optimizer.zero_grad()
                (-log_prob(batch).mean()).backward()
                optimizer.step()

    def score(parts):
        with torch.no_grad():
            for part in parts:
                log_prob(part)

    def draw(n, size):
        with torch.no_grad():
            for _ in range(-(-n // size)):
                sample(min(n, size))

    return (
        fit,
        [lambda: score([x]), lambda: score(x.split(CHUNK))],
        [lambda n: draw(n, n), lambda n: draw(n, CHUNK)],
    )


def zuko(x, case):
    import torch
    import zuko

    torch.manual_seed(0)
    flow = zuko.flows.NSF(
        case["d"],
        bins=8,
        transforms=case["depth"],
        hidden_features=(case["hidden"],) * 2,
        passes=2 if case["kind"] == "coupling" else None,
    )
    return _torch(
        x, case, flow.parameters(), lambda x: flow().log_prob(x), lambda n: flow().sample((n,))
    )


def nflows(x, case):
    import torch
    from nflows import distributions, flows, transforms

    torch.manual_seed(0)
    d, hidden = case["d"], case["hidden"]
    spline = {"num_bins": 8, "tails": "linear", "tail_bound": 5.0}

    class Net(torch.nn.Sequential):
        def __init__(self, inputs, outputs):
            sizes, relu = torch.nn.Linear, torch.nn.ReLU
            super().__init__(
                sizes(inputs, hidden), relu(), sizes(hidden, hidden), relu(), sizes(hidden, outputs)
            )

        def forward(self, x, context=None):
            return super().forward(x)

    layers = []
    for k in range(case["depth"]):
        if case["kind"] == "coupling":
            mask = torch.where(torch.arange(d) < d // 2, 1, -1) * (1 if k % 2 else -1)
            layers.append(
                transforms.PiecewiseRationalQuadraticCouplingTransform(mask, Net, **spline)
            )
        else:
            layers.append(transforms.RandomPermutation(d))
            layers.append(
                transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                    d, hidden, num_blocks=2, use_residual_blocks=False, **spline
                )
            )
    flow = flows.Flow(transforms.CompositeTransform(layers), distributions.StandardNormal([d]))
    return _torch(x, case, flow.parameters(), flow.log_prob, flow.sample)


PACKAGES = {
    "synthema": ["jax", "jaxlib"],
    "synthema_2_devices": ["jax", "jaxlib"],
    "flowjax": ["flowjax", "jax", "jaxlib"],
    "distrax": ["distrax", "jax", "jaxlib"],
    "zuko": ["zuko", "torch"],
    "nflows": ["nflows", "torch"],
}


def timed(ways, repeats, clock, *arguments):
    """Seconds of the fastest way, best of several, and what its first call took beyond that."""
    found = []
    for way in ways if isinstance(ways, list) else [ways]:
        times = []
        for _ in range(repeats + 1):
            start = clock()
            way(*arguments)
            times.append(clock() - start)
        best = min(times[1:])
        found.append((best, max(times[0] - best, 0.0)))
    return min(found)


def main(name, case):
    clock = CLOCK if case["threads"] == 1 else time.perf_counter
    x = rows(case)
    fit, score, draw = globals()[name](x, case)
    repeats = case["repeats"]
    per_epoch = case["n"] * (1 - case["held_out"]) // case["batch"] * case["batch"]
    out = {}
    n = case["drawn"] if name.startswith("synthema") else case["drawn_by_rivals"]
    for what, ways, count, arguments in (
        ("train", fit, per_epoch * case["epochs"], ()),
        ("log_prob", score, case["n"], ()),
        ("sample", draw, n, (n,)),
    ):
        seconds, first = timed(ways, repeats, clock, *arguments)
        out[what], out[f"{what}_compile"] = count / seconds, first
    out["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out["versions"] = {package: version(package) for package in PACKAGES[name]}
    print(json.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
