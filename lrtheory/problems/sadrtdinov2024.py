r"""The scale-invariant network of Sadrtdinov et al. (2024) on its tick data.

.. math:: f(x) = \langle c,\ \mathrm{relu}\,N(W_2\,\mathrm{relu}\,N(W_1 x))\rangle, \qquad
          N(h) = \frac{h - \bar h}{\sqrt{\overline{(h - \bar h)^2} + \epsilon}}

N is layer normalisation without parameters, with means over the units of a layer. The output weights c are fixed, of
norm 10. So f does not change when W1 is scaled, nor (but for epsilon) when W2 is: there are two scale-invariant groups,
and what is trained is one vector of all their weights, on a sphere (:class:`lrtheory.dynamics.SphereSGD`).

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113. Status: paper.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lrtheory.errors import finite, require
from lrtheory.lazy import jax, jnp
from lrtheory.problems.sadrtdinov2024_data import TickLaw
from lrtheory.pytree import pytree, static


class TrainingSet(NamedTuple):
    """What a step reads: x (n, 2 n_features), y (n,) -1.0 or +1.0, and c (width,), the fixed output weights."""

    x: Any
    y: Any
    head: Any


@pytree
class TickNetwork(TickLaw):
    """Two scale-invariant layers and a fixed output layer, trained by the logistic loss on minibatches.

    Weights are a dict ``{"w1": (width, 2 n_features), "w2": (width, width)}``. Fields of the data law as in
    :class:`lrtheory.problems.sadrtdinov2024_data.TickLaw`.

    Attributes:
        width: units of a layer (static).
        batch: inputs of a minibatch (static), at most n.
        head_norm: |c|; the direction follows the data seed.
        eps: epsilon of the layer normalisation. At 1e-5 the second layer is no longer scale-invariant at large rates.

    Example:
        >>> import jax
        >>> net = TickNetwork()
        >>> data, w = net.data(jax.random.key(0)), net.init(jax.random.key(1))
        >>> scaled = {"w1": 5 * w["w1"], "w2": w["w2"]}
        >>> bool(abs(net.loss(w, data) - net.loss(scaled, data)) < 1e-5)
        True

    Reference: Sadrtdinov et al. 2024 (paper).
    """

    width: int = static(32)
    batch: int = static(16)
    head_norm: float = 10.0
    eps: float = 1e-7

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        super().check()
        require(
            isinstance(self.width, int) and self.width >= 2,
            field="problem.width", value=self.width, allowed="a whole number >= 2",
        )  # fmt: skip
        require(
            isinstance(self.batch, int) and 1 <= self.batch <= self.n,
            field="problem.batch", value=self.batch, allowed=f"a whole number from 1 to n = {self.n}",
        )  # fmt: skip
        for name in ("head_norm", "eps"):
            value = getattr(self, name)
            require(finite(value) and value > 0, field=f"problem.{name}", value=value, allowed="> 0")

    def data(self, key: Any) -> TrainingSet:
        """Draw the training set and the output weights."""
        of_inputs, of_head = jax.random.split(key)
        train = self.inputs(of_inputs, self.n)
        # Uniform in a cube, as a linear layer starts by default, then scaled.
        head = jax.random.uniform(of_head, (self.width,), minval=-1.0)
        return TrainingSet(train.x, train.y, self.head_norm * head / jnp.linalg.norm(head))

    def init(self, key: Any) -> dict[str, Any]:
        """Draw the weights, uniformly on the unit sphere of all of them together."""
        first, second = (self.width, 2 * self.n_features), (self.width, self.width)
        flat = jax.random.normal(key, (first[0] * first[1] + second[0] * second[1],))
        flat = flat / jnp.linalg.norm(flat)
        split = first[0] * first[1]
        return {"w1": flat[:split].reshape(first), "w2": flat[split:].reshape(second)}

    def output(self, params: dict[str, Any], x: Any, head: Any) -> Any:
        """Return f at inputs (n, 2 n_features): (n,)."""
        # Inputs in columns: the first product of a batch of networks on shared inputs is then one matrix product.
        hidden = jax.nn.relu(self._normalised_and_scale(params["w1"] @ x.T)[0])
        hidden = jax.nn.relu(self._normalised_and_scale(params["w2"] @ hidden)[0])
        return head @ hidden

    def loss_on(self, params: dict[str, Any], x: Any, y: Any, head: Any) -> Any:
        """Return the mean of log(1 + exp(-y f)) over inputs."""
        return jnp.mean(jax.nn.softplus(-y * self.output(params, x, head)))

    def loss(self, params: dict[str, Any], data: TrainingSet) -> Any:
        """Return the loss on the training set."""
        return self.loss_on(params, data.x, data.y, data.head)

    def batch_loss_and_gradient(self, params: Any, data: TrainingSet, index: Any, xi: Any = None) -> tuple[Any, Any]:
        r"""Return the loss on the inputs ``index`` and its gradient; labels have no noise, so ``xi`` is not read.

        Written out, since a CPU takes a third longer over what differentiation makes of it: with h =
        relu(u), u = N(z), and d the gradient of the loss by h where u > 0, else 0, that by z is

        .. math:: \frac{1}{\sqrt{v + \epsilon}}\,\bigl(d - \bar d - u\,\overline{d u}\bigr)

        where v is the variance over the units. For the second layer mean(d u) is slope f/width; for the first it is
        what epsilon leaves of zero, since the second does not change when its inputs are scaled.
        """
        x, y, m = data.x[index], data.y[index], self.width
        # Inputs in columns but for the hidden layer between the products. The barriers keep XLA from reading the
        # products' operands across rows.
        first, first_scale = self._normalised_and_scale(params["w1"] @ x.T)
        hidden = jax.lax.optimization_barrier(jax.nn.relu(first).T)
        second, second_scale = self._normalised_and_scale(jnp.einsum("ij,bj->ib", params["w2"], hidden))
        on = second > 0
        weight = jnp.where(on, data.head[:, None], 0.0)
        f = data.head @ jnp.where(on, second, 0.0)
        slope = -y * jax.nn.sigmoid(-y * f) / len(y)
        d = second_scale * slope * (weight - jnp.sum(weight, axis=0) / m - second * (f / m))
        d = jax.lax.optimization_barrier(d)
        d_hidden = jax.lax.optimization_barrier(jax.lax.optimization_barrier(d.T) @ params["w2"]).T
        d_first = jnp.where(first > 0, d_hidden, 0.0)
        along = slope * f * (self.eps * second_scale**2 / m)
        d_first = first_scale * (d_first - jnp.mean(d_first, axis=0) - first * along)
        gradient = {"w1": d_first @ x, "w2": jnp.einsum("ib,bj->ij", d, hidden)}
        return jnp.mean(jax.nn.softplus(-y * f)), gradient

    def _normalised_and_scale(self, h: Any) -> tuple[Any, Any]:
        """Return N(h) and what it was multiplied by, (inputs,)."""
        centred = h - jnp.mean(h, axis=0, keepdims=True)
        scale = jax.lax.rsqrt(jnp.mean(centred**2, axis=0) + self.eps)
        return centred * scale, scale
