"""Time of 64 shadow flows: `python -m bench.shadow_speed` (bench/rivals.sh flowjax zuko first).

Ours: `shadow_scores` on 770 of 1,540 AML patients for each shadow, 400 steps, one program. Rivals:
masked autoregressive flows with splines, one after another, as many rows, batches and steps, on as
many numbers as the AML table has once its categories are numbers (55); they get finished arrays,
where ours reads the table, scores everybody and handles categories and missing values. All single
threaded, on the process's own clock. Of each kind a few are trained: the first, which compiles, and
some more; 64 are the first and 63 times the mean of the others.
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
CASE = {"kind": "autoregressive", "d": 55, "n": 770, "batch": 96, "hidden": 64, "depth": 1}
CASE |= {"epochs": 50, "held_out": 0.05}  # 8 batches an epoch: 400 steps

RIVAL = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import flow_engines
case = json.loads(sys.argv[3])
seconds = []
for flow in range(3):
    start = time.process_time()
    fit = getattr(flow_engines, sys.argv[2])(flow_engines.rows(case), case)[0]
    fit()
    seconds.append(time.process_time() - start)
print(json.dumps(seconds))
"""


def ours() -> tuple[float, float]:
    """Seconds of the first few shadows, compile included, and of each further one."""
    import synthema_core as sc
    from bench.aml import COLUMNS
    from bench.patients import load
    from synthema_core.encoding import Encoder
    from synthema_core.generate.shadows import shadow_scores
    from synthema_core.privacy.lira import halves

    table = load("aml_amlsg_2016").select(COLUMNS)
    encoder = Encoder.fit(table, sc.Schema.infer(table))
    seconds = []
    for shadows in (4, 16):
        start = time.process_time()
        shadow_scores(encoder, table, halves(table.height, shadows, seed=0), seed=0)
        seconds.append(time.process_time() - start)
    return seconds[0], seconds[1] / 16


def rival(engine: str) -> tuple[float, float]:
    python = HERE / ".rivals" / engine / "bin" / "python"
    done = subprocess.run(
        [python, "-c", RIVAL, str(HERE), engine, json.dumps(CASE)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"},
    )
    if done.returncode:
        raise SystemExit(f"{engine}: {done.stderr[-1500:]}")
    seconds = json.loads(done.stdout.splitlines()[-1])
    return seconds[0], float(np.mean(seconds[1:]))


def main() -> None:
    first, each = ours()
    total = first + (SHADOWS - 4) * each
    print(f"ours: first four {first:.1f} s, then {each:.2f} s each; {SHADOWS}: {total:.0f} s")
    for engine in sys.argv[1:] or ("flowjax", "zuko"):
        first, each = rival(engine)
        theirs = first + (SHADOWS - 1) * each
        print(
            f"{engine}: first {first:.1f} s, then {each:.2f} s each; {SHADOWS}, estimated: "
            f"{theirs:.0f} s, {theirs / total:.1f} times ours"
        )


if __name__ == "__main__":
    main()
