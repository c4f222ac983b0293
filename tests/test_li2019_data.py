"""The data law of Li, Wei, Ma (2019).

Statistical tests use |z| < 4.5 (two-sided false-alarm rate 7e-6 each under the normal approximation; there are 9 of
them, and the keys are fixed, so a failure after a change of code is news).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lrtheory.errors import ConfigError
from lrtheory.problems.li2019_data import POINT_LABELS, PatternLaw

Z = 4.5


pytestmark = pytest.mark.usefixtures("x64")


def z_score(sample: np.ndarray, mean: float) -> float:
    sample = np.asarray(sample, float)
    return (sample.mean() - mean) / (sample.std(ddof=1) / np.sqrt(sample.size))


def test_sizes_of_the_headline():
    law = PatternLaw()
    data = law.sample(jax.random.key(0))
    assert law.n == 816
    assert int(data.p_only.sum()) == 50
    assert int(data.q_only.sum()) == 204
    assert int((data.p_only | data.q_only | data.both).sum()) == law.n
    assert data.x1.shape == (816, 100)


def test_half_d_inputs_are_p_only_at_every_kappa():
    for kappa in (0.25, 0.5):
        law = PatternLaw(d=20, kappa=kappa)
        assert int(jax.jit(law.sample)(jax.random.key(1)).p_only.sum()) == 10


def test_independent_kinds_have_the_stated_probabilities():
    law = PatternLaw(d=500, kappa=0.3, presence="iid", q0=0.3)
    data = law.sample(jax.random.key(2))
    assert abs(z_score(data.p_only, 0.045)) < Z
    assert abs(z_score(data.q_only, 0.3)) < Z


def test_absent_blocks_are_zero():
    data = PatternLaw(d=20).sample(jax.random.key(3))
    assert not np.any(data.x1[~data.has_p])
    assert np.all(np.linalg.norm(data.x1[data.has_p], axis=1) > 0)
    assert np.all((data.alpha > 0) == data.has_q)
    assert np.all(np.asarray(data.point_weights).sum(1) == data.alpha)


def test_p_inputs():
    """Margin gamma0 + |N(0, 1/d)|, unit squared norm up to it, balanced labels; the other coordinates N(0, 1/d)."""
    d, gamma0 = 50, 0.07
    x, y = PatternLaw(d=d, gamma0=gamma0).sample_p(jax.random.key(4), 20000)
    margin = np.asarray(y * x[:, 0])
    assert margin.min() >= gamma0
    assert abs(z_score(margin, gamma0 + np.sqrt(2 / (np.pi * d)))) < Z
    assert abs(z_score(y, 0.0)) < Z
    assert abs(z_score(np.sum(np.square(x[:, 1:]), axis=1), (d - 1) / d)) < Z
    assert abs(z_score((y[:, None] * x[:, 1:]).mean(axis=1), 0.0)) < Z


def test_q_inputs():
    """The middle point is +, the ends are - and equally likely, alpha is uniform on [alpha_low, 1]."""
    law = PatternLaw(d=100, kappa=0.1, alpha_low=0.2, p_only_ratio=0.0)
    data = law.sample(jax.random.key(5))
    assert np.array_equal(np.asarray(POINT_LABELS)[data.point], data.y)
    assert abs(z_score(data.point[data.y < 0] == 0, 0.5)) < Z
    assert 0.2 <= data.alpha.min() and data.alpha.max() <= 1
    assert abs(z_score(data.alpha, law.mean_alpha)) < Z
    assert abs(z_score(np.square(data.alpha), (1 - 0.2**3) / (3 * 0.8))) < Z


def test_three_points_agree_with_the_long_way():
    """Inner products and angles of embedded inputs are those of the points, times alpha alpha'."""
    law = PatternLaw(d=30, r=0.05, s=7.0)
    data = law.sample(jax.random.key(6))
    x2 = np.asarray(law.embed_q(data))
    gram, log_cos = np.asarray(law.gram_q()), np.asarray(law.log_cos_q())
    i, j = np.ix_(data.point, data.point)
    np.testing.assert_allclose(x2 @ x2.T, np.outer(data.alpha, data.alpha) * gram[i, j], rtol=1e-12)
    has = np.asarray(data.has_q)
    unit = x2[has] / np.linalg.norm(x2[has], axis=1, keepdims=True)
    np.testing.assert_allclose(unit @ unit.T, np.exp(log_cos[i, j])[np.ix_(has, has)], rtol=1e-13)
    points = np.asarray(law.points())
    np.testing.assert_allclose(np.linalg.norm(points[2] - points[1]), law.r * law.s, rtol=1e-13)
    np.testing.assert_allclose(gram, points @ points.T, rtol=1e-13)


def test_small_angles_keep_their_digits():
    log_cos = np.asarray(PatternLaw(r=1e-7).log_cos_q())
    np.testing.assert_allclose(log_cos[0, 1], -0.5e-14, rtol=1e-12, atol=0)
    np.testing.assert_allclose(log_cos[0, 2], -2e-14, rtol=1e-12, atol=0)


def test_q_test_quantities_agree_with_sampling():
    law = PatternLaw(d=100, kappa=0.1, p_only_ratio=0.0, alpha_low=0.0)
    data = law.sample(jax.random.key(7))
    g = jnp.array([-1.5, 0.7, 0.4])
    margin = np.asarray(data.y * (data.point_weights @ g))
    assert abs(z_score(margin < 0, float(law.q_error(g)))) < Z
    assert abs(z_score(np.logaddexp(0, -margin), float(law.q_loss(g)))) < Z
    assert float(law.q_error(g)) == 0.25
    assert float(law.q_error(jnp.zeros(3))) == 0.5
    np.testing.assert_allclose(law.q_loss(jnp.zeros((2, 3))), np.log(2), rtol=1e-12)
    np.testing.assert_allclose(law.q_loss(40 * g), law.q_loss(40 * g, order=400), rtol=1e-6)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("d", 1),
        ("d", 0),
        ("kappa", 0.0),
        ("kappa", -0.3),
        ("kappa", 11.0),
        ("gamma0", -1.0),
        ("gamma0", float("nan")),
        ("q0", 1.5),
        ("q0", 0.95),
        ("p_only_ratio", 9.0),
        ("r", 0.0),
        ("s", -1.0),
        ("alpha_low", 1.1),
        ("presence", "exactly"),
    ],
)
def test_bad_numbers_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match="exact" if field == "presence" else "problem"):
        PatternLaw(**{field: value}).check()


def test_good_numbers_pass():
    PatternLaw().check()
    PatternLaw(gamma0=0.0, q0=0.0, p_only_ratio=0.0, alpha_low=1.0).check()


def test_numbers_are_swept_without_a_new_compile():
    traces = []

    @jax.jit
    def first_margin(law):
        traces.append(law)
        return (law.sample(jax.random.key(0)).x1[0, 0], law.q_loss(jnp.ones(3)))

    for gamma0, q0 in ((0.1, 0.2), (0.2, 0.3)):
        first_margin(PatternLaw(d=10, gamma0=gamma0, q0=q0, r=0.1 * q0))
    assert len(traces) == 1
