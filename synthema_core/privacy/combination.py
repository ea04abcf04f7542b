"""An attack that is learned from other attacks, on other people."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..intervals import midranks
from .membership import RATES, Floats

FOLDS = 5
RIDGE = 0.1  # of the number of people: correlated attacks share their weight

NAME = "combined"
SOURCE = (
    "Ridge discriminant (Hoerl & Kennard 1970, Technometrics 12, 55-67) of the ranks and Savage "
    "scores of all attacks, weights learned in five folds on other people. Interval widened by the "
    f"spread over relabelings, as folds share people. {RATES}"
)


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """Scores of N people by several attacks, ready to be combined under any labels.

    Attributes:
        parts: For each fold its people, (n,), and two matrices: (d, N) turns labels into weights,
            (n, d) weights into scores.
    """

    parts: tuple[tuple[NDArray[np.int64], Floats, Floats], ...]

    @classmethod
    def of(cls, scores: Floats, rng: np.random.Generator) -> "Combination":
        """Of (attacks, N) scores; the folds do not depend on labels."""
        n = scores.shape[1]
        features = _features(scores)
        fold = rng.permutation(np.arange(n) % min(FOLDS, n))
        parts = []
        for k in range(int(fold.max()) + 1):
            known = np.where((fold != k)[:, np.newaxis], features, 0.0)
            gram = known.T @ known + RIDGE * n * np.eye(features.shape[1])
            held = np.flatnonzero(fold == k)
            parts.append((held, np.linalg.solve(gram, known.T), features[held]))
        return cls(tuple(parts))

    def ranks(self, labels: NDArray[np.bool_]) -> Floats:
        """Cross-fitted score of everybody under each labeling.

        Args:
            labels: (b, N) who is called a member.

        Returns:
            (b, N) ranks within a fold, scaled to (0, 1): folds have models of their own.
        """
        signs = labels - labels.mean(axis=1, keepdims=True)
        ranks = np.empty(labels.shape)
        for held, learn, features in self.parts:
            found = (signs @ learn.T) @ features.T  # (b, n)
            for row, scores in enumerate(found):
                ranks[row, held] = (midranks(scores) - 0.5) / len(held)
        return ranks


def _features(scores: Floats) -> Floats:
    """(N, d) ranks, and Savage scores, which weigh the most suspicious people most."""
    n = scores.shape[1]
    share = np.stack([midranks(one) for one in scores], axis=1) / (n + 1)
    both = np.concatenate([share, -np.log1p(-share)], axis=1)
    both -= both.mean(axis=0)
    spread = both.std(axis=0)
    found: Floats = np.divide(both, spread, out=np.zeros_like(both), where=spread > 0)
    return found
