"""Do models and curves come out the same? Runs in the rival environment `exam`."""

import warnings

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index
from lightgbm import LGBMClassifier, LGBMRegressor
from scipy.stats import spearmanr
from sheet import known, numbers, text
from sklearn.metrics import roc_auc_score

LEAST = 25  # patients a stratum must have


def predicted(sheet, train, test, seed):
    """Score on real test patients of a model trained on `train`, by target: AUC or Spearman."""
    p = sheet.protocol
    outcomes = {c for pair in p["endpoints"] for c in pair} | set(p["outcomes"])
    scores = {}
    for target in p["targets"]:
        without = outcomes | {target}
        x, several = sheet.matrix(train, without)
        z, _ = sheet.matrix(test, without)
        if target in sheet.numeric:
            y, truth = numbers(train[target]), numbers(test[target])
            fit, ask = ~np.isnan(y), ~np.isnan(truth)
            model = LGBMRegressor(n_jobs=1, verbose=-1, random_state=seed, num_leaves=15)
            model.fit(x[fit], np.argsort(np.argsort(y[fit])), categorical_feature=several)
            guess = model.predict(z[ask])
            rho = spearmanr(guess, truth[ask]).statistic if np.ptp(guess) else 0.0
            scores[target] = float(rho)
            continue
        place = {v: i for i, v in enumerate(sheet.levels[target])}
        y, truth = (
            np.array([place.get(v, -1) for v in text(frame[target]).to_list()])
            for frame in (train, test)
        )
        fit = y >= 0
        classes = np.unique(y[fit])
        ask = np.isin(truth, np.flatnonzero(np.bincount(truth[truth >= 0]) >= 5))
        if len(classes) < 2:
            scores[target] = 0.5
            continue
        model = LGBMClassifier(n_jobs=1, verbose=-1, random_state=seed, num_leaves=15)
        model.fit(x[fit], y[fit], categorical_feature=several)
        chance = model.predict_proba(z[ask])
        each = []
        for c in np.unique(truth[ask]):
            at = np.flatnonzero(classes == c)
            guess = chance[:, at[0]] if len(at) else np.zeros(ask.sum())
            each.append(roc_auc_score(truth[ask] == c, guess))
            if len(place) == 2:
                break
        scores[target] = float(np.mean(each))
    return scores


def cox(sheet, train, test):
    """Concordance index on real test patients of a Cox model of `train`; None if it fails."""
    p = sheet.protocol
    time, status = p["endpoints"][0]

    def frame(table, usual=None):
        columns = {}
        for c in p["cox"]:
            if c in sheet.numeric:
                columns[c] = sheet.rank(c, numbers(table[c]))
            elif len(sheet.levels[c]) == 2:
                columns[c] = _indicator(table, c, sheet.levels[c][0])
            else:
                for level in sheet.levels[c][1:8]:
                    columns[f"{c}={level}"] = _indicator(table, c, level)
        out = pd.DataFrame(columns)
        out[time], out[status] = numbers(table[time]), numbers(table[status])
        out = out[out[time].notna() & out[status].notna() & (out[time] >= 0)]
        usual = out.median() if usual is None else usual
        return out.fillna(usual).fillna(0.0), usual

    fit, usual = frame(train)
    ask, _ = frame(test, usual)
    fit[time] = fit[time].clip(lower=0.5)
    covariates = [c for c in fit.columns if c not in (time, status) and fit[c].std() > 1e-6]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = CoxPHFitter(penalizer=0.05).fit(fit[[*covariates, time, status]], time, status)
            risk = model.predict_partial_hazard(ask[covariates]).to_numpy()
    except Exception:  # a synthetic table may have no event at all
        return None
    return float(concordance_index(ask[time], -risk, ask[status]))


def _indicator(table, c, level):
    column = text(table[c])
    return (column == level).cast(float).fill_null(float("nan")).to_numpy()


def curve_gap(real, synthetic, time, status):
    """Mean absolute gap of two Kaplan-Meier curves up to the 90th percentile of real times."""
    curves = []
    grid = np.linspace(0, np.quantile(known(numbers(real[time])), 0.9), 101)
    for frame in (real, synthetic):
        t, s = numbers(frame[time]), numbers(frame[status])
        ok = ~np.isnan(t) & ~np.isnan(s)
        if ok.sum() < 2:
            return None
        fitted = KaplanMeierFitter().fit(t[ok], s[ok] > 0.5)
        curves.append(fitted.survival_function_at_times(grid).to_numpy())
    return float(np.abs(curves[0] - curves[1]).mean())


def curves(sheet, real, synthetic):
    """Curve gap of the endpoints, averaged; and of the main one within strata, averaged."""
    p = sheet.protocol
    whole = [curve_gap(real, synthetic, *pair) for pair in p["endpoints"]]
    parts = []
    for c in p["strata"]:
        if c in sheet.numeric:
            middle = np.nanmedian(numbers(real[c]))
            splits = [(numbers(f[c]) <= middle, numbers(f[c]) > middle) for f in (real, synthetic)]
            splits = list(zip(*splits, strict=True))
        else:
            splits = [
                tuple(
                    (text(f[c]) == v).fill_null(value=False).to_numpy() for f in (real, synthetic)
                )
                for v in sheet.levels[c]
            ]
        for a, b in splits:
            if a.sum() < LEAST:
                continue
            if b.sum() < 5:  # a stratum that has vanished is counts as half the scale
                parts.append(0.5)
                continue
            parts.append(curve_gap(real.filter(a), synthetic.filter(b), *p["endpoints"][0]))
    return float(np.mean(whole)), float(np.mean(parts)) if parts else None
