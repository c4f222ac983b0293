r"""The two-pattern network of Li, Wei, Ma (2019) at infinite width and vanishing noise: a few linear modes, no weights.

Let the width go to infinity, then the noise scale tau0 to zero. The activation patterns are those of the noise part,
and a gradient taken at time s acts on a prediction at time t through

.. math:: K_\rho(x, x') = \langle x, x'\rangle\,\frac{\pi - \arccos(\rho\cos\angle(x, x'))}{4\pi},
          \qquad \rho = \mathrm{corr}(\tilde U_s, \tilde U_t),

in each block (m/2 units with output weights of square 1/m). Since
(pi - arccos u)/(4 pi) = 1/8 + sum_k b_k u^(2k+1)/(4 pi), b_k the arcsine coefficients, the memory of all past gradients
is a set of linear modes, one for each power j = 0, 1, 3, 5, ... of the cosine:

.. math:: f(x) = \tfrac12 \sum_j a_j \sum_i \langle x, x_i\rangle \cos^j\!\angle(x, x_i)\, S_{j,i},
          \qquad a_0 = \tfrac14,\quad a_{2k+1} = \frac{b_k}{2\pi}.

How S moves is the business of :class:`lrtheory.dynamics.li2019_modes.ModeFlow`; what it means is here. Three economies,
each checked against the plain sum in the tests:

* The sum over powers is a Gauss quadrature: the first few powers as they are, then four nodes for each factor 8 in
  the power (:func:`power_quadrature`). Some 50 nodes replace thousands of powers, tail included, with a relative error
  of 1e-5 for Q; the diagonal of P needs less and has 20 nodes.
* P: distinct inputs are nearly orthogonal, so off the diagonal few powers are enough (``n_pair``); the last one carries
  the whole remainder of the arcsine, which makes the kernel exact at rho = 1. The power 0 is the vector
  ``w = sum_i x_i S_{0,i}``, which is 4 times the sum of output weight times signal weight of the finite network.
* Q: g(alpha x) = alpha g(x), so all Q-carrying inputs act through the three points z - zeta, z, z + zeta.

Reference: Li, Wei, Ma 2019 (network: recalled; reduction: derived).
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from lrtheory.errors import require
from lrtheory.lazy import jax, jnp
from lrtheory.problems.li2019_data import PatternLaw, Patterns
from lrtheory.pytree import pytree, static

N_EXACT = 4
"""Odd powers kept as they are: 1, 3, 5, 7."""

_SUMMED = 4096
"""Below this k a bin of the quadrature is summed term by term, above it is integrated."""


class Modes(NamedTuple):
    """The state of the network: accumulated, decaying sums of the residuals c_i = -y_i sigmoid(-y_i f_i)/N.

    Attributes:
        w: (d,) power 0 of P, sum_i x1_i S_{0,i}.
        p: (J_P, N) odd powers of P, one row for each node of the coarse quadrature.
        q: (J_Q, 3) powers 0 and odd of Q at the three points.
        sigma2: () variance of the noise part over tau0^2.
    """

    w: Any
    p: Any
    q: Any
    sigma2: Any


class InfiniteData(NamedTuple):
    """The training set and the kernels made of it.

    Attributes:
        patterns: the inputs.
        x1_columns: (d, N) the transpose of x1.
        point_weights: (3, N), alpha_i at the input's point.
        pair: (n_pair * N, N) off-diagonal kernels of P, ``p[:n_pair].ravel() @ pair`` is their output.
        half_norm2: (N,) half the squared norms of x1.
        gram: (J_Q, 3, 3) kernels of Q, ``einsum("jab,jb->a", gram, q)`` is the output at the three points.

    Under two levels of vmap (matrices batched over data seeds, vectors also over rates) XLA's CPU code is an order of
    magnitude faster for vector @ matrix than for matrix @ vector, hence the transposes.
    """

    patterns: Patterns
    x1_columns: Any
    point_weights: Any
    pair: Any
    half_norm2: Any
    gram: Any


def arcsine_coefficients(n: int) -> np.ndarray:
    """Return b_0, ..., b_(n-1) of arcsin u = sum_k b_k u^(2k+1): b_k = binom(2k, k) / (4^k (2k + 1))."""
    k = np.arange(1, n)
    return np.concatenate([[1.0], np.cumprod((2 * k - 1) / (2 * k))]) / (2 * np.arange(n) + 1)


def _arcsine_density(k: np.ndarray) -> np.ndarray:
    # binom(2k, k)/4^k = (pi k)^(-1/2) (1 - 1/(8k) + 1/(128 k^2) + O(k^-3)).
    return (1 - 1 / (8 * k) + 1 / (128 * k**2)) / (np.sqrt(np.pi * k) * (2 * k + 1))


def _gauss(x: np.ndarray, weight: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the n-point Gauss rule of a discrete measure (Lanczos, Golub-Welsch)."""
    v = np.sqrt(weight / weight.sum())
    basis, diagonal, coupling = [v], [], []
    for _ in range(n):
        u = x * basis[-1]
        diagonal.append(basis[-1] @ u)
        for b in basis:  # full orthogonalisation: n is small
            u = u - (b @ u) * b
        coupling.append(np.linalg.norm(u))
        basis.append(u / coupling[-1])
    tridiagonal = np.diag(diagonal) + np.diag(coupling[:-1], 1) + np.diag(coupling[:-1], -1)
    node, vector = np.linalg.eigh(tridiagonal)
    return node, weight.sum() * vector[0] ** 2


@functools.lru_cache
def power_quadrature(ratio: int = 8, points: int = 4, top: float = 1e11) -> tuple[np.ndarray, np.ndarray]:
    """Return powers j and weights b_j with sum_k b_k F(2k+1) ~ sum_j b_j F(j), for F smooth in log j.

    The powers 1, 3, 5, 7 are exact. Beyond, every range of k in [K, ratio K) is replaced by a Gauss rule in log(2k+1)
    with ``points`` nodes; what lies above ``top`` is added to the last node, so that the weights add up to pi/2. Powers
    other than the first four are not integers.

    Args:
        ratio: width of a range, an integer > 1.
        points: nodes in each range.
        top: the largest k; the tail beyond has weight 1/sqrt(pi top).

    Returns:
        powers and weights, shapes (J,).
    """
    coefficients = arcsine_coefficients(_SUMMED)
    powers, weights = [2.0 * np.arange(N_EXACT) + 1], [coefficients[:N_EXACT]]
    low = N_EXACT
    while low < top:
        high = low * ratio
        if high <= _SUMMED:
            k, b = np.arange(low, high, dtype=float), coefficients[low:high]
        else:
            # sum over k in [low, high) of a smooth function = integral from low - 1/2 to high - 1/2, up to O(k^-2)
            node, weight = np.polynomial.legendre.leggauss(40)
            half = 0.5 * math.log((high - 0.5) / (low - 0.5))
            k = (low - 0.5) * np.exp(half * (1 + node))
            b = half * weight * k * _arcsine_density(k)
        node, weight = _gauss(np.log(2 * k + 1), b, points)
        powers.append(np.exp(node))
        weights.append(weight)
        low = high
    powers, weights = np.concatenate(powers), np.concatenate(weights)
    weights[-1] += 0.5 * np.pi - weights.sum()
    return powers, weights


def p_nodes(refine: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return powers and factors a_j of the diagonal of P, the power 0 not included."""
    powers, weights = power_quadrature(ratio=8, points=2 * refine, top=1e7)
    return powers, weights / (2 * np.pi)


def q_nodes(refine: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return powers and factors a_j of Q, the power 0 first.

    At a large rate the curvature of Q is a small difference (the r^2 term of the kernel cancels), hence the fine rule:
    the contrast (1, -2, 1) of the kernel has a relative error below 5e-4 at every correlation, for r = .02. ``top``
    serves r down to 3e-5.
    """
    powers, weights = power_quadrature(ratio=8, points=4 * refine, top=1e11)
    return np.concatenate([[0.0], powers]), np.concatenate([[0.25], weights / (2 * np.pi)])


def pair_kernels(x: Any, x_train: Any, n_pair: int) -> Any:
    """Return the off-diagonal odd kernels of P between x (M, d) and x_train (N, d), shape (n_pair * N, M).

    Row block k < n_pair - 1 is <x, x'> cos^(2k+1) b_k/(4 pi); the last one holds the remainder of the arcsine.
    Zero rows (P absent) have zero kernels.
    """
    inner = x_train @ x.T
    norms = jnp.linalg.norm(x_train, axis=1)[:, None] * jnp.linalg.norm(x, axis=1)
    # The tails of two nearly parallel inputs need no care here: distinct P inputs are never parallel.
    cosine = jnp.clip(inner / jnp.where(norms > 0, norms, 1.0), -1.0, 1.0)
    coefficients = arcsine_coefficients(n_pair)
    blocks, rest = [], jnp.arcsin(cosine)
    for k in range(n_pair - 1):
        blocks.append(coefficients[k] * cosine ** (2 * k + 1))
        rest = rest - blocks[-1]
    return jnp.concatenate([inner * block / (4 * np.pi) for block in [*blocks, rest]])


@pytree
class InfiniteWidth(PatternLaw):
    """The data law together with the infinite-width network; parameters are :class:`Modes`.

    The learning rate of this problem is the temperature theta = eta/eta1 (see
    :class:`lrtheory.dynamics.li2019_modes.ModeFlow`).

    Attributes:
        n_pair: powers kept off the diagonal of P, 1 to 4 (static). At d = 100 the outputs with 1 and with 4 differ by
            less than 1e-4 of their norm; small d wants more.
        refine: multiplies the number of quadrature nodes (static).
        (all attributes of PatternLaw)

    Example:
        >>> import jax
        >>> problem = InfiniteWidth(d=20, kappa=0.5)
        >>> data, modes = problem.data(jax.random.key(0)), problem.init(jax.random.key(1))
        >>> round(float(problem.loss(modes, data)), 4)
        0.6931

    Reference: Li, Wei, Ma 2019 (derived).
    """

    n_pair: int = static(1)
    refine: int = static(1)

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        PatternLaw.check(self)
        require(self.n_pair in range(1, N_EXACT + 1), field="problem.n_pair", value=self.n_pair, allowed="1, 2, 3 or 4")
        require(
            isinstance(self.refine, int) and self.refine >= 1,
            field="problem.refine",
            value=self.refine,
            allowed="an integer >= 1",
        )
        require(self.r < 1, field="problem.r", value=self.r, allowed="< 1 (cosines must be positive)")

    def data(self, key: Any) -> InfiniteData:
        """Draw the training set and precompute its kernels."""
        patterns = self.sample(key)
        pair = pair_kernels(patterns.x1, patterns.x1, self.n_pair).reshape(self.n_pair, self.n, self.n)
        pair = pair * (1.0 - jnp.eye(self.n))
        powers, factors = (jnp.asarray(v) for v in q_nodes(self.refine))
        decayed = jnp.exp(powers[:, None, None] * self.log_cos_q())
        return InfiniteData(
            patterns=patterns,
            x1_columns=patterns.x1.T,
            point_weights=patterns.point_weights.T,
            pair=pair.reshape(self.n_pair * self.n, self.n),
            half_norm2=0.5 * jnp.sum(patterns.x1**2, axis=1),
            gram=0.5 * factors[:, None, None] * self.gram_q() * decayed,
        )

    def init(self, key: Any) -> Modes:
        """Return the network at the start: no signal, noise of variance tau0^2; ``key`` is not used."""
        del key
        return Modes(
            w=jnp.zeros(self.d),
            p=jnp.zeros((len(p_nodes(self.refine)[0]), self.n)),
            q=jnp.zeros((len(q_nodes(self.refine)[0]), 3)),
            sigma2=jnp.ones(()),
        )

    def output_p(self, modes: Modes, data: InfiniteData) -> Any:
        """Return the P branch r at the training inputs, shape (N,)."""
        factors = jnp.asarray(p_nodes(self.refine)[1])
        return (
            modes.w @ data.x1_columns / 8.0
            + modes.p[: self.n_pair].reshape(-1) @ data.pair
            + data.half_norm2 * jnp.sum(factors[:, None] * modes.p, axis=0)
        )

    def output_q(self, modes: Modes, data: InfiniteData) -> Any:
        """Return the Q branch g at z - zeta, z, z + zeta, shape (3,)."""
        # A sum of products, not a dot: it is small, and fuses.
        return jnp.sum(data.gram * modes.q[:, None, :], axis=(0, 2))

    def at_inputs(self, g: Any, data: InfiniteData) -> Any:
        """Return the Q branch at the training inputs from its values (3,) at the points, shape (N,)."""
        return jnp.sum(data.point_weights * g[:, None], axis=0)

    def margins(self, modes: Modes, data: InfiniteData) -> Any:
        """Return y f at the training inputs, shape (N,)."""
        f = self.output_p(modes, data) + self.at_inputs(self.output_q(modes, data), data)
        return data.patterns.y * f

    def loss(self, modes: Modes, data: InfiniteData) -> Any:
        """Return the mean of log(1 + exp(-y f)) over the training set; weight decay is not part of it."""
        return jnp.mean(jax.nn.softplus(-self.margins(modes, data)))

    def observed(self, loss: Any, data: InfiniteData) -> dict[str, Any]:
        """Return ``excess_loss`` = loss - q log 2, q the fraction of Q-only inputs: the loss beyond Q at chance."""
        return {"excess_loss": loss - jnp.mean(data.patterns.q_only, dtype=float) * math.log(2.0)}
