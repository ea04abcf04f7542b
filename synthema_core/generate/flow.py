"""FlowGenerator: an ensemble of autoregressive mixed flows."""

from __future__ import annotations

import os
import platform
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from tqdm import tqdm

from .. import tables
from ..columns import Protection
from ..encoding import Encoder, FlowView
from ..errors import MissingExtra, SynthemaError, TableError
from .conditions import Wanted
from .kept_back import kept_back
from .model import Model, layout_of
from .redraw import Stream
from .streaming import Streaming

try:
    import jax
    import jax.numpy as jnp

    from synthema_kernels import flows
except ImportError as error:  # pragma: no cover - needs an environment without the extra
    raise MissingExtra(
        "FlowGenerator needs the flows extra. Run: pip install 'synthema-core[flows]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from ..schema import Schema

MIN_ROWS = 50
CHUNK = 512  # rows drawn at once by one member: one compiled program whatever the number asked for
HELD_OUT = 0.15
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
        *("seed", "members", "hidden", "steps", "dropout", "ridge", "orders"),
        *("protection", "progress"),
    )

    def __init__(
        self,
        *,
        seed: int,
        members: int = 4,
        hidden: int = 96,
        steps: int = 2500,
        dropout: float = 0.3,
        ridge: float = 1.0,
        orders: flows.Family = "numbers_first",
        protection: Protection = DEFAULT_PROTECTION,
        progress: bool | None = None,
    ) -> None:
        """Choose the training; nothing is computed.

        Args:
            seed: Of folds, orders, weights, batches. Same seed, same model on the same platform.
            members: Networks in the ensemble, each with its own order and validation fold.
            hidden: Width of the two hidden layers of each.
            steps: Most optimizer steps of each.
            dropout: Share of hidden units left out in training.
            ridge: Penalty of the regressions that training starts from, in rows per feature.
            orders: "numbers_first" reads numbers before the categories that often derive from them;
                "mixed" reads in any order.
            protection: What is kept back of the training table: rare levels are pooled, rare
                repeated numbers spread, extremes replaced by fitted tails. `Protection(min_count=1,
                tails="kept")` keeps nothing back.
            progress: Show a progress bar; None shows it on a terminal only.
        """
        self.seed = seed
        self.members = members
        self.hidden = hidden
        self.steps = steps
        self.dropout = dropout
        self.ridge = ridge
        self.orders = orders
        self.protection = protection
        self.progress = progress

    def _check_settings(self) -> None:
        for name in ("members", "hidden", "steps"):
            if getattr(self, name) < 1:
                raise SynthemaError(
                    f"parameter {name!r}: expected a number from 1, got {getattr(self, name)}."
                )
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

    def fit(self, train: object, schema: Schema) -> FlowGenerator:
        """Learn the joint distribution of the modelled columns.

        Args:
            train: Any Arrow table with the schema's columns, at least 50 rows.
            schema: What the columns are, their endpoints and rules.

        Returns:
            The generator itself.

        Raises:
            SynthemaError: If a setting makes no sense.
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
        encoder = Encoder.fit(frame, schema, protection=self.protection)
        layout = layout_of(encoder)
        structure = _structure(encoder, frame.height)
        rows = _mixed(encoder.flow(frame))
        settings = flows.Settings(
            steps=self.steps,
            dropout=self.dropout,
            batch=int(np.clip(frame.height // 8, 64, 256)),
        )
        stop = threading.Event()  # a thread cannot be killed: each looks here between stretches
        with tqdm(
            total=self.members * self.steps,
            desc="fit",
            unit="step",
            disable=None if self.progress is None else not self.progress,
        ) as bar:

            def report(steps: int) -> None:
                if stop.is_set():
                    raise CancelledError
                bar.update(steps)

            def train_member(seeds: np.random.SeedSequence) -> flows.Fitted:
                rng = np.random.default_rng(seeds)
                held, kept = _fold(frame.height, rng)
                start = flows.copula_member(
                    rows.take(kept),
                    layout,
                    flows.draw_order(layout, self.orders, encoder.variables.status, rng),
                    hidden=self.hidden,
                    ridge=self.ridge,
                    rng=rng,
                )
                return flows.fit(
                    start,
                    structure,
                    rows.take(kept),
                    rows.take(held),
                    layout,
                    settings,
                    key=jax.random.key(int(rng.integers(2**31))),
                    on_steps=report,
                )

            seeds = np.random.SeedSequence(self.seed).spawn(self.members)
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
                try:
                    fitted = list(pool.map(train_member, seeds))
                except BaseException:  # Ctrl-C too: the pool waits for its threads
                    stop.set()
                    raise
        record = {
            "settings": {
                **asdict(settings),
                **self.get_params(),
                "protection": self.protection.to_dict(),
            },
            "kept_back": kept_back(encoder),
            "rows": frame.height,
            "seconds": time.perf_counter() - started,
            "best_step": [f.best_step for f in fitted],
            "train": [f.train for f in fitted],
            "validation": [f.validation for f in fitted],
            "versions": {"jax": jax.__version__, "python": platform.python_version()},
            "device": jax.devices()[0].device_kind,
        }
        self.model_ = Model(
            encoder=encoder,
            layout=layout,
            structure=structure,
            members=tuple(f.member for f in fitted),
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
        rows = _mixed(model.encoder.flow(frame))
        each = np.stack(
            [
                np.asarray(_log_prob(member, model.structure, rows, model.layout), np.float64)
                for member in model.members
            ]
        )
        shares = model.encoder.log_shares(frame)
        return np.asarray(np.logaddexp.reduce(each, axis=0) - np.log(len(each)) + shares)

    def _stream(self, n: int, seed: int, where: Mapping[str, Any] | None) -> Stream:
        """Rows as they are accepted."""
        model = self.model
        if n < 0:
            raise SynthemaError(f"n: expected a number of rows from 0, got {n}.")
        wanted = Wanted.of(where or {}, model.encoder.schema)
        with jax.enable_x64(True):  # noqa: FBT003
            exact = [_in_double(member) for member in model.members]
            structure = _in_double(model.structure)
            key = jax.random.key(seed)

        def draw(turn: int) -> pl.DataFrame:
            """One chunk from every member, taken in turn."""
            with jax.enable_x64(True):  # noqa: FBT003
                keys = jax.random.split(jax.random.fold_in(key, turn), len(exact))
                drawn = [
                    flows.sample(member, structure, k, model.layout, CHUNK)
                    for member, k in zip(exact, keys, strict=True)
                ]
                codes = np.stack([np.asarray(d.codes) for d in drawn], axis=2)
                z = np.stack([np.asarray(d.z) for d in drawn], axis=2)
            total = CHUNK * len(exact)
            return model.encoder.table(codes.reshape(-1, total), z.reshape(-1, total))

        return Stream(draw, model.encoder.schema.all_rules, wanted)

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


_log_prob = jax.jit(flows.log_prob, static_argnames=("layout",))


def _fold(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = rng.permutation(n)
    cut = max(20, int(HELD_OUT * n))
    return order[:cut], order[cut:]


def _structure(encoder: Encoder, n: int) -> flows.Structure:
    """Certainties of the schema and the wide cells of every number."""
    wide = [codec.number.wide() for codec in encoder.numeric.values()]
    size = max((len(z) for z, _, _ in wide), default=0) + 1

    def padded(part: int) -> jax.Array:
        rows = [np.pad(w[part], (0, size - len(w[part])), constant_values=np.inf) for w in wide]
        return jnp.asarray(np.stack(rows) if rows else np.empty((0, size)), jnp.float32)

    return flows.Structure(
        forbid=jnp.asarray(encoder.forbidden()),
        cell_low=padded(1),
        cell_high=padded(2),
        cell_z=padded(0),
        log_unseen=jnp.float32(-np.log(2.0 * n + 2.0)),
    )


def _mixed(view: FlowView) -> flows.MixedRows:
    cells = view.cells
    return flows.MixedRows(
        codes=jnp.asarray(view.codes),
        z=jnp.asarray(cells.z, jnp.float32),
        low=jnp.asarray(cells.low, jnp.float32),
        high=jnp.asarray(cells.high, jnp.float32),
        log_width=jnp.asarray(cells.log_width, jnp.float32),
        present=jnp.asarray(cells.present),
    )


def _in_double(tree: Any) -> Any:
    """The same weights in float64: machines then differ by far less than any cell's width."""
    return jax.tree.map(
        lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf,
        tree,
    )
