r"""The tick data of Sadrtdinov et al. (2024): 16 two-dimensional features, each of which alone determines the label.

A feature is a point (u, v) of the square [-2, 2]^2. With m the margin, the two classes are

.. math:: y = -1:\ |u| - 2 + m \le v \le |u| - m, \qquad y = +1:\ v \ge |u| + m\ \text{or}\ v \le |u| - 2 - m

uniformly. The means of both classes are nearly 0, so no feature is of use to a linear classifier. An *uninformative*
feature has u ~ U(-2, 2) and v = |u| or |u| - 2, each with probability 1/2: it lies on the lines between the classes.

Points are drawn without rejection: |u| has a density that is flat but for a triangle of width m at either end (for
y = +1), and v is uniform on what is left of its line. Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov
2024, arXiv 2410.22113. Status: paper; the way of drawing: derived.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lrtheory.errors import finite, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static


class Inputs(NamedTuple):
    """Inputs and labels: x (n, 2 n_features), feature j in columns 2j and 2j + 1; y (n,), -1.0 or +1.0."""

    x: Any
    y: Any


def informative_points(key: Any, y: Any, shape: tuple[int, ...], margin: Any) -> Any:
    """Draw features that determine the label.

    Args:
        key: a key.
        y: labels -1.0 or +1.0, broadcast against ``shape``.
        shape: that of the result without its last axis.
        margin: m, the gap between classes is 2 m in v.

    Returns:
        (u, v), shape (*shape, 2).
    """
    at, end, corner, side, height = jax.random.uniform(key, (5, *shape))
    two = jax.random.uniform(jax.random.fold_in(key, 1), shape)
    # |u| of y = +1: density (2 - 2m) + (m - t)^+ + (t - 2 + m)^+, t = |u|, of mass 2(2 - 2m) + m^2.
    triangle = margin * (1 - jnp.sqrt(corner))
    triangle = jnp.where(end < 0.5, triangle, 2 - triangle)
    in_triangle = two < margin**2 / (4 - 4 * margin + margin**2)
    t = jnp.where((y > 0) & in_triangle, triangle, 2 * at)
    above, below = jnp.maximum(2 - t - margin, 0), jnp.maximum(t - margin, 0)  # room on the line, y = +1
    place = height * (above + below)
    outside = jnp.where(place < above, t + margin + place, place - above - 2)
    between = t - 2 + margin + height * (2 - 2 * margin)
    return jnp.stack([jnp.where(side < 0.5, t, -t), jnp.where(y > 0, outside, between)], -1)


def uninformative_points(key: Any, shape: tuple[int, ...]) -> Any:
    """Draw features that say nothing of the label, on the lines between the classes: (u, v), shape (*shape, 2)."""
    at, line = jax.random.uniform(key, (2, *shape))
    u = 4 * at - 2
    return jnp.stack([u, jnp.abs(u) - jnp.where(line < 0.5, 0.0, 2.0)], -1)


@pytree
class TickLaw:
    """The law of inputs and labels.

    Attributes:
        n: training inputs (static).
        n_features: two-dimensional features of an input (static).
        informative: how many of them determine the label, the first ones; the others say nothing of it. The paper
            has all of them; 0 is a control, in which nothing can generalise.
        margin: m, in [0, 1).

    Example:
        >>> import jax
        >>> train = TickLaw().inputs(jax.random.key(0), 512)
        >>> train.x.shape, sorted(set(train.y.tolist()))
        ((512, 32), [-1.0, 1.0])

    Reference: Sadrtdinov et al. 2024 (paper); ``informative`` derived.
    """

    n: int = static(512)
    n_features: int = static(16)
    informative: float = 16.0
    margin: float = 0.1 * 2**0.5

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        for name in ("n", "n_features"):
            value = getattr(self, name)
            require(
                isinstance(value, int) and value >= 1,
                field=f"problem.{name}", value=value, allowed="a whole number >= 1",
            )  # fmt: skip
        require(
            finite(self.informative)
            and 0 <= self.informative <= self.n_features
            and float(self.informative).is_integer(),
            field="problem.informative", value=self.informative,
            allowed=f"a whole number from 0 to n_features = {self.n_features}",
        )  # fmt: skip
        require(
            finite(self.margin) and 0 <= self.margin < 1,
            field="problem.margin", value=self.margin, allowed="in [0, 1)",
        )  # fmt: skip

    def labels(self, key: Any, n: int) -> Any:
        """Draw n labels, -1.0 or +1.0, each with probability 1/2."""
        return jnp.where(jax.random.bernoulli(key, 0.5, (n,)), 1.0, -1.0)

    def with_features(self, key: Any, y: Any, informative: Any) -> Any:
        """Draw inputs (n, 2 n_features) for labels y (n,), of which the features ``informative`` (n_features,) tell."""
        shape = (len(y), self.n_features)
        tell, others = jax.random.split(key)
        points = jnp.where(
            jnp.asarray(informative)[:, None],
            informative_points(tell, y[:, None], shape, self.margin),
            uninformative_points(others, shape),
        )
        return points.reshape(len(y), 2 * self.n_features)

    def inputs(self, key: Any, n: int) -> Inputs:
        """Draw n inputs with their labels."""
        of_labels, of_features = jax.random.split(key)
        y = self.labels(of_labels, n)
        tells = jnp.arange(self.n_features) < self.informative
        return Inputs(self.with_features(of_features, y, tells), y)

    def single_feature_inputs(self, key: Any, n: int) -> Inputs:
        """Draw n inputs for each feature, in which that one alone is informative: x (n_features, n, .), y likewise."""

        def one(key: Any, feature: Any) -> Inputs:
            of_labels, of_features = jax.random.split(key)
            y = self.labels(of_labels, n)
            return Inputs(self.with_features(of_features, y, jnp.arange(self.n_features) == feature), y)

        return jax.vmap(one)(jax.random.split(key, self.n_features), jnp.arange(self.n_features))
