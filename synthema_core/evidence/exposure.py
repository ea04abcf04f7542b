"""Who is exposed: the people and the subgroups that a mean would hide.

A person is named by the number of his row in the training table as it was given, and by nothing
else: only who holds that table can look him up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..intervals import EMPTY, Estimate, auc, clopper_pearson
from ..schema import Schema
from .material import Group

WORST = 10  # people listed for each attack
RARE = 30  # patients up to which a subgroup is looked at alone
FLOOR = 5  # patients from which a subgroup has a row of its own; smaller ones are taken together
FEWEST = 10  # controls of a subgroup that are compared with it; with fewer, all controls are
AT = 0.1  # share of controls that may be wrongly accused when people of a subgroup are looked for
MOST_PAIRED = 16  # columns whose pairs are looked at
LISTED = ("boolean", "categorical", "ordinal")

SOURCE = (
    "Per person: rank of the score among the controls' as (1 + controls at least as suspicious) / "
    "(1 + controls), the p-value of Vovk et al. (2005), Algorithmic Learning in a Random World. "
    "Subgroups: AUC by DeLong et al. (1988) with Newcombe (2006), against controls of the subgroup "
    f"if it has {FEWEST} or more, else all; shares by Clopper & Pearson (1934). Intervals are not "
    "corrected for the number of subgroups."
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """One training patient.

    Attributes:
        rows: Row numbers in the training table as given, from 0; several if the patient has.
        score: Of the attack; larger is more suspicious.
        p: (1 + controls at least as suspicious) / (1 + controls): how often somebody never seen
            would look like this.
    """

    rows: tuple[int, ...]
    score: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The training patients that an attack finds most suspicious.

    Attributes:
        attack: Name of the attack.
        people: Most suspicious first; ties in the order of their rows.
        n_ahead: Training patients more suspicious than every control.
        n: Training patients.
        n_controls: Holdout patients.
    """

    attack: str
    people: tuple[Exposed, ...]
    n_ahead: int
    n: int
    n_controls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """Training patients who share a rare level, or a rare pair of levels.

    Attributes:
        columns: One column or two; none where all smaller subgroups are taken together.
        levels: The level of each.
        n_train: Training patients in it.
        n_holdout: Holdout patients in it.
        auc: Membership AUC of its training patients against `controls`.
        controls: "subgroup", the holdout patients in it, or "all".
        found: Share of its training patients more suspicious than all but 10 % of all controls;
            0.1 is guessing.
        worst: Smallest p of its training patients, see `Exposed`.
    """

    columns: tuple[str, ...]
    levels: tuple[str, ...]
    n_train: int
    n_holdout: int
    auc: Estimate
    controls: Literal["subgroup", "all"]
    found: Estimate
    worst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """People and subgroups at risk.

    Attributes:
        worst: One list per attack.
        subgroups: The rare ones of 5 training patients or more, most exposed first.
        smaller: All that are in some smaller subgroup, together; None if nobody is.
        n_smaller: How many smaller subgroups there are.
        columns: Columns whose levels were looked at.
        attack: The attack that the subgroups were measured with.
        most: Patients up to which a subgroup counts as rare.
        source: Definition.
    """

    worst: tuple[Worst, ...]
    subgroups: tuple[Subgroup, ...]
    smaller: Subgroup | None
    n_smaller: int
    columns: tuple[str, ...]
    attack: str
    most: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """One attack's suspicion of every patient.

    Attributes:
        name: Of the attack.
        train: (people,) of the members; larger is more suspicious.
        holdout: (people,) of the controls.
    """

    name: str
    train: Floats
    holdout: Floats


def exposure(
    scores: Sequence[Scores], train: Group, holdout: Group, schema: Schema, named: Sequence[str]
) -> Exposure:
    """Look behind the means.

    Args:
        scores: One per attack; subgroups are measured with the first.
        train: The members.
        holdout: The controls.
        schema: Kinds of the columns.
        named: Quasi-identifiers and secrets that were declared; if none is, every column with
            levels is looked at.
    """
    listed = [c.name for c in schema.modelled if c.kind in LISTED]
    columns = tuple(n for n in listed if n in named) or tuple(listed)
    first = scores[0]
    p = p_values(first)
    large: list[Subgroup] = []
    small: set[int] = set()
    n_smaller = 0
    for names, levels, ours, theirs in _rare(columns, train, holdout):
        if len(ours) < FLOOR:
            small.update(ours.tolist())
            n_smaller += 1
        else:
            large.append(_subgroup(names, levels, ours, theirs, first, p))
    few = np.array(sorted(small), np.int64)
    return Exposure(
        worst=tuple(worst(one, train) for one in scores),
        subgroups=tuple(sorted(large, key=lambda s: (s.worst, -(s.auc.value or 0), s.n_train))),
        smaller=_subgroup((), (), few, few[:0], first, p) if small else None,
        n_smaller=n_smaller,
        columns=columns,
        attack=first.name,
        most=RARE,
        source=SOURCE,
    )


def p_values(scores: Scores) -> Floats:
    """(people,) how often somebody never seen is as suspicious as each training patient."""
    controls = np.sort(scores.holdout)
    at_least = len(controls) - np.searchsorted(controls, scores.train, side="left")
    found: Floats = (1 + at_least) / (1 + len(controls))
    return found


def worst(scores: Scores, train: Group) -> Worst:
    """The training patients that one attack finds most suspicious."""
    first = np.full(train.people, np.iinfo(np.int64).max)
    np.minimum.at(first, train.person, train.number)
    order = np.lexsort((first, -scores.train))[:WORST]
    p = p_values(scores)
    return Worst(
        attack=scores.name,
        people=tuple(
            Exposed(
                rows=tuple(sorted(train.number[train.person == who].tolist())),
                score=float(scores.train[who]),
                p=float(p[who]),
            )
            for who in order
        ),
        n_ahead=int((scores.train > scores.holdout.max()).sum()),
        n=train.people,
        n_controls=len(scores.holdout),
    )


def _rare(
    columns: Sequence[str], train: Group, holdout: Group
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]]:
    """Rare levels, then rare pairs of levels that are not rare: names, levels, patients."""
    common: dict[str, list[object]] = {}
    for name in columns:
        common[name] = []
        for levels, ours in _members((name,), train):
            if len(ours) > RARE:
                common[name].append(levels[0])
            else:
                yield (name,), _words(levels), ours, _of((name,), levels, holdout)
    if len(columns) > MOST_PAIRED:
        return
    for a, b in combinations(columns, 2):
        for levels, ours in _members((a, b), train):
            if len(ours) > RARE or levels[0] not in common[a] or levels[1] not in common[b]:
                continue
            yield (a, b), _words(levels), ours, _of((a, b), levels, holdout)


def _members(
    names: tuple[str, ...], group: Group
) -> Iterator[tuple[tuple[object, ...], NDArray[np.int64]]]:
    """Each combination of levels that occurs, with its patients, in the order of its levels."""
    people = group.frame.select(names).with_columns(pl.Series("\0person", group.person))
    held = people.drop_nulls().unique().group_by(names).agg(pl.col("\0person").sort())
    for *levels, who in held.sort(names).iter_rows():
        yield tuple(levels), np.asarray(who, np.int64)


def _of(names: tuple[str, ...], levels: tuple[object, ...], group: Group) -> NDArray[np.int64]:
    same = pl.all_horizontal(pl.col(n) == pl.lit(v) for n, v in zip(names, levels, strict=True))
    hit = group.frame.select(same.fill_null(value=False).alias("hit"))["hit"].to_numpy()
    return np.unique(group.person[hit])


def _words(levels: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(str(level) for level in levels)


def _subgroup(
    names: tuple[str, ...],
    levels: tuple[str, ...],
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
    scores: Scores,
    p: Floats,
) -> Subgroup:
    enough = len(theirs) >= FEWEST
    against = scores.holdout[theirs] if enough else scores.holdout
    n = len(ours)
    found = EMPTY
    if len(scores.holdout) >= 1 / AT:
        hits = int((p[ours] <= AT).sum())
        low, high = clopper_pearson(hits, n)
        found = Estimate(value=hits / n, low=low, high=high, n=n)
    return Subgroup(
        columns=names,
        levels=levels,
        n_train=n,
        n_holdout=len(theirs),
        auc=auc(scores.train[ours], against),
        controls="subgroup" if enough else "all",
        found=found,
        worst=float(p[ours].min()),
    )
