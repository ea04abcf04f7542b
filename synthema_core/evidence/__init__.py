"""The evidence of an audit: what an adversary gains, attack by attack, and who is exposed.

Every attack has a control group of people never seen. What cannot be measured says why.

- `roles`: which columns an adversary knows, which he wants, which one names patients.
- `material`: the arrays that all attacks read, prepared once.
- `gather`: one call that runs them.
- `exposure`: the people and the subgroups behind the means.
- `result`: what is found. `cost`: what it takes, before it starts.
"""

from .belonging import Belonging as Belonging
from .cost import Cost as Cost
from .cost import cost as cost
from .gather import NO_HOLDOUT as NO_HOLDOUT
from .gather import Asked as Asked
from .gather import Closest as Closest
from .gather import Options as Options
from .gather import gather as gather
from .gather import judge as judge
from .identity import Identity as Identity
from .material import Material as Material
from .material import closest_of as closest_of
from .material import material as material
from .material import persons as persons
from .result import LEVELS as LEVELS
from .result import Evidence as Evidence
from .result import Level as Level
from .result import Scope as Scope
from .roles import Roles as Roles
from .roles import roles as roles
from .weights import Weights as Weights
from .weights import weights as weights
