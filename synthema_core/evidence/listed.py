"""Which patients' values a model file lists: what can be read off it without drawing a row.

A flow's file keeps how each column is read: levels, values that several patients share, and the
boundaries between the others. Boundaries are midpoints, so one value gives away its neighbors, one
after the other. Whatever the file gives away about training patients beyond what the same list says
about people never seen is disclosed by the file.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..columns import Codec, Discrete, Numeric
from ..columns.marginal import Marginal
from ..encoding import Encoder
from ..privacy.attack import Attack, detectable, risk, share
from .material import Group

SOURCE = (
    "Values that the file lists or that follow from its boundaries, v' = 2 m - v, against those of "
    "training patients and of people never seen; risk = (main - control) / (1 - control) as in "
    "Giomi et al. (2023), PoPETs 2023(2), 312-328, intervals by Wilson (1927), that of the risk by "
    "Donner & Zou (2012) with limits by Clopper & Pearson (1934)."
)

Floats = NDArray[np.float64]


def extraction(encoder: Encoder, train: Group, holdout: Group) -> tuple[Attack, ...]:
    """One attack per column: is the value of a person on the list that the file gives away?"""
    found = []
    for name, codec in encoder.codecs.items():
        sides = [np.isin(*_against(codec, group, name)) for group in (train, holdout)]
        known = [group.frame[name].is_not_null().to_numpy() for group in (train, holdout)]
        found.append(_attack(name, sides, known, train, holdout))
    return tuple(found)


def _against(
    codec: Codec, group: Group, name: str
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """The values of a group's rows, and the list, in one form."""
    if isinstance(codec, Numeric):
        number = codec.number
        listed = np.concatenate([recovered(number.marginal), number.atoms])
        places = int(max(number.marginal.decimals.max(initial=0), 0))
        values = codec.floats(group.frame[name])
        return np.round(values, places), np.round(listed, places)
    assert isinstance(codec, Discrete)
    codes = codec.levels.codes(group.frame[name])
    return codes, np.arange(len(codec.levels.known))


def recovered(marginal: Marginal) -> Floats:
    """Values that follow from the pieces of a marginal: atoms, and what their neighbors betray."""
    atoms = marginal.left == marginal.right
    found = set(marginal.left[atoms].tolist())
    starts = [(int(i), float(marginal.left[i])) for i in np.flatnonzero(atoms)]
    half = 0.5 * 10.0**-marginal.decimals
    # the first value of the data lies half a unit inside the first boundary, the last one likewise
    starts += [(i, float(marginal.left[i] + half[i])) for i in range(min(8, len(atoms)))]
    last = len(atoms) - 1
    starts += [(i, float(marginal.right[i] - half[i])) for i in range(max(0, last - 7), last + 1)]
    for at, value in starts:
        for step in (1, -1):
            found.update(_walk(marginal, atoms, at, value, step))
    return np.array(sorted(found))


def _walk(
    marginal: Marginal, atoms: NDArray[np.bool_], at: int, value: float, step: int
) -> Iterator[float]:
    """From one value to the next, until an atom or a piece that cannot hold what follows."""
    i = at + step
    while 0 <= i < len(atoms) and not atoms[i]:
        edge = marginal.left[i] if step > 0 else marginal.right[i]
        value = round(2 * float(edge) - value, int(marginal.decimals[i]))
        if not marginal.left[i] <= value <= marginal.right[i]:
            return
        yield value
        i += step


def _attack(
    name: str,
    sides: list[NDArray[np.bool_]],
    known: list[NDArray[np.bool_]],
    train: Group,
    holdout: Group,
) -> Attack:
    hits, totals = [], []
    for side, has, group in zip(sides, known, (train, holdout), strict=True):
        hits.append(len(np.unique(group.person[side & has])))
        totals.append(len(np.unique(group.person[has])))
    shares = [share(*one) for one in zip(hits, totals, strict=True)]
    return Attack(
        name="extraction",
        target=name,
        main=shares[0],
        control=shares[1],
        baseline=0.0,
        risk=risk(hits[0], totals[0], hits[1], totals[1]),
        minimum_detectable_risk=detectable(hits[1], totals[1], totals[0]),
        attacker="reads the file",
        succeeded=sides[0] & known[0],
        controls_succeeded=sides[1] & known[1],
        source=SOURCE,
    )
