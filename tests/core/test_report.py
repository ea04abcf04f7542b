"""The report on audits made up here, so that every branch of the page is seen without fitting anything."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import jsonschema
import numpy as np
import pytest

from synthema_core.audit import Audit, BrokenRule, Provenance, Validity
from synthema_core.errors import OutputError
from synthema_core.fidelity.joint import ColumnImportance, Detection
from synthema_core.fidelity.marginal import ColumnShape, Shapes
from synthema_core.fidelity.pairwise import PairDifference, Pairs
from synthema_core.fidelity.survival import SurvivalDistance
from synthema_core.intervals import EMPTY, Estimate, NotMeasured
from synthema_core.privacy.distance import Distances, Quantiles
from synthema_core.privacy.membership import Membership
from synthema_core.report import write_html, write_json
from synthema_core.report.document import json_schema
from synthema_core.report.html import SECTIONS, render

SOURCE = "A paper (2020), A Journal 1, 1-2."
CLINICAL = ("age", "sex", "wbc", "platelets", "eln_risk", "karyotype", "NPM1", "FLT3_ITD", "os_time")


def estimate(value, half, n):
    return Estimate(value=value, low=max(0.0, value - half), high=min(1.0, value + half), n=n)


def numeric_shape(name, rng, n=770):
    edges = np.linspace(10, 90, 21)
    center = rng.uniform(35, 60)
    real = np.histogram(rng.normal(center, 12, n).clip(10, 90), edges)[0] / n
    synthetic = np.histogram(rng.normal(center + 2, 13, n).clip(10, 90), edges)[0] / n
    return ColumnShape(
        name=name, kind="continuous", error=float(np.abs((real - synthetic).cumsum()).max()),
        baseline=0.021, missing_real=0.05, missing_synthetic=0.045, n_real=n, n_synthetic=n,
        edges=edges, labels=None, real=0.95 * real, synthetic=0.955 * synthetic,
    )  # fmt: skip


def category_shape(name, rng, levels, n=770):
    real = np.sort(rng.dirichlet(np.full(levels, 0.6)))[::-1]
    synthetic = np.abs(real + rng.normal(0, 0.01, levels))
    synthetic /= synthetic.sum()
    return ColumnShape(
        name=name, kind="categorical", error=float(0.5 * np.abs(real - synthetic).sum()),
        baseline=None, missing_real=0.0, missing_synthetic=0.0, n_real=n, n_synthetic=n, edges=None,
        labels=tuple(f"level {i}" for i in range(levels)), real=real, synthetic=synthetic,
    )  # fmt: skip


def curve(endpoint, cause, rng, n=770):
    times = np.linspace(0, 3650, 200)
    real = np.exp(-((times / 1500) ** 0.7)) if cause is None else 0.4 * (1 - np.exp(-times / 900))
    synthetic = (real + 0.02 * np.sin(times / 700)).clip(0, 1)
    width = 0.01 + 0.05 * times / times[-1]
    return SurvivalDistance(
        endpoint=endpoint, cause=cause, distance=Estimate(value=0.021, low=0.012, high=0.038, n=2 * n),
        baseline=0.019, follow_up=3650.0, n_real=n, n_synthetic=n, events_real=412,
        events_synthetic=398, nonpositive_times=0, times=times, real=real,
        real_low=None if cause else (real - width).clip(0, 1),
        real_high=None if cause else (real + width).clip(0, 1), synthetic=synthetic, source=SOURCE,
    )  # fmt: skip


def fake_audit(*, columns=CLINICAL, auc=0.512, holdout=True, name="AML, AMLSG 2016"):
    """An audit with plausible numbers; `auc` sets how much the table leaks."""
    rng = np.random.default_rng(7)
    fpr = np.concatenate([[0.0], np.geomspace(1e-3, 1, 120)])
    tpr = np.ones_like(fpr) if auc == 1 else fpr ** ((1 - auc) / auc)
    membership = Membership(
        auc=Estimate(value=auc, low=max(0.0, auc - 0.028) if auc < 1 else 1.0, high=min(1.0, auc + 0.028), n=770),
        tpr_at_1=estimate(float(np.interp(0.01, fpr, tpr)), 0.008, 770),
        tpr_at_10=estimate(float(np.interp(0.1, fpr, tpr)), 0.021, 770),
        fpr=fpr, tpr=tpr, n_members=770, n_controls=770, n_synthetic=770,
        minimum_detectable_auc=0.541, source=SOURCE,
    )  # fmt: skip
    edges = np.linspace(0, 8, 41)
    near = np.histogram(rng.gamma(9, 0.35, 4000), edges)[0] / 4000
    far = np.histogram(rng.gamma(9.2, 0.35, 4000), edges)[0] / 4000
    copied = Estimate(value=1.0, low=0.995, high=1.0, n=770)
    clean = Estimate(value=0.0, low=0.0, high=0.005, n=770)
    quantiles = Quantiles(q05=1.4, q25=2.3, q50=3.0, q75=3.8, q95=5.1, n=770)
    distances = Distances(
        n_train=770, n_holdout=770 if holdout else 0, n_synthetic=770,
        share_closer_to_train=estimate(0.508, 0.03, 770) if holdout else EMPTY,
        copied_train=copied if auc == 1 else clean, copied_holdout=clean if holdout else EMPTY,
        identical_share_train=copied if auc == 1 else clean,
        identical_share_holdout=clean if holdout else EMPTY, dcr_train=quantiles,
        dcr_holdout=quantiles if holdout else None, nndr_train=0.87,
        nndr_holdout=0.88 if holdout else None, edges=edges,
        train_to_synthetic=near, holdout_to_synthetic=far if holdout else None, source=SOURCE,
    )  # fmt: skip
    made = [category_shape(c, rng, 2 + i % 9) if i % 2 else numeric_shape(c, rng) for i, c in enumerate(columns)]
    real = np.abs(rng.normal(0, 0.2, (len(columns), len(columns)))).clip(0, 1)
    real = (real + real.T) / 2
    synthetic = np.abs(real + rng.normal(0, 0.05, real.shape)).clip(0, 1)
    pairs = Pairs(
        names=tuple(columns), real=real, synthetic=(synthetic + synthetic.T) / 2, mean_error=0.031,
        baseline=0.027, source=SOURCE,
        worst=tuple(PairDifference(first=columns[0], second=c, real=0.41, synthetic=0.29) for c in columns[1:11]),
    )  # fmt: skip
    digests = {k: c * 64 for k, c in (("train", "a"), ("synthetic", "b"), ("schema", "d"))}
    return Audit(
        schema_name=name,
        membership=membership if holdout else NotMeasured(reason="No holdout table was given."),
        distances=distances,
        reference="holdout" if holdout else "train",
        shapes=Shapes(columns=tuple(made), mean=0.028, baseline=0.024 if holdout else None, source=SOURCE),
        pairs=pairs,
        detection=Detection(
            auc=estimate(0.663, 0.025, 1540), folds=5, n_per_side=770, source=SOURCE,
            top_columns=tuple(ColumnImportance(name=c, importance=0.04 / (i + 1)) for i, c in enumerate(columns[:10])),
        ),
        survival=(curve("os", None, rng), curve("efs", None, rng), curve("relapse", "relapsed", rng), curve("relapse", "died", rng)),
        validity=Validity(n_rows=770, n_violating_rows=3, by_rule=(BrokenRule(column="os_time", rule="efs_time at most os_time", count=3),), source=SOURCE),
        provenance=Provenance(
            created="2026-11-23T21:00:00+00:00", seed=0, n_train=770, n_synthetic=770, n_holdout=770 if holdout else 0,
            versions={"synthema-core": "0.1.0", "numpy": "2.3.0"}, digests=digests, seconds={"membership": 0.4, "total": 9.1},
        ),
        warnings=("Column ‘karyotype’ has 312 levels; look at its encoding.",),
    )  # fmt: skip
