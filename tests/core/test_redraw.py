"""Draws that hardly ever meet rules and conditions: the stream ends and says why."""

import polars as pl
import pytest

from synthema_core.errors import RuleError
from synthema_core.generate.conditions import Wanted
from synthema_core.generate.redraw import Stream
from synthema_core.rules import Condition, Range


def draw(turn):
    return pl.DataFrame({"age": [30 + turn % 7] * 8000})


def test_a_stream_that_accepts_nothing_names_the_rule_that_refuses_most():
    stream = Stream(draw, [Range("age", low=50, high=90)], Wanted(()))
    with pytest.raises(RuleError, match=r"0 of 24000 draws .* 24000 broke the rule: .*age.*Loosen"):
        list(stream.take(5))
    assert stream.account().rate == 1.0


def test_a_stream_that_accepts_nothing_names_the_conditions():
    stream = Stream(draw, [], Wanted((Condition("age", low=500, high=600),)))
    with pytest.raises(RuleError, match=r"0 of 24000 draws .* 24000 did not meet: 'age' .*Loosen"):
        list(stream.take(5))
