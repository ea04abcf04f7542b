"""How many people share a combination: k-anonymity and its kin, for any table.

The same counts for a real table, a synthetic one and a de-identified one. On a synthetic table they
say what its rows look like, not whether they betray somebody: that is the audit's question.

- `measure`: the one call, `anonymity`.
- `classes`: k, class sizes, rows below a wanted k.
- `diversity`: l-diversity. `closeness`: t-closeness.
- `population`: prosecutor, journalist and marketer risk, population uniques.
"""

from .classes import Classes as Classes
from .classes import class_index as class_index
from .closeness import Closeness as Closeness
from .diversity import Diversity as Diversity
from .measure import Anonymity as Anonymity
from .measure import anonymity as anonymity
from .measure import class_sizes as class_sizes
from .population import Attacker as Attacker
from .population import Risk as Risk
from .population import Uniques as Uniques
