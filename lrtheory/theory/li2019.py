"""Closed forms for the two-pattern model of Li, Wei and Ma (2019): numpy only, it never sees a simulation.

Notation: ``s = |z|``, ``r = |zeta|/|z|`` (small, so the angle between ``z`` and ``z + zeta``), ``lam`` the
weight decay, ``theta = eta / eta1`` the temperature, ``t`` the training time (summed learning rate), ``a =
gamma0 sqrt(d) + sqrt(2/pi)``. ``D2 = g(z + zeta) + g(z - zeta) - 2 g(z)`` is the curvature that pattern Q
needs and a linear function lacks.

Every function broadcasts over arrays and returns NaN where its regime does not hold.  Status words:
*recalled* is a statement of the paper known from memory or at second hand, powers and constants least
certain; *derived* was worked out for lrtheory from the infinite-width limit.  Reference throughout: Li, Wei,
Ma 2019, arXiv 1907.04595.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

SMALL_ANGLE = 0.3  # leading-order forms in an angle are returned up to here
SEPARATION = 4.0  # "much smaller than" in a regime means smaller by this factor at least


def _inside(value, *conditions):
    """``value`` where every condition holds, NaN elsewhere (broadcast)."""
    value = np.asarray(value, dtype=float)
    ok = np.asarray(True)
    for condition in conditions:
        ok = ok & np.asarray(condition)
    result = np.where(ok, value, np.nan)
    return result[()]


# --- noise and temperature ----------------------------------------------------------------------------------


def tau_xi(tau0, eta1, lam):
    """Gradient-noise scale that keeps ``N(0, tau0^2)`` weights stationary at rate ``eta1``.

    ``(1 - eta1 lam)^2 tau0^2 + eta1^2 tau_xi^2 = tau0^2``, so ``tau_xi = tau0 sqrt(1 - (1 - eta1 lam)^2) /
    eta1``, about ``tau0 sqrt(2 lam / eta1)``.  Regime: ``0 <= eta1 lam <= 2``, ``eta1 > 0``.  Status:
    recalled.
    """
    tau0, eta1, lam = np.asarray(tau0, float), np.asarray(eta1, float), np.asarray(lam, float)
    decay = eta1 * lam
    with np.errstate(invalid="ignore", divide="ignore"):
        value = tau0 * np.sqrt(decay * (2.0 - decay)) / eta1  # = 1 - (1 - decay)^2 without the cancellation
    return _inside(value, eta1 > 0, decay >= 0, decay <= 2)


def stationary_variance(tau0, eta1, eta, lam):
    """Limit of the noise variance at rate ``eta`` when the gradient noise is the one stationary at ``eta1``.

    ``eta^2 tau_xi^2 / (1 - (1 - eta lam)^2) = tau0^2 (eta/eta1) (2 - eta1 lam) / (2 - eta lam)``, about
    ``(eta/eta1) tau0^2``.  Exact in discrete time.  Regime: ``0 < eta lam < 2``.  Status: recalled (leading
    order), derived.
    """
    eta, eta1, lam = np.asarray(eta, float), np.asarray(eta1, float), np.asarray(lam, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.asarray(tau0, float) ** 2 * (eta / eta1) * (2.0 - eta1 * lam) / (2.0 - eta * lam)
    return _inside(value, eta > 0, eta1 > 0, eta * lam < 2, eta1 * lam <= 2, lam > 0)


def noise_variance_ratio(t, lam, theta):
    """``Var(noise part) / tau0^2 = theta + (1 - theta) exp(-2 lam t)`` at temperature ``theta`` since time 0.

    Regime: ``eta lam << 1`` (time is continuous), ``t >= 0``.  Constant 1 at ``theta = 1``.  Status: recalled
    H, derived.
    """
    t, lam, theta = np.asarray(t, float), np.asarray(lam, float), np.asarray(theta, float)
    return _inside(theta + (1.0 - theta) * np.exp(-2.0 * lam * t), t >= 0, lam >= 0, theta >= 0)


def noise_variance_ratio_steps(n_steps, eta, eta1, lam):
    """``Var(noise part) / tau0^2`` after ``n_steps`` literal steps at rate ``eta``: exact in discrete time.

    ``v_k = v_inf + (1 - v_inf) (1 - eta lam)^(2k)`` with ``v_inf`` of `stationary_variance`.  Regime: ``0 <
    eta lam < 2``. Status: derived.
    """
    limit = stationary_variance(1.0, eta1, eta, lam)
    factor = (1.0 - np.asarray(eta, float) * lam) ** 2
    return _inside(limit + (1.0 - limit) * factor ** np.asarray(n_steps), np.asarray(n_steps) >= 0)


def pattern_correlation(s, t, lam, theta):
    """Correlation ``rho`` of the noise part at times ``s <= t``: the number through which the rate acts.

    ``rho = exp(-int_s^t nu)``, ``nu = lam theta / (theta + (1 - theta) exp(-2 lam t))``, which integrates to
    ``sqrt((theta e^(2 lam s) + 1 - theta) / (theta e^(2 lam t) + 1 - theta))``; ``exp(-lam (t - s))`` at
    ``theta = 1``. Regime: ``eta lam << 1``.  Status: derived.
    """
    s, t, lam, theta = (np.asarray(v, float) for v in (s, t, lam, theta))
    upper, lower = theta * np.expm1(2 * lam * t) + 1, theta * np.expm1(2 * lam * s) + 1
    return _inside(np.sqrt(lower / upper), t >= s, s >= 0, lam >= 0, theta >= 0)


def branch_kernel(inner, norm_product, rho=1.0):
    """Infinite-width kernel of one branch between inputs of given inner product and product of norms.

    ``K_rho = <x,x'> (pi - arccos(rho cos)) / (4 pi)``: a gradient taken at one time acts on a prediction at
    another through it.  ``|x|^2 / 4`` on the diagonal at ``rho = 1``, ``<x,x'> / 8`` at ``rho = 0``.  Status:
    derived.
    """
    inner, norm_product, rho = (np.asarray(v, float) for v in (inner, norm_product, rho))
    cosine = np.divide(
        inner, norm_product, out=np.zeros(np.broadcast(inner, norm_product).shape), where=norm_product > 0
    )
    value = inner * (np.pi - np.arccos(np.clip(rho * cosine, -1, 1))) / (4 * np.pi)
    return _inside(value, np.abs(rho) <= 1)


# --- pattern Q ----------------------------------------------------------------------------------------------


def q_kernel(r, s, rho=1.0):
    """3x3 matrix of `branch_kernel` on ``(z - zeta, z, z + zeta)``; scalar arguments.  Status: derived."""
    points = s * np.array([[1.0, -r], [1.0, 0.0], [1.0, r]])
    norms = np.linalg.norm(points, axis=1)
    return branch_kernel(points @ points.T, np.outer(norms, norms), rho)


def contrast_eigenvalue(r, s, rho=1.0):
    """Rayleigh quotient of `q_kernel` along ``(1, -2, 1)/sqrt(6)``: the speed at which Q is learned.

    No expansion; scalars.  The inner products alone contribute nothing, so it is 0 at ``rho = 0``.  Status:
    derived.
    """
    contrast = np.array([1.0, -2.0, 1.0]) / np.sqrt(6.0)
    return float(contrast @ q_kernel(r, s, rho) @ contrast)


def contrast_eigenvalue_frozen(r, s):
    """``r s^2 / (6 pi)``: leading order of `contrast_eigenvalue` at ``rho = 1``, patterns frozen (small rate).

    Regime: ``0 <= r <= 0.3``.  Status: derived.
    """
    r = np.asarray(r, float)
    return _inside(r * np.square(s) / (6 * np.pi), r >= 0, r <= SMALL_ANGLE)


def contrast_eigenvalue_renewed(r, s, rho):
    """``s^2 r^4 / (8 pi phi^3)``, ``phi = arccos rho``: leading order once patterns have turned by ``phi >> r``.

    The ``r^2`` term cancels, which is why a large rate does not see Q.  Regime: ``4 r <= phi <= 0.3``.
    Status: derived.
    """
    r, phi = np.asarray(r, float), np.arccos(np.clip(np.asarray(rho, float), -1, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.square(s) * r**4 / (8 * np.pi * phi**3)
    return _inside(value, r >= 0, r * SEPARATION <= phi, phi <= SMALL_ANGLE)


def d2_slope_small_rate(r, s, p, mean_alpha):
    """Early slope ``dD2/dt = -E[alpha] (1 - p) r s^2 / (8 pi)`` at small rate.

    ``p`` is the fraction of P-only samples.  Regime: residuals still 1/2, patterns frozen (``theta -> 0``),
    ``r <= 0.3``.  Status: derived.
    """
    r, p = np.asarray(r, float), np.asarray(p, float)
    value = -np.asarray(mean_alpha, float) * (1 - p) * r * np.square(s) / (8 * np.pi)
    return _inside(value, r >= 0, r <= SMALL_ANGLE, p >= 0, p <= 1)


def d2_large_rate(r, s, lam, mean_alpha, mu):
    """Plateau ``|D2| = E[alpha] mu r^3 s^2 / (12 pi lam)`` at ``theta = 1``.

    ``mu`` is the fraction of Q-carrying samples whose residual is still about 1/2.  Of order ``r^3/lam``,
    below the recalled bound ``r^2/lam``.  Regime: ``r^2 << lam t`` (plateau reached), ``r <= 0.3``.  Status:
    derived.
    """
    r, lam, mu = np.asarray(r, float), np.asarray(lam, float), np.asarray(mu, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.asarray(mean_alpha, float) * mu * r**3 * np.square(s) / (12 * np.pi * lam)
    return _inside(value, r >= 0, r <= SMALL_ANGLE, lam > 0, mu >= 0, mu <= 1)


def d2_large_rate_interval(r, s, lam, mean_alpha, p, q):
    """Interval of `d2_large_rate`: ``mu`` from ``q`` (mixed samples fitted through P) to ``1 - p`` (none fitted).

    Returns ``(low, high)``.  Regime as there, with ``p + q <= 1``.  Status: derived.
    """
    p, q = np.asarray(p, float), np.asarray(q, float)
    bounds = (d2_large_rate(r, s, lam, mean_alpha, mu) for mu in (q, 1 - p))
    return tuple(_inside(bound, p + q <= 1) for bound in bounds)


def d2_large_rate_bound(r, lam, constant=1.0):
    """Scale ``r^2 / lam`` of the bound on ``|D2|`` at large rate, for ``s = 1``; its constant is not known.

    Regime: ``r^2 <= lam`` (otherwise it is vacuous).  Status: recalled H.
    """
    r, lam = np.asarray(r, float), np.asarray(lam, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _inside(constant * r**2 / lam, lam > 0, r**2 <= lam)


def learning_time_q(r, s):
    """``T_Q ~ 200 / (r s^2)``: rough time in which a small rate learns Q.

    Regime: ``r <= 0.3``.  Status: derived.
    """
    r = np.asarray(r, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _inside(200.0 / (r * np.square(s)), r > 0, r <= SMALL_ANGLE)


# --- pattern P ----------------------------------------------------------------------------------------------


def signal_strength(gamma0, d):
    """``a = gamma0 sqrt(d) + sqrt(2/pi)``: mean margin of one P input times ``sqrt(d)``.  Status: derived."""
    return np.asarray(gamma0, float) * np.sqrt(d) + np.sqrt(2 / np.pi)


def p_margin_rate(gamma0, d, q0):
    """Early growth ``(1 - q0) a^2 / (16 d)`` of the mean P margin ``E[y r_t(x)]`` per unit time.

    Regime: residuals 1/2, linear part of the kernel (``<x,x'>/8``), new inputs.  Status: derived.
    """
    q0 = np.asarray(q0, float)
    return _inside((1 - q0) * signal_strength(gamma0, d) ** 2 / (16 * np.asarray(d, float)), q0 >= 0, q0 <= 1)


def learning_time_p(d):
    """``T_P ~ 5 d``: rough time in which P is learned.  Status: derived."""
    return 5.0 * np.asarray(d, float)


def q_before_p_dimension():
    """Smallest ``d`` with ``T_Q < T_P`` at the literal ``s = 1``, ``r = d^(-3/4)``: ``40^4 = 2.56e6``.

    Status: derived.
    """
    return 40.0**4


def averaging_cosine(n_over_d, gamma0, d):
    """``cos(w_eff, w*) = a sqrt(n/d) / sqrt(1 + a^2 n/d)`` of the averaging classifier ``sum y_i x_i``.

    Reference curve for a learner that uses ``n`` P inputs, all alike.  Regime: ``d`` large.  Status: derived.
    """
    n_over_d = np.asarray(n_over_d, float)
    strength = signal_strength(gamma0, d) * np.sqrt(np.maximum(n_over_d, 0))
    return _inside(strength / np.sqrt(1 + strength**2), n_over_d >= 0)


def averaging_error(n_over_d, gamma0, d, n_nodes=200):
    """P-only test error ``E_g Phi(-a sqrt(n/d) (gamma0 sqrt(d) + |g|))`` of the averaging classifier.

    Gauss-Legendre on ``|g| <= 12`` with ``n_nodes`` nodes (error below 1e-12 at 200).  Regime: ``d`` large.
    Status: derived.
    """
    n_over_d = np.asarray(n_over_d, float)
    strength = signal_strength(gamma0, d) * np.sqrt(np.maximum(n_over_d, 0))
    return _inside(_error_at_strength(strength, gamma0, d, n_nodes), n_over_d >= 0)


def error_from_cosine(cosine, gamma0, d, n_nodes=200):
    """P-only test error of the linear classifier at a given ``cos(w_eff, w*)``.

    ``E_g Phi(-cot (gamma0 sqrt(d) + |g|))`` with ``cot = cos/sqrt(1 - cos^2)``: exact for Gaussian inputs and
    a linear classifier.  1/2 at ``cos = 0``, 0 at ``cos = 1``.  Regime: ``|cos| <= 1``.  Status: derived.
    """
    cosine = np.asarray(cosine, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        cotangent = cosine / np.sqrt(1 - np.square(cosine))
    return _inside(_error_at_strength(cotangent, gamma0, d, n_nodes), np.abs(cosine) <= 1)


def _error_at_strength(strength, gamma0, d, n_nodes):
    """``E_g Phi(-strength (gamma0 sqrt(d) + |g|))`` by quadrature over the half-normal law of ``|g|``."""
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    g, dg = 6.0 * (nodes + 1), 6.0 * weights
    half_normal = dg * np.sqrt(2 / np.pi) * np.exp(-(g**2) / 2)
    margin = np.asarray(np.asarray(gamma0, float) * np.sqrt(d))[..., None] + g
    return np.sum(half_normal * ndtr(-np.asarray(strength)[..., None] * margin), axis=-1)


# --- the regime -------------------------------------------------------------------------------------------------


class LiteralExponents(NamedTuple):
    """The paper's regime as powers of ``d`` (recalled H): sample size, P-only share, angle, weight decay."""

    n: Any
    p0: Any
    r: Any
    lam: Any


def literal_exponents(d, kappa):
    """``N = d/kappa^2``, ``p0 = kappa^2/2``, ``r = d^(-3/4)``, ``lam = d^(-5/4)``, for ``0 < kappa <= 1``.

    Status: recalled H.  ``1/r << d << 1/lam << 1/r^2`` follows.
    """
    d, kappa = np.asarray(d, float), np.asarray(kappa, float)
    values = (d / kappa**2, kappa**2 / 2, d**-0.75, d**-1.25)
    return LiteralExponents(*(_inside(v, kappa > 0, kappa <= 1, d >= 1) for v in values))


# --- where the effect can be seen at reachable d ------------------------------------------------------------


class DesignNumbers(NamedTuple):
    """Dimensionless numbers of a setting; `holds` compares them with the working limits (derived)."""

    p_fits: Any  # A: lam d, at most .02
    q_blocked: Any  # B: r^3 s^2 / lam, at most 64
    q_first: Any  # C: r s^2 d, at least 500 (better 1500)
    small_rate_quiet: Any  # D: 2 lam theta t_end / r^2, well below 1
    horizon: Any  # E: lam t_end, at most about 1

    def holds(self):
        """Rule name -> bool, with "well below 1" read as at most 1/4."""
        a, b, c, d, e = self
        within = (a <= 0.02, b <= 64, c >= 500, d <= 1 / SEPARATION, e <= 1)
        return dict(zip(self._fields, within, strict=True))


def design_numbers(d, lam, r, s, theta, t_end):
    """Numbers of the design rules A to E for a setting (`DesignNumbers`).  Status: derived.

    Example: ``design_numbers(100, 1e-4, .02, 28, 1e-5, 1e4).holds()`` is all true.
    """
    d, lam, r, s, theta, t_end = (np.asarray(v, float) for v in (d, lam, r, s, theta, t_end))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = (lam * d, r**3 * s**2 / lam, r * s**2 * d, 2 * lam * theta * t_end / r**2, lam * t_end)
    return DesignNumbers(*(_inside(v, lam > 0, r > 0, d >= 1) for v in values))


def width_number(n_units_v, tau0_v, r, s, q_margin=5.0):
    """``sqrt(2 m_V) tau0 s r^2 / (2 pi G)``: boundary units of Q stay put when it is much larger than 1.

    ``G`` is the final Q margin, ``m_V`` the units of the Q branch.  Status: derived.
    """
    r = np.asarray(r, float)
    value = np.sqrt(2.0 * np.asarray(n_units_v)) * tau0_v * s * r**2 / (2 * np.pi * q_margin)
    return _inside(value, r > 0, r <= SMALL_ANGLE)


def q_step_number(step, s, q_mass, mean_square_alpha):
    """``h s^2 (Q mass) E[alpha^2] / 16``: stiffness of a step ``h`` along ``z`` (kernel limit); keep it below 1.

    Gradient descent on the logistic loss (curvature at most 1/4) is unstable above 2.  Status: derived.
    """
    step, q_mass = np.asarray(step, float), np.asarray(q_mass, float)
    return _inside(step * np.square(s) * q_mass * mean_square_alpha / 16, step >= 0, q_mass >= 0, q_mass <= 1)
