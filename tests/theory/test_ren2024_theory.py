"""Closed forms of the minima-manifold model against finite differences, brute force, plain loops of NumPy and sampling.

Statistical tests ask |z| < 4 of each cell: P(|z| > 4) = 6.3e-5 for one, so at most ``6.3e-5 x cells`` false alarms a
test, its cells stated. Seeds are fixed: a test that passes once passes always.
"""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.linalg import null_space, solve_discrete_lyapunov
from scipy.optimize import minimize_scalar

from lrtheory.theory import ren2024 as law
from lrtheory.theory import ren2024_manifold as manifold
from lrtheory.theory import ren2024_plateau as plateau
from lrtheory.theory import ren2024_risk as risk

GAMMAS = (0.0, 0.5, 1.0, 2.0)


class Draw:
    """A data set of the model, and a point of its manifold at a given b."""

    def __init__(self, n, d, seed=0, static=0.1):
        rng = np.random.default_rng(seed)
        self.n, self.d = n, d
        self.x = rng.standard_normal((n, d))
        star = rng.standard_normal(d)
        self.star = star / np.linalg.norm(star)
        self.y = self.x @ self.star + static * rng.standard_normal(n)
        self.kernel = null_space(self.x)
        self.foot = np.linalg.lstsq(self.x, self.y)[0]
        self.direction = self.kernel @ rng.standard_normal(d - n)
        self.direction /= np.linalg.norm(self.direction)
        self.m, self.trace, self.power = self.foot @ self.foot, (self.x**2).sum() / n, self.y @ self.y / n

    def at(self, b):
        return self.foot + np.sqrt(b) * self.direction

    def f(self, w, gamma):
        return np.linalg.norm(w, axis=-1)[..., None] ** gamma * (w @ self.x.T)

    def loss(self, w, gamma):
        return ((self.f(w, gamma) - self.y) ** 2).sum(-1) / (2 * self.n)

    def laplacian(self, w, gamma, h=1e-3):
        """Trace of the Hessian of the loss by central differences of order four in all d dimensions."""
        near, far = (np.r_[w + k * h * np.eye(self.d), w - k * h * np.eye(self.d)] for k in (1, 2))
        second = 16 * self.loss(near, gamma).sum() - self.loss(far, gamma).sum() - 30 * self.d * self.loss(w, gamma)
        return second / (12 * h**2)

    def hessian(self, w, gamma, h=2e-4):
        e = h * np.eye(self.d)
        total = sum(a * b * self.loss(w + a * e[:, None] + b * e[None, :], gamma) for a in (-1, 1) for b in (-1, 1))
        return total / (4 * h**2)

    def gradients(self, w, gamma, h=1e-5):
        """Gradients (n, d) of the outputs by central differences."""
        e = h * np.eye(self.d)
        return ((self.f(w + e, gamma) - self.f(w - e, gamma)) / (2 * h)).T


SMALL = Draw(4, 10)
MIDDLE = Draw(8, 24, seed=3, static=0.0)
P0 = Draw(20, 100)  # the law of the reference problem, not its draw


def sgd(data, w, gamma, rate, sigma, batch, steps, seed, observe=None, burn=0):
    """Label-noise SGD of many runs side by side, w (runs, d), literally in the weights."""
    rng = np.random.default_rng(seed)
    for k in range(steps):
        i = rng.integers(data.n, size=(len(w), batch))
        xb, r = data.x[i], np.linalg.norm(w, axis=1, keepdims=True)
        along = (xb @ w[:, :, None])[..., 0] / r
        residual = r ** (1 + gamma) * along - data.y[i] - sigma * rng.standard_normal(i.shape)
        step = (residual[:, None] @ xb)[:, 0] + gamma * (residual * along).sum(1, keepdims=True) * w / r
        w = w - rate / batch * r**gamma * step
        if observe is not None and k >= burn:
            observe(w)
    return w


def z_of(sample, expected):
    """Return z of the mean of independent runs."""
    return (sample.mean() - expected) / (sample.std(ddof=1) / np.sqrt(len(sample)))


@pytest.mark.parametrize("module", [law, manifold, plateau, risk])
def test_examples_of_the_docstrings_run(module):
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0


# --- coordinates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
def test_weights_and_predictors_are_a_bijection(gamma):
    w = np.random.default_rng(0).standard_normal((5, 7)) * np.logspace(-3, 3, 5)[:, None]
    alpha = manifold.predictor(w, gamma)
    np.testing.assert_allclose(manifold.weights(alpha, gamma), w, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(alpha, axis=1), np.linalg.norm(w, axis=1) ** (1 + gamma), rtol=1e-12)
    np.testing.assert_allclose(alpha @ SMALL.x.T[:7], np.linalg.norm(w, axis=1)[:, None] ** gamma * (w @ SMALL.x.T[:7]))
    assert np.all(manifold.weights(np.zeros(7), gamma) == 0) and np.all(manifold.predictor(np.zeros(7), gamma) == 0)


def test_projections_and_coordinates_by_brute_force():
    v = np.random.default_rng(1).standard_normal((3, P0.d))
    onto_kernel = P0.kernel @ P0.kernel.T
    np.testing.assert_allclose(manifold.kernel_part(v, P0.x), v @ onto_kernel, atol=1e-12)
    np.testing.assert_allclose(manifold.row_part(v, P0.x), v - v @ onto_kernel, atol=1e-12)
    np.testing.assert_allclose(manifold.min_norm(P0.x, P0.y), P0.foot, atol=1e-12)
    m, b, s = manifold.coordinates(P0.at(2.5), P0.x, P0.y)
    np.testing.assert_allclose([m, b, s], [P0.m, 2.5, P0.m + 2.5], rtol=1e-12)
    m, b, s = manifold.coordinates(v, P0.x, P0.y)
    assert b.shape == s.shape == (3,) and np.all(np.abs(s - m - b) > 0.1)  # off the manifold


@pytest.mark.parametrize("gamma", GAMMAS)
def test_minimum_norm_weights_are_those_of_the_minimum_norm_predictor(gamma):
    least = np.linalg.norm(manifold.weights(SMALL.foot, gamma))
    others = SMALL.foot + 0.3 * np.random.default_rng(2).standard_normal((50, SMALL.d - SMALL.n)) @ SMALL.kernel.T
    w = manifold.weights(others, gamma)
    np.testing.assert_allclose(SMALL.loss(w, gamma), 0, atol=1e-20)
    assert np.all(np.linalg.norm(w, axis=1) > least)


@pytest.mark.parametrize("kind", ["identity", "diagonal", "full"])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_landscapes_in_the_plane_are_those_of_all_dimensions(gamma, kind):
    """Loss and risk on a grid of both signs, against the model in all d dimensions; on the manifold the risk at b."""
    data, covariance = SMALL, covariances(SMALL.d)[kind]
    matrix = np.eye(data.d) if covariance is None else covariance if covariance.ndim == 2 else np.diag(covariance)
    axes = np.array([data.foot / np.sqrt(data.m), data.direction])
    a, rho = np.meshgrid(np.linspace(-1, 2, 4), np.linspace(-1.5, 1.5, 5))
    w = np.stack([a, rho], -1) @ axes
    loss = manifold.plane_loss(a, rho, data.m, data.power, gamma)
    np.testing.assert_allclose(loss, data.loss(w, gamma), rtol=1e-10)
    args = 0.5 * data.star @ matrix @ data.star, axes @ matrix @ data.star, axes @ matrix @ axes.T, gamma
    value = risk.plane_risk(a, rho, *args)
    np.testing.assert_allclose(value, risk.risk(manifold.predictor(w, gamma), data.star, covariance), rtol=1e-10)
    b = np.array([0.0, 0.3, 5.0])
    on = manifold.plane_point(b, data.m, gamma)
    np.testing.assert_allclose(manifold.plane_loss(*on, data.m, data.power, gamma), 0, atol=1e-24)
    expected = risk.manifold_risk(b, data.x, data.y, data.star, data.direction, covariance)
    np.testing.assert_allclose(risk.plane_risk(*on, *args), expected, rtol=1e-10)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_plane_point_is_the_point_of_the_manifold(gamma):
    b = np.array([0.0, 0.1, 4.0])
    a, rho = manifold.plane_point(b, SMALL.m, gamma)
    w = a[:, None] * SMALL.foot / np.sqrt(SMALL.m) + rho[:, None] * SMALL.direction
    np.testing.assert_allclose(SMALL.loss(w, gamma), 0, atol=1e-24)
    np.testing.assert_allclose(np.hypot(a, rho) ** gamma * a, np.sqrt(SMALL.m), rtol=1e-12)
    np.testing.assert_allclose(manifold.coordinates(manifold.predictor(w, gamma), SMALL.x, SMALL.y).b, b, atol=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_kernel_factor_is_exact_at_any_rate_and_keeps_the_direction(gamma):
    rng = np.random.default_rng(4)
    w, i = rng.standard_normal(SMALL.d), rng.integers(SMALL.n, size=3)
    for rate in (1e-3, 1.0):
        residual = SMALL.f(w, gamma)[i] - SMALL.y[i] - rng.standard_normal(3)
        moved = w - rate * (residual @ SMALL.gradients(w, gamma)[i]) / 3
        factor = manifold.kernel_factor(w, SMALL.x[i], residual, rate, gamma)
        np.testing.assert_allclose(moved @ SMALL.kernel, factor * (w @ SMALL.kernel), atol=1e-8)
    assert manifold.kernel_factor(w, SMALL.x[i], residual, 1.0, 0.0) == 1  # the linear model never moves in the kernel


# --- sharpness ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("b", [0.0, 0.7])
def test_hessian_on_the_manifold_by_finite_differences(gamma, b):
    alpha = SMALL.at(b)
    w = manifold.weights(alpha, gamma)
    numerical = SMALL.hessian(w, gamma)
    np.testing.assert_allclose(manifold.hessian(alpha, SMALL.x, gamma), numerical, atol=1e-5)
    spectrum = manifold.hessian_spectrum(alpha, SMALL.x, gamma)
    np.testing.assert_allclose(np.linalg.eigvalsh(numerical)[-4:], spectrum, atol=1e-5)
    g = manifold.trace_hessian(SMALL.m + b, SMALL.trace, SMALL.power, gamma)
    np.testing.assert_allclose(SMALL.laplacian(w, gamma), g, rtol=1e-7)
    np.testing.assert_allclose(spectrum.sum(), g, rtol=1e-12)
    assert spectrum[-1] >= (SMALL.m + b) ** (gamma / (1 + gamma)) * np.linalg.eigvalsh(SMALL.x @ SMALL.x.T / 4)[-1]
    np.testing.assert_allclose(
        np.diag(manifold.tangent_kernel(alpha, SMALL.x, gamma)), (SMALL.gradients(w, gamma) ** 2).sum(1), rtol=1e-7
    )
    # off the manifold residuals bend the loss besides: the form is its Gauss-Newton part only
    off = 1.5 * alpha
    w = manifold.weights(off, gamma)
    jacobian = SMALL.gradients(w, gamma)
    np.testing.assert_allclose(manifold.hessian(off, SMALL.x, gamma), jacobian.T @ jacobian / 4, atol=1e-7)
    assert np.abs(manifold.hessian(off, SMALL.x, gamma) - SMALL.hessian(w, gamma)).max() > 1e-2 or gamma == 0


@pytest.mark.parametrize("gamma", GAMMAS)
def test_all_eigenvalues_depend_on_s_only(gamma):
    beta = np.random.default_rng(5).standard_normal((6, P0.d - P0.n)) @ P0.kernel.T
    alpha = P0.foot + beta / np.linalg.norm(beta, axis=1, keepdims=True)
    spectra = manifold.hessian_spectrum(alpha, P0.x, gamma)
    np.testing.assert_allclose(spectra, np.broadcast_to(spectra[0], spectra.shape), rtol=1e-11)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_slope_and_flattest_point(gamma):
    s, h = np.array([0.05, 0.3, 2.0]), 1e-6
    args = (P0.trace, P0.power, gamma)
    slope = (manifold.trace_hessian(s + h, *args) - manifold.trace_hessian(s - h, *args)) / (2 * h)
    np.testing.assert_allclose(manifold.trace_hessian_slope(s, *args), slope, rtol=1e-6)
    least = minimize_scalar(lambda s: manifold.trace_hessian(s, *args), bounds=(1e-3, 1), method="bounded")
    assert manifold.flattest_s(*args) == pytest.approx(least.x, rel=1e-3)
    assert manifold.flattest_s(*args) < P0.m  # n >> gamma + 2: the minimum-norm solution is the flattest minimum
    assert manifold.trace_hessian_slope(0.3, P0.trace, P0.power, 0.0) == 0  # and the linear model has no slope


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradient_descent_leaves_a_minimum_just_above_the_threshold(gamma):
    alpha = SMALL.at(0.5)
    threshold = manifold.gd_threshold(alpha, SMALL.x, gamma)
    h = SMALL.hessian(manifold.weights(alpha, gamma), gamma)
    for factor, grows in ((0.98, False), (1.02, True)):
        u = np.linalg.eigh(h)[1][:, -1] * 1e-6
        w = manifold.weights(alpha, gamma) + u
        for _ in range(40):
            w = w - factor * threshold * (SMALL.f(w, gamma) - SMALL.y) @ SMALL.gradients(w, gamma) / SMALL.n
        assert (SMALL.loss(w, gamma) > 0.5 * u @ h @ u) == grows


def test_smallest_eigenvalue_is_the_edge_of_the_spectrum():
    x = np.random.default_rng(6).standard_normal((300, 1200))
    assert np.linalg.eigvalsh(x @ x.T / 300)[0] == pytest.approx(manifold.smallest_eigenvalue(300, 1200), rel=0.1)


# --- phase I ------------------------------------------------------------------------------------------------


def test_gradient_descent_conserves_the_invariant_and_ends_at_its_root():
    """Drift of order eta, about 1e-4 at eta = 1e-4; the end to 1e-3."""
    rng = np.random.default_rng(7)
    alpha = rng.standard_normal(P0.d)
    start = manifold.weights(3 * alpha / np.linalg.norm(alpha), 1.0)
    _, b0, s0 = manifold.coordinates(manifold.predictor(start, 1.0), P0.x, P0.y)
    drifts = []
    for rate in (4e-4, 1e-4):
        w = start
        for _ in range(round(2.5 / rate)):
            r = np.sqrt(w @ w)
            g = P0.x.T @ (r * (P0.x @ w) - P0.y) / P0.n
            w = w - rate * r * (g + (w @ g) * w / r**2)
        m, b, s = manifold.coordinates(manifold.predictor(w, 1.0), P0.x, P0.y)
        drifts.append(law.invariant(b, s, 1.0) / law.invariant(b0, s0, 1.0) - 1)
        assert abs(s / (m + b) - 1) < 1e-3
        assert b == pytest.approx(law.flow_end(b0, s0, m, 1.0), rel=1e-3)
    assert 1e-5 < abs(drifts[1]) < 2e-4
    assert drifts[0] / drifts[1] == pytest.approx(4, rel=0.1)
    # and another exponent is not conserved
    assert abs((b / s**0.7) / (b0 / s0**0.7) - 1) > 0.01


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradient_flow_conserves_the_invariant_for_every_gamma(gamma):
    w0 = np.random.default_rng(8).standard_normal(SMALL.d)
    flow = solve_ivp(
        lambda _, w: -(SMALL.f(w, gamma) - SMALL.y) @ SMALL.gradients(w, gamma) / SMALL.n, (0, 60), w0, rtol=1e-9
    )
    m, b, s = manifold.coordinates(manifold.predictor(flow.y.T, gamma), SMALL.x, SMALL.y)
    conserved = law.invariant(b, s, gamma)
    np.testing.assert_allclose(conserved, conserved[0], rtol=1e-5)
    weights_form = (np.linalg.norm(w0 @ SMALL.kernel) / np.linalg.norm(w0) ** (gamma / (1 + gamma))) ** 2
    assert conserved[0] == pytest.approx(weights_form, rel=1e-12)
    assert b[-1] == pytest.approx(law.flow_end(b[0], s[0], m, gamma), rel=1e-5)


def test_end_of_the_flow_in_its_limits():
    b0, s0, m = np.array([1e-12, 1e-3, 1.0, 8.0]), 9.0, np.array([[1e-6], [0.2], [50.0]])
    for gamma in (0.1, 1.0, 20.0):
        end = law.flow_end(b0, s0, m, gamma)
        np.testing.assert_allclose(law.invariant(end, m + end, gamma), law.invariant(b0, s0, gamma) + 0 * m, rtol=1e-9)
    assert law.flow_end(3.0, 9.0, 0.2, 0.0) == pytest.approx(3.0) and law.flow_end(0.0, 9.0, 0.2, 1.0) == 0
    assert law.flow_end(3.0, 9.0, 6.0, 1.0) == pytest.approx(3.0)  # a start on the manifold stays


def test_contraction_steps_bound_the_slowest_residual():
    alpha, gamma, rate = P0.at(0.3), 1.0, 1e-3
    smallest = np.linalg.eigvalsh(P0.x @ P0.x.T / P0.n)[0]
    steps = law.contraction_steps(rate, P0.m + 0.3, smallest, gamma)
    exact = -1 / np.log(1 - rate * manifold.hessian_spectrum(alpha, P0.x, gamma)[0])
    assert exact <= steps <= 1.2 * exact


# --- phase II -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("b", [0.02, 1.0])
def test_drift_is_the_projected_gradient_of_the_trace(gamma, b):
    """Finite differences of the numerical Laplacian along the numerical tangent space of the manifold, in weights."""
    alpha, h = SMALL.at(b), 1e-2
    w = manifold.weights(alpha, gamma)
    tangent = null_space(SMALL.gradients(w, gamma))
    slope = [(SMALL.laplacian(w + h * v, gamma) - SMALL.laplacian(w - h * v, gamma)) / (2 * h) for v in tangent.T]
    rate, sigma, batch = 1e-2, 0.7, 3
    step = -rate * (rate * sigma**2 / (4 * batch)) * tangent @ np.array(slope)
    moved = [manifold.coordinates(manifold.predictor(w + k * step, gamma), SMALL.x, SMALL.y).b for k in (1, -1)]
    predicted = law.drift(b, rate, sigma, SMALL.m, SMALL.trace, SMALL.power, gamma, batch)
    assert (moved[0] - moved[1]) / 2 == pytest.approx(predicted, rel=5e-3)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 3.0])
def test_path_against_quadrature_and_the_closed_form(gamma):
    m, trace, power, rate = 0.2, 100.0, 1.1, 1e-3
    steps = np.array([0, 300, 3000, 20000])
    b = law.drift_path(steps, rate, 1.0, 4.0, m, trace, power, gamma)
    assert b[0] == pytest.approx(4.0, rel=1e-12) and np.all(np.diff(b) < 0)
    for k, end in zip(steps[1:], b[1:], strict=True):
        one = quad(
            lambda z: np.exp(z) / -law.drift(np.exp(z), rate, 1.0, m, trace, power, gamma), np.log(end), np.log(4)
        )
        assert one[0] == pytest.approx(k, rel=1e-7)
    if gamma == 1:  # integrated by partial fractions: dk = -(b + 4m) db / (2 eta^2 b (T b + T m - c))
        q = trace * m - 3 * power

        def primitive(b):
            return (4 * m / q * np.log(b) + (1 - 4 * m * trace / q) / trace * np.log(trace * b + q)) / (2 * rate**2)

        np.testing.assert_allclose(primitive(4.0) - primitive(b), steps, rtol=1e-7, atol=1e-3)


def test_path_depends_on_the_schedule_through_the_sum_of_squares():
    problem = (1.0, 4.0, 0.2, 100.0, 1.1, 1.0)
    rates = np.random.default_rng(9).uniform(0, 4e-3, 500)
    at = np.array([0, 17, 250, 500])
    path = law.drift_path(at, rates, *problem)
    for k, b in zip(at, path, strict=True):
        assert b == pytest.approx(law.drift_path(1, np.sqrt((rates[:k] ** 2).sum()), *problem), rel=1e-8)
    np.testing.assert_allclose(law.drift_path(500, rates[::-1], *problem), path[-1], rtol=1e-9)
    two = law.drift_path(at, [3e-3, 1e-3], *problem, boundaries=[200])
    np.testing.assert_allclose(two, law.drift_path(at, np.repeat([3e-3, 1e-3], [200, 300]), *problem), rtol=1e-8)
    np.testing.assert_allclose(law.drift_path(at, [3e-3], *problem, boundaries=[]), law.drift_path(at, 3e-3, *problem))
    # noise and batch enter with the square of the rate
    one = law.drift_path(500, 2e-3, *problem)
    assert law.drift_path(500, 1e-3, 2.0, *problem[1:]) == pytest.approx(one, rel=1e-8)
    assert law.drift_path(2000, 2e-3, *problem, batch=4) == pytest.approx(one, rel=1e-8)
    assert np.isnan(law.drift_path(501, rates, *problem)) and np.isnan(law.drift_path(-1, rates, *problem))
    with pytest.raises(ValueError, match="boundaries: 1 given, 3 rates take 2"):
        law.drift_path(at, [1e-3, 1e-3, 1e-3], *problem, boundaries=[200])


def test_collapse_clock_and_its_unit():
    assert law.collapse_clock(16_000, 1e-3, 1.0, 100.0) == pytest.approx(1.6)
    assert law.collapse_clock([0, 1], [0.1, 0.2], 2.0, 3.0, batch=6).tolist() == pytest.approx([0, 0.02])
    assert law.collapse_clock(law.drift_steps(1e-3, 0.5, 90.0, 4), 1e-3, 0.5, 90.0, 4) == pytest.approx(1)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_late_limit_is_exponential_for_every_gamma(gamma):
    problem = (0.2, 100.0, 1.1, gamma)
    rate = law.late_rate(1e-3, 1.0, *problem)
    for b, tolerance in ((1e-3, 0.02), (1e-6, 2e-5)):
        assert -law.drift(b, 1e-3, 1.0, *problem) / b == pytest.approx(rate, rel=tolerance)
    steps = np.array([0.0, 5.0]) / rate
    b = law.drift_path(steps, 1e-3, 1.0, 1e-6, *problem)
    assert np.log(b[0] / b[1]) == pytest.approx(5, rel=1e-4)
    if gamma == 1:
        assert rate == pytest.approx(1e-6 * (50 - 3.3 / 0.4))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.0 + 1e-7, 2.0, 3.0])
def test_early_limit(gamma):
    m, rate = 1e-6, 1e-3
    steps = np.array([0.0, 1000.0, 5000.0])
    b = law.drift_path(steps, rate, 1.0, 4.0, m, 100.0, 0.0, gamma)
    np.testing.assert_allclose(law.early_b(steps, rate, 1.0, 4.0, m, 100.0, gamma), b, rtol=1e-3)
    if gamma == 1:
        np.testing.assert_allclose(b, 4 * np.exp(-2e-4 * steps), rtol=1e-4)
    if gamma > 1.5:
        late = law.early_b(np.array([1e7, 1e8]), rate, 1.0, 4.0, 1e-20, 100.0, gamma)
        assert np.log10(late[1] / late[0]) == pytest.approx(law.early_slope(gamma), rel=1e-2)
    if gamma < 1:  # faster than exponential: it would be over at a finite step
        assert np.isnan(law.early_b(1e9, rate, 1.0, 4.0, m, 100.0, gamma))


def test_drift_rests_where_the_manifold_is_flattest():
    """Few inputs: minimum norm is not the flattest minimum, and b = 0 repels."""
    m, trace, power = 0.2, 100.0, 10.0
    b = law.drift_path([0, 10**9], 1e-3, 1.0, 1e-3, m, trace, power, 1.0)
    assert b[1] == pytest.approx(manifold.flattest_s(trace, power, 1.0) - m, rel=1e-6) and b[1] > b[0]
    assert law.late_rate(1e-3, 1.0, m, trace, power, 1.0) < 0


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_sgd_drifts_as_predicted(gamma):
    """One cell a gamma, 100 runs: false alarms below 6.3e-5 each, the bias of order eta being below a standard error.

    A clock that is wrong by 15 % is seen.
    """
    data, rate, steps = MIDDLE, 1e-3, 16_000
    w = np.tile(manifold.weights(data.at(1.0), gamma), (100, 1))
    w = sgd(data, w, gamma, rate, 1.0, 1, steps, seed=10)
    alpha = manifold.predictor(w, gamma)
    b = manifold.coordinates(alpha, data.x, data.y).b
    problem = (rate, 1.0, 1.0, data.m, data.trace, data.power, gamma)
    assert abs(z_of(b, law.drift_path(steps, *problem))) < 4
    assert all(abs(z_of(b, law.drift_path(factor * steps, *problem))) > 4 for factor in (0.85, 1.15))
    cosine = alpha @ data.direction / np.sqrt(b)
    np.testing.assert_allclose(cosine, 1, rtol=1e-10)  # the direction of beta never changes


def test_controls_without_curvature_or_noise_do_not_drift():
    w = np.tile(MIDDLE.at(1.0), (2, 1))
    moved = sgd(MIDDLE, w, 0.0, 1e-2, 1.0, 1, 500, seed=11)
    np.testing.assert_allclose(manifold.coordinates(moved, MIDDLE.x, MIDDLE.y).b, 1, rtol=1e-12)
    assert np.abs(moved - w).max() > 0.01  # though it moves
    w = np.tile(manifold.weights(MIDDLE.at(1.0), 1.0), (2, 1))
    np.testing.assert_allclose(sgd(MIDDLE, w, 1.0, 1e-2, 0.0, 1, 500, seed=11), w, rtol=1e-12)
    m, trace, power = MIDDLE.m, MIDDLE.trace, MIDDLE.power
    steps = [0, 10, 10**6]
    for path in (
        law.drift_path(steps, 1e-2, 1.0, 1.0, m, trace, power, 0.0),
        law.drift_path(steps, 1e-2, 0.0, 1.0, m, trace, power, 1.0),
        law.drift_path(steps, 0.0, 1.0, 1.0, m, trace, power, 1.0),
    ):
        np.testing.assert_allclose(path, 1, rtol=1e-12)
    assert np.all(law.drift_path(steps, 1e-2, 1.0, 0.0, m, trace, power, 1.0) == 0)
    assert law.late_rate(1e-2, 1.0, m, trace, power, 0.0) == 0
    assert law.drift(1.0, 1e-2, 0.0, m, trace, power, 1.0) == 0 == law.drift(1.0, 1e-2, 1.0, m, trace, power, 0.0)
    assert law.early_b(1e9, 1e-2, 1.0, 4.0, 0.1, 100.0, 0.0) == pytest.approx(4)


# --- plateaus -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("rate_over_threshold", [1e-6, 0.7])
def test_plateau_and_excess_from_the_stationary_covariance_of_the_weights(gamma, rate_over_threshold):
    """The discrete Lyapunov equation in a numerical basis of the normal space, with numerical gradients."""
    alpha, sigma, batch = SMALL.at(0.4), 0.8, 2
    w = manifold.weights(alpha, gamma)
    gradients = SMALL.gradients(w, gamma)
    normal = np.linalg.qr(gradients.T)[0]
    h = normal.T @ (gradients.T @ gradients / SMALL.n) @ normal
    rate = rate_over_threshold * manifold.gd_threshold(alpha, SMALL.x, gamma)
    c = solve_discrete_lyapunov(np.eye(4) - rate * h, rate**2 * sigma**2 / batch * h)
    spectrum = manifold.hessian_spectrum(alpha, SMALL.x, gamma)
    assert plateau.training_plateau_finite(rate, sigma, spectrum, batch) == pytest.approx(np.trace(h @ c) / 2, rel=1e-6)
    e = 1e-5 * np.eye(SMALL.d)
    jacobian = (manifold.predictor(w + e, gamma) - manifold.predictor(w - e, gamma)) / 2e-5
    spread = jacobian @ normal @ c @ normal.T @ jacobian.T
    rows = np.eye(SMALL.d) - SMALL.kernel @ SMALL.kernel.T
    root = np.random.default_rng(12).standard_normal((SMALL.d, SMALL.d))
    for covariance in (None, np.arange(1.0, SMALL.d + 1), root @ root.T):
        matrix = np.eye(SMALL.d) if covariance is None else covariance
        matrix = np.diag(matrix) if matrix.ndim == 1 else matrix
        args = (alpha, SMALL.x, gamma, rate, sigma, covariance, batch)
        assert plateau.normal_excess(*args) == pytest.approx(np.trace(matrix @ spread) / 2, rel=1e-6)
        assert plateau.row_space_excess(*args) == pytest.approx(np.trace(matrix @ rows @ spread @ rows) / 2, rel=1e-6)
    if rate_over_threshold < 1e-3:
        s, p = SMALL.m + 0.4, gamma / (1 + gamma)
        small = plateau.training_plateau(rate, sigma, spectrum.sum(), batch)
        assert small == pytest.approx(np.trace(h @ c) / 2, rel=1e-5)
        rows_only = rate * sigma**2 / (4 * batch) * s**p * (4 + gamma * (gamma + 2) * SMALL.m / s)
        assert plateau.row_space_excess(alpha, SMALL.x, gamma, rate, sigma, None, batch) == pytest.approx(
            rows_only, rel=1e-5
        )


def test_row_space_and_normal_excess_agree_at_minimum_norm_only():
    at_foot = [f(P0.foot, P0.x, 1.0, 1e-3, 1.0) for f in (plateau.row_space_excess, plateau.normal_excess)]
    away = [f(P0.at(0.2), P0.x, 1.0, 1e-3, 1.0) for f in (plateau.row_space_excess, plateau.normal_excess)]
    assert at_foot[0] == pytest.approx(at_foot[1], rel=1e-9) and away[1] > 1.01 * away[0]


def operator(data, alpha, gamma, rate, batch):
    """One step of the second moment of linearised residuals, (n^2, n^2), and its noise per sigma^2, by enumeration."""
    n, jacobian = data.n, data.gradients(manifold.weights(alpha, gamma), gamma)
    kernel = jacobian @ jacobian.T
    mean = np.eye(n) - rate / n * kernel
    linear, noise = np.kron(mean, mean), np.zeros(n * n)
    for i in range(n):  # the batch is a mean of B independent draws
        one = np.eye(n) - rate * np.outer(kernel[:, i], np.eye(n)[i])
        linear = linear + np.kron(one - mean, one - mean) / (n * batch)
        noise += rate**2 / (n * batch) * np.kron(kernel[:, i], kernel[:, i])
    return linear, noise


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_residual_moment_and_mean_square_threshold_by_enumeration(gamma, batch):
    alpha = SMALL.at(0.4)
    threshold = plateau.mean_square_threshold(alpha, SMALL.x, gamma, batch)
    for factor in (0.99, 1.01):
        linear, _ = operator(SMALL, alpha, gamma, factor * threshold, batch)
        assert (np.abs(np.linalg.eigvals(linear)).max() > 1) == (factor > 1)
    for factor in (0.01, 0.6):
        linear, noise = operator(SMALL, alpha, gamma, factor * threshold, batch)
        expected = np.linalg.solve(np.eye(16) - linear, 0.49 * noise).reshape(4, 4)
        omega = plateau.residual_moment(alpha, SMALL.x, gamma, factor * threshold, 0.7, batch)
        np.testing.assert_allclose(omega, expected, rtol=1e-6, atol=1e-7 * expected.max())


def test_stability_thresholds_are_ordered():
    alpha = P0.at(0.5)
    squares = np.diag(manifold.tangent_kernel(alpha, P0.x, 1.0))
    gradients = P0.gradients(manifold.weights(alpha, 1.0), 1.0)
    contraction = manifold.sgd_contraction_threshold(alpha, P0.x, 1.0)
    assert contraction == pytest.approx(2 / (gradients**2).sum(1).max(), rel=1e-7)
    for g in gradients:  # no step lengthens a deviation at the threshold, and one does above it
        assert np.linalg.norm(np.eye(P0.d) - contraction * np.outer(g, g), 2) <= 1 + 1e-6
    g = gradients[np.argmax(squares)]
    assert np.linalg.norm(np.eye(P0.d) - 1.01 * contraction * np.outer(g, g), 2) > 1.01
    mean_square = [plateau.mean_square_threshold(alpha, P0.x, 1.0, batch) for batch in (1, 2, 20, 1e6)]
    gd = manifold.gd_threshold(alpha, P0.x, 1.0)
    assert contraction < mean_square[0] < 2 / squares.min() < gd
    assert np.all(np.diff(mean_square) > 0) and mean_square[-1] == pytest.approx(gd, rel=1e-3) and mean_square[-1] < gd


def test_linearised_sgd_has_the_residual_moment():
    """Two statistics at two rates for two batches, 8 cells, 4000 runs: false alarms below 5e-4."""
    alpha, gamma, rng = SMALL.at(0.4), 1.0, np.random.default_rng(13)
    kernel = manifold.tangent_kernel(alpha, SMALL.x, gamma)
    slowest = manifold.hessian_spectrum(alpha, SMALL.x, gamma)[0]
    for batch in (1, 2):
        for factor in (0.1, 0.4):
            rate = factor * plateau.mean_square_threshold(alpha, SMALL.x, gamma, batch)
            rho = np.zeros((4000, 4))
            for _ in range(round(6 / (rate * slowest))):
                i = rng.integers(4, size=(4000, batch))
                pull = np.take_along_axis(rho, i, axis=1) - rng.standard_normal(i.shape)
                rho = rho - rate / batch * np.einsum("rb,rbi->ri", pull, kernel[i])
            omega = plateau.residual_moment(alpha, SMALL.x, gamma, rate, 1.0, batch)
            assert abs(z_of((rho**2).sum(1), np.trace(omega))) < 4
            assert abs(z_of(rho[:, 0] * rho[:, 1], omega[0, 1])) < 4


def test_label_noise_sgd_is_on_the_plateau():
    """Training loss and row-space excess at a small rate, 2 cells, 200 runs: false alarms below 1.3e-4.

    The small-rate laws are 1 % low there, about one standard error; at 16 times the rate they are refuted.
    """
    data, gamma = Draw(4, 16), 1.0
    threshold = plateau.mean_square_threshold(data.foot, data.x, gamma)
    spectrum = manifold.hessian_spectrum(data.foot, data.x, gamma)
    inverse, z = np.linalg.pinv(data.x), {}
    for factor in (0.2, 0.0125):
        rate = factor * threshold
        sums = np.zeros((2, 200))

        def observe(w, sums=sums):
            residual = manifold.predictor(w, gamma) @ data.x.T - data.y
            sums += [(residual**2).sum(1) / (2 * data.n), ((residual @ inverse.T) ** 2).sum(1) / 2]

        w = np.tile(manifold.weights(data.foot, gamma), (200, 1))
        burn, steps = round(4 / (rate * spectrum[0])), round(10 / (rate * spectrum[0]))
        sgd(data, w, gamma, rate, 1.0, 1, steps, 14, observe, burn)
        sums /= steps - burn
        level = plateau.training_plateau(rate, 1.0, spectrum.sum())
        z[factor] = z_of(sums[0], level), z_of(sums[1], plateau.row_space_excess(data.foot, data.x, gamma, rate, 1.0))
    assert np.abs(z[0.0125]).max() < 4 and z[0.2][0] > 8
    assert plateau.training_plateau(1e-3, 0.0, 50.0) == 0  # without noise there is no plateau


# --- population risk ----------------------------------------------------------------------------------------


def covariances(d):
    root = np.random.default_rng(15).standard_normal((d, d))
    return {"identity": None, "diagonal": np.linspace(0.2, 3, d), "full": root @ root.T / d + 0.1 * np.eye(d)}


@pytest.mark.parametrize("kind", ["identity", "diagonal", "full"])
def test_risk_on_the_manifold_and_its_minima(kind):
    data, covariance = SMALL, covariances(SMALL.d)[kind]
    matrix = np.eye(data.d) if covariance is None else covariance if covariance.ndim == 2 else np.diag(covariance)

    def by_hand(alpha):
        return 0.5 * (alpha - data.star) @ matrix @ (alpha - data.star)

    args = (data.x, data.y, data.star)
    b = np.array([0.0, 0.3, 5.0])
    values = risk.manifold_risk(b, *args, data.direction + data.x[0], covariance)  # the kernel part is taken inside
    np.testing.assert_allclose(values, [by_hand(data.at(k)) for k in b], rtol=1e-12)
    np.testing.assert_allclose(risk.risk(np.array([data.at(k) for k in b]), data.star, covariance), values, rtol=1e-12)
    # along rays, both ways: one of the two has its minimum at b > 0
    found = []
    for sign in (1, -1):
        least = minimize_scalar(lambda t, sign=sign: by_hand(data.foot + sign * t * data.direction), (0, 1)).x
        found.append(risk.best_b_on_ray(*args, sign * data.direction, covariance))
        assert found[-1] == pytest.approx(max(least, 0) ** 2, abs=1e-7)
    assert max(found) > 0 == min(found)
    # over the manifold: least squares in coordinates of the kernel
    root = np.linalg.cholesky(matrix).T
    best = data.foot + data.kernel @ np.linalg.lstsq(root @ data.kernel, root @ (data.star - data.foot))[0]
    np.testing.assert_allclose(risk.best_on_manifold(*args, covariance), best, atol=1e-10)
    assert by_hand(best) < by_hand(data.foot) and np.allclose(data.x @ best, data.y)
    if covariance is None:
        np.testing.assert_allclose(best, data.foot + data.kernel @ (data.kernel.T @ data.star), atol=1e-10)
        assert max(found) == pytest.approx((data.direction @ data.star) ** 2, rel=1e-9)


def test_final_risk_is_the_sum_of_its_parts():
    args = (P0.x, P0.y, P0.star, P0.direction)
    b = np.array([0.0, 1.0])
    total = plateau.final_risk(b, *args, 1.0, 1e-4, 1.0)
    parts = [risk.manifold_risk(k, *args) + plateau.row_space_excess(P0.at(k), P0.x, 1.0, 1e-4, 1.0) for k in b]
    np.testing.assert_allclose(total, parts, rtol=1e-10)
    np.testing.assert_allclose(plateau.final_risk(b, *args, 1.0, 1e-4, 0.0), risk.manifold_risk(b, *args), rtol=1e-12)


def test_expected_risk_of_minimum_norm_by_sampling():
    """Risk and m over 4000 draws, 2 cells: false alarms below 1.3e-4."""
    rng, n, d = np.random.default_rng(16), 6, 20  # much static noise, so that its term is seen
    star = np.eye(d)[0]
    x = rng.standard_normal((4000, n, d))
    y = x @ star + 3.0 * rng.standard_normal((4000, n))
    foot = (np.linalg.pinv(x) @ y[..., None])[..., 0]
    expected_risk, expected_m = risk.expected_min_norm_risk(n, d, 1.0, 3.0)
    assert abs(z_of(risk.risk(foot, star), expected_risk)) < 4
    assert abs(z_of((foot**2).sum(1), expected_m)) < 4


def test_effective_ranks():
    lam = np.r_[np.full(4, 1.0), np.full(396, 0.01)]  # the spiked spectrum of the benign variant
    assert risk.effective_ranks(0, lam) == pytest.approx((7.96, 7.96**2 / 4.0396))
    assert risk.effective_ranks(4, lam[::-1]) == pytest.approx((396, 396))  # in any order; both ranks of a flat tail
    assert risk.benign_index(lam, 40) == 4 and np.isnan(risk.benign_index(lam, 400))
    ratio = 7.96 / 40
    expected = 2.0**2 * np.sqrt(ratio) + 0.2**2 * (4 / 40 + 40 / 396)
    assert risk.benign_excess_scale(lam, 40, 2.0, 0.2) == pytest.approx(expected)
    assert np.isnan(risk.benign_excess_scale(lam, 400))
    for k in (3, 10):
        r, big = risk.effective_ranks(k, 1 / np.arange(1, 50.0) ** 2)
        assert 1 <= r <= big <= r**2


# --- the reference problem ----------------------------------------------------------------------------------


def test_predictions_for_the_reference_problem():
    """Its draw is not known: m = .198, b0 = 7.1407 are, T is about 100, and its late rate then gives c."""
    m, trace = 0.198, 100.0
    b = law.flow_end(7.1407, 9.0, [0.1975, m, 0.1985], 1.0)
    assert b[0] < 4.108 < b[2] and b[1] == pytest.approx(4.108, abs=1e-3)
    power = (trace - 2 * 41.4) * m / 3
    assert law.late_rate(1e-3, 1.0, m, trace, power, 1.0) == pytest.approx(4.14e-5)
    path = law.drift_path(np.array([2, 8, 16, 32, 60]) * 1000, 1e-3, 1.0, b[1], m, trace, power, 1.0)
    np.testing.assert_allclose(path, [2.92, 1.18, 0.46, 0.131, 0.030], rtol=0.02)
    level = plateau.training_plateau(1e-3, 1.0, manifold.trace_hessian(m + path[-1], trace, power, 1.0))
    assert level == pytest.approx(0.01349, rel=0.02)


def test_a_draw_of_the_reference_problem_is_like_it():
    """Quoted numbers of one draw, met by another within the spread of draws."""
    assert P0.m == pytest.approx(risk.expected_min_norm_risk(20, 100, 1.0, 0.1)[1], rel=0.35)
    assert risk.risk(P0.foot, P0.star) == pytest.approx(0.401, rel=0.15)
    assert P0.trace == pytest.approx(100, rel=0.1)
    assert P0.m == pytest.approx(P0.y @ P0.y / P0.d, rel=0.3)
    assert plateau.row_space_excess(P0.at(0.026), P0.x, 1.0, 1e-3, 1.0) == pytest.approx(0.0027, rel=0.1)
    alpha = np.random.default_rng(17).standard_normal((50, 100))
    alpha *= 3 / np.linalg.norm(alpha, axis=1, keepdims=True)
    thresholds = manifold.gd_threshold(alpha, P0.x, 1.0)
    assert thresholds.min() < 0.0605 < thresholds.max()
    assert np.median(np.sqrt([risk.best_b_on_ray(P0.x, P0.y, P0.star, a) for a in alpha])) < 0.2  # 1/sqrt(d) = .1
    b0 = manifold.coordinates(alpha, P0.x, P0.y).b
    assert b0.min() < 7.14 < b0.max()


# --- regimes ------------------------------------------------------------------------------------------------


def test_outside_the_regime_a_prediction_is_nan():
    d = SMALL
    problem = (d.m, d.trace, d.power)
    square, deficient = d.x[:, :4], np.r_[d.x, d.x[:1]]
    values = [
        manifold.predictor(d.foot, -0.5),
        manifold.weights(d.foot, -0.5),
        manifold.kernel_part(np.ones(4), square),
        manifold.row_part(d.foot, deficient),
        manifold.min_norm(square, d.y),
        manifold.min_norm(deficient, np.r_[d.y, 0.0]),
        manifold.plane_point(-1.0, d.m, 1.0),
        manifold.plane_point(1.0, 0.0, 1.0),
        [manifold.plane_loss(1.0, 1.0, *a) for a in [(0, 1, 1), (1, -1, 1), (1, 1, -1)]],
        risk.plane_risk(1.0, 1.0, 0.5, [0.1, 0.1], np.eye(2), -1.0),
        [f(s, 10.0, 1.0, 1.0) for f in (manifold.trace_hessian, manifold.trace_hessian_slope) for s in (0.0, -1.0)],
        [f(1.0, *a) for f in (manifold.trace_hessian, manifold.trace_hessian_slope) for a in [(0, 1, 1), (1, 1, -1)]],
        [manifold.flattest_s(10.0, 1.0, gamma) for gamma in (0.0, -1.0)],
        manifold.hessian(0 * d.foot, d.x, 1.0),
        manifold.hessian_spectrum(0 * d.foot, d.x, 1.0),
        manifold.gd_threshold(d.foot, d.x, -1.0),
        manifold.sgd_contraction_threshold(0 * d.foot, d.x, 1.0),
        manifold.kernel_factor(0 * d.foot, d.x, d.y, 0.1, 1.0),
        [manifold.smallest_eigenvalue(n, 10) for n in (10, 11, 0)],
        law.kappa(-0.1),
        [law.invariant(*a) for a in [(-1, 1, 1), (2, 1, 1), (0, 0, 1), (1, 2, -1)]],
        [law.flow_end(*a) for a in [(2, 1, 0.1, 1), (1, 2, 0, 1), (1, 2, 0.1, -1)]],
        [law.contraction_steps(*a) for a in [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, -1)]],
        [law.drift_steps(*a) for a in [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1, 0)]],
        [law.square_rate_sum(*a) for a in [(-1, 0.1), (1, -0.1), (3, [0.1, 0.1]), (1, [0.1, -0.1])]],
        law.square_rate_sum(5, [0.1, 0.2, 0.3], boundaries=[4, 2]),
        [law.collapse_clock(1, 0.1, *a) for a in [(-1, 1), (1, 0), (1, 1, 0)]],
        [law.drift(*a, *problem, 1.0) for a in [(-1, 1, 1), (1, -1, 1), (1, 1, -1)]],
        [law.drift(1, 1, 1, *a) for a in [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, -1), (1, 1, 1, 1, 0)]],
        law.drift_path([0, 5], 0.1, 1.0, -1.0, *problem, 1.0),
        law.drift_path([0, 5], -0.1, 1.0, 1.0, *problem, 1.0),
        law.drift_path([0, 5], 0.1, -1.0, 1.0, *problem, 1.0),
        law.drift_path([0, 5], 0.1, 1.0, 1.0, *problem, 1.0, 0),
        [law.late_rate(0.1, 1.0, *a) for a in [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, -1), (1, 1, 1, 1, 0)]],
        law.early_b([0, 1], 0.1, 1.0, 1.0, 0.5, 100.0, 1.0),  # b is not much larger than m
        law.early_b(-1, 0.1, 1.0, 1.0, 0.01, 100.0, 1.0),
        [law.early_slope(gamma) for gamma in (0.5, 1.0)],
        [plateau.training_plateau(*a) for a in [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (1, 1, 1, 0)]],
        plateau.training_plateau_finite([1.0, 2.0], 1.0, [[0.5, 2.0], [0.5, 1.0]]),
        [f(d.foot, d.x, 1.0, 9.0, 1.0) for f in (plateau.row_space_excess, plateau.normal_excess)],
        [f(d.foot, d.x, 1.0, 1e-3, -1.0) for f in (plateau.row_space_excess, plateau.normal_excess)],
        [f(np.ones(4), square, 1.0, 1e-3, 1.0) for f in (plateau.row_space_excess, plateau.normal_excess)],
        plateau.residual_moment(d.foot, d.x, 1.0, 9.0, 1.0),
        plateau.residual_moment(d.foot, d.x, 1.0, 0.0, 1.0),
        plateau.mean_square_threshold(d.foot, d.x, 1.0, 0.5),
        plateau.mean_square_threshold(0 * d.foot, d.x, 1.0),
        risk.manifold_risk(-1.0, d.x, d.y, d.star, d.direction),
        risk.best_on_manifold(d.x, d.y, d.star, np.zeros(d.d)),
        risk.best_on_manifold(square, d.y, np.ones(4)),
        risk.best_b_on_ray(square, d.y, np.ones(4), np.ones(4)),
        plateau.final_risk(-1.0, d.x, d.y, d.star, d.direction, 1.0, 1e-3, 1.0),
        [risk.expected_min_norm_risk(n, 10) for n in (0, 9, 10)],
        risk.effective_ranks(3, np.ones(3)),
        risk.effective_ranks(0, [1.0, 0.0]),
    ]
    for place, value in enumerate(values):
        assert np.isnan(value).all(), (place, value)
