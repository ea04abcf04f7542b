"""Rows of a synthetic table that cannot exist."""

from collections.abc import Mapping
from dataclasses import dataclass

from .schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A rule, and how many synthetic rows break it."""

    column: str
    rule: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Synthetic rows that the schema says cannot exist.

    Attributes:
        n_rows: Synthetic rows.
        n_violating_rows: Rows that break at least one rule.
        by_rule: The rules broken, most often broken first.
        source: Definition.
    """

    n_rows: int
    n_violating_rows: int
    by_rule: tuple[BrokenRule, ...]
    source: str


def validity(
    broken: Mapping[tuple[str, str], int], *, n_rows: int, violating: int, schema: Schema
) -> Validity:
    """The rules by how often they are broken, then in the schema's order.

    Args:
        broken: Rows by column and sentence of the rule.
        n_rows: Rows of the table.
        violating: Rows that break at least one.
        schema: Whose rules they are.
    """
    place = {name: i for i, name in enumerate(schema.names)}
    rules = {
        (", ".join(dict.fromkeys(rule.columns())), rule.sentence()): len(place) + i
        for i, rule in enumerate(schema.all_rules)
    }

    def order(one: BrokenRule) -> tuple[int, int]:
        return -one.count, rules.get((one.column, one.rule), place.get(one.column, -1))

    found = [BrokenRule(column=c, rule=r, count=n) for (c, r), n in broken.items()]
    return Validity(
        n_rows=n_rows,
        n_violating_rows=violating,
        by_rule=tuple(sorted(found, key=order)),
        source="Schema.validate: kinds, categories and rules of the schema.",
    )
