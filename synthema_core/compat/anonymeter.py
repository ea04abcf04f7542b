"""The evaluators that users of anonymeter 1.1 know, on the attacks of this package.

Change the import and nothing else:

    from synthema_core.compat.anonymeter import InferenceEvaluator

Frames may be pandas, Polars or anything Arrow. What differs, since it was wrong there, is listed in
the guide "Coming from anonymeter": missing fields, quotes, dates, negative numbers, small controls
and seeds among it. Every evaluator takes `seed`, 0 by default: the same call gives the same bits.
`attack` is the full result, with the sign of a risk below 0.
"""

from .inference import InferenceEvaluator as InferenceEvaluator
from .inference import InferencePredictor as InferencePredictor
from .linkability import LinkabilityEvaluator as LinkabilityEvaluator
from .results import EvaluationResults as EvaluationResults
from .results import PrivacyRisk as PrivacyRisk
from .results import SuccessRate as SuccessRate
from .singling_out import SinglingOutEvaluator as SinglingOutEvaluator
