"""Training starts at a Gaussian copula: sparse means, marginal levels, no residual."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from synthema_kernels import flows  # noqa: E402
from synthema_kernels.flows import density, spline  # noqa: E402


def correlated(n=200):
    rng = np.random.default_rng(0)
    z = rng.multivariate_normal(np.zeros(3), np.eye(3) * 0.4 + 0.6, n).T
    codes = np.stack([z[0] > 0.3, rng.random(n) < 0.2]).astype(np.int32)
    present = np.ones_like(z, bool)
    present[2] = codes[1] == 0
    rows = flows.MixedRows(
        codes=jnp.asarray(codes),
        z=jnp.asarray(z),
        low=jnp.asarray(z - 0.005),
        high=jnp.asarray(z + 0.005),
        log_width=jnp.full(z.shape, np.log(0.01)),
        present=jnp.asarray(present),
    )
    return rows, flows.Layout(3, (2, 2), (-1, -1, 1))


def sparse_mean(x, y, penalty):
    """The definition, in units of each input: weak slopes are penalized more, turn by turn."""
    each = np.full(x.shape[1], penalty)
    for turn in range(5):
        fit = Ridge(alpha=1.0).fit(x / np.sqrt(each), y)
        if turn < 4:
            slope = fit.coef_ / np.sqrt(each)
            explained = slope**2 * x.var(0) / (0.2 * y.var() / len(y))
            shrunk = np.maximum(8.0 / (1.0 + explained), 0.002)
            each = penalty * shrunk
    return fit.predict(x / np.sqrt(each))


@pytest.mark.parametrize("family", ["numbers_first", "mixed"])
def test_means_are_sparse_regressions_on_what_is_earlier(family):
    rows, layout = correlated()
    position = flows.draw_order(layout, family, (-1, -1, -1), np.random.default_rng(1))
    member = flows.copula_member(
        rows, layout, position, hidden=8, ridge=2.0, rng=np.random.default_rng(2)
    )
    inputs = density.features(rows, layout)
    _, heads = density.conditionals(density.masked(member, layout), inputs, layout)
    source = position[layout.feature_variable]
    for j in range(3):
        here = np.asarray(rows.present[j])
        earlier = np.flatnonzero(source < position[j])
        mean = np.full(here.sum(), float(rows.z[j][here].mean()))
        if earlier.size:
            x = np.asarray(inputs)[earlier][:, here].T
            penalty = 2.0 * earlier.size * 0.5 + 1.0
            mean = sparse_mean(x, np.asarray(rows.z[j])[here], penalty)
        np.testing.assert_allclose(heads[0, j][here], mean, atol=1e-4)
        flat = np.broadcast_to(spline.identity_parameters()[:, None], heads[2:, j].shape)
        np.testing.assert_allclose(heads[2:, j], flat, atol=1e-6)


@pytest.mark.parametrize("family", ["numbers_first", "mixed"])
def test_levels_start_at_their_marginals_or_better(family):
    rows, layout = correlated()
    position = flows.draw_order(layout, family, (-1, -1, -1), np.random.default_rng(1))
    inputs = density.features(rows, layout)
    share = np.asarray(rows.codes).mean(1)
    loss = {}
    for ridge in (1.0, 1e9):
        member = flows.copula_member(
            rows, layout, position, hidden=8, ridge=ridge, rng=np.random.default_rng(2)
        )
        logits, _ = density.conditionals(density.masked(member, layout), inputs, layout)
        log_odds = np.asarray(logits[1::2] - logits[::2])
        loss[ridge] = np.logaddexp(0, np.where(rows.codes == 1, -log_odds, log_odds)).mean(1)
    np.testing.assert_allclose(
        log_odds.T, np.tile(np.log(share / (1 - share)), (200, 1)), atol=0.05
    )
    assert (loss[1.0] <= loss[1e9] + 1e-6).all()
    if position[3] > position[0]:  # the first level says whether the first number is high
        assert loss[1.0][0] < loss[1e9][0] - 0.1


def test_a_number_hardly_ever_present_starts_at_its_marginal():
    rows, layout = correlated()
    rare = rows.codes.at[1].set(1).at[1, :2].set(0)
    rows = flows.MixedRows(
        **{**vars(rows), "codes": rare, "present": rows.present.at[2].set(rare[1] == 0)}
    )
    member = flows.copula_member(
        rows,
        layout,
        np.arange(5, dtype=np.int32),
        hidden=8,
        ridge=1.0,
        rng=np.random.default_rng(0),
    )
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(member))
    assert float(member.b3[layout.width + 2, 0]) == 0.0


def test_a_strong_slope_is_left_alone():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((12, 300))
    z[-1] = 0.9 * z[0] + np.sqrt(1 - 0.81) * z[-1]
    rows = flows.MixedRows(
        codes=jnp.zeros((0, 300), jnp.int32),
        z=jnp.asarray(z),
        low=jnp.asarray(z - 0.005),
        high=jnp.asarray(z + 0.005),
        log_width=jnp.full(z.shape, np.log(0.01)),
        present=jnp.ones_like(z, bool),
    )
    layout = flows.Layout(12, (), (-1,) * 12)
    member = flows.copula_member(
        rows, layout, np.arange(12, dtype=np.int32), hidden=8, ridge=1.0, rng=rng
    )
    _, heads = density.conditionals(
        density.masked(member, layout), density.features(rows, layout), layout
    )
    mean = np.asarray(heads[0])
    assert np.corrcoef(mean[-1], z[0])[0, 1] > 0.97
    assert mean[-1].std() == pytest.approx(0.9, abs=0.12)
