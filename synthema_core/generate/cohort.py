"""A simulated cohort of adults with acute myeloid leukemia, for demonstrations and tests.

No row is a patient or stems from one. Each is drawn from published rates, in the order of cause:
genomic class, then age, karyotype and mutations, then counts, ELN risk, response, transplant and
survival. Every number is in `cohort_parameters`, with its source or marked as the authors' choice.
Nothing learned from these rows is a finding about leukemia.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from synthema_core.errors import SynthemaError
from synthema_core.generate import cohort_parameters as given

from .cohort_schema import DTYPES
from .cohort_schema import schema as schema

Columns = dict[str, np.ndarray]


def simulate(n: int = 2000, *, seed: int) -> pl.DataFrame:
    """Simulated adults with intensively treated AML, one a row; not real patients.

    Genetics, counts and survival follow the AMLSG trials (median age 50), not the whole population,
    whose median age is about 70. Acute promyelocytic leukemia is left out. ELN risk follows the
    2022 rules. Laboratory values are missing at random (5-9 %); karyotype and risk are missing
    together (7 %); `cr_days` exists only after remission, `hsct_days` and `hsct_type` only after a
    transplant. `efs_days` equals `os_days` for those censored without an event and those whose
    first event is death.

    Args:
        n: Number of rows, at least 1.
        seed: The same seed and n give the same bits.

    Returns:
        (n, 56) table that breaks no rule of `schema()`.

    Raises:
        SynthemaError: If n is not a positive whole number.

    Source: Papaemmanuil et al. (2016), N Engl J Med 374, 2209-2221; the rest stands in
    `cohort_parameters`.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise SynthemaError(f"n: expected a whole number of rows, at least 1, got {n!r}.")
    rng = np.random.default_rng(seed)
    weights = np.array(list(given.CLASSES.values()), float)
    kind = rng.choice(len(weights), size=n, p=weights / weights.sum())
    columns = _people(rng, kind)
    columns |= _genetics(rng, kind)
    columns |= _laboratory(rng, kind)
    columns["eln_risk"] = eln_2022(columns)
    columns |= _course(rng, columns)
    return _table(rng, columns)


def eln_2022(columns: Columns) -> np.ndarray:
    """European LeukemiaNet 2022 genetic risk: (n,) 0 favorable, 1 intermediate, 2 adverse.

    Biallelic CEBPA stands for the in-frame bZIP mutation of the rules, which is not simulated;
    t(9;22), t(8;16) and ZRSR2 are not simulated either. NPM1 with adverse cytogenetics is adverse.

    Args:
        columns: (n,) arrays of 0 and 1 by name: karyotype and mutations; CEBPA counts alleles.

    Source: Döhner et al. (2022), Blood 140, 1345-1377.
    """

    def any_of(names: list[str]) -> np.ndarray:
        hit: np.ndarray = np.any([columns[name] == 1 for name in names], axis=0)
        return hit

    core_binding_factor = any_of(["cyto_t_8_21", "cyto_inv16_t16_16"])
    adverse = any_of([*given.ADVERSE_KARYOTYPE, "mut_TP53"])
    npm1, itd = columns["mut_NPM1"] == 1, columns["mut_FLT3_ITD"] == 1
    myelodysplasia = any_of([f"mut_{gene}" for gene in given.MYELODYSPLASIA_GENES])
    risk: np.ndarray = np.select(
        [
            core_binding_factor,
            adverse,
            columns["mut_CEBPA"] == 2,
            npm1 & ~itd,
            npm1 | any_of(["cyto_t_9_11"]),
            myelodysplasia,
        ],
        [0, 2, 0, 0, 1, 2],
        default=1,
    )
    return risk


def _people(rng: np.random.Generator, kind: np.ndarray) -> Columns:
    """Age, sex, performance, origin of the leukemia, center."""
    n = len(kind)
    per_class = {name: np.array(row, float)[kind] for name, row in given.CLASS_MEDIANS.items()}
    age = np.floor(_between(rng, per_class["age"], given.AGE_SD, *given.AGE_RANGE)).astype(int)
    origin = rng.random(n) * 100
    secondary = origin < per_class["secondary"]
    therapy = ~secondary & (origin < per_class["secondary"] + per_class["therapy"])
    ecog = np.array(given.ECOG).cumsum(axis=1)[(age >= given.OLD).astype(int)]
    center = rng.choice(len(given.CENTERS), size=n, p=np.array(given.CENTERS) / 100)
    return {
        "age": age,
        "sex": np.where(rng.random(n) * 100 < per_class["female"], "F", "M"),
        "ecog": np.minimum((rng.random(n)[:, None] > ecog).sum(axis=1), 4),
        "type_aml": np.select([secondary, therapy], ["secondary", "therapy-related"], "de novo"),
        "center": np.array([f"center {i + 1:02d}" for i in range(len(given.CENTERS))])[center],
    }


def _genetics(rng: np.random.Generator, kind: np.ndarray) -> Columns:
    """Karyotype and mutations, 0 or 1; CEBPA counts alleles."""
    names = list(given.CLASSES)
    drawn: Columns = {}
    rates = {name: np.array(row, float) / 100 for name, row in given.KARYOTYPE.items()}
    normal = rates.pop("normal_karyotype")
    drawn["normal_karyotype"] = _draw(rng, kind, normal)
    abnormal = drawn["normal_karyotype"] == 0
    for name, rate in rates.items():  # rates are of the whole class, the draw is among the abnormal
        within = np.minimum(rate / np.maximum(1 - normal, 1e-9), 1.0)
        drawn[name] = np.zeros(len(kind), int)
        drawn[name][abnormal] = _draw(rng, kind[abnormal], within, _log_odds(name, drawn)[abnormal])
    for name, class_name in given.DEFINING.items():
        drawn[name] = (kind == names.index(class_name)).astype(int)
    kmt2a = kind == names.index("KMT2A")
    drawn["cyto_t_v_11"] = (kmt2a & (drawn["cyto_t_9_11"] == 0)).astype(int)
    for gene, row in given.MUTATIONS.items():
        rate = np.array(row, float) / 100
        drawn[f"mut_{gene}"] = _draw(rng, kind, rate, _log_odds(gene, drawn))
    drawn["mut_CEBPA"][kind == names.index("CEBPA_biallelic")] = 2
    return drawn


def _laboratory(rng: np.random.Generator, kind: np.ndarray) -> Columns:
    """Counts and blasts at clinical resolution: correlated normals around the class medians."""
    n = len(kind)
    root = np.linalg.cholesky(np.array(given.LABORATORY_CORRELATION))
    z = rng.standard_normal((n, len(root))) @ root.T * np.array(given.LABORATORY_SD)
    values: Columns = {}
    for j, name in enumerate(given.LABORATORY):
        low, high = given.LABORATORY_RANGE[name]
        median = np.array(given.CLASS_MEDIANS[name], float)[kind]
        if name == "hb":
            value = median + z[:, j]
        elif name.endswith("blasts"):
            share = (median - low) / (high - low)
            value = low + (high - low) / (1 + (1 - share) / share * np.exp(-z[:, j]))
        else:
            value = median * np.exp(z[:, j])
        value = np.clip(value, low, high)
        values[name] = np.round(value, 1) if name in ("wbc", "hb") else np.round(value).astype(int)
    for name, share in given.HEAPED.items():
        heaped = rng.random(n) < share
        fives = 5 * np.round(values[name] / 5).astype(int)  # the bounds are multiples of five
        values[name] = np.where(heaped, fives, values[name])
    values["pb_blasts"][rng.random(n) < given.NO_BLOOD_BLASTS] = 0
    return values


def _course(rng: np.random.Generator, at: Columns) -> Columns:
    """Response, transplant, relapse and death in whole days, cut off at the end of follow-up."""
    n, risk = len(at["age"]), at["eln_risk"]
    cell = 2 * risk + (at["age"] >= given.OLD)
    everyone = np.ones(n, bool)
    triple = (at["mut_NPM1"] + at["mut_DNMT3A"] + at["mut_FLT3_ITD"]) == 3
    traits: Columns = {
        "mut_TP53": at["mut_TP53"],
        "secondary": at["type_aml"] != "de novo",
        "decade": (at["age"] - 50) / 10,
        "leukocytosis": at["wbc"] > given.LEUKOCYTOSIS,
        "triple": triple,
        "transplant": np.zeros(n),
    }

    def chance(
        table: Any, odds: Mapping[str, float] = MappingProxyType({}), among: Any = everyone
    ) -> np.ndarray:
        """Draw yes or no at the per cent of each cell, with odds ratios on top."""
        rate = np.array(table, float).ravel() / 100
        eta = sum((np.log(ratio) * traits[name] for name, ratio in odds.items()), np.zeros(n))
        answer = np.zeros(n, bool)
        answer[among] = _draw(rng, cell[among], rate, eta[among]) == 1
        return answer

    def days(median_sd: Any) -> np.ndarray:
        """Log-normal days from (median, sd), or from one such pair per risk."""
        median, sd = np.broadcast_to(np.array(median_sd, float), (3, 2))[risk].T
        return np.asarray(median * np.exp(sd * rng.standard_normal(n)))

    # Response
    remission = chance(given.REMISSION, given.REMISSION_ODDS)
    early_rate = np.array(given.EARLY_DEATH) / (100 - np.array(given.REMISSION)) * 100
    early_death = chance(early_rate, given.EARLY_DEATH_ODDS, ~remission)
    refractory = ~remission & ~early_death
    remission_day = np.clip(days(given.REMISSION_DAYS), 15, 150).round()

    # From remission: transplant, then relapse, death without relapse, or neither
    first = chance(given.TRANSPLANT_FIRST_REMISSION, among=remission)
    first_day = remission_day + np.maximum(days(given.TO_TRANSPLANT_DAYS), 20).round()
    traits["transplant"] = first
    start = np.where(first, first_day, remission_day)
    relapse = chance(given.RELAPSE, given.RELAPSE_ODDS, remission)
    relapse_day = start + np.maximum(days(given.TO_RELAPSE_DAYS), 14).round()
    rest = np.array(given.DEATH_IN_REMISSION) / (100 - np.array(given.RELAPSE)) * 100
    toxic = chance(rest, given.DEATH_IN_REMISSION_ODDS, remission & ~relapse)
    toxic_day = start + np.maximum(days(given.TO_DEATH_IN_REMISSION_DAYS), 5).round()

    # After relapse or refractory disease: a second transplant decision, then death or long survival
    refractory_day = np.clip(days(given.REFRACTORY_DAYS), 10, 150).round()
    planned = chance(given.TRANSPLANT_REFRACTORY, among=(relapse | refractory) & ~first)
    failure_day = np.where(relapse, relapse_day, refractory_day)
    second_day = failure_day + np.maximum(days(given.TO_TRANSPLANT_DAYS) - 20, 20).round()
    traits["transplant"] = planned
    salvaged = chance(given.SALVAGE, given.SALVAGE_ODDS, relapse)
    salvaged |= chance(given.REFRACTORY_ALIVE, given.SALVAGE_ODDS, refractory)
    after = np.where(
        relapse, days(given.RELAPSE_TO_DEATH_DAYS), days(given.REFRACTORY_TO_DEATH_DAYS)
    )
    failed_day = failure_day + np.maximum(after, 1).round()

    # First event and death; whoever has neither dies of other causes, mostly after the follow-up
    other = _other_death(rng, at["age"])
    early_day = np.clip(days(given.EARLY_DEATH_DAYS), 1, 120).round()
    long_survivor_day = np.where(relapse | refractory, failure_day, start) + other
    failed = (relapse | refractory) & ~salvaged
    death_day = np.select(
        [early_death, failed, toxic], [early_day, failed_day, toxic_day], long_survivor_day
    )
    event_day = np.where(relapse | refractory, failure_day, death_day)

    # Follow-up
    share, soonest, latest = given.LOST
    end = np.where(
        rng.random(n) < share, rng.uniform(soonest, latest, n), days(given.FOLLOW_UP_DAYS)
    )
    end = np.clip(end, soonest, given.LAST_DAY).round()
    os_days, efs_days = np.minimum(death_day, end), np.minimum(event_day, end)
    transplant_day = np.where(first, first_day, second_day)
    transplanted = (first | planned) & (transplant_day < os_days)
    types = list(given.TRANSPLANT_TYPES)
    donor = np.array(types)[rng.choice(len(types), size=n, p=list(given.TRANSPLANT_TYPES.values()))]
    return {
        "induction_response": np.select([remission, refractory], ["CR", "RD"], "ED"),
        "cr_days": np.where(remission, remission_day, np.nan),
        "hsct": transplanted.astype(int),
        "hsct_days": np.where(transplanted, transplant_day, np.nan),
        "hsct_type": np.where(transplanted, donor, ""),
        "efs_days": efs_days,
        "efs_status": (event_day <= end).astype(int),
        "os_days": os_days,
        "os_status": (death_day <= end).astype(int),
    }


def _table(rng: np.random.Generator, columns: Columns) -> pl.DataFrame:
    """The columns in their published order and dtypes, with values gone missing."""
    n = len(columns["age"])
    columns["eln_risk"] = np.array(given.RISKS)[columns["eln_risk"]]
    unknown = {name: rng.random(n) < share for name, share in given.MISSING.items()}
    no_karyotype = rng.random(n) < given.MISSING_KARYOTYPE
    series = []
    for name, dtype in DTYPES.items():
        column = pl.Series(name, columns[name])
        if name in ("cr_days", "hsct_days"):
            column = column.fill_nan(None)
        if name == "hsct_type":
            column = column.replace("", None)
        series.append(column.cast(dtype))
    lost = {name: no_karyotype for name in DTYPES if name.startswith("cyto_")}
    lost |= {"normal_karyotype": no_karyotype, "eln_risk": no_karyotype} | unknown
    return pl.DataFrame(series).with_columns(
        pl.when(pl.lit(pl.Series(mask))).then(None).otherwise(pl.col(name)).alias(name)
        for name, mask in lost.items()
    )


def _draw(
    rng: np.random.Generator, cell: np.ndarray, rate: np.ndarray, eta: np.ndarray | None = None
) -> np.ndarray:
    """(n,) 0 or 1: logistic in `eta`, the intercept solved so that each cell keeps its rate."""
    if eta is None:
        eta = np.zeros(len(cell))
    size = np.maximum(np.bincount(cell, minlength=len(rate)), 1)
    low, high = np.full(len(rate), -40.0), np.full(len(rate), 40.0)
    for _ in range(50):  # bisection: the mean probability rises with the intercept
        middle = (low + high) / 2
        p = 1 / (1 + np.exp(-(middle[cell] + eta)))
        below = np.bincount(cell, weights=p, minlength=len(rate)) / size < rate
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    p = 1 / (1 + np.exp(-(high[cell] + eta)))
    p = np.where(rate[cell] <= 0, 0.0, np.where(rate[cell] >= 1, 1.0, p))
    return (rng.random(len(cell)) < p).astype(int)


def _log_odds(name: str, drawn: Columns) -> np.ndarray:
    """(n,) log odds of `name` from what was drawn before it."""
    eta = np.zeros(len(drawn["normal_karyotype"]))
    for (child, parent), ratio in given.ODDS_RATIOS.items():
        if child == name:
            eta += np.log(ratio) * (drawn[parent if parent in drawn else f"mut_{parent}"] == 1)
    return eta


def _between(
    rng: np.random.Generator, mean: np.ndarray, sd: float, low: float, high: float
) -> np.ndarray:
    """Normal values, redrawn until they lie in [low, high + 1)."""
    values = rng.normal(mean, sd)
    while (outside := (values < low) | (values >= high + 1)).any():
        values[outside] = rng.normal(mean[outside], sd)
    return values


def _other_death(rng: np.random.Generator, age: np.ndarray) -> np.ndarray:
    """Whole days to death of other causes, at least 1: Gompertz, inverted in closed form."""
    a, b = given.MORTALITY
    years = np.log1p(rng.standard_exponential(len(age)) * b / (a * np.exp(b * age))) / b
    return np.maximum(years * 365.25, 1).round()
