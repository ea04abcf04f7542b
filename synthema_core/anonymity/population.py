"""Risk of re-identification: who the attacker is, and how many people share a combination."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import Estimate, NotMeasured, clopper_pearson

RISK = (
    "Prosecutor, journalist and marketer risk: Dankar & El Emam (2010), PAIS; El Emam (2013), "
    "Guide to the De-Identification of Personal Health Information. "
)
EXACT = (
    "Counted exactly on the table and the population given, so without interval. Where the "
    "population holds fewer people of a class than the table does, the table's number stands."
)
ESTIMATED = (
    "People of the population per class estimated from the sampling fraction p: the expectation of "
    "1 / F given f in the table, F - f negative binomial: Benedetti & Franconi (1998), in the form "
    "of Franconi & Polettini (2004), LNCS 3050, 262-272. Valid for a simple random sample."
)
UNIQUES_EXACT = "Population uniques among the table's uniques, counted in the population given."
UNIQUES_ESTIMATED = (
    "Share of sample uniques that are population uniques: Zayatz (1991), US Census Bureau SRD "
    "RR-91/08, no interval published. Chance that a unique match is right: p n1 / (p n1 + "
    "2 (1 - p) n2), Skinner & Elliot (2002), JRSS B 64, 855-867; interval by Clopper & Pearson "
    "(1934) on n1 of n1 + n2. Both for a simple random sample."
)
SERIES, SHORT = 64, 32  # terms of the series; class sizes below which a recurrence stands in

UNKNOWN = (
    "The people behind the table were not declared: give a population table, its number of rows "
    "or the sampling fraction."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacker:
    """Chance that one attacker re-identifies a row, over the rows of the table.

    Attributes:
        maximum: Of the row most at risk.
        average: Over rows; for the journalist the larger of the two forms of El Emam (2013).
        above: Share of rows whose risk exceeds the threshold.
    """

    maximum: float
    average: Estimate
    above: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniques:
    """Rows that nobody else in the table equals, and whether anybody in the population does.

    Attributes:
        sample: Share of rows that are unique in the table.
        population: Of those, the share that is unique in the population too.
        match: Chance that a unique match against the population is right (Skinner & Elliot).
        n_unique: Rows unique in the table.
        n: Rows.
        source: Definition.
    """

    sample: Estimate
    population: Estimate
    match: Estimate
    n_unique: int
    n: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Risk of re-identification by attacker.

    Attributes:
        threshold: Risk above which a row is counted as exposed.
        prosecutor: Knows that a certain person is in the table.
        journalist: Wants anybody, and holds a register of the population.
        marketer: Matches as many as they can: the expected share of rows matched rightly.
        k_map: Fewest people of the population behind any row; None where it is estimated only.
        uniques: Population uniqueness.
        n_uncovered: Rows in classes of which the population table holds fewer people.
        sampling_fraction: Rows over people of the population; None if not declared.
        n: Rows.
        source: Definitions.
    """

    threshold: float
    prosecutor: Attacker
    journalist: Attacker | NotMeasured
    marketer: Estimate | NotMeasured
    k_map: int | None
    uniques: Uniques | NotMeasured
    n_uncovered: int | None
    sampling_fraction: float | None
    n: int
    source: str


def risk(
    sizes: NDArray[np.int64],
    *,
    threshold: float,
    people: NDArray[np.int64] | None = None,
    sampling_fraction: float | None = None,
) -> Risk:
    """Risk of re-identification.

    Args:
        sizes: (n,) size of each row's class in the table, n >= 1.
        threshold: In (0, 1].
        people: (n,) size of the same class in the population, if it is known.
        sampling_fraction: Table over population, in (0, 1]; may be None.
    """
    n = len(sizes)
    prosecutor = _attacker(1 / sizes, threshold)
    source = RISK
    k_map = n_uncovered = None
    journalist: Attacker | NotMeasured = NotMeasured(reason=UNKNOWN)
    marketer: Estimate | NotMeasured = NotMeasured(reason=UNKNOWN)
    uniques: Uniques | NotMeasured = NotMeasured(reason=UNKNOWN)
    if people is not None:
        n_uncovered = int((people < sizes).sum())
        people = np.maximum(people, sizes)
        k_map = int(people.min())
        # sum over classes of F = sum over rows of F / f
        ratio = float((1 / sizes).sum() / (people / sizes).sum())
        journalist = _attacker(1 / people, threshold, at_least=ratio)
        marketer = _exact(float((1 / people).mean()), n)
        uniques = _counted(sizes, people)
        source += EXACT
    elif sampling_fraction is not None:
        chance = expected_inverse(sizes, sampling_fraction)
        ratio = sampling_fraction * float((1 / sizes).mean())
        journalist = _attacker(chance, threshold, at_least=ratio)
        marketer = _exact(float(chance.mean()), n)
        uniques = _estimated(sizes, sampling_fraction)
        source += ESTIMATED
    return Risk(
        threshold=threshold,
        prosecutor=prosecutor,
        journalist=journalist,
        marketer=marketer,
        k_map=k_map,
        uniques=uniques,
        n_uncovered=n_uncovered,
        sampling_fraction=sampling_fraction,
        n=n,
        source=source,
    )


def expected_inverse(sizes: NDArray[np.int64], fraction: float) -> NDArray[np.float64]:
    """Expected 1 / F of each row given its class size f in a sample of this fraction p.

    p^f / f * 2F1(f, f; f + 1; q), q = 1 - p: by Euler's transformation p / f * 2F1(1, 1; f + 1; q),
    whose series is short unless both f and p are small; there, A_f = 2F1(1, 1; f + 1; q) / f obeys
    q A_(f+1) + p A_f = 1 / f from A_1 = log(1 / p) / q. (Library routines overflow or return NaN.)
    """
    size, back = np.unique(sizes, return_inverse=True)
    p, q = fraction, 1 - fraction
    term = np.ones(len(size))
    total = term.copy()
    for i in range(1, SERIES):
        term = term * (i * q / (size + i))
        total += term
    chance = p * total / size
    if p < 0.5:  # the recurrence shrinks its own error by p / q at each step
        a = -np.log(p) / q
        for f in range(1, SHORT):
            chance[size == f] = p * a
            a = (1 / f - p * a) / q
    return np.asarray(chance[back], np.float64)


def zayatz(sizes: NDArray[np.int64], fraction: float) -> float | None:
    """Chance that a sample unique is a population unique; None if there is no sample unique.

    Sizes of classes in the population are given the distribution of those in the sample, and Bayes'
    rule is applied with the hypergeometric chance that a class of size s shows one row.
    """
    from scipy.special import gammaln

    n = len(sizes)
    size, rows = np.unique(sizes, return_counts=True)
    if size[0] != 1:
        return None
    total = max(round(n / fraction), n)
    classes = rows / size
    fits = size - 1 <= total - n  # a larger class cannot show one row only
    s, classes = size[fits].astype(float), classes[fits]

    def log_choose(top: NDArray[np.float64] | float, of: float) -> NDArray[np.float64]:
        out: NDArray[np.float64] = gammaln(top + 1) - gammaln(of + 1) - gammaln(top - of + 1)
        return out

    one = s * np.exp(log_choose(total - s, n - 1) - log_choose(float(total), n))
    return float(classes[0] * one[0] / (classes * one).sum())


def _attacker(chance: NDArray[np.float64], threshold: float, *, at_least: float = 0.0) -> Attacker:
    n = len(chance)
    return Attacker(
        maximum=float(chance.max()),
        average=_exact(max(float(chance.mean()), at_least), n),
        above=_exact(float((chance > threshold).mean()), n),
    )


def _exact(value: float | None, n: int) -> Estimate:
    return Estimate(value=value, low=None, high=None, n=n)


def _counted(sizes: NDArray[np.int64], people: NDArray[np.int64]) -> Uniques:
    n, alone = len(sizes), sizes == 1
    n_unique = int(alone.sum())
    there = people[alone]
    return Uniques(
        sample=_exact(n_unique / n, n),
        population=_exact(float((there == 1).mean()) if n_unique else None, n_unique),
        match=_exact(n_unique / float(there.sum()) if n_unique else None, n_unique),
        n_unique=n_unique,
        n=n,
        source=UNIQUES_EXACT,
    )


def _estimated(sizes: NDArray[np.int64], fraction: float) -> Uniques:
    n, n_unique = len(sizes), int((sizes == 1).sum())
    pairs = int((sizes == 2).sum()) // 2
    match = _exact(None, 0)
    if n_unique:
        low, high = clopper_pearson(n_unique, n_unique + pairs)
        match = Estimate(
            value=_theta(n_unique / (n_unique + pairs), fraction),
            low=_theta(low, fraction),
            high=_theta(high, fraction),
            n=n_unique + pairs,
        )
    return Uniques(
        sample=_exact(n_unique / n, n),
        population=_exact(zayatz(sizes, fraction), n_unique),
        match=match,
        n_unique=n_unique,
        n=n,
        source=UNIQUES_ESTIMATED,
    )


def _theta(share: float, fraction: float) -> float:
    """Skinner and Elliot's chance, with `share` the n1 of n1 + n2."""
    right = fraction * share
    wrong = 2 * (1 - fraction) * (1 - share)
    return right / (right + wrong) if right else 0.0
