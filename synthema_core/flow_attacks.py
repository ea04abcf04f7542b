"""Membership attacks by our own flows: exact densities, and shadow generators by the dozen.

Two adversaries. One holds the synthetic table: flows fitted to it stand in for the generator. One
holds the model file: the generator itself says how likely it finds a record. Either is calibrated
for every person by shadow flows that were trained on random halves of all people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from .encoding import Encoder
from .errors import MissingExtra
from .intervals import NotMeasured
from .privacy import lira
from .privacy.membership import Membership, scored
from .tables import as_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from .generate import FlowGenerator
    from .generate.shadows import ShadowSettings
    from .privacy.neighborhood import Scores
    from .schema import Schema

SHADOWS = 32
STAND_INS = 4  # flows fitted to the synthetic table; their log-densities are averaged
FEWEST = 40  # people: each shadow must see twenty


def table_attacks(
    *,
    train: object,
    holdout: object,
    synthetic: object,
    schema: Schema,
    shadows: int = SHADOWS,
    settings: ShadowSettings | None = None,
    seed: int,
    on_steps: Callable[[int], None] | None = None,
) -> tuple[Membership, ...] | NotMeasured:
    """What the synthetic table tells of its training people, by exact densities.

    Stand-ins and shadows read all tables through one encoder, fitted to people and synthetic rows
    together, and are trained in one go. Only the offline attack is run: shadows are trained on
    people, one generation earlier than stand-ins, so their densities of people they saw are not
    those of a stand-in.

    Args:
        train: m members, any Arrow table with the schema's columns.
        holdout: n people never seen.
        synthetic: s rows, s >= 20.
        schema: What the columns are.
        shadows: How many shadow flows, even.
        settings: How stand-ins and shadows are trained.
        seed: Of halves, orders, weights and batches.
        on_steps: Called now and then with the number of steps just done.

    Returns:
        The density ratio and the offline likelihood ratio, or NotMeasured without the flows extra
        or on too few rows. Scores are in the order of the rows given.
    """
    real = [as_frame(train, name="train"), as_frame(holdout, name="holdout")]
    made = as_frame(synthetic, name="synthetic")
    people = real[0].height + real[1].height
    if people < FEWEST or made.height < FEWEST // 2:
        return _too_few(people, made.height)
    names = [column.name for column in schema.modelled]
    common = real[0].select(names).schema
    rows = pl.concat([table.select(names).cast(common) for table in (*real, made)])
    try:
        from .generate.shadows import shadow_scores
    except MissingExtra as error:
        return NotMeasured(reason=str(error))
    seen = np.zeros((STAND_INS + shadows, rows.height), np.bool_)
    seen[:STAND_INS, people:] = True
    seen[STAND_INS:, :people] = lira.halves(people, shadows, seed=seed)
    densities = shadow_scores(
        Encoder.fit(rows, schema, by_status=True),
        rows,
        seen,
        seed=seed,
        settings=settings,
        on_steps=on_steps,
    )[:, :people]
    target, ours = densities[:STAND_INS].mean(axis=0), densities[STAND_INS:]
    include = seen[STAND_INS:, :people]
    found = [attack(target, ours, include) for attack in (lira.density_ratio, lira.offline)]
    return tuple(_scored(one, real[0].height, made.height) for one in found)


def model_attacks(
    *,
    train: object,
    holdout: object,
    model: FlowGenerator,
    shadows: int = SHADOWS,
    settings: ShadowSettings | None = None,
    seed: int,
    on_steps: Callable[[int], None] | None = None,
) -> tuple[Membership, ...] | NotMeasured:
    """What a model file tells of its training people: the likelihood-ratio attack.

    Args:
        train: m members, any Arrow table with the columns of the model's schema.
        holdout: n people never seen.
        model: The fitted generator, as `FlowGenerator.load(path)` gives it.
        shadows: How many shadow flows, even.
        settings: How shadows are trained: the closer to the target's training, the stronger.
        seed: Of halves, orders, weights and batches.
        on_steps: Called now and then with the number of steps just done.

    Returns:
        The offline and the online attack, or NotMeasured on too few people.
    """
    from .generate.shadows import shadow_scores  # a model cannot be here without the extra

    real = [as_frame(train, name="train"), as_frame(holdout, name="holdout")]
    people = real[0].height + real[1].height
    if people < FEWEST:
        return _too_few(people, people)
    encoder = model.model.encoder
    names = [column.name for column in encoder.schema.modelled]
    common = real[0].select(names).schema
    rows = pl.concat([table.select(names).cast(common) for table in real])
    include = lira.halves(people, shadows, seed=seed)
    ours = shadow_scores(encoder, rows, include, seed=seed, settings=settings, on_steps=on_steps)
    # without the encoder's own term, which a shadow of the same encoder lacks
    target = model.log_prob(rows) - encoder.log_shares(rows)
    found = [attack(target, ours, include) for attack in (lira.offline, lira.online)]
    return tuple(_scored(one, real[0].height, 0) for one in found)


def _too_few(people: int, synthetic: int) -> NotMeasured:
    return NotMeasured(
        reason=f"shadow flows need at least {FEWEST} people and {FEWEST // 2} synthetic rows, got "
        f"{people} and {synthetic}"
    )


def _scored(found: Scores, members: int, n_synthetic: int) -> Membership:
    return scored(
        found.name,
        members=found.values[:members],
        controls=found.values[members:],
        n_synthetic=n_synthetic,
        source=found.source,
    )
