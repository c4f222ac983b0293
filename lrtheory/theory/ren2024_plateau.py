r"""Stationary levels of label-noise SGD in the model of Ren, Ma and Ying (2024): training plateau, risk, stability.

Near a point of the minima manifold the residuals rho = X alpha - y obey, to first order,

.. math:: \rho \leftarrow \rho - \frac\eta B\sum_{i\in B} K e_i\,(\rho_i - \xi_i), \qquad K = XJ^2X^T

with the noise of :mod:`lrtheory.theory.ren2024`. Their stationary second moment Omega = E rho rho^T gives the training
plateau tr(Omega)/(2n) and the excess risk. Three laws for it, in falling order of simplicity: eta sigma^2 K/(2B) at
small rates; the same times 1/(1 - eta lambda/2) in each direction of the Hessian; and :func:`residual_moment`, which
besides has the noise of drawing batches. This last noise is the larger correction: relative to the plateau it is of
order eta tr(H)/(2B), n times that of a typical eta lambda/2. What the linear motion leaves out, the bending of the
model, is of order eta too: it took back a quarter to a third of it where measured (gamma = 1, B = 1, minimum norm).

Symbols as in :mod:`lrtheory.theory.ren2024` and :mod:`lrtheory.theory.ren2024_risk`; ``alpha`` (..., d) is a point of
the manifold. While b drifts slowly, these levels follow it; when the rate is cut from eta to eta' they fall by eta'/eta
in about :func:`lrtheory.theory.ren2024.contraction_steps`, and b is nearly frozen. Outside its regime a prediction is
NaN.

Reference: Ren, Ma, Ying 2024, arXiv 2401.11600 (the model, recalled); the results are derived for it and are not
statements of the paper.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar

from lrtheory.theory.ren2024_manifold import (
    Array,
    arrays,
    exponent,
    inside,
    kernel_part,
    min_norm,
    row_basis,
    tangent_kernel,
)
from lrtheory.theory.ren2024_risk import manifold_risk, times


def training_plateau(rate: ArrayLike, sigma: ArrayLike, trace_hessian: ArrayLike, batch: ArrayLike = 1) -> Any:
    """Clean training loss on the plateau at small rates, eta sigma^2 tr(H)/(4B).

    "Clean" is against the static labels y. ``trace_hessian`` is that of the manifold module, a function of s only.
    Regime: eta tr(H) well below 2B; all arguments >= 0, batch >= 1. Status: derived.

    Example:
        >>> round(float(training_plateau(1e-3, 1.0, 53.96)), 5)
        0.01349
    """
    rate, sigma, trace_hessian, batch = arrays(rate, sigma, trace_hessian, batch)
    with np.errstate(all="ignore"):
        value = rate * sigma**2 * trace_hessian / (4.0 * batch)
        return inside(value, rate >= 0, sigma >= 0, trace_hessian >= 0, batch >= 1)


def training_plateau_finite(rate: ArrayLike, sigma: ArrayLike, spectrum: ArrayLike, batch: ArrayLike = 1) -> Any:
    r"""Clean training loss on the plateau, the discrete step counted in each direction of the Hessian.

    .. math:: \frac{\sigma^2}{4B}\sum_i \frac{\eta\lambda_i}{1 - \eta\lambda_i/2}

    ``spectrum`` (..., n) is that of :func:`lrtheory.theory.ren2024_manifold.hessian_spectrum`; the other arguments
    broadcast to its leading shape. Leaves out the noise of drawing batches. Regime: 0 <= eta lambda < 2. Status:
    derived.
    """
    rate, sigma, spectrum, batch = arrays(rate, sigma, spectrum, batch)
    x = rate[..., None] * spectrum
    with np.errstate(all="ignore"):
        value = sigma**2 / (4.0 * batch) * np.sum(x / (1.0 - x / 2.0), axis=-1)
        return inside(value, np.all((x >= 0) & (x < 2), axis=-1), sigma >= 0, batch >= 1)


# --- excess risk --------------------------------------------------------------------------------------------


def _variance(lam: Array, rate: float, sigma: float, batch: float) -> Array:
    """Stationary variance of the weights in each direction of the Hessian; NaN at and above the threshold."""
    with np.errstate(all="ignore"):
        value = rate * sigma**2 / (2.0 * batch) / (1.0 - rate * lam / 2.0)
    return inside(value, rate >= 0, sigma >= 0, batch >= 1, (rate * lam < 2).all(axis=-1, keepdims=True))


def _eigen(alpha: ArrayLike, x: ArrayLike, gamma: float) -> tuple[Array, Array]:
    """Eigenvalues (..., n) of the Hessian, NaN outside the regime, and eigenvectors of the tangent kernel."""
    kernel = tangent_kernel(alpha, x, gamma) + 0.0 * row_basis(x)[0, 0]
    regime = np.isfinite(kernel).all(axis=(-2, -1), keepdims=True)
    values, vectors = np.linalg.eigh(np.where(regime, kernel, 0.0))
    return np.where(regime[..., 0], values / kernel.shape[-1], np.nan), vectors


def row_space_excess(
    alpha: ArrayLike,
    x: ArrayLike,
    gamma: float,
    rate: float,
    sigma: float,
    covariance: ArrayLike | None = None,
    batch: float = 1,
) -> Any:
    r"""Excess risk of the fluctuations in the row space, E |Sigma^(1/2) P_X (alpha - alpha_dagger)|^2/2, shape (...).

    .. math:: \tfrac12\mathrm{tr}(\Sigma X^+\Omega X^{+T}) \approx
              \frac{\eta\sigma^2}{4B}\,s^p\Bigl(n + \gamma(\gamma+2)\frac ms\Bigr)\quad\text{(isotropic, small rates)}

    with the factor 1/(1 - eta lambda/2) in each direction of the Hessian. It is what a run has above the risk on the
    manifold at its measured b for isotropic inputs, up to the mean of the fluctuations: this is of order eta too, but
    multiplies alpha_dagger - P_X alpha*, which is 0 without static label noise. Regime: eta lambda < 2. Status:
    derived.
    """
    lam, u = _eigen(alpha, x, gamma)
    back = np.linalg.pinv(np.asarray(x, np.float64))  # (d, n)
    in_labels = back.T @ times(covariance, back.T).T  # X^+T Sigma X^+, (n, n)
    per_direction = np.einsum("...ia,ij,...ja->...a", u, in_labels, u) * lam * lam.shape[-1]
    return 0.5 * np.sum(_variance(lam, rate, sigma, batch) * per_direction, axis=-1)[()]


def row_space_excess_isotropic(
    rate: Any, sigma: Any, s: Any, m: Any, n: int, gamma: float, batch: float = 1
) -> Any:
    r"""Excess risk of :func:`row_space_excess` for isotropic inputs of variance 1 and small rates, in numbers only.

    .. math:: \frac{\eta\sigma^2}{4B}\,s^p\Bigl(n + \gamma(\gamma+2)\frac ms\Bigr)

    Takes numbers, arrays or labelled arrays, which broadcast. Regime: s >= m > 0, eta lambda well below 2. Status:
    derived.
    """
    return rate * sigma**2 / (4.0 * batch) * s ** exponent(gamma) * (n + gamma * (gamma + 2.0) * m / s)


def normal_excess(
    alpha: ArrayLike,
    x: ArrayLike,
    gamma: float,
    rate: float,
    sigma: float,
    covariance: ArrayLike | None = None,
    batch: float = 1,
) -> Any:
    r"""Quadratic part of the excess risk of all fluctuations normal to the manifold, shape (...).

    .. math:: \frac{\eta\sigma^2}{4B}\,\mathrm{tr}(P_N J\Sigma J)

    P_N projects on the range of J X^T, with the factor 1/(1 - eta lambda/2) in each direction of the Hessian. Unlike
    :func:`row_space_excess` it counts the fluctuation of beta, which normal directions carry while b is not small; the
    two agree at b = 0 for isotropic inputs. Mean shifts, of order eta too, are left out. Regime: eta lambda < 2.
    Status: derived.
    """
    alpha, x = arrays(alpha, x)
    lam, u = _eigen(alpha, x, gamma)
    s = np.sum(alpha**2, axis=-1)[..., None, None]
    with np.errstate(all="ignore"):
        # J^2 X^T u / sqrt(n lam): J times the unit normal vectors J X^T u / sqrt(n lam)
        along = gamma * (gamma + 2.0) * (alpha @ x.T)[..., :, None] * alpha[..., None, :] / s
        moved = np.swapaxes(u, -1, -2) @ (s ** exponent(gamma) * (x + along))
        per_direction = np.sum(moved * times(covariance, moved), axis=-1) / (lam * lam.shape[-1])
    return 0.5 * np.sum(_variance(lam, rate, sigma, batch) * per_direction, axis=-1)[()]


def final_risk(
    b: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    alpha_star: ArrayLike,
    direction: ArrayLike,
    gamma: float,
    rate: float,
    sigma: float,
    covariance: ArrayLike | None = None,
    batch: float = 1,
) -> Any:
    """Risk after the decay to ``rate``, from b at the decay: risk on the manifold plus :func:`row_space_excess`.

    The drift at the small rate is neglected: it is slower by the square of the ratio of rates.

    Args:
        b: shape (...), at least 0.
        x, y, alpha_star, direction: shapes (n, d), (n,), (d,), (d,), as in
            :func:`lrtheory.theory.ren2024_risk.manifold_risk`.
        gamma, rate, sigma, batch: numbers; the rate after the decay.
        covariance: of the test inputs.

    Status: derived.
    """
    (b,) = arrays(b)
    beta = kernel_part(direction, x)
    with np.errstate(all="ignore"):
        alpha = min_norm(x, y) + np.sqrt(b)[..., None] * beta / np.linalg.norm(beta)
    excess = row_space_excess(alpha, x, gamma, rate, sigma, covariance, batch)
    return manifold_risk(b, x, y, alpha_star, direction, covariance) + excess


# --- the noise of drawing batches ---------------------------------------------------------------------------


def _feedback(lam: Array, u: Array, rate: float, batch: float) -> Array:
    """Matrix F of Omega_ii = sum_j F_ij (Omega_jj + sigma^2), for one point; all entries at least 0 where stable."""
    k = lam * len(lam)
    pairs = rate / batch * np.outer(k, k)
    pairs /= np.add.outer(k, k) - rate * (1.0 - 1.0 / batch) * np.outer(k, k) / len(k)
    products = u[:, None, :] * u[None, :, :]
    return np.sum(products @ pairs * products, axis=-1)


def residual_moment(alpha: ArrayLike, x: ArrayLike, gamma: float, rate: float, sigma: float, batch: float = 1) -> Any:
    r"""Stationary second moment Omega of the residuals, shape (n, n), exact for the motion linearised at ``alpha``.

    .. math:: \frac\eta n(K\Omega + \Omega K) = \frac{\eta^2}{Bn}\,K\,\mathrm{diag}(\Omega_{ii} + \sigma^2)\,K
              + \frac{\eta^2}{n^2}\Bigl(1 - \frac1B\Bigr)K\Omega K

    B draws with replacement see sigma^2 and their own residuals as noise. tr(Omega)/(2n) is the training plateau. Cost
    O(n^4). Regime: 0 < rate < :func:`mean_square_threshold`, above which there is no stationary law. Status: derived.
    """
    lam, u = _eigen(alpha, x, gamma)
    n = len(lam)
    if not (sigma >= 0 and 0 < rate < mean_square_threshold(alpha, x, gamma, batch)):
        return np.full((n, n), np.nan)
    feedback = _feedback(lam, u, rate, batch)
    noise = sigma**2 + np.linalg.solve(np.eye(n) - feedback, sigma**2 * feedback.sum(axis=1))
    k = lam * n
    pairs = rate / batch * np.outer(k, k) / (np.add.outer(k, k) - rate * (1.0 - 1.0 / batch) * np.outer(k, k) / n)
    return u @ (pairs * (u.T * noise @ u)) @ u.T


def mean_square_threshold(alpha: ArrayLike, x: ArrayLike, gamma: float, batch: float = 1) -> float:
    """Rate above which the mean square of the linearised motion at ``alpha`` (d,) grows, with draws of B inputs.

    For B = 1 it lies between 2 over the largest and 2 over the smallest |grad f_i|^2; for large B it tends to the
    threshold of gradient descent, which it never exceeds. A typical path may shrink above it. Regime: batch >= 1.
    Status: derived.
    """
    lam, u = _eigen(alpha, x, gamma)
    if np.isnan(lam).any() or not batch >= 1:
        return float("nan")

    def radius(rate: float) -> float:
        return float(np.abs(np.linalg.eigvals(_feedback(lam, u, rate, batch))).max())

    if batch == 1:
        return 1.0 / radius(1.0)  # F is linear in the rate
    pole = 2.0 / lam[-1] * batch / (batch - 1.0)
    found = root_scalar(lambda rate: radius(rate) - 1.0, bracket=(0.0, pole * (1.0 - 1e-12)), xtol=1e-15, rtol=1e-12)
    return float(found.root)
