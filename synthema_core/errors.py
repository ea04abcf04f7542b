"""Every error this package raises on purpose.

A message says where, what was expected, what came and what to do. It names columns and files, never
a patient's cell.
"""


class SynthemaError(ValueError):
    """Base of every error raised on purpose; catch this one to catch them all."""


class SchemaError(SynthemaError):
    """A schema contradicts itself, or a table contradicts its schema."""


class TableError(SynthemaError):
    """A table cannot be read or is not fit to be used."""


class RuleError(SynthemaError):
    """A rule cannot be stated, evaluated or satisfied."""


class ModelFileError(SynthemaError):
    """A model file is corrupt, foreign or of another version."""


class CheckpointError(SynthemaError):
    """A checkpoint is corrupt, foreign or of another fit."""


class MemoryBoundError(SynthemaError):
    """Something does not fit in the memory that was allowed; the message says what would."""


class OutputError(SynthemaError):
    """An output cannot be written; nothing was left behind."""


class MissingExtra(SynthemaError):
    """An optional dependency is not installed; the message is the command that installs it."""
