"""What the attacks will take, before they start: seconds and bytes, counted from the code."""

from dataclasses import dataclass

from .material import PEOPLE, SYNTHETIC

PAIR_SECONDS = 0.02e-9  # to compare a cell of one row with that of another one
GROUPED = 0.35  # of that, for a set of columns searched together with others
LEAST_SECONDS = 1.0
NUMBER = 12  # bytes of a cell as it is searched, copies included


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A forecast.

    Attributes:
        seconds: Wall time.
        memory: Bytes held at the same time, beyond what the audit holds anyway.
    """

    seconds: float
    memory: int


def cost(
    level: str, *, n_train: int, n_holdout: int, n_synthetic: int, columns: int, secrets: int
) -> Cost:
    """Of the attacks of one level.

    Args:
        level: "none", "quick" or "full".
        n_train: Rows of the training table.
        n_holdout: Rows of the holdout.
        n_synthetic: Rows of the synthetic table.
        columns: Columns that are compared.
        secrets: Columns that an adversary wants.
    """
    if level == "none" or n_holdout == 0:
        return Cost(seconds=0.0, memory=0)
    people = min(n_train, PEOPLE) + min(n_holdout, PEOPLE)
    pool = min(n_synthetic, SYNTHETIC)
    searches = 4 + GROUPED * 2 * secrets
    pairs = people * pool * columns * searches * PAIR_SECONDS
    held = (3 * pool + people) * columns * NUMBER + people * secrets * 24
    return Cost(seconds=LEAST_SECONDS + pairs, memory=held)
