"""Closed forms around decay against plain iteration, sums and other programs; each with a control that is off.

Statistical tests have fixed seeds and ask for |z| < 4 (6.3e-5 false alarms a number).
"""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from lrtheory.theory import quadratic
from lrtheory.theory import you2019 as law
from lrtheory.theory import you2019_well as well

LAM = np.array([1.0, 0.5, 0.01])
SPIKE = {"curvature": 1.0, "depth": 0.12, "width": 0.03, "position": 1.0}


@pytest.mark.parametrize("module", [law, well])
def test_examples_of_the_docstrings_run(module):
    result = doctest.testmod(module)
    own = [f for f in vars(module).values() if getattr(f, "__module__", "") == module.__name__]
    assert result.failed == 0
    assert result.attempted >= len(own) >= 3 and all(">>>" in f.__doc__ for f in own)


# --- complexity and transferability -------------------------------------------------------------------------


@pytest.mark.parametrize(("simple", "per_class"), [(0.5, 100), (1 / 11, 100), (0.5, 10)])
def test_complexity_of_a_mixture_is_entropy_of_the_kind_plus_that_of_its_patterns(simple, per_class):
    """PS10: 10 simple patterns a class, and some complex ones; by hand from its three numbers."""
    kinds = ((10, simple), (per_class, 1 - simple))
    counts = np.concatenate([np.kron(np.eye(10), np.full((n, 1), part / n)) for n, part in kinds])
    kind = -simple * np.log2(simple) - (1 - simple) * np.log2(1 - simple)
    by_hand = kind + simple * np.log2(10) + (1 - simple) * np.log2(per_class)
    assert law.complexity(counts) == pytest.approx(by_hand, rel=1e-12)
    assert law.complexity(counts[:100]) == pytest.approx(np.log2(10), rel=1e-12)
    # A pattern that occurs with two classes is no more complex for that; unequal frequencies are less than uniform.
    assert law.complexity([[1, 1], [1, 1]]) == 1.0 and law.complexity([[3, 1], [1, 3]]) < 1.0


def test_transferability_of_each_stage_and_where_there_is_none():
    source = np.array([0.1, 0.6, 0.8, 0.8, 0.81])
    np.testing.assert_allclose(law.transferability(source, source), [1, 1, np.nan, np.nan])
    target = np.array([[0.2, 0.5, 0.4, 0.5, 0.6], [0.1, 0.1, 0.1, 0.1, 0.9]])
    by_hand = [[0.6, -0.5, np.nan, np.nan], [0, 0, np.nan, np.nan]]
    np.testing.assert_allclose(law.transferability(target, source), by_hand)
    assert law.transferability(target, source, least=0.3)[0, 1:].tolist() == pytest.approx([np.nan] * 3, nan_ok=True)
    # A source that loses has no transferability either, and a gain just above the gate has.
    assert np.isnan(law.transferability([0.0, 0.5], [0.5, 0.0])).all()
    assert law.transferability([0.0, 0.011], [0.5, 0.511]).tolist() == pytest.approx([1.0])


# --- gradient descent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.9, 1.0, 1.5, 1.99, 2.0, 2.1, 5.0])
def test_regimes_are_what_plain_iteration_does(rate):
    w = np.ones((6, 3))
    for k in range(5):
        w[k + 1] = w[k] - rate * LAM * w[k]
    np.testing.assert_allclose(w[1], law.factor(rate, LAM), rtol=1e-14)
    for name, path in zip(law.regime(rate, LAM), w.T, strict=True):
        if name == "divergent":
            assert (np.diff(np.abs(path)) > 0).all()
        elif name == "alternating":
            assert (path[1:] * path[:-1] < 0).all() and (np.diff(np.abs(path)) <= 1e-15).all()
        else:
            assert name == "monotone" and (path >= 0).all() and (np.diff(path) <= 0).all() and path[1] < 1


def test_regime_is_empty_where_nothing_is_predicted():
    assert law.regime([0.0, -1.0, np.nan, 1.0], [1.0, 1.0, 1.0, -1.0]).tolist() == [""] * 4
    assert np.isnan(law.factor(1.0, -1.0))
    # At the rate of the sliver between 2/(lam_max + lam_min) and 2/lam_max the sharpest direction is the slowest.
    sizes = np.abs(law.factor(1.9995, np.array([1.0, 1e-3])))
    assert sizes[0] > sizes[1] and np.abs(law.factor(1.9, 1.0)) < np.abs(law.factor(1.9, 1e-3))


# --- SGD on a quadratic ---------------------------------------------------------------------------------------


def iterate(rate, lam, noise, mean0, std0, steps, seeds=4000, uniform=False):
    """Return paths (steps + 1, seeds) of plain SGD."""
    rng = np.random.default_rng(0)
    w = [mean0 + std0 * rng.standard_normal(seeds)]
    for _ in range(steps):
        xi = rng.uniform(-1, 1, seeds) * np.sqrt(3) if uniform else rng.standard_normal(seeds)
        w.append(w[-1] - rate * (lam * w[-1] + noise * xi))
    return np.array(w)


@pytest.mark.parametrize("rate", [0.3, 1.7, 2.2])
def test_second_moment_of_plain_iteration(rate):
    """21 numbers: false alarms below 0.14 %. Above the threshold too."""
    for lam in LAM:
        squares = iterate(rate, lam, 0.4, 1.0, 0.5, steps=20)[[1, 2, 20]] ** 2
        expected = law.second_moment(np.array([1, 2, 20]), rate, lam, 0.4, 1.0, 0.25)
        z = (squares.mean(1) - expected) / (squares.std(1) / np.sqrt(squares.shape[1]))
        assert np.abs(z).max() < 4
        without_start = law.second_moment(20, rate, lam, 0.4, 0.0)
        assert rate * lam == 1 or abs(squares[2].mean() - without_start) > 1e-6


def test_floors_time_constants_and_the_second_moment_are_one_law():
    """The floor is its limit, the time constants 1/(eta lam) and 1/(2 eta lam) those at small rates of the new step."""
    v = quadratic.stationary_variance(1.7, LAM, 0.3)
    np.testing.assert_allclose(law.second_moment(10**5, 1.7, LAM, 0.3, 5.0), v, rtol=1e-10)
    np.testing.assert_allclose(quadratic.plateau(1.7, LAM, 0.3), 1.7 * 0.09 / (2 * (2 - 1.7 * LAM)), rtol=1e-12)
    assert np.isnan(quadratic.plateau([2.0, 2.5], 1.0, 0.3)).all()
    eta, lam = 0.01, 0.5
    assert quadratic.relaxation_steps(eta, lam) == pytest.approx(1 / (eta * lam), rel=5e-3)
    v1, v2 = (quadratic.stationary_variance(r, lam, 0.3) for r in (0.1, eta))
    later = law.second_moment(1 / (2 * eta * lam), eta, lam, 0.3, 0.0, v1)
    assert (later - v2) / (v1 - v2) == pytest.approx(np.exp(-1), rel=5e-3)
    # With the time constant of the old step it is not: a tenth of the time has passed.
    early = law.second_moment(1 / (2 * 0.1 * lam), eta, lam, 0.3, 0.0, v1)
    assert (early - v2) / (v1 - v2) > 0.9


@pytest.mark.parametrize("spacing", [1, 2, 7])
@pytest.mark.parametrize("count", [1, 2, 3, 50])
@pytest.mark.parametrize("rate", [1e-9, 1e-3, 0.3, 1.0, 1.5, 1.99])
def test_variance_of_an_average_is_the_sum_of_covariances(rate, count, spacing):
    v = quadratic.stationary_variance(rate, 1.0, 0.3)
    lags = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) * spacing
    by_sum = v * ((1 - rate) ** lags.astype(float)).mean()
    assert law.averaged_variance(count, rate, 1.0, 0.3, spacing) == pytest.approx(by_sum, rel=1e-6)


def test_long_averages_forget_the_rate_and_short_ones_average_nothing():
    long = law.averaged_variance(10**7, np.array([0.1, 1.0, 1.9]), 0.5, 0.3)
    np.testing.assert_allclose(long * 10**7, 0.3**2 / 0.5**2, rtol=1e-5)
    v = quadratic.stationary_variance(0.01, 0.01, 0.3)
    assert law.averaged_variance(100, 0.01, 0.01, 0.3) / v == pytest.approx(1.0, abs=0.01)
    for bad in ({"rate": 2.0}, {"count": 0}, {"spacing": 0}, {"curvature": -1.0}):
        assert np.isnan(law.averaged_variance(**{"count": 3, "rate": 0.1, "curvature": 1.0, "noise": 0.3, **bad})), bad


# --- Kleinberg's bound ----------------------------------------------------------------------------------------


def test_kleinbergs_distance_bounds_the_floor_of_a_quadratic_and_is_it_at_small_rates():
    """On a quadratic c = L = lam, smoothed or not; noise that is bounded, uniform, of standard deviation s."""
    for lam in LAM:
        rates = np.array([1e-4, 0.1, 0.5, 1.9]) / lam
        bound = law.kleinberg_distance(rates, lam, lam, 0.3)
        ratio = bound / quadratic.stationary_variance(rates, lam, 0.3)
        np.testing.assert_allclose(ratio, (1 + rates * lam) ** 2, rtol=1e-9)
    measured = (iterate(0.5, 1.0, 0.3, 0.0, 0.0, steps=40, uniform=True)[-1] ** 2).mean()
    assert measured < law.kleinberg_distance(0.5, 1.0, 1.0, 0.3)
    # The smaller the rate the closer; a floor that did not fall would break the bound.
    small, large = (law.kleinberg_distance(r, 1.0, 1.0, 0.3) for r in (0.05, 0.5))
    assert small < measured < large


def test_kleinbergs_constants_say_nothing_above_2c_over_l_squared():
    c, smooth = 0.5, 20.0
    edge = 2 * c / smooth**2
    assert law.kleinberg_contraction(0.999 * edge, c, smooth) > 0
    for rate in (edge * 1.001, 2 / smooth, 0.0, -1.0):
        assert np.isnan(law.kleinberg_contraction(rate, c, smooth))
        assert np.isnan(law.kleinberg_distance(rate, c, smooth, 1.0))
    best = law.kleinberg_contraction(c / smooth**2, c, smooth)
    assert best == pytest.approx(c**2 / smooth**2) and best > law.kleinberg_contraction(1.1 * c / smooth**2, c, smooth)
    assert np.isnan(law.kleinberg_noise(0.1, -1.0, 1.0)) and np.isnan(law.kleinberg_contraction(0.1, -1.0, 1.0))


# --- a spike ------------------------------------------------------------------------------------------------------


def test_the_smoothed_slope_is_the_mean_slope_over_the_noise():
    """Gauss-Hermite sums are exact to rounding; without smoothing it is the difference quotient."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    x = np.linspace(0.8, 1.1, 13)
    for tau in (0.01, 0.03):
        shifted = well.smoothed_slope(x[:, None] + tau * nodes, smoothing=0.0, **SPIKE)
        smoothed = well.smoothed_slope(x, smoothing=tau, **SPIKE)
        np.testing.assert_allclose(shifted @ weights / weights.sum(), smoothed, atol=1e-6)
    f = 0.5 * x**2 - 0.12 * np.exp(-((x - 1) ** 2) / (2 * 0.03**2))
    g = 0.5 * (x + 1e-6) ** 2 - 0.12 * np.exp(-((x + 1e-6 - 1) ** 2) / (2 * 0.03**2))
    np.testing.assert_allclose((g - f) / 1e-6, well.smoothed_slope(x, **SPIKE), atol=1e-3)
    assert np.abs(well.smoothed_slope(x, smoothing=0.03, **SPIKE) - well.smoothed_slope(x, **SPIKE)).max() > 1
    assert np.isnan(well.smoothed_slope(0.5, 1.0, 0.1, 0.0, 1.0))


def test_the_smoothing_rate_is_where_the_minimum_goes():
    rate = well.smoothing_rate(**SPIKE, noise=3.2)
    x = np.linspace(0.5, 1.0, 5001)
    assert well.smoothed_slope(x, smoothing=1.01 * rate * 3.2, **SPIKE).min() > 0
    assert well.smoothed_slope(x, smoothing=0.99 * rate * 3.2, **SPIKE).min() < 0
    assert well.smoothing_rate(**SPIKE, noise=6.4) == pytest.approx(rate / 2, rel=1e-5)
    assert well.smoothing_rate(**{**SPIKE, "depth": 0.04}, noise=3.2) == 0.0  # too shallow to be a minimum
    assert np.isnan(well.smoothing_rate(**SPIKE, noise=0.0))
    assert np.isnan(well.smoothing_rate(**{**SPIKE, "depth": 50.0}, noise=1.0))  # too deep


def test_escape_time_of_a_line_of_plain_steps():
    """From the bottom of a spike to half way: the mean of 2,000 paths, 2 numbers (false alarms 1.3e-4)."""
    eta, noise, rng = 4e-4, 10.0, np.random.default_rng(1)
    x, out = np.ones(2000), np.zeros(2000)
    for k in range(1, 40_001):
        inside = out == 0
        if not inside.any():
            break
        slope = well.smoothed_slope(x, **SPIKE)
        x = np.where(inside, x - eta * (slope + noise * rng.standard_normal(2000)), x)
        out[inside & (x < 0.5)] = k
    assert (out > 0).all()
    expected = well.escape_time(1.0, 0.5, rate=eta, noise=noise, **SPIKE)
    error = eta * out.std() / np.sqrt(2000)
    assert abs(eta * out.mean() - expected) < 4 * error
    # What lacks the spike, or has a tenth more of it, is seen.
    for depth in (0.0, 0.132):
        other = well.escape_time(1.0, 0.5, rate=eta, noise=noise, **{**SPIKE, "depth": depth})
        assert abs(eta * out.mean() - other) > 4 * error


def test_escape_time_is_exponential_in_the_inverse_rate_and_the_flows_without_a_spike():
    rates = np.array([5e-4, 6e-4, 7e-4])
    times = [well.escape_time(0.9923, 0.5, rate=r, noise=3.2, **SPIKE) for r in rates]
    barrier = np.diff(np.log(times)) / np.diff(2 / (rates * 3.2**2))
    np.testing.assert_allclose(barrier, 0.0495, rtol=0.03)
    flat = {**SPIKE, "depth": 0.0}
    assert well.escape_time(2.0, 0.5, rate=1e-5, noise=1.0, **flat) == pytest.approx(np.log(4), rel=2e-3)
    assert well.escape_time(1.0, 0.5, rate=1e-6, noise=3.2, **SPIKE) == np.inf
    assert np.isnan(well.escape_time(0.5, 1.0, rate=1e-3, noise=3.2, **SPIKE))
