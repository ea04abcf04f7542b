"""Small work stays on one thread; nobody's setting is changed or exceeded."""

import numba
import pytest

from synthema_kernels._threads import SHARE, threads_for


@pytest.mark.parametrize("allowed", [1, min(2, numba.config.NUMBA_NUM_THREADS)])
def test_threads_grow_with_the_work_up_to_those_allowed(allowed):
    before = numba.get_num_threads()
    numba.set_num_threads(allowed)
    try:
        with threads_for(0.9 * SHARE):
            assert numba.get_num_threads() == 1
        with threads_for(1e6 * SHARE):
            assert numba.get_num_threads() == allowed
        with pytest.raises(KeyError), threads_for(0.0):
            raise KeyError
        assert numba.get_num_threads() == allowed
    finally:
        numba.set_num_threads(before)
