"""Our generator before the examiners: `python -m bench.exam TABLE [--seeds 5] [--first 0]`.

For each seed: fit FlowGenerator with its defaults on half of the patients, draw as many, and mark
them beside fresh patients (ceiling), independent marginals (floor) and, with `--cart`, a sequential
CART. `--set members=2 steps=500 min_count=1` tries settings; nothing is tuned per table.
"""

import argparse
import ast
import time

import synthema_core as sc
from bench.exam.paper import marginals, mark, printed
from bench.exam.protocols import PROTOCOLS, split, table_of
from synthema_core.generate import Protection
from synthema_core.rules import from_dict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=list(PROTOCOLS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cart", action="store_true", help="examine a sequential CART too")
    parser.add_argument("--no-flow", action="store_true", help="leave our generator out")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = {k: _value(v) for k, v in (item.split("=", 1) for item in asked.set)}
    kept = {k: settings.pop(k) for k in ("min_count", "tails") if k in settings}
    if kept:
        settings["protection"] = Protection(**kept)
    table, protocol = table_of(asked.table), PROTOCOLS[asked.table]
    found: dict[str, list[dict]] = {}
    for seed in range(asked.first, asked.first + asked.seeds):
        parts = split(table, seed)
        candidates = {"marginals": marginals(parts.train, seed)}
        if asked.cart:
            from bench.rivals_cart import cart

            candidates["cart"] = cart(parts.train, parts.train.height, seed=seed)
        if not asked.no_flow:
            from synthema_core.generate import FlowGenerator

            schema = sc.Schema.infer(parts.train, name=asked.table)
            schema = schema.with_rules(*map(from_dict, protocol.rules))
            started = time.perf_counter()
            model = FlowGenerator(seed=seed, **settings, progress=False).fit(parts.train, schema)
            fitted = time.perf_counter()
            candidates["flow"] = model.sample(parts.train.height, seed=seed)
            print(
                f"seed {seed}: fit {fitted - started:.1f} s, "
                f"sample {time.perf_counter() - fitted:.1f} s",
                flush=True,
            )
        for name, marks in mark(asked.table, parts, candidates, seed).items():
            found.setdefault(name, []).append(marks)
        for name in candidates:
            row = found[name][-1]
            print(
                f"seed {seed}: {name}: C2ST {row['c2st']:.3f}, membership "
                f"{row['membership']:.3f} by {row['attack']} {row['attacks']}",
                flush=True,
            )
    print()
    print(printed(found))


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    main()
