"""What the attacks will take, before they start: seconds and bytes, counted from the code."""

from dataclasses import dataclass

from .belonging import MOST_SHADOWED
from .learning import EFFORT
from .material import PEOPLE, SYNTHETIC

# Processor seconds as measured by `python -m bench.evidence`, rounded up: two free cores are
# sooner done, a busy machine is not.
LEAST = 6.0  # compiled code is loaded, relabelings are drawn
PAIR = 0.4e-9  # a cell of a person is compared with that of another row, in all searches together
ROW = 1e-4  # a person is ranked, relabeled and listed
CELL = 2e-5  # a cell is learned by the classifiers of "full"
SECRET = 2.5e-6  # a cell is learned by the model of one secret
SHADOWED = 90.0  # shadow flows, where people are few
LEARNED = 20_000  # synthetic rows that the model of a secret learns from
NUMBER = 24  # bytes of a cell as it is searched, copies included
HELD = {"none": 0, "quick": 120 * 2**20, "full": 300 * 2**20}  # compiled code and relabelings


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
    seconds = LEAST + people * ((people + pool) * columns * PAIR + ROW)
    attacked = min(people, 2 * EFFORT[level].people)
    seconds += attacked * pool * columns * secrets * PAIR / 5
    if level == "full":
        seconds += (people + pool) * columns * CELL
        seconds += 2 * secrets * min(pool, LEARNED) * columns * SECRET
        seconds += SHADOWED * (people <= MOST_SHADOWED)
    held = (3 * pool + 3 * people) * columns * NUMBER + people * 400
    return Cost(seconds=seconds, memory=HELD[level] + held)
