"""One figure, one file. Each takes arrays and returns an inline `<svg>`; none knows the audit."""

from .distance import distances as distances
from .marginal import bars as bars
from .marginal import histogram as histogram
from .pairs import MOST_LABELS as MOST_LABELS
from .pairs import difference_map as difference_map
from .roc import Roc as Roc
from .roc import roc as roc
from .survival import curves as curves
