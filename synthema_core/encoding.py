"""Encoder: a table as rows for distances, as variables for a flow, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from synthema_kernels import Rows

from . import columns, related
from .columns import (
    OPEN,
    Codec,
    Discrete,
    Nominal,
    Numeric,
    Ordinal,
    Protection,
)
from .columns.curve import Cells
from .errors import SchemaError
from .flow_view import FlowView, Variables
from .schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from .columns.marginal import Marginal
    from .columns.number import Floats

EXAMPLES = 512  # values of a number that a rule between two columns is tried on


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
        by_status: bool = False,
    ) -> Encoder:
        """Fit to a training table.

        Args:
            train: The training table.
            schema: What its columns are.
            also: Other tables; a level that only they hold gets a code of its own, so that it
                differs from every known one in a distance. Ranges come from `train` alone.
            protection: What is kept back of the training values; nothing, for distances.
            by_status: The time of an endpoint has a curve for each status that enough patients
                have; for flows.

        Raises:
            SchemaError: If a modelled column is absent or is not what the schema says.
        """
        _require(train, schema)
        codecs: dict[str, Codec] = {}
        for spec in schema.modelled:
            others = [table[spec.name] for table in also if spec.name in table.columns]
            codecs[spec.name] = columns.fit(train[spec.name], spec, others, protection)
        codecs = related.pooled_apart(codecs, train, protection.min_count)
        if protection != OPEN:
            codecs = related.dusted(codecs, train, schema)
        tied = related.tied_and_capped(codecs, train, schema)
        return cls(schema, related.by_status(tied, train, schema) if by_status else tied)

    @property
    def numeric(self) -> dict[str, Numeric]:
        """Codecs of the columns whose values lie on a line."""
        return {n: c for n, c in self.codecs.items() if isinstance(c, Numeric)}

    @property
    def discrete(self) -> dict[str, Discrete]:
        """Codecs of the columns that have levels."""
        return {n: c for n, c in self.codecs.items() if isinstance(c, Discrete)}

    @property
    def grades(self) -> dict[str, Ordinal]:
        """Codecs of the ordered columns whose grades are numbers."""
        return {n: c for n, c in self.codecs.items() if isinstance(c, Ordinal) and c.counts}

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

    def floats(self, table: pl.DataFrame) -> dict[str, Floats]:
        """(n,) values of each column of numbers, grades that are numbers among them; NaN: missing.

        These are what other numbers can be read off.
        """
        return {n: c.floats(table[n]) for n, c in (self.numeric | self.grades).items()}

    @property
    def variables(self) -> Variables:
        """The variables of the flow view."""
        sizes = {name: codec.choices for name, codec in self.codecs.items()}
        discrete = tuple(name for name, size in sizes.items() if size)
        place = {name: i for i, name in enumerate(discrete)}
        status = {e.time: e.status for e in self.schema.endpoints}
        curves = [(n, k) for n, c in self.numeric.items() for k in range(len(c.number.curves))]
        return Variables(
            numbers=tuple(n for n, _ in curves),
            discrete=discrete,
            levels=tuple(sizes[name] for name in discrete),
            state=tuple(place.get(n, -1) for n, _ in curves),
            status=tuple(place.get(status.get(n, ""), -1) for n, _ in curves),
            admitted=tuple(self.numeric[n].number.admitted(k) for n, k in curves),
        )

    def flow(self, table: pl.DataFrame) -> FlowView:
        """The table as a flow sees it."""
        _require(table, self.schema)
        floats = self.floats(table)
        states = {n: c.levels.states(table[n]) for n, c in self.discrete.items()}
        states |= {n: c.number.states(floats[n], floats) for n, c in self.numeric.items()}
        curve = self._curves(states, table.height)
        cells = [
            cell
            for name, codec in self.numeric.items()
            for cell in codec.number.cells(floats[name], states[name], floats, curve[name])
        ]
        n = table.height
        codes = [states[name] for name in self.variables.discrete]
        fields = ("z", "low", "high", "log_width", "present")
        kinds = (np.float64,) * 4 + (np.bool_,)
        stacked = [
            np.stack([getattr(c, f) for c in cells]) if cells else np.empty((0, n), k)
            for f, k in zip(fields, kinds, strict=True)
        ]
        return FlowView(np.stack(codes) if codes else np.empty((0, n), np.int32), Cells(*stacked))

    def _curves(
        self, states: Mapping[str, NDArray[np.int32]], n: int
    ) -> dict[str, NDArray[np.int64]]:
        """Curve that each number of n rows lies on, from the levels of all discrete variables."""
        status = {e.time: e.status for e in self.schema.endpoints}
        return {
            name: codec.number.curve(states.get(status.get(name, "")), n)
            for name, codec in self.numeric.items()
        }

    def log_shares(self, table: pl.DataFrame, names: Iterable[str] | None = None) -> Floats:
        """(n,) log of the share that a row's rare levels have of what a flow sees for them.

        Of all columns, or of those named.
        """
        among = set(self.codecs if names is None else names)
        parts = [
            codec.levels.log_share(table[name])
            for name, codec in self.discrete.items()
            if codec.levels.pools and name in among
        ]
        total: Floats = np.sum(parts, axis=0) if parts else np.zeros(table.height)
        return total

    def table(self, codes: NDArray[np.int32], z: Floats) -> pl.DataFrame:
        """Undo `flow`: (q, n) codes and (p, n) points of the normal scale as a table."""
        place = np.cumsum([0, *(len(c.number.curves) for c in self.numeric.values())])
        points = {name: z[place[i] : place[i + 1]] for i, name in enumerate(self.numeric)}
        return self._table(codes, z.shape[1], lambda name, *_: points[name])

    def readable(self, codes: NDArray[np.int32], values: Floats) -> pl.DataFrame:
        """(q, n) codes and a row of numbers for each numeric column as values that can be held.

        Each number becomes the nearest that its column can hold: with its decimals, and at or below
        the column that a rule puts above it. Where its state is not the free one it is ignored.
        """
        wanted = dict(zip(self.numeric, values, strict=True))

        def near(
            name: str,
            state: NDArray[np.int32],
            floats: Mapping[str, Floats],
            curve: NDArray[np.int64],
        ) -> Floats:
            cells = self.numeric[name].number.cells(wanted[name], state, floats, curve)
            return np.stack([c.z for c in cells])

        return self._table(codes, values.shape[1], near)

    def _table(
        self,
        codes: NDArray[np.int32],
        n: int,
        points: Callable[[str, NDArray[np.int32], Mapping[str, Floats], NDArray[np.int64]], Floats],
    ) -> pl.DataFrame:
        """The table of (q, n) codes; numbers are read one column after the other.

        Args:
            codes: Levels of all discrete variables.
            n: Rows.
            points: (curves, n) points of a column, from its states, numbers read before and curves.
        """
        variables = self.variables
        states = dict(zip(variables.discrete, codes, strict=True))
        n = codes.shape[1] if variables.discrete else n
        curve = self._curves(states, n)
        series = {n: c.levels.series(states[n], n) for n, c in self.discrete.items()}
        floats = {n: c.floats(series[n]) for n, c in self.grades.items()}
        for name in _targets_first(self.numeric):
            state = states.get(name, np.zeros(n, np.int32))
            z = points(name, state, floats, curve[name])
            floats[name] = self.numeric[name].number.values(state, z, floats, curve[name])
        for name, codec in self.numeric.items():
            dusty = None
            if codec.dust:
                by = codec.dust.column
                dusty = codec.dust.rows(self.discrete[by].levels.codes(series[by]))
            series[name] = codec.series(floats[name], name, dusty)
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
        number = codec.number
        drawn = np.concatenate(  # whatever the bound
            [c.marginal.at(_thinned(c.marginal.points(), EXAMPLES)) for c in number.curves]
        )
        bounds = codec.scale.read(np.array(named, np.float64))
        free = np.concatenate([drawn, bounds, np.floor(named), np.ceil(named)])
        level = np.repeat(np.arange(number.levels, dtype=np.int32), free.size)
        every = np.tile(free, number.levels)
        others = dict.fromkeys(number.needs, every)
        none = np.zeros((len(number.curves), level.size))
        values = number.values(level, none, others, np.zeros(level.size, np.int64))
        return codec.series(np.where(level == 0, every, values), name), level

    def marginal(self, name: str) -> Marginal:
        """The distribution of a numeric column's free values; of the first curve, if several."""
        return self.numeric[name].number.curves[0].marginal

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
            for k, curve in enumerate(number.curves, self.variables.numbers.index(name)):
                marginal = curve.marginal
                atoms = int((marginal.left == marginal.right).sum())
                spread = marginal.left.size - atoms
                lines.append(f"  flow    number {k}: {atoms} atoms, {spread} spread pieces")
            states = ["a number", *["missing"] * number.missing]
            states += ["a fixed value"] * len(number.atoms)
            states += [f"equal to {tie}" for tie in number.ties]
            lines.append(f"          first decided: {', '.join(states)}")
            if number.cap and number.curves[0].follow_up:
                lines.append(f"          ends with follow-up, counted from {number.cap.column}")
            elif number.cap:
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
            if target in codecs and target not in done:
                visit(target)
        done.setdefault(name)

    for name in codecs:
        visit(name)
    return done
