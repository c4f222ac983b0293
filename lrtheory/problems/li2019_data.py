r"""The data law of Li, Wei, Ma (2019): an easy noisy pattern P and a hard clean pattern Q.

An input has two blocks, x = (x1, x2), each in R^d, and a label y = -1 or +1. P lives in x1 (linearly separable with a
margin of order 1/sqrt(d), so it is easy to fit and hard to generalise), Q lives in x2 (three points on a line with
labels -, +, -, times a random length, so it is hard to fit and easy to generalise).

Conventions:
    * ``gamma0`` is absolute (the paper's value is 1/sqrt(d)); ``kappa`` is static, as N = round(d/kappa^2) is a shape;
      ``p_only_ratio`` is the number of P-only samples divided by d, so that p0 = p_only_ratio * kappa^2 and the paper's
      p0 = kappa^2/2 is the default at every kappa.
    * ``s`` = |z| and ``r`` is the *relative* displacement, |zeta| = r s: the angle seen from the origin is atan(r).
      With s = 1 this is the paper's |zeta| = r.
    * x2 is never stored: it is alpha times one of the points z - zeta, z, z + zeta, called 0, 1, 2. The middle point
      carries y = +1.
    * w* = e1, z = s e1, zeta = r s e2: the laws of the data and of the initial network are invariant under rotations of
      each block.

Reference: Y. Li, C. Wei, T. Ma, "Towards Explaining the Regularization Effect of Initial Large Learning Rate in
Training Neural Networks", NeurIPS 2019, arXiv 1907.04595. Status of the law: recalled; s, alpha_low and the free
exponents: derived.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from lrtheory.errors import ConfigError, finite, require, unknown
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static

MIDDLE = 1
"""Index of the point z, the only one with label +1."""

POINT_LABELS = (-1.0, 1.0, -1.0)
"""Labels of z - zeta, z, z + zeta."""

POINT_WEIGHTS = (0.25, 0.5, 0.25)
"""Probabilities of z - zeta, z, z + zeta among Q-carrying inputs."""


class Patterns(NamedTuple):
    """N labelled inputs.

    Attributes:
        x1: (N, d) first block, zero rows where P is absent.
        y: (N,) labels, -1.0 or +1.0.
        alpha: (N,) length factor of the second block, zero where Q is absent.
        point: (N,) integer, which of z - zeta, z, z + zeta (0, 1, 2); meaningless where Q is absent.
        has_p: (N,) bool, P is present.
        has_q: (N,) bool, Q is present.
    """

    x1: Any
    y: Any
    alpha: Any
    point: Any
    has_p: Any
    has_q: Any

    @property
    def p_only(self) -> Any:
        """(N,) bool, inputs without Q."""
        return self.has_p & ~self.has_q

    @property
    def q_only(self) -> Any:
        """(N,) bool, inputs without P."""
        return self.has_q & ~self.has_p

    @property
    def both(self) -> Any:
        """(N,) bool, inputs with both patterns."""
        return self.has_p & self.has_q

    @property
    def point_weights(self) -> Any:
        """(N, 3) alpha_i at the column of the input's point, zero elsewhere: g(x_i) = point_weights @ g(points)."""
        return self.alpha[:, None] * (self.point[:, None] == jnp.arange(3))


def _positions_exact(key: Any, n: int) -> Any:
    """Midpoints (i + 1/2)/n: the counts of the three kinds are the expected ones, rounded."""
    del key
    return (jnp.arange(n) + 0.5) / n


def _positions_iid(key: Any, n: int) -> Any:
    """Independent uniforms: the counts of the three kinds are multinomial, as in the paper."""
    return jax.random.uniform(key, (n,))


PRESENCE = {"exact": _positions_exact, "iid": _positions_iid}
"""Ways to place n samples on [0, 1): below p0 P-only, then q0 of Q-only, the rest carry both."""


@pytree
class PatternLaw:
    """The law of (x1, x2, y), with its training set size.

    With probability p0 an input has P only, with q0 it has Q only, otherwise both. Given y the blocks are independent::

        x1 = g + (y (gamma0 + |g.w*|) - g.w*) w*,   g ~ N(0, I/d)
        x2 = alpha z                    if y = +1
        x2 = alpha (z + b zeta)         if y = -1,  b = -1 or +1,   alpha ~ U[alpha_low, 1]

    Attributes:
        d: dimension of each block (static).
        kappa: sqrt(d/N); the training set has N = round(d/kappa^2) inputs (static).
        presence: ``"exact"``: the numbers of P-only and Q-only inputs are N p0 and N q0 rounded (less variance between
            seeds); ``"iid"``: they are multinomial (static).
        gamma0: margin of P (the paper: 1/sqrt(d)).
        p_only_ratio: P-only inputs per dimension; p0 = p_only_ratio * kappa^2.
        q0: probability of Q-only.
        r: |zeta|/|z|.
        s: |z|.
        alpha_low: lower end of the law of alpha (the paper: 0).

    Example:
        >>> law = PatternLaw(d=100, kappa=0.35)
        >>> law.n, round(law.p0 * law.n)
        (816, 50)

    Reference: Li, Wei, Ma 2019 (recalled).
    """

    d: int = static(100)
    kappa: float = static(0.35)
    presence: str = static("exact")
    gamma0: float = 0.03
    p_only_ratio: float = 0.5
    q0: float = 0.25
    r: float = 0.02
    s: float = 28.0
    alpha_low: float = 0.5

    @property
    def n(self) -> int:
        """Number of training inputs, N = round(d/kappa^2)."""
        return round(self.d / self.kappa**2)

    @property
    def p0(self) -> Any:
        """Probability of P-only."""
        return self.p_only_ratio * self.kappa**2

    @property
    def mean_alpha(self) -> Any:
        """E[alpha]."""
        return 0.5 * (self.alpha_low + 1.0)

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        require(isinstance(self.d, int) and self.d >= 2, field="problem.d", value=self.d, allowed="an integer >= 2")
        require(
            finite(self.kappa) and 0.0 < self.kappa <= math.sqrt(self.d),
            field="problem.kappa",
            value=self.kappa,
            allowed="in (0, sqrt(d)]",
        )
        if self.presence not in PRESENCE:
            raise unknown("presence", self.presence, PRESENCE)
        for name, positive in (("gamma0", False), ("p_only_ratio", False), ("r", True), ("s", True)):
            value = getattr(self, name)
            require(
                finite(value) and (value > 0 if positive else value >= 0),
                field=f"problem.{name}",
                value=value,
                allowed="> 0" if positive else ">= 0",
            )
        for name in ("q0", "alpha_low"):
            value = getattr(self, name)
            require(finite(value) and 0 <= value <= 1, field=f"problem.{name}", value=value, allowed="in [0, 1]")
        if self.p0 + self.q0 > 1:
            raise ConfigError(
                f"problem.q0 = {self.q0!r} is not allowed: p0 + q0 must be at most 1 "
                f"(p0 = p_only_ratio*kappa^2 = {self.p0:.4g})"
            )

    def sample_p(self, key: Any, n: int) -> tuple[Any, Any]:
        """Draw n inputs of the P block: (x1, y) of shapes (n, d) and (n,).

        With w* = e1 the conditioning on y g.w* >= 0 is x1[0] = y (gamma0 + |g[0]|).
        """
        key_g, key_y = jax.random.split(key)
        y = jax.random.rademacher(key_y, (n,)).astype(jnp.result_type(float))
        g = jax.random.normal(key_g, (n, self.d)) / math.sqrt(self.d)
        return g.at[:, 0].set(y * (self.gamma0 + jnp.abs(g[:, 0]))), y

    def sample(self, key: Any) -> Patterns:
        """Draw the training set of N inputs."""
        key_p, key_kind, key_alpha, key_side = jax.random.split(key, 4)
        x1, y = self.sample_p(key_p, self.n)
        position = PRESENCE[self.presence](key_kind, self.n)
        has_q = position >= self.p0
        has_p = ~(has_q & (position < self.p0 + self.q0))
        alpha = self.alpha_low + (1.0 - self.alpha_low) * jax.random.uniform(key_alpha, (self.n,))
        side = 2 * jax.random.bernoulli(key_side, shape=(self.n,)).astype(int)
        return Patterns(
            x1=jnp.where(has_p[:, None], x1, 0.0),
            y=y,
            alpha=jnp.where(has_q, alpha, 0.0),
            point=jnp.where(y > 0, MIDDLE, side),
            has_p=has_p,
            has_q=has_q,
        )

    def points(self) -> Any:
        """Return z - zeta, z, z + zeta in the plane of (z, zeta), shape (3, 2); all else in x2 is zero."""
        return self.s * jnp.stack([jnp.ones(3), self.r * jnp.array([-1.0, 0.0, 1.0])], axis=1)

    def embed_q(self, data: Patterns) -> Any:
        """Return x2 the long way, shape (N, d), for checks of the three-point shortcut."""
        plane = data.alpha[:, None] * self.points()[data.point]
        return jnp.pad(plane, ((0, 0), (0, self.d - 2)))

    def gram_q(self) -> Any:
        """Return the inner products of the three points, shape (3, 3)."""
        r2 = jnp.square(jnp.asarray(self.r, jnp.result_type(float)))
        end, far = 1.0 + r2, 1.0 - r2
        one = jnp.ones_like(r2)
        rows = [[end, one, far], [one, one, one], [far, one, end]]
        return self.s**2 * jnp.stack([jnp.stack(row) for row in rows])

    def log_cos_q(self) -> Any:
        """Return the logarithms of the cosines between the three points, shape (3, 3), exact for small r.

        cos = (1 + r^2)^(-1/2) between neighbours and (1 - r^2)/(1 + r^2) between the ends; the logarithm keeps the
        digits that 1 - cos loses. NaN for r >= 1, where the ends are not at an acute angle.
        """
        r2 = jnp.square(jnp.asarray(self.r, jnp.result_type(float)))
        near = -0.5 * jnp.log1p(r2)
        far = jnp.log1p(-r2) - jnp.log1p(r2)
        zero = jnp.zeros_like(r2)
        rows = [[zero, near, far], [near, zero, near], [far, near, zero]]
        return jnp.stack([jnp.stack(row) for row in rows])

    def q_error(self, g: Any) -> Any:
        """Exact Q-only test error from the outputs g (..., 3) at the three points.

        An output of 0 counts as half an error. Only the sign of g matters, because g(alpha x) = alpha g(x).
        """
        wrong = 0.5 * (1.0 - jnp.sign(jnp.asarray(POINT_LABELS) * g))
        return wrong @ jnp.asarray(POINT_WEIGHTS)

    def q_loss(self, g: Any, order: int = 32) -> Any:
        """Q-only test loss E log(1 + exp(-y alpha g)) from the outputs g (..., 3), alpha by Gauss-Legendre."""
        node, weight = np.polynomial.legendre.leggauss(order)
        alpha = self.alpha_low + (1.0 - self.alpha_low) * 0.5 * (1.0 + node)
        losses = jnp.logaddexp(0.0, -(jnp.asarray(POINT_LABELS) * g)[..., None] * alpha) @ (0.5 * weight)
        return losses @ jnp.asarray(POINT_WEIGHTS)
