"""Schemas: the kinds of the columns of a table, its endpoints and its rules.

- `types`: the frozen dataclasses, checked when made.
- `infer`: a table in, a schema out, with reasons and warnings; it asks `kinds` about each column,
  `endpoints` about times and their status, `structure` about what ties columns together.
- `file`: JSON and back; `schema.schema.json` is the published JSON Schema.
- `validate`: a schema and a table in, every violation out.
"""

from ..rules import Value as Value
from .types import Column as Column
from .types import Endpoint as Endpoint
from .types import Kind as Kind
from .types import Role as Role
from .types import Schema as Schema
from .validate import Validation as Validation
from .validate import Violation as Violation
