r"""The toy function of scale-invariant groups on a sphere.

.. math:: F(\theta) = \sum_{i=1}^n \alpha_i \frac{x_i^2}{x_i^2 + y_i^2}

n groups of two weights (x_i, y_i). F does not change when one group is scaled, its minima are all points with x = 0,
and on the unit sphere of all weights they differ in how the squared norm is shared out, which sets their sharpness.
There are no data and there is no noise. Closed forms: :mod:`lrtheory.theory.sadrtdinov2024_toy`.

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113; Kodryan et al. 2022, arXiv
2209.03695. Status: recalled (the function), derived (the weights alpha and the start).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lrtheory.errors import finite, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree


@pytree
class ToyFunction:
    """Sum of ratios x^2/(x^2 + y^2) of n groups of two weights; parameters are an array (n, 2) of rows (x_i, y_i).

    The start is uniform on the unit sphere of all weights. The law of motion is
    :class:`lrtheory.dynamics.sphere.SphereGD`: convergence ends where rate times sum(alpha) is 1.

    Attributes:
        alpha: weights alpha_i > 0 of the groups, a tuple or an array of shape (n,).

    Example:
        >>> import jax.numpy as jnp
        >>> toy = ToyFunction(alpha=(1.0, 3.0))
        >>> float(toy.loss(jnp.array([[0.5, 0.5], [0.6, 0.0]]), ()))
        3.5
    """

    alpha: Any = (0.2, 0.5, 1.0, 2.0, 4.0)

    def check(self) -> None:
        """Raise ``ConfigError`` unless the weights of the groups are finite and above 0."""
        require(
            np.ndim(self.alpha) == 1 and np.size(self.alpha) >= 1
            and all(finite(a) and a > 0 for a in np.asarray(self.alpha).tolist()),
            field="problem.alpha", value=self.alpha, allowed="one or more finite numbers > 0",
        )  # fmt: skip

    def data(self, key: Any) -> tuple[()]:
        """Return nothing: there are no data."""
        return ()

    def init(self, key: Any) -> Any:
        """Draw the start, (n, 2)."""
        weights = jax.random.normal(key, (len(self.alpha), 2), float)
        return weights / jnp.sqrt(jnp.sum(weights**2))

    def loss(self, params: Any, data: tuple[()]) -> Any:
        """Return F."""
        square = params**2
        return jnp.sum(jnp.asarray(self.alpha, dtype=float) * square[:, 0] / jnp.sum(square, axis=1))
