"""Marks synthetic tables; reads one JSON order from stdin, prints one JSON line.

Runs in the rival environment `exam` (bench/rivals.sh exam). The order holds the paths of Parquet
files `train`, `test`, `reference`, the `protocol`, a `seed`, and `synthetic`: paths by name. The
name "fresh" marks the reference itself as if it had been generated: the ceiling.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))

import betrayal
import likeness
import use
from sheet import Sheet


def main():
    order = json.load(sys.stdin)
    train, test, reference = (
        pl.read_parquet(order[name]) for name in ("train", "test", "reference")
    )
    protocol, seed = order["protocol"], order["seed"]
    real = pl.concat([train, test, reference])
    sheet = Sheet(real, protocol)
    eye = likeness.Coincidences(sheet, real)
    scores = use.predicted(sheet, train, test, seed)
    concordance = use.cox(sheet, train, test)
    fresh = pl.concat([test, reference])
    marks = {}
    for name, path in order["synthetic"].items():
        started = time.perf_counter()
        synthetic = pl.read_parquet(path).select(protocol["columns"])
        whole, strata = use.curves(sheet, test, synthetic)
        mine = use.predicted(sheet, synthetic, test, seed)
        own = use.cox(sheet, synthetic, test)
        found, strongest = betrayal.membership(sheet, train, test, reference, synthetic, seed)
        marks[name] = {
            "shape": likeness.shape_error(sheet, test, synthetic),
            "pair": likeness.pair_error(sheet, test, synthetic),
            "c2st": likeness.told_apart(sheet, test, synthetic, seed),
            "c2st_sharp": likeness.told_apart(sheet, test, synthetic, seed, eye.features),
            "tstr": float(np.mean([mine[t] / scores[t] for t in scores])),
            "c_index": own / concordance if own and concordance else None,
            "km": whole,
            "km_strata": strata,
            "ties": eye.ties(real, synthetic),
            "heaps": eye.heaps(real, synthetic),
            "broken": likeness.broken(synthetic, protocol["rules"]),
            "coverage": betrayal.coverage(sheet, test, synthetic, seed),
            "dcr_share": betrayal.closer_to_train(sheet, train, test, synthetic, seed),
            "verbatim": betrayal.verbatim(sheet, train, fresh, synthetic),
            "membership": found[strongest][0],
            "tpr": found[strongest][1],
            "attack": strongest,
            "attacks": {n: round(auc, 4) for n, (auc, _) in found.items()},
            "rows": synthetic.height,
            "seconds": time.perf_counter() - started,
        }
    print(json.dumps(marks))


if __name__ == "__main__":
    main()
