"""Functions of small symmetric matrices by matrix products alone.

A sweep runs one chunk on each core of a CPU, and XLA's LAPACK calls may then wait for each other for ever (jaxlib
0.10.1: two programs with two or more batched calls each, on two host devices, within a hundred runs; one at a time they
are safe, see :mod:`lrtheory.program`). Products never wait, and on an accelerator a batch of small ones is faster.
"""

from __future__ import annotations

from typing import Any

from lrtheory.lazy import jax, jnp

#: Doublings of a power: 2^20 = 10^6, so that an eigenvalue 10 % below the largest counts for less than 1e-40000.
DOUBLINGS = 20
#: Steps of Newton and Schulz: each more than doubles what is small, so 60 reach from any condition number below 1e12.
STEPS = 60


def inverse_root(g: Any) -> Any:
    r"""Return :math:`G^{-1/2}` of a symmetric positive definite matrix (n, n), by the iteration of Newton and Schulz.

    .. math:: T = \tfrac12(3I - ZY), \qquad Y \leftarrow YT \to (G/c)^{1/2}, \qquad Z \leftarrow TZ \to (G/c)^{-1/2}

    with c = |G|_F. The relative error is of the order of rounding times the condition number.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> np.round(np.asarray(inverse_root(jnp.array([[4.0, 0.0], [0.0, 25.0]])), float), 4).tolist()
        [[0.5, 0.0], [0.0, 0.2]]
    """
    scale = jnp.sqrt(jnp.sum(g**2))
    identity = jnp.eye(g.shape[0], dtype=g.dtype)

    def step(_: Any, pair: tuple[Any, Any]) -> tuple[Any, Any]:
        y, z = pair
        t = 1.5 * identity - 0.5 * (z @ y)
        return y @ t, t @ z

    _, z = jax.lax.fori_loop(0, STEPS, step, (g / scale, identity))
    return z / jnp.sqrt(scale)


def largest_eigenvalue(g: Any) -> Any:
    r"""Return the largest eigenvalue of a symmetric positive semidefinite matrix (n, n), by repeated squaring.

    .. math:: \lambda_{\max} = \lim_k \frac{\mathrm{tr}(G\,G^k)}{\mathrm{tr}(G^k)}, \qquad k = 2^{20}

    Never above it; below by a relative error of at most (n - 1) 4e-7, reached only if all others are that close.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(largest_eigenvalue(jnp.array([[2.0, 1.0], [1.0, 2.0]]))), 5)
        3.0
    """
    # Scaled by the trace, which is 0 for the zero matrix only: its eigenvalue is 0.
    trace = jnp.trace(g)
    scaled = g / jnp.where(trace > 0, trace, 1.0)

    def square(_: Any, power: Any) -> Any:
        power = power @ power
        total = jnp.trace(power)
        return power / jnp.where(total > 0, total, 1.0)

    return jnp.sum(g * jax.lax.fori_loop(0, DOUBLINGS, square, scaled))
