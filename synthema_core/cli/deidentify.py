"""`synthema deidentify`: its arguments, its options as text, and what it prints."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, SynthemaError
from .printing import note, print_table

if TYPE_CHECKING:
    from ..anonymity import Anonymity
    from ..deidentify import Deidentified
    from ..deidentify.hierarchy import Hierarchy

KEY_VARIABLE = "SYNTHEMA_KEY"

TEXT = """\
Makes each combination of the quasi-identifiers common to at least k rows: drops identifiers and
free text, shifts dates, generalizes by the cheapest levels that do, suppresses what is left, puts
the rows in another order, and measures k on the result. Refuses where k cannot be reached within
the suppression allowed. The record says what was done and what it cost. What comes out is still
about patients: who knows more than the quasi-identifiers may know more.

The key for pseudonyms and date shifts comes from --key-file, or from the variable SYNTHEMA_KEY.
Columns of role quasi_identifier in the schema are generalized unless --quasi names others.

examples:
  synthema deidentify aml.parquet --schema S --k 5 -o out.parquet --record record.json
  synthema deidentify aml.parquet --schema S --k 5 -o out.csv --key-file key --pseudonym pid \\
      --patient pid
  synthema deidentify aml.parquet --schema S --k 11 -o out.parquet --bands age=5,10,20 \\
      --prefix diag_1=3,1 --limit age=18..85 --suppress cells --max-suppression 0.02
"""


def add(made: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    made.add_argument("data", metavar="DATA", help="table: .parquet, .csv, .arrow")
    made.add_argument("--schema", required=True, metavar="FILE", help="schema file (.json)")
    made.add_argument("--k", type=int, required=True, metavar="K", help="smallest class wanted")
    made.add_argument("-o", "--output", required=True, metavar="FILE", help="table to write")
    made.add_argument("--record", metavar="FILE", help="what was done and its cost (.json)")
    made.add_argument("--schema-out", metavar="FILE", help="schema of the result (.json)")
    for name, metavar, text in (
        ("--quasi", "COLUMN", "quasi-identifier, instead of those of the schema"),
        ("--pseudonym", "COLUMN", "identifier to keep under a keyed code"),
        ("--may-remove", "COLUMN", "quasi-identifier that may go missing as a whole"),
        ("--bands", "COLUMN=W,W", "widths of bands, each a multiple of the one before"),
        ("--prefix", "COLUMN=N,N", "characters of a code that stay, descending"),
        ("--groups", "COLUMN=FILE", "CSV: value, group at level 1, at level 2, ..."),
        ("--limit", "COLUMN=L..H", "code values beyond L or H as L or H"),
    ):
        made.add_argument(
            name, action="append", default=[], metavar=metavar, help=f"{text}; may be repeated"
        )
    made.add_argument("--patient", metavar="COLUMN", help="whose row it is: k counts patients")
    made.add_argument("--key-file", metavar="FILE", help="key, at least 16 bytes")
    made.add_argument(
        "--shift-days",
        type=int,
        default=365,
        metavar="D",
        help="most days by which dates move; 0 leaves them (default: 365)",
    )
    made.add_argument(
        "--tails",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="code this share of both tails of numeric quasi-identifiers",
    )
    made.add_argument(
        "--suppress",
        choices=("rows", "cells"),
        default="rows",
        help="what is suppressed below k (default: rows)",
    )
    made.add_argument(
        "--max-suppression",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="rows that may be suppressed (default: 0.05)",
    )
    made.add_argument(
        "--sampling-fraction",
        type=float,
        metavar="SHARE",
        help="share of the population in the table, for the risks",
    )
    made.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the order of rows (default: 0)"
    )


def run(arguments: argparse.Namespace) -> int:
    """De-identify a table, write it and its record, print what it cost."""
    from ..deidentify import deidentify
    from ..schema import Schema
    from ..tables import SUFFIXES, read, write

    _check_outputs(arguments, SUFFIXES)
    schema = Schema.read(arguments.schema)
    found = deidentify(
        read(arguments.data),
        schema,
        k=arguments.k,
        seed=arguments.seed,
        key=_key(arguments.key_file),
        quasi_identifiers=arguments.quasi or None,
        pseudonyms=arguments.pseudonym,
        patient=arguments.patient,
        shift_days=arguments.shift_days,
        limits=dict(_pair(text, "--limit", _bounds) for text in arguments.limit),
        tails=arguments.tails,
        hierarchies=_hierarchies(arguments),
        may_remove=arguments.may_remove,
        suppress=arguments.suppress,
        max_suppression=arguments.max_suppression,
        sampling_fraction=arguments.sampling_fraction,
    )
    write(found.table, arguments.output)
    if arguments.record:
        found.record.write_json(arguments.record)
    if arguments.schema_out:
        found.schema.write(arguments.schema_out)
    _print(found)
    for path in (arguments.output, arguments.record, arguments.schema_out):
        if path:
            print(f"wrote {path}")
    return 0


def _key(path: str | None) -> bytes | None:
    import os

    from ..deidentify import read_key

    if path:
        return read_key(path=path)
    return read_key(variable=KEY_VARIABLE) if KEY_VARIABLE in os.environ else None


def _hierarchies(arguments: argparse.Namespace) -> "dict[str, Hierarchy]":
    from ..deidentify import Bands, Prefix

    out: dict[str, Hierarchy] = {}
    for option, texts, read in (
        ("--bands", arguments.bands, lambda text: Bands(_numbers(text))),
        ("--prefix", arguments.prefix, lambda text: Prefix(tuple(map(int, _numbers(text))))),
        ("--groups", arguments.groups, _groups),
    ):
        for text in texts:
            name, hierarchy = _pair(text, option, read)
            if name in out:
                raise SynthemaError(f"{option}: column '{name}' has a hierarchy. Give one.")
            out[name] = hierarchy
    return out


def _pair(text: str, option: str, read: Callable[[str], Any]) -> tuple[str, Any]:
    """COLUMN=VALUE; the last equals sign divides, as a column's name may hold one."""
    name, _, value = text.rpartition("=")
    try:
        if name and value:
            return name, read(value)
    except SynthemaError as error:
        raise SynthemaError(f"{option} {name}: {error}") from None
    except ValueError:
        pass
    raise SynthemaError(f"{option} {text}: not of the form that --help shows. Correct it.")


def _numbers(text: str) -> tuple[float, ...]:
    numbers = tuple(float(part) for part in text.split(","))
    if not all(map(math.isfinite, numbers)):
        raise ValueError
    return numbers


def _bounds(text: str) -> tuple[float | None, float | None]:
    low, dots, high = text.partition("..")
    if not dots:
        raise ValueError
    return (_numbers(low)[0] if low else None, _numbers(high)[0] if high else None)


def _groups(path: str) -> "Hierarchy":
    """A CSV without header: value, then its group at each level."""
    import csv

    from ..deidentify import Groups

    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError):
        raise SynthemaError(f"{path}: cannot be read as UTF-8 text. Check the path.") from None
    if not rows or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        raise SynthemaError(
            f"{path}: expected lines of one length: value, group at level 1, at level 2, ..."
        )
    return Groups(tuple({row[0]: row[j] for row in rows} for j in range(1, len(rows[0]))))


def _check_outputs(arguments: argparse.Namespace, suffixes: Sequence[str]) -> None:
    """Refuse what cannot be written, or would fall on an input, before the work."""
    outputs = (
        (arguments.output, tuple(suffixes)),
        (arguments.record, (".json",)),
        (arguments.schema_out, (".json",)),
    )
    taken = {Path(p).resolve() for p in (arguments.data, arguments.schema, arguments.key_file) if p}
    for path, allowed in outputs:
        if path is None:
            continue
        target = Path(path)
        if target.suffix.lower() not in allowed:
            raise OutputError(
                f"{path}: expected a file that ends in {', '.join(allowed)}. Rename the output."
            )
        if not target.resolve().parent.is_dir():
            raise OutputError(f"{path}: no such folder. Create it first.")
        if target.resolve() in taken:
            raise OutputError(f"{path}: is an input or another output. Name another file.")
        taken.add(target.resolve())


def _print(found: "Deidentified") -> None:
    record = found.record
    print_table(
        ("column", "cells", "done"),
        [(s.column or "(rows)", f"{s.cells:,}", f"{s.action}: {s.detail}") for s in record.steps],
    )
    print()
    print_table(
        ("measure", "before", "after"),
        [
            (a, b, c)
            for (a, b), (_, c) in zip(_figures(record.before), _figures(record.after), strict=True)
        ],
    )
    cost = record.loss
    print(
        f"\nloss: {cost.suppressed_rows.value:.2%} of rows dropped, "
        f"{cost.suppressed_cells.value:.2%} of quasi-identifying cells blanked, certainty penalty "
        f"{cost.penalty:.3f}, discernibility {cost.discernibility:.4f}"
    )
    note(record.note)


def _figures(found: "Anonymity") -> list[tuple[str, str]]:
    """What is asked first of a table's classes."""
    from ..intervals import NotMeasured

    classes, risk = found.classes, found.risk
    out = [
        ("rows", f"{found.n:,}"),
        (f"k ({classes.unit})", f"{classes.k:,}"),
        (f"rows in classes below {classes.wanted}", f"{classes.n_below:,}"),
        ("rows alone in their class", f"{classes.n_unique:,}"),
        ("prosecutor risk, maximum", f"{risk.prosecutor.maximum:.3f}"),
        ("prosecutor risk, average", f"{risk.prosecutor.average.value:.3f}"),
    ]
    if not isinstance(risk.marketer, NotMeasured):
        out.append(("marketer risk", f"{risk.marketer.value:.4f}"))
    if not isinstance(found.diversity, NotMeasured):
        out += [(f"l, distinct: {d.secret}", f"{d.distinct}") for d in found.diversity]
    if not isinstance(found.closeness, NotMeasured):
        out += [(f"t: {c.secret}", f"{c.t:.3f}") for c in found.closeness]
    return out
