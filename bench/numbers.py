"""Numeric columns drawn on their own: do their values betray who was in? `python -m bench.numbers`.

Members are half of a table (at most 2,500 rows), controls a quarter. Every numeric column is
described twice, with nothing kept back and as by default, and drawn on its own, so that all that
leaks is how often each value occurs. Means over three splits: the AUC of the exact-value attack
over all columns together; the log-probability of controls' values, nats a column; the Kolmogorov
distance of draws from the controls, beside that of the members.
"""

import argparse

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

import synthema_core as sc
from bench.exam.protocols import table_of
from synthema_core.columns import OPEN, Protection
from synthema_core.columns.marginal import Marginal
from synthema_core.encoding import Encoder
from synthema_core.privacy.values import values
from synthema_kernels import Rows

TABLES = ("aml_amlsg_2016", "mgus2", "beataml2_2022", "flchain", "support2")
MOST = 5000


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance."""
    at = np.unique(np.concatenate([a, b]))
    each = [np.searchsorted(np.sort(x), at, "right") / x.size for x in (a, b)]
    return float(np.abs(each[0] - each[1]).max())


def measure(table: pl.DataFrame, name: str, seed: int) -> np.ndarray:
    """(2, 4) AUC, nats, distance and that of the members, with nothing kept back and by default."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(table.height)[:MOST]
    half, most = len(order) // 2, 3 * len(order) // 4
    train, holdout = table[order[:half]], table[order[half:most]]
    encoder = Encoder.fit(train, sc.Schema.infer(train, name=name), protection=Protection())
    label = np.repeat([1, 0], [train.height, holdout.height])
    score, found, floor = np.zeros((2, label.size)), [], []
    for column, codec in encoder.numeric.items():
        if not table[column].dtype.is_numeric():
            continue
        members, others = (codec.floats(part[column]) for part in (train, holdout))
        free = [x[np.isfinite(x) & ~np.isin(x, codec.number.atoms)] for x in (members, others)]
        people = Rows(numeric=np.concatenate([members, others])[:, None])
        floor.append(apart(*free))
        row = []
        for i, protection in enumerate((OPEN, Protection())):
            marginal = Marginal.fit(free[0], protection)
            drawn = members.copy()
            place = np.isin(members, free[0])
            drawn[place] = marginal.quantile(rng.random(int(place.sum())))
            score[i] += values(people, Rows(numeric=rng.permutation(drawn)[:, None]))
            mass = np.maximum(marginal.masses(free[1]), 1e-9)
            many = marginal.quantile(rng.random(20_000))
            row.append((np.log(mass).mean(), apart(many, free[1])))
        found.append(row)
    auc = [[roc_auc_score(label, s)] for s in score]
    return np.hstack([auc, np.mean(found, 0), [[np.mean(floor)]] * 2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", default=TABLES)
    for name in parser.parse_args().tables:
        found = np.mean([measure(table_of(name), name, seed) for seed in range(3)], 0)
        for label, (auc, nats, distance, floor) in zip(
            ("nothing kept back", "by default"), found, strict=True
        ):
            print(
                f"{name}, {label}: values AUC {auc:.3f}, held-out {nats:.3f} nats a column, "
                f"distance {distance:.3f} (members {floor:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
