"""Can a classifier tell synthetic rows from real ones?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import Estimate, NotMeasured, auc
from .values import Values

FOLDS = 5
FEWEST = 25  # rows per side: below, a fold has fewer than five of each to score
MOST = 20_000  # rows per side: the interval is 0.01 wide there, and the time is seconds
CATEGORIES = 250  # scikit-learn bins at most 255
SHUFFLED = 200  # rows per fold on which importances are measured: a ranking needs no more
BATCH = 50_000  # rows scored in one call
TOP = 10
SOURCE = (
    "Classifier two-sample test (Lopez-Paz & Oquab 2017, ICLR) by scikit-learn's "
    "HistGradientBoostingClassifier, 5 folds, equal n, out-of-fold scores; interval by DeLong et "
    "al. (1988). Importance: AUC lost when a column is shuffled (Breiman 2001, Mach. Learn. 45, "
    "5-32)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnImportance:
    """How much a column helps the classifier: the AUC lost when its values are shuffled."""

    name: str
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Classifier two-sample test on equally many real and synthetic rows.

    Attributes:
        auc: Of out-of-fold scores; 0.5 cannot be told apart, 1.0 always can.
        folds: Cross-validation folds.
        n_per_side: Rows of each kind that were used.
        top_columns: What gives the synthetic table away, most telling first, at most ten columns.
        source: Definition.
    """

    auc: Estimate
    folds: int
    n_per_side: int
    top_columns: tuple[ColumnImportance, ...]
    source: str


def detection(columns: Sequence[Values], *, seed: int) -> Detection | NotMeasured:
    """Train a classifier to tell the real rows from the synthetic ones, and see if it can.

    Both sides give equally many rows, at most MOST, drawn after sorting, so the order of a table's
    rows changes nothing. Numbers and categories enter as they are, missing values too; categories
    beyond the CATEGORIES most frequent share one code. One thread, so the bits do not depend on
    the machine's number of cores.

    Args:
        columns: `Values` of the real and the synthetic table; further tables are ignored.
        seed: Draw, folds and shuffles.

    Returns:
        Detection, or NotMeasured with fewer than FEWEST rows on a side.
    """
    real, synthetic = (_matrix(columns, table) for table in (0, 1))
    n = min(len(real), len(synthetic), MOST)
    if n < FEWEST:
        return NotMeasured(
            reason=f"a classifier test needs at least {FEWEST} real and {FEWEST} synthetic rows, "
            f"got {len(real)} and {len(synthetic)}"
        )
    rng = np.random.default_rng(seed)
    rows = np.concatenate([_draw(table, n, rng) for table in (real, synthetic)])
    is_synthetic = np.repeat([False, True], n)
    fold = np.concatenate([rng.permutation(np.arange(n) % FOLDS) for _ in range(2)])
    categorical = np.array([column.labels is not None for column in columns])
    scores, shuffled, tested = _out_of_fold(rows, is_synthetic, fold, categorical, rng)
    lost = [
        _area(scores[tested], is_synthetic[tested]) - _area(one[tested], is_synthetic[tested])
        for one in shuffled
    ]
    top = sorted(zip(lost, columns, strict=True), key=lambda pair: -pair[0])[:TOP]
    return Detection(
        auc=auc(scores[is_synthetic], scores[~is_synthetic]),
        folds=FOLDS,
        n_per_side=n,
        top_columns=tuple(
            ColumnImportance(name=column.name, importance=loss) for loss, column in top if loss > 0
        ),
        source=SOURCE,
    )


def _out_of_fold(
    rows: NDArray[np.float64],
    is_synthetic: NDArray[np.bool_],
    fold: NDArray[np.int64],
    categorical: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Score of each row, scores with each column shuffled (c, 2n), and where the latter exist."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # 1 s to import
    from threadpoolctl import threadpool_limits

    scores = np.empty(len(rows))
    shuffled = np.empty((rows.shape[1], len(rows)))
    tested = np.zeros(len(rows), dtype=np.bool_)
    with threadpool_limits(limits=1):
        for k in range(FOLDS):
            seen = rows[fold != k]
            seen[:, np.isnan(seen).all(axis=0)] = 0  # scikit-learn cannot bin a column of nothing
            model = HistGradientBoostingClassifier(
                categorical_features=categorical, early_stopping=False, random_state=k
            ).fit(seen, is_synthetic[fold != k])
            held = np.flatnonzero(fold == k)
            scores[held] = model.decision_function(rows[held])
            some = np.sort(rng.permutation(held)[:SHUFFLED])
            tested[some] = True
            # Stacked, as one call on many rows costs far less than many calls.
            size = max(1, BATCH // len(some))
            for start in range(0, rows.shape[1], size):
                block = np.arange(start, min(start + size, rows.shape[1]))
                changed = np.stack([rows[some]] * len(block))
                for place, j in enumerate(block):
                    changed[place, :, j] = changed[place, rng.permutation(len(some)), j]
                found = model.decision_function(changed.reshape(-1, rows.shape[1]))
                shuffled[np.ix_(block, some)] = found.reshape(len(block), -1)
    return scores, shuffled, tested


def _matrix(columns: Sequence[Values], table: int) -> NDArray[np.float64]:
    """One table as (n, c) floats, NaN for missing, categories as codes."""
    return np.stack([_floats(column)[table] for column in columns], axis=1)


def _floats(column: Values) -> list[NDArray[np.float64]]:
    first, second = column.tables[:2]
    if column.labels is None:
        return [first, second]
    both = np.concatenate([first, second])
    count = np.bincount(both + 1, minlength=len(column.labels) + 1)[1:]
    code = np.full(len(column.labels) + 1, float(CATEGORIES))
    kept = np.argsort(-count, kind="stable")[:CATEGORIES]
    code[kept] = np.arange(len(kept))
    code[-1] = np.nan
    return [code[first], code[second]]


def _draw(rows: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    ordered = rows[np.lexsort(rows.T[::-1])]
    return ordered[np.sort(rng.permutation(len(rows))[:n])]


def _area(scores: NDArray[np.float64], is_synthetic: NDArray[np.bool_]) -> float:
    return auc(scores[is_synthetic], scores[~is_synthetic]).value or 0.0
