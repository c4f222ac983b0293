r"""The noisy quadratic, and least squares with fresh label noise as an instance of it.

.. math:: L(w) = \tfrac12 \sum_i \lambda_i w_i^2, \qquad \nabla L(w) + \xi, \quad \xi_i \sim N(0, s_i^2),
          \quad s_i = \texttt{noise}\cdot\lambda_i^{\texttt{noise\_power}}

Every law of motion on it has its exact law in :mod:`lrtheory.theory.quadratic`: it is the reference by which
the dynamics, the clock and the statistics of this library are tested.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lrtheory.errors import finite, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static


def _numbers(value: Any) -> list[float]:
    """Return the numbers of a scalar, a tuple or an array of one dimension."""
    return np.atleast_1d(np.asarray(value, dtype=float)).tolist()


def _check_positive(field: str, values: Any) -> int:
    """Refuse anything but finite numbers > 0; return how many there are."""
    numbers = _numbers(values)
    require(
        len(numbers) > 0 and all(finite(v) and v > 0 for v in numbers),
        field=field,
        value=values,
        allowed="one or more finite numbers > 0",
    )
    return len(numbers)


@pytree
class Quadratic:
    """Noisy quadratic in the eigenbasis of its Hessian.

    All fields are leaves: eigenvalues, noise and start can be swept. The dimension is that of
    ``eigenvalues``. The start is N(mean, std^2) in every direction, independent; std = 0 is a fixed start.

    Args:
        eigenvalues: curvatures lam_i > 0, a tuple or an array of shape (d,); 1 / time.
        noise: standard deviation of the gradient noise at unit curvature, a number or shape (d,).
        noise_power: how the noise follows the curvature, s_i = noise * lam_i^noise_power. 0: isotropic. 1/2:
            fresh label noise, ``noise`` = sigma / sqrt(batch).
        mean: mean of the start, a number or shape (d,).
        std: standard deviation of the start, a number or shape (d,).

    Example:
        >>> from lrtheory.problems.quadratic import Quadratic
        >>> problem = Quadratic(eigenvalues=(1.0, 0.25), noise=0.2, noise_power=0.5)
        >>> [round(float(s), 3) for s in problem.noise_std()]
        [0.2, 0.1]
    """

    eigenvalues: Any = (1.0,)
    noise: Any = 0.0
    noise_power: float = 0.0
    mean: Any = 1.0
    std: Any = 0.0

    def check(self) -> None:
        """Raise ``ConfigError`` for numbers outside their ranges."""
        d = _check_positive("problem.eigenvalues", self.eigenvalues)
        require(finite(self.noise_power), field="problem.noise_power", value=self.noise_power, allowed="finite")
        for name, least in (("noise", 0.0), ("mean", float("-inf")), ("std", 0.0)):
            value = getattr(self, name)
            numbers = _numbers(value)
            require(
                len(numbers) in (1, d) and all(finite(v) and v >= least for v in numbers),
                field=f"problem.{name}",
                value=value,
                allowed=f"1 or {d} finite numbers" + (" >= 0" if least == 0 else ""),
            )

    def data(self, key: Any) -> tuple[()]:
        """Return no data: the loss is the population's."""
        return ()

    def init(self, key: Any) -> Any:
        """Return a start w, shape (d,)."""
        lam = self._curvature()
        return self._per_direction(self.mean) + self._per_direction(self.std) * jax.random.normal(
            key, lam.shape, lam.dtype
        )

    def loss(self, params: Any, data: Any) -> Any:
        """Return sum_i lam_i w_i^2 / 2."""
        return 0.5 * jnp.sum(self._curvature() * params**2)

    def noise_std(self) -> Any:
        """Return the standard deviation s_i of the gradient noise, shape (d,)."""
        return self._per_direction(self.noise) * self._curvature() ** self.noise_power

    def gradient_noise(self, key: Any, params: Any, data: Any) -> Any:
        """Return one draw of the gradient noise, shape (d,); it does not depend on w."""
        return self.noise_std() * jax.random.normal(key, params.shape, params.dtype)

    def _curvature(self) -> Any:
        return jnp.asarray(self.eigenvalues, dtype=float)

    def _per_direction(self, value: Any) -> Any:
        return jnp.broadcast_to(jnp.asarray(value, dtype=float), self._curvature().shape)


@pytree
class LabelNoise:
    r"""Least squares on a fixed design with labels drawn afresh each step.

    .. math:: y = X w^* + \sigma\,\epsilon, \qquad L(w) = \tfrac{1}{2n} \|X (w - w^*)\|^2

    ``params`` is w - w*. ``loss`` is the excess loss; the gradient noise is -X^T eps / n, with covariance
    sigma^2 H / n, H = X^T X / n. The design has a prescribed spectrum in random axes:
    X = sqrt(n) U diag(lam)^(1/2) V^T with U, V random orthonormal frames, so in the axes V this is
    ``Quadratic(eigenvalues=lam, noise=sigma / sqrt(n), noise_power=0.5)`` exactly.

    Args:
        n: number of samples, at least the number of eigenvalues (static).
        eigenvalues: spectrum of H, a tuple or an array of shape (d,).
        sigma: standard deviation of the label noise.
        mean: the start has w - w* = mean in every coordinate (not axis of V); a number or shape (d,).
    """

    n: int = static(64)
    eigenvalues: Any = (1.0,)
    sigma: float = 1.0
    mean: Any = 1.0

    def check(self) -> None:
        """Raise ``ConfigError`` for numbers outside their ranges."""
        d = _check_positive("problem.eigenvalues", self.eigenvalues)
        require(
            isinstance(self.n, int) and self.n >= d,
            field="problem.n",
            value=self.n,
            allowed=f"a whole number >= {d}, the number of eigenvalues",
        )
        require(finite(self.sigma) and self.sigma >= 0, field="problem.sigma", value=self.sigma, allowed=">= 0")
        require(finite(self.mean), field="problem.mean", value=self.mean, allowed="finite")

    def data(self, key: Any) -> dict[str, Any]:
        """Return the design ``x`` of shape (n, d) and the axes ``v`` of shape (d, d), one axis a column."""
        lam = jnp.asarray(self.eigenvalues, dtype=float)
        key_u, key_v = jax.random.split(key)
        u, _ = jnp.linalg.qr(jax.random.normal(key_u, (self.n, lam.size)))
        v, _ = jnp.linalg.qr(jax.random.normal(key_v, (lam.size, lam.size)))
        return {"x": (self.n**0.5) * (u * jnp.sqrt(lam)) @ v.T, "v": v}

    def init(self, key: Any) -> Any:
        """Return the start w - w*, shape (d,)."""
        return jnp.broadcast_to(jnp.asarray(self.mean, dtype=float), jnp.shape(jnp.asarray(self.eigenvalues)))

    def loss(self, params: Any, data: dict[str, Any]) -> Any:
        """Return the excess loss, mean of (x . (w - w*))^2 / 2."""
        return 0.5 * jnp.mean((data["x"] @ params) ** 2)

    def gradient_noise(self, key: Any, params: Any, data: dict[str, Any]) -> Any:
        """Return -X^T eps / n for fresh label noise eps."""
        eps = self.sigma * jax.random.normal(key, (self.n,), params.dtype)
        return -(data["x"].T @ eps) / self.n
