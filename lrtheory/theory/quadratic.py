r"""The noisy quadratic: every law in closed form.

In the eigenbasis of the Hessian, with curvatures lam_i > 0,

.. math:: L(w) = \tfrac12 \sum_i \lambda_i w_i^2, \qquad
          w_i \leftarrow w_i - \eta_k (\lambda_i w_i + \xi_i), \quad
          \xi_i \sim N(0, s_i^2) \text{ afresh each step.}

The directions do not interact, so every function here speaks of one direction and broadcasts over arrays.
From a Gaussian (or fixed) start w_i stays Gaussian: mean and variance are the whole law.

Symbols: ``rate`` eta (time per step), ``curvature`` lam, ``noise`` s (standard deviation of the gradient
noise), ``steps`` k (number of steps), ``mean0``, ``var0`` the law at step 0. All arithmetic is float64.

Outside its regime a prediction is NaN. For all of them: curvature > 0, rate >= 0, noise >= 0, steps >= 0;
stationary laws of the discrete dynamics ask for 0 < eta lam < 2 besides. Transients hold at any rate, above
the threshold too.

The laws are standard (AR(1) and Ornstein-Uhlenbeck processes); as a noise floor of learning-rate decay they
were set down for the setting of You, Long, Wang, Jordan 2019 (derived).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


def _arrays(*values: ArrayLike) -> tuple[Array, ...]:
    return tuple(np.asarray(v, dtype=np.float64) for v in values)


def _where(regime: Any, value: Any) -> Any:
    """Return ``value`` inside the regime and NaN outside; a float for scalar input."""
    return np.where(regime, value, np.nan)[()]


def label_noise_std(curvature: ArrayLike, sigma: ArrayLike, batch: ArrayLike = 1) -> Any:
    r"""Gradient noise of least squares with fresh label noise: s = sigma sqrt(lam / B).

    Labels y = x.w* + sigma * N(0, 1) drawn afresh each step on B fixed inputs whose second moment is
    H = X^T X / B give the gradient H (w - w*) - X^T eps / B, whose noise has covariance sigma^2 H / B: diagonal with
    H. (Inputs that are drawn afresh add a multiplicative part, which this law leaves out.)

    Regime: lam > 0, sigma >= 0, B > 0. Reference: standard.

    Example:
        >>> float(label_noise_std(4.0, sigma=0.5, batch=100))
        0.1
    """
    lam, sigma, batch = _arrays(curvature, sigma, batch)
    with np.errstate(all="ignore"):
        return _where((lam > 0) & (sigma >= 0) & (batch > 0), sigma * np.sqrt(lam / batch))


def stability_threshold(curvature: ArrayLike) -> float:
    """Largest stable rate of the discrete dynamics, 2 / max(lam); at and above it nothing is stationary.

    Regime: all lam > 0. The flow and the SDE have no such threshold. Reference: standard.

    Example:
        >>> stability_threshold([0.1, 4.0])
        0.5
    """
    (lam,) = _arrays(curvature)
    return float(2.0 / lam.max()) if np.all(lam > 0) else float("nan")


# --- gradient descent and SGD -------------------------------------------------------------------------------


def sgd_mean(steps: ArrayLike, rate: ArrayLike, curvature: ArrayLike, mean0: ArrayLike) -> Any:
    r"""Mean of w after k steps at a constant rate: (1 - eta lam)^k mean0. With no noise this is gradient descent.

    Regime: any rate >= 0, also above the threshold, where it grows. Reference: standard.
    """
    k, eta, lam, mean0 = _arrays(steps, rate, curvature, mean0)
    with np.errstate(all="ignore"):
        return _where((lam > 0) & (eta >= 0) & (k >= 0), (1.0 - eta * lam) ** k * mean0)


def sgd_variance(
    steps: ArrayLike, rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike, var0: ArrayLike = 0.0
) -> Any:
    r"""Variance of w after k steps of SGD at a constant rate.

    .. math:: q^{2k} v_0 + \eta^2 s^2 \frac{1 - q^{2k}}{1 - q^2}, \qquad q = 1 - \eta\lambda

    At q^2 = 1 the fraction is k (a random walk). Regime: any rate >= 0. Reference: standard (AR(1)).
    """
    k, eta, lam, s, v0 = _arrays(steps, rate, curvature, noise, var0)
    with np.errstate(all="ignore"):
        x = eta * lam * (2.0 - eta * lam)  # 1 - q^2 without cancellation
        decay = np.where(k == 0, 1.0, np.exp(k * np.log1p(-x)))
        # expm1 keeps the digits of 1 - q^(2k) for small x, where q^(2k) is close to 1
        total = np.where(k == 0, 0.0, np.where(x == 0, k, -np.expm1(k * np.log1p(-x)) / np.where(x == 0, 1.0, x)))
        value = decay * v0 + np.where(s == 0, 0.0, (eta * s) ** 2 * total)
        return _where((lam > 0) & (eta >= 0) & (s >= 0) & (k >= 0) & (v0 >= 0), value)


def sgd_moments(
    rates: ArrayLike, curvature: ArrayLike, noise: ArrayLike, mean0: ArrayLike, var0: ArrayLike = 0.0
) -> tuple[Array, Array]:
    r"""Mean and variance of w along any sequence of rates, at every step.

    .. math:: m_K = m_0 \prod_{k<K} q_k, \qquad
              v_K = v_0 \prod_{k<K} q_k^2 + \sum_{k<K} \eta_k^2 s^2 \prod_{k<j<K} q_j^2, \qquad
              q_k = 1 - \eta_k\lambda

    summed by its recursion. Regime: any rates >= 0. Reference: standard.

    Args:
        rates: shape (K,), the rate of step 0, 1, ..., K-1.
        curvature: lam, shape (...), as ``noise``, ``mean0`` and ``var0`` up to broadcasting.
        noise: s.
        mean0: mean at step 0.
        var0: variance at step 0.

    Returns:
        mean and variance, each of shape (K + 1, ...); entry k is the law before step k.
    """
    return em_moments(rates, curvature, noise, mean0, var0, substeps=1)


def stationary_variance(rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike) -> Any:
    r"""Stationary variance of SGD, eta s^2 / (lam (2 - eta lam)).

    Regime: 0 < eta lam < 2. Reference: standard; You et al. 2019 setting (derived).

    Example:
        >>> float(stationary_variance(1.0, 1.0, 0.5)), float(stationary_variance(2.0, 1.0, 0.5))
        (0.25, nan)
    """
    return em_stationary_variance(rate, curvature, noise, substeps=1)


def plateau(rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike) -> Any:
    r"""Stationary expected loss of SGD in each direction, lam v / 2 = eta s^2 / (2 (2 - eta lam)).

    The loss is the sum over directions. For eta lam << 1 each holds eta s^2 / 4, whatever its curvature; at
    the threshold it grows without bound. Regime: 0 < eta lam < 2. Reference: standard; You et al. 2019
    setting (derived).
    """
    (lam,) = _arrays(curvature)
    return 0.5 * lam * stationary_variance(rate, lam, noise)


def expected_loss(mean: ArrayLike, variance: ArrayLike, curvature: ArrayLike) -> Any:
    r"""Sum the expected loss over directions (the last axis): sum of lam (m^2 + v) / 2."""
    m, v, lam = _arrays(mean, variance, curvature)
    return np.sum(0.5 * lam * (m**2 + v), axis=-1)


def loss_variance(mean: ArrayLike, variance: ArrayLike, curvature: ArrayLike) -> Any:
    r"""Variance of the loss over seeds for Gaussian w, summed over directions (the last axis).

    .. math:: \tfrac12 \sum_i \lambda_i^2 (v_i^2 + 2 m_i^2 v_i)
    """
    m, v, lam = _arrays(mean, variance, curvature)
    return np.sum(0.5 * lam**2 * (v**2 + 2.0 * m**2 * v), axis=-1)


def relaxation_steps(rate: ArrayLike, curvature: ArrayLike) -> Any:
    r"""Time constant of the mean in steps, -1 / log|1 - eta lam|; the variance needs half of it.

    About 1 / (eta lam) at small rates; 0 at eta lam = 1, where one step is enough.
    Regime: 0 < eta lam < 2. Reference: standard.
    """
    eta, lam = _arrays(rate, curvature)
    with np.errstate(all="ignore"):
        x = eta * lam
        # log1p keeps the digits at small rates; at x = 1 the logarithm is -inf and the answer 0
        return _where((lam > 0) & (x > 0) & (x < 2), -1.0 / np.where(x < 1, np.log1p(-x), np.log(np.abs(1.0 - x))))


# --- annealing ----------------------------------------------------------------------------------------------


def annealed_variance(
    steps: ArrayLike, rate: ArrayLike, annealed_rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike
) -> Any:
    r"""Variance k steps after the rate was cut, from the stationary law of the old rate.

    .. math:: v_2 + (v_1 - v_2)(1 - \eta_2\lambda)^{2k}, \qquad
              v_i = \frac{\eta_i s^2}{\lambda(2 - \eta_i\lambda)}

    It falls with the time constant 1 / (2 eta2 lam) of the *new* rate. Regime: 0 < eta_i lam < 2, both.
    Reference: standard; You et al. 2019 setting (derived).
    """
    v1 = stationary_variance(rate, curvature, noise)
    v2 = stationary_variance(annealed_rate, curvature, noise)
    k, eta2, lam = _arrays(steps, annealed_rate, curvature)
    with np.errstate(all="ignore"):
        return _where(k >= 0, v2 + (v1 - v2) * (1.0 - eta2 * lam) ** (2.0 * k))


def annealing_gain(rate: ArrayLike, annealed_rate: ArrayLike, curvature: ArrayLike) -> Any:
    r"""Ratio of the plateaus before and after annealing in one direction, independent of the noise.

    .. math:: \frac{\eta_1 (2 - \eta_2\lambda)}{\eta_2 (2 - \eta_1\lambda)}

    At least eta1 / eta2, and more than that near the threshold. Regime: 0 < eta_i lam < 2. Reference:
    derived.
    """
    return stationary_variance(rate, curvature, 1.0) / stationary_variance(annealed_rate, curvature, 1.0)


# --- the SDE, its Euler-Maruyama scheme, and the flow -------------------------------------------------------


def flow(time: ArrayLike, curvature: ArrayLike, w0: ArrayLike) -> Any:
    r"""Gradient flow, and the mean of the SDE: w(t) = exp(-lam t) w0.

    Regime: lam > 0, t >= 0. Reference: standard.
    """
    t, lam, w0 = _arrays(time, curvature, w0)
    return _where((lam > 0) & (t >= 0), np.exp(-lam * t) * w0)


def sde_variance(
    time: ArrayLike, rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike, var0: ArrayLike = 0.0
) -> Any:
    r"""Variance at time t of dw = -lam w dt + sqrt(eta) s dB at a constant rate.

    .. math:: e^{-2\lambda t} v_0 + \frac{\eta s^2}{2\lambda} (1 - e^{-2\lambda t})

    Regime: any rate >= 0, no threshold. Reference: standard (Ornstein-Uhlenbeck).
    """
    t, eta, lam, s, v0 = _arrays(time, rate, curvature, noise, var0)
    with np.errstate(all="ignore"):
        value = np.exp(-2 * lam * t) * v0 - eta * s**2 / (2 * lam) * np.expm1(-2 * lam * t)
        return _where((lam > 0) & (eta >= 0) & (s >= 0) & (t >= 0) & (v0 >= 0), value)


def sde_moments(
    rates: ArrayLike, curvature: ArrayLike, noise: ArrayLike, mean0: ArrayLike, var0: ArrayLike = 0.0
) -> tuple[Array, Array]:
    """Mean and variance of the SDE on the clock of the discrete laws: step k lasts the time eta_k.

    Shapes as in :func:`sgd_moments`. Regime: any rates >= 0. Reference: standard (Ornstein-Uhlenbeck).
    """
    rates, lam, s, mean0, var0 = _arrays(rates, curvature, noise, mean0, var0)
    mean, var = [mean0], [var0]
    for eta in rates:
        mean.append(flow(eta, lam, mean[-1]))
        var.append(sde_variance(eta, eta, lam, s, var[-1]))
    return _stacked(mean, var, lam, s)


def sde_stationary_variance(rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike) -> Any:
    r"""Stationary variance of the SDE, eta s^2 / (2 lam).

    Regime as a law of the SDE: every rate > 0. As an approximation to SGD it is too small by the factor
    :func:`sgd_to_sde`, and misses the threshold. Reference: standard.
    """
    eta, lam, s = _arrays(rate, curvature, noise)
    with np.errstate(all="ignore"):
        return _where((lam > 0) & (eta > 0) & (s >= 0), eta * s**2 / (2.0 * lam))


def sde_plateau(rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike) -> Any:
    r"""Stationary expected loss of the SDE in each direction: eta s^2 / 4, whatever the curvature.

    Regime: every rate > 0. Reference: standard.
    """
    (lam,) = _arrays(curvature)
    return 0.5 * lam * sde_stationary_variance(rate, lam, noise)


def sgd_to_sde(rate: ArrayLike, curvature: ArrayLike) -> Any:
    r"""Stationary variance of SGD over that of its SDE limit, 2 / (2 - eta lam): how the SDE fails.

    Regime: 0 < eta lam < 2. Reference: derived from the two laws.
    """
    return stationary_variance(rate, curvature, 1.0) / sde_stationary_variance(rate, curvature, 1.0)


def em_moments(
    rates: ArrayLike,
    curvature: ArrayLike,
    noise: ArrayLike,
    mean0: ArrayLike,
    var0: ArrayLike = 0.0,
    *,
    substeps: int,
) -> tuple[Array, Array]:
    r"""Mean and variance of Euler-Maruyama with n substeps of h = eta / n a step, at every whole step.

    A substep is :math:`w \leftarrow (1 - h\lambda) w - \sqrt{\eta h}\,\xi`. n = 1 is SGD; n to infinity is
    the SDE. Shapes as in :func:`sgd_moments`. Regime: any rates >= 0. Reference: derived.
    """
    rates, lam, s, mean0, var0 = _arrays(rates, curvature, noise, mean0, var0)
    mean, var = [mean0], [var0]
    for eta in rates:
        # n substeps at h with noise sqrt(n) s have the law of n SGD steps at rate h
        h = eta / substeps
        mean.append(sgd_mean(substeps, h, lam, mean[-1]))
        var.append(sgd_variance(substeps, h, lam, np.sqrt(substeps) * s, var[-1]))
    return _stacked(mean, var, lam, s)


def em_stationary_variance(rate: ArrayLike, curvature: ArrayLike, noise: ArrayLike, *, substeps: int) -> Any:
    r"""Stationary variance of Euler-Maruyama with n substeps, eta s^2 / (lam (2 - eta lam / n)).

    Regime: 0 < eta lam < 2 n. The distance to the SDE falls as 1/n: weak order 1. Reference: derived.
    """
    eta, lam, s = _arrays(rate, curvature, noise)
    with np.errstate(all="ignore"):
        x = eta * lam / substeps
        return _where((lam > 0) & (x > 0) & (x < 2) & (s >= 0), eta * s**2 / (lam * (2.0 - x)))


def _stacked(mean: list, var: list, *shapes: Array) -> tuple[Array, Array]:
    """Stack moments over steps; the entries at step 0 may have a smaller shape than the later ones."""
    shape = np.broadcast_shapes(*(np.shape(x) for x in (mean[0], var[0], mean[-1], var[-1], *shapes)))
    return (
        np.stack([np.broadcast_to(m, shape) for m in mean]),
        np.stack([np.broadcast_to(v, shape) for v in var]),
    )
