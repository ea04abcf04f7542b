"""All membership attacks that three tables allow."""

from collections.abc import Mapping

import numpy as np

from synthema_kernels import Rows

from . import ratio
from . import values as own_values
from .membership import Membership, scored
from .neighborhood import Columns, Scores, kinds, neighborhood
from .tally import stack, take

CLASSIFIER = "density ratio, classifier"
OUTSIDERS = "classifier against outsiders"


def membership_attacks(
    *,
    train: Rows,
    holdout: Rows,
    synthetic: Rows,
    groups: Mapping[str, Columns] | None = None,
    seed: int,
) -> tuple[Membership, ...]:
    """Run every membership attack that needs nothing but rows.

    All of them but one score members and controls as one pool, by rules that do not know who is
    which. `OUTSIDERS` trains on a random half of the holdout, and its controls are the other half.

    Args:
        train: (m, p) and (m, q) members, m >= 1.
        holdout: (n, p) and (n, q) people never seen, n >= 2.
        synthetic: (s, p) and (s, q), s >= 1.
        groups: Column groups by name, each (p + q,), numeric columns first: the closest row in each
            is an attack of its own. None takes the numbers, and the categories.
        seed: Draws column groups, folds and the half of the holdout.

    Returns:
        The attacks, `distance` first.
    """
    people = stack(train, holdout)
    m = len(train)
    found = [
        *neighborhood(
            people, synthetic, groups=kinds(people) if groups is None else groups, seed=seed
        ),
        Scores("values", own_values.values(people, synthetic), own_values.SOURCE),
        Scores(
            CLASSIFIER,
            ratio.against_people(people, synthetic, seed=seed),
            f"{ratio.SOURCE} {ratio.PEOPLE}",
        ),
    ]
    attacks = [
        scored(
            one.name,
            members=one.values[:m],
            controls=one.values[m:],
            n_synthetic=len(synthetic),
            source=one.source,
        )
        for one in found
    ]
    order = np.random.default_rng(seed).permutation(len(holdout))
    reference, controls = (take(holdout, np.sort(half)) for half in np.array_split(order, 2))
    inside, outside = ratio.against_outsiders(train, reference, controls, synthetic, seed=seed)
    outsiders = scored(
        OUTSIDERS,
        members=inside,
        controls=outside,
        n_synthetic=len(synthetic),
        source=f"{ratio.SOURCE} {ratio.OUTSIDERS}",
    )
    return (*attacks, outsiders)
