r"""Laws of motion of the model of Ren, Ma and Ying (2024): flow to the minima manifold and drift along it.

Label-noise SGD draws B of n < d inputs with replacement and fresh xi ~ N(0, sigma^2) each step:

.. math:: w \leftarrow w - \frac\eta B\sum_{i\in B}(\alpha\cdot x_i - y_i - \xi_i)\,\nabla f_i,
          \qquad \nabla f_i = |w|^\gamma\,(x_i + \gamma(\hat w\cdot x_i)\,\hat w)

It finds the manifold of minima (phase I), drifts along it to smaller norm while the rate is large (phase II), and
contracts onto it when the rate is cut (phase III; levels of loss and risk: :mod:`lrtheory.theory.ren2024_plateau`).

Symbols as in :mod:`lrtheory.theory.ren2024_manifold` (``m``, ``b``, ``s``, ``trace``, ``power``, ``gamma``); besides,
``rate`` eta (time per step), ``sigma``, ``batch`` B, ``steps`` k. c = gamma (gamma + 2) power, p = gamma/(1 + gamma),
kappa = gamma (gamma + 2)/(1 + gamma)^2. All arithmetic is float64; functions of numbers broadcast. Outside its regime a
prediction is NaN; everywhere gamma >= 0, rates >= 0, sigma >= 0, batch >= 1.

Reference: Ren, Ma, Ying 2024, arXiv 2401.11600. The model and the three phases are recalled. This noise and all the
results are derived for lrtheory, and are not statements of the paper. The drift rests on the implicit regulariser of
label noise at small rates, eta sigma^2 tr(Hessian)/(4B), which is standard (Blanc, Gupta, Valiant, Valiant 2020;
Damian, Ma, Lee 2021; Li, Wang, Arora 2022).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.optimize import root_scalar

from lrtheory.theory.ren2024_manifold import arrays, exponent, inside, trace_hessian_slope

MUCH = 10.0  # "far from minimum norm" in the early law of the drift: b is this many times (1 + gamma)^2 m at least


# --- phase I: gradient flow to the manifold -----------------------------------------------------------------


def kappa(gamma: ArrayLike) -> Any:
    """Exponent of the invariant, gamma (gamma + 2)/(1 + gamma)^2, between 0 and 1. Status: derived."""
    (gamma,) = arrays(gamma)
    with np.errstate(all="ignore"):
        return inside(gamma * (gamma + 2.0) / (1.0 + gamma) ** 2, gamma >= 0)


def invariant(b: ArrayLike, s: ArrayLike, gamma: ArrayLike) -> Any:
    """Constant of noise-free gradient flow, b / s^kappa, on the manifold and off it.

    Equal to (|P_K w| / |w|^p)^2; discrete steps change it in proportion to the rate. At gamma = 0 it is b. Regime:
    0 <= b <= s, s > 0. Status: derived.
    """
    b, s, gamma = arrays(b, s, gamma)
    with np.errstate(all="ignore"):
        return inside(b / s ** kappa(gamma), b >= 0, s > 0, b <= s * (1 + 1e-12))


def flow_end(b0: ArrayLike, s0: ArrayLike, m: ArrayLike, gamma: ArrayLike) -> Any:
    r"""Value of b where gradient flow meets the manifold: the one root of b/(m + b)^kappa = b0/s0^kappa.

    The start of phase II. Regime: 0 <= b0 <= s0, s0 > 0, m > 0. Status: derived.

    Example:
        >>> round(float(flow_end(7.1407, 9.0, 0.198, 1.0)), 2)
        4.11
    """

    def root(level: float, m: float, k: float) -> float:
        if np.isnan(level):
            return level
        if level == 0:
            return 0.0
        # b = level (m + b)^k lies above level m^k, and below m or (2^k level)^(1/(1-k))
        low = np.log(level) + k * np.log(m)
        high = max(np.log(m), (np.log(level) + k * np.log(2.0)) / (1.0 - k))
        if high <= low:
            return np.exp(low)
        found = root_scalar(
            lambda x: x - k * np.log(m + np.exp(x)) - np.log(level), bracket=(low - 1.0, high + 1.0), xtol=1e-14
        )
        return np.exp(found.root)

    (m,) = arrays(m)
    level = inside(invariant(b0, s0, gamma), m > 0)
    return np.vectorize(root, otypes=[float])(level, m, kappa(gamma))[()]


def contraction_steps(rate: ArrayLike, s: ArrayLike, smallest: ArrayLike, gamma: ArrayLike) -> Any:
    """Time scale in steps of phases I and III, 1/(eta s^p lambda): a residual falls by e in about as many.

    ``smallest`` is the smallest non-zero eigenvalue of Sigma_hat; s^p times it is at most that of the Hessian, so near
    the manifold the slowest residual takes no longer. Regime: rate, s, smallest > 0. Status: derived.
    """
    rate, s, smallest, gamma = arrays(rate, s, smallest, gamma)
    with np.errstate(all="ignore"):
        value = 1.0 / (rate * s ** exponent(gamma) * smallest)
        return inside(value, rate > 0, s > 0, smallest > 0, gamma >= 0)


# --- phase II: the drift along the manifold -----------------------------------------------------------------


def drift_steps(rate: ArrayLike, sigma: ArrayLike, trace: ArrayLike, batch: ArrayLike = 1) -> Any:
    """Time scale in steps of phase II for s of order one and gamma of order one, B / (eta^2 sigma^2 T).

    Regime: rate, sigma, trace > 0. Status: derived.
    """
    rate, sigma, trace, batch = arrays(rate, sigma, trace, batch)
    with np.errstate(all="ignore"):
        return inside(batch / (rate**2 * sigma**2 * trace), rate > 0, sigma > 0, trace > 0, batch >= 1)


def square_rate_sum(steps: ArrayLike, rates: ArrayLike, boundaries: ArrayLike | None = None) -> Any:
    """Sum of eta^2 over the first ``steps`` steps, the clock of the drift up to sigma^2/B; shape of ``steps``.

    Args:
        steps: k >= 0, any shape; between whole steps the sum grows linearly.
        rates: a number (constant rate), or shape (K,) the rate of step 0, ..., K-1, or shape (P,) with ``boundaries``.
        boundaries: shape (P-1,), the steps at which the next of P rates takes over, ascending.

    Returns:
        the sum; NaN beyond the last of K rates, for a negative rate, or for boundaries that do not ascend from 0.

    Raises:
        ValueError: for a wrong number of boundaries.

    Example:
        >>> square_rate_sum([0, 10, 20], [0.1, 0.2], boundaries=[10]).round(3).tolist()
        [0.0, 0.1, 0.5]
    """
    steps, rates = arrays(steps, rates)
    if rates.ndim == 0:
        return inside(rates**2 * steps, steps >= 0, rates >= 0)
    if boundaries is None:
        knots = np.arange(len(rates) + 1.0)
    else:
        (inner,) = arrays(boundaries)
        if len(inner) != len(rates) - 1:
            raise ValueError(f"boundaries: {len(inner)} given, {len(rates)} rates take {len(rates) - 1}")
        knots = np.r_[0.0, inner, np.max(np.r_[steps.ravel(), inner, 0.0])]
    sums = np.r_[0.0, np.cumsum(rates**2 * np.diff(knots))]
    regime = np.all(rates >= 0) and np.all(np.diff(knots) >= 0)
    return inside(np.interp(steps, knots, sums), steps >= 0, steps <= knots[-1], regime)


def collapse_clock(
    steps: ArrayLike,
    rates: ArrayLike,
    sigma: ArrayLike,
    trace: ArrayLike,
    batch: ArrayLike = 1,
    boundaries: ArrayLike | None = None,
) -> Any:
    """Dimensionless clock on which runs of all rates should fall together, sum(eta^2) sigma^2 T/B.

    At a constant rate until the decay at T_d it is eta^2 sigma^2 T_d T/B. Arguments as in :func:`square_rate_sum`.
    Regime: small rates. Status: derived.
    """
    sigma, trace, batch = arrays(sigma, trace, batch)
    with np.errstate(all="ignore"):
        value = square_rate_sum(steps, rates, boundaries) * sigma**2 * trace / batch
        return inside(value, sigma >= 0, trace > 0, batch >= 1)


def _decay(b: Any, m: Any, trace: ArrayLike, power: ArrayLike, gamma: ArrayLike) -> Any:
    """Return -d log b per unit of (sigma^2/B) sum(eta^2); finite at b = 0."""
    s = m + b
    return s ** exponent(gamma) * trace_hessian_slope(s, trace, power, gamma) / (1.0 - kappa(gamma) * b / s)


def drift(
    b: ArrayLike,
    rate: ArrayLike,
    sigma: ArrayLike,
    m: ArrayLike,
    trace: ArrayLike,
    power: ArrayLike,
    gamma: ArrayLike,
    batch: ArrayLike = 1,
) -> Any:
    r"""Mean change of b per step along the manifold, at small rates.

    .. math:: \frac{db}{dk} = -\frac{\eta^2\sigma^2}{B}\,\frac{s^p\,G'(s)\,b}{1 - \kappa b/s}, \qquad s = m + b

    Gradient flow of (eta sigma^2/4B) tr(Hessian) on the manifold, in the metric of the weights. 0 at b = 0, gamma = 0
    or sigma = 0. Regime: eta times the largest eigenvalue of the Hessian well below 2; b >= 0, m > 0. Status: derived.
    """
    b, rate, sigma, m, batch, gamma = arrays(b, rate, sigma, m, batch, gamma)
    regime = (b >= 0) & (m > 0) & (rate >= 0) & (sigma >= 0) & (batch >= 1)
    with np.errstate(all="ignore"):
        return inside(-(rate**2) * sigma**2 / batch * b * _decay(b, m, trace, power, gamma), regime)


def drift_path(
    steps: ArrayLike,
    rates: ArrayLike,
    sigma: float,
    b0: float,
    m: float,
    trace: float,
    power: float,
    gamma: float,
    batch: float = 1,
    boundaries: ArrayLike | None = None,
) -> Any:
    """Solution b of :func:`drift` at the given steps, from b0 at step 0, under any schedule of rates.

    The equation is autonomous in the sum of eta^2, so b depends on the schedule through this number only. It is
    integrated in log b, to about 1e-8. From a start off the manifold, b0 is that of :func:`flow_end`, and the steps of
    phase I are neglected. Arguments as in :func:`square_rate_sum` and :func:`drift`; sigma and what follows are
    numbers. Returns the shape of ``steps``. Regime and status as :func:`drift`.
    """
    (steps,) = arrays(steps)
    clock = np.asarray(square_rate_sum(steps, rates, boundaries))
    if np.isnan(drift(b0, 0.0, sigma, m, trace, power, gamma, batch)) or not np.isfinite(clock).any():
        return np.full(steps.shape, np.nan)[()]
    clock = clock * sigma**2 / batch
    asked = np.unique(clock[np.isfinite(clock)])
    if b0 == 0 or asked[-1] == 0:
        return inside(np.full(steps.shape, float(b0)), np.isfinite(clock))

    def speed(_, log_b):
        return -_decay(np.exp(log_b), m, trace, power, gamma)

    solution = solve_ivp(speed, (0.0, asked[-1]), [np.log(b0)], "LSODA", t_eval=asked, rtol=1e-10, atol=1e-11)
    path = np.exp(np.interp(clock, solution.t, solution.y[0]))  # every finite entry of clock is in solution.t
    return inside(path, np.isfinite(clock), solution.success)


def late_rate(
    rate: ArrayLike,
    sigma: ArrayLike,
    m: ArrayLike,
    trace: ArrayLike,
    power: ArrayLike,
    gamma: ArrayLike,
    batch: ArrayLike = 1,
) -> Any:
    r"""Rate per step of the final exponential approach to the minimum-norm solution, -d log b/dk as b -> 0.

    .. math:: \frac{\eta^2\sigma^2}{B}\bigl[pT\,m^{2p-1} - (1-p)\,c\,m^{2p-2}\bigr]

    (eta^2 sigma^2/B)(T/2 - c/(2m)) for gamma = 1. Exponential for every gamma > 0; 0 for gamma = 0; negative where m is
    below :func:`lrtheory.theory.ren2024_manifold.flattest_s`, and then b rests where m + b is equal to it. Regime: as
    :func:`drift`, b much below m. Status: derived.
    """
    rate, sigma, m, batch, gamma = arrays(rate, sigma, m, batch, gamma)
    with np.errstate(all="ignore"):
        value = rate**2 * sigma**2 / batch * m ** exponent(gamma)
        value = value * trace_hessian_slope(m, trace, power, gamma)
        return inside(value, m > 0, rate >= 0, sigma >= 0, batch >= 1)


def early_b(
    steps: ArrayLike,
    rate: ArrayLike,
    sigma: ArrayLike,
    b0: ArrayLike,
    m: ArrayLike,
    trace: ArrayLike,
    gamma: ArrayLike,
    batch: ArrayLike = 1,
) -> Any:
    r"""Drift far from minimum norm, where db/dk = -a b^(2p) with a = (eta^2 sigma^2/B) pT (1 + gamma)^2.

    .. math:: b = \bigl[b_0^{1-2p} - (1-2p)\,ak\bigr]^{1/(1-2p)}, \qquad
              b = b_0 e^{-ak}\ (\gamma = 1,\ a = 2\eta^2\sigma^2T/B)

    gamma < 1: faster than exponential; gamma > 1: a power law, b ~ k^(-(1 + gamma)/(gamma - 1)); gamma = 0: none.
    Regime: b >= 10 (1 + gamma)^2 m, and T b well above c; the rate is too large by a relative order of
    gamma (gamma + 2) m/b, from the factor 1 - kappa b/s, which is itself small far out. Status: derived.
    """
    k, rate, sigma, b0, m, trace, gamma, batch = arrays(steps, rate, sigma, b0, m, trace, gamma, batch)
    with np.errstate(all="ignore"):
        p = exponent(gamma)
        a = rate**2 * sigma**2 / batch * p * trace * (1.0 + gamma) ** 2
        q = 1.0 - 2.0 * p
        near = np.abs(q) < 1e-9
        base = b0**q - q * a * k
        power_law = np.where(base > 0, base, np.nan) ** (1.0 / np.where(near, 1.0, q))
        b = np.where(near, b0 * np.exp(-a * k), power_law)
        regime = (k >= 0) & (rate >= 0) & (sigma >= 0) & (batch >= 1) & (trace > 0) & (gamma >= 0)
        return inside(b, regime, m > 0, b >= MUCH * (1.0 + gamma) ** 2 * m)


def early_slope(gamma: ArrayLike) -> Any:
    """Slope of log b against log k in the power law of gamma > 1, -(1 + gamma)/(gamma - 1). Status: derived."""
    (gamma,) = arrays(gamma)
    with np.errstate(all="ignore"):
        return inside(-(1.0 + gamma) / (gamma - 1.0), gamma > 1)
