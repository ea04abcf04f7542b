"""What a reader must know before quoting a number of an audit."""

from collections.abc import Iterator

from .fidelity.survival import SurvivalDistance
from .intervals import NotMeasured
from .privacy.membership import Membership
from .three_tables import ThreeTables


def caveats(
    attack: Membership | NotMeasured,
    reference: str,
    curves: tuple[SurvivalDistance, ...],
    tables: ThreeTables,
    *,
    most: int,
    fewest: int,
) -> Iterator[str]:
    """Sentences for the top of a report.

    Args:
        attack: The membership attack by distance.
        reference: Real table that fidelity was measured against.
        curves: Survival.
        tables: The tables.
        most: Rows of a table that fidelity was measured on, at most.
        fewest: Holdout rows below which fidelity is measured against the training table.
    """
    if isinstance(attack, NotMeasured):
        yield f"Membership was not measured: {attack.reason}. That is no sign of low risk."
    elif attack.n_controls < fewest:
        yield (
            f"The holdout has {attack.n_controls} rows: intervals are wide, and a membership AUC "
            f"below {attack.minimum_detectable_auc:.2f} would go unnoticed. Give it more rows; "
            "fidelity was measured against the training table."
        )
    if reference == "train" and tables.holdout is None:
        yield (
            "Fidelity was measured against the training table: a generator that copies its "
            "patients scores best. Give a holdout."
        )
    for name in ("train", "synthetic", "holdout"):
        height = tables.heights.get(name, 0)
        if height > most:
            yield (
                f"{name}: fidelity was measured on {most} of {height} rows, drawn "
                "at random. The membership attack by distance saw all."
            )
    for curve in curves:
        if curve.cause is None and curve.nonpositive_times:
            yield (
                f"Endpoint '{curve.endpoint}': {curve.nonpositive_times} synthetic times are at or "
                "below 0; they were counted as 0."
            )
