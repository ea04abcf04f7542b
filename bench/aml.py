"""The main benchmark: `python -m bench.aml [--seeds 5]`, on the AMLSG table of 1,540 AML patients.

For each seed: 770 patients to fit on, 770 never seen; fit with the defaults, sample 770, audit.
Beside the flow stand what brackets it: the training table itself (in order and shuffled), which
must score worst on every privacy measure, and fresh patients, which must score as people do.
Nothing is tuned per seed.
"""

import argparse
import time

import numpy as np
import polars as pl

import synthema_core as sc
from bench.exam.protocols import AML as COLUMNS
from bench.patients import load, split
from synthema_core.generate import FlowGenerator
from synthema_core.rules import Condition, Excludes, Implies, Ordered


def _is(column: str, value: str | int) -> Condition:
    return Condition(column, is_in=(value,))


RULES = (
    Ordered(("efs_days", "os_days"), name="EFS not after OS"),
    Ordered(("cr_days", "os_days"), name="remission not after death"),
    Implies(_is("os_status", 1), _is("efs_status", 1), name="death is an EFS event"),
    Implies(_is("molecular_class", "inv16"), _is("cyto_inv16_t16_16", 1), name="inv(16) class"),
    Implies(_is("molecular_class", "t8_21"), _is("cyto_t_8_21", 1), name="t(8;21) class"),
    Excludes((_is("cyto_complex", 1), _is("normal_karyotype", 1)), name="complex is not normal"),
    Implies(
        _is("induction_response", "ED"),
        Condition("cr_days", missing=True),
        name="no remission after early death",
    ),
)


def figures(audit: sc.Audit) -> dict[str, float]:
    """The numbers of one audit that the table shows."""
    curves = {s.endpoint: s.distance.value for s in audit.survival if s.cause is None}
    closer = audit.distances.share_closer_to_train
    return {
        "membership AUC": audit.membership.auc.value,
        "low": audit.membership.auc.low,
        "high": audit.membership.auc.high,
        "TPR at 1 %": audit.membership.tpr_at_1.value,
        "violations": audit.validity.n_violating_rows,
        "shape": audit.shapes.mean,
        "pairs": audit.pairs.mean_error,
        "C2ST AUC": audit.detection.auc.value,
        "KM OS": curves["os"],
        "KM EFS": curves["efs"],
        "closer": closer.value if closer else float("nan"),
        "identical": audit.distances.identical_share_train.value,
        "seconds to audit": audit.provenance.seconds["total"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=100, help="0 to 4 served development")
    asked = parser.parse_args()
    seeds = asked.seeds
    table = load("aml_amlsg_2016").select(COLUMNS)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(asked.first, asked.first + seeds):
        train, holdout = split(table, 770, seed=seed)
        schema = sc.Schema.infer(train, name="AMLSG").with_rules(*RULES)
        start = time.perf_counter()
        generator = FlowGenerator(seed=seed).fit(train, schema)
        fitted = time.perf_counter()
        flow = generator.sample(770, seed=seed)
        sampled = time.perf_counter()
        candidates = {
            "flow": (flow, holdout),
            "fresh patients": (holdout[:385], holdout[385:]),
            "training table": (train, holdout),
            "training table, shuffled": (
                train.sample(fraction=1, shuffle=True, seed=seed),
                holdout,
            ),
        }
        for name, (synthetic, control) in candidates.items():
            audit = sc.audit(
                train=train, synthetic=synthetic, holdout=control, schema=schema, seed=seed
            )
            found.setdefault(name, []).append(figures(audit))
        found["flow"][-1] |= {"seconds to fit": fitted - start, "to sample": sampled - fitted}
        print(f"seed {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in found["flow"][-1].items()))
    print()
    for name, rows in found.items():
        print(f"{name}, mean (sd) over {seeds} seeds:")
        frame = pl.DataFrame(rows)
        for measure in frame.columns:
            values = frame[measure].to_numpy()
            print(f"  {measure:18} {np.mean(values):8.3f} ({np.std(values):.3f})")


if __name__ == "__main__":
    main()
