"""Replicated uniques and unanimous classes: what quasi-identifiers alone give away.

RepU counts members whose quasi-identifiers nobody else in `train` has and one synthetic row has.
DiSCO counts those whose class in the synthetic table is of one mind about a target, and right. The
shares by themselves are descriptive; as attacks with a control on the holdout they are evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows

from ..intervals import EMPTY, Estimate
from .attack import SOURCE as RISK
from .attack import Attack, Columns, Side, attack, column, detectable, risk, share
from .disclosure import blind
from .keys import classes, grouped
from .singling_out import in_common, one_of_a_subset

SOURCE = (
    "Raab, Nowok & Dibben (2024), Practical privacy metrics for synthetic data, arXiv 2406.16826: "
    "RepU = sum(d_q | d_q = 1, s_q = 1) / N; DiSCO = sum(d_tq | p(t | q) = 1 in synthetic "
    "table) / N; with p(t | q) = 1 in train besides, the stricter form of other versions of the "
    "text. "
)
SIZES = (
    " A larger control is read on its random subsets of the size of train, in expectation; of a "
    "smaller one each takes the place of a random member."
)
REPLICATED = SOURCE + RISK + SIZES
DISCLOSED = SOURCE + RISK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """What the classes of quasi-identifiers say about one target.

    Attributes:
        name: Of the target.
        in_train: DiO: share of members whose class in `train` itself is of one mind. Descriptive.
        in_synthetic: DiS: share of synthetic rows in classes of one mind. Descriptive.
        in_both: Share of members whose class is of one mind in both tables, and the same.
        attack: DiSCO with its control: `main` is the share of members whose class in the synthetic
            table is of one mind and right.
    """

    name: str
    in_train: Estimate
    in_synthetic: Estimate
    in_both: Estimate
    attack: Attack


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicated:
    """Uniqueness on quasi-identifiers, in the real and the synthetic table.

    Attributes:
        quasi_identifiers: Names.
        groups: Numbers with more values than this were cut at quantiles of train; None: not.
        in_train: UiO: share of members alone in their class. Descriptive.
        in_synthetic: UiS: share of synthetic rows alone in theirs. Descriptive.
        attack: RepU with its control.
        targets: One for each target.
        source: Definitions.
    """

    quasi_identifiers: tuple[str, ...]
    groups: int | None
    in_train: Estimate
    in_synthetic: Estimate
    attack: Attack
    targets: tuple[Target, ...]
    source: str


def replicated(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    names: Sequence[str],
    quasi_identifiers: Columns,
    targets: Sequence[int] | None = None,
    groups: int | None = 10,
) -> Replicated:
    """Replicated uniques, and unanimous classes for each target.

    A missing quasi-identifier is a value of its own. People whose target is missing are left out
    of that target's figures; a class that agrees on "missing" says nothing.

    Args:
        train: (n,) members, n >= 1.
        holdout: (h,) people never seen, the control; of any size, 0 included.
        synthetic: (s,) rows, s >= 1.
        names: Of all columns, numeric columns first.
        quasi_identifiers: (p + q,) columns that the attacker knows.
        targets: Columns to learn; None is all others.
        groups: See `synthema_core.privacy.keys.grouped`; for targets as well.

    Returns:
        Replicated.
    """
    tables = grouped([train, holdout, synthetic], groups)
    mine, theirs, drawn = classes(tables, quasi_identifiers)
    size = 1 + max(int(part.max(initial=-1)) for part in (mine, theirs, drawn))
    real, made = (np.bincount(part, minlength=size) for part in (mine, drawn))
    known = tuple(n for n, is_known in zip(names, quasi_identifiers, strict=True) if is_known)
    others = np.flatnonzero(~quasi_identifiers).tolist() if targets is None else targets
    return Replicated(
        quasi_identifiers=known,
        groups=groups,
        in_train=share(int((real[mine] == 1).sum()), len(mine)),
        in_synthetic=share(int((made[drawn] == 1).sum()), len(drawn)),
        attack=_replicated((mine, theirs), real, made == 1, ", ".join(known)),
        targets=tuple(
            _target(names[at], [column(t, at) for t in tables], (mine, theirs, drawn), size)
            for at in others
        ),
        source=SOURCE,
    )


def _replicated(
    keys: tuple[NDArray[np.int64], NDArray[np.int64]],
    real: NDArray[np.int64],
    once: NDArray[np.bool_],
    target: str,
) -> Attack:
    """Of each class: rows in train, and whether one synthetic row has it."""
    (mine, theirs), n, h = keys, len(keys[0]), len(keys[1])
    unseen = np.bincount(theirs, minlength=len(real))
    main = ((real == 1) & once)[mine]
    hits, trials = int(main.sum()), float(n)
    if h >= n:
        others = float(one_of_a_subset(unseen[once], h, n).sum()) * h / n
    else:  # in place of a random member, see `synthema_core.privacy.singling_out`
        free = once * ((real == 0) + (real == 1) / n)
        others = float(free[theirs].sum())
        trials /= in_common(real[once])
    control = ((unseen == 1) & once)[theirs]
    return Attack(
        name="replicated uniques",
        target=target,
        main=share(hits, n),
        control=share(others, h),
        baseline=1 / n,
        risk=risk(hits * trials / n, trials, others, h) if h else EMPTY,
        minimum_detectable_risk=detectable(others, h, trials),
        succeeded=main,
        controls_succeeded=control,
        source=REPLICATED,
        attacker="equal keys",
        trials=(trials, h),
    )


def _target(
    name: str,
    values: list[NDArray[np.float64] | NDArray[np.int32]],
    keys: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    size: int,
) -> Target:
    codes = [c.ravel() for c in classes([_alone(v) for v in values], np.array([True]))]
    absent = [np.isnan(v) if v.dtype.kind == "f" else v < 0 for v in values]
    said = [
        _unanimous(code, key, gone, size)
        for code, key, gone in zip(codes, keys, absent, strict=True)
    ]
    right = [said[2][key] == code for code, key in zip(codes, keys, strict=True)]
    has = [~gone for gone in absent]
    sides = [Side(hit=right[i][has[i]], at=np.flatnonzero(has[i]), n=len(codes[i])) for i in (0, 1)]
    both = right[0] & (said[0][keys[0]] >= 0)
    n = int(has[0].sum())
    return Target(
        name=name,
        in_train=share(int((said[0][keys[0]] >= 0)[has[0]].sum()), n),
        in_synthetic=share(int((said[2][keys[2]] >= 0).sum()), len(codes[2])),
        in_both=share(int(both[has[0]].sum()), n),
        attack=attack(
            "unanimous classes",
            name,
            sides[0],
            sides[1],
            blind(values[2], values[0][has[0]], 0.0),
            attacker="equal keys",
            source=DISCLOSED,
        ),
    )


def _alone(values: NDArray[np.float64] | NDArray[np.int32]) -> Rows:
    if values.dtype.kind == "f":
        return Rows(numeric=values[:, None].astype(np.float64))
    return Rows(codes=values[:, None])


def _unanimous(
    code: NDArray[np.int64], key: NDArray[np.int64], absent: NDArray[np.bool_], size: int
) -> NDArray[np.int64]:
    """For each class the one code its rows have; -1 where they differ, lack it or are none."""
    low, high = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    np.minimum.at(low, key, code)
    np.maximum.at(high, key, code)
    lacking = np.bincount(key[absent], minlength=size) > 0
    return np.where((low == high) & ~lacking, high, -1)
