"""Membership attacks on the people of an audit, and one verdict on all of them."""

from dataclasses import dataclass, replace

import numpy as np

from ..intervals import NotMeasured
from ..privacy import values as own_values
from ..privacy.membership import Membership, scored
from ..privacy.neighborhood import Columns, kinds, neighborhood
from ..privacy.suite import OUTSIDERS, membership_attacks
from ..privacy.tally import stack
from ..privacy.verdict import Verdict, verdict
from ..schema import Schema
from .exposure import Scores
from .material import Group, Material, most_of

FEWEST = 10  # people on each side below which an attack says nothing
MOST_SHADOWED = 4_000  # people on both sides together
NO_MODELS = NotMeasured(reason="attacks that train models were not asked for")
FEW = NotMeasured(reason=f"fewer than {FEWEST} people on one side")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Belonging:
    """What all membership attacks say.

    Attributes:
        attacks: Each alone; by patients, where some have several rows.
        verdict: All of them together, corrected for having tried several.
        flows: Whether attacks by flows fitted to the table, and by shadow flows, are among them;
            why not, if they are not.
    """

    attacks: tuple[Membership, ...]
    verdict: Verdict
    flows: NotMeasured | None


def belonging(
    material: Material, holdout: Group, schema: Schema, *, full: bool, seed: int
) -> Belonging | NotMeasured:
    """Run the attacks.

    Args:
        material: The arrays.
        holdout: The controls.
        schema: What the columns are.
        full: With the attacks that train models.
        seed: Of everything random.
    """
    train = material.train
    if min(train.people, holdout.people) < FEWEST:
        return FEW
    groups = dict(kinds(stack(train.rows, holdout.rows)))
    known = material.columns(material.roles.quasi_identifiers)
    if known.any() and not known.all():
        groups["quasi-identifiers"] = known
    found = (_trained if full else _untrained)(material, holdout, groups, seed)
    by_flows = _by_flows(material, holdout, schema, seed) if full else NO_MODELS
    if not isinstance(by_flows, NotMeasured):
        found = (*found, *by_flows)
    repeated = train.repeated or holdout.repeated
    # its reference and its controls are halves of the holdout's rows, and would share patients
    kept = [attack for attack in found if not (repeated and attack.name == OUTSIDERS)]
    attacks = tuple(by_most(attack, train, holdout) for attack in kept) if repeated else found
    judged = verdict(attacks, seed=seed)
    assert judged is not None  # both sides have people
    flows = by_flows if isinstance(by_flows, NotMeasured) else None
    return Belonging(attacks=attacks, verdict=judged, flows=flows)


def _trained(
    material: Material, holdout: Group, groups: dict[str, Columns], seed: int
) -> tuple[Membership, ...]:
    return membership_attacks(
        train=material.train.rows,
        holdout=holdout.rows,
        synthetic=material.synthetic,
        groups=groups,
        seed=seed,
    )


def _by_flows(
    material: Material, holdout: Group, schema: Schema, seed: int
) -> tuple[Membership, ...] | NotMeasured:
    """Density ratio and likelihood ratio, where the people are few enough to train shadows on."""
    people = len(material.train.number) + len(holdout.number)
    if people > MOST_SHADOWED:
        return NotMeasured(
            reason=f"shadow flows are trained on at most {MOST_SHADOWED:,} people, and there are "
            f"{people:,}"
        )
    from ..flow_attacks import table_attacks  # JAX, if it is installed

    return table_attacks(
        train=material.train.frame,
        holdout=holdout.frame,
        synthetic=material.frame,
        schema=schema.select(material.frame.columns),
        seed=seed,
    )


def _untrained(
    material: Material, holdout: Group, groups: dict[str, Columns], seed: int
) -> tuple[Membership, ...]:
    people = stack(material.train.rows, holdout.rows)
    m = len(material.train.rows)
    named = [
        (one.name, one.values, one.source)
        for one in neighborhood(people, material.synthetic, groups=groups, seed=seed)
    ]
    rare = own_values.values(people, material.synthetic)
    named.append(("values", rare, own_values.SOURCE))
    return tuple(
        scored(
            name,
            members=values[:m],
            controls=values[m:],
            n_synthetic=len(material.synthetic),
            source=source,
        )
        for name, values, source in named
    )


def by_most(attack: Membership, train: Group, holdout: Group) -> Membership:
    """The most suspicious row of a patient speaks for him, among members and controls alike."""
    whole = scored(
        attack.name,
        members=most_of(attack.member_scores, train.person, train.people),
        controls=most_of(attack.control_scores, holdout.person, holdout.people),
        n_synthetic=attack.n_synthetic,
        source="",
    )
    return replace(whole, source=attack.source)


def scores_of(found: Belonging) -> list[Scores]:
    """Suspicion of each patient by each attack that scored all controls, the combined one first.

    Distance is left out: the audit has it of all rows.
    """
    most = max(attack.n_controls for attack in found.attacks)
    whole = [a for a in found.attacks if a.n_controls == most and a.name != "distance"]
    return [
        Scores(
            name=f"membership, {attack.name}",
            train=np.asarray(attack.member_scores),
            holdout=np.asarray(attack.control_scores),
        )
        for attack in (found.verdict.combined, *whole)
    ]
