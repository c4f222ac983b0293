r"""Population risk on the minima manifold of the model of Ren, Ma and Ying (2024), and of minimum-norm interpolation.

.. math:: R = \tfrac12 (\alpha-\alpha^*)^T\Sigma(\alpha-\alpha^*)

Symbols as in :mod:`lrtheory.theory.ren2024_manifold`; besides, ``alpha_star`` (d,) the true predictor, ``static_noise``
sigma_s the standard deviation of the noise of the training labels, and ``covariance`` Sigma of the test inputs: None
for the identity, (d,) for a diagonal, or (d, d). Outside its regime a prediction is NaN; ``x`` has full row rank n < d.

Reference: Ren, Ma, Ying 2024, arXiv 2401.11600. The results are derived for the model and are not statements of the
paper, except where marked standard; the normalisation of R and the label model of the paper are not known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lrtheory.theory.ren2024_manifold import Array, arrays, inside, kernel_part, min_norm, predictor, row_basis

# --- population risk ----------------------------------------------------------------------------------------


def times(covariance: ArrayLike | None, v: Array) -> Array:
    """Sigma v along the last axis of ``v``."""
    if covariance is None:
        return v
    (covariance,) = arrays(covariance)
    return v * covariance if covariance.ndim == 1 else v @ covariance


def risk(alpha: ArrayLike, alpha_star: ArrayLike, covariance: ArrayLike | None = None) -> Any:
    """Population risk (alpha - alpha*)^T Sigma (alpha - alpha*) / 2 without the noise of test labels, shape (...).

    Status: derived.
    """
    alpha, alpha_star = arrays(alpha, alpha_star)
    return 0.5 * np.sum((alpha - alpha_star) * times(covariance, alpha - alpha_star), axis=-1)


def _ray(x, y, alpha_star, direction, covariance) -> tuple[Any, Any, Any]:
    """Coefficients (R0, R1, R2) of R = R0 + R1 t + R2 t^2 on the ray alpha_dagger + t beta_hat."""
    foot, beta = min_norm(x, y), kernel_part(direction, x)
    with np.errstate(all="ignore"):
        beta = beta / np.linalg.norm(beta)
    slope = times(covariance, beta)
    return risk(foot, alpha_star, covariance), slope @ (foot - np.asarray(alpha_star, np.float64)), slope @ beta / 2.0


def manifold_risk(
    b: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    alpha_star: ArrayLike,
    direction: ArrayLike,
    covariance: ArrayLike | None = None,
) -> Any:
    r"""Population risk at alpha_dagger + sqrt(b) beta_hat, the point of the manifold at b on the ray of a run.

    .. math:: R(b) = R(\alpha^\dagger) + \sqrt b\,\hat\beta^T\Sigma(\alpha^\dagger-\alpha^*)
              + \tfrac b2\,\hat\beta^T\Sigma\hat\beta

    which for isotropic inputs is |P_X(alpha_dagger - alpha*)|^2/2 + |beta - P_K alpha*|^2/2. The direction of beta
    never changes in training (:func:`lrtheory.theory.ren2024_manifold.kernel_factor`), so b tells the risk.

    Args:
        b: shape (...), at least 0.
        x, y, alpha_star: shapes (n, d), (n,), (d,).
        direction: shape (d,), any vector whose kernel part points along beta, such as the first weights.
        covariance: of the test inputs, see the module.

    Status: derived.
    """
    (b,) = arrays(b)
    constant, linear, square = _ray(x, y, alpha_star, direction, covariance)
    with np.errstate(all="ignore"):
        return inside(constant + linear * np.sqrt(b) + square * b, b >= 0)


def best_b_on_ray(
    x: ArrayLike, y: ArrayLike, alpha_star: ArrayLike, direction: ArrayLike, covariance: ArrayLike | None = None
) -> float:
    """Value of b down to which the risk falls along the ray of ``direction``, and below which it rises.

    sqrt(b) = beta_hat^T Sigma (alpha* - alpha_dagger) / beta_hat^T Sigma beta_hat, or 0 if that is negative. Isotropic
    inputs: beta_hat . alpha*, of order |alpha*|/sqrt(d) for a random direction, practically minimum norm. Status:
    derived.
    """
    _, linear, square = _ray(x, y, alpha_star, direction, covariance)
    with np.errstate(all="ignore"):
        return float(np.maximum(-linear / (2.0 * square), 0.0) ** 2)


def plane_risk(
    a: ArrayLike, rho: ArrayLike, null_risk: float, cross: ArrayLike, moment: ArrayLike, gamma: float
) -> Any:
    r"""Population risk at the weights w = A alpha_dagger_hat + rho e, off the manifold as well as on it.

    .. math:: R = R_0 - c\cdot q + \tfrac12\,q^TMq, \qquad q = (A^2+\rho^2)^{\gamma/2}\,(A, \rho)

    Args:
        a, rho: of any sign, shapes that broadcast; the plane of :func:`lrtheory.theory.ren2024_manifold.plane_loss`.
        null_risk: R_0 = alpha*^T Sigma alpha*/2, the risk at w = 0.
        cross: c, shape (2,): products of Sigma alpha* with alpha_dagger_hat and e.
        moment: M, shape (2, 2): Sigma in these two directions.
        gamma: at least 0.

    Status: derived.
    """
    w = np.stack(np.broadcast_arrays(*arrays(a, rho)), axis=-1)
    q = predictor(w, gamma)
    cross, moment = arrays(cross, moment)
    return (null_risk - q @ cross + 0.5 * np.sum(q @ moment * q, axis=-1))[()]


def best_on_manifold(x: ArrayLike, y: ArrayLike, alpha_star: ArrayLike, covariance: ArrayLike | None = None) -> Any:
    r"""Interpolator of least population risk, shape (d,).

    .. math:: \alpha^* + \Sigma^{-1}X^T(X\Sigma^{-1}X^T)^{-1}(y - X\alpha^*)

    For isotropic inputs alpha_dagger + P_K alpha*, not the minimum-norm solution. Regime: Sigma positive. Status:
    derived.
    """
    x, y, alpha_star = arrays(x, y, alpha_star)
    sigma = times(covariance, np.eye(x.shape[1]))
    smallest = np.linalg.eigvalsh(sigma)[0]
    if not smallest > 0 or np.isnan(row_basis(x)).any():
        return np.full_like(alpha_star, np.nan)
    back = np.linalg.solve(sigma, x.T)
    return alpha_star + back @ np.linalg.solve(x @ back, y - x @ alpha_star)


def expected_min_norm_risk(
    n: ArrayLike, d: ArrayLike, signal: ArrayLike = 1.0, static_noise: ArrayLike = 0.0
) -> tuple[Any, Any]:
    r"""Expected risk of the minimum-norm interpolator, and expected m, for x ~ N(0, I) and static label noise.

    .. math:: \tfrac12\Bigl[(1-\tfrac nd)|\alpha^*|^2 + \frac{\sigma_s^2 n}{d-n-1}\Bigr], \qquad
              \tfrac nd|\alpha^*|^2 + \frac{\sigma_s^2 n}{d-n-1}

    Args:
        n, d: numbers of inputs and dimensions, 1 <= n < d - 1.
        signal: |alpha*|.
        static_noise: sigma_s, its standard deviation.

    Status: standard (inverse Wishart), in the notation here derived.

    Example:
        >>> round(float(expected_min_norm_risk(20, 100, 1.0, 0.1)[0]), 3)
        0.401
    """
    n, d, signal, noise = arrays(n, d, signal, static_noise)
    with np.errstate(all="ignore"):
        variance = noise**2 * n / (d - n - 1.0)
        regime = (n >= 1) & (n < d - 1)
        value = 0.5 * ((1.0 - n / d) * signal**2 + variance)
        return inside(value, regime), inside(n / d * signal**2 + variance, regime)


def effective_ranks(k: int, eigenvalues: ArrayLike) -> tuple[float, float]:
    r"""Effective ranks of the tail of a spectrum after its k largest eigenvalues.

    .. math:: r_k = \frac{\sum_{i>k}\lambda_i}{\lambda_{k+1}}, \qquad
              R_k = \frac{(\sum_{i>k}\lambda_i)^2}{\sum_{i>k}\lambda_i^2}

    Regime: 0 <= k < d, eigenvalues (d,) positive, in any order. Status: standard (Bartlett, Long, Lugosi, Tsigler 2020,
    arXiv 1906.11300).

    Example:
        >>> effective_ranks(1, [4.0, 1.0, 1.0])
        (2.0, 2.0)
    """
    (eigenvalues,) = arrays(eigenvalues)
    if not (0 <= k < len(eigenvalues) and np.all(eigenvalues > 0)):
        return float("nan"), float("nan")
    tail = np.sort(eigenvalues)[::-1][k:]
    return float(tail.sum() / tail[0]), float(tail.sum() ** 2 / (tail**2).sum())


def benign_index(eigenvalues: ArrayLike, n: int, constant: float = 1.0) -> float:
    """Smallest k with r_k >= C n, as a float; NaN if there is none. Status: standard, its constant C not known."""
    d = len(np.asarray(eigenvalues))
    return next((float(k) for k in range(d) if effective_ranks(k, eigenvalues)[0] >= constant * n), float("nan"))


def benign_excess_scale(
    eigenvalues: ArrayLike, n: int, signal: float = 1.0, static_noise: float = 0.0, constant: float = 1.0
) -> float:
    r"""Upper bound on the excess risk of minimum-norm interpolation, up to a constant and the confidence.

    .. math:: |\alpha^*|^2\lambda_1\max\Bigl(\sqrt{r_0/n},\,r_0/n\Bigr)
              + \sigma_s^2\Bigl(\frac{k^*}{n} + \frac{n}{R_{k^*}}\Bigr)

    with k* of :func:`benign_index`. To compare trends, never values. Status: standard (Bartlett et al. 2020).
    """
    k = benign_index(eigenvalues, n, constant)
    if np.isnan(k):
        return float("nan")
    ratio = effective_ranks(0, eigenvalues)[0] / n
    noise = static_noise**2 * (k / n + n / effective_ranks(int(k), eigenvalues)[1])
    return float(signal**2 * np.max(eigenvalues) * max(np.sqrt(ratio), ratio) + noise)
