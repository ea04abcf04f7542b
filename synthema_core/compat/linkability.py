"""`LinkabilityEvaluator`, in anonymeter's shape."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from ..privacy.attack import Attack, some
from ..privacy.disclosure import linkability
from .frames import Frames
from .results import EvaluationResults, Evaluator, PrivacyRisk, results_of


class LinkabilityEvaluator(Evaluator):
    """Do two parts of a person's record lead to one synthetic row?

    Args:
        ori: People the synthetic table was made from.
        syn: The synthetic table.
        aux_cols: Columns of the first and of the second source.
        n_attacks: People to attack on each side; None, or more than there are, is all.
        n_neighbors: Closest synthetic rows the attacker considers.
        control: People never seen, of any number.
        seed: Of all random choices.
    """

    def __init__(
        self,
        ori: object,
        syn: object,
        aux_cols: tuple[Sequence[str], Sequence[str]],
        n_attacks: int | None = 500,
        n_neighbors: int = 1,
        control: object | None = None,
        seed: int = 0,
    ) -> None:
        tables = {"ori": ori, "syn": syn} | ({} if control is None else {"control": control})
        self._frames = Frames.of(tables, [*aux_cols[0], *aux_cols[1]])
        self._masks = [self._frames.mask(columns) for columns in aux_cols]
        self._n_attacks, self._k, self._seed = n_attacks, n_neighbors, seed
        self._control = control is not None
        self._found: dict[int, Attack] | None = None

    def evaluate(self, n_jobs: int = -2) -> Self:
        """Run the attack.

        Args:
            n_jobs: Ignored: the search takes all threads, and their number changes no bit.
        """
        self._found = {self._k: self._linked(self._k)}
        return self

    @property
    def attack(self) -> Attack:
        """The full result."""
        return self._attack(None)

    def results(
        self, confidence_level: float = 0.95, n_neighbors: int | None = None
    ) -> EvaluationResults:
        """Successes and rates, with `n_neighbors` or fewer than it was made with."""
        found = self._attack(n_neighbors)
        return results_of(found, confidence_level, control=self._control)

    def risk(
        self,
        confidence_level: float = 0.95,
        baseline: bool = False,  # noqa: FBT001, FBT002
        n_neighbors: int | None = None,
    ) -> PrivacyRisk:
        """The risk of being linked."""
        return self.results(confidence_level, n_neighbors).risk(baseline=baseline)

    def _attack(self, k: int | None) -> Attack:
        self._evaluated()
        assert self._found is not None
        k = self._k if k is None else k
        if not 1 <= k <= self._k:
            raise ValueError(f"n_neighbors: expected 1 to {self._k} as it was made with, got {k}")
        if k not in self._found:
            self._found[k] = self._linked(k)
        return self._found[k]

    def _linked(self, k: int) -> Attack:
        ours, pool, *theirs = self._frames.rows
        return linkability(
            train=ours,
            holdout=theirs[0] if theirs else some(ours, np.empty(0, np.int64)),
            synthetic=pool,
            first=self._masks[0],
            second=self._masks[1],
            k=k,
            target="aux_cols",
            n_attacks=self._n_attacks,
            seed=self._seed,
        )
