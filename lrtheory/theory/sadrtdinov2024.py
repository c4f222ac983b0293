r"""Scale-invariant weights on a sphere: turning, exchange of norm between groups, and equilibrium under weight decay.

The weights are n groups theta_i, and the loss does not change when any one group is scaled. SGD on the sphere is

.. math:: \theta \leftarrow R\,\frac{\theta - \eta g}{\|\theta - \eta g\|}, \qquad
          \|\theta\|^2 = \sum_i \rho_i^2 = R^2,\quad \rho_i = \|\theta_i\|

Symbols: ``rate`` eta (time per step), ``radius`` R, ``norm`` rho, ``gradient_norm`` |g|, ``shares`` rho_i^2/R^2 (they
sum to 1), ``gamma`` rho_i |g_i|, which does not depend on the norms, ``tangents`` s_i = eta |g_i|/rho_i = eta
gamma_i/rho_i^2, ``decay`` the coefficient lam of weight decay (the gradient gains lam theta), ELR eta/rho^2. Groups are
the last axis; functions of numbers broadcast. All arithmetic is float64. Outside its regime a prediction is NaN;
everywhere rates >= 0, norms > 0, gradient norms >= 0, and shares are positive and sum to 1.

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113; Kodryan et al. 2022, arXiv
2209.03695. The step and the ELR are the paper's; what is marked derived was worked out for lrtheory and is no statement
of the paper. The toy function is in :mod:`lrtheory.theory.sadrtdinov2024_toy`, measures of basins, features and regimes
are in :mod:`lrtheory.theory.sadrtdinov2024_measures`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray

SMALL = 0.1  # laws of weight decay are returned up to this eta lam; their relative error is of its order


def arrays(*values: ArrayLike) -> tuple[Array, ...]:
    """Return the values as float64 arrays."""
    return tuple(np.asarray(v, dtype=np.float64) for v in values)


def inside(value: Any, *conditions: Any) -> Any:
    """Return ``value`` where every condition holds and NaN elsewhere; a float for scalars."""
    regime = np.asarray(True)
    for condition in conditions:
        regime = regime & np.asarray(condition)
    return np.where(regime, value, np.nan)[()]


def on_simplex(shares: Array) -> Array:
    """Say whether shares are positive and sum to 1, shape (..., 1), to 1e-9."""
    total = np.sum(shares, axis=-1, keepdims=True)
    return np.all(shares > 0, axis=-1, keepdims=True) & (np.abs(total - 1.0) <= 1e-9)


# --- exact invariances and the effective rate ---------------------------------------------------------------


def effective_rate(rate: ArrayLike, radius: ArrayLike) -> Any:
    """Effective learning rate ELR = eta/R^2; runs of equal ELR have equal directions.

    Regime: rate >= 0, radius > 0. Status: paper (eta = ELR R^2, the reported rate is the effective one).

    Example:
        >>> float(effective_rate(7.84, 28.0))
        0.01
    """
    eta, r = arrays(rate, radius)
    with np.errstate(all="ignore"):
        return inside(eta / r**2, eta >= 0, r > 0)


def matching_rate(rate: ArrayLike, radius: ArrayLike, other: ArrayLike) -> Any:
    """Rate at norm ``other`` that turns the weights as ``rate`` does at norm ``radius``: eta (other/R)^2.

    With it at every step, other = the norm reached, free scale-invariant SGD has the directions of SGD on the sphere
    of ``radius``, for any number of groups. Regime: rate >= 0, both norms > 0. Status: derived.

    Example:
        >>> float(matching_rate(0.01, 1.0, 28.0))
        7.84
    """
    (other,) = arrays(other)
    with np.errstate(all="ignore"):
        return inside(effective_rate(rate, radius) * other**2, other > 0)


def scaled_gradient(gradient: ArrayLike, factor: ArrayLike) -> Any:
    """Gradient at c theta from the one at theta, g(c theta) = g(theta)/c; group by group for one factor a group.

    Args:
        gradient: any shape.
        factor: c > 0, broadcast against ``gradient``.

    Regime: c > 0. Status: derived.

    Example:
        >>> scaled_gradient([3.0, -1.0], 2.0).tolist()
        [1.5, -0.5]
    """
    g, c = arrays(gradient, factor)
    with np.errstate(all="ignore"):
        return inside(g / c, c > 0)


def radial_cosine(weights: ArrayLike, gradient: ArrayLike) -> Any:
    """Cosine between weights and gradient over the last axis, which is 0 for each scale-invariant group.

    A check: what it returns for a measured gradient is the error of that gradient. Shapes (..., d) to (...). Regime:
    both non-zero. Status: derived (g_i is orthogonal to theta_i).

    Example:
        >>> radial_cosine([[1.0, 2.0], [1.0, 0.0]], [[-4.0, 2.0], [3.0, 4.0]]).tolist()
        [0.0, 0.6]
    """
    w, g = arrays(weights, gradient)
    with np.errstate(all="ignore"):
        sizes = np.linalg.norm(w, axis=-1) * np.linalg.norm(g, axis=-1)
        return inside(np.sum(w * g, axis=-1) / sizes, sizes > 0)


# --- one step -----------------------------------------------------------------------------------------------


def sphere_step(weights: ArrayLike, gradient: ArrayLike, rate: ArrayLike, radius: ArrayLike = 1.0) -> Any:
    """Weights after one step on the sphere, R (theta - eta g)/|theta - eta g|, shape (..., d) as ``weights``.

    The last axis is the concatenation of all the groups: a projection of each by itself is another method. Regime:
    rate >= 0, radius > 0, theta - eta g not 0. Status: paper.

    Args:
        weights: theta, shape (..., d).
        gradient: g, shape (..., d).
        rate: eta, a number.
        radius: R, a number.

    Example:
        >>> sphere_step([0.6, 0.8], [0.6, -1.2], 1.0).tolist()
        [0.0, 1.0]
    """
    w, g, eta, r = arrays(weights, gradient, rate, radius)
    with np.errstate(all="ignore"):
        moved = w - eta * g
        size = np.linalg.norm(moved, axis=-1, keepdims=True)
        return inside(moved / size * r, size > 0, eta >= 0, r > 0)


def tangent(rate: ArrayLike, gradient_norm: ArrayLike, norm: ArrayLike) -> Any:
    """Tangent of the angle by which a step turns a group, s_i = eta |g_i|/rho_i = eta gamma_i/rho_i^2.

    Regime: rate >= 0, gradient_norm >= 0, norm > 0. Status: derived.

    Example:
        >>> float(tangent(0.1, 5.0, 0.25))
        2.0
    """
    eta, g, rho = arrays(rate, gradient_norm, norm)
    with np.errstate(all="ignore"):
        return inside(eta * g / rho, eta >= 0, g >= 0, rho > 0)


def turn(rate: ArrayLike, gradient_norm: ArrayLike, norm: ArrayLike) -> Any:
    """Angle in radians by which a step turns a group, arctan(s_i); below pi/2 at any rate.

    For the whole, arctan(eta |g|/R), arctan(eta |g|) at R = 1. Exact, on the sphere and off it. Regime: as
    :func:`tangent`. Status: derived.

    Example:
        >>> round(float(turn(0.1, 10.0, 1.0)), 6)
        0.785398
    """
    return np.arctan(tangent(rate, gradient_norm, norm))[()]


def free_norm(norm: ArrayLike, gradient_norm: ArrayLike, rate: ArrayLike, decay: ArrayLike = 0.0) -> Any:
    """Norm after one step without projection, sqrt((1 - eta lam)^2 rho^2 + eta^2 |g|^2).

    Without decay it never falls. Exact, for one group and for the whole. Regime: rate, decay, gradient_norm >= 0, norm
    > 0. Status: derived (g is orthogonal to theta).

    Example:
        >>> float(free_norm(3.0, 40.0, 0.1))
        5.0
    """
    rho, g, eta, lam = arrays(norm, gradient_norm, rate, decay)
    with np.errstate(all="ignore"):
        return inside(np.hypot((1.0 - eta * lam) * rho, eta * g), rho > 0, g >= 0, eta >= 0, lam >= 0)


# --- exchange of norm between groups ------------------------------------------------------------------------


def exchange(shares: ArrayLike, tangents: ArrayLike) -> Any:
    r"""Shares of the squared norm after one step on the sphere; who turns more gains norm and loses effective rate.

    .. math:: \rho_i^2 \leftarrow \frac{\rho_i^2\,(1 + s_i^2)}{1 + \sum_j \rho_j^2 s_j^2}

    Exact; the radius does not enter. Shapes (..., n). Regime: shares positive with sum 1. Status: derived.

    Example:
        >>> exchange([0.5, 0.5], [1.0, 0.0]).round(6).tolist()
        [0.666667, 0.333333]
    """
    u, s = arrays(shares, tangents)
    with np.errstate(all="ignore"):
        grown = u * (1.0 + s**2)
        return inside(grown / (1.0 + np.sum(u * s**2, axis=-1, keepdims=True)), on_simplex(u))


def shares_after(shares: ArrayLike, tangents: ArrayLike) -> Any:
    r"""Shares after a whole run: proportional to u_i(0) times the product over steps of 1 + s_i^2.

    Args:
        shares: u(0), shape (..., n).
        tangents: s, shape (steps, ..., n).

    Exact, summed in logarithms. Regime: shares positive with sum 1. Status: derived (:func:`exchange`, repeated).

    Example:
        >>> shares_after([0.5, 0.5], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).round(6).tolist()
        [0.666667, 0.333333]
    """
    u, s = arrays(shares, tangents)
    with np.errstate(all="ignore"):
        level = np.log(u) + np.sum(np.log1p(s**2), axis=0)
        grown = np.exp(level - np.max(level, axis=-1, keepdims=True))
        return inside(grown / np.sum(grown, axis=-1, keepdims=True), on_simplex(u))


def log_growth(tangents: ArrayLike) -> Any:
    """Time mean of log(1 + s_i^2), shape (steps, ..., n) to (..., n): equal for all groups in a stationary state.

    It is what a share must gain against the projection. Over T steps two groups differ by the change of the log of the
    ratio of their shares, over T, so the equality asks for norms bounded away from 0. Status: derived.

    Example:
        >>> log_growth([[0.0, 1.0], [1.0, 0.0]]).round(6).tolist()
        [0.346574, 0.346574]
    """
    (s,) = arrays(tangents)
    return np.mean(np.log1p(s**2), axis=0)


def balanced_shares(gamma: ArrayLike) -> Any:
    """Shares of the steady state, rho_i^2 = gamma_i / sum(gamma), shape (..., n); the rate does not enter.

    Regime: steady small steps (gamma_i constant), gamma_i > 0. Status: derived.

    Example:
        >>> balanced_shares([1.0, 3.0]).tolist()
        [0.25, 0.75]
    """
    (gamma,) = arrays(gamma)
    with np.errstate(all="ignore"):
        positive = np.all(gamma > 0, axis=-1, keepdims=True)
        return inside(gamma / np.sum(gamma, axis=-1, keepdims=True), positive)


def balanced_tangent(rate: ArrayLike, gamma: ArrayLike) -> Any:
    """Tangent of the turn per step that all groups share in the steady state, eta sum(gamma), at R = 1.

    Shape (..., n) to (...). Regime: as :func:`balanced_shares`, rate >= 0. Status: derived.

    Example:
        >>> float(balanced_tangent(0.01, [1.0, 3.0]))
        0.04
    """
    eta, gamma = arrays(rate, gamma)
    return inside(eta * np.sum(gamma, axis=-1), eta >= 0, np.all(gamma > 0, axis=-1))


# --- off the sphere: weight decay ---------------------------------------------------------------------------


def decay_norm(rate: ArrayLike, decay: ArrayLike, gamma_rms: ArrayLike) -> Any:
    """Equilibrium norm of a scale-invariant group under weight decay, rho^4 = eta E[gamma^2]/(2 lam).

    Regime: 0 < eta lam <= SMALL and gamma stationary, gamma_rms > 0; at small eta lam the norm of a net may cycle
    instead (it converges, the norm decays, it explodes). Status: derived.

    Example:
        >>> round(float(decay_norm(0.5, 0.01, 4.0)), 6)
        4.472136
    """
    eta, lam, gamma = arrays(rate, decay, gamma_rms)
    with np.errstate(all="ignore"):
        regime = (eta > 0) & (lam > 0) & (eta * lam <= SMALL) & (gamma > 0)
        return inside((eta * gamma**2 / (2.0 * lam)) ** 0.25, regime)


def decay_effective_rate(rate: ArrayLike, decay: ArrayLike, gamma_rms: ArrayLike) -> Any:
    """Mean ELR eta/rho^2 at the equilibrium of weight decay, sqrt(2 eta lam)/gamma_rms.

    Regime and status as :func:`decay_norm`.

    Example:
        >>> round(float(decay_effective_rate(0.5, 0.01, 4.0)), 6)
        0.025
    """
    return effective_rate(rate, decay_norm(rate, decay, gamma_rms))


def decay_turn(rate: ArrayLike, decay: ArrayLike) -> Any:
    """Root mean square of the turn per step at the equilibrium of weight decay, sqrt(2 eta lam), whatever the loss.

    Regime: 0 < eta lam <= SMALL, gamma stationary. Status: derived.

    Example:
        >>> float(decay_turn(0.5, 0.01))
        0.1
    """
    eta, lam = arrays(rate, decay)
    with np.errstate(all="ignore"):
        return inside(np.sqrt(2.0 * eta * lam), eta > 0, lam > 0, eta * lam <= SMALL)
