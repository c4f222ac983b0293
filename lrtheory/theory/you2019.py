r"""Closed forms around learning-rate decay: complexity, what is transferred, and the two classical views of decay.

The view of gradient descent (LeCun et al. 1991; recalled) is :func:`factor` and :func:`regime`: along a
curvature an error is multiplied by 1 - eta lam a step. The view of SGD (Kleinberg, Li, Yuan 2018) is that of the
noise: on a quadratic its exact law (floors, ratios of floors, time constants, transients) stands in
:mod:`lrtheory.theory.quadratic`; here is what that lacks: the second moment about the minimum, averages of iterates,
Kleinberg's bound. A minimum with a spike beside it is in :mod:`lrtheory.theory.you2019_well`.

Symbols: ``rate`` eta (time per step), ``curvature`` lam, ``noise`` s (standard deviation of the gradient noise).
Outside its regime a number is NaN.

Reference: You, Long, Wang, Jordan 2019, arXiv 1908.01878. Status of each function is stated; none is a theorem of the
paper but the definition of complexity (recalled) and transferability (recalled).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lrtheory.theory import quadratic


def complexity(counts: Any) -> float:
    r"""Return the complexity of a set of patterns, in bits.

    .. math:: C = \mathbb{E}_y\,H(P(x \mid y)) = -\sum_{x, y} P(x, y) \log_2 P(x \mid y)

    Args:
        counts: how often each pattern occurs with each class, (patterns, classes), not all 0.

    Example:
        >>> complexity([[1, 0], [1, 0], [0, 1], [0, 1]])
        1.0

    Status: recalled (the definition).
    """
    joint = np.asarray(counts, float)
    joint = joint / joint.sum()
    given = joint / np.where(joint.sum(axis=0) > 0, joint.sum(axis=0), 1.0)
    seen = joint > 0
    return float(-(joint[seen] * np.log2(given[seen])).sum())


def transferability(target: Any, source: Any, least: float = 0.01) -> Any:
    r"""Return the transferability of what each stage of training added.

    .. math:: T_i = \frac{a^{\mathrm{target}}_i - a^{\mathrm{target}}_{i-1}}
                         {a^{\mathrm{source}}_i - a^{\mathrm{source}}_{i-1}}

    The source transfers to itself with T = 1. Where the source gains no more than ``least`` that is undefined: NaN.

    Args:
        target: accuracies in [0, 1] on the target after stages 0, 1, ..., n (0: before the first), (..., n + 1).
        source: the same on the source.
        least: gain of the source at and below which T is undefined, >= 0.

    Returns:
        T of stages 1, ..., n, (..., n).

    Example:
        >>> transferability([0.1, 0.5, 0.55, 0.56], [0.1, 0.6, 0.8, 0.805]).round(3).tolist()
        [0.8, 0.25, nan]

    Status: recalled (the formula), derived (the gate).
    """
    gained, spent = (np.diff(np.asarray(a, float), axis=-1) for a in (target, source))
    gained, spent = np.broadcast_arrays(gained, spent)
    # Differences of accuracies carry rounding: a gain of .51 - .5 is not above .01.
    known = spent > least + 1e-12
    return np.divide(gained, spent, out=np.full(spent.shape, np.nan), where=known)


# --- gradient descent along an eigenvalue -------------------------------------------------------------------


def factor(rate: Any, curvature: Any) -> Any:
    r"""Return what a step of gradient descent multiplies the error along a curvature by, :math:`1 - \eta\lambda`.

    Regime: lam > 0, eta >= 0. Status: recalled (LeCun et al. 1991; standard).

    Example:
        >>> factor(0.5, [1.0, 3.0]).tolist()
        [0.5, -0.5]
    """
    return quadratic.sgd_mean(1, rate, curvature, 1.0)


def regime(rate: Any, curvature: Any) -> Any:
    r"""Return how gradient descent moves along a curvature: ``monotone``, ``alternating`` or ``divergent``.

    Monotone where 0 < eta lam <= 1 (at 1 one step is enough), alternating where 1 < eta lam <= 2 (at 2 for ever,
    without approach), divergent above. Where nothing is predicted, an empty string.

    Regime: lam > 0, eta > 0. Status: recalled (LeCun et al. 1991; standard).

    Example:
        >>> regime([0.5, 1.5, 2.5], 1.0).tolist()
        ['monotone', 'alternating', 'divergent']
    """
    q = np.asarray(factor(rate, curvature))
    kinds = {"monotone": (q >= 0) & (q < 1), "alternating": (q < 0) & (q >= -1), "divergent": q < -1}
    return np.select(list(kinds.values()), list(kinds), "")[()]


# --- SGD on a quadratic: what lrtheory.theory.quadratic lacks ---------------------------------------------------


def second_moment(steps: Any, rate: Any, curvature: Any, noise: Any, mean0: Any, var0: Any = 0.0) -> Any:
    r"""Return the mean squared distance to the minimum along a direction after k steps of SGD at a constant rate.

    .. math:: E\,w_k^2 = q^{2k}\,(m_0^2 + v_0) + \eta^2 s^2\,\frac{1 - q^{2k}}{1 - q^2}, \qquad q = 1 - \eta\lambda

    Regime: lam > 0, any rate >= 0. Status: derived (the noise is independent of where it acts).

    Example:
        >>> float(second_moment(1, 0.5, 1.0, 0.2, mean0=1.0)), float(second_moment(10**6, 0.5, 1.0, 0.3, mean0=1.0))
        (0.26, 0.03)
    """
    mean = quadratic.sgd_mean(steps, rate, curvature, mean0)
    return mean**2 + quadratic.sgd_variance(steps, rate, curvature, noise, var0)


def averaged_variance(count: Any, rate: Any, curvature: Any, noise: Any, spacing: Any = 1) -> Any:
    r"""Return the variance of the average of n iterates, m steps apart, of SGD on its plateau.

    .. math:: \frac{v}{n}\left[\frac{1 + r}{1 - r} - \frac{2 r (1 - r^n)}{n (1 - r)^2}\right],
              \qquad r = (1 - \eta\lambda)^m, \quad v = \frac{\eta s^2}{\lambda(2 - \eta\lambda)}

    Averaging all of many iterates (m = 1) leaves s^2/(lam^2 n), whatever the rate. A mean over a time that is short
    against the time constant 1/(eta lam) leaves v.

    Regime: 0 < eta lam < 2, n >= 1, m >= 1. Accurate to 1e-6. Status: derived (variance of a mean of an AR(1) process).

    Example:
        >>> float(averaged_variance(1, 0.5, 1.0, 0.3)), round(1e6 * float(averaged_variance(10**6, 0.5, 1.0, 0.3)), 4)
        (0.03, 0.09)
    """
    v = np.asarray(quadratic.stationary_variance(rate, curvature, noise))
    n, m, eta, lam = (np.asarray(a, float) for a in (count, spacing, rate, curvature))
    with np.errstate(all="ignore"):
        x = eta * lam
        log_size = m * np.where(x < 1, np.log1p(-x), np.log(np.abs(1.0 - x)))
        odd = (x > 1) & (m % 2 == 1)
        r = np.where(odd, -1.0, 1.0) * np.exp(log_size)
        one_less = np.where(odd, 1.0 - r, -np.expm1(log_size))
        whole = np.where(odd & (n % 2 == 1), 1.0 + np.exp(n * log_size), -np.expm1(n * log_size))
        bracket = (1.0 + r) / one_less - 2.0 * r * whole / (n * one_less**2)
        # Where n iterates are all but the same the two terms cancel: one term of the series in n (1 - r) is left.
        bracket = np.where(n * one_less < 1e-4, n - (n**2 - 1.0) * one_less / 3.0, bracket)
        return np.where((n >= 1) & (m >= 1), v / n * bracket, np.nan)[()]


# --- Kleinberg, Li, Yuan 2018 -----------------------------------------------------------------------------------


def kleinberg_contraction(rate: Any, convexity: Any, smoothness: Any) -> Any:
    r"""Return Kleinberg's contraction a step of the squared distance, :math:`\rho = 2\eta c - \eta^2 L^2`.

    With y = x - eta grad f(x), SGD is gradient descent on f smoothed by its own noise eta omega. What is asked is that
    the smoothed function points to x* from everywhere near,

    .. math:: \langle -\nabla E_\omega f(y - \eta\omega),\, x^* - y\rangle \ge c\,\|x^* - y\|^2

    Regime: rho > 0, which is eta < 2 c/L^2, far below the stable 2/L where c is far below L. Status: recalled.

    Args:
        rate: eta.
        convexity: c > 0, of the *smoothed* function.
        smoothness: L > 0, the largest curvature of f itself, spikes included.

    Example:
        >>> kleinberg_contraction([0.01, 0.02], 1.0, 10.0).round(3).tolist()
        [0.01, nan]
    """
    eta, c, smooth = (np.asarray(a, float) for a in (rate, convexity, smoothness))
    rho = 2 * eta * c - (eta * smooth) ** 2
    return np.where((c > 0) & (smooth > 0) & (rho > 0), rho, np.nan)[()]


def kleinberg_noise(rate: Any, smoothness: Any, radius: Any) -> Any:
    r"""Return Kleinberg's bound of the noise in a step, :math:`B = \eta^2 R^2 (1 + \eta L)^2`.

    Regime: eta >= 0, L > 0, R >= 0. Status: recalled.

    Args:
        rate: eta.
        smoothness: L.
        radius: R, the largest gradient noise. For the mean squared distance on a quadratic R^2 = E omega^2 is enough
            (derived).

    Example:
        >>> round(float(kleinberg_noise(0.1, 10.0, 0.5)), 9)
        0.01
    """
    eta, smooth, r = (np.asarray(a, float) for a in (rate, smoothness, radius))
    return np.where((eta >= 0) & (smooth > 0) & (r >= 0), (eta * r * (1 + eta * smooth)) ** 2, np.nan)[()]


def kleinberg_distance(rate: Any, convexity: Any, smoothness: Any, radius: Any) -> Any:
    r"""Return Kleinberg's final squared distance to x*, :math:`B/\rho`, about eta R^2/(2c) at small rates.

    It is a scale: the source has a constant in front, which is not known here. On a quadratic (c = L = lam) it bounds
    the stationary variance of SGD, and is that variance in the limit of small rates (derived).

    Regime: rho > 0. Status: recalled.

    Example:
        >>> round(float(kleinberg_distance(1e-4, 1.0, 1.0, 0.5) / (1e-4 * 0.25 / 2)), 3)
        1.0
    """
    return kleinberg_noise(rate, smoothness, radius) / kleinberg_contraction(rate, convexity, smoothness)
