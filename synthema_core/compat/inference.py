"""`InferenceEvaluator`, in anonymeter's shape."""

import math
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import SynthemaError
from ..privacy.attack import Attack, Column, Side, attack, column, joined, missing, some
from ..privacy.disclosure import blind, closest
from .frames import Frames
from .results import EvaluationResults, Evaluator, PrivacyRisk, results_of

TOLERANCE = 0.05  # of the guess, as there; but of its absolute value


class InferencePredictor(Protocol):
    """Any model of the attacker's."""

    def predict(self, x: Any) -> Any:
        """Guesses of the secret for the rows of a frame."""


class InferenceEvaluator(Evaluator):
    """Does the closest synthetic row, or a model, give away a secret?

    People whose secret is missing have none to lose and are left out.

    Args:
        ori: People the synthetic table was made from.
        syn: The synthetic table.
        aux_cols: Columns the attacker knows.
        secret: Column to guess.
        regression: Whether a guess within 5 % of itself is right; None, the default, is true of
            numbers.
        n_attacks: People to attack on each side; more than there are, or infinity, is all.
        control: People never seen, of any number.
        inference_model: Something with `predict`, given a frame of the kind of `ori`, with all its
            columns; None takes the closest synthetic row.
        seed: Of all random choices.
    """

    def __init__(
        self,
        ori: object,
        syn: object,
        aux_cols: Sequence[str],
        secret: str,
        regression: bool | None = None,  # noqa: FBT001
        n_attacks: float = 500,
        control: object | None = None,
        inference_model: InferencePredictor | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(secret, str):
            raise ValueError("secret: expected the name of one column")
        if secret in aux_cols:
            raise SynthemaError(f"aux_cols: the secret '{secret}' is among what is known")
        tables = {"ori": ori, "syn": syn} | ({} if control is None else {"control": control})
        self._tables = list(tables.values())
        people = None if math.isinf(n_attacks) else int(n_attacks)
        self._frames = Frames.of(tables, [*aux_cols, secret], people=people, seed=seed)
        self._known = self._frames.mask(aux_cols)
        self._place = self._frames.names.index(secret)
        number = secret not in self._frames.levels
        self._regression = number if regression is None else regression
        if self._regression and not number:
            raise SynthemaError(f"regression: the secret '{secret}' holds no numbers")
        self._model, self._seed = inference_model, seed
        self._control = control is not None
        self._secret = secret
        self._found: Attack | None = None

    def evaluate(self, n_jobs: int = -2) -> Self:
        """Run the attack.

        Args:
            n_jobs: Ignored: the search takes all threads, and their number changes no bit.
        """
        pool = self._frames.raw[1]
        main, control, truth = self._sides()
        self._found = attack(
            "inference",
            self._secret,
            main,
            control,
            self._blind(column(pool, self._place), truth),
            attacker="nearest" if self._model is None else "model",
        )
        return self

    @property
    def attack(self) -> Attack:
        """The full result."""
        self._evaluated()
        assert self._found is not None
        return self._found

    def results(self, confidence_level: float = 0.95) -> EvaluationResults:
        """Successes and rates."""
        return results_of(self.attack, confidence_level, control=self._control)

    def risk(self, confidence_level: float = 0.95, baseline: bool = False) -> PrivacyRisk:  # noqa: FBT001, FBT002
        """The risk that the secret is inferred."""
        return self.results(confidence_level).risk(baseline=baseline)

    def risk_for_groups(self, confidence_level: float = 0.95) -> dict[object, EvaluationResults]:
        """The same for people of each value of the secret."""
        found = self.attack
        ours, _, *theirs = self._frames.frames
        groups = ours[self._secret].drop_nulls().unique().sort().to_list()
        out: dict[object, EvaluationResults] = {}
        for group in groups:
            counts = []
            for frame, hit, who in (
                (ours, found.succeeded, found.attacked),
                *(
                    [(theirs[0], found.controls_succeeded, found.controls_attacked)]
                    if theirs
                    else []
                ),
            ):
                mine = (frame[self._secret] == group).fill_null(value=False).to_numpy()
                mine = mine if who is None else mine & who
                counts.append((int(hit[mine].sum()), int(mine.sum())))
            hits, n = counts[0]
            out[group] = EvaluationResults(
                n_attacks_ori=n,
                n_attacks_baseline=found.main.n,
                n_attacks_control=counts[1][1] if theirs else 0,
                n_success=hits,
                n_baseline=found.baseline * found.main.n,
                n_control=counts[1][0] if theirs else None,
                confidence_level=confidence_level,
            )
        return out

    def _sides(self) -> tuple[Side, Side, Column]:
        """The attack on `ori` and on `control`, which may be nobody; the secrets of the first."""
        secrets = [column(raw, self._place) for raw in self._frames.raw[::2]]
        known = [~missing(secret) for secret in secrets]
        at = [rows[kept] for rows, kept in zip(self._frames.at[::2], known, strict=True)]
        truths = [secret[kept] for secret, kept in zip(secrets, known, strict=True)]
        sides = [
            Side(hit=self._right(guess, truth), at=rows, n=frame.height)
            for guess, truth, rows, frame in zip(
                self._guesses(known, at), truths, at, self._frames.frames[::2], strict=True
            )
        ]
        return sides[0], sides[1] if self._control else Side.all(np.empty(0, np.bool_)), truths[0]

    def _guesses(self, known: list[NDArray[np.bool_]], at: list[NDArray[np.int64]]) -> list[Column]:
        """Of the people attacked in `ori` and `control`."""
        if self._model is not None:
            return [self._predicted(2 * i, rows) for i, rows in enumerate(at)]
        both = [
            some(r, np.flatnonzero(k)) for r, k in zip(self._frames.rows[::2], known, strict=True)
        ]
        queries = both[0] if len(both) == 1 else joined(*both)
        rng = np.random.default_rng((self._seed, 1))  # who is attacked was drawn from the seed
        (found,) = closest(queries, self._frames.rows[1], [self._known], 1, rng)
        secrets = column(self._frames.raw[1], self._place)[found[:, 0]]
        n = len(at[0])
        return [secrets[:n], secrets[n:]][: len(at)]

    def _predicted(self, which: int, at: NDArray[np.int64]) -> Column:
        table: Any = self._tables[which]
        part = table.iloc[at] if hasattr(table, "iloc") else self._frames.frames[which][at]
        assert self._model is not None
        guesses = pl.Series("guess", np.asarray(self._model.predict(part)).tolist(), strict=False)
        if self._secret not in self._frames.levels:
            return guesses.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
        code = {value: i for i, value in enumerate(self._frames.levels[self._secret])}
        return np.array([code.get(value, -1) for value in guesses.to_list()], np.int32)

    def _right(self, guess: Column, truth: Column) -> NDArray[np.bool_]:
        if not self._regression:
            return np.asarray(guess == truth)
        return np.asarray(np.abs(guess - truth) <= TOLERANCE * np.abs(guess))

    def _blind(self, guesses: Column, truth: Column) -> float:
        """The chance that the secret of a random synthetic row is right."""
        if not self._regression:
            return blind(guesses, truth, 0.0)
        if not len(truth):
            return 0.0
        known = np.sort(truth)
        reach = TOLERANCE * np.abs(guesses)
        low = np.searchsorted(known, guesses - reach, side="left")
        high = np.searchsorted(known, guesses + reach, side="right")
        hits = np.where(np.isnan(guesses), 0, high - low)
        return float(hits.mean() / len(truth))
