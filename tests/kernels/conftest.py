"""Tables for the kernel tests: small, coarse and full of ties."""

import numpy as np
import pytest

from synthema_kernels import Rows


@pytest.fixture
def random_rows():
    """A seeded mixed table with missing values."""

    def make(n: int, *, p: int = 4, q: int = 3, seed: int = 0, missing: float = 0.1) -> Rows:
        rng = np.random.default_rng(seed)
        numeric, codes = rng.random((n, p)), rng.integers(0, 4, (n, q))
        numeric[rng.random(numeric.shape) < missing] = np.nan
        codes[rng.random(codes.shape) < missing] = -1
        return Rows(numeric=numeric, codes=codes)

    return make
