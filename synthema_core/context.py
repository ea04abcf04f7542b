"""Who may get a table and who might attack it: declared by people, printed with every audit.

An audit measures what an attack gains. Whether that matters depends on who holds the table, what
they know and what they may do, and no measurement can find that out. So it is declared, and printed
beside the figures; what was not declared is printed as not declared.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from .errors import SynthemaError

THRESHOLD = 0.09  # EMA Policy 0070 and Health Canada PRCI: 9 % in most circumstances


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseContext:
    """What is declared about a release. Every text may be empty: then it is not declared.

    Attributes:
        purpose: What the synthetic table is for.
        recipients: Who gets it.
        access: How: downloaded, or looked at in a secure environment.
        adversary: Who might attack, with what motive and means.
        auxiliary: What the adversary already knows about the people.
        controls: What recipients are bound by: contract, training, logging.
        review: Date on which the residual risk is assessed again, as "2027-11-01".
        epsilon: Privacy loss claimed by the generator, >= 0; None if none is claimed.
        delta: Delta that goes with it, in [0, 1).
        population_rows: People in the population that the patients were drawn from.
        threshold: Risk of identity disclosure above which a row counts as exposed, in (0, 1].
    """

    purpose: str = ""
    recipients: str = ""
    access: str = ""
    adversary: str = ""
    auxiliary: str = ""
    controls: str = ""
    review: str = ""
    epsilon: float | None = None
    delta: float = 0.0
    population_rows: int | None = None
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        for name in TEXTS:
            if not isinstance(getattr(self, name), str):
                raise SynthemaError(f"context: '{name}': expected a text. Write one, or leave it.")
        if self.review:
            try:
                date.fromisoformat(self.review)
            except ValueError:
                raise SynthemaError(
                    "context: 'review': expected a date such as 2027-11-01. Correct it."
                ) from None
        if self.epsilon is not None and not (_is_number(self.epsilon) and self.epsilon >= 0):
            raise SynthemaError("context: 'epsilon': expected a number from 0. Correct it.")
        if not (_is_number(self.delta) and 0 <= self.delta < 1):
            raise SynthemaError("context: 'delta': expected 0 to less than 1. Correct it.")
        if not (_is_number(self.threshold) and 0 < self.threshold <= 1):
            raise SynthemaError("context: 'threshold': expected a share in (0, 1]. Correct it.")
        people = self.population_rows
        if people is not None and (not isinstance(people, int) or people < 1):
            raise SynthemaError("context: 'population_rows': expected a whole number of people.")

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> "ReleaseContext":
        """From plain values, as a JSON file holds them.

        Raises:
            SynthemaError: If a name is unknown or a value is not what it should be.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = [name for name in declared if name not in known]
        if unknown:
            raise SynthemaError(
                f"context: unknown entry '{unknown[0]}'. Use some of {', '.join(known)}."
            )
        return cls(**declared)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "ReleaseContext":
        """From a JSON file: one object with the names of the attributes.

        Raises:
            SynthemaError: If there is no such file, or it holds something else.
        """
        try:
            declared = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise SynthemaError(
                f"context: {os.fspath(path)} cannot be read. Check the path."
            ) from None
        except json.JSONDecodeError as error:
            raise SynthemaError(
                f"context: {os.fspath(path)}: no JSON at line {error.lineno}. Correct it."
            ) from None
        if not isinstance(declared, dict):
            raise SynthemaError(
                f'context: {os.fspath(path)}: expected an object such as {{"recipients": "..."}}.'
            )
        return cls.of(declared)


TEXTS = ("purpose", "recipients", "access", "adversary", "auxiliary", "controls", "review")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
