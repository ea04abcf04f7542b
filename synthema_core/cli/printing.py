"""What the commands print: tables on stdout, notes on stderr."""

import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..auditing import Audit
    from ..intervals import Estimate, NotMeasured
    from ..schema import Schema


def terminal() -> bool:
    """Progress bars are for a person who watches."""
    return sys.stderr.isatty()


def note(text: str) -> None:
    """Something to know that is no result."""
    print(f"synthema: note: {text}", file=sys.stderr)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and then how long it took."""
    print(f"{what} ...", flush=True)
    start = time.perf_counter()
    yield
    print(f"    {time.perf_counter() - start:.1f} s", flush=True)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; the last one is wrapped to the width of the terminal."""
    widths = [max(len(row[j]) for row in (head, *rows)) for j in range(len(head) - 1)]
    left = sum(widths) + 2 * len(widths)
    room = max(shutil.get_terminal_size((100, 24)).columns - left, 30)
    for row in (head, *rows):
        cells = "".join(cell.ljust(width + 2) for cell, width in zip(row, widths, strict=False))
        lines = textwrap.wrap(row[-1], room) or [""]
        for k, line in enumerate(lines):
            print(((cells if k == 0 else " " * left) + line).rstrip())


def print_schema(schema: "Schema") -> None:
    """Columns with the reason of each kind, endpoints, rules, and what a person should look at."""
    print_table(
        ("column", "kind", "why"),
        [(column.name, column.kind, column.reason) for column in schema.columns],
    )
    print()
    for endpoint in schema.endpoints:
        order = f", not after {endpoint.not_after}" if endpoint.not_after else ""
        print(f"endpoint {endpoint.name}: {endpoint.time} with {endpoint.status}{order}")
    for rule in schema.rules:
        print(f"rule: {rule.sentence()}")
    warnings = [(column.name, text) for column in schema.columns for text in column.warnings]
    print(f"{len(schema.columns)} columns, {len(warnings)} warnings")
    for name, text in warnings:
        print(textwrap.fill(f"look at {name}: {text}", 100, subsequent_indent="    "))


def print_audit(result: "Audit") -> None:
    """The figures that a person asks for first."""
    from ..intervals import NotMeasured

    member, detection = result.membership, result.detection
    auc = member if isinstance(member, NotMeasured) else member.auc
    told = detection if isinstance(detection, NotMeasured) else detection.auc
    rows = [
        _figure("membership AUC", auc, "0.5: the attack guesses; 1: it finds every patient"),
        _figure("C2ST AUC", told, "0.5: synthetic and real cannot be told apart"),
    ]
    rows[1:1] = _attacks(result)
    for gap in result.survival:
        name = gap.endpoint if gap.cause is None else f"{gap.endpoint}, cause {gap.cause}"
        rows.append(_figure(f"KM distance {name}", gap.distance, "0: equal survival curves"))
    validity = result.validity
    rows.append(
        ("violations", f"{validity.n_violating_rows:,}", "", f"of {validity.n_rows:,} rows")
    )
    print_table(("measure", "value", "95 % interval", "reading"), rows)
    for warning in result.warnings:
        print(textwrap.fill(f"note: {warning}", 100, subsequent_indent="    "))


def _attacks(result: "Audit") -> list[tuple[str, str, str, str]]:
    """The worst attack of each family, the bound on epsilon, and how many people stand out."""
    from ..intervals import NotMeasured

    found = result.evidence
    rows = []
    if not isinstance(found.membership, NotMeasured):
        judged = found.membership.verdict
        best = next(one for one in judged.attacks if one.name == judged.strongest)
        meaning = f"of {len(judged.attacks)} attacks: {best.name}; corrected p {judged.p_value:.3f}"
        rows.append(_figure("strongest AUC", best.auc, meaning))
    if not isinstance(result.model, NotMeasured) and not isinstance(
        result.model.membership, NotMeasured
    ):
        auc = result.model.membership.auc
        rows.append(_figure("model file AUC", auc, "0.5: its density tells nobody apart"))
    families = (found.singling_out, found.linkability, found.inference, found.reconstruction)
    for family in families:
        if isinstance(family, NotMeasured) or family.worst is None:
            continue
        worst = family.worst
        meaning = f"0: none; 1: all. Worst of {worst.tried}: {worst.target} ({worst.attacker})"
        rows.append(_figure(f"{worst.name} risk", worst.risk, meaning))
    if not isinstance(found.epsilon, NotMeasured):
        claim = found.epsilon.claimed
        said = "none was claimed" if claim is None else f"claimed: {claim:g}"
        bound = max(found.epsilon.by_guesses, found.epsilon.by_rates)
        rows.append(("epsilon, at least", f"{bound:.3f}", "", f"95 % lower bound; {said}"))
    if not isinstance(found.exposure, NotMeasured):
        first = found.exposure.worst[0]
        meaning = f"of {first.n:,}: more suspicious than all {first.n_controls:,} controls"
        rows.append(("people who stand out", f"{first.n_ahead:,}", "", meaning))
    return rows


def _figure(name: str, value: "Estimate | NotMeasured", meaning: str) -> tuple[str, str, str, str]:
    """One row of the table: what has no number says why."""
    from ..intervals import NotMeasured

    if isinstance(value, NotMeasured):
        return name, "not measured", "", value.reason
    if value.value is None:
        return name, "not measured", "", "too few rows"
    interval = ""
    if value.low is not None and value.high is not None:
        interval = f"{value.low:.3f} to {value.high:.3f}"
    return name, f"{value.value:.3f}", interval, meaning
