"""The arrays that every attack reads: prepared once, in an order that is nobody's."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from synthema_kernels import Rows

from ..encoding import Encoder
from ..privacy.tally import take
from ..three_tables import ThreeTables, drawn_rows
from .roles import Roles

PEOPLE = 50_000  # real rows of a table that are attacked: a share is known to 0.005 there
SYNTHETIC = 50_000  # synthetic rows an attack that compares them one by one is given

Index = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Some rows of a real table, as an attack sees them.

    Attributes:
        frame: Modelled columns.
        rows: The same, encoded.
        number: (n,) row number of each in the table as given, from 0.
        drawn: (n,) place of each among the sorted rows of the whole table; None if all are here.
        person: (n,) number of its patient, 0 to people - 1.
        people: Patients.
        repeated: Whether some patient has several rows.
    """

    frame: pl.DataFrame
    rows: Rows
    number: Index
    drawn: Index | None
    person: Index
    people: int
    repeated: bool

    def of(self, whole: Floats) -> Floats:
        """One number per sorted row of the whole table, for these rows."""
        return whole if self.drawn is None else whole[self.drawn]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What the attacks read.

    Attributes:
        train: The members.
        holdout: The controls, or None.
        synthetic: The synthetic rows, encoded: all, or a random sample.
        frame: The same as a table.
        names: Columns of encoded rows, numeric ones first.
        roles: What the adversary knows and wants.
    """

    train: Group
    holdout: Group | None
    synthetic: Rows
    frame: pl.DataFrame
    names: tuple[str, ...]
    roles: Roles

    def columns(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """(p + q,) which encoded columns are among the names."""
        return np.isin(self.names, names)

    def place(self, name: str) -> int:
        """Number of a column among the encoded ones."""
        return self.names.index(name)


def material(
    tables: ThreeTables,
    encoder: Encoder,
    real: dict[str, Rows],
    sample: pl.DataFrame,
    roles: Roles,
    *,
    seed: int,
) -> Material:
    """The arrays of an audit's attacks.

    Args:
        tables: The real tables.
        encoder: Fitted on the training table.
        real: The sorted real tables, encoded, by name.
        sample: Synthetic rows, modelled columns in common dtypes, in an order that is not the
            user's.
        roles: What the adversary knows and wants.
        seed: Draws the rows where there are more than PEOPLE or SYNTHETIC.
    """
    drawn = drawn_rows(sample.height, SYNTHETIC, seed)
    sample = sample if drawn is None else sample[drawn]
    groups = {name: _group(tables, name, rows, roles, seed) for name, rows in real.items()}
    return Material(
        train=groups["train"],
        holdout=groups.get("holdout"),
        synthetic=encoder.rows(sample),
        frame=sample,
        names=(*encoder.numeric_names, *encoder.code_names),
        roles=roles,
    )


def _group(tables: ThreeTables, name: str, rows: Rows, roles: Roles, seed: int) -> Group:
    frame, number = tables.sorted[name], tables.number[name]
    drawn = drawn_rows(frame.height, PEOPLE, seed)
    if drawn is not None:
        frame, rows, number = frame[drawn], take(rows, drawn), number[drawn]
    person, people = persons(tables.given[name], number, roles.unit)
    return Group(
        frame=frame,
        rows=rows,
        number=number,
        drawn=drawn,
        person=person,
        people=people,
        repeated=people < len(number),
    )


def persons(given: pl.DataFrame, number: Index, unit: str | None) -> tuple[Index, int]:
    """Patient of each row, numbered from 0 in the order of their names, and how many."""
    if unit is None:
        return np.arange(len(number)), len(number)
    names = given[unit].gather(number)
    codes = names.rank("dense").cast(pl.Int64).to_numpy() - 1
    return codes, int(codes.max()) + 1


def closest_of(values: Floats, person: Index, people: int) -> Floats:
    """(people,) the smallest value of each patient's rows."""
    if people == len(values):
        return values
    return -most_of(-values, person, people)


def most_of(values: Floats, person: Index, people: int) -> Floats:
    """(people,) the largest value of each patient's rows."""
    out = np.full(people, -np.inf)
    np.maximum.at(out, person, values)
    return out
