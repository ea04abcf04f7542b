"""Is a synthetic row a copy of somebody? With NumPy and the kernels alone; run it anywhere."""

import numpy as np

from synthema_kernels import Rows, nearest

rng = np.random.default_rng(0)

# A training table: age and blast share, scaled once to [0, 1]; sex and one of 30 centers as levels.
numeric = rng.random((1_000, 2))
codes = rng.integers(0, [2, 30], (1_000, 2))
numeric[rng.random(numeric.shape) < 0.1] = np.nan  # missing is NaN in numbers
codes[rng.random(codes.shape) < 0.1] = -1  # and -1 in codes
train = Rows(numeric=numeric, codes=codes)

# A "synthetic" table: 990 fresh rows and ten that were copied, missing values included.
synthetic = Rows(
    numeric=np.vstack([rng.random((990, 2)), numeric[:10]]),
    codes=np.vstack([rng.integers(0, [2, 30], (990, 2)), codes[:10]]),
)

index, distance = nearest(synthetic, train, k=2)
print("rows at distance exactly 0:", np.count_nonzero(distance[:, 0] == 0))
print("the last ten copy rows:", index[-10:, 0].tolist())
print("median distance to the closest row:", round(float(np.median(distance[:, 0])), 3))

# Neighbors within one table: a row is not its own neighbor.
within = nearest(train, train, k=1, exclude_self=True)
print("median distance within the training table:", round(float(np.median(within.distance)), 3))
