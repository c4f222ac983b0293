r"""A wide smooth minimum and sharp spurious ones, in one dimension: the picture of Kleinberg, Li, Yuan 2018.

.. math:: f(x) = \tfrac12 c x^2 - \sum_j h\,e^{-(x - p_j)^2/(2 w^2)}, \qquad \nabla f(x) + \xi, \quad \xi \sim N(0, s^2)

A parabola with its minimum at 0, the good one, and spikes of depth h and width w at positions p_j. The start is in the
first of them. A spike is a local minimum where its steepest slope, h e^(-1/2)/w, is above that of the parabola, about
c p; its curvature h/w^2 + c sets the stable rate, 2 over it. Closed forms: :mod:`lrtheory.theory.you2019_well`, and
those of the noisy quadratic around 0.

Reference: Kleinberg, Li, Yuan 2018 (the picture; recalled); You, Long, Wang, Jordan 2019, arXiv 1908.01878. Status:
derived (the function).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lrtheory.errors import finite, require
from lrtheory.gaussian import normal
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree


@pytree
class SpikedWell:
    """A parabola with spikes; parameters are an array (1,), the coordinate.

    All fields are leaves: any of them can be swept. The laws of motion are those of :mod:`lrtheory.dynamics.descent`.

    Args:
        curvature: c > 0 of the wide minimum, 1/time.
        depth: h >= 0 of every spike; 0 leaves the parabola.
        width: w > 0 of every spike.
        positions: p_j of the spikes, a tuple or an array of shape (n,); n >= 1.
        noise: standard deviation s of the gradient noise.
        spread: standard deviation of the start about the first spike.

    Example:
        >>> import jax.numpy as jnp
        >>> well = SpikedWell(depth=0.25, width=0.1, positions=(1.0,))
        >>> float(well.loss(jnp.array([1.0]), ())), round(well.stable_rate(), 4)
        (0.25, 0.0769)
    """

    curvature: float = 1.0
    depth: float = 0.12
    width: float = 0.03
    positions: Any = (1.0,)
    noise: float = 0.0
    spread: float = 0.0

    def check(self) -> None:
        """Raise ``ConfigError`` for numbers outside their ranges."""
        for name, least, strict in (
            ("curvature", 0.0, True), ("depth", 0.0, False), ("width", 0.0, True), ("noise", 0.0, False),
            ("spread", 0.0, False),
        ):  # fmt: skip
            value = getattr(self, name)
            require(
                finite(value) and (value > least or (value == least and not strict)),
                field=f"problem.{name}", value=value, allowed=f"a finite number {'>' if strict else '>='} 0",
            )  # fmt: skip
        require(
            np.ndim(self.positions) == 1 and np.size(self.positions) >= 1
            and all(finite(p) for p in np.asarray(self.positions).tolist()),
            field="problem.positions", value=self.positions, allowed="one or more finite numbers",
        )  # fmt: skip

    def data(self, key: Any) -> tuple[()]:
        """Return nothing: there are no data."""
        return ()

    def init(self, key: Any) -> Any:
        """Draw the start, (1,), in the first spike."""
        return jnp.asarray(self.positions, dtype=float)[:1] + self.spread * jax.random.normal(key, (1,), float)

    def loss(self, params: Any, data: tuple[()]) -> Any:
        """Return f; below 0 in a spike near the good minimum."""
        away = (params - jnp.asarray(self.positions, dtype=float)) / self.width
        return 0.5 * self.curvature * params[0] ** 2 - self.depth * jnp.sum(jnp.exp(-0.5 * away**2))

    def gradient_noise(self, key: Any, params: Any, data: tuple[()]) -> Any:
        """Return one draw of the gradient noise, (1,); it does not depend on x."""
        return self.noise * normal(key, (1,))

    def stable_rate(self) -> float:
        """Return the largest rate that is stable at the bottom of a lone spike at 0 slope, 2/(h/w^2 + c)."""
        return 2.0 / (self.depth / self.width**2 + self.curvature)
