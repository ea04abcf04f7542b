"""What can be learned about the people of an audit: singled out, linked, inferred, rebuilt."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..intervals import NotMeasured
from ..privacy.attack import Sweep, sweep
from ..privacy.disclosure import sweep_inference, sweep_linkability
from ..privacy.reconstruction import reconstruction
from ..privacy.singling_out import singling_out
from .exposure import Scores
from .material import Group, Material, most_of
from .people import by_patient

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE_COLUMN = NotMeasured(reason="a link needs two columns, and the schema has one")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work the attacks of a level may do.

    Attributes:
        people: Rows attacked on each side, drawn at random.
        predicates: Predicates of each width that single somebody out.
        splits: Random halves of the columns beside the structured ways to split them.
        nearest: Synthetic rows that vote, one attacker for each number.
        model: Whether a model is trained for every secret.
    """

    people: int
    predicates: int
    splits: int
    nearest: tuple[int, ...]
    model: bool


EFFORT = {
    "quick": Effort(people=2_000, predicates=2_000, splits=3, nearest=(1,), model=False),
    "full": Effort(people=5_000, predicates=5_000, splits=8, nearest=(1, 5), model=True),
}


def singled(material: Material, holdout: Group, effort: Effort, *, seed: int) -> Sweep:
    """Conditions that one synthetic row alone meets. They isolate rows, whoever's they are."""
    columns = len(material.names)
    return sweep(
        singling_out(
            train=material.train.rows,
            holdout=holdout.rows,
            synthetic=material.synthetic,
            widths=tuple(dict.fromkeys(min(width, columns) for width in (1, 2, 4))),
            n_attacks=effort.predicates,
            seed=seed,
        )
    )


def linked(material: Material, holdout: Group, effort: Effort, *, seed: int) -> Sweep | NotMeasured:
    """Two parts of a record that lead to one synthetic row."""
    if len(material.names) < 2:
        return ONE_COLUMN
    known = material.columns(material.roles.quasi_identifiers)
    found = sweep_linkability(
        train=material.train.rows,
        holdout=holdout.rows,
        synthetic=material.synthetic,
        names=material.names,
        quasi_identifiers=known if known.any() and not known.all() else None,
        splits=effort.splits,
        n_attacks=effort.people,
        seed=seed,
    )
    return sweep([by_patient(one, material.train, holdout) for one in found.attacks])


def inferred(material: Material, holdout: Group, effort: Effort, *, seed: int) -> Sweep:
    """Each secret, for who knows the quasi-identifiers and for who knows everything else."""
    roles = material.roles
    attackers: list[tuple[str, NDArray[np.bool_] | None]] = [("everything else", None)]
    if roles.quasi_identifiers:
        attackers.insert(0, ("quasi-identifiers", material.columns(roles.quasi_identifiers)))
    found = []
    for known, columns in attackers:
        tried = sweep_inference(
            train=material.train.rows,
            holdout=holdout.rows,
            synthetic=material.synthetic,
            names=material.names,
            secrets=[material.place(name) for name in roles.secrets],
            known=columns,
            k=effort.nearest,
            model=effort.model,
            n_attacks=effort.people,
            seed=seed,
        )
        found += [
            replace(
                by_patient(one, material.train, holdout), target=f"{one.target}, knowing {known}"
            )
            for one in tried.attacks
        ]
    return sweep(found)


def rebuilt(material: Material, holdout: Group, effort: Effort, *, seed: int) -> Sweep:
    """Whole rows guessed from the synthetic table alone."""
    found = reconstruction(
        train=material.train.rows,
        holdout=holdout.rows,
        synthetic=material.synthetic,
        n_attacks=effort.people,
        seed=seed,
    )
    return sweep([by_patient(one, material.train, holdout) for one in found])


def together(name: str, found: Sweep | NotMeasured, train: Group, holdout: Group) -> list[Scores]:
    """What several attacks of one kind find out about each person, weighted by surprise.

    A success counts -log of the share of controls it succeeds on: what anybody could have inferred
    about anybody counts little. Who was not attacked, on either side, is left at 0.
    """
    if isinstance(found, NotMeasured):
        return []
    ours, theirs = np.zeros(len(train.number)), np.zeros(len(holdout.number))
    for attack in found.attacks:
        if attack.control.value is None:
            continue
        n = attack.control.n
        surprise = -np.log((attack.control.value * n + 1) / (n + 2))
        ours += surprise * attack.succeeded
        theirs += surprise * attack.controls_succeeded
    return [
        Scores(
            name=name,
            train=most_of(ours, train.person, train.people),
            holdout=most_of(theirs, holdout.person, holdout.people),
        )
    ]
