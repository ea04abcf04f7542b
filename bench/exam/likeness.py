"""Does the table look like real patients? Runs in the rival environment `exam`."""

import numpy as np
from lightgbm import LGBMClassifier
from sheet import known, numbers, text
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

BINS = 5
DRAWS = 3  # subsets of the synthetic table that are told from the test patients


def shape_error(sheet, real, synthetic):
    """Mean over columns: Kolmogorov-Smirnov (missing below all) or total variation distance."""
    (a, ca), (b, cb) = sheet.read(real), sheet.read(synthetic)
    errors = []
    for j in range(a.shape[1]):
        x, y = np.nan_to_num(a[:, j], nan=-np.inf), np.nan_to_num(b[:, j], nan=-np.inf)
        at = np.unique(np.concatenate([x, y]))
        fx = np.searchsorted(np.sort(x), at, "right") / len(x)
        fy = np.searchsorted(np.sort(y), at, "right") / len(y)
        errors.append(np.abs(fx - fy).max())
    for j in range(ca.shape[1]):
        size = max(ca[:, j].max(), cb[:, j].max()) + 2
        p = np.bincount(ca[:, j] + 1, minlength=size) / len(ca)
        q = np.bincount(cb[:, j] + 1, minlength=size) / len(cb)
        errors.append(np.abs(p - q).sum() / 2)
    return float(np.mean(errors))


def pair_error(sheet, real, synthetic):
    """Mean over pairs of columns: total variation distance of the joint table, in fifths."""

    def hot(frame):
        numeric, codes = sheet.read(frame)
        u = sheet.ranks(numeric)
        binned = np.where(np.isnan(u), -1, np.clip(u * BINS, 0, BINS - 1)).astype(int)
        blocks = []
        for j in range(binned.shape[1]):
            blocks.append(np.eye(BINS + 1, dtype=np.float32)[binned[:, j] + 1])
        for j in range(codes.shape[1]):
            size = min(len(sheet.levels[sheet.nominal[j]]) + 1, 20) + 1
            blocks.append(np.eye(size, dtype=np.float32)[np.minimum(codes[:, j] + 1, size - 1)])
        return np.concatenate(blocks, 1), np.cumsum([0] + [b.shape[1] for b in blocks])

    (x, at), (y, _) = hot(real), hot(synthetic)
    gap = np.abs(x.T @ x / len(x) - y.T @ y / len(y))
    by_column = np.add.reduceat(np.add.reduceat(gap, at[:-1], 0), at[:-1], 1) / 2
    return float(by_column[np.triu_indices(len(by_column), 1)].mean())


def told_apart(sheet, real, synthetic, seed, extra=None):
    """Cross-validated AUC of gradient boosting, real test patients against as many synthetic."""
    x, several = sheet.matrix(real)
    y, _ = sheet.matrix(synthetic)
    if extra is not None:
        x, y = np.hstack([x, extra(real)]), np.hstack([y, extra(synthetic)])
    rng = np.random.default_rng(seed)
    n = min(len(x), len(y))
    aucs = []
    for _ in range(DRAWS if len(y) > n else 1):
        rows = rng.permutation(len(y))[:n]
        features = np.concatenate([x[rng.permutation(len(x))[:n]], y[rows]])
        label = np.repeat([0, 1], n)
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        for fit, score in folds.split(features, label):
            model = LGBMClassifier(n_jobs=1, verbose=-1, random_state=seed)
            model.fit(features[fit], label[fit], categorical_feature=several)
            aucs.append(roc_auc_score(label[score], model.predict_proba(features[score])[:, 1]))
    return float(np.mean(aucs))


class Coincidences:
    """What real patients repeat exactly: columns that equal each other, digits, heaps.

    Args:
        sheet: The sheet.
        real: Real patients whose coincidences are looked for.
    """

    def __init__(self, sheet, real):
        self.columns = sheet.numeric
        self.pairs = [
            (a, b)
            for i, a in enumerate(self.columns)
            for b in self.columns[i + 1 :]
            if self._equal(real, a, b).mean() >= 0.02 and _same_scale(real, a, b)
        ]
        self.unit = {c: 10.0 ** _decimals(known(numbers(real[c]))) for c in self.columns}
        self.heaped = [c for c in self.columns if self._fives(real, c) >= 0.4]

    @staticmethod
    def _equal(frame, a, b):
        return numbers(frame[a]) == numbers(frame[b])

    def features(self, frame):
        """(n, ...) what a sharp eye looks at: equalities, differences, last digits, own values."""
        out = [self._equal(frame, a, b).astype(float) for a, b in self.pairs]
        out += [numbers(frame[a]) - numbers(frame[b]) for a, b in self.pairs]
        for c in self.columns:
            units = numbers(frame[c]) * self.unit[c]
            whole = np.abs(units - np.round(units)) < 1e-3
            out += [whole.astype(float), np.where(whole, np.round(units) % 10, -1.0)]
        return np.stack(out, 1) if out else np.empty((frame.height, 0))

    def ties(self, real, synthetic):
        """Mean gap between shares of rows: of each pair that is equal, of each heap of fives."""
        gaps = [
            abs(self._equal(real, a, b).mean() - self._equal(synthetic, a, b).mean())
            for a, b in self.pairs
        ]
        gaps += [abs(self._fives(real, c) - self._fives(synthetic, c)) for c in self.heaped]
        return float(np.mean(gaps)) if gaps else None

    def heaps(self, real, synthetic):
        """Mean over numeric columns: total variation distance of the last recorded digit."""
        gaps = []
        for c in self.columns:
            p, q = (self._digits(f, c) for f in (real, synthetic))
            if p is not None and q is not None:
                gaps.append(np.abs(p - q).sum() / 2)
        return float(np.mean(gaps)) if gaps else None

    def _fives(self, frame, c):
        """Share of multiples of five, in units of the last decimal; a fifth by chance."""
        x = known(numbers(frame[c])) * self.unit[c]
        return float((np.abs(x - 5 * np.round(x / 5)) < 1e-3).mean()) if len(x) else 0.0

    def _digits(self, frame, c):
        x = known(numbers(frame[c])) * self.unit[c]
        if not len(x):
            return None
        whole = np.abs(x - np.round(x)) < 1e-3
        digit = np.where(whole, np.round(x) % 10, 10).astype(int)
        return np.bincount(digit, minlength=11) / len(x)


def _decimals(x):
    """Fewest decimals that 95 % of the values are recorded with, at most 4."""
    for d in range(5):
        if (np.abs(x * 10**d - np.round(x * 10**d)) < 1e-3).mean() >= 0.95:
            return d
    return 4


def _same_scale(frame, a, b):
    """Equal more often than columns with common values would be by chance."""
    x, y = numbers(frame[a]), numbers(frame[b])
    both = ~np.isnan(x) & ~np.isnan(y)
    if both.sum() < 20:
        return False
    shuffled = np.random.default_rng(0).permutation(y[both])
    return (x == y).sum() > 5 * max((x[both] == shuffled).sum(), 1)


def broken(frame, rules):
    """Share of rows that break a rule; rules are read from their JSON form by this code alone."""
    bad = np.zeros(frame.height, bool)
    for rule in rules:
        if rule["rule"] == "ordered":
            columns = [numbers(frame[c]) for c in rule["columns"]]
            for i, low in enumerate(columns):
                for high in columns[i + 1 :]:
                    bad |= low > high  # False where either is NaN
        elif rule["rule"] == "implies":
            bad |= holds(frame, rule["when"]) & fails(frame, rule["then"])
        elif rule["rule"] == "excludes":
            bad |= np.all([holds(frame, c) for c in rule["conditions"]], axis=0)
        elif rule["rule"] == "defined_if":
            bad |= ~missing(frame[rule["column"]]) & ~holds(frame, rule["when"])
        else:
            raise SystemExit(f"rule {rule['rule']!r}: not known to the exam.")
    return float(bad.mean())


def missing(column):
    if column.dtype.is_float():
        column = column.fill_nan(None)
    return column.is_null().to_numpy()


def holds(frame, condition):
    column = frame[condition["column"]]
    gone = missing(column)
    if "missing" in condition:
        return gone == condition["missing"]
    if condition.get("in") is not None:
        return (
            np.isin(text(column).fill_null("").to_numpy(), [str(v) for v in condition["in"]])
            & ~gone
        )
    x = numbers(column)
    low, high = condition.get("low", -np.inf), condition.get("high", np.inf)
    with np.errstate(invalid="ignore"):
        return (x >= low) & (x <= high)


def fails(frame, condition):
    """Known not to hold: a missing operand breaks nothing, unless missingness is what is asked."""
    return ~holds(frame, condition) & (
        "missing" in condition or ~missing(frame[condition["column"]])
    )
