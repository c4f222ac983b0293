r"""The toy function of scale-invariant groups on a sphere: threshold, orbit and plateau in closed form.

.. math:: F = \sum_i \alpha_i \frac{x_i^2}{x_i^2 + y_i^2} = \sum_i \alpha_i \sin^2\varphi_i, \qquad
          (x_i, y_i) = \rho_i (\sin\varphi_i, \cos\varphi_i), \quad \sum_i \rho_i^2 = 1

n groups of two weights, each scale-invariant, on one unit sphere; gamma_i = alpha_i |sin 2 phi_i|. No noise: all the
disorder is that of gradient descent at a large rate.

Symbols: ``alpha`` (n,) > 0, A = sum(alpha), ``angles`` phi (..., n) radians, ``shares`` rho_i^2 (..., n), ``rate`` eta
(time per step), ``load`` k = eta A. At k = 1 convergence ends; up to k = 1.6 (LAST_ORBIT) runs end on an orbit of
period 2; from about 1.8 on they are chaotic. All arithmetic is float64. Outside its regime a prediction is NaN.

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113; Kodryan et al. 2022, arXiv
2209.03695. The function is recalled; its laws are derived for lrtheory, and are not statements of the paper.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lrtheory.theory.sadrtdinov2024 import Array, arrays, exchange, inside, on_simplex

LAST_ORBIT = 1.6  # largest load up to which the orbit of period 2 is what runs end on


def value(angles: ArrayLike, alpha: ArrayLike) -> Any:
    """Toy function F = sum(alpha_i sin^2 phi_i), shape (..., n) to (...). Regime: alpha > 0. Status: recalled.

    Example:
        >>> round(float(value([0.0, np.pi / 2], [1.0, 3.0])), 6)
        3.0
    """
    phi, alpha = arrays(angles, alpha)
    return inside(np.sum(alpha * np.sin(phi) ** 2, axis=-1), np.all(alpha > 0, axis=-1))


def step(angles: ArrayLike, shares: ArrayLike, rate: float, alpha: ArrayLike) -> tuple[Array, Array]:
    r"""Angles and shares after one step of gradient descent on the sphere.

    .. math:: \varphi_i \leftarrow \varphi_i - \arctan(\kappa_i \sin 2\varphi_i), \qquad
              \kappa_i = \eta\alpha_i/\rho_i^2

    and the shares by :func:`lrtheory.theory.sadrtdinov2024.exchange` with s_i = kappa_i sin 2 phi_i. Shapes (..., n).
    Exact. Regime: rate >= 0, alpha > 0, shares positive with sum 1. Status: derived.

    Example:
        >>> angles, shares = step([0.25 * np.pi, 0.0], [0.5, 0.5], 0.5, [1.0, 1.0])
        >>> angles.round(6).tolist(), shares.round(6).tolist()
        ([0.0, 0.0], [0.666667, 0.333333])
    """
    phi, u, alpha = arrays(angles, shares, alpha)
    with np.errstate(all="ignore"):
        s = rate * alpha / u * np.sin(2.0 * phi)
        regime = on_simplex(u) & np.all(alpha > 0) & (rate >= 0)
        return inside(phi - np.arctan(s), regime), inside(exchange(u, s), regime)


def load(rate: ArrayLike, alpha: ArrayLike) -> Any:
    """Load k = eta sum(alpha), on which the regime depends; ``rate`` any shape. Regime: rate >= 0, alpha > 0.

    Status: derived.

    Example:
        >>> float(load(0.5, [1.0, 3.0]))
        2.0
    """
    eta, alpha = arrays(rate, alpha)
    return inside(eta * np.sum(alpha), eta >= 0, np.all(alpha > 0))


def threshold(alpha: ArrayLike) -> Any:
    """Rate below which a stable minimum exists, 1/A: the convergence threshold. Regime: alpha > 0.

    Status: derived.

    Example:
        >>> float(threshold([1.0, 3.0]))
        0.25
    """
    (alpha,) = arrays(alpha)
    with np.errstate(all="ignore"):
        return inside(1.0 / np.sum(alpha), np.all(alpha > 0))


def smallest_shares(rate: float, alpha: ArrayLike) -> Any:
    """Lower bounds eta alpha_i on the shares of a minimum on which a run rests, shape (n,).

    Their sum is k, so there is room for them only below the threshold. Regime: 0 < k < 1. Status: derived.

    Example:
        >>> smallest_shares(0.125, [1.0, 3.0]).tolist()
        [0.125, 0.375]
    """
    (alpha,) = arrays(alpha)
    k = load(rate, alpha)
    return inside(rate * alpha, k > 0, k < 1)


def sharpness(shares: ArrayLike, alpha: ArrayLike) -> Any:
    """Largest eigenvalue of the Hessian on the sphere at a minimum, max of 2 alpha_i/rho_i^2; (..., n) to (...).

    Stable minima have at most 2/eta, and none has less than 2A, with shares alpha_i/A. Regime: angles 0, alpha > 0,
    shares positive with sum 1. Status: derived.

    Example:
        >>> float(sharpness([0.5, 0.5], [1.0, 3.0])), float(sharpness([0.25, 0.75], [1.0, 3.0]))
        (12.0, 8.0)
    """
    u, alpha = arrays(shares, alpha)
    with np.errstate(all="ignore"):
        largest = np.max(2.0 * alpha / u, axis=-1)
        return inside(largest, on_simplex(u)[..., 0], np.all(alpha > 0, axis=-1))


def multipliers(shares: ArrayLike, rate: float, alpha: ArrayLike) -> Any:
    """Factors 1 - 2 eta alpha_i/rho_i^2 by which a step multiplies small angles at a minimum, shape (..., n).

    The minimum is stable if all lie above -1, which is rho_i^2 > eta alpha_i. Regime: angles near 0, rate >= 0, alpha
    > 0, shares positive with sum 1. Status: derived.

    Example:
        >>> multipliers([0.5, 0.5], 0.25, [1.0, 3.0]).tolist()
        [0.0, -2.0]
    """
    u, alpha = arrays(shares, alpha)
    with np.errstate(all="ignore"):
        return inside(1.0 - 2.0 * rate * alpha / u, on_simplex(u), np.all(alpha > 0), rate >= 0)


def orbit_angle(rate: ArrayLike, alpha: ArrayLike) -> Any:
    """Angle of the orbit of period 2, phi_i = +- arccos(1/k)/2: every step changes the sign of each angle.

    Each group has a sign of its own. The orbit solves the dynamics for every k > 1; up to k = 1.6 runs end on it, or
    on a longer orbit around it. Differences between groups are neutral to first order: their multipliers are
    exp(+-i theta), theta = 2 arccos(1/k), so the approach is slow, and just above the resonances k = 1/cos(pi/p) (1.155
    and 1.236 for p = 6 and 5, among others) orbits of longer periods take over: with five groups from one random start
    in five at k = 1.2, from most at 1.26, from none at 1.3 and 1.4. Regime: k > 1. Status: derived.

    Example:
        >>> round(float(orbit_angle(0.5, [1.0, 3.0])), 6)
        0.523599
    """
    k = load(rate, alpha)
    with np.errstate(all="ignore"):
        return inside(0.5 * np.arccos(1.0 / k), k > 1)


def orbit_tangent(rate: ArrayLike, alpha: ArrayLike) -> Any:
    """Tangent of the turn per step on the orbit of period 2, the same for all groups: s^2 = k^2 - 1.

    Regime: k > 1, see :func:`orbit_angle`. Status: derived.

    Example:
        >>> float(orbit_tangent(1.25, [1.0]))
        0.75
    """
    k = load(rate, alpha)
    with np.errstate(all="ignore"):
        return inside(np.sqrt(k**2 - 1.0), k > 1)


def orbit_shares(rate: float, alpha: ArrayLike) -> Any:
    """Shares of the orbit of period 2, rho_i^2 = alpha_i/A at any load, shape (n,): those of the flattest minimum.

    Means over time of chaotic runs are flatter, clearly so from k = 3 on. Regime: k > 1, see :func:`orbit_angle`.
    Status: derived.

    Example:
        >>> orbit_shares(0.375, [1.0, 3.0]).tolist()
        [0.25, 0.75]
    """
    (alpha,) = arrays(alpha)
    return inside(alpha / np.sum(alpha), load(rate, alpha) > 1)


def plateau(rate: ArrayLike, alpha: ArrayLike) -> Any:
    """Value of F on the plateau above the threshold, (A - 1/eta)/2.

    Exact on the orbit of period 2; on the longer orbits of :func:`orbit_angle` F is lower by up to 1 %; in the chaotic
    regime the mean over time is within 4 %. Regime: k > 1 (below, a run converges to F = 0). Status: derived.

    Example:
        >>> float(plateau(0.5, [1.0, 3.0])), float(plateau(0.125, [1.0, 3.0]))
        (1.0, nan)
    """
    eta, alpha = arrays(rate, alpha)
    with np.errstate(all="ignore"):
        return inside(0.5 * (np.sum(alpha) - 1.0 / eta), load(eta, alpha) > 1)


def random_value(alpha: ArrayLike) -> Any:
    """Mean of F at infinite rate, A/2: that of a random point. The plateau is below by the factor 1 - 1/k.

    Regime: alpha > 0. Status: derived.

    Example:
        >>> float(random_value([1.0, 3.0]))
        2.0
    """
    (alpha,) = arrays(alpha)
    return inside(0.5 * np.sum(alpha), np.all(alpha > 0))
