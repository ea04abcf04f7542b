"""The audit on a Dask cluster beside the audit in one process, and with a worker killed on the way.

    python -m bench.distributed                      # 10 shards, a million synthetic rows
    python -m bench.distributed --rows 200_000

Two workers of one thread each on this machine, against one process with two threads: the same
cores, so what the cluster takes longer is what it costs. Every number of every audit is compared.
The work of the two passes is shared by the workers; fidelity is measured in one process in any
case, so the seconds of the passes are printed apart.
"""

import argparse
import dataclasses
import json
import os
import signal
import tempfile
import time
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "2")
os.environ.setdefault("POLARS_MAX_THREADS", "2")

import polars as pl
from distributed import Client, LocalCluster

import synthema_core as sc
from synthema_core import distributed
from synthema_core.auditing import Audit, carry_out, prepare
from synthema_core.passes import Search

from .scale_memory import rows

WORKERS = 2


def numbers(found: Audit) -> str:
    plain = found.to_dict()
    del plain["provenance"]["created"], plain["provenance"]["seconds"]
    return json.dumps(plain)


def killed(client: Client, arguments: dict) -> Audit:
    """The audit in which a worker is killed with work in its hands, after the first result."""
    run_all, victims = distributed.on(client), []
    pids = client.run(os.getpid)

    def run(step, spans):
        for part in run_all(step, spans):
            if isinstance(step, Search) and not victims:
                worker = max(client.processing().items(), key=lambda item: len(item[1]))[0]
                victims.append(worker)
                os.kill(pids[worker], signal.SIGKILL)
            yield part

    job = prepare(**arguments)
    plan = distributed._shared(job.plan, job.tables.synthetic.height, WORKERS)
    found = carry_out(dataclasses.replace(job, plan=plan), run=run, progress=False)
    assert victims
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--real", type=int, default=2_000, help="rows of each real table")
    parser.add_argument("--shards", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(given.shards):
            shard = rows(given.rows // given.shards, 1000 + i)
            shard.write_parquet(folder / f"{i}.parquet", row_group_size=65_536)
        train, holdout = rows(given.real, 1), rows(given.real, 2)
        schema = sc.Schema.infer(pl.concat([train, holdout]))
        arguments = {"train": train, "holdout": holdout, "schema": schema, "seed": 0}
        sc.audit(synthetic=rows(2_000, 3), progress=False, **arguments)  # compiled before the clock
        arguments["synthetic"] = str(folder)
        print(
            f"{given.rows:,} synthetic rows in {given.shards} shards, 2 x {given.real:,} real "
            f"rows, {train.width} columns"
        )
        measure(arguments)


def measure(arguments: dict) -> None:
    def timed(what: str, audit, base: float | None = None) -> tuple[Audit, float]:
        start = time.perf_counter()
        found = audit()
        took = time.perf_counter() - start
        of = found.provenance.seconds
        ratio = "" if base is None else f"  x {took / base:.2f}"
        passes = of["read"] + of["neighbors"]
        print(f"{what:36} {took:7.2f} s, passes {passes:7.2f} s{ratio}", flush=True)
        return found, took

    one, base = timed("one process, two threads", lambda: sc.audit(progress=False, **arguments))
    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            env={"NUMBA_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"},
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):

        def on_cluster() -> Audit:
            return distributed.audit(client=client, progress=False, **arguments)

        again = [timed(f"two workers, {when}", on_cluster, base)[0] for when in ("new", "warm")]
        again.append(timed("one of them killed (-9)", lambda: killed(client, arguments), base)[0])
    equal = [numbers(found) == numbers(one) for found in again]
    print("every number equal, to the bit:", equal)
    if not all(equal):
        raise SystemExit("the numbers differ")


if __name__ == "__main__":
    main()
