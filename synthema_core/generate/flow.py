"""FlowGenerator: an ensemble of autoregressive mixed flows."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from tqdm import tqdm

from .. import tables
from ..columns import Protection
from ..contradictions import require_consistent
from ..encoding import Encoder
from ..errors import MissingExtra, SynthemaError, TableError
from .conditions import Wanted
from .kept_back import kept_back
from .model import Model, layout_of
from .redraw import Stream
from .streaming import Streaming

try:
    import jax

    from synthema_kernels import flows

    from .checkpoint import Checkpoint, given_to
    from .completing import conditional, impute, log_mixture
    from .drawing import Drawer
    from .given import HOPELESS, POOL, allowed_where, chosen
    from .searching import candidates, searched
    from .starting import copula_members, mixed_rows, structure_of
    from .training import Trainer, pace_for, settings_for
except ImportError as error:  # pragma: no cover - needs an environment without the extra
    raise MissingExtra(
        "FlowGenerator needs the flows extra. Run: pip install 'synthema-core[flows]'"
    ) from error

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from ..schema import Schema

MIN_ROWS = 50
CHUNK = 512  # rows drawn at once by one member: one compiled program whatever the number asked for
HELD_OUT = 0.15
MOST_HELD_OUT = 4096  # enough to tell two steps apart; more would cost as much as the steps
MEMORIZED = 0.25  # nats per variable by which seen rows may exceed held-out ones without a warning
DEFAULT_PROTECTION = Protection()


class FlowGenerator(Streaming):
    """Synthetic patients from an ensemble of autoregressive normalizing flows on mixed columns.

    Every column's conditional is exact: numbers have the mass of the cell they were recorded in,
    everything else (categories, missingness, limits, ties between columns) is a level with a
    probability. Levels that a rule forbids have none; what remains of the rules is met by redrawing
    whole rows.

    Attributes set by `fit`: `model_`. `sample` sets `redraw_`: what rules refused.
    """

    settings = (
        *("seed", "members", "hidden", "steps", "dropout", "margin", "ridge", "orders"),
        *("search", "protection", "progress"),
    )

    def __init__(
        self,
        *,
        seed: int,
        members: int = 8,
        hidden: int = 96,
        steps: int = 2500,
        dropout: float | None = None,
        margin: float = 3.0,
        ridge: float = 1.0,
        orders: flows.Family = "numbers_first",
        search: int = 0,
        protection: Protection = DEFAULT_PROTECTION,
        progress: bool | None = None,
    ) -> None:
        """Choose the training; nothing is computed.

        Args:
            seed: Of folds, orders, weights, batches. Same seed, same model on the same platform.
            members: Networks in the ensemble, each with its own order and validation fold.
            hidden: Width of the two hidden layers of each.
            steps: Most optimizer steps of each.
            dropout: Share of hidden units left out in training; None leaves out more the fewer
                rows there are.
            margin: Standard errors by which a later step of training must surpass the one kept on
                held-out rows. What is gained by less is paid for in patients known by heart; 0
                keeps the likeliest step, for a density rather than a synthetic table.
            ridge: Penalty of the regressions that training starts from, in rows per feature.
            orders: "numbers_first" reads numbers before the categories that often derive from them;
                "mixed" reads in any order.
            search: Folds on which other rates, dropouts and shares of the linear part are compared
                with those set, before the ensemble is trained with the best of them by held-out
                log-likelihood; each fold takes as long as seven members. 0 compares none.
            protection: What is kept back of the training table: rare levels are pooled, counts of
                single numbers smoothed, extremes replaced by fitted tails.
                `Protection(min_count=1, tails="kept")` keeps nothing back.
            progress: Show a progress bar; None shows it on a terminal only.
        """
        self.seed = seed
        self.members = members
        self.hidden = hidden
        self.steps = steps
        self.dropout = dropout
        self.margin = margin
        self.ridge = ridge
        self.orders = orders
        self.search = search
        self.protection = protection
        self.progress = progress

    def _check_settings(self) -> None:
        for name in ("members", "hidden", "steps"):
            if getattr(self, name) < 1:
                raise SynthemaError(
                    f"parameter {name!r}: expected a number from 1, got {getattr(self, name)}."
                )
        if self.margin < 0:
            raise SynthemaError(f"parameter 'margin': expected a number from 0, got {self.margin}.")
        if self.search < 0:
            raise SynthemaError(f"parameter 'search': expected a number from 0, got {self.search}.")
        if self.orders not in get_args(flows.Family):
            raise SynthemaError(
                f"parameter 'orders': expected one of {get_args(flows.Family)}, "
                f"got {self.orders!r}."
            )

    @property
    def model(self) -> Model:
        """The fitted model.

        Raises:
            SynthemaError: Before `fit`.
        """
        fitted: Model | None = getattr(self, "model_", None)
        if fitted is None:
            raise SynthemaError("FlowGenerator: not fitted yet. Call fit(train, schema) first.")
        return fitted

    def fit(
        self,
        train: object,
        schema: Schema,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> FlowGenerator:
        """Learn the joint distribution of the modelled columns.

        Args:
            train: Any Arrow table with the schema's columns, at least 50 rows.
            schema: What the columns are, their endpoints and rules.
            checkpoint: File that says where training stands, written every 15 seconds and when
                training ends or is interrupted. Where it exists, training goes on from it to the
                same model, bit for bit, as if it had never stopped. As sensitive as a model file;
                delete it once the model is saved.

        Returns:
            The generator itself.

        Raises:
            SynthemaError: If a setting makes no sense.
            CheckpointError: If the checkpoint is of another table, seed, setting or platform.
            OutputError: If the checkpoint cannot be written.
            TableError: If the table is too small.
            SchemaError: If the table and the schema disagree.
        """
        started = time.perf_counter()
        self._check_settings()
        frame = tables.as_frame(train, name="train")
        if frame.height < MIN_ROWS:
            raise TableError(
                f"train: expected at least {MIN_ROWS} rows, got {frame.height}. A density of so "
                "few patients would be their copy; use more rows."
            )
        require_consistent(schema.all_rules, categories=schema.categories)
        encoder = Encoder.fit(frame, schema, protection=self.protection, by_status=True)
        layout = layout_of(encoder)
        structure = structure_of(encoder, frame.height)
        rows = mixed_rows(encoder.flow(frame))
        seeds = np.random.SeedSequence(self.seed).spawn(self.members + self.search)
        rngs = [np.random.default_rng(s) for s in seeds]
        held_out = np.stack([_held_out(frame.height, rng) for rng in rngs])
        weights = np.ones((len(held_out), frame.height))
        np.put_along_axis(weights, held_out, 0.0, axis=1)
        start = copula_members(
            encoder,
            rows,
            weights,
            rngs,
            orders=self.orders,
            hidden=self.hidden,
            ridge=self.ridge,
        )
        settings = settings_for(frame.height, margin=self.margin)
        pace = pace_for(frame.height, steps=self.steps, dropout=self.dropout)
        fold = flows.Fold.of(weights, held_out)
        used = {
            **asdict(settings),
            **self.get_params(),
            "pace": asdict(pace),
            "protection": self.protection.to_dict(),
        }
        given = given_to(used, schema.to_dict(), (rows, structure), (start, fold))
        bar = tqdm(
            total=(self.members + self.search * len(candidates(pace))) * self.steps,
            desc="fit",
            unit="step",
            disable=None if self.progress is None else not self.progress,
        )
        key, compared = jax.random.key(self.seed), None
        own, others = slice(self.members), slice(self.members, None)
        with bar, Checkpoint(checkpoint, given) as kept:
            trainer = Trainer(
                structure=structure,
                rows=rows,
                layout=layout,
                settings=settings,
                kept=kept,
                on_steps=bar.update,
            )
            if self.search:
                keys = jax.random.split(jax.random.fold_in(key, 1), self.search)
                pace, compared = searched(
                    trainer, pace, _part(start, others), _part(fold, others), keys
                )
            keys = jax.random.split(key, self.members)
            fitted = trainer("members", _part(start, own), _part(fold, own), pace, keys)
        record = {
            "settings": used,
            "search": compared,
            "kept_back": kept_back(encoder),
            "rows": frame.height,
            "seconds": time.perf_counter() - started,
            "best_step": fitted.best_step,
            "train": fitted.train,
            "validation": fitted.validation,
            "memorization": _watch(fitted.members, structure, rows, layout, weights[own]),
            "versions": {"jax": jax.__version__, "python": platform.python_version()},
            "device": jax.devices()[0].device_kind,
        }
        self.model_ = Model(
            encoder=encoder,
            layout=layout,
            structure=structure,
            members=fitted.members,
            record=record,
        )
        return self

    def log_prob(self, table: object) -> NDArray[np.float64]:
        """Log-probability of each row in nats, under the ensemble's mixture.

        A number contributes the mass of the cell it was recorded in, so that the probabilities of
        all possible rows sum to one; a level never seen in training contributes 1 / (2 n + 2). Rows
        that break a rule are not excluded from the sum.

        Args:
            table: Any Arrow table with the schema's columns.

        Returns:
            (n,) nats.
        """
        model = self.model
        frame = tables.as_frame(table, name="table")
        return log_mixture(model, model.encoder.flow(frame)) + model.encoder.log_shares(frame)

    def _stream(self, n: int, seed: int, where: Mapping[str, Any] | None) -> Stream:
        """Rows as they are accepted."""
        model = self.model
        if n < 0:
            raise SynthemaError(f"n: expected a number of rows from 0, got {n}.")
        encoder = model.encoder
        schema = encoder.schema
        wanted = Wanted.of(where or {}, schema)
        require_consistent(schema.all_rules, categories=schema.categories, given=wanted.conditions)
        drawer = Drawer.of(model, seed)
        allowed = allowed_where(encoder, wanted) if wanted.conditions else None
        rng = np.random.default_rng(seed)

        def draw(turn: int) -> pl.DataFrame:
            """One chunk from every member, taken in turn; a choice of several under conditions."""
            if allowed is not None:
                turns = range(turn * POOL, (turn + 1) * POOL)
                pool = [drawer.draw(t, CHUNK, allowed) for t in turns]
                codes, z, weight = (
                    np.concatenate([_flat(d[i]) for d in pool], 1) for i in range(3)
                )
                if weight.max() > HOPELESS:
                    rows = chosen(weight[0], rng)
                    return encoder.table(codes[:, rows], z[:, rows])
            drawn = drawer.draw(turn, CHUNK)
            return encoder.table(_flat(drawn.codes), _flat(drawn.z))

        return Stream(draw, schema.all_rules, wanted)

    def impute(self, table: object, *, seed: int) -> pl.DataFrame:
        """The table with its missing cells filled, each row from the model given what it holds.

        Cells that a rule leaves missing stay so, known cells stay as they are, and no filled row
        breaks a rule that its known cells meet. See `completing.impute`.
        """
        return impute(self.model, tables.as_frame(table, name="table"), seed=seed)

    def conditional(
        self, table: object, columns: Sequence[str], *, seed: int = 0
    ) -> NDArray[np.float64]:
        """Log-probability of `columns` given all other columns, in nats per row.

        See `completing.conditional`.
        """
        frame = tables.as_frame(table, name="table")
        return conditional(self.model, frame, columns, seed=seed)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model file: safetensors with a JSON header, no pickle."""
        from .model_file import write

        return write(self.model, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FlowGenerator:
        """Read a model file.

        Raises:
            ModelFileError: If the file is corrupt, foreign or of another version.
        """
        from .model_file import read

        model = read(path)
        settings = cls(seed=0).get_params()
        settings |= {k: v for k, v in model.record["settings"].items() if k in settings}
        settings["protection"] = Protection(**model.record["settings"]["protection"])
        generator = cls(**settings)
        generator.model_ = model
        return generator


def _part(stacked: Any, members: slice) -> Any:
    """Some of the members of anything with a leading member axis."""
    return jax.tree.map(lambda leaf: leaf[members], stacked)


def _flat(part: NDArray[Any]) -> NDArray[Any]:
    """Rows of all members side by side, members in turn."""
    n, k = part.shape[-2:]
    return part.reshape(-1 if part.ndim < 3 else len(part), n * k)  # len may be 0


def _watch(
    members: flows.Member,
    structure: flows.Structure,
    rows: flows.MixedRows,
    layout: flows.Layout,
    weights: NDArray[np.floating],
) -> dict[str, Any]:
    """How much more likely the rows stepped on are than those held out, in nats per row."""
    scores = flows.log_probs(members, structure, rows, layout)
    seen = weights > 0
    gap = float(np.mean(scores, where=seen) - np.mean(scores, where=~seen))
    each = gap / max(layout.variables, 1)
    warning = (
        f"Rows of the fit are {gap:.1f} nats more likely than rows held out, {each:.2f} per "
        "variable: the model begins to know its patients. Use more rows, fewer columns or a "
        "larger ridge, and audit what it draws."
    )
    return {"gap": gap, "per_variable": each, "warning": warning if each > MEMORIZED else None}


def _held_out(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(n)[: max(20, min(int(HELD_OUT * n), MOST_HELD_OUT))]
