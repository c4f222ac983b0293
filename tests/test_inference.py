"""Tests and intervals of a mean and a share: against scipy, against their integrals, and at the edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from lrtheory.inference import ANYTIME, FIXED, holm

BOTH = pytest.mark.parametrize("inference", [FIXED, ANYTIME], ids=["fixed", "any-time"])
TAILS = (0.2, 0.025, 0.025 / 20, 1e-6)
HITS = [(0, 1), (1, 1), (0, 10), (3, 10), (9, 10), (10, 10), (97, 100), (250, 1000)]


@pytest.mark.parametrize("n", [2, 3, 8, 50])
def test_fixed_p_values_are_those_of_the_t_test(n):
    x = np.random.default_rng(n).normal(0.3, 1.0, (n, 20))
    t = np.sqrt(n) * x.mean(0) / x.std(0, ddof=1)
    for sign, alternative in ((1, "greater"), (-1, "less")):
        np.testing.assert_allclose(FIXED.p(sign * t, n), stats.ttest_1samp(x, 0, alternative=alternative).pvalue)


@pytest.mark.parametrize("n", [2, 5, 100])
@pytest.mark.parametrize("a", TAILS)
def test_the_fixed_threshold_is_the_quantile_of_t(n, a):
    np.testing.assert_allclose(FIXED.threshold(n, a), stats.t.isf(a, n - 1), rtol=1e-8)


@pytest.mark.parametrize(("hits", "n"), HITS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_fixed_share_is_the_exact_binomial_test(hits, n, share):
    above, below = FIXED.share_p(hits, n, share)
    np.testing.assert_allclose(above, stats.binomtest(hits, n, share, "greater").pvalue, rtol=1e-9)
    np.testing.assert_allclose(below, stats.binomtest(hits, n, share, "less").pvalue, rtol=1e-9)


@pytest.mark.parametrize(("hits", "n"), HITS)
@pytest.mark.parametrize("a", TAILS)
def test_the_interval_of_a_fixed_share_is_that_of_clopper_and_pearson(hits, n, a):
    exact = stats.binomtest(hits, n).proportion_ci(1 - 2 * a, "exact")
    np.testing.assert_allclose(FIXED.share_interval(hits, n, a), (exact.low, exact.high), rtol=1e-6, atol=1e-12)


def quad(function, *ends):
    """Return the integral over the intervals between ends."""
    return sum(integrate.quad(function, low, high, limit=200)[0] for low, high in itertools.pairwise(ends))


def effect_density(effect):
    """Return the density of the mixture over a positive effect in standard deviations: N(0, 4), cut at 0."""
    return 2 * stats.norm.pdf(effect, 0, 2)


@pytest.mark.parametrize("n", [2, 3, 10, 60])
@pytest.mark.parametrize("t", [0.3, 1.5, 2.5, 4.0, 8.0])
def test_the_any_time_p_value_is_a_mixture_of_likelihood_ratios_of_t(n, t):
    # Given the effect, sqrt(n) mean/std is a noncentral t.
    at = t / np.sqrt(n)
    mixed = quad(
        lambda effect: stats.nct.pdf(t, n - 1, np.sqrt(n) * effect) * effect_density(effect), 0, at, at + 2, 15
    )
    np.testing.assert_allclose(ANYTIME.p(t, n), min(1.0, stats.t.pdf(t, n - 1) / mixed), rtol=1e-5)


@pytest.mark.parametrize("n", [2, 5, 40, 100])
def test_the_any_time_martingale_has_expectation_one(n):
    # Without effect E[M; t > c] is the probability of t > c under the mixture; M = 1/p where p < 1.
    c = ANYTIME.threshold(n, 0.9)
    expected = quad(lambda t: float(stats.t.pdf(t, n - 1) / ANYTIME.p(t, n)), c, 2 * c, 5 * c, 20 * c, np.inf)
    mixed = quad(lambda effect: stats.nct.sf(c, n - 1, np.sqrt(n) * effect) * effect_density(effect), 0, 1, 15)
    np.testing.assert_allclose(expected, mixed, rtol=1e-5)


@pytest.mark.parametrize("n", [8, 20])
def test_what_is_expected_of_the_next_seed_is_what_is_known(n):
    # E[M_{n+1} | ratios of the first n] = M_n; without effect x_{n+1} is then sqrt(sum x^2/n) times a t with n degrees.
    x = np.random.default_rng(n).normal(1.5, 0.3, n)

    def evidence(more):
        y = np.append(x, more)
        return 1 / float(ANYTIME.p(np.sqrt(y.size) * y.mean() / y.std(ddof=1), y.size))

    now, scale = evidence([]), np.sqrt((x**2).sum() / n)
    expected = quad(lambda u: stats.t.pdf(u, n) * evidence(scale * u), -60, -3, 0, 1, 3, 60)
    assert now > 4e3  # so that what p = 1 hides of M, at most 1, does not matter
    np.testing.assert_allclose(expected, now, rtol=1e-3)


@pytest.mark.parametrize(("hits", "n"), HITS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_an_any_time_share_is_a_mixture_of_binomial_likelihoods(hits, n, share):
    # Over Beta(1/2, 1/2), whose angle is uniform (share = sin^2), above the share, and below it.
    def likelihood(angle):
        return stats.binom.pmf(hits, n, np.sin(angle) ** 2)

    here, peak = (float(np.arcsin(np.sqrt(s))) for s in (share, hits / n))
    near = [peak - 0.1, peak, peak + 0.1]
    for p, low, high in zip(ANYTIME.share_p(hits, n, share), (here, 0.0), (np.pi / 2, here), strict=True):
        ends = [low, *(e for e in near if low < e < high), high]
        mixed = quad(likelihood, *ends) / (high - low)
        assert mixed > 0 or p == 1.0
        if mixed > 0:
            np.testing.assert_allclose(p, min(1.0, stats.binom.pmf(hits, n, share) / mixed), rtol=1e-6, atol=1e-200)


@BOTH
@pytest.mark.parametrize("n", [2, 3, 10, 1000])
@pytest.mark.parametrize("a", TAILS)
def test_the_threshold_inverts_the_p_value(inference, n, a):
    t = inference.threshold(n, a)
    if np.isinf(t):
        assert inference.p(np.inf, n) >= a  # no t suffices: the reason not to decide with two seeds
    else:
        np.testing.assert_allclose(inference.p(t, n), a, rtol=1e-6)


@BOTH
@pytest.mark.parametrize(("hits", "n"), HITS)
@pytest.mark.parametrize("a", TAILS)
def test_the_interval_of_a_share_is_what_neither_side_rejects(inference, hits, n, a):
    low, high = inference.share_interval(hits, n, a)
    assert 0 <= low <= hits / n <= high <= 1 and (low == 0) == (hits == 0) and (high == 1) == (hits == n)
    for share in np.linspace(0.0005, 0.9995, 700):
        rejected = min(inference.share_p(hits, n, share)) <= a
        if min(abs(share - low), abs(share - high)) > 1e-9:
            assert rejected == (not low <= share <= high), share


@BOTH
def test_p_falls_with_t_and_rises_with_care(inference):
    t = np.linspace(-20, 60, 400)
    for n in (2, 3, 10, 1000):
        p = inference.p(t, n)
        assert ((p >= 0) & (p <= 1)).all() and (np.diff(p) <= 0).all()
        thresholds = [inference.threshold(n, a) for a in TAILS]
        assert thresholds == sorted(thresholds)
        for share in (0.1, 0.9):
            ps = np.array([inference.share_p(hits, n, share) for hits in range(0, n + 1)])
            assert (np.diff(ps[:, 0]) <= 0).all() and (np.diff(ps[:, 1]) >= 0).all()


def test_looking_at_any_time_costs_evidence():
    for n in (2, 5, 30, 1000):
        t = np.linspace(-3, 40, 300)
        assert (ANYTIME.p(t, n) >= FIXED.p(t, n)).all()
        for hits in range(0, n + 1, max(1, n // 10)):
            pairs = zip(ANYTIME.share_p(hits, n, 0.3), FIXED.share_p(hits, n, 0.3), strict=True)
            assert all(slow >= fast * (1 - 1e-12) for slow, fast in pairs)


def test_p_values_at_the_edges():
    assert FIXED.p(0.0, 2) == 0.5 and ANYTIME.p(0.0, 2) == 1.0 and ANYTIME.p(-5.0, 9) == 1.0
    assert FIXED.p(np.inf, 2) == 0.0 and FIXED.p(-np.inf, 2) == 1.0 and ANYTIME.p(-np.inf, 2) == 1.0
    # However large t is, n seeds say no more than about (1 + 4 n)^(-(n - 1)/2)/2 at any time.
    for n in (2, 3, 6):
        np.testing.assert_allclose(ANYTIME.p(np.inf, n), (1 + 4 * n) ** (-(n - 1) / 2) / (2 * stats.t.cdf(2 * n, n)))
    assert ANYTIME.threshold(2, 0.17) == np.inf and ANYTIME.threshold(2, 0.18) < np.inf
    assert ANYTIME.threshold(4, 0.025) < np.inf  # so four seeds can decide a report of one
    assert np.shape(FIXED.p(np.zeros((2, 3)), 4)) == np.shape(ANYTIME.p(np.zeros((2, 3)), 4)) == (2, 3)


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.9, 0.8], [1.0, 1.0]),
        # 4 x 0.005, 3 x 0.01, 2 x 0.03, then 0.04 < 0.06
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
        ([0.5, 0.001, 0.4], [0.8, 0.003, 0.8]),
    ],
)
def test_holm_by_hand(p, adjusted):
    np.testing.assert_allclose(holm(p), adjusted)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_holm_is_the_closure_of_bonferroni(m):
    # A hypothesis falls when every set it is in falls, a set of k when its least p-value is <= a/k.
    rng = np.random.default_rng(m)
    for _ in range(40):
        p = np.round(rng.beta(0.4, 2, m), 3)
        sets = [s for k in range(1, m + 1) for s in itertools.combinations(range(m), k)]
        closed = [max(min(1.0, len(s) * min(p[j] for j in s)) for s in sets if i in s) for i in range(m)]
        np.testing.assert_allclose(holm(p), closed)
        shuffled = rng.permutation(m)
        np.testing.assert_allclose(holm(p[shuffled]), holm(p)[shuffled])
