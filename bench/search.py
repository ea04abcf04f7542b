"""Does searching for the training pay? `python -m bench.search mgus2 [--seeds 2]`.

Fits FlowGenerator to half of a table with and without `search`, and prints the log-likelihood of a
quarter that neither saw, beside what the search itself saw of its candidates.
"""

import argparse
import time

import synthema_core as sc
from bench.exam.protocols import split, table_of
from synthema_core.generate import FlowGenerator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--folds", type=int, default=2)
    asked = parser.parse_args()
    for seed in range(asked.seeds):
        parts = split(table_of(asked.table), 100 + seed)
        schema = sc.Schema.infer(parts.train, name=asked.table)
        for folds in (0, asked.folds):
            start = time.process_time()
            model = FlowGenerator(
                seed=seed, members=asked.members, search=folds, progress=False
            ).fit(parts.train, schema)
            nats = model.log_prob(parts.test).mean()
            print(
                f"{asked.table}, seed {seed}, search={folds}: {nats:.3f} nats per unseen row, "
                f"{time.process_time() - start:.0f} s of CPU",
                flush=True,
            )
        found = model.model.record["search"]
        for place, one in enumerate(found["candidates"]):
            mark = "*" if place == found["chosen"] else " "
            print(
                f" {mark} rate {one['rate']:.4f}, dropout {one['dropout']:.2f}, linear "
                f"{one['linear']:.1f}: {-one['validation']:.3f}"
            )


if __name__ == "__main__":
    main()
