"""Many flows in one program: `python -m bench.ensembles [--members 32 64]`, on simulated patients.

The same shadow flows trained side by side and one after another, to the same bits: wall clock and
process CPU seconds, compilation apart. Shadow scores of all candidates are timed end to end.
"""

import argparse
import time

import jax
import numpy as np

from bench.aml import COLUMNS
from bench.patients import load
from synthema_core import Schema
from synthema_core.encoding import Encoder
from synthema_core.generate import cohort
from synthema_core.generate.model import layout_of
from synthema_core.generate.shadows import ShadowSettings, shadow_scores
from synthema_core.generate.starting import copula_members, mixed_rows, structure_of
from synthema_kernels import flows


def timed(job):
    wall, cpu = time.perf_counter(), time.process_time()
    out = job()
    return out, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, nargs="*", default=[32, 64])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--aml", action="store_true", help="770 AMLSG patients, not simulated ones")
    asked = parser.parse_args()
    if asked.aml:
        table = load("aml_amlsg_2016").select(COLUMNS).sample(770, seed=0)
        schema = Schema.infer(table, name="AMLSG")
    else:
        table, schema = cohort.simulate(770, seed=0), cohort.schema()
    encoder = Encoder.fit(table, schema)
    layout, rows = layout_of(encoder), mixed_rows(encoder.flow(table))
    structure = structure_of(encoder, table.height)
    chosen = ShadowSettings()
    settings = flows.Settings(batch=48)
    pace = flows.Pace(steps=asked.steps, rate=chosen.rate, dropout=chosen.dropout)
    most = max(asked.members)
    include = np.random.default_rng(0).random((most, table.height)) < 0.5

    def begin(k: int) -> flows.Member:
        rngs = [np.random.default_rng(i) for i in range(k)]
        return copula_members(
            encoder,
            rows,
            include[:k].astype(float),
            rngs,
            orders=chosen.orders,
            hidden=chosen.hidden,
            ridge=chosen.ridge,
        )

    def train(start: flows.Member, part: slice) -> flows.Fitted:
        return flows.fit(
            jax.tree.map(lambda leaf: leaf[part], start),
            structure,
            rows,
            flows.Fold.of(include[part]),
            layout,
            settings,
            pace,
            keys=jax.random.split(jax.random.key(0), most)[part],
        )

    start, wall, cpu = timed(lambda: begin(most))
    print(f"{most} starts: {wall:.1f} s wall, {cpu:.1f} s CPU")
    _, wall, cpu = timed(lambda: train(start, slice(0, 1)))
    print(f"first member, compilation included: {wall:.1f} s wall, {cpu:.1f} s CPU")
    for k in asked.members:
        together, wall, cpu = timed(lambda k=k: train(start, slice(0, k)))
        apart, wall_1, cpu_1 = timed(lambda k=k: [train(start, slice(i, i + 1)) for i in range(k)])
        same = all(
            np.array_equal(together.members.w3[i], one.members.w3[0]) for i, one in enumerate(apart)
        )
        print(
            f"{k} members of {asked.steps} steps: together {wall:.1f} s wall, {cpu:.1f} s CPU; "
            f"one after another {wall_1:.1f} s wall, {cpu_1:.1f} s CPU; same bits: {same}",
            flush=True,
        )
    _, wall, cpu = timed(lambda: shadow_scores(encoder, table, include, seed=0))
    print(
        f"shadow_scores of {table.height} candidates, {most} shadows of {chosen.steps} steps: "
        f"{wall:.1f} s wall, {cpu:.1f} s CPU"
    )


if __name__ == "__main__":
    main()
