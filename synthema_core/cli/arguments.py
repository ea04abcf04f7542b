"""Arguments of every command, and the help that explains them."""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from . import commands, deidentify

BAD_INPUT = 2

ABOUT = """\
Make synthetic patients, and measure whether they betray the real ones.

Tables are Parquet, CSV or Arrow files, by suffix. Nothing leaves this machine,
but for `audit --scheduler`, which sends rows to the cluster you name.
"""
AFTER = """\
the usual path:
  synthema schema   all.parquet -o aml.schema.json      then read it, and correct it by hand
  synthema validate all.parquet --schema aml.schema.json
  synthema fit      train.parquet --schema aml.schema.json -o aml.synthema --seed 0
  synthema sample   aml.synthema -n 1540 -o synthetic.parquet --seed 1
  synthema audit    --train train.parquet --synthetic synthetic.parquet \\
                    --holdout holdout.parquet --schema aml.schema.json -o audit.html

no data at hand?
  synthema demo                                         all of it on simulated patients

exit codes:
  0  done
  1  validate found rows that break the schema
  2  wrong usage, or input that cannot be used; one line on stderr says why
  130  interrupted by Ctrl-C; no half-written file is left

`synthema COMMAND --help` explains one command.
"""
DEMO = """\
Simulates adults with acute myeloid leukemia from published rates (none is a patient), fits a flow
to one half, samples as many synthetic patients, and audits them with the other half as controls.
Everything is written to one folder; the last line printed is the path of the report.

examples:
  synthema demo
  synthema demo -o /tmp/demo --seed 1
  synthema demo -n 400 --members 1 --steps 200          quick, and worse
"""
SCHEMA = """\
Decides for each column of a table what kind of quantity it is, says why, and proposes endpoints and
rules. Read the result before you trust it: a schema is a text file, meant to be corrected by hand.

examples:
  synthema schema aml.parquet                           print only
  synthema schema aml.parquet -o aml.schema.json
  synthema schema aml.csv --drop pid --drop remarks -o aml.schema.json
"""
VALIDATE = """\
Lists everything in a table that contradicts its schema: columns, types, categories, rules. Prints
columns, rules and counts, never a patient's value. Ends with 0 if nothing was found, else with 1.

examples:
  synthema validate aml.parquet --schema aml.schema.json
  synthema validate synthetic.csv --schema aml.schema.json && echo good
"""
FIT = """\
Trains a generator on a table of patients: an ensemble of normalizing flows on mixed columns. Needs
the flows extra: pip install 'synthema-core[flows]'. The model file is made from patients: guard it
as you guard the table.

examples:
  synthema fit train.parquet --schema aml.schema.json -o aml.synthema
  synthema fit train.parquet --schema aml.schema.json -o aml.synthema --seed 7
  synthema fit train.parquet --schema aml.schema.json -o aml.synthema --checkpoint aml.part
"""
SAMPLE = """\
Draws synthetic patients from a model file. None of them breaks a rule of the schema. Conditions
hold for every row; a column named more than once may have any of the values.

examples:
  synthema sample aml.synthema -n 1540 -o synthetic.parquet
  synthema sample aml.synthema -n 200 -o adverse.csv --where eln_risk=adverse --seed 1
  synthema sample aml.synthema -n 200 -o old.csv --where age=60..75 --where sex=F
  synthema sample aml.synthema -n 200 -o high.csv --where wbc=100..
  synthema sample aml.synthema -n 1000000 -o many.parquet --memory 1GiB
"""
AUDIT = """\
Measures a synthetic table: does it betray who was in the training table (evidence, against people
the generator never saw), is it close to real patients (fidelity), can its rows exist (validity)?
Without --holdout, what needs controls is reported as not measured, never as safe. It measures and
passes no verdict: the exit code is 0 whatever it finds.

The attacks: membership, linkability, inference of every secret; who is exposed; what the figures
say against a claimed epsilon. What an adversary knows and wants is taken from the roles in the
schema, or from --quasi and --secret. --context names a JSON file with what people declare about the
release: purpose, recipients, access, adversary, auxiliary, controls, review, epsilon, delta,
population_rows, threshold.

A synthetic table in Parquet may be larger than memory, and a folder or a quoted pattern of shards:
it is read part by part. With --memory, what will be needed is printed before the work starts, and
what cannot fit is refused. With --scheduler the workers of a Dask cluster read it, each some parts:
the same numbers. That needs the distributed extra, and one path under which all workers see the
files.

examples:
  synthema audit --train train.parquet --synthetic synthetic.parquet \\
      --holdout holdout.parquet --schema aml.schema.json -o audit.html --json audit.json
  synthema audit --train train.parquet --synthetic shards --holdout holdout.parquet \\
      --schema aml.schema.json --memory 4GiB --json audit.json
  synthema audit --train train.parquet --synthetic shards --holdout holdout.parquet \\
      --schema aml.schema.json --scheduler tcp://127.0.0.1:8786 -o audit.html
  synthema audit --train train.parquet --synthetic synthetic.parquet --holdout holdout.parquet \
      --schema aml.schema.json --evidence full --quasi age --quasi sex --secret mut_TP53 \
      --context release.json -o audit.html
"""


class _Parser(argparse.ArgumentParser):
    """Usage errors in the same one line as every other error."""

    def error(self, message: str) -> NoReturn:
        print(f"synthema: error: {message}. See `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(BAD_INPUT)


class _Version(argparse.Action):
    """Look the version up only when asked: an unpacked, uninstalled wheel has none."""

    def __call__(self, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"synthema {version('synthema-core')}")
        raise SystemExit(0)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; each command's function is its default `run`."""
    top = _Parser(
        prog="synthema",
        description=ABOUT,
        epilog=AFTER,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    each = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _demo(_command(each, "demo", commands.demo, "the main job on simulated patients", DEMO))
    _schema(_command(each, "schema", commands.schema, "infer what the columns mean", SCHEMA))
    _validate(
        _command(each, "validate", commands.validate, "list what breaks which rule", VALIDATE)
    )
    _fit(_command(each, "fit", commands.fit, "train a generator", FIT))
    _sample(_command(each, "sample", commands.sample, "draw synthetic patients", SAMPLE))
    _audit(_command(each, "audit", commands.audit, "measure privacy and fidelity", AUDIT))
    deidentify.add(
        _command(
            each, "deidentify", deidentify.run, "generalize, suppress, measure", deidentify.TEXT
        )
    )
    return top


def _command(
    each: Any, name: str, run: Callable[[argparse.Namespace], int], short: str, text: str
) -> argparse.ArgumentParser:
    """One command; its text is a description, then examples."""
    about, _, examples = text.partition("examples:")
    made: argparse.ArgumentParser = each.add_parser(
        name,
        help=short,
        description=about.strip(),
        epilog="examples:" + examples.rstrip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=run)
    return made


def _demo(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "-o", "--output", metavar="DIR", default="demo", help="folder to fill (default: demo)"
    )
    made.add_argument(
        "-n",
        "--rows",
        type=_count(200),
        default=2000,
        metavar="N",
        help="simulated patients; half train, half hold out (default: 2000)",
    )
    _seed(made)
    _training(made)


def _schema(made: argparse.ArgumentParser) -> None:
    made.add_argument("data", metavar="DATA", help="table: .parquet, .csv, .arrow")
    made.add_argument("-o", "--output", metavar="FILE", help="schema file to write (.json)")
    made.add_argument("--name", default="", help="name of the schema (default: that of the file)")
    made.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave this column out; may be repeated",
    )


def _validate(made: argparse.ArgumentParser) -> None:
    made.add_argument("data", metavar="DATA", help="table: .parquet, .csv, .arrow")
    made.add_argument("--schema", required=True, metavar="FILE", help="schema file (.json)")


def _fit(made: argparse.ArgumentParser) -> None:
    made.add_argument("data", metavar="DATA", help="training table: .parquet, .csv, .arrow")
    made.add_argument("--schema", required=True, metavar="FILE", help="schema file (.json)")
    made.add_argument("-o", "--output", required=True, metavar="FILE", help="model file to write")
    made.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="say where training stands, and go on from there if interrupted; removed at the end",
    )
    _seed(made)
    _training(made)


def _sample(made: argparse.ArgumentParser) -> None:
    made.add_argument("model", metavar="MODEL", help="model file that `synthema fit` wrote")
    made.add_argument(
        "-n", "--rows", type=_count(1), required=True, metavar="N", help="rows to draw"
    )
    made.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="table to write: .parquet, .csv, .arrow",
    )
    made.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="COLUMN=VALUE or COLUMN=LOW..HIGH; may be repeated",
    )
    made.add_argument(
        "--memory",
        metavar="SIZE",
        help="write row group by row group (.parquet) and hold at most so much, as 1GiB",
    )
    _seed(made)


def _audit(made: argparse.ArgumentParser) -> None:
    made.add_argument("--train", required=True, metavar="FILE", help="what the generator saw")
    made.add_argument(
        "--synthetic",
        required=True,
        metavar="PATH",
        help="what it made: a file, or a folder or pattern of Parquet files",
    )
    made.add_argument("--holdout", metavar="FILE", help="real people it never saw: the controls")
    made.add_argument("--schema", required=True, metavar="FILE", help="schema file (.json)")
    made.add_argument("-o", "--output", metavar="FILE", help="report to write (.html)")
    made.add_argument("--json", metavar="FILE", help="every number, to write (.json)")
    made.add_argument(
        "--evidence",
        choices=("none", "quick", "full"),
        default="quick",
        help="attacks: only membership by distance, those that train no model, or all "
        "(default: quick)",
    )
    for name, text in (
        ("--quasi", "what an adversary knows, instead of the schema's quasi-identifiers"),
        ("--secret", "what he wants, instead of the schema's secrets"),
    ):
        made.add_argument(
            name, action="append", default=[], metavar="COLUMN", help=f"{text}; may be repeated"
        )
    made.add_argument(
        "--patient", metavar="COLUMN", help="whose row it is: patients are attacked, not rows"
    )
    made.add_argument(
        "--context", metavar="FILE", help="who gets the table, who may attack (.json)"
    )
    made.add_argument(
        "--model", metavar="FILE", help="model file that drew the table: its weights on trial, too"
    )
    made.add_argument(
        "--linked",
        action="store_true",
        help="row i of the synthetic table is the avatar of row i of the training table",
    )
    made.add_argument("--memory", metavar="SIZE", help="most to hold at once, as 4GiB or 512MiB")
    made.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask cluster to work on, as tcp://127.0.0.1:8786"
    )
    _seed(made)


def _seed(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--seed",
        type=_count(0),
        default=0,
        metavar="S",
        help="of all randomness: same seed, same result (default: 0)",
    )


def _training(made: argparse.ArgumentParser) -> None:
    made.add_argument("--members", type=_count(1), metavar="M", help="networks in the ensemble")
    made.add_argument("--steps", type=_count(1), metavar="S", help="most training steps of each")


def _count(low: int) -> Callable[[str], int]:
    """A whole number from `low` to 2^31 - 1."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) < 2**31):
            raise argparse.ArgumentTypeError(
                f"expected a whole number from {low:,} on, below 2^31, got '{text}'"
            )
        return int(text)

    return read
