"""Gradient descent with isotropic noise."""

from __future__ import annotations

from typing import Any, ClassVar

from lrtheory.dynamics.gradient import move, observed_and_gradient
from lrtheory.dynamics.law import Law
from lrtheory.errors import finite, require
from lrtheory.gaussian import normal
from lrtheory.lazy import jax
from lrtheory.pytree import pytree


@pytree
class Langevin(Law):
    r"""Full-batch gradient descent with isotropic noise: the same power in every direction, whatever the loss.

    .. math:: w \leftarrow w - \eta\,(\nabla L(w) + s z), \qquad z \sim N(0, I)

    As eta -> 0 this is Langevin dynamics at temperature eta s^2/2; along curvature lam it ends at the variance
    eta s^2/(lam (2 - eta lam)) at any rate (:func:`lrtheory.theory.quadratic.stationary_variance`). Unlike the noise of
    gradients it does not stay in the span of the start and the gradients.

    Attributes:
        noise: s >= 0, standard deviation in each direction.

    Example:
        >>> law = Langevin(noise=0.1)
    """

    is_stochastic: ClassVar[bool] = True

    noise: float = 1.0

    def check(self) -> None:
        """Raise ``ConfigError`` for a negative noise."""
        require(finite(self.noise) and self.noise >= 0, field="dynamics.noise", value=self.noise, allowed=">= 0")

    def step(self, problem: Any, data: Any, state: Any, lr: Any, key: Any) -> tuple[Any, dict]:
        """Advance one step of length ``lr``; ``observed`` belongs to the state before it."""
        observed, gradient = observed_and_gradient(problem, data, state)
        leaves, tree = jax.tree.flatten(gradient)
        noisy = [g + self.noise * normal(key, g.shape, stream) for stream, g in enumerate(leaves)]
        return move(state, lr, jax.tree.unflatten(tree, noisy)), observed
