"""Settings of the flow against tables: `python -m bench.flow_study [TABLES] [--try NAME=VALUE …]`.

Half of a table is fitted, the other half never seen. Per setting: nats per held-out row, how well
boosted trees tell sampled rows from unseen patients (C2ST AUC, 0.5 is perfect), how well the
distance to the closest sampled row tells members from unseen patients (AUC, 0.5 is none), seconds.
Seeds 0 to 4 serve development; what is quoted is measured on others.
"""

import argparse
import ast
import time

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

import synthema_core as sc
from bench.aml import COLUMNS, RULES
from bench.patients import load, split
from synthema_core.encoding import Encoder
from synthema_core.generate import FlowGenerator
from synthema_kernels import nearest

TABLES = ("aml_amlsg_2016", "flchain", "support2", "beataml2_2022", "hsct_ebmt4", "mgus2")


def codes(real: pl.DataFrame, synthetic: pl.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Both tables as numbers, missing as NaN; the columns of text as ranks of their categories."""
    both = pl.concat([real, synthetic.select(real.columns)], how="vertical_relaxed")
    columns = [
        both[n].cast(pl.Float64, strict=False)
        if both[n].dtype.is_numeric() or both[n].dtype == pl.Boolean
        else both[n].cast(pl.String).rank("dense").cast(pl.Float64)
        for n in both.columns
    ]
    return np.stack([c.to_numpy() for c in columns], 1), both.columns


def told_apart(
    real: pl.DataFrame, synthetic: pl.DataFrame, *, why: bool, seed: int
) -> tuple[float, list[tuple[str, float]]]:
    """Cross-validated AUC of boosted trees, and what they look at."""
    x, names = codes(real, synthetic)
    y = np.repeat([0, 1], [real.height, synthetic.height])
    score, look = np.empty(len(y)), np.zeros(x.shape[1])
    for fit, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y):
        trees = HistGradientBoostingClassifier(max_iter=100, random_state=seed).fit(x[fit], y[fit])
        score[test] = trees.predict_proba(x[test])[:, 1]
        if why:
            found = permutation_importance(
                trees, x[test], y[test], scoring="roc_auc", n_repeats=2, random_state=seed
            )
            look += found.importances_mean / 5
    order = np.argsort(-look)[:6]
    return roc_auc_score(y, score), [(names[i], round(float(look[i]), 3)) for i in order]


def membership(
    train: pl.DataFrame, unseen: pl.DataFrame, synthetic: pl.DataFrame, schema: sc.Schema
) -> float:
    """AUC of the distance to the closest sampled row."""
    encoder = Encoder.fit(train, schema, also=(unseen,))
    pool = encoder.rows(synthetic)
    near = [np.ravel(nearest(encoder.rows(t), pool)[1]) for t in (train, unseen)]
    y = np.repeat([1, 0], [len(n) for n in near])
    return float(roc_auc_score(y, -np.concatenate(near)))


def study(name: str, seed: int, settings: dict[str, object], *, why: bool) -> dict[str, float]:
    table = load(name)
    rules = ()
    if name == "aml_amlsg_2016":
        table, rules = table.select(COLUMNS), RULES
    train, unseen = split(table, table.height // 2, seed=seed)
    schema = sc.Schema.infer(train, name=name).with_rules(*rules)
    start, cpu = time.perf_counter(), time.process_time()
    generator = FlowGenerator(seed=seed, **settings).fit(train, schema)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    synthetic = generator.sample(train.height, seed=seed)
    few = min(unseen.height // 2, 1500)
    names = [c.name for c in schema.modelled]
    c2st, look = told_apart(
        unseen[:few].select(names), synthetic[:few].select(names), why=why, seed=seed
    )
    record = generator.model.record
    print(f"    best steps {record['best_step']}; looks {[len(t) for t in record['train']]}")
    if why:
        print("    told by", ", ".join(f"{n} {v}" for n, v in look))
    return {
        "nats": float(generator.log_prob(unseen).mean()),
        "train nats": float(generator.log_prob(train).mean()),
        "C2ST": float(c2st),
        "membership": membership(train, unseen, synthetic, schema),
        "seconds": seconds,
        "CPU": cpu,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=TABLES)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--try", dest="tries", action="append", nargs="*", default=[])
    parser.add_argument("--why", action="store_true", help="what the trees look at")
    asked = parser.parse_args()
    tries = [dict(t.split("=") for t in one) for one in asked.tries] or [{}]
    for name in asked.tables:
        for one in tries:
            settings = {k: _value(v) for k, v in one.items()}
            print(f"{name} {settings or 'defaults'}", flush=True)
            found = [study(name, s, settings, why=asked.why) for s in asked.seeds]
            frame = pl.DataFrame(found)
            print(
                "  "
                + ", ".join(
                    f"{k} {frame[k].mean():.3f} ({frame[k].std() or 0:.3f})" for k in frame.columns
                ),
                flush=True,
            )


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
