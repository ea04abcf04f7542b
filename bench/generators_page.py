"""The tables of docs/generators.md: read, merged with new marks, written back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.exam.paper import mean_and_spread

PAGE = Path(__file__).parents[1] / "docs" / "generators.md"
START, END = "<!-- tables -->\n", "<!-- end of tables -->\n"
LABELS = {
    "fresh": "fresh patients (ceiling)",
    "copy": "training patients themselves",
    "flow": "FlowGenerator, ours",
    "flow_open": "the same, nothing kept back",
    "cart": "sequential CART",
    "arf": "ARF (arfpy)",
    "tvae": "TVAE (SDV)",
    "ctgan": "CTGAN (SDV)",
    "gaussian_copula": "Gaussian copula (SDV)",
    "tabularargn": "TabularARGN (mostlyai)",
    "tabddpm": "TabDDPM (synthcity)",
    "avatar": "avatar, k = 20, ours",
    "marginals": "independent marginals (floor)",
}
COLUMNS = {
    "c2st": "C2ST AUC",
    "c2st_sharp": "sharp",
    "shape": "shape",
    "pair": "pair",
    "tstr": "TSTR",
    "c_index": "C-index",
    "km": "KM",
    "km_strata": "strata",
    "ties": "ties",
    "broken": "broken",
    "coverage": "coverage",
    "dcr_share": "DCR",
    "verbatim": "verbatim",
    "membership": "membership",
    "tpr": "TPR",
    "draw_seconds": "seconds",
}
TITLES = ["splits", *COLUMNS.values()]
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The marks on one patient table: cells by column title, by label of the row.

    Attributes:
        facts: How many patients and columns.
        rows: By label; a column that a row lacks was not measured.
        notes: "LABEL, split N: why there is nothing".
    """

    facts: str = ""
    rows: Mapping[str, Row] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [_line(["", *TITLES]), "| --- |" + " ---: |" * len(TITLES)]
        for label, row in self.rows.items():
            lines.append(_line([label, *(row.get(title, "–") for title in TITLES)]))
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])

    def merged(self, new: Table) -> Table:
        """With the rows and notes of every generator that `new` speaks of in place of its own."""
        order = {label: place for place, label in enumerate(LABELS.values())}
        labels = sorted({**self.rows, **new.rows}, key=lambda label: order.get(label, len(order)))
        spoken = {*new.rows, *map(_subject, new.notes)}
        kept = [note for note in self.notes if _subject(note) not in spoken]
        rows = {**self.rows, **new.rows}
        return Table(new.facts, {label: rows[label] for label in labels}, [*kept, *new.notes])


def _line(cells: Iterable[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def _subject(note: str) -> str:
    return note.partition(", split ")[0]


def row_of(marks: Sequence[Mapping[str, Any]]) -> Row:
    """Means over splits; the standard deviation too of the two measures of the picture."""
    cells = {"splits": str(len(marks))}
    for measure, title in COLUMNS.items():
        pair = mean_and_spread(marks, measure)
        if pair is None:
            continue
        cells[title] = f"{pair[0]:.0f}" if measure == "draw_seconds" else f"{pair[0]:.3f}"
        if measure in ("c2st", "membership") and len(marks) > 1:
            cells[title] += f" ({pair[1]:.3f})"
    return cells


def number(cell: str) -> tuple[float, float] | None:
    """Mean and standard deviation (0 where there is none) in a cell; None if not measured."""
    if cell == "–":
        return None
    mean, _, spread = cell.partition(" (")
    return float(mean), float(spread.rstrip(")") or 0)


def read(page: str) -> dict[str, Table]:
    """The tables between the marks of the page, by heading."""
    body = page.partition(START)[2].partition(END)[0]
    tables = {}
    for section in body.split("### ")[1:]:
        name, facts, *lines = filter(None, section.splitlines())
        cells = [
            [cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[0] == "|"
        ]
        titles, _, *rows = cells
        tables[name] = Table(
            facts,
            {row[0]: dict(zip(titles[1:], row[1:], strict=True)) for row in rows},
            [line for line in lines if line[0] != "|"],
        )
    return tables


def written(page: str, new: Mapping[str, Table]) -> str:
    """The page with new tables merged into its own: what has no new marks stays."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the page lacks the line {START.strip()} or {END.strip()}: put it back")
    old = read(page)
    tables = old | {name: old.get(name, Table()).merged(table) for name, table in new.items()}
    body = "\n".join(f"### {name}\n\n{t.facts}\n\n{t}\n" for name, t in tables.items())
    return f"{before}{START}\n{body}\n{END}{after}"
