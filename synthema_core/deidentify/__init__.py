"""De-identify a table: fewer people can be told apart, and the loss is measured.

- `pipeline`: the one call, `deidentify`. `record`: what it returns.
- `direct`: identifiers and dates. `keyed`: pseudonyms and date shifts. `coding`: limits and tails.
- `hierarchy`: bands, prefixes, groups. `ladder`: a column on its levels.
- `search`: the cheapest levels that reach k. `suppress`: what is left below it.
- `loss`: what it costs. `release`: the schema of the result.

The result stays personal data wherever somebody holds the key or enough context: what is measured
is the size of the classes, not what an attacker may know beyond the declared columns.
"""

from .hierarchy import Bands as Bands
from .hierarchy import Cuts as Cuts
from .hierarchy import Groups as Groups
from .hierarchy import Prefix as Prefix
from .keyed import read_key as read_key
from .loss import Loss as Loss
from .loss import Marginal as Marginal
from .pipeline import deidentify as deidentify
from .record import Deidentified as Deidentified
from .record import Record as Record
from .record import Step as Step
