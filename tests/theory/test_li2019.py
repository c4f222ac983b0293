"""Closed forms of the two-pattern model against the numbers they are quoted with, exact sums and sampling."""

from __future__ import annotations

import numpy as np
import pytest

from lrtheory.theory import li2019 as theory

HEADLINE = dict(d=100, lam=1e-4, r=0.02, s=28.0)


def gamma0(strength, d=100):
    return strength / np.sqrt(d)


@pytest.mark.parametrize(
    ("n_over_d", "strength", "expected", "places"),
    [
        (0.5, 1, 0.028, 3),
        (0.5, 0.3, 0.22, 2),
        (0.5, 0, 0.34, 2),
        (6, 0.3, 0.034, 3),
        (6, 0, 0.15, 2),
        (6.12, 0.3, 0.0335, 3),
    ],
)
def test_averaging_error_gives_the_quoted_reference_values(n_over_d, strength, expected, places):
    error = theory.averaging_error(n_over_d, gamma0(strength), 100)
    assert abs(error - expected) <= 0.6 * 10.0**-places


def test_averaging_error_agrees_with_sampling():
    """z-test with 400,000 draws; false alarm 6e-5 (|z| < 4)."""
    rng = np.random.default_rng(0)
    n_over_d, strength = 0.5, 0.3
    cosine = theory.averaging_cosine(n_over_d, gamma0(strength), 100)
    along, across = np.abs(rng.standard_normal(400_000)), rng.standard_normal(400_000)
    wrong = cosine * (strength + along) + np.sqrt(1 - cosine**2) * across < 0
    expected = theory.averaging_error(n_over_d, gamma0(strength), 100)
    assert abs(wrong.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / wrong.size)


def test_error_from_cosine_is_the_same_curve_and_has_the_right_ends():
    cosine = theory.averaging_cosine([0.5, 6.0], gamma0(0.3), 100)
    np.testing.assert_allclose(
        theory.error_from_cosine(cosine, gamma0(0.3), 100),
        theory.averaging_error([0.5, 6.0], gamma0(0.3), 100),
        rtol=1e-12,
    )
    assert theory.error_from_cosine(0.0, 0.03, 100) == pytest.approx(0.5, abs=1e-12)
    assert theory.error_from_cosine(1.0, 0.03, 100) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(theory.error_from_cosine(1.1, 0.03, 100))


def test_contrast_eigenvalue_tends_to_its_leading_forms():
    """Leading order at rho = 1 and after a turn phi >> r; the first error halves when r does."""
    for s in (1.0, 28.0):
        small = [theory.contrast_eigenvalue(r, s) / theory.contrast_eigenvalue_frozen(r, s) - 1 for r in (0.02, 0.01)]
        assert abs(small[0]) < 0.01
        assert abs(small[1]) < 0.6 * abs(small[0])
    rho = np.cos(0.1)
    ratios = [
        theory.contrast_eigenvalue(r, 1.0, rho) / theory.contrast_eigenvalue_renewed(r, 1.0, rho)
        for r in (0.02, 0.01, 0.005)
    ]
    assert abs(ratios[-1] - 1) < 0.03
    assert theory.contrast_eigenvalue(0.02, 28.0, 0.0) == pytest.approx(0.0, abs=1e-12)


def test_negative_control_leading_forms_fail_outside_their_regime():
    """At phi = r the r^2 term has not cancelled: the renewed form is wrong by tens of per cent, hence NaN."""
    r, rho = 0.05, np.cos(0.05)
    literal = r**4 / (8 * np.pi * 0.05**3)
    assert abs(theory.contrast_eigenvalue(r, 1.0, rho) / literal - 1) > 0.3
    assert np.isnan(theory.contrast_eigenvalue_renewed(r, 1.0, rho))
    assert np.isnan(theory.contrast_eigenvalue_frozen(0.8, 1.0))


def test_early_d2_slope_is_the_kernel_applied_to_the_class_imbalance():
    """dD2/dt = contrast . K . E[y alpha]/2, class +1 at z and class -1 at z -+ zeta, with the exact kernel."""
    r, s, p, mean_alpha = 0.01, 28.0, 0.06, 0.75
    mass = mean_alpha * (1 - p) * np.array([-0.25, 0.5, -0.25])
    exact = np.array([1, -2, 1]) @ theory.q_kernel(r, s) @ mass / 2
    assert theory.d2_slope_small_rate(r, s, p, mean_alpha) == pytest.approx(exact, rel=0.01)
    assert theory.d2_slope_small_rate(0.02, 1.0, 0.125, 0.5) == pytest.approx(-0.0175 * 0.02, rel=0.01)


def test_large_rate_d2_is_the_memory_integral_of_the_kernel():
    """Plateau: E[alpha] mu / 8 * contrast.K(rho).contrast integrated over the age t, rho = exp(-lam t)."""
    r, s, lam, mean_alpha, mu = 0.01, 1.0, 1e-4, 0.5, 0.4
    age = np.concatenate([[0], np.geomspace(1e-6, 8 / lam, 4000)])
    # weight decay also shrinks the old signal: factor exp(-lam age)
    rates = np.array([6 * theory.contrast_eigenvalue(r, s, np.exp(-lam * t)) * np.exp(-lam * t) for t in age])
    plateau = mean_alpha * mu / 4 / 2 * np.sum((rates[1:] + rates[:-1]) / 2 * np.diff(age))
    assert theory.d2_large_rate(r, s, lam, mean_alpha, mu) == pytest.approx(plateau, rel=0.03)


def test_large_rate_d2_interval_covers_the_measured_coefficients():
    """Measured c of c r^3 s^2 / lam, infinite width: .005 to .008 (U[0,1]), .008 to .011 (U[.5,1])."""
    for mean_alpha, measured in ((0.5, (0.005, 0.008)), (0.75, (0.008, 0.011))):
        low, high = theory.d2_large_rate_interval(0.02, 1.0, 0.02**3, mean_alpha, 0.06, 0.25)
        assert low < measured[0] and measured[1] < high
    assert np.isnan(theory.d2_large_rate_interval(0.02, 1.0, 1e-4, 0.5, 0.6, 0.6)).all()
    assert np.isnan(theory.d2_large_rate_bound(0.02, 1e-4))
    assert theory.d2_large_rate_bound(0.005, 1e-4) == pytest.approx(0.25)


def test_branch_kernel_at_both_ends():
    assert theory.branch_kernel(4.0, 4.0) == pytest.approx(1.0)
    assert theory.branch_kernel(0.7, 4.0, 0.0) == pytest.approx(0.7 / 8)
    assert theory.branch_kernel(0.0, 0.0) == 0


def test_branch_kernel_is_the_mean_over_random_units():
    """E 1(u.x > 0) 1(v.y > 0) <x,y> / 2: n units carry weight^2 1/(2n).  |z| < 4: false alarm 6e-5."""
    rng = np.random.default_rng(1)
    x, y, rho, n = np.array([1.0, 0.2]), np.array([0.5, 0.9]), 0.6, 400_000
    u = rng.standard_normal((n, 2))
    v = rho * u + np.sqrt(1 - rho**2) * rng.standard_normal((n, 2))
    both = (u @ x > 0) & (v @ y > 0)
    samples = both * (x @ y) / 2
    expected = theory.branch_kernel(x @ y, np.linalg.norm(x) * np.linalg.norm(y), rho)
    assert abs(samples.mean() - expected) < 4 * samples.std() / np.sqrt(n)


def test_stationarity_relation_and_its_small_step_form():
    tau0, eta1, lam = 10.0, 0.5, 2e-4
    tau = theory.tau_xi(tau0, eta1, lam)
    assert (1 - eta1 * lam) ** 2 * tau0**2 + eta1**2 * tau**2 == pytest.approx(tau0**2, rel=1e-14)
    assert tau == pytest.approx(tau0 * np.sqrt(2 * lam / eta1), rel=1e-4)
    assert theory.stationary_variance(tau0, eta1, eta1, lam) == pytest.approx(tau0**2)
    assert theory.stationary_variance(tau0, eta1, 1e-3 * eta1, lam) == pytest.approx(1e-3 * tau0**2, rel=1e-3)
    assert np.isnan(theory.tau_xi(1.0, 3.0, 1.0))


def test_noise_variance_law_discrete_and_continuous():
    eta1, lam, theta = 0.5, 2e-4, 0.01
    steps = np.array([0, 1000, 100_000])
    exact = theory.noise_variance_ratio_steps(steps, theta * eta1, eta1, lam)
    np.testing.assert_allclose(exact, theory.noise_variance_ratio(steps * theta * eta1, lam, theta), rtol=1e-3)
    assert np.all(theory.noise_variance_ratio(steps, lam, 1.0) == 1)
    assert np.isnan(theory.noise_variance_ratio(-1.0, lam, theta))


def test_pattern_correlation_is_the_integral_of_its_rate():
    lam, theta = 1e-2, 0.05
    t = np.linspace(20, 300, 20_001)
    rate = lam * theta / theory.noise_variance_ratio(t, lam, theta)
    integral = np.sum((rate[1:] + rate[:-1]) / 2) * (t[1] - t[0])
    assert theory.pattern_correlation(20, 300, lam, theta) == pytest.approx(np.exp(-integral), rel=1e-6)
    assert theory.pattern_correlation(0, 50, lam, 1.0) == pytest.approx(np.exp(-lam * 50))
    assert theory.pattern_correlation(0, 50, lam, 0.0) == 1
    assert np.isnan(theory.pattern_correlation(2, 1, lam, theta))


def test_mean_margin_rate_from_the_data_law():
    """Half the mean of y y' <x,x'>/8 over new pairs, sampled.  |z| < 4: false alarm 6e-5."""
    rng = np.random.default_rng(2)
    d, n, q0 = 20, 200_000, 0.25
    margins = gamma0(0.3, d) + np.abs(rng.standard_normal((2, n)) / np.sqrt(d))
    samples = (1 - q0) * margins[0] * margins[1] / 16
    assert abs(samples.mean() - theory.p_margin_rate(gamma0(0.3, d), d, q0)) < 4 * samples.std() / np.sqrt(n)


def test_learning_times_cross_at_the_quoted_dimension():
    d = theory.q_before_p_dimension()
    assert d == pytest.approx(2.56e6)
    assert theory.learning_time_q(d**-0.75, 1.0) == pytest.approx(theory.learning_time_p(d))
    assert theory.learning_time_q(100**-0.75, 1.0) > theory.learning_time_p(100)


def test_literal_exponents_are_ordered_as_the_regime_needs():
    d = 1e8
    n, p0, r, lam = theory.literal_exponents(d, 0.5)
    assert n * p0 == pytest.approx(d / 2)
    scales = np.array([1 / r, d, 1 / lam, 1 / r**2])
    np.testing.assert_allclose(scales[1:] / scales[:-1], d**0.25)
    assert r**2 / lam == pytest.approx(d**-0.25)
    assert np.isnan(theory.literal_exponents(100, 1.5).n)


def test_design_rules_accept_the_headline_and_refuse_the_literal_exponents():
    numbers = theory.design_numbers(**HEADLINE, theta=1e-5, t_end=1e4)
    assert all(numbers.holds().values())
    assert numbers.q_blocked == pytest.approx(62.72)
    assert numbers.q_first == pytest.approx(1568)
    literal = theory.literal_exponents(100, 0.5)
    refused = theory.design_numbers(100, literal.lam, literal.r, 1.0, 1e-5, 1e4).holds()
    assert not refused["q_first"] and not refused["p_fits"]


def test_width_and_step_numbers_separate_the_working_finite_setting_from_the_failing_one():
    works, fails = (theory.width_number(20_000, tau, 0.05, 10.0) for tau in (100.0, 10.0))
    assert works == pytest.approx(15.9, rel=0.01)
    assert works == pytest.approx(10 * fails)
    assert theory.q_step_number(4.0, 28.0, 0.94, 7 / 12) > 2  # the headline step needs sub-steps
    assert theory.q_step_number(0.04, 28.0, 0.94, 7 / 12) < 2
