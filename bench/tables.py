"""Five more patient tables, one path: `python -m bench.tables`.

Infer, fit, sample, audit; no special case.
"""

import argparse
import time

import synthema_core as sc
from bench.patients import load, split
from synthema_core.generate import FlowGenerator

TABLES = ("flchain", "beataml2_2022", "hsct_ebmt4", "bmt_children_uci", "mgus2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=TABLES)
    for name in parser.parse_args().tables:
        table = load(name)
        train, holdout = split(table, table.height // 2, seed=0)
        schema = sc.Schema.infer(train, name=name)
        start = time.perf_counter()
        generator = FlowGenerator(seed=0).fit(train, schema)
        fitted = time.perf_counter()
        synthetic = generator.sample(train.height, seed=0)
        sampled = time.perf_counter()
        audit = sc.audit(train=train, synthetic=synthetic, holdout=holdout, schema=schema, seed=0)
        auc = audit.membership.auc
        curves = ", ".join(
            f"{s.endpoint} {s.distance.value:.3f} (real patients {s.baseline:.3f})"
            for s in audit.survival
            if s.cause is None
        )
        print(
            f"{name}: {train.height} rows, {len(schema.columns)} columns; "
            f"violations {audit.validity.n_violating_rows}, shape {audit.shapes.mean:.3f}, "
            f"pairs {audit.pairs.mean_error:.3f}, C2ST AUC {audit.detection.auc.value:.3f}, "
            f"KM {curves or None}; membership AUC {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]; "
            f"fit {fitted - start:.0f} s, sample {sampled - fitted:.0f} s, "
            f"audit {audit.provenance.seconds['total']:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
