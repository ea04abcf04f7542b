"""Power of the membership attacks: `python -m bench.attack_power --run`.

Simulated AML patients: some share of the training rows copied into an otherwise fresh synthetic
table of 770 rows, five seeds a share; how often the verdict, and the 95 % interval of each attack's
AUC and of its rate at 1 %, sees it. A share is detectable if four seeds of five see it, and every
larger share. Kept in bench/.results/attack_power, so an interrupted run goes on where it stopped.
Where nothing is copied: `python -m bench.calibration`.

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
SHARES = (0.005, 0.01, 0.02, 0.03, 0.05)  # of the training rows, copied
ROWS, SEEDS, SEEN = 770, 5, 0.8  # rows of each table; seeds, and the share that must see a leak


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


def kept(share: float, seed: int) -> Path:
    return RESULTS / f"{share} {ROWS} {seed}.json"


def show() -> None:
    seen: dict[str, dict[float, float]] = {}
    for share in SHARES:
        paths = [p for seed in range(SEEDS) if (p := kept(share, seed)).exists()]
        if not paths:
            continue
        found = [json.loads(path.read_text()) for path in paths]
        leaks = sum(one["p"] <= 0.05 for one in found)
        seen.setdefault("verdict", {})[share] = leaks / len(found)
        print(
            f"\n{share:.1%} of {ROWS} copied ({round(share * ROWS)} rows), {len(found)} seeds; "
            f"verdict: leak in {leaks}"
        )
        for name in found[0]["auc"]:
            auc = np.array([one["auc"][name] for one in found])
            tpr = np.array([one["tpr"][name] for one in found])
            outside = int(((auc[:, 1] > 0.5) | (auc[:, 2] < 0.5)).sum())
            above = int((tpr[:, 1] > 0.01).sum())
            seen.setdefault(name, {})[share] = max(outside, above) / len(found)
            print(
                f"  {name:30} AUC {auc[:, 0].mean():.3f}, excludes 0.5 in {outside}; "
                f"TPR at 1 % {tpr[:, 0].mean():.3f}, above 0.01 in {above}"
            )
    print(f"\nsmallest share that {SEEN:.0%} of the seeds see, as every larger one:")
    for name, rates in seen.items():
        least = detectable(rates)
        print(f"  {name:30} {'none of these' if least is None else f'{least:.1%}'}")


def detectable(rates: dict[float, float]) -> float | None:
    """The smallest share that enough seeds saw, with every larger one."""
    least = None
    for share in sorted(rates, reverse=True):
        if rates[share] < SEEN:
            break
        least = share
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--minutes", type=float, default=1e9)
    asked = parser.parse_args()
    start = time.monotonic()
    RESULTS.mkdir(parents=True, exist_ok=True)
    # all shares of one seed before the next: an interrupted run shows every share
    for seed in range(SEEDS) if asked.run else ():
        for share in SHARES:
            path = kept(share, seed)
            if path.exists():
                continue
            if time.monotonic() - start > 60 * asked.minutes:
                print("time is up: run again to go on", flush=True)
                return show()
            path.write_text(json.dumps(repetition(share, ROWS, seed)))
    return show()


if __name__ == "__main__":
    main()
