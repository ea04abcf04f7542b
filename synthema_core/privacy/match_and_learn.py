"""Meaningful identity disclosure: a person is matched *and* something new is learned about him.

The model of El Emam, Mosquera and Bass (2020), read against the 0.09 of EMA and Health Canada. It
has no control group and is a risk under assumptions; beside it stands the same event as an attack,
with a control on the holdout.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

from ..intervals import Estimate, wilson
from .attack import SOURCE as RISK
from .attack import Attack, Columns, Side, attack, column
from .keys import classes, grouped

LINE = 0.09  # EMA Policy 0070 and Health Canada PRCI
CLUSTERS = 5  # of a numeric secret; the paper chooses the number by a vote of criteria

SOURCE = (
    "El Emam, Mosquera & Bass (2020), J. Med. Internet Res. 22(11), e23139: "
    "max(1/N sum_s I_s R_s a / f_s, 1/n sum_s I_s R_s a / F_s) over the n members, N people of the "
    "population, f_s and F_s sizes of a member's class in train and in the population, I_s: some "
    "synthetic row has his quasi-identifiers, R_s: at least a share of his secrets is learned from "
    "those rows, a: their adjustment (1 + lambda) / 2 for errors and verification. A level is "
    "learned if it occurs there and 1 - p > sqrt(p (1 - p)), p its share in train; a number if its "
    "share of train times the difference is below 1.48 MAD; here of five clusters. Interval by "
    "Wilson (1927) on the sum, which no mean of values in [0, 1] can exceed in variance."
)
EVENT = "Share of people matched and learned about, as above, with a control. " + RISK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchAndLearn:
    """Meaningful identity disclosure.

    Attributes:
        risk: The larger of the two directions; descriptive, under the assumptions given.
        population_to_sample: Somebody known from the population is looked up.
        sample_to_population: A synthetic row is taken to a register of the population.
        real: The same risk were `train` itself released.
        line: 0.09, what EMA and Health Canada accept in most circumstances.
        assumed: What was assumed about the population.
        adjustment: (1 + lambda) / 2; 1 is an attacker whose data hold no error.
        learned_share: Share of the secrets that must be learned.
        attack: The event itself against people never seen: evidence.
        source: Definition.
    """

    risk: Estimate
    population_to_sample: Estimate
    sample_to_population: Estimate
    real: Estimate
    line: float
    assumed: str
    adjustment: float
    learned_share: float
    attack: Attack
    source: str


def match_and_learn(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    names: Sequence[str],
    quasi_identifiers: Columns,
    secrets: Sequence[int] | None = None,
    sampling_fraction: float | None = None,
    inverse_sizes: NDArray[np.float64] | None = None,
    adjustment: float = 1.0,
    learned_share: float = 0.05,
    groups: int | None = 10,
) -> MatchAndLearn:
    """Risk that somebody is matched to a synthetic row and something is learned.

    Args:
        train: (n,) members, n >= 1.
        holdout: (h,) people never seen, the control; of any size, 0 included.
        synthetic: (s,) rows.
        names: Of all columns, numeric columns first.
        quasi_identifiers: (p + q,) columns the attacker knows.
        secrets: Columns to learn; None is all others.
        sampling_fraction: Members over people of the population, in (0, 1]. None assumes that the
            members are the population, the worst case.
        inverse_sizes: (n,) expected 1 / F of each member, as `synthema_core.anonymity.population.
            expected_inverse` estimates it; None takes F = f / sampling_fraction.
        adjustment: (1 + lambda) / 2, in [0.5, 1].
        learned_share: In (0, 1]; at least one secret must be learned.
        groups: See `synthema_core.privacy.keys.grouped`; for quasi-identifiers alone.

    Returns:
        MatchAndLearn.

    Raises:
        ValueError: If a share is out of range.
    """
    fraction = 1.0 if sampling_fraction is None else sampling_fraction
    for name, value, least in (
        ("sampling_fraction", fraction, 0.0),
        ("adjustment", adjustment, 0.5 - 1e-12),
        ("learned_share", learned_share, 0.0),
    ):
        if not least < value <= 1:
            raise ValueError(f"{name}: expected more than {max(least, 0):g} and at most 1")
    keys = classes(grouped([train, holdout, synthetic], groups), quasi_identifiers)
    size = 1 + max(int(part.max(initial=-1)) for part in keys)
    f = np.bincount(keys[0], minlength=size)[keys[0]]
    inverse = fraction / f if inverse_sizes is None else inverse_sizes
    wanted = np.flatnonzero(~quasi_identifiers).tolist() if secrets is None else list(secrets)
    need = max(1, int(np.ceil(learned_share * len(wanted) - 1e-9)))
    models = [_Secret.of(column(train, at)) for at in wanted]

    def event(real: Rows, key: NDArray[np.int64], pool: Rows, other: NDArray[np.int64]) -> Side:
        learned = np.zeros(len(key), np.int64)
        for at, model in zip(wanted, models, strict=True):
            learned += model.learned(column(real, at), key, column(pool, at), other)
        return Side.all(learned >= need)

    def directions(hit: NDArray[np.bool_]) -> tuple[Estimate, Estimate]:
        n = len(hit)
        # 1/N = fraction / n
        return (
            _mean(float((hit * adjustment / f).sum()) * fraction, n),
            _mean(float((hit * adjustment * inverse).sum()), n),
        )

    main = event(train, keys[0], synthetic, keys[2])
    control = event(holdout, keys[1], synthetic, keys[2])
    one, other = directions(main.hit)
    real = directions(event(train, keys[0], train, keys[0]).hit)
    assumed = (
        "the members are the population: nobody else shares their classes (worst case)"
        if sampling_fraction is None
        else f"the members are a random sample of {sampling_fraction:.4g} of the population"
    )
    known = [n for n, is_known in zip(names, quasi_identifiers, strict=True) if is_known]
    return MatchAndLearn(
        risk=max(one, other, key=_value),
        population_to_sample=one,
        sample_to_population=other,
        real=max(real, key=_value),
        line=LINE,
        assumed=assumed,
        adjustment=adjustment,
        learned_share=learned_share,
        attack=attack(
            "match and learn",
            ", ".join(known),
            main,
            control,
            0.0,
            attacker="equal keys",
            source=EVENT,
        ),
        source=SOURCE,
    )


def _mean(total: float, n: int) -> Estimate:
    low, high = wilson(min(total, n), n)
    return Estimate(value=total / n, low=low, high=high, n=n)


def _value(estimate: Estimate) -> float:
    return -1.0 if estimate.value is None else estimate.value


@dataclass(frozen=True, slots=True, eq=False)
class _Secret:
    """When one secret counts as learned.

    Attributes:
        reach: Of a number, the cluster centers, ascending, and for each how near a guess must be.
        rare: Of a level, whether it is rare enough to be news; by code.
    """

    centers: NDArray[np.float64]
    reach: NDArray[np.float64]
    rare: NDArray[np.bool_]

    @classmethod
    def of(cls, values: NDArray[np.float64] | NDArray[np.int32]) -> "_Secret":
        nothing = np.empty(0)
        if values.dtype.kind != "f":
            present = values[values >= 0]
            p = np.bincount(present, minlength=1) / max(len(present), 1)
            return cls(nothing, nothing, (1 - p) > np.sqrt(p * (1 - p)))
        present = np.asarray(values[~np.isnan(values)], np.float64)
        if not present.size:
            return cls(nothing, nothing, np.empty(0, np.bool_))
        centers = _centers(present)
        share = np.bincount(_cluster(present, centers), minlength=len(centers)) / len(present)
        mad = float(np.median(np.abs(present - np.median(present))))
        with np.errstate(divide="ignore"):
            reach = np.where(share > 0, 1.48 * mad / share, 0.0)
        return cls(centers, reach, np.empty(0, np.bool_))

    def learned(
        self,
        truth: NDArray[np.float64] | NDArray[np.int32],
        key: NDArray[np.int64],
        guesses: NDArray[np.float64] | NDArray[np.int32],
        other: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """(n,) whether some row of the pool with a person's key gives his secret away."""
        if truth.dtype.kind != "f":
            code, said = np.asarray(truth, np.int32), np.asarray(guesses, np.int32)
            inside = (code >= 0) & (code < len(self.rare))
            # A level that no member has is the rarest of all.
            news = (code >= 0) & (self.rare[np.where(inside, code, 0)] | ~inside)
            return news & np.isin(_pairs(key, code), _pairs(other, said)[said >= 0])
        out = np.zeros(len(truth), np.bool_)
        value, given = np.asarray(truth, np.float64), np.asarray(guesses, np.float64)
        has, there = ~np.isnan(value), ~np.isnan(given)
        if not has.any() or not there.any() or not self.centers.size:
            return out
        gap = _nearest_of_key(value[has], key[has], given[there], other[there])
        out[has] = gap < self.reach[_cluster(value[has], self.centers)]
        return out


def _pairs(key: NDArray[np.int64], code: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.asarray(key * 2**32 + code, np.int64)


def _nearest_of_key(
    truth: NDArray[np.float64],
    key: NDArray[np.int64],
    guesses: NDArray[np.float64],
    other: NDArray[np.int64],
) -> NDArray[np.float64]:
    """(n,) smallest difference to a guess of the same key; infinite where there is none."""
    order = np.lexsort((guesses, other))
    guesses, other = guesses[order], other[order]
    # Place of each truth among the guesses, ordered by key and then by value.
    both = np.lexsort(
        (
            np.repeat([0, 1], [len(truth), len(guesses)]),
            np.concatenate([truth, guesses]),
            np.concatenate([key, other]),
        )
    )
    is_guess = both >= len(truth)
    before = np.cumsum(is_guess)
    place = np.empty(len(truth), np.int64)
    place[both[~is_guess]] = before[~is_guess]
    gap = np.full(len(truth), np.inf)
    for at in (place - 1, place):
        inside = (at >= 0) & (at < len(guesses))
        safe = np.where(inside, at, 0)
        same = inside & (other[safe] == key)
        gap = np.where(same, np.minimum(gap, np.abs(guesses[safe] - truth)), gap)
    return gap


def _centers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centers of k-means on a line, from quantiles; the same for any order of the values."""
    ordered = np.sort(values)
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    centers = np.unique(np.quantile(ordered, (np.arange(CLUSTERS) + 0.5) / CLUSTERS))
    for _ in range(100):
        cuts = np.searchsorted(ordered, (centers[1:] + centers[:-1]) / 2, side="right")
        edges = np.concatenate([[0], cuts, [len(ordered)]])
        count = np.diff(edges)
        kept = count > 0
        moved = np.diff(total[edges])[kept] / count[kept]
        if len(moved) == len(centers) and np.allclose(moved, centers, rtol=0, atol=1e-12):
            break
        centers = moved
    return np.asarray(centers, np.float64)


def _cluster(values: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.searchsorted((centers[1:] + centers[:-1]) / 2, values, side="left")
