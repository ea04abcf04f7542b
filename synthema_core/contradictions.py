"""Rules that no row can meet together: found before anything is fitted or drawn.

Each column that a rule names becomes a few cells: the values that rules name and the rest, or the
bounds that rules name and the gaps between them. Missing is a cell where a rule speaks of missing;
elsewhere leaving a value out is no way to meet a rule. Rows of cells are then searched for one that
meets all rules: one at all, and one for each condition that some rule starts from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import RuleError
from .rules import Condition, DefinedIf, Excludes, Implies, Ordered, Range, Requires, Rule, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MISSING = None
OTHER = "other"  # a level that no rule names
MOST_STEPS = 100_000  # of one search; a rule set that takes more is not judged

Cell = tuple[str, Value] | None


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Rules that exclude each other.

    Attributes:
        rules: The fewest of them: without any one, the others can be met.
        given: What must hold for them to clash; nothing if no row at all meets them.
    """

    rules: tuple[Rule, ...]
    given: tuple[Condition, ...]

    def sentence(self) -> str:
        """Plain English: the rules, what they clash on, and the columns."""
        rules = "; ".join(f"({i}) {rule.sentence()}" for i, rule in enumerate(self.rules, 1))
        columns = dict.fromkeys(name for rule in self.rules for name in rule.columns())
        where = " and ".join(c.sentence() for c in self.given)
        start = f"no row in which {where} can meet" if where else "no row can meet"
        names = ", ".join(f"'{name}'" for name in columns)
        return f"{start}: {rules}. Columns: {names}."


def require_consistent(
    rules: Sequence[Rule],
    *,
    categories: Mapping[str, Sequence[Value]] | None = None,
    given: Sequence[Condition] = (),
) -> None:
    """Refuse rules, or conditions under them, that no row can meet.

    Raises:
        RuleError: It names the fewest rules that clash, and their columns.
    """
    found = contradiction(rules, categories=categories, given=given)
    if found is not None:
        remedy = "Loosen the condition, or correct" if given else "Correct"
        raise RuleError(f"rules: {found.sentence()} {remedy} one of them.")


def contradiction(
    rules: Sequence[Rule],
    *,
    categories: Mapping[str, Sequence[Value]] | None = None,
    given: Sequence[Condition] = (),
) -> Contradiction | None:
    """The first contradiction of a rule set, or None.

    Args:
        rules: The rules.
        categories: Levels of the columns that have any; those of the others are told from the
            rules.
        given: Conditions that must hold at once. Without any, every condition that a rule starts
            from is tried, alone.
    """
    whole = _Problem(rules, categories or {}, given)
    goals: list[tuple[Condition, ...]] = [tuple(given)]
    if not given:
        goals += dict.fromkeys(
            (rule.when,)
            for rule in rules
            if isinstance(rule, Implies | Requires | DefinedIf) and rule.when is not None
        )
    for goal in goals:
        if whole.possible(rules, goal):
            continue
        core = list(rules)
        for rule in rules:
            fewer = [other for other in core if other is not rule]
            if not whole.possible(fewer, goal):
                core = fewer
        # a start outside the range of its own column is idle, not a contradiction
        if core and (not goal or given or not all(isinstance(rule, Range) for rule in core)):
            return Contradiction(tuple(core), goal)
    return None


class _Problem:
    """Cells of every column, and the search."""

    def __init__(
        self,
        rules: Sequence[Rule],
        categories: Mapping[str, Sequence[Value]],
        given: Sequence[Condition],
    ) -> None:
        conditions = [*given, *(c for rule in rules for c in _conditions(rule))]
        ordered = {c for r in rules if isinstance(r, Ordered) for c in r.order}
        ranged = {r.column for r in rules if isinstance(r, Range)}
        bounded = {c.column for c in conditions if c.low is not None or c.high is not None}
        self.numbers = (ordered | ranged | bounded) - set(categories)
        absent = {c.column for c in conditions if c.missing is not None}
        absent |= {r.column for r in rules if isinstance(r, DefinedIf)}
        points = sorted(
            {x for c in conditions if c.column in self.numbers for x in _named(c)}
            | {x for r in rules if isinstance(r, Range) for x in (r.low, r.high) if x is not None}
        )
        self.place = {x: 2 * i + 1 for i, x in enumerate(points)}  # gaps between them are even
        self.cells: dict[str, list[Cell]] = {}
        columns = [*(n for r in rules for n in r.columns()), *(c.column for c in given)]
        for name in dict.fromkeys(columns):
            cells: list[Cell]
            if name in self.numbers:
                cells = [("at", i) for i in range(2 * len(points) + 1)]
            else:
                named = {v for c in conditions if c.column == name for v in c.is_in or ()}
                cells = [("is", v) for v in sorted(named, key=str)]
                if name not in categories or set(categories[name]) - named:
                    cells.append((OTHER, OTHER))
            self.cells[name] = [*cells, MISSING] if name in absent else cells

    def possible(self, rules: Sequence[Rule], goal: Sequence[Condition]) -> bool:
        """Whether some row of cells meets the rules and the goal; True too if that takes long."""
        if _circle(rules):
            return False
        names = list(
            dict.fromkeys([*(c.column for c in goal), *(n for r in rules for n in r.columns())])
        )
        # a rule is looked at as soon as the last of its columns has a cell
        due: list[list[Rule]] = [[] for _ in names]
        for rule in rules:
            due[max(names.index(n) for n in rule.columns())].append(rule)
        self.steps = 0
        row: dict[str, Cell] = {}

        def extend(at: int) -> bool:
            if at == len(names):
                return True
            for cell in self.cells[names[at]]:
                self.steps += 1
                if self.steps > MOST_STEPS:
                    return True
                row[names[at]] = cell
                wanted = all(self.holds(c, row) for c in goal if c.column == names[at])
                if wanted and not any(self.breaks(r, row) for r in due[at]) and extend(at + 1):
                    return True
            return False

        return extend(0)

    def holds(self, condition: Condition, row: Mapping[str, Cell]) -> bool:
        """As `Condition.expr`, on cells."""
        cell = row[condition.column]
        if condition.missing is not None:
            return (cell is MISSING) == condition.missing
        if cell is MISSING:
            return False
        if condition.is_in is not None:
            if condition.column in self.numbers:
                return cell[1] in {self.place[float(v)] for v in condition.is_in}
            return cell[0] != OTHER and cell[1] in condition.is_in
        return self.within(cell, condition.low, condition.high)

    def within(self, cell: Cell, low: float | None, high: float | None) -> bool:
        """Whether a known cell lies between two bounds."""
        at = int(cell[1]) if cell is not MISSING else 0
        above = low is None or at >= self.place[float(low)]
        return above and (high is None or at <= self.place[float(high)])

    def breaks(self, rule: Rule, row: Mapping[str, Cell]) -> bool:
        """As `Rule.violated`, on cells."""
        if isinstance(rule, Range):
            cell = row[rule.column]
            return cell is not MISSING and not self.within(cell, rule.low, rule.high)
        if isinstance(rule, Implies):
            known = rule.then.missing is not None or row[rule.then.column] is not MISSING
            return self.holds(rule.when, row) and known and not self.holds(rule.then, row)
        if isinstance(rule, Excludes):
            return all(self.holds(c, row) for c in rule.conditions)
        if isinstance(rule, Ordered):
            at = [int(c[1]) for n in rule.order if (c := row[n]) is not MISSING]
            pairs = [(a, b) for i, a in enumerate(at) for b in at[i + 1 :]]
            # two numbers of one gap can stand either way; of one point they are equal
            return any(a > b or (rule.strict and a == b and a % 2 == 1) for a, b in pairs)
        absent = row[rule.column] is MISSING
        if isinstance(rule, Requires):
            return absent and (rule.when is None or self.holds(rule.when, row))
        return not absent and not self.holds(rule.when, row)


def _conditions(rule: Rule) -> Iterable[Condition]:
    if isinstance(rule, Implies):
        return (rule.when, rule.then)
    if isinstance(rule, Excludes):
        return rule.conditions
    when = getattr(rule, "when", None)
    return () if when is None else (when,)


def _named(condition: Condition) -> list[float]:
    """Numbers that a condition names."""
    values = (*(condition.is_in or ()), condition.low, condition.high)
    return [float(v) for v in values if isinstance(v, int | float)]


def _circle(rules: Sequence[Rule]) -> bool:
    """Whether strict orders lead from a column back to itself."""
    edges = [
        (a, b, rule.strict)
        for rule in rules
        if isinstance(rule, Ordered)
        for a, b in zip(rule.order, rule.order[1:], strict=False)
    ]
    after = {(a, b): strict for a, b, strict in edges}
    for _ in edges:  # longer and longer paths; strict if any step is
        for (a, b), first in list(after.items()):
            for c, d, second in edges:
                if b == c and not after.get((a, d), False):
                    after[a, d] = first or second
    return any(a == b and strict for (a, b), strict in after.items())
