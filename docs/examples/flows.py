"""Fit a density to continuous rows, score rows and draw new ones: arrays alone."""

import jax
import numpy as np

from synthema_kernels.flows import Autoregressive, Training, fit_continuous

rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, 2_000)
rows = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.1 * rng.standard_normal((2_000, 2))

training = Training(epochs=20, batch=128, rate=5e-3)
fit = fit_continuous(
    jax.random.key(0), rows, kind=Autoregressive, depth=3, hidden=32, training=training
)

on_the_ring, in_its_middle = fit.flow.log_prob(np.array([[1.0, 0.0], [0.0, 0.0]]))
new = fit.flow.sample(jax.random.key(1), 1_000)
