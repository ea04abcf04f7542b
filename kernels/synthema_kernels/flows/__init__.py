"""Normalizing flows for mixed rows, in JAX: arrays in, arrays out.

- `rows`: what a flow sees of a table (`MixedRows`) and its variables (`Layout`).
- `spline`: the monotone map of a number's conditional.
- `density`: one autoregressive `Member` and the exact log-probability of rows under it.
- `start`: the member that is a Gaussian copula; `orders`: the orders members read in.
- `fit`: compiled training with early stopping; `progress`: where it stands, to go on from.
- `scores`: rows under members; `sample`: drawing rows.

Continuous rows have flows of their own, faster where columns are many and all numbers:

- `coupling` and `autoregressive`: bijections, layers of a network that conditions the spline.
- `continuous`: their density, samples and training, on one device or a mesh.

An ensemble is members that share `Layout` and `Structure`, stacked: every leaf has a leading member
axis, and every function here compiles once for all of them.
"""

from .autoregressive import Autoregressive as Autoregressive
from .continuous import ContinuousFit as ContinuousFit
from .continuous import ContinuousFlow as ContinuousFlow
from .continuous import Training as Training
from .continuous import fit_continuous as fit_continuous
from .coupling import Coupling as Coupling
from .density import Member as Member
from .density import Structure as Structure
from .density import log_prob as log_prob
from .fit import Fitted as Fitted
from .fit import Fold as Fold
from .fit import Pace as Pace
from .fit import Settings as Settings
from .fit import fit as fit
from .fit import stack as stack
from .orders import Family as Family
from .orders import draw as draw_order
from .progress import Progress as Progress
from .rows import FAR as FAR
from .rows import Layout as Layout
from .rows import MixedRows as MixedRows
from .sample import Allowed as Allowed
from .sample import Draw as Draw
from .sample import sample as sample
from .scores import log_probs as log_probs
from .start import copula_member as copula_member

__all__ = [
    "FAR",
    "Allowed",
    "Autoregressive",
    "ContinuousFit",
    "ContinuousFlow",
    "Coupling",
    "Draw",
    "Family",
    "Fitted",
    "Fold",
    "Layout",
    "Member",
    "MixedRows",
    "Pace",
    "Progress",
    "Settings",
    "Structure",
    "Training",
    "copula_member",
    "draw_order",
    "fit",
    "fit_continuous",
    "log_prob",
    "log_probs",
    "sample",
    "stack",
]
