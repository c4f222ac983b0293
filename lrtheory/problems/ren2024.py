r"""The nonlinear model of Ren, Ma, Ying (2024): linear regression whose weights also set its scale.

.. math:: f(x; w) = |w|^\gamma\,w\cdot x = \alpha\cdot x, \qquad
          L(w) = \frac1{2n}\sum_i (\alpha\cdot x_i - y_i)^2, \qquad n < d

The training minima are a manifold of dimension d - n, flatter towards small |alpha| (for gamma > 0). Noise that stays
on at zero training loss drives SGD along it: here labels drawn afresh at every step, y_i + sigma xi. The laws of this
motion are in :mod:`lrtheory.theory.ren2024`, sharpness and coordinates in :mod:`lrtheory.theory.ren2024_manifold`, the
risk in :mod:`lrtheory.theory.ren2024_risk`; what is measured in :mod:`lrtheory.probes.ren2024`.

Two forms
---------
Every gradient is a combination of inputs and of w. So w stays in the span of the n inputs and of its start, and with
E = [Q, e], an orthonormal basis of this span (Q of the row space, e = P_K w_0/|P_K w_0| of what the start adds), the
n + 1 numbers E^T w obey the same equations, with inputs E^T x and the same labels. This is exact for every law that
stays in this span, whatever rate, batch and noise; in floating point the two forms differ by rounding. The full form
(:class:`FullNormScaledRegression`) keeps all d coordinates; :class:`NormScaledRegression` offers ``reduce``.

Reference: Y. Ren, C. Ma, L. Ying, "Understanding the Generalization Benefits of Late Learning Rate Decay", AISTATS
2024, arXiv 2401.11600. Status: the model is recalled; the noise of SGD, the static noise of the training labels, the
covariances of the inputs, and the reduced form are derived for lrtheory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lrtheory.errors import ConfigError, finite, require
from lrtheory.gaussian import normal
from lrtheory.lazy import jax, jnp
from lrtheory.matrices import inverse_root
from lrtheory.problems.ren2024_data import Sample
from lrtheory.pytree import pytree, static

#: A batch below n over this reads its inputs one by one. Measured on a CPU at n = 20: 2 times faster at B = 1, equal at
#: B = 4, 4 times slower at B = 20.
GATHER_BELOW = 4


class Unplaced(NamedTuple):
    """A start whose direction alone is known until the training set is: weights (d,)."""

    w: Any


@pytree
class FullNormScaledRegression:
    r"""Label-noise regression with f(x; w) = \|w\|^gamma w.x, in all d coordinates of w.

    .. math:: \alpha = |w|^\gamma w, \qquad x \sim N(0, \Sigma), \qquad y = x\cdot\alpha^* + \sigma_s\epsilon

    To be run with a law that leaves the span of start and gradients (isotropic noise, Adam) or as a check of
    :class:`NormScaledRegression`, which is exact and faster for all others. Weights start at those of alpha_0, with
    \|alpha_0\| = ``radius``.

    Attributes:
        n: number of training inputs, below d (static).
        d: number of dimensions (static).
        batch: inputs of a minibatch step (static).
        gamma: power of the norm, >= 0; 0 is linear regression.
        label_noise: sigma, standard deviation of the label noise that is fresh at every step.
        static_noise: sigma_s, standard deviation of the noise of the training labels.
        eigenvalues: diagonal of Sigma, a number or shape (d,), > 0; see
            :func:`~lrtheory.problems.ren2024_data.spiked` and :func:`~lrtheory.problems.ren2024_data.power_law`.
        alpha_star: the true predictor, shape (d,), or a number: its length, along the first axis.
        radius: |alpha_0|; > 0 unless gamma = 0, as the model is singular at w = 0.
        alignment: from 0 to 1; alpha_0 has the direction of (1 - a) u + a alpha*/|alpha*| with u uniform on the sphere.

    Example:
        >>> import jax
        >>> problem = FullNormScaledRegression(n=3, d=8, radius=4.0)
        >>> data, w = problem.data(jax.random.key(0)), problem.init(jax.random.key(1))
        >>> data.x.shape, round(float((w**2).sum()), 4), round(float((problem.predictor(w) ** 2).sum()), 4)
        ((3, 8), 4.0, 16.0)

    Reference: Ren, Ma, Ying 2024 (model: recalled; noise, covariances and starts: derived).
    """

    n: int = static(20)
    d: int = static(100)
    batch: int = static(1)
    gamma: float = 1.0
    label_noise: float = 1.0
    static_noise: float = 0.1
    eigenvalues: Any = 1.0
    alpha_star: Any = 1.0
    radius: float = 3.0
    alignment: float = 0.0

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        for name in ("n", "d", "batch"):
            value = getattr(self, name)
            require(
                isinstance(value, int) and value >= 1,
                field=f"problem.{name}", value=value, allowed="a whole number >= 1",
            )  # fmt: skip
        require(
            self.n < self.d,
            field="problem.n", value=self.n, allowed=f"below d = {self.d} (else no manifold of minima is left)",
        )  # fmt: skip
        for name in ("gamma", "label_noise", "static_noise", "radius"):
            value = getattr(self, name)
            require(finite(value) and value >= 0, field=f"problem.{name}", value=value, allowed="finite and >= 0")
        require(
            self.gamma == 0 or self.radius > 0,
            field="problem.radius", value=self.radius, allowed="> 0 if gamma > 0 (the model is singular at w = 0)",
        )  # fmt: skip
        eigenvalues, star = (np.asarray(v, dtype=float) for v in (self.eigenvalues, self.alpha_star))
        require(
            eigenvalues.shape in ((), (self.d,)) and bool((np.isfinite(eigenvalues) & (eigenvalues > 0)).all()),
            field="problem.eigenvalues", value=self.eigenvalues, allowed=f"1 or {self.d} finite numbers > 0",
        )  # fmt: skip
        require(
            star.shape in ((), (self.d,)) and bool(np.isfinite(star).all()),
            field="problem.alpha_star", value=self.alpha_star, allowed=f"1 or {self.d} finite numbers",
        )  # fmt: skip
        require(
            finite(self.alignment) and 0 <= self.alignment <= 1,
            field="problem.alignment", value=self.alignment, allowed="from 0 to 1",
        )  # fmt: skip
        require(
            self.alignment == 0 or bool(star.any()),
            field="problem.alignment", value=self.alignment, allowed="0 if alpha_star = 0, which has no direction",
        )  # fmt: skip

    def data(self, key: Any) -> Sample:
        """Draw a training set, in all d coordinates."""
        of_inputs, of_labels = jax.random.split(key)
        sigma = jnp.broadcast_to(jnp.asarray(self.eigenvalues, dtype=float), (self.d,))
        star = self._alpha_star()
        x = jnp.sqrt(sigma) * jax.random.normal(of_inputs, (self.n, self.d), sigma.dtype)
        y = x @ star + self.static_noise * jax.random.normal(of_labels, (self.n,), sigma.dtype)
        root = inverse_root(x @ x.T)
        basis = x.T @ root
        # One step of the polar iteration takes what rounding left of the angles between the columns.
        basis = basis @ (1.5 * jnp.eye(self.n, dtype=basis.dtype) - 0.5 * (basis.T @ basis))
        foot = basis @ (root @ y)
        cross = sigma * star
        error = y - x @ star
        best_risk = 0.5 * jnp.sum((inverse_root(x / sigma @ x.T) @ error) ** 2)
        return Sample(x, y, basis, foot, sigma, cross, null_risk=0.5 * (star @ cross), best_risk=best_risk)

    def init(self, key: Any) -> Any:
        """Return the weights (d,) of alpha_0."""
        return self._start(key)

    def predictor(self, params: Any) -> Any:
        """Return alpha = |w|^gamma w, shape (k,)."""
        return self._scale(params @ params) * params

    def loss(self, params: Any, data: Sample) -> Any:
        """Return the clean training loss sum_i (alpha.x_i - y_i)^2/(2n), without fresh noise."""
        return 0.5 * jnp.mean((data.x @ self.predictor(params) - data.y) ** 2)

    def risk(self, params: Any, data: Sample) -> Any:
        """Return the population risk (alpha - alpha*)^T Sigma (alpha - alpha*)/2, without noise of test labels."""
        alpha = self.predictor(params)
        return data.null_risk - data.cross @ alpha + 0.5 * (alpha @ data.apply_moment(alpha))

    def batch_loss_and_gradient(self, params: Any, data: Sample, index: Any, xi: Any) -> tuple[Any, Any]:
        r"""Return the loss of a minibatch with fresh label noise, and its gradient, in closed form.

        .. math:: \rho_i = f(x_i) - y_i - \sigma\xi_i, \qquad \ell = \tfrac12\,\mathrm{mean}_i\,\rho_i^2, \qquad
                  \nabla\ell = |w|^\gamma\bigl(v + \gamma(\hat w\cdot v)\,\hat w\bigr), \quad
                  v = \mathrm{mean}_i\,\rho_i x_i

        Args:
            params: w, shape (k,).
            data: the training set.
            index: which inputs, (B,) whole numbers from 0 to n - 1; not checked.
            xi: (B,) standard normal numbers.

        Returns:
            the noisy loss, a number, and the gradient, shape (k,).
        """
        square = _dot(params, params)
        scale = self._scale(square)
        # Inputs are copied row by row, several times slower than they are read in place: a large batch reads them all.
        copies = GATHER_BELOW * index.shape[0] < self.n
        if copies:
            x = data.x.at[index].get(mode="promise_in_bounds")
            overlap = _dot(x, params)
            error = scale * overlap - data.y.at[index].get(mode="promise_in_bounds")
        else:
            x = data.x
            overlap = _dot(x, params)
            error = (scale * overlap - data.y).at[index].get(mode="promise_in_bounds")
        residual = error - self.label_noise * xi
        share = residual / residual.shape[0]
        loss = 0.5 * jnp.sum(share * residual)
        if not copies:
            share = jnp.zeros_like(data.y).at[index].add(share, mode="promise_in_bounds")
        return loss, self._combine(params, square, scale, x, overlap, share)

    def gradient_noise(self, key: Any, params: Any, data: Sample) -> Any:
        r"""Return a Gaussian draw with the covariance of the minibatch gradient around its mean, shape (k,).

        .. math:: \sum_i \sqrt{\frac{\sigma^2 + \rho_i^2}{nB}}\; z_i\,\nabla f_i, \qquad
                  \rho_i = \alpha\cdot x_i - y_i, \quad z_i \sim N(0, 1)

        Its covariance is that of :meth:`batch_loss_and_gradient` for indices drawn with replacement, but for the term
        -grad L grad L^T/B, which is dropped; this vanishes on the manifold. It is a combination of gradients, so
        laws that use it stay in the span.
        """
        square, overlap = params @ params, data.x @ params
        scale = self._scale(square)
        variance = self.label_noise**2 + (scale * overlap - data.y) ** 2
        share = jnp.sqrt(variance / (self.n * self.batch)) * normal(key, (self.n,)).astype(overlap.dtype)
        return self._combine(params, square, scale, data.x, overlap, share)

    def trace_hessian(self, params: Any, data: Sample) -> Any:
        r"""Return tr(J Sigma_hat J), :math:`s^p (T + \gamma(\gamma+2)|X\alpha|^2/(ns))`; on minima, of the Hessian."""
        square, overlap = params @ params, data.x @ params
        rank_one = self.gamma * (self.gamma + 2.0) * (overlap @ overlap) / _or_one(square)
        return square**self.gamma * (jnp.sum(data.x**2) + rank_one) / self.n

    def tangent_kernel(self, params: Any, data: Sample) -> Any:
        r"""Return X J^2 X^T/n, shape (n, n): it has the eigenvalues of J Sigma_hat J but for zeros.

        .. math:: \frac{s^p}{n}\Bigl(XX^T + \gamma(\gamma+2)\,\frac{X\alpha\,(X\alpha)^T}{s}\Bigr)
        """
        square, overlap = params @ params, data.x @ params
        rank_one = self.gamma * (self.gamma + 2.0) / _or_one(square) * jnp.outer(overlap, overlap)
        return square**self.gamma * (data.x @ data.x.T + rank_one) / self.n

    def _scale(self, square: Any) -> Any:
        """Return |w|^gamma from |w|^2, such that its derivative is finite at w = 0, where gamma = 0 may start."""
        at_zero = jnp.where(self.gamma == 0, 1.0, 0.0).astype(square.dtype)
        return jnp.where(square > 0, jnp.power(_or_one(square), 0.5 * self.gamma), at_zero)

    def _combine(self, w: Any, square: Any, scale: Any, x: Any, overlap: Any, share: Any) -> Any:
        """Return sum_i share_i grad f_i, given overlap_i = w.x_i.

        With v = sum_i share_i x_i it is scale (v + gamma (w.v) w/|w|^2), and w.v = sum_i share_i overlap_i needs no
        third reduction over the coordinates. ``scale`` multiplies the B numbers, not the k.
        """
        share = scale * share
        along_w = self.gamma * jnp.sum(share * overlap) / _or_one(square)
        return jnp.sum(share[:, None] * x, axis=0) + along_w * w

    def _alpha_star(self) -> Any:
        star = jnp.asarray(self.alpha_star, dtype=float)
        return star if star.ndim else jnp.zeros(self.d).at[0].set(star)

    def _start(self, key: Any) -> Any:
        """Return the weights of radius * direction: |alpha| = |w|^(1 + gamma)."""
        star = self._alpha_star()
        u = jax.random.normal(key, (self.d,), star.dtype)
        direction = (1.0 - self.alignment) * _unit(u) + self.alignment * _unit(star)
        radius = jnp.asarray(self.radius, dtype=float)
        return radius ** (1.0 / (1.0 + self.gamma)) * _unit(direction)


@pytree
class NormScaledRegression(FullNormScaledRegression):
    r"""The same regression, run in the n + 1 coordinates in which it moves.

    With E = [Q, e] of the module's docstring, w becomes E^T w = (Q^T w, \|P_K w\|) and x becomes E^T x = (Q^T x, 0).
    Loss, gradient, population risk and everything measured are those of the full form. The last coordinate of alpha is
    the length of its kernel part, and carries a sign: the direction of the kernel part never changes but may reverse.

    Fields as in :class:`FullNormScaledRegression`.

    Example:
        >>> import jax
        >>> problem = NormScaledRegression(n=3, d=8)
        >>> data, w = problem.data(jax.random.key(0)), problem.init(jax.random.key(1))
        >>> small, v = problem.reduce(data, w)
        >>> small.x.shape, v.shape, bool(abs(problem.loss(v, small) / problem.loss(w, data) - 1) < 1e-5)
        ((3, 4), (4,), True)

    Reference: Ren, Ma, Ying 2024 (model: recalled; reduction: derived).
    """

    def reduce(self, data: Sample, params: Any) -> tuple[Sample, Any]:
        """Return data and weights in the n + 1 coordinates of the start ``params``, from all d of them.

        Exact for laws whose updates are combinations of the start, earlier updates and gradients.
        """
        basis = data.basis
        rest = data.kernel_part(params)
        length = jnp.sqrt(rest @ rest)
        frame = jnp.concatenate([basis, (rest / _or_one(length))[:, None]], axis=1)
        # What is zero in exact arithmetic is set to zero: the row space and the kernel stay apart for ever.
        zero = jnp.zeros((1,), basis.dtype)
        small = Sample(
            x=jnp.pad(data.x @ basis, ((0, 0), (0, 1))),
            y=data.y,
            basis=jnp.eye(self.n + 1, self.n, dtype=basis.dtype),
            foot=jnp.concatenate([data.row_part(data.foot), zero]),
            moment=frame.T @ (data.moment[:, None] * frame),
            cross=data.cross @ frame,
            null_risk=data.null_risk,
            best_risk=data.best_risk,
        )
        return small, jnp.append(data.row_part(params), length)


@pytree
class OnManifold(NormScaledRegression):
    r"""The same regression, started on the manifold of training minima at a given b.

    .. math:: \alpha_0 = \alpha^\dagger + \sqrt{b_0}\,e

    with e the direction of the kernel part of the start that ``radius`` and ``alignment`` give (only its direction
    counts). This leaves out the first phase of training: b_0 is where the drift starts. The point is known once the
    training set is, that is in ``reduce``: a law that does not stay in the span (for which the full form is needed) is
    refused with ``ConfigError`` at its first look at the loss.

    Attributes:
        b0: \|P_K alpha_0\|^2 >= 0.

    Other fields as in :class:`FullNormScaledRegression`.

    Example:
        >>> import jax
        >>> problem = OnManifold(n=3, d=8, b0=2.0)
        >>> data, w = problem.reduce(problem.data(jax.random.key(0)), problem.init(jax.random.key(1)))
        >>> bool(problem.loss(w, data) < 1e-10), round(float(problem.predictor(w)[-1] ** 2), 4)
        (True, 2.0)

    Reference: Ren, Ma, Ying 2024 (model: recalled; this start: derived).
    """

    b0: float = 1.0

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        super().check()
        require(finite(self.b0) and self.b0 >= 0, field="problem.b0", value=self.b0, allowed="finite and >= 0")
        require(
            self.radius > 0, field="problem.radius", value=self.radius, allowed="> 0 (it gives the kernel direction)"
        )

    def init(self, key: Any) -> Unplaced:
        """Return weights of which only the direction of the kernel part will be used."""
        return Unplaced(self._start(key))

    def predictor(self, params: Any) -> Any:
        """Return alpha = |w|^gamma w, shape (n + 1,).

        Raises:
            ConfigError: the start was not put on the manifold, as the law does not stay in the span.
        """
        if isinstance(params, Unplaced):
            raise ConfigError(
                "problem = OnManifold needs dynamics that stay in the span of start and gradients (stays_in_span), "
                "since its start is known in the reduced coordinates only"
            )
        return super().predictor(params)

    def reduce(self, data: Sample, params: Unplaced) -> tuple[Sample, Any]:
        """Return data in n + 1 coordinates, and the weights of alpha_dagger + sqrt(b0) e in them."""
        small, _ = super().reduce(data, params.w)
        alpha = small.foot.at[-1].set(jnp.sqrt(jnp.asarray(self.b0, dtype=small.foot.dtype)))
        # |alpha| = |w|^(1 + gamma), so that w = |alpha|^(-p) alpha with p = gamma/(1 + gamma)
        return small, (alpha @ alpha) ** (-0.5 * self.gamma / (1.0 + self.gamma)) * alpha


# --- spectra ------------------------------------------------------------------------------------------------


# --- arithmetic ---------------------------------------------------------------------------------------------


def _dot(a: Any, b: Any) -> Any:
    """Inner product along the last axis. Few numbers each: a sum, which fuses, beats a call of a matrix product."""
    return jnp.sum(a * b, axis=-1)


def _or_one(number: Any) -> Any:
    """Return ``number``, or 1 where it is 0, for denominators under a numerator that is then 0 too."""
    return jnp.where(number > 0, number, 1.0)


def _unit(v: Any) -> Any:
    """Return v/|v|, and 0 for 0."""
    return v / _or_one(jnp.sqrt(v @ v))
