"""What the attacks found, in one frozen object."""

from dataclasses import dataclass
from typing import Literal, get_args

from ..anonymity import Anonymity
from ..intervals import NotMeasured
from ..privacy.attack import Sweep
from ..privacy.avatar import AvatarDistances
from ..privacy.epsilon import EmpiricalEpsilon
from .belonging import Belonging
from .exposure import Exposure
from .identity import Identity
from .roles import Roles

Level = Literal["none", "quick", "full"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whom the attacks looked at.

    Attributes:
        n_train: Training rows attacked.
        n_holdout: Holdout rows attacked: the controls.
        n_synthetic: Synthetic rows the adversary had.
        all_train: Training rows there are; where fewer were attacked, they were drawn at random.
        all_holdout: Holdout rows there are.
        all_synthetic: Synthetic rows there are.
        people_train: Patients among the training rows attacked; their rows where one row is one.
        people_holdout: Patients among the holdout rows attacked.
    """

    n_train: int
    n_holdout: int
    n_synthetic: int
    all_train: int
    all_holdout: int
    all_synthetic: int
    people_train: int
    people_holdout: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableClasses:
    """The k-anonymity family on the declared quasi-identifiers, for the real and the made table.

    Attributes:
        train: Of the training table: what a release of the real rows would expose.
        synthetic: Of the synthetic table. Its rows are nobody: descriptive.
    """

    train: Anonymity
    synthetic: Anonymity


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What an adversary gains from the synthetic table.

    Attributes:
        level: "none", "quick" (attacks that train no model) or "full".
        roles: What the adversary knows and wants, and the unit that is attacked.
        scope: Rows and patients that the attacks looked at.
        membership: Who was in the training table, by every attack.
        singling_out: A condition that one synthetic row alone meets points at one person.
        linkability: Two parts of a record lead to one synthetic row.
        inference: The closest synthetic row gives away a secret.
        reconstruction: Whole rows rebuilt from the synthetic table.
        identity: Matched and learned, replicated uniques, classes of one mind.
        epsilon: Lower bound on the privacy loss of the generator.
        classes: k-anonymity and its kin. Descriptive.
        avatars: Hidden rate and local cloaking. Descriptive.
        exposure: The people and subgroups behind the means.
    """

    level: Level
    roles: Roles
    scope: Scope
    membership: Belonging | NotMeasured
    singling_out: Sweep | NotMeasured
    linkability: Sweep | NotMeasured
    inference: Sweep | NotMeasured
    reconstruction: Sweep | NotMeasured
    identity: Identity | NotMeasured
    epsilon: EmpiricalEpsilon | NotMeasured
    classes: TableClasses | NotMeasured
    avatars: AvatarDistances | NotMeasured
    exposure: Exposure | NotMeasured
