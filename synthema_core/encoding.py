"""Encoder: a table's columns as rows for distances, as variables for a flow, and back to a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from synthema_kernels import Rows

from . import columns
from .columns import Codec, Date, Levels, Ordinal
from .columns.marginal import Marginal
from .columns.number import Cells, Number
from .errors import SchemaError
from .schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from .columns.number import Floats

TIE_SHARE = 0.02  # two columns are tied if they agree on this share of the rows …
TIE_SURPRISE = 5.0  # … and this many times more often than independent columns would
MAX_TIES = 3


@dataclass(frozen=True, slots=True)
class FlowView:
    """What a flow sees of n rows: p numbers and q discrete variables, rows on the trailing axis.

    `codes` is (q, n), -1 where a level was never seen in training; each field of `cells` is (p, n); see
    `synthema_kernels.flows.MixedRows`.
    """

    codes: NDArray[np.int32]
    cells: Cells


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of the flow view.

    Attributes:
        numbers: Columns with a numeric variable.
        discrete: Columns with a discrete variable: the levels of a discrete column, or the states of a
            numeric one.
        levels: Number of levels of each discrete variable.
        state: For each number the place of its states in `discrete`, -1 if it has none.
        status: For each number the place of its endpoint's status in `discrete`, -1 if it is no such time.
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
        cls, train: pl.DataFrame, schema: Schema, *, also: Sequence[pl.DataFrame] = ()
    ) -> Encoder:
        """Fit to a training table.

        Args:
            train: The training table.
            schema: What its columns are.
            also: Other tables; a level that only they hold gets a code of its own, so that it differs from
                every known one in a distance. Ranges come from `train` alone.

        Raises:
            SchemaError: If a modelled column is absent or is not what the schema says.
        """
        missing = [c.name for c in schema.modelled if c.name not in train.columns]
        if missing:
            raise SchemaError(
                f"train: expected column {missing[0]!r} (and {len(missing) - 1} more), which the schema "
                "declares, got a table without it. Add it, or drop it from the schema."
            )
        codecs: dict[str, Codec] = {}
        for spec in schema.modelled:
            others = [table[spec.name] for table in also if spec.name in table.columns]
            codecs[spec.name] = columns.fit(train[spec.name], spec, others)
        return cls(schema, _with_ties(codecs, train, schema))

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """Columns in the numeric half of `rows`."""
        return tuple(n for n, c in self.codecs.items() if _number(c) or isinstance(c, Ordinal))

    @property
    def code_names(self) -> tuple[str, ...]:
        """Columns in the coded half of `rows`."""
        return tuple(n for n in self.codecs if n not in self.numeric_names)

    def rows(self, table: pl.DataFrame) -> Rows:
        """The table as rows that distances are measured on; see `synthema_kernels.Rows`."""
        views = {name: codec.rows(table[name]) for name, codec in self.codecs.items()}
        numeric = [views[name].numeric for name in self.numeric_names]
        codes = [views[name].codes for name in self.code_names]
        n = table.height
        return Rows(
            numeric=np.ascontiguousarray(np.stack(numeric, 1) if numeric else np.empty((n, 0))),
            codes=np.ascontiguousarray(np.stack(codes, 1) if codes else np.empty((n, 0), np.int32)),
        )

    @property
    def variables(self) -> Variables:
        """The variables of the flow view."""
        numbers = tuple(n for n, c in self.codecs.items() if _number(c))
        sizes = {name: _levels(codec) for name, codec in self.codecs.items()}
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
        floats = self._floats(table)
        states: dict[str, NDArray[np.int32]] = {}
        cells: list[Cells] = []
        for name, codec in self.codecs.items():
            number = _number(codec)
            if number is None:
                states[name] = _half(codec).states(table[name])
            else:
                states[name] = number.states(floats[name], floats)
                cells.append(number.cells(floats[name], states[name]))
        n = table.height
        codes = [states[name] for name in self.variables.discrete]
        fields = ("z", "low", "high", "log_width", "present")
        kinds = (np.float64,) * 4 + (np.bool_,)
        stacked = [
            np.stack([getattr(c, f) for c in cells]) if cells else np.empty((0, n), k)
            for f, k in zip(fields, kinds, strict=True)
        ]
        return FlowView(np.stack(codes) if codes else np.empty((0, n), np.int32), Cells(*stacked))

    def table(self, codes: NDArray[np.int32], z: Floats) -> pl.DataFrame:
        """Undo `flow`: (q, n) codes and (p, n) points of the normal scale as a table."""
        variables = self.variables
        states = dict(zip(variables.discrete, codes, strict=True))
        points = dict(zip(variables.numbers, z, strict=True))
        n = codes.shape[1] if variables.discrete else z.shape[1]
        floats: dict[str, Floats] = {}
        for name in _targets_first(self.codecs):
            number = _number(self.codecs[name])
            if number is not None:
                state = states.get(name, np.zeros(n, np.int32))
                floats[name] = number.values(state, points[name], floats)
        return pl.DataFrame(
            [
                _half(codec).series(states[name], name).alias(name)
                if _number(codec) is None
                else codec.series(floats[name], name)  # type: ignore[union-attr]
                for name, codec in self.codecs.items()
            ]
        )

    def forbidden(self) -> NDArray[np.float32]:
        """Pairs of levels that the schema's rules never allow together.

        Returns:
            (width, width) symmetric, 1 where a rule between two columns forbids the levels whatever the
            numbers are: structural missingness, and implications and exclusions of categories.
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
            left, of_left = self._examples(a)
            right, of_right = self._examples(b)
            i, j = np.divmod(np.arange(len(left) * len(right)), len(right))
            violated = pl.DataFrame({a: left.gather(i), b: right.gather(j)}).select(
                rule.violated().alias("violated")
            )
            counts = np.zeros((2, _levels(self.codecs[a]), _levels(self.codecs[b])))
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

    def _examples(self, name: str) -> tuple[pl.Series, NDArray[np.int32]]:
        """Values that stand for the levels of a column, and the level of each."""
        codec = self.codecs[name]
        number = _number(codec)
        if number is None:
            level = np.arange(_levels(codec), dtype=np.int32)
            return _half(codec).series(level, name), level
        ends = number.marginal.at(np.array([-8.0, 0.0, 8.0]))
        level = np.repeat(np.arange(number.levels, dtype=np.int32), 3)
        tie = dict.fromkeys(number.ties, np.tile(ends, number.levels))
        z = np.tile([-8.0, 0.0, 8.0], number.levels)
        return codec.series(number.values(level, z, tie), name), level  # type: ignore[union-attr]

    def _floats(self, table: pl.DataFrame) -> dict[str, Floats]:
        return {
            n: c.floats(table[n])
            for n, c in self.codecs.items()
            if not isinstance(c, columns.DiscreteCodec)
        }

    def marginal(self, name: str) -> Marginal:
        """The distribution of a numeric column's free values."""
        number = _number(self.codecs[name])
        if number is None:
            raise SchemaError(
                f"column {name!r}: a {self.schema.column(name).kind} column has no marginal."
            )
        return number.marginal

    def trace(self, name: str) -> str:
        """One column's way through the house, in a few lines, without any of its values."""
        spec, codec = self.schema.column(name), self.codecs[name]
        lines = [f"{name}: {spec.kind}" + (f" in {spec.unit}" if spec.unit else "")]
        if spec.reason:
            lines.append(f"  schema  {spec.reason}")
        half = "numeric" if name in self.numeric_names else "codes"
        place = (self.numeric_names if half == "numeric" else self.code_names).index(name)
        lines.append(f"  rows    {half}[:, {place}]")
        number = _number(codec)
        if number is not None:
            pieces = number.marginal
            atoms = int((pieces.left == pieces.right).sum())
            states = [
                "a number",
                *["missing"] * number.missing,
                *["a fixed value"] * len(number.atoms),
            ]
            states += [f"equal to {tie}" for tie in number.ties]
            lines.append(
                f"  flow    number {self.variables.numbers.index(name)}: {atoms} atoms, {len(pieces.left) - atoms} spread pieces"
            )
            lines.append(f"          first decided: {', '.join(states)}")
        else:
            lines.append(f"  flow    {_levels(codec)} levels, drawn from a softmax")
        lines.append(
            f"  table   {type(codec).__name__} back to {spec.dtype or 'the training dtype'}"
        )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `from_dict` undoes it exactly."""
        kinds = {c.name: c.kind for c in self.schema.modelled}
        codecs = {n: {"kind": kinds[n], **c.to_dict()} for n, c in self.codecs.items()}
        return {"schema": self.schema.to_dict(), "codecs": codecs}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Encoder:
        """Undo `to_dict`."""
        codecs = {n: columns.from_dict(c["kind"], c) for n, c in data["codecs"].items()}
        return cls(Schema.from_dict(data["schema"]), codecs)


def _number(codec: Codec) -> Number | None:
    return None if isinstance(codec, columns.DiscreteCodec) else codec.number


def _half(codec: Codec) -> Levels:
    assert isinstance(codec, columns.DiscreteCodec)
    return codec.levels


def _levels(codec: Codec) -> int:
    number = _number(codec)
    return _half(codec).count if number is None else number.levels


def _targets_first(codecs: Mapping[str, Codec]) -> Iterable[str]:
    """Column names such that a tie's target comes before the column tied to it."""
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        number = _number(codecs[name])
        for target in number.ties if number else ():
            if target not in done:
                visit(target)
        done.setdefault(name)

    for name in codecs:
        visit(name)
    return done


def _with_ties(codecs: dict[str, Codec], train: pl.DataFrame, schema: Schema) -> dict[str, Codec]:
    """The codecs with columns that often equal each other tied, the smaller to the larger one."""
    floats = {
        n: c.floats(train[n]) for n, c in codecs.items() if not isinstance(c, columns.DiscreteCodec)
    }
    after = {e.time: e.not_after for e in schema.endpoints}
    # a cap comes before what it caps; among the others the larger comes first, as survival before relapse
    depth = {n: int(after.get(n) is not None) for n in floats}
    sequence = sorted(floats, key=lambda n: (depth[n], -np.nanmean(floats[n])))
    out = dict(codecs)
    for place, name in enumerate(sequence):
        number = _number(codecs[name])
        assert number is not None
        values = np.where(np.isin(floats[name], number.atoms), np.nan, floats[name])
        targets = [
            t
            for t in sequence[:place]
            if isinstance(codecs[t], Date) == isinstance(codecs[name], Date)
        ]
        left = np.isfinite(values)
        ties: list[str] = []
        while targets and len(ties) < MAX_TIES:
            agree = {t: (values == floats[t]) & left for t in targets}
            best = max(targets, key=lambda t: int(agree[t].sum()))
            if not _surprising(values[left], floats[best], int(agree[best].sum()), values.size):
                break
            ties.append(best)
            targets.remove(best)
            left &= ~agree[best]
        if ties:
            codec = codecs[name]
            assert not isinstance(codec, columns.DiscreteCodec)
            out[name] = codec.with_number(number.tied(tuple(ties), values[left]))
    return out


def _surprising(values: Floats, target: Floats, agree: int, n: int) -> bool:
    """Whether so many agreements are more than a coincidence of two columns with common values."""
    if agree < max(10, TIE_SHARE * n):
        return False
    points, count = np.unique(values, return_counts=True)
    others, other_count = np.unique(target[np.isfinite(target)], return_counts=True)
    common, i, j = np.intersect1d(points, others, return_indices=True)
    del common
    chance = float((count[i] * (other_count[j] / max(other_count.sum(), 1))).sum())
    return agree > TIE_SURPRISE * chance
