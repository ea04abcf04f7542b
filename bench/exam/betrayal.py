"""Does the table betray its patients? Runs in the rival environment `exam`."""

import numpy as np
from scipy.special import logsumexp
from sheet import known, numbers
from sklearn.metrics import roc_auc_score, roc_curve

MOST = 2_000  # members and non-members that are attacked; rows of a pool beyond 5,000 are drawn
POOL = 5_000
FEW = 5


def distances(sheet, a, b):
    """(n, m) Gower distance: ranks of real patients per number, 0 or 1 per category.

    Missing equals missing and is at distance 1 from a value.
    """
    (xa, ca), (xb, cb) = sheet.read(a), sheet.read(b)
    ua, ub = sheet.ranks(xa), sheet.ranks(xb)
    out = np.zeros((len(ca), len(cb)), np.float32)
    for j in range(ua.shape[1]):
        p, q = ua[:, j].astype(np.float32), ub[:, j].astype(np.float32)
        gap = np.abs(p[:, None] - q[None, :])
        if np.isnan(p).any() or np.isnan(q).any():
            np.nan_to_num(gap, copy=False, nan=1.0)
            gap[np.ix_(np.isnan(p), np.isnan(q))] = 0.0
        out += gap
    for j in range(ca.shape[1]):
        out += ca[:, j][:, None] != cb[:, j][None, :]
    return out


def attacks(to_synthetic, to_reference):
    """Scores of three membership attacks: larger is more of a member.

    Closest row; how much closer it is than the closest of the reference; ratio of two kernel
    densities (DOMIAS), at the width of a nearest neighbor distance.
    """
    near, other = to_synthetic.min(1), to_reference.min(1)
    width = max(float(np.median(other)) / 8, 1e-3)

    def density(d):
        return logsumexp(-d.astype(float) / width, axis=1) - np.log(d.shape[1])

    return {
        "closest": -near,
        "difference": other - near,
        "density": density(to_synthetic) - density(to_reference),
    }


def membership(sheet, train, test, reference, synthetic, seed):
    """AUC and TPR at 1 % FPR of each attack, and the strongest by AUC."""
    rng = np.random.default_rng(seed)
    members, others = _some(train, MOST, rng), _some(test, MOST, rng)
    rows = members.vstack(others)
    pool, known_to_attacker = _some(synthetic, POOL, rng), _some(reference, POOL, rng)
    scores = attacks(distances(sheet, rows, pool), distances(sheet, rows, known_to_attacker))
    label = np.repeat([1, 0], [members.height, others.height])
    found = {}
    for name, score in scores.items():
        fpr, tpr, _ = roc_curve(label, score)
        found[name] = (float(roc_auc_score(label, score)), float(np.interp(0.01, fpr, tpr)))
    strongest = max(found, key=lambda name: found[name][0])
    return found, strongest


def closer_to_train(sheet, train, test, synthetic, seed):
    """Share of synthetic rows closer to train than to as many test patients; a tie is a half."""
    rng = np.random.default_rng(seed)
    n = min(train.height, test.height, POOL)
    rows = _some(synthetic, POOL, rng)
    to_test = distances(sheet, rows, _some(test, n, rng)).min(1)
    to_train = distances(sheet, rows, _some(train, n, rng)).min(1)
    return float(((to_train < to_test) + 0.5 * (to_train == to_test)).mean())


def coverage(sheet, real, synthetic, seed, k=5):
    """Share of real patients with a synthetic row within their k-th nearest real one's distance."""
    rng = np.random.default_rng(seed)
    rows = _some(real, MOST, rng)
    pool = _some(synthetic, rows.height, rng)
    among = np.sort(distances(sheet, rows, rows), axis=1)[:, k]
    return float((distances(sheet, rows, pool).min(1) <= among).mean())


def verbatim(sheet, train, fresh, synthetic):
    """Numbers of few patients that come back, beyond what fresh patients would repeat.

    Over all numeric values held by fewer than five training patients: share found in the synthetic
    table, minus the share found among as many fresh patients.
    """
    found = expected = total = 0
    n = min(fresh.height, synthetic.height)
    for c in sheet.numeric:
        value, count = np.unique(known(numbers(train[c])), return_counts=True)
        few = value[count < FEW]
        found += np.isin(few, numbers(synthetic[c])[:n]).sum()
        expected += np.isin(few, numbers(fresh[c])[:n]).sum()
        total += len(few)
    return float((found - expected) / total) if total else None


def _some(frame, most, rng):
    return frame if frame.height <= most else frame[np.sort(rng.permutation(frame.height)[:most])]
