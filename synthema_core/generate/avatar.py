"""AvatarGenerator: every patient replaced by a random mean of his nearest neighbors."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synthema_kernels import Rows, nearest

from .. import tables
from ..contradictions import require_consistent
from ..encoding import Encoder
from ..errors import RuleError, SynthemaError, TableError
from ..rules import broken
from .famd import Famd
from .settings import Settings

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from ..schema import Schema

    Floats = NDArray[np.float64]

MIN_ROWS = 3
ATTEMPTS = 50  # at an avatar that breaks no rule, before another patient stands in


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AvatarModel:
    """Everything that an avatar file holds. It is as sensitive as the training table itself.

    Attributes:
        encoder: How tables are read and written.
        famd: The projection.
        coordinates: (n, r) training rows on all axes: the training table in other words.
        index: (n, k) nearest neighbors of each training row, itself left out.
        distance: (n, k) their Euclidean distances along the searched axes.
        settings: The generator's.
        seconds: That `fit` took.
    """

    encoder: Encoder
    famd: Famd
    coordinates: Floats
    index: NDArray[np.int64]
    distance: Floats
    settings: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Avatars:
    """Avatars with the link to their patients: for measurements by whoever holds both tables.

    Attributes:
        table: (n,) avatars.
        origin: (n,) training row that each avatar was drawn for.
    """

    table: pl.DataFrame
    origin: NDArray[np.int64]


class AvatarGenerator(Settings):
    """Synthetic patients by the avatar method; no evidence of privacy comes with it.

    Patients become points (factor analysis of mixed data), each is replaced by a random convex
    combination of his k nearest neighbors, and the point is read back as a patient: numbers at the
    resolution of their column, levels by the largest weight. Small k rebuilds patients; any k must
    be attacked, not trusted: run `synthema_core.audit` with a holdout.

    Beyond the paper: missingness, detection limits and ties between columns are levels of their own
    that the neighbors vote on, and an avatar that breaks a rule of the schema is drawn again.

    Attributes set by `fit`: `model_`.

    Source: Guillaudeux et al. (2023), npj Digital Medicine 6, 37.
    """

    settings = ("k", "ncp", "levels")

    def __init__(self, *, k: int = 20, ncp: int | None = 5, levels: str = "largest") -> None:
        """Choose the method's settings; nothing is computed.

        Args:
            k: Neighbors that an avatar is mixed from. 1 hands out patients, 2 lets rows be rebuilt.
            ncp: Axes along which neighbors are searched, those of most variance; None is all. The
                combination is always of whole patients.
            levels: "largest" takes the level that weighs most, as published; "drawn" draws one in
                proportion to the weights, which keeps rare levels and loosens their ties.
        """
        self.k = k
        self.ncp = ncp
        self.levels = levels

    @property
    def model(self) -> AvatarModel:
        """The fitted model.

        Raises:
            SynthemaError: Before `fit`.
        """
        fitted: AvatarModel | None = getattr(self, "model_", None)
        if fitted is None:
            raise SynthemaError("AvatarGenerator: not fitted yet. Call fit(train, schema) first.")
        return fitted

    def fit(self, train: object, schema: Schema) -> AvatarGenerator:
        """Project the training patients and find everybody's neighbors.

        Args:
            train: Any Arrow table with the schema's columns, more than k rows and at least 3.
            schema: What the columns are, their endpoints and rules.

        Returns:
            The generator itself.

        Raises:
            SynthemaError: If a setting makes no sense.
            TableError: If the table has too few rows.
            SchemaError: If the table and the schema disagree.
        """
        started = time.perf_counter()
        self._check_settings()
        frame = tables.as_frame(train, name="train")
        if frame.height < max(MIN_ROWS, self.k + 1):
            raise TableError(
                f"train: expected at least {max(MIN_ROWS, self.k + 1)} rows for k = {self.k}, "
                f"got {frame.height}. Add rows, or choose a smaller k."
            )
        require_consistent(schema.all_rules, categories=schema.categories)
        encoder = Encoder.fit(frame, schema)
        numbers, codes = _variables(encoder, frame)
        famd = Famd.fit(numbers, codes, encoder.variables.levels)
        coordinates = famd.project(numbers, codes)
        searched = Rows(numeric=np.ascontiguousarray(coordinates[:, : self.ncp]))
        found = nearest(searched, searched, self.k, metric="sqeuclidean", exclude_self=True)
        self.model_ = AvatarModel(
            encoder=encoder,
            famd=famd,
            coordinates=coordinates,
            index=found.index,
            distance=np.sqrt(found.distance),
            settings=self.get_params(),
            seconds=time.perf_counter() - started,
        )
        return self

    def sample(self, n: int | None = None, *, seed: int) -> pl.DataFrame:
        """Draw avatars in random order, none of which breaks a rule of the schema.

        Args:
            n: How many. None is one for each training patient; more go on with a further round for
                everybody, and what is left over goes to patients chosen at random.
            seed: Of the draw. Same model and seed, same rows.

        Returns:
            A table with the schema's modelled columns, in the training table's dtypes.

        Raises:
            SynthemaError: If `n` is negative, or before `fit`.
            RuleError: If no avatar of any patient meets the rules.
        """
        patients = len(self.model.index)
        n = patients if n is None else n
        if n < 0:
            raise SynthemaError(f"n: expected a number of rows from 0, got {n}.")
        rng = np.random.default_rng(seed)
        rounds, rest = divmod(n, patients)
        origin = np.concatenate(
            [np.tile(np.arange(patients), rounds), rng.choice(patients, rest, replace=False)]
        )
        return self._avatars(rng.permutation(origin), rng).table

    def avatars(self, *, seed: int) -> Avatars:
        """One avatar for each training patient in the table's order, with the link to him.

        For measurements such as `synthema_core.privacy.avatar`. Handing out this table in this
        order hands out the link.

        Args:
            seed: Of the draw.

        Returns:
            Avatars. Row i is of training row i, unless no avatar of that patient met the rules:
            then it is a further one of another patient, and `origin` says whose.
        """
        everybody = np.arange(len(self.model.index))
        return self._avatars(everybody, np.random.default_rng(seed))

    def _avatars(self, origin: NDArray[np.int64], rng: np.random.Generator) -> Avatars:
        """An avatar for each origin; where ATTEMPTS all break a rule, for somebody else."""
        rules = self.model.encoder.schema.all_rules
        origin = origin.copy()
        numbers, codes = self._draw(origin, rng)
        table = self.model.encoder.readable(codes, numbers)
        wrong = np.flatnonzero(broken(table, rules).any(axis=1))
        attempt = 1
        while wrong.size:
            good = np.setdiff1d(np.arange(origin.size), wrong)
            if attempt > 2 * ATTEMPTS or (attempt > ATTEMPTS and not good.size):
                raise RuleError(
                    f"sample: {wrong.size} of {origin.size} avatars broke a rule in each of "
                    f"{attempt} attempts. Correct the rule, or choose another k."
                )
            if attempt > ATTEMPTS:
                origin[wrong] = origin[rng.choice(good, wrong.size)]
            again, states = self._draw(origin[wrong], rng)
            met = ~broken(self.model.encoder.readable(states, again), rules).any(axis=1)
            numbers[:, wrong[met]], codes[:, wrong[met]] = again[:, met], states[:, met]
            wrong = wrong[~met]
            attempt += 1
        return Avatars(table=self.model.encoder.readable(codes, numbers), origin=origin)

    def _draw(
        self, origin: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[Floats, NDArray[np.int32]]:
        """Numbers (p, n) and codes (q, n) of an avatar of each origin, whatever the rules say."""
        model = self.model
        weights = convex_weights(model.distance[origin], rng)
        point = np.zeros((origin.size, model.coordinates.shape[1]))
        for j in range(weights.shape[1]):  # one neighbor at a time: memory does not grow with k
            point += weights[:, j, None] * model.coordinates[model.index[origin, j]]
        numbers, levels = model.famd.invert(point)
        choose = _drawn if self.levels == "drawn" else _largest
        chosen = [choose(weight, rng) for weight in levels]
        codes = np.stack(chosen) if chosen else np.empty((0, origin.size), np.int32)
        return numbers, codes

    def _check_settings(self) -> None:
        for name in ("k", "ncp"):
            value = getattr(self, name)
            if value is None and name == "ncp":
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise SynthemaError(
                    f"parameter {name!r}: expected a whole number from 1, got {value!r}."
                )
        if self.levels not in ("largest", "drawn"):
            raise SynthemaError(
                f"parameter 'levels': expected 'largest' or 'drawn', got {self.levels!r}."
            )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write arrays and a JSON header, no pickle: the training rows in other words."""
        from .avatar_file import write

        return write(self.model, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AvatarGenerator:
        """Read a model.

        Raises:
            ModelFileError: If the file is absent, corrupt, foreign or of another version.
        """
        from .avatar_file import read

        model = read(path)
        generator = cls(**model.settings)
        generator.model_ = model
        return generator


def convex_weights(distance: Floats, rng: np.random.Generator) -> Floats:
    """Random weights of k neighbors, (n, k), summing to one in each row.

    P_j is proportional to R_j * C_j / D_j: D the distance of neighbor j, R exponential with mean 1,
    C a random order of 1/2, 1/4, ..., 1/2**k. Neighbors at distance 0 share all of it, which is
    the limit as their distances shrink together.

    Args:
        distance: (n, k) of the neighbors, 0 or more.
        rng: Draws R, then C.

    Source: Guillaudeux et al. (2023), npj Digital Medicine 6, 37.
    """
    n, k = distance.shape
    closest = distance.min(axis=1, keepdims=True)
    inverse = np.divide(closest, distance, out=np.ones_like(distance), where=distance > 0)
    random = rng.exponential(size=(n, k))
    contribution = rng.permuted(np.broadcast_to(0.5 ** np.arange(1, k + 1), (n, k)), axis=1)
    weights: Floats = inverse * random * contribution
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _variables(encoder: Encoder, table: pl.DataFrame) -> tuple[Floats, NDArray[np.int32]]:
    """Numbers (p, n), NaN where nothing was measured, and the codes of all discrete variables."""
    numbers = np.empty((len(encoder.numeric), table.height))
    for row, (name, codec) in zip(numbers, encoder.numeric.items(), strict=True):
        values = codec.floats(table[name])
        row[:] = np.where(np.isin(values, codec.number.sentinels), np.nan, values)
    return numbers, encoder.flow(table).codes


def _largest(weight: Floats, rng: np.random.Generator) -> NDArray[np.int32]:
    """The level of the largest weight; a tie goes to the first."""
    del rng
    level: NDArray[np.int32] = weight.argmax(axis=1).astype(np.int32)
    return level


def _drawn(weight: Floats, rng: np.random.Generator) -> NDArray[np.int32]:
    """A level in proportion to the weights; what is below 0 weighs nothing."""
    upto = np.cumsum(np.clip(weight, 0.0, None), axis=1)
    below = upto <= rng.random(len(upto))[:, None] * upto[:, -1:]
    level: NDArray[np.int32] = below.sum(axis=1, dtype=np.int32)
    return level
