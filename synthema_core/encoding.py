"""Encoder: a table as rows for distances, as variables for a flow, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from synthema_kernels import Rows

from . import columns
from .columns import (
    OPEN,
    Codec,
    Discrete,
    Nominal,
    Numeric,
    Ordinal,
    Protection,
    caps,
    ties,
)
from .columns.number import Cells
from .errors import SchemaError
from .schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from .columns.marginal import Marginal
    from .columns.number import Floats

EXAMPLES = 512  # values of a number that a rule between two columns is tried on


@dataclass(frozen=True, slots=True)
class FlowView:
    """What a flow sees of n rows: p numbers and q discrete variables, rows on the trailing axis.

    `codes` is (q, n), -1 where a level was never seen in training; each field of `cells` is (p, n);
    see `synthema_kernels.flows.MixedRows`.
    """

    codes: NDArray[np.int32]
    cells: Cells


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of the flow view.

    Attributes:
        numbers: Columns with a numeric variable.
        discrete: Columns with a discrete variable: the levels of a discrete column, or the states
            of a numeric one.
        levels: Number of levels of each discrete variable.
        state: For each number the place of its states in `discrete`, -1 if it has none.
        status: For each number the place of its endpoint's status in `discrete`, -1 if it is no
            such time.
    """

    numbers: tuple[str, ...]
    discrete: tuple[str, ...]
    levels: tuple[int, ...]
    state: tuple[int, ...]
    status: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Encoder:
    """How every modelled column of a schema is read; fitted on the training table and frozen.

    Attributes:
        schema: The schema.
        codecs: One codec per modelled column, in the schema's order.
    """

    schema: Schema
    codecs: Mapping[str, Codec]

    @classmethod
    def fit(
        cls,
        train: pl.DataFrame,
        schema: Schema,
        *,
        also: Sequence[pl.DataFrame] = (),
        protection: Protection = OPEN,
    ) -> Encoder:
        """Fit to a training table.

        Args:
            train: The training table.
            schema: What its columns are.
            also: Other tables; a level that only they hold gets a code of its own, so that it
                differs from every known one in a distance. Ranges come from `train` alone.
            protection: What is kept back of the training values; nothing, for distances.

        Raises:
            SchemaError: If a modelled column is absent or is not what the schema says.
        """
        _require(train, schema)
        codecs: dict[str, Codec] = {}
        for spec in schema.modelled:
            others = [table[spec.name] for table in also if spec.name in table.columns]
            codecs[spec.name] = columns.fit(train[spec.name], spec, others, protection)
        return cls(schema, _related(codecs, train, schema))

    @property
    def numeric(self) -> dict[str, Numeric]:
        """Codecs of the columns whose values lie on a line."""
        return {n: c for n, c in self.codecs.items() if isinstance(c, Numeric)}

    @property
    def discrete(self) -> dict[str, Discrete]:
        """Codecs of the columns that have levels."""
        return {n: c for n, c in self.codecs.items() if isinstance(c, Discrete)}

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """Columns in the numeric half of `rows`."""
        return tuple(n for n, c in self.codecs.items() if isinstance(c, Numeric | Ordinal))

    @property
    def code_names(self) -> tuple[str, ...]:
        """Columns in the coded half of `rows`."""
        return tuple(n for n, c in self.codecs.items() if isinstance(c, Nominal))

    def rows(self, table: pl.DataFrame) -> Rows:
        """The table as rows that distances are measured on; see `synthema_kernels.Rows`."""
        _require(table, self.schema)
        columns_of = {name: codec.rows(table[name]) for name, codec in self.codecs.items()}
        return Rows(
            numeric=_beside([columns_of[n] for n in self.numeric_names], table.height, np.float64),
            codes=_beside([columns_of[n] for n in self.code_names], table.height, np.int32),
        )

    @property
    def variables(self) -> Variables:
        """The variables of the flow view."""
        numbers = tuple(self.numeric)
        sizes = {name: codec.choices for name, codec in self.codecs.items()}
        discrete = tuple(name for name, size in sizes.items() if size)
        place = {name: i for i, name in enumerate(discrete)}
        status = {e.time: e.status for e in self.schema.endpoints}
        return Variables(
            numbers=numbers,
            discrete=discrete,
            levels=tuple(sizes[name] for name in discrete),
            state=tuple(place.get(n, -1) for n in numbers),
            status=tuple(place.get(status.get(n, ""), -1) for n in numbers),
        )

    def flow(self, table: pl.DataFrame) -> FlowView:
        """The table as a flow sees it."""
        _require(table, self.schema)
        floats = {n: c.floats(table[n]) for n, c in self.numeric.items()}
        states = {n: c.levels.states(table[n]) for n, c in self.discrete.items()}
        states |= {n: c.number.states(floats[n], floats) for n, c in self.numeric.items()}
        cells = [c.number.cells(floats[n], states[n], floats) for n, c in self.numeric.items()]
        n = table.height
        variables = self.variables
        codes = [states[name] for name in variables.discrete]
        fields = ("z", "low", "high", "log_width", "present")
        kinds = (np.float64,) * 4 + (np.bool_,)
        stacked = [
            np.stack([getattr(c, f) for c in cells]) if cells else np.empty((0, n), k)
            for f, k in zip(fields, kinds, strict=True)
        ]
        return FlowView(np.stack(codes) if codes else np.empty((0, n), np.int32), Cells(*stacked))

    def log_shares(self, table: pl.DataFrame, names: Iterable[str] | None = None) -> Floats:
        """(n,) log of the share that a row's rare levels have of what a flow sees for them.

        Of all columns, or of those named.
        """
        among = set(self.codecs if names is None else names)
        parts = [
            codec.levels.log_share(table[name])
            for name, codec in self.discrete.items()
            if codec.levels.pool and name in among
        ]
        total: Floats = np.sum(parts, axis=0) if parts else np.zeros(table.height)
        return total

    def table(self, codes: NDArray[np.int32], z: Floats) -> pl.DataFrame:
        """Undo `flow`: (q, n) codes and (p, n) points of the normal scale as a table."""
        points = dict(zip(self.variables.numbers, z, strict=True))

        def at(name: str, state: NDArray[np.int32], floats: Mapping[str, Floats]) -> Floats:
            return self.numeric[name].number.values(state, points[name], floats)

        return self._table(codes, z.shape[1], at)

    def readable(self, codes: NDArray[np.int32], values: Floats) -> pl.DataFrame:
        """(q, n) codes and (p, n) numbers as a table of values that could have been recorded.

        Each number becomes the nearest that its column can hold: with its decimals, and at or below
        the column that a rule puts above it. Where its state is not the free one it is ignored.
        """
        wanted = dict(zip(self.variables.numbers, values, strict=True))

        def near(name: str, state: NDArray[np.int32], floats: Mapping[str, Floats]) -> Floats:
            number = self.numeric[name].number
            return number.values(state, number.cells(wanted[name], state, floats).z, floats)

        return self._table(codes, values.shape[1], near)

    def _table(
        self,
        codes: NDArray[np.int32],
        n: int,
        number: Callable[[str, NDArray[np.int32], Mapping[str, Floats]], Floats],
    ) -> pl.DataFrame:
        """The table of (q, n) codes, numbers read one column after the other."""
        variables = self.variables
        states = dict(zip(variables.discrete, codes, strict=True))
        n = codes.shape[1] if variables.discrete else n
        floats: dict[str, Floats] = {}
        for name in _targets_first(self.numeric):
            floats[name] = number(name, states.get(name, np.zeros(n, np.int32)), floats)
        series = {n: c.levels.series(states[n], n) for n, c in self.discrete.items()}
        series |= {n: c.series(floats[n], n) for n, c in self.numeric.items()}
        return pl.DataFrame([series[name] for name in self.codecs])

    def forbidden(self) -> NDArray[np.float32]:
        """Pairs of levels that the schema's rules never allow together.

        Returns:
            (width, width) symmetric, 1 where a rule between two columns forbids the levels whatever
            the numbers are: structural missingness, and implications and exclusions of categories.
        """
        variables = self.variables
        start = dict(
            zip(variables.discrete, np.cumsum([0, *variables.levels])[:-1].tolist(), strict=True)
        )
        out = np.zeros((sum(variables.levels),) * 2, np.float32)
        for rule in self.schema.all_rules:
            names = tuple(dict.fromkeys(rule.columns()))
            if len(names) != 2 or not all(name in start for name in names):
                continue
            a, b = names
            named = _numbers_in(asdict(rule))
            left, of_left = self._examples(a, named)
            right, of_right = self._examples(b, named)
            i, j = np.divmod(np.arange(len(left) * len(right)), len(right))
            violated = pl.DataFrame({a: left.gather(i), b: right.gather(j)}).select(
                rule.violated().alias("violated")
            )
            counts = np.zeros((2, self.codecs[a].choices, self.codecs[b].choices))
            np.add.at(counts[0], (of_left[i], of_right[j]), violated["violated"].to_numpy())
            np.add.at(counts[1], (of_left[i], of_right[j]), 1)
            never = (counts[0] == counts[1]).astype(np.float32)
            rows, cols = (
                slice(start[a], start[a] + len(never)),
                slice(start[b], start[b] + len(never.T)),
            )
            out[rows, cols] = np.maximum(out[rows, cols], never)
            out[cols, rows] = out[rows, cols].T
        return out

    def _examples(self, name: str, named: Sequence[float]) -> tuple[pl.Series, NDArray[np.int32]]:
        """Values that stand for the levels of a column, and the level of each.

        A number stands for itself at each piece of its marginal, and at the bounds a rule named: a
        range that no training value lies in can be met all the same.
        """
        codec = self.codecs[name]
        if isinstance(codec, Discrete):
            return codec.levels.examples(name)
        number = replace(codec.number, cap=None)  # whatever the bound
        drawn = number.marginal.at(_thinned(number.marginal.points(), EXAMPLES))
        bounds = codec.scale.read(np.array(named, np.float64))
        free = np.concatenate([drawn, bounds, np.floor(named), np.ceil(named)])
        level = np.repeat(np.arange(number.levels, dtype=np.int32), free.size)
        every = np.tile(free, number.levels)
        values = number.values(level, np.zeros(level.size), dict.fromkeys(number.ties, every))
        return codec.series(np.where(level == 0, every, values), name), level

    def marginal(self, name: str) -> Marginal:
        """The distribution of a numeric column's free values."""
        return self.numeric[name].number.marginal

    def trace(self, name: str) -> str:
        """One column's way through the house, in a few lines, without any of its values."""
        spec, codec = self.schema.column(name), self.codecs[name]
        lines = [f"{name}: {spec.kind}" + (f" in {spec.unit}" if spec.unit else "")]
        if spec.reason:
            lines.append(f"  schema  {spec.reason}")
        half = "numeric" if name in self.numeric_names else "codes"
        place = (self.numeric_names if half == "numeric" else self.code_names).index(name)
        lines.append(f"  rows    {half}[:, {place}]")
        if isinstance(codec, Numeric):
            number = codec.number
            atoms = int((number.marginal.left == number.marginal.right).sum())
            lines.append(
                f"  flow    number {self.variables.numbers.index(name)}: {atoms} atoms, "
                f"{number.marginal.left.size - atoms} spread pieces"
            )
            states = ["a number", *["missing"] * number.missing]
            states += ["a fixed value"] * len(number.atoms)
            states += [f"equal to {tie}" for tie in number.ties]
            lines.append(f"          first decided: {', '.join(states)}")
            if number.cap:
                lines.append(f"          drawn at or below {number.cap.column}")
        else:
            lines.append(f"  flow    {codec.choices} levels, drawn from a softmax")
        lines.append(f"  table   back to {spec.dtype or 'the training dtype'}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it exactly."""
        codecs = {name: columns.to_dict(codec) for name, codec in self.codecs.items()}
        return {"schema": self.schema.to_dict(), "codecs": codecs}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Encoder:
        """Undo `to_dict`."""
        codecs = {n: columns.from_dict(c) for n, c in data["codecs"].items()}
        return cls(Schema.from_dict(data["schema"]), codecs)


def _require(table: pl.DataFrame, schema: Schema) -> None:
    absent = [c.name for c in schema.modelled if c.name not in table.columns]
    if absent:
        raise SchemaError(
            f"column {absent[0]!r} (and {len(absent) - 1} more): expected by the schema, absent "
            "from the table. Add it, or drop it from the schema."
        )


def _beside(parts: Sequence[NDArray[Any]], n: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Columns side by side: (n, len(parts)), contiguous."""
    return np.ascontiguousarray(np.stack(parts, 1)) if parts else np.empty((n, 0), dtype)


def _numbers_in(data: object) -> list[float]:
    """Every number in plain data."""
    if isinstance(data, Mapping):
        return [x for value in data.values() for x in _numbers_in(value)]
    if isinstance(data, list | tuple):
        return [x for value in data for x in _numbers_in(value)]
    return [float(data)] if isinstance(data, int | float) else []


def _thinned(points: Floats, most: int) -> Floats:
    """The points, or `most` of them spread evenly."""
    few: Floats = points[np.linspace(0, points.size - 1, min(most, points.size)).astype(int)]
    return few


def _targets_first(codecs: Mapping[str, Numeric]) -> Iterable[str]:
    """Column names such that a tie's target and a bound come before the column that needs them."""
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        for target in codecs[name].number.needs:
            if target not in done:
                visit(target)
        done.setdefault(name)

    for name in codecs:
        visit(name)
    return done


def _related(codecs: dict[str, Codec], train: pl.DataFrame, schema: Schema) -> dict[str, Codec]:
    """The codecs with columns that often equal another one tied, and bounded ones capped by it."""
    numeric = {n: c for n, c in codecs.items() if isinstance(c, Numeric)}
    floats = {n: c.floats(train[n]) for n, c in numeric.items()}
    family = {n: c.scale.family for n, c in numeric.items()}
    bound = caps.find(schema.all_rules, family)

    def rank(name: str) -> tuple[int, bool, float]:
        """A bound before what it bounds, an endpoint before its copies, the larger first."""
        depth, at = 0, name
        while at in bound:
            depth, at = depth + 1, bound[at]
        copy = name not in {e.time for e in schema.endpoints}
        return depth, copy, -float(np.nanmean(floats[name]))

    atoms = {n: c.number.atoms for n, c in numeric.items()}
    tied = ties.find(sorted(numeric, key=rank), floats, atoms, family)
    numbers = {n: c.number for n, c in numeric.items()}
    numbers |= {n: numbers[n].tied(*found) for n, found in tied.items()}
    for name, other in bound.items():
        free = numbers[name].states(floats[name], floats) == 0
        numbers[name] = numbers[name].capped(other, floats[name][free], floats[other][free])
    return {**codecs, **{n: c.with_number(numbers[n]) for n, c in numeric.items()}}
