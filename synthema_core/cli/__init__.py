"""The command line `synthema`: demo, schema, validate, fit, sample, audit, deidentify.

Each command reads files, calls one verb of the package, and writes whole files or none. Results go
to stdout, notes and errors to stderr. What is heavy is imported by the command that needs it, so
that `--help` is quick.

- `arguments`: the parser and its help.
- `commands`: one function per command.
- `deidentify`: the command of that name, its arguments and its options as text.
- `where`: conditions as text.
- `printing`: tables and notes for a person.
- `interrupt`: Ctrl-C that is not lost.
"""

import os
import sys
from collections.abc import Sequence

from ..errors import SynthemaError
from .arguments import BAD_INPUT, parser
from .interrupt import heard

DONE, INTERRUPTED = 0, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; those of the process if None.

    Returns:
        Exit code: 0 done, 1 violations found by `validate`, 2 bad input or usage, 130 interrupted.
    """
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed help or one line of usage
        return int(stop.code or 0)
    try:
        with heard():
            code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except SynthemaError as error:
        print(f"synthema: error: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of a pipe has gone, as in `synthema validate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except MemoryError:
        print("synthema: error: out of memory. Use fewer rows or columns.", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("\nsynthema: interrupted; no half-written file was left.", file=sys.stderr)
        return INTERRUPTED
