r"""Sharpness: the largest eigenvalue of the Hessian of the training loss, by Lanczos.

.. math:: \lambda_{\max}(\nabla^2 L)

Gradient descent at rate eta leaves a minimum whose sharpness is above 2/eta.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lrtheory.dynamics.checkpoints import Averaged
from lrtheory.errors import is_length, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static


def largest_by_lanczos(product: Any, start: Any, n: int) -> Any:
    """Return the largest eigenvalue of a symmetric operator from n steps of Lanczos, every vector made orthogonal.

    Args:
        product: v -> A v for a vector (d,).
        start: a vector (d,) that is not 0.
        n: steps, at most d.
    """

    def step(basis: Any, i: Any) -> tuple[Any, tuple[Any, Any]]:
        v = basis[i]
        moved = product(v)
        diagonal = jnp.vdot(v, moved)
        # Twice: once leaves what rounding lets through, from which false copies of an eigenvalue grow.
        for _ in range(2):
            moved = moved - basis.T @ (basis @ moved)
        beta = jnp.linalg.norm(moved)
        # At an invariant subspace the rest is 0, and stays so.
        basis = basis.at[i + 1].set(jnp.where(beta > 0, moved / jnp.where(beta > 0, beta, 1.0), 0.0), mode="drop")
        return basis, (diagonal, beta)

    basis = jnp.zeros((n, start.size), start.dtype).at[0].set(start / jnp.linalg.norm(start))
    _, (diagonal, beta) = jax.lax.scan(step, basis, jnp.arange(n))
    # By bisection, without LAPACK: two programs that call it cannot run side by side on a CPU.
    return jax.scipy.linalg.eigh_tridiagonal(
        diagonal, beta[:-1], eigvals_only=True, select="i", select_range=(n - 1, n - 1)
    )[0]


@pytree
class Sharpness:
    """The largest eigenvalue of the Hessian of the training loss.

    Attributes:
        n_iterations: steps of Lanczos (static), each of about four gradients of the training set.

    Returns:
        ``sharpness``, in units of one over a rate.

    Example:
        >>> import jax
        >>> from lrtheory.problems.quadratic import Quadratic
        >>> problem, key = Quadratic(eigenvalues=(2.0, 0.5)), jax.random.key(0)
        >>> probe, data = Sharpness(), problem.data(key)
        >>> found = probe(problem, data, problem.init(key), probe.prepare(problem, data, key))
        >>> round(float(found["sharpness"]), 4)
        2.0
    """

    name: ClassVar[str] = "sharpness"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {"sharpness": "1 / time"}

    n_iterations: int = static(20)

    def check(self) -> None:
        """Refuse fewer than two steps."""
        require(
            is_length(self.n_iterations) and self.n_iterations >= 2,
            field="probe.n_iterations", value=self.n_iterations, allowed="a whole number >= 2",
        )  # fmt: skip

    def prepare(self, problem: Any, data: Any, key: Any) -> Any:
        """Keep the key of where Lanczos starts."""
        return key

    def __call__(self, problem: Any, data: Any, params: Any, aux: Any) -> dict[str, Any]:
        """Measure."""
        # Not at the top: it imports JAX.
        from jax.flatten_util import ravel_pytree

        weights = params.now if isinstance(params, Averaged) else params
        flat, restore = ravel_pytree(weights)
        gradient = jax.grad(lambda w: problem.loss(restore(w), data))
        start = jax.random.normal(aux, flat.shape)
        n = min(self.n_iterations, flat.size)
        return {"sharpness": largest_by_lanczos(lambda v: jax.jvp(gradient, (flat,), (v,))[1], start, n)}
