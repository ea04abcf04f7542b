"""A flow overfitted on purpose: what attacks must find."""

from __future__ import annotations

import jax
import numpy as np
import polars as pl

import synthema_core as sc
from synthema_core.columns.protected import Protection
from synthema_core.encoding import Encoder
from synthema_core.generate import FlowGenerator
from synthema_core.generate.model import Model, layout_of
from synthema_core.generate.starting import copula_members, mixed_rows, structure_of
from synthema_kernels import flows


def overfitted(train: pl.DataFrame, schema: sc.Schema, *, steps: int, seed: int) -> FlowGenerator:
    """One network trained on all rows to the last step, without dropout, nothing kept back."""
    generator = FlowGenerator(
        seed=seed,
        members=1,
        steps=steps,
        dropout=0.0,
        protection=Protection(min_count=1, tails="kept"),
    )
    encoder = Encoder.fit(train, schema, protection=generator.protection)
    layout = layout_of(encoder)
    rows, structure = mixed_rows(encoder.flow(train)), structure_of(encoder, train.height)
    everybody = np.ones((1, train.height))
    start = copula_members(
        encoder,
        rows,
        everybody,
        [np.random.default_rng(seed)],
        orders=generator.orders,
        hidden=generator.hidden,
        ridge=generator.ridge,
    )
    fitted = flows.fit(
        start,
        structure,
        rows,
        flows.Fold.of(everybody),
        layout,
        flows.Settings(batch=96),
        flows.Pace(steps=steps, dropout=0.0),
        keys=jax.random.split(jax.random.key(seed), 1),
    )
    generator.model_ = Model(
        encoder=encoder,
        layout=layout,
        structure=structure,
        members=fitted.members,
        record={
            "settings": {**generator.get_params(), "protection": generator.protection.to_dict()},
            "best_step": fitted.best_step,
        },
    )
    return generator
