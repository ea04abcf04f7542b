"""What the defaults of FlowGenerator were chosen against: `python -m bench.flow_study --run`.

Half of a table is fitted, the other half never seen; every setting departs from the defaults in one
respect. Per setting: nats per held-out row; by how many more the rows that were fitted are likelier
(known by heart); how well boosted trees tell sampled rows from unseen patients (C2ST AUC, 0.5 is
perfect); how well the distance to the closest sampled row tells members from unseen patients (AUC,
0.5 is none); processor seconds of the fit. Seeds 0 and 1 split the tables: development, no split of
another bench. What was measured is kept in bench/.results/flow_study.

    --run                  measure what is absent (else only print what is there)
    --tables, --seeds, --settings      only these
    --try NAME=VALUE ...   a setting of your own against the same tables, kept nowhere
    --why                  with --try: what the trees look at
"""

import argparse
import ast
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

import synthema_core as sc
from bench.aml import COLUMNS, RULES
from bench.patients import load, split
from synthema_core.columns import Protection
from synthema_core.encoding import Encoder
from synthema_core.generate import FlowGenerator
from synthema_kernels import nearest

TABLES = ("aml_amlsg_2016", "beataml2_2022", "hsct_ebmt4", "mgus2", "flchain")
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "1 member": {"members": 1},
    "4 members": {"members": 4},
    "16 members": {"members": 16},
    "48 units": {"hidden": 48},
    "192 units": {"hidden": 192},
    "no dropout": {"dropout": 0.0},
    "dropout 0.2": {"dropout": 0.2},
    "dropout 0.6": {"dropout": 0.6},
    "margin 0": {"margin": 0.0},
    "margin 1": {"margin": 1.0},
    "ridge 0.1": {"ridge": 0.1},
    "ridge 10": {"ridge": 10.0},
    "mixed orders": {"orders": "mixed"},
    "search, 2 folds": {"search": 2},
    "nothing kept back": {"protection": Protection(min_count=1, tails="kept")},
}
MARKS = {"nats": 2, "known by heart": 2, "C2ST": 3, "closest row": 3, "CPU seconds": 0}
Marks = dict[str, float]
RESULTS = Path(__file__).parent / ".results" / "flow_study"


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
    near = [nearest(encoder.rows(t), pool).distance[:, 0] for t in (train, unseen)]
    y = np.repeat([1, 0], [len(n) for n in near])
    return float(roc_auc_score(y, -np.concatenate(near)))


def study(name: str, seed: int, settings: dict[str, Any], *, why: bool = False) -> Marks:
    table = load(name)
    rules = ()
    if name == "aml_amlsg_2016":
        table, rules = table.select(COLUMNS), RULES
    train, unseen = split(table, table.height // 2, seed=seed)
    schema = sc.Schema.infer(train, name=name).with_rules(*rules)
    started = time.process_time()
    generator = FlowGenerator(seed=seed, **settings).fit(train, schema)
    seconds = time.process_time() - started
    synthetic = generator.sample(train.height, seed=seed)
    few = min(unseen.height // 2, 1500)
    names = [c.name for c in schema.modelled]
    c2st, look = told_apart(
        unseen[:few].select(names), synthetic[:few].select(names), why=why, seed=seed
    )
    if why:
        print("    told by", ", ".join(f"{n} {v}" for n, v in look))
    nats = float(generator.log_prob(unseen).mean())
    return {
        "nats": nats,
        "known by heart": float(generator.log_prob(train).mean()) - nats,
        "C2ST": float(c2st),
        "closest row": membership(train, unseen, synthetic, schema),
        "CPU seconds": seconds,
    }


def kept(name: str, seed: int, setting: str) -> Path:
    return RESULTS / f"{name} {seed} {setting}.json"


def mean_of(name: str, seeds: list[int], setting: str) -> Marks | None:
    """Mean over the seeds; None until all of them are there."""
    paths = [kept(name, seed, setting) for seed in seeds]
    if not all(path.exists() for path in paths):
        return None
    found = [json.loads(path.read_text()) for path in paths]
    return {mark: float(np.mean([one[mark] for one in found])) for mark in MARKS}


def markdown(names: list[str], seeds: list[int]) -> Iterator[str]:
    """A table for each patient table: the defaults, then what each departure adds to them."""
    for name in names:
        default = mean_of(name, seeds, "defaults")
        if default is None:
            continue
        splits = ", ".join(map(str, seeds))
        yield f"\n### {name}, seeds {splits}\n"
        yield "| | " + " | ".join(MARKS) + " |"
        yield "| --- |" + " ---: |" * len(MARKS)
        yield _line("defaults", default, "")
        for setting in SETTINGS:
            found = mean_of(name, seeds, setting)
            if setting != "defaults" and found is not None:
                more = {mark: found[mark] - default[mark] for mark in MARKS}
                yield _line(setting, more, "+")


def _line(label: str, marks: Marks, sign: str) -> str:
    cells = (f"{marks[mark]:{sign}.{places}f}" for mark, places in MARKS.items())
    return f"| {label} | " + " | ".join(cells) + " |"


def run(names: list[str], seeds: list[int], settings: list[str]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    for seed, setting, name in itertools.product(seeds, settings, names):
        path = kept(name, seed, setting)
        if not path.exists():
            marks = study(name, seed, SETTINGS[setting])
            path.write_text(json.dumps(marks))
            print(path.stem, {m: round(v, 3) for m, v in marks.items()}, flush=True)


def try_out(asked: argparse.Namespace) -> None:
    settings = {key: _value(text) for key, text in (one.split("=") for one in asked.tries)}
    for name in asked.tables:
        found = pl.DataFrame([study(name, s, settings, why=asked.why) for s in asked.seeds])
        print(name, settings, {m: round(float(found[m].mean()), 3) for m in MARKS}, flush=True)


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except ValueError:
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS))
    parser.add_argument("--try", dest="tries", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--why", action="store_true")
    asked = parser.parse_args()
    if asked.tries is not None:
        try_out(asked)
        return
    if asked.run:
        run(asked.tables, asked.seeds, asked.settings)
    print("\n".join(markdown(asked.tables, asked.seeds)))


if __name__ == "__main__":
    main()
