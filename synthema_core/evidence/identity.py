"""Identity disclosure by quasi-identifiers: matched and learned, replicated, unanimous."""

from dataclasses import dataclass

from ..context import ReleaseContext
from ..intervals import NotMeasured
from ..privacy.attack import Sweep, sweep
from ..privacy.match_and_learn import MatchAndLearn, match_and_learn
from ..privacy.replicated import Replicated, replicated
from .material import Group, Material

NO_QUASI = NotMeasured(
    reason="no quasi-identifier was declared, so it is not known what an adversary knows: give "
    "columns of the schema that role, or name them"
)
ALL_KNOWN = NotMeasured(reason="every column is a quasi-identifier: nothing is left to learn")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identity:
    """What somebody who knows the quasi-identifiers of people does with the synthetic table.

    Attributes:
        match: Matched and something learned, against the line of 0.09.
        replicated: Uniques of train that the synthetic table replicates, and classes of one mind.
        attacks: The same events as attacks with a control, the worst with a corrected interval.
    """

    match: MatchAndLearn
    replicated: Replicated
    attacks: Sweep


def identified(
    material: Material, holdout: Group, context: ReleaseContext
) -> Identity | NotMeasured:
    """Measure it, if quasi-identifiers were declared. Rows count, also where patients have several.

    Args:
        material: The arrays.
        holdout: The controls.
        context: Says how many people the population has, if anybody said.
    """
    known = material.columns(material.roles.quasi_identifiers)
    if not known.any():
        return NO_QUASI
    if known.all():
        return ALL_KNOWN
    secrets = [material.place(name) for name in material.roles.secrets]
    people = context.population_rows
    n = len(material.train.number)
    fraction = None if people is None or people < n else n / people
    match = match_and_learn(
        train=material.train.rows,
        holdout=holdout.rows,
        synthetic=material.synthetic,
        names=material.names,
        quasi_identifiers=known,
        secrets=secrets,
        sampling_fraction=fraction,
    )
    copied = replicated(
        train=material.train.rows,
        holdout=holdout.rows,
        synthetic=material.synthetic,
        names=material.names,
        quasi_identifiers=known,
        targets=secrets,
    )
    attacks = [match.attack, copied.attack, *(target.attack for target in copied.targets)]
    return Identity(match=match, replicated=copied, attacks=sweep(attacks))
