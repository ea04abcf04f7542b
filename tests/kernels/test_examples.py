"""What the documentation shows runs, from anywhere, with NumPy alone."""

import doctest
import os
import subprocess
import sys
from pathlib import Path

from synthema_kernels import neighbors

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "neighbors_numpy.py"


def test_the_docstring_example():
    outcome = doctest.testmod(neighbors)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_the_numpy_example_runs_from_another_directory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "0"},
    )
    assert "rows at distance exactly 0: 10" in done.stdout
