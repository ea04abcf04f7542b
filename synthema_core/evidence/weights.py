"""The model file on trial: what its weights say about who trained it, apart from any row it drew.

A table and the model that drew it are two releases. Somebody who holds the file can ask it for the
exact density of any record, draw from it without end, and read what it stores.
"""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import SynthemaError
from ..intervals import EMPTY, Z95, Estimate, NotMeasured
from ..privacy.disclosure import Attack
from ..privacy.distance import distances
from ..privacy.epsilon import EmpiricalEpsilon, empirical_epsilon
from ..privacy.membership import Membership, scored
from .belonging import MOST_SHADOWED, by_most
from .exposure import Scores, Worst, worst
from .listed import extraction
from .material import Group, most_of, persons

if TYPE_CHECKING:
    from ..encoding import Encoder

PART = 8192  # rows whose density is asked for together
SHADOWS = 32
QUERIED = 1000  # rows drawn to look for copies

SOURCE = (
    "Membership inference by the model's own exact log-density (Carlini et al. 2022, IEEE S&P, "
    "1897-1914, without shadow models). Gap: mean log-density of training patients minus that of "
    "people never seen, interval by Welch (1947), Biometrika 34, 28-35."
)

Floats = NDArray[np.float64]


class Density(Protocol):
    """A generator that knows the probability of a row."""

    def log_prob(self, table: object) -> Floats:
        """(n,) log-probability of each row in nats."""

    def sample(self, n: int, *, seed: int) -> pl.DataFrame:
        """Rows drawn from it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """Evidence about a model file. What needs people never seen is NotMeasured without them.

    Attributes:
        digest: SHA-256 of the file; empty if a fitted generator was given instead.
        parameters: Numbers that training set.
        rows: Training rows that the file records.
        membership: By the density that the model gives a person's record.
        shadowed: The likelihood-ratio attack with shadow flows, which corrects for records that any
            model finds likely.
        gap: Mean log-density of training patients minus that of people never seen, in nats per
            patient; 0 is no memory of single people.
        epsilon: Lower bound on the privacy loss, from the same scores.
        worst: The training patients whose record the model finds most likely.
        extraction: Per column, is a person's value on the list that the file gives away?
        queried: Rows drawn to look for copies.
        copied_train: Share of training rows that a drawn row equals in every field.
        copied_holdout: The same of people never seen.
        source: Definition.
    """

    digest: str
    parameters: int
    rows: int
    membership: Membership | NotMeasured
    shadowed: tuple[Membership, ...] | NotMeasured
    gap: Estimate
    epsilon: EmpiricalEpsilon | NotMeasured
    worst: Worst | NotMeasured
    extraction: tuple[Attack, ...] | NotMeasured
    queried: int
    copied_train: Estimate
    copied_holdout: Estimate
    source: str


def weights(
    model: object,
    real: dict[str, pl.DataFrame],
    *,
    unit: str | None = None,
    claimed: float | None = None,
    delta: float = 0.0,
    shadows: int = 0,
    seed: int,
) -> Weights | NotMeasured:
    """Attack a model file, or a fitted `FlowGenerator`.

    Args:
        model: Path of the file, or the generator.
        real: Real tables as given: `train`, and perhaps `holdout`.
        unit: Column that names patients; None takes every row for a person.
        claimed: Epsilon that is claimed for the model, or None.
        delta: Delta that goes with it.
        shadows: Shadow flows of the likelihood-ratio attack, even; 0 leaves it out.
        seed: Of the rows drawn and of the bound.

    Returns:
        Weights; NotMeasured if the flows extra is not installed.

    Raises:
        ModelFileError: If there is no such file, or it is damaged.
        SynthemaError: If `model` is neither.
    """
    try:
        from ..generate.flow import FlowGenerator
    except SynthemaError as error:
        return NotMeasured(reason=f"reading a model needs JAX. {error}")
    fitted: Any = model
    digest = ""
    if isinstance(model, str | os.PathLike):
        fitted = FlowGenerator.load(model)
        digest = hashlib.sha256(Path(model).read_bytes()).hexdigest()
    if not isinstance(fitted, FlowGenerator):
        raise SynthemaError(
            f"model: expected the path of a model file or a fitted FlowGenerator, got "
            f"{type(model).__name__}. Only a flow knows the density of a record."
        )
    known: Encoder = fitted.model.encoder
    groups = {name: _group(frame, known, unit) for name, frame in real.items()}
    train, holdout = groups["train"], groups.get("holdout")
    found = Weights(
        digest=digest,
        parameters=sum(int(np.asarray(leaf).size) for leaf in vars(fitted.model.members).values()),
        rows=int(fitted.model.record.get("rows", 0)),
        membership=_NO_CONTROLS,
        shadowed=_NO_CONTROLS,
        gap=EMPTY,
        epsilon=_NO_CONTROLS,
        worst=_NO_CONTROLS,
        extraction=_NO_CONTROLS,
        queried=QUERIED,
        source=SOURCE,
        **_copies(fitted, known, train, holdout, seed=seed),
    )
    if holdout is None:
        return found
    scores = _densities(fitted, train, holdout)
    return replace(
        found,
        membership=scored(
            "log-density of the model",
            members=scores.train,
            controls=scores.holdout,
            n_synthetic=0,
            source=SOURCE,
        ),
        shadowed=_shadowed(fitted, train, holdout, shadows=shadows, seed=seed),
        gap=_gap(scores),
        epsilon=empirical_epsilon(
            members=scores.train,
            controls=scores.holdout,
            delta=delta,
            claimed=claimed,
            seed=seed,
        ),
        worst=worst(scores, train),
        extraction=extraction(known, train, holdout),
    )


_NO_CONTROLS = NotMeasured(
    reason="no holdout was given, so there is no control group of people never seen"
)


def _group(frame: pl.DataFrame, known: "Encoder", unit: str | None) -> Group:
    number = np.arange(frame.height)
    person, people = persons(frame, number, unit)
    return Group(
        frame=frame.select(list(known.codecs)),
        rows=known.rows(frame),
        number=number,
        drawn=None,
        person=person,
        people=people,
        repeated=people < frame.height,
    )


def _densities(fitted: Density, train: Group, holdout: Group) -> Scores:
    """The likeliest record of each patient; one of no density is less likely than any other."""
    each = []
    for group in (train, holdout):
        parts = [fitted.log_prob(part) for part in group.frame.iter_slices(PART)]
        each.append(np.concatenate(parts))
    finite = np.concatenate(each)
    least = finite[np.isfinite(finite)].min(initial=0.0) - 1.0
    ours, theirs = (np.maximum(values, least) for values in each)
    return Scores(
        name="log-density of the model",
        train=most_of(ours, train.person, train.people),
        holdout=most_of(theirs, holdout.person, holdout.people),
    )


def _shadowed(
    fitted: Any, train: Group, holdout: Group, *, shadows: int, seed: int
) -> tuple[Membership, ...] | NotMeasured:
    """The likelihood-ratio attack; the most suspicious row of a patient speaks for him."""
    people = len(train.number) + len(holdout.number)
    if shadows == 0:
        return NotMeasured(reason="shadow flows were not asked for")
    if people > MOST_SHADOWED:
        return NotMeasured(
            reason=f"shadow flows are trained on at most {MOST_SHADOWED:,} people, and there are "
            f"{people:,}"
        )
    from ..flow_attacks import model_attacks

    found = model_attacks(
        train=train.frame, holdout=holdout.frame, model=fitted, shadows=shadows, seed=seed
    )
    if isinstance(found, NotMeasured) or not (train.repeated or holdout.repeated):
        return found
    return tuple(by_most(attack, train, holdout) for attack in found)


def _gap(scores: Scores) -> Estimate:
    ours, theirs = scores.train, scores.holdout
    n = len(ours) + len(theirs)
    gap = float(ours.mean() - theirs.mean())
    if min(len(ours), len(theirs)) < 2:
        return Estimate(value=gap, low=None, high=None, n=n)
    half = Z95 * float(np.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs)))
    return Estimate(value=gap, low=gap - half, high=gap + half, n=n)


def _copies(
    fitted: Density, known: "Encoder", train: Group, holdout: Group | None, *, seed: int
) -> dict[str, Estimate]:
    """Real rows among rows that anybody with the file can draw."""
    drawn = known.rows(fitted.sample(QUERIED, seed=seed))
    found = distances(
        train=train.rows,
        synthetic=drawn,
        holdout=None if holdout is None else holdout.rows,
        seed=seed,
    )
    return {"copied_train": found.copied_train, "copied_holdout": found.copied_holdout}
