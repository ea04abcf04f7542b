"""Orders: permutations in which a number follows what decides it."""

import numpy as np
import pytest

pytest.importorskip("jax")

from synthema_kernels import flows

LAYOUT = flows.Layout(4, (2, 3, 2, 5, 2), (0, -1, 2, -1))
LEADS = (4, -1, 4, -1)  # numbers 0 and 2 share a status


@pytest.mark.parametrize("family", ["numbers_first", "mixed"])
@pytest.mark.parametrize("seed", range(20))
def test_a_number_follows_its_state_and_its_lead(family, seed):
    position = flows.draw_order(LAYOUT, family, LEADS, np.random.default_rng(seed))
    assert sorted(position) == list(range(9))
    for number, (state, lead) in enumerate(zip(LAYOUT.state, LEADS, strict=True)):
        if state >= 0:
            assert position[4 + state] == position[number] - 1
        if lead >= 0:
            assert position[4 + lead] < position[number]
    if family == "numbers_first":
        assert max(position[:4]) < min(position[[4 + 1, 4 + 3]])


def test_orders_differ_and_repeat():
    def order(seed):
        return flows.draw_order(LAYOUT, "mixed", LEADS, np.random.default_rng(seed)).tolist()

    assert order(3) == order(3)
    assert len({tuple(order(seed)) for seed in range(10)}) > 5


def test_a_number_is_present_where_its_state_and_its_status_say_so():
    plain = flows.Layout(2, (2, 3), (0, -1))
    of, admitted = plain.gates
    assert of.tolist() == [[0, -1], [-1, -1]]
    assert admitted.all()
    split = flows.Layout(2, (2, 3), (0, 0), (1, 1), ((0,), (1, 2)))
    of, admitted = split.gates
    assert of.tolist() == [[0, 1], [0, 1]]
    assert admitted.tolist() == [[True, False, False], [False, True, True]]
