"""Synthetic patients, and the audit that says whether they betray the real ones."""

from .audit import Audit as Audit
from .audit import audit as audit
from .audit import audit_model as audit_model
from .context import ReleaseContext as ReleaseContext
from .encoding import Encoder as Encoder
from .errors import SynthemaError as SynthemaError
from .schema import Schema as Schema
