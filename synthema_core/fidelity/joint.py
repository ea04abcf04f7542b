"""Can a classifier tell synthetic rows from real ones?"""

from dataclasses import dataclass

from ..intervals import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnImportance:
    """How much a column helps the classifier: the AUC lost when its values are shuffled."""

    name: str
    importance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Classifier two-sample test on equally many real and synthetic rows.

    Attributes:
        auc: Of out-of-fold scores; 0.5 cannot be told apart, 1.0 always can.
        folds: Cross-validation folds.
        n_per_side: Rows of each kind that were used.
        top_columns: What gives the synthetic table away, most telling first, at most ten columns.
        source: Definition.
    """

    auc: Estimate
    folds: int
    n_per_side: int
    top_columns: tuple[ColumnImportance, ...]
    source: str
