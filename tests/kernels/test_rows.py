"""Rows accepts what its contract says and names what it refuses."""

import pickle

import numpy as np
import pytest

from synthema_kernels import Rows, nearest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_become_float64(dtype):
    rows = Rows(numeric=np.array([[0.1, np.nan]], dtype))
    assert rows.numeric.dtype == np.float64
    assert rows.numeric[0, 0] == np.float64(dtype(0.1))
    assert rows.codes.shape == (1, 0)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64])
def test_codes_of_any_integer_type_become_int32(dtype):
    rows = Rows(codes=np.array([[0, 7]], dtype))
    assert rows.codes.dtype == np.int32
    assert rows.codes.tolist() == [[0, 7]]
    assert rows.numeric.shape == (1, 0)


def test_rows_are_read_only_and_leave_the_argument_alone():
    numeric = np.zeros((2, 1))
    rows = Rows(numeric=numeric)
    with pytest.raises(ValueError, match="read-only"):
        rows.numeric[0, 0] = 1.0
    numeric[0, 0] = 1.0
    assert len(rows) == 2


def test_rows_survive_a_pickle():
    rows = pickle.loads(pickle.dumps(Rows(numeric=np.array([[0.5]]), codes=np.array([[3]]))))
    assert not rows.numeric.flags.writeable
    assert nearest(rows, rows, k=1).distance.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("arrays", "error", "sentence"),
    [
        ({}, TypeError, "Rows: expected numeric, codes or both, got neither"),
        ({"numeric": np.zeros(3)}, ValueError, r"numeric: expected shape \(rows, columns\), got 1"),
        ({"codes": np.zeros((1, 1, 1), int)}, ValueError, "codes: expected shape .* got 3 axes"),
        (
            {"numeric": np.zeros((2, 1), int)},
            TypeError,
            "numeric: expected float32 or float64, got",
        ),
        ({"numeric": [["a"]]}, TypeError, "numeric: expected float32 or float64, got <U1"),
        ({"codes": np.zeros((2, 1))}, TypeError, "codes: expected integers, got float64"),
        ({"codes": np.zeros((2, 1), bool)}, TypeError, "codes: expected integers, got bool"),
        ({"numeric": np.array([[np.inf]])}, ValueError, "numeric: .* got 1 infinite or larger"),
        ({"numeric": np.array([[-np.inf]], np.float32)}, ValueError, "numeric: .* got 1 infinite"),
        ({"numeric": np.array([[1e200, 0.0]])}, ValueError, "numeric: .* got 1 infinite or larger"),
        ({"codes": np.array([[-2, -1], [0, -3]])}, ValueError, "codes: .* got 2 outside"),
        ({"codes": np.array([[2**31]])}, ValueError, "codes: .* got 1 outside"),
        (
            {"numeric": np.zeros((2, 1)), "codes": np.zeros((3, 1), int)},
            ValueError,
            "codes: expected 2 rows as in numeric, got 3",
        ),
    ],
)
def test_what_breaks_the_contract_is_named(arrays, error, sentence):
    with pytest.raises(error, match=sentence):
        Rows(**arrays)
