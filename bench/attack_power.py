"""Calibration and power of the membership attacks: `python -m bench.attack_power --run`.

Simulated AML patients. Calibration: a fresh sample in place of the synthetic table, 100
repetitions; how often each 95 % interval, and the verdict, wrongly sees a leak. Power: some share
of the training rows copied into an otherwise fresh synthetic table of 770 rows; how often the
verdict, and the 95 % interval of each attack's rate at 1 %, sees it. Kept in
bench/.results/attack_power, so an interrupted run goes on where it stopped.

    --run            measure what is absent (else only print what is there)
    --minutes M      start nothing new after M minutes
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import synthema_core as sc
from synthema_core.encoding import Encoder
from synthema_core.generate.cohort import simulate
from synthema_core.privacy.suite import membership_attacks
from synthema_core.privacy.tally import stack, take
from synthema_core.privacy.verdict import verdict
from synthema_kernels import Rows

RESULTS = Path(__file__).parent / ".results" / "attack_power"
CALIBRATION = (0.0, 120, 100)  # share copied, rows of each table, repetitions
POWER = tuple((share, 770, 5) for share in (0.05, 0.02, 0.03, 0.01))


def tables(n: int, seed: int) -> tuple[Rows, Rows, Rows]:
    """Train, holdout and a fresh sample, drawn in one go."""
    people = simulate(3 * n, seed=seed)
    schema = sc.Schema.infer(people)
    rows = Encoder.fit(people, schema).rows(people)
    first, second, third = (take(rows, slice(i * n, (i + 1) * n)) for i in range(3))
    return first, second, third


def repetition(share: float, n: int, seed: int) -> dict[str, object]:
    train, holdout, fresh = tables(n, seed)
    copied = round(share * n)
    synthetic = stack(take(train, slice(0, copied)), take(fresh, slice(copied, n)))
    attacks = membership_attacks(train=train, holdout=holdout, synthetic=synthetic, seed=seed)
    judged = verdict(attacks, seed=seed)
    assert judged is not None
    aucs = {one.name: one.auc for one in (*attacks, judged.combined)}
    rates = {one.name: one.tpr_at_1 for one in (*attacks, judged.combined)}
    return {
        "p": judged.p_value,
        "auc": {name: [auc.value, auc.low, auc.high] for name, auc in aucs.items()},
        "tpr": {name: [rate.value, rate.low, rate.high] for name, rate in rates.items()},
    }


def kept(share: float, n: int, seed: int) -> Path:
    return RESULTS / f"{share} {n} {seed}.json"


def show() -> None:
    for share, n, times in (CALIBRATION, *POWER):
        paths = [p for seed in range(times) if (p := kept(share, n, seed)).exists()]
        if not paths:
            continue
        found = [json.loads(path.read_text()) for path in paths]
        leaks = sum(one["p"] <= 0.05 for one in found)
        print(f"\n{share:.0%} of {n} copied, {len(found)} repetitions; verdict: leak in {leaks}")
        for name in found[0]["auc"]:
            auc = np.array([one["auc"][name] for one in found])
            tpr = np.array([one["tpr"][name] for one in found])
            outside = ((auc[:, 1] > 0.5) | (auc[:, 2] < 0.5)).sum()
            above = ((tpr[:, 1] > 0.01) | (tpr[:, 2] < 0.01)).sum()
            print(
                f"  {name:30} AUC {auc[:, 0].mean():.3f}, excludes 0.5 in {outside:3}; "
                f"TPR at 1 % {tpr[:, 0].mean():.3f}, excludes 0.01 in {above:3}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--minutes", type=float, default=1e9)
    asked = parser.parse_args()
    start = time.monotonic()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for share, n, times in (*POWER, CALIBRATION) if asked.run else ():
        for seed in range(times):
            path = kept(share, n, seed)
            if path.exists():
                continue
            if time.monotonic() - start > 60 * asked.minutes:
                print("time is up: run again to go on", flush=True)
                return
            path.write_text(json.dumps(repetition(share, n, seed)))
    show()


if __name__ == "__main__":
    main()
