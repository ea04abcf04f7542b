"""Run the attacks one after the other on the same arrays."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..anonymity import Anonymity, anonymity
from ..context import ReleaseContext
from ..encoding import Encoder
from ..intervals import NotMeasured
from ..privacy.avatar import AvatarDistances, avatar_distances
from ..privacy.epsilon import EmpiricalEpsilon, empirical_epsilon
from ..schema import Schema
from ..three_tables import ThreeTables, alike
from .belonging import Belonging, belonging, scores_of
from .exposure import Exposure, Scores, exposure
from .identity import NO_QUASI, Identity, identified
from .learning import EFFORT, inferred, linked, rebuilt, singled, together
from .material import Group, Material, most_of
from .result import Evidence, Level, Scope, TableClasses
from .roles import Roles
from .weights import SHADOWS, Weights, weights

if TYPE_CHECKING:
    from ..privacy.attack import Sweep

NOT_ASKED = NotMeasured(reason="it was not asked for: evidence='none'")
NO_HOLDOUT = NotMeasured(
    reason="no holdout was given, so there is no control group of people never seen"
)
NOT_LINKED = NotMeasured(
    reason="it was not said that row i of the synthetic table is the avatar of row i of train"
)
NO_MODEL = NotMeasured(
    reason="no model file was given: rows and weights are judged apart, and these are rows"
)

Floats = NDArray[np.float64]
Clock = Callable[[str], AbstractContextManager[None]]
Found = TypeVar("Found")


class Options(TypedDict, total=False):
    """What evidence is wanted: arguments of `synthema_core.audit`, as `prepare` passes them on."""

    evidence: Level
    quasi_identifiers: Sequence[str] | None
    secrets: Sequence[str] | None
    unit: str | None
    context: ReleaseContext | None
    linked: bool
    model: object | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What evidence an audit was asked for.

    Attributes:
        level: How much.
        roles: Parts that columns play.
        context: What was declared about the release.
        linked: Row i of the synthetic table is the avatar of row i of the training table.
        model: Path of the model file that drew the table, or a fitted generator.
    """

    level: Level
    roles: Roles
    context: ReleaseContext = field(default_factory=ReleaseContext)
    linked: bool = False
    model: object | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Closest:
    """Distances to the closest synthetic row, from the audit's own pass over all rows.

    Attributes:
        train: (n,) of the sorted training rows.
        holdout: (h,) of the sorted holdout rows, or None.
    """

    train: Floats
    holdout: Floats | None


def gather(
    asked: Asked,
    material: Material,
    closest: Closest,
    tables: ThreeTables,
    schema: Schema,
    encoder: Encoder,
    *,
    seed: int,
    clock: Clock,
) -> Evidence:
    """Everything that was asked for; what has no number says why.

    Args:
        asked: How much, and the columns' roles.
        material: Arrays, drawn and encoded.
        closest: What the pass over the whole synthetic table found.
        tables: All rows.
        schema: Kinds of the columns.
        encoder: Fitted on the training table.
        seed: Of every random choice.
        clock: Takes the time of each part.
    """
    train, holdout = material.train, material.holdout
    members: Belonging | NotMeasured = _gap(asked, holdout)
    alone: Sweep | NotMeasured = _gap(asked, holdout)
    links: Sweep | NotMeasured = _gap(asked, holdout)
    secrets: Sweep | NotMeasured = _gap(asked, holdout)
    whole: Sweep | NotMeasured = _gap(asked, holdout)
    identity: Identity | NotMeasured = _gap(asked, holdout)
    epsilon: EmpiricalEpsilon | NotMeasured = _gap(asked, holdout)
    exposed: Exposure | NotMeasured = _gap(asked, holdout)
    if asked.level != "none" and holdout is not None and closest.holdout is not None:
        near = Scores(
            name="membership by distance",
            train=most_of(-train.of(closest.train), train.person, train.people),
            holdout=most_of(-holdout.of(closest.holdout), holdout.person, holdout.people),
        )
        with clock("membership"):
            members = belonging(material, holdout, schema, full=asked.level == "full", seed=seed)
        effort = EFFORT[asked.level]
        with clock("singling out"):
            alone = singled(material, holdout, effort, seed=seed)
        with clock("linkability"):
            links = linked(material, holdout, effort, seed=seed)
        with clock("inference"):
            secrets = inferred(material, holdout, effort, seed=seed)
        with clock("reconstruction"):
            whole = rebuilt(material, holdout, effort, seed=seed)
        with clock("identity"):
            identity = identified(material, holdout, asked.context)
        with clock("epsilon"):
            epsilon = empirical_epsilon(
                members=near.train,
                controls=near.holdout,
                delta=asked.context.delta,
                claimed=asked.context.epsilon,
                seed=seed,
            )
        with clock("exposure"):
            named = (*asked.roles.quasi_identifiers, *_declared_secrets(asked.roles))
            by_members = [] if isinstance(members, NotMeasured) else scores_of(members)
            by_secrets = together("inference, all secrets", secrets, train, holdout)
            by_links = together("linkability, all splits", links, train, holdout)
            scores = [near, *by_members[:1], *by_secrets, *by_links, *by_members[1:]]
            exposed = exposure(scores, train, holdout, schema, named)
    with clock("classes"):
        classes = _classes(asked, tables, material, schema)
        avatars = _avatars(asked, tables, encoder)
    return Evidence(
        level=asked.level,
        roles=asked.roles,
        scope=_scope(material, tables),
        membership=members,
        singling_out=alone,
        linkability=links,
        inference=secrets,
        reconstruction=whole,
        identity=identity,
        epsilon=epsilon,
        classes=classes,
        avatars=avatars,
        exposure=exposed,
    )


def judge(
    asked: Asked, real: dict[str, pl.DataFrame], *, seed: int, clock: Clock
) -> Weights | NotMeasured:
    """The model file, if there is one; the tables as given, since it has an encoder of its own."""
    if asked.model is None:
        return NO_MODEL
    with clock("model"):
        return weights(
            asked.model,
            real,
            unit=asked.roles.unit,
            claimed=asked.context.epsilon,
            delta=asked.context.delta,
            shadows=SHADOWS if asked.level == "full" else 0,
            seed=seed,
        )


def _gap(asked: Asked, holdout: Group | None) -> NotMeasured:
    """Why an attack has no number, if it has none."""
    return NOT_ASKED if asked.level == "none" or holdout is not None else NO_HOLDOUT


def _declared_secrets(roles: Roles) -> tuple[str, ...]:
    return roles.secrets if roles.secrets_declared else ()


def _scope(material: Material, tables: ThreeTables) -> Scope:
    train, holdout, heights = material.train, material.holdout, tables.heights
    return Scope(
        n_train=len(train.number),
        n_holdout=0 if holdout is None else len(holdout.number),
        n_synthetic=len(material.synthetic),
        all_train=heights["train"],
        all_holdout=heights.get("holdout", 0),
        all_synthetic=heights["synthetic"],
        people_train=train.people,
        people_holdout=0 if holdout is None else holdout.people,
    )


def _classes(
    asked: Asked, tables: ThreeTables, material: Material, schema: Schema
) -> TableClasses | NotMeasured:
    roles, context = asked.roles, asked.context
    if asked.level == "none":
        return NOT_ASKED
    if not roles.quasi_identifiers:
        return NO_QUASI

    def of(
        table: pl.DataFrame, name: str, unit: str | None = None, people: int | None = None
    ) -> Anonymity:
        return anonymity(
            table,
            schema=schema,
            quasi_identifiers=roles.quasi_identifiers,
            secrets=_declared_secrets(roles),
            threshold=context.threshold,
            population_rows=people,
            unit=unit,
            name=name,
        )

    train = tables.train
    if roles.unit is not None:
        train = train.with_columns(tables.given["train"][roles.unit].gather(tables.number["train"]))
    return TableClasses(
        train=of(train, "train", roles.unit, context.population_rows),
        synthetic=of(material.frame, "synthetic"),
    )


def _avatars(asked: Asked, tables: ThreeTables, encoder: Encoder) -> AvatarDistances | NotMeasured:
    if asked.level == "none":
        return NOT_ASKED
    if not asked.linked:
        return NOT_LINKED
    source, train = tables.synthetic, tables.given["train"]
    whole = source.part(0, source.height, list(tables.dtypes))
    return avatar_distances(
        train=encoder.rows(alike(train, tables.dtypes)),
        avatars=encoder.rows(alike(whole, tables.dtypes)),
    )
