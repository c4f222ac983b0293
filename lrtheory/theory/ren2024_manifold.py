r"""The minima manifold of the model of Ren, Ma and Ying (2024): coordinates, sharpness and stability.

The model is f(x; w) = |w|^gamma w.x, linear in x with predictor alpha = |w|^gamma w; on n < d inputs

.. math:: L(w) = \frac{1}{2n}\sum_i (\alpha\cdot x_i - y_i)^2, \qquad
          M = \{X\alpha = y\} = \{\alpha^\dagger + \beta,\ \beta\in\ker X\}.

Symbols: ``x`` (n, d) inputs, ``y`` (n,) labels, ``alpha`` (..., d) predictor, ``w`` (..., d) weights, ``gamma`` >= 0;
``m`` = |alpha_dagger|^2, ``b`` = |P_K alpha|^2, ``s`` = |alpha|^2, equal to m + b on M; ``trace`` T = tr(X^T X)/n,
``power`` |y|^2/n; p = gamma/(1 + gamma); J = dalpha/dw = |w|^gamma (I + gamma w_hat w_hat^T). Rates: time per step.

All arithmetic is float64. Outside its regime a prediction is NaN; everywhere gamma >= 0, s > 0, and ``x`` has full row
rank n < d wherever it is used to project.

Reference: Ren, Ma, Ying 2024, arXiv 2401.11600. The model is recalled; the results are derived for it and are not
statements of the paper, except where marked standard. The laws of motion are in :mod:`lrtheory.theory.ren2024`, the
test risk in :mod:`lrtheory.theory.ren2024_risk`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray


def arrays(*values: ArrayLike) -> tuple[Array, ...]:
    """Return the values as float64 arrays."""
    return tuple(np.asarray(v, dtype=np.float64) for v in values)


def inside(value: Any, *conditions: Any) -> Any:
    """Return ``value`` where every condition holds and NaN elsewhere; a float for scalars."""
    regime = np.asarray(True)
    for condition in conditions:
        regime = regime & np.asarray(condition)
    return np.where(regime, value, np.nan)[()]


def exponent(gamma: ArrayLike) -> Any:
    """Exponent p = gamma/(1 + gamma): J scales as s^(p/2). Regime: gamma >= 0. Status: derived."""
    (gamma,) = arrays(gamma)
    with np.errstate(all="ignore"):
        return inside(gamma / (1.0 + gamma), gamma >= 0)


# --- coordinates --------------------------------------------------------------------------------------------


def predictor(w: ArrayLike, gamma: float) -> Any:
    """Effective linear predictor alpha = |w|^gamma w, shape (..., d) as ``w``.

    Status: recalled (the model).

    Example:
        >>> predictor([3.0, 4.0], 1.0).tolist()
        [15.0, 20.0]
    """
    (w,) = arrays(w)
    if gamma < 0:
        return np.full_like(w, np.nan)
    return np.linalg.norm(w, axis=-1, keepdims=True) ** gamma * w


def weights(alpha: ArrayLike, gamma: float) -> Any:
    """Weights of a predictor, w = |alpha|^(-p) alpha: the inverse of :func:`predictor`, with 0 for 0.

    |w| is increasing in |alpha|, so the minimum-norm weights are those of the minimum-norm predictor. Status: derived.
    """
    (alpha,) = arrays(alpha)
    if gamma < 0:
        return np.full_like(alpha, np.nan)
    r = np.linalg.norm(alpha, axis=-1, keepdims=True)
    return np.where(r > 0, r, 1.0) ** (-exponent(gamma)) * alpha


def row_basis(x: ArrayLike) -> Array:
    """Orthonormal basis (n, d) of the row space of ``x``; NaN unless x has full row rank n < d."""
    (x,) = arrays(x)
    _, sizes, basis = np.linalg.svd(x, full_matrices=False)
    full = x.shape[0] < x.shape[1] and sizes[-1] > sizes[0] * max(x.shape) * np.finfo(float).eps
    return basis if full else np.full(x.shape, np.nan)


def row_part(v: ArrayLike, x: ArrayLike) -> Any:
    """Projection P_X v onto the row space of ``x``, shape (..., d). Status: standard."""
    basis = row_basis(x)
    return (np.asarray(v, np.float64) @ basis.T) @ basis


def kernel_part(v: ArrayLike, x: ArrayLike) -> Any:
    """Projection P_K v onto the kernel of ``x``, shape (..., d). Status: standard."""
    return np.asarray(v, np.float64) - row_part(v, x)


def min_norm(x: ArrayLike, y: ArrayLike) -> Any:
    """Minimum-norm interpolator alpha_dagger = X^+ y, shape (d,). Status: standard."""
    x, y = arrays(x, y)
    return np.linalg.pinv(x) @ y + 0.0 * row_basis(x)[0]  # the second term is 0 or, out of the regime, NaN


class Coordinates(NamedTuple):
    """What the sharpness and the drift depend on. s = m + b on the manifold, and only on average near it."""

    m: Any  # |alpha_dagger|^2
    b: Any  # |P_K alpha|^2, shape (...)
    s: Any  # |alpha|^2, shape (...)


def coordinates(alpha: ArrayLike, x: ArrayLike, y: ArrayLike) -> Coordinates:
    """Effective coordinates (m, b, s) of predictors ``alpha`` (..., d), on the manifold or off it. Status: derived."""
    (alpha,) = arrays(alpha)
    m, b, s = (np.sum(v**2, axis=-1) for v in (min_norm(x, y), kernel_part(alpha, x), alpha))
    return Coordinates(m, b, s)


def plane_point(b: ArrayLike, m: ArrayLike, gamma: ArrayLike) -> tuple[Any, Any]:
    r"""Point (A, rho) of the manifold in the plane of weights spanned by alpha_dagger and the kernel direction of w.

    .. math:: w = A\,\hat\alpha^\dagger + \rho\,\hat\beta, \qquad A = s^{-p/2}\sqrt m, \quad \rho = s^{-p/2}\sqrt b

    Over b >= 0 this is the curve |w|^gamma A = sqrt(m) of training minima, along which large rates walk to rho = 0.
    Regime: b >= 0, m > 0. Status: derived.
    """
    b, m, gamma = arrays(b, m, gamma)
    with np.errstate(all="ignore"):
        scale = (m + b) ** (-exponent(gamma) / 2.0)
        regime = (b >= 0) & (m > 0) & (gamma >= 0)
        return inside(scale * np.sqrt(m), regime), inside(scale * np.sqrt(b), regime)


def plane_loss(a: ArrayLike, rho: ArrayLike, m: ArrayLike, power: ArrayLike, gamma: float) -> Any:
    r"""Training loss at the weights w = A alpha_dagger_hat + rho e of the plane of :func:`plane_point`.

    .. math:: L = \frac{|y|^2}{2n}\Bigl(\frac{r^\gamma A}{\sqrt m} - 1\Bigr)^2, \qquad r^2 = A^2 + \rho^2

    Exact, because X maps the predictor r^gamma w to (r^gamma A/sqrt(m)) y. ``a`` and ``rho`` of any sign, of shapes
    that broadcast. Regime: m > 0, power >= 0. Status: derived.

    Example:
        >>> float(plane_loss(1.0, 0.0, m=0.25, power=2.0, gamma=1.0))
        1.0
    """
    a, rho, m, power = arrays(a, rho, m, power)
    with np.errstate(all="ignore"):
        stretch = np.hypot(a, rho) ** gamma * a / np.sqrt(m)
        return inside(0.5 * power * (stretch - 1.0) ** 2, m > 0, power >= 0, gamma >= 0)


def kernel_factor(w: ArrayLike, x: ArrayLike, residuals: ArrayLike, rate: float, gamma: float) -> float:
    r"""Factor by which one step multiplies the kernel part of the weights: its direction never changes, up to sign.

    .. math:: P_Kw \leftarrow P_Kw\,\bigl(1 - \eta\gamma\,|w|^{\gamma-2}\,\mathrm{mean}_i(\rho_i\,x_i\cdot w)\bigr)

    Exact at any rate, batch and noise.

    Args:
        w: weights, shape (d,), not 0.
        x: inputs of the batch, shape (B, d).
        residuals: rho, shape (B,): prediction minus noisy label.
        rate: eta.
        gamma: at least 0.

    Status: derived.
    """
    w, x, residuals = arrays(w, x, residuals)
    norm = np.linalg.norm(w)
    if not (gamma >= 0 and rate >= 0 and norm > 0):
        return float("nan")
    return float(1.0 - rate * gamma * norm ** (gamma - 2.0) * np.mean(residuals * (x @ w)))


# --- sharpness ----------------------------------------------------------------------------------------------


def trace_hessian(s: ArrayLike, trace: ArrayLike, power: ArrayLike, gamma: ArrayLike) -> Any:
    r"""Trace of the loss Hessian on the manifold, a function of s only.

    .. math:: G(s) = s^p (T + c/s), \qquad c = \gamma(\gamma+2)\,|y|^2/n

    Regime: s > 0, T > 0, power >= 0. Status: derived.

    Example:
        >>> float(trace_hessian(4.0, trace=10.0, power=2.0, gamma=1.0))
        23.0
    """
    s, trace, power, gamma = arrays(s, trace, power, gamma)
    with np.errstate(all="ignore"):
        value = s ** exponent(gamma) * (trace + gamma * (gamma + 2.0) * power / s)
        return inside(value, s > 0, trace > 0, power >= 0, gamma >= 0)


def trace_hessian_slope(s: ArrayLike, trace: ArrayLike, power: ArrayLike, gamma: ArrayLike) -> Any:
    r"""Slope :math:`G'(s) = pTs^{p-1} - (1-p)cs^{p-2}` of :func:`trace_hessian`; 0 at gamma = 0. Status: derived."""
    s, trace, power, gamma = arrays(s, trace, power, gamma)
    with np.errstate(all="ignore"):
        p, c = exponent(gamma), gamma * (gamma + 2.0) * power
        value = p * trace * s ** (p - 1.0) - (1.0 - p) * c * s ** (p - 2.0)
        return inside(value, s > 0, trace > 0, power >= 0, gamma >= 0)


def flattest_s(trace: ArrayLike, power: ArrayLike, gamma: ArrayLike) -> Any:
    r"""Value of s where the trace of the Hessian is least and above which it increases, (gamma + 2) |y|^2 / (n T).

    If m is above it, the flattest minimum is the minimum-norm solution. For isotropic inputs m is about |y|^2/d, so it
    is once n is well above gamma + 2. Regime: gamma > 0 (at gamma = 0 the trace is constant). Status: derived.
    """
    trace, power, gamma = arrays(trace, power, gamma)
    with np.errstate(all="ignore"):
        return inside((gamma + 2.0) * power / trace, trace > 0, power >= 0, gamma > 0)


def hessian(alpha: ArrayLike, x: ArrayLike, gamma: float) -> Any:
    """J Sigma_hat J, shape (d, d), at one predictor: the loss Hessian on the manifold, its Gauss-Newton part off it.

    Regime: alpha is not 0. Status: derived.
    """
    alpha, x = arrays(alpha, x)
    jacobian = inside(np.eye(len(alpha)), np.any(alpha != 0), gamma >= 0)
    s = alpha @ alpha
    with np.errstate(all="ignore"):
        jacobian = s ** (exponent(gamma) / 2.0) * (jacobian + gamma * np.outer(alpha, alpha) / s)
        return jacobian @ (x.T @ x / len(x)) @ jacobian


def tangent_kernel(alpha: ArrayLike, x: ArrayLike, gamma: float) -> Any:
    r"""Inner products of the gradients of f at the inputs, shape (..., n, n).

    .. math:: XJ^2X^T = s^p\,\bigl(XX^T + \gamma(\gamma+2)\,X\alpha\,(X\alpha)^T/s\bigr)

    Its diagonal holds |grad f_i|^2; its eigenvalues over n are those of :func:`hessian` but for d - n zeros. On the
    manifold X alpha = y: all of them, not the trace only, depend on s only. Regime: alpha is not 0. Status: derived.
    """
    alpha, x = arrays(alpha, x)
    s = np.sum(alpha**2, axis=-1)[..., None, None]
    outputs = alpha @ x.T
    with np.errstate(all="ignore"):
        rank_one = outputs[..., :, None] * outputs[..., None, :] / s
        value = s ** exponent(gamma) * (x @ x.T + gamma * (gamma + 2.0) * rank_one)
    return inside(value, s > 0, gamma >= 0)


def hessian_spectrum(alpha: ArrayLike, x: ArrayLike, gamma: float) -> Any:
    """The n eigenvalues of :func:`hessian` that are not identically 0, ascending, shape (..., n). Status: derived.

    The largest is at least s^p times that of Sigma_hat.
    """
    kernel = tangent_kernel(alpha, x, gamma)
    regime = np.isfinite(kernel).all(axis=(-2, -1), keepdims=True)
    spectrum = np.linalg.eigvalsh(np.where(regime, kernel, 0.0)) / kernel.shape[-1]
    return np.where(regime[..., 0], spectrum, np.nan)


def gd_threshold(alpha: ArrayLike, x: ArrayLike, gamma: float) -> Any:
    """Rate 2 / lambda_max(J Sigma_hat J) above which gradient descent leaves a minimum, shape (...).

    On the manifold exact for the linearised motion; elsewhere a guide, as runs survive somewhat above it (they are
    thrown to a smaller norm). Status: derived.
    """
    return (2.0 / hessian_spectrum(alpha, x, gamma)[..., -1])[()]


def sgd_contraction_threshold(alpha: ArrayLike, x: ArrayLike, gamma: float) -> Any:
    """Rate 2 / max_i |grad f_i|^2 up to which no step of SGD with B = 1 lengthens a deviation, shape (...).

    For the linearised motion sufficient, on every path; what is necessary on average over squares is the larger
    :func:`lrtheory.theory.ren2024_plateau.mean_square_threshold`. Status: derived.
    """
    return (2.0 / np.diagonal(tangent_kernel(alpha, x, gamma), axis1=-2, axis2=-1).max(axis=-1))[()]


def smallest_eigenvalue(n: ArrayLike, d: ArrayLike) -> Any:
    """Smallest non-zero eigenvalue of Sigma_hat for n inputs x ~ N(0, I): about (sqrt(d) - sqrt(n))^2 / n.

    Regime: n and d large, n < d. Status: standard (Marchenko and Pastur).
    """
    n, d = arrays(n, d)
    with np.errstate(all="ignore"):
        return inside((np.sqrt(d) - np.sqrt(n)) ** 2 / n, n >= 1, n < d)
