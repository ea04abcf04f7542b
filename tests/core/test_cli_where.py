"""`--where`: from text to values of the column's own type."""

import pytest

from synthema_core.cli.where import conditions
from synthema_core.errors import SynthemaError
from synthema_core.generate import cohort


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("eln_risk", "expected COLUMN=VALUE"),
        ("eln_risk=", "expected COLUMN=VALUE"),
        ("age=..", "expected COLUMN=VALUE"),
        ("eln_risk=worst", "Use one of favorable, intermediate, adverse"),
        ("age=old", "expected a number"),
        ("age=nan", "expected a number"),
        ("age=60..x", "expected a number"),
        ("height=180", "'height' is not in the schema"),
    ],
)
def test_bad_conditions_say_what_was_expected(text, says):
    with pytest.raises(SynthemaError, match=says):
        conditions([text], cohort.schema())


def test_conditions_have_the_types_of_their_columns():
    texts = ["sex=F", "ecog=1", "ecog=2", "age=60..75", "wbc=100..", "hb=..7.5", "mut_NPM1=1"]
    assert conditions(texts, cohort.schema()) == {
        "sex": ["F"],
        "ecog": [1, 2],
        "age": (60, 75),
        "wbc": (100, None),
        "hb": (None, 7.5),
        "mut_NPM1": [1],
    }
    with pytest.raises(SynthemaError, match="has a range"):
        conditions(["age=60..75", "age=30"], cohort.schema())
