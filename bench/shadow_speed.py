"""Time of 64 shadow flows: `python -m bench.shadow_speed` (bench/rivals.sh flowjax zuko first).

Ours: `shadow_scores` on 770 of 1,540 AML patients for each shadow, 400 steps, all 64 in one program
in a process of its own, compilation included. Rivals: masked autoregressive flows with splines, one
after another, with as many rows, steps, rows a step, hidden layers and units, on as many numbers as
the AML table has once its categories are numbers (55); they get finished arrays, where ours reads
the table, scores everybody and handles categories and missing values. All may use all cores. Of
each rival three are trained: the first, which compiles, and two more; 64 are the first and 63 times
the mean of the others, estimated and not measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SHADOWS = 64
CASE = {"kind": "autoregressive", "d": 55, "n": 811, "batch": 96, "hidden": 64, "depth": 1}
CASE |= {"epochs": 50, "held_out": 0.05, "threads": os.cpu_count()}  # 8 batches an epoch: 400 steps

RIVAL = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import flow_engines
case = json.loads(sys.argv[3])
seconds = []
for flow in range(3):
    start, busy = time.perf_counter(), time.process_time()
    fit = getattr(flow_engines, sys.argv[2])(flow_engines.rows(case), case)[0]
    fit()
    seconds.append([time.perf_counter() - start, time.process_time() - busy])
print(json.dumps(seconds))
"""


def ours() -> tuple[float, float]:
    """Wall and processor seconds of all shadows, compilation included."""
    import synthema_core as sc
    from bench.aml import COLUMNS
    from bench.patients import load
    from synthema_core.encoding import Encoder
    from synthema_core.generate.shadows import shadow_scores
    from synthema_core.privacy.lira import halves

    table = load("aml_amlsg_2016").select(COLUMNS)
    encoder = Encoder.fit(table, sc.Schema.infer(table))
    start, busy = time.perf_counter(), time.process_time()
    shadow_scores(encoder, table, halves(table.height, SHADOWS, seed=0), seed=0)
    return time.perf_counter() - start, time.process_time() - busy


def rival(engine: str) -> list[tuple[float, float]]:
    """Wall and processor seconds of each flow trained."""
    python = HERE / ".rivals" / engine / "bin" / "python"
    done = subprocess.run(
        [python, "-c", RIVAL, str(HERE), engine, json.dumps(CASE)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"},
    )
    if done.returncode:
        raise SystemExit(f"{engine}: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    wall, busy = ours()
    print(f"ours: all {SHADOWS} in {wall:.0f} s, {busy:.0f} s of processor time", flush=True)
    for engine in sys.argv[1:] or ("flowjax", "zuko"):
        found = np.array(rival(engine))
        first, each = found[0], found[1:].mean(axis=0)
        total = first + (SHADOWS - 1) * each
        print(
            f"{engine}: first {first[0]:.1f} s, then {each[0]:.2f} s each ({each[1]:.2f} s of "
            f"processor time); {SHADOWS}, estimated: {total[0]:.0f} s and {total[1]:.0f} s, "
            f"{total[0] / wall:.1f} and {total[1] / busy:.1f} times ours",
            flush=True,
        )


if __name__ == "__main__":
    main()
