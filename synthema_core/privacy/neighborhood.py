"""How close is a person to synthetic rows, and is that closer than people are to each other?

Members and controls form one pool, and every score is a function of the pool and the synthetic
table that does not know who is a member. So under no leak the labels are exchangeable, whatever the
score, and the reference that a score compares with, all real people but the person itself, costs no
controls.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthema_kernels import Rows, count_within, nearest, nearest_groups

Floats = NDArray[np.float64]
Columns = NDArray[np.bool_]

HALVES = 4  # random splits of the columns in two: eight groups
CROWD = 5  # real neighbors that tell how crowded a person's surroundings are

SOURCES = {
    "distance": "Minus the distance to the closest synthetic row (Chen et al. 2020, GAN-Leaks, "
    "CCS, 343-362, black-box attack).",
    "distance against people": "Distance to the closest other real person minus that to the "
    "closest synthetic row (Chen et al. 2020, GAN-Leaks, CCS, 343-362, calibrated attack, with "
    "people in place of a reference generator).",
    "distance in column groups": "The same difference in random halves of the columns, mean over "
    f"{2 * HALVES} halves: an attacker who knows some of the record.",
    "neighborhood": "Share of the synthetic rows within the distance of a person's fifth closest "
    "real person (Hilprecht et al. 2019, Monte Carlo and reconstruction membership inference, "
    "PoPETs 2019(4), 232-249, with a radius that follows the local density).",
}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One attack's score of every person of the pool, higher is more suspicious."""

    name: str
    values: Floats
    source: str


def neighborhood(
    people: Rows,
    synthetic: Rows,
    *,
    groups: Mapping[str, Columns],
    seed: int,
) -> tuple[Scores, ...]:
    """Every score that neighbors give.

    Args:
        people: (N, p) and (N, q) members and controls, N >= 2.
        synthetic: (s, p) and (s, q), s >= 1.
        groups: Column groups by name, each (p + q,) and with a column: the distance in each is an
            attack of its own.
        seed: Draws the halves of the columns.

    Returns:
        The scores: those of SOURCES, and "distance: NAME" for each group. What needs halves of the
        columns is left out where there are fewer than four.
    """
    columns = people.numeric.shape[1] + people.codes.shape[1]
    everything = np.ones((1, columns), np.bool_)
    halves = _halves(columns, np.random.default_rng(seed))
    masks = np.concatenate([everything, *(g[np.newaxis] for g in groups.values()), halves])
    theirs = [found.distance[:, 0] for found in nearest_groups(people, synthetic, masks, k=1)]
    k = min(CROWD, len(people) - 1)
    crowd = nearest(people, people, k, exclude_self=True).distance
    within = count_within(people, synthetic, crowd[:, -1])
    scores = {
        "distance": -theirs[0],
        "distance against people": crowd[:, 0] - theirs[0],
        "neighborhood": within / len(synthetic),
    }
    if len(halves):
        others = nearest_groups(people, people, halves, k=1, exclude_self=True)
        ours = np.stack([found.distance[:, 0] for found in others])
        scores["distance in column groups"] = (ours - np.stack(theirs[-len(halves) :])).mean(axis=0)
    named = {f"distance: {name}": -found for name, found in zip(groups, theirs[1:], strict=False)}
    return (
        *(Scores(name, values, SOURCES[name]) for name, values in scores.items()),
        *(
            Scores(name, values, f"{SOURCES['distance']} In these columns alone.")
            for name, values in named.items()
        ),
    )


def kinds(rows: Rows) -> dict[str, Columns]:
    """The numbers and the categories, as column groups, where there are several of both."""
    p, q = rows.numeric.shape[1], rows.codes.shape[1]
    if min(p, q) < 2:
        return {}
    numbers = np.arange(p + q) < p
    return {"numbers": numbers, "categories": ~numbers}


def _halves(columns: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """HALVES random splits in two, both sides of each."""
    if columns < 4:
        return np.empty((0, columns), np.bool_)
    first = rng.permuted(np.tile(np.arange(columns) < columns // 2, (HALVES, 1)), axis=1)
    return np.concatenate([first, ~first])
