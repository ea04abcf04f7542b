"""Rates and risks as users of anonymeter read them."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from ..intervals import wilson
from ..privacy.attack import Attack
from ..privacy.attack import risk as excess

NAN = float("nan")


class PrivacyRisk(NamedTuple):
    """A risk, between 0 and 1, and its interval; NaN where there was nothing to measure."""

    value: float
    ci: tuple[float, float]


class SuccessRate(NamedTuple):
    """Share of attacks that succeed, as the middle of Wilson's interval, and half its width."""

    value: float
    error: float

    def to_risk(self) -> PrivacyRisk:
        """The rate itself as a risk."""
        return PrivacyRisk(self.value, (max(self.value - self.error, 0), self.value + self.error))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResults:
    """Successes of an attack, of its control and of blind guesses.

    Attributes:
        n_attacks_ori: Attacks on `ori`.
        n_attacks_baseline: Blind guesses that `n_baseline` speaks of.
        n_attacks_control: Attacks on `control`; 0 without one.
        n_success: Successes on `ori`; a fraction where predicates that share people count as fewer.
        n_baseline: Successes of blind guesses, in expectation.
        n_control: Successes on `control`; None without one.
        confidence_level: Of the intervals.
    """

    n_attacks_ori: float
    n_attacks_baseline: float
    n_attacks_control: float
    n_success: float
    n_baseline: float
    n_control: float | None
    confidence_level: float

    @property
    def attack_rate(self) -> SuccessRate:
        """On `ori`."""
        return self._rate(self.n_success, self.n_attacks_ori)

    @property
    def baseline_rate(self) -> SuccessRate:
        """Of blind guesses."""
        return self._rate(self.n_baseline, self.n_attacks_baseline)

    @property
    def control_rate(self) -> SuccessRate | None:
        """On `control`; None without one."""
        if self.n_control is None:
            return None
        return self._rate(self.n_control, self.n_attacks_control)

    def risk(self, baseline: bool = False) -> PrivacyRisk:  # noqa: FBT001, FBT002  (their shape)
        """What the attack wins beyond its control; without one its rate, which says little.

        Args:
            baseline: The rate of blind guesses instead.
        """
        if baseline:
            return self.baseline_rate.to_risk()
        if self.n_control is None:
            return self.attack_rate.to_risk()
        counts = self.n_success, self.n_attacks_ori, self.n_control, self.n_attacks_control
        found = excess(*counts, outside=outside(self.confidence_level))
        if found.value is None or found.low is None or found.high is None:
            return PrivacyRisk(NAN, (NAN, NAN))
        value, low, high = (min(max(x, 0.0), 1.0) for x in (found.value, found.low, found.high))
        return PrivacyRisk(value, (low, high))

    def _rate(self, hits: float, n: float) -> SuccessRate:
        if n == 0:
            return SuccessRate(NAN, NAN)
        low, high = wilson(hits, n, z=NormalDist().inv_cdf(1 - outside(self.confidence_level)))
        return SuccessRate((low + high) / 2, (high - low) / 2)


def outside(confidence_level: float) -> float:
    """Chance that the truth lies below an interval of this confidence, and that it lies above."""
    if not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level: expected a number between 0 and 1, got {confidence_level}"
        )
    return (1 - confidence_level) / 2


class Evaluator:
    """What the three have in common: run once, then ask."""

    _found: object | None = None

    def _evaluated(self) -> None:
        if self._found is None:
            raise RuntimeError(f"{type(self).__name__}: call evaluate() first")


def results_of(found: Attack, confidence_level: float, *, control: bool) -> EvaluationResults:
    """Successes of an attack on single people."""
    n, h = found.main.n, found.control.n
    return EvaluationResults(
        n_attacks_ori=n,
        n_attacks_baseline=n,
        n_attacks_control=h,
        n_success=round((found.main.value or 0.0) * n),
        n_baseline=found.baseline * n,
        n_control=round((found.control.value or 0.0) * h) if control else None,
        confidence_level=confidence_level,
    )
