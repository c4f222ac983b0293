"""The networks of the simulations after You et al. (2019), in flax.linen: with layer normalisation, or plain.

Both are ``hidden`` layers of relu units without biases and a linear layer of one output a class. Weights start
normal but for cut-off tails, with variance 2/fan-in, in the last layer half the standard deviation of that. In the
first network the inputs of the relu are normalised over the units of their layer, without parameters, so that the
function does not change when the weights of a hidden layer are scaled.
"""

from __future__ import annotations

import functools
from typing import Any

from lrtheory.errors import is_length, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static


@functools.cache
def _module(hidden: tuple[int, ...], classes: int, normalised: bool) -> Any:
    """Return the flax module, which gives (logits, outputs of the hidden layers)."""
    # Not at the top: flax imports JAX.
    from flax import linen as nn

    class Network(nn.Module):
        """A multilayer perceptron."""

        @nn.compact
        def __call__(self, x: Any) -> tuple[Any, list[Any]]:
            outputs = []
            # Precision is a setting of the run; flax would keep to float32.
            dense = functools.partial(nn.Dense, use_bias=False, param_dtype=jnp.result_type(float))
            for width in hidden:
                x = dense(width, kernel_init=nn.initializers.he_normal())(x)
                if normalised:
                    x = nn.LayerNorm(use_bias=False, use_scale=False)(x)
                x = nn.relu(x)
                outputs.append(x)
            half = nn.initializers.variance_scaling(0.5, "fan_in", "truncated_normal")
            return dense(classes, kernel_init=half)(x), outputs

    return Network()


@pytree
class PlainNetwork:
    """Relu layers without normalisation, whose units may die.

    Attributes:
        hidden: units of each hidden layer (static).
    """

    hidden: tuple[int, ...] = static((256, 256))

    def check(self) -> None:
        """Raise ``ConfigError`` for a network without hidden layers, or an empty layer."""
        require(
            isinstance(self.hidden, tuple | list) and len(self.hidden) > 0
            and all(is_length(width) and width >= 2 for width in self.hidden),
            field="problem.network.hidden", value=self.hidden, allowed="a tuple of whole numbers >= 2",
        )  # fmt: skip

    def _module(self, classes: int) -> Any:
        return _module(tuple(self.hidden), classes, normalised=False)

    def init(self, key: Any, d: int, classes: int) -> Any:
        """Draw the weights, a dict of matrices (units before, units after) by layer."""
        return self._module(classes).init(key, jnp.zeros((1, d)))["params"]

    def outputs(self, params: Any, x: Any, classes: int) -> tuple[Any, list[Any]]:
        """Return logits (n, classes) and the outputs of the hidden layers, (n, width) each, at inputs (n, d)."""
        return self._module(classes).apply({"params": params}, x)


@pytree
class LayerNormNetwork(PlainNetwork):
    """Relu layers whose inputs are normalised over the units, without parameters."""

    def _module(self, classes: int) -> Any:
        return _module(tuple(self.hidden), classes, normalised=True)


@pytree
class Classifier:
    """What problems with a network share: its weights, the cross-entropy, and minibatches.

    A subclass offers ``d``, ``classes``, ``n`` and data that lead with x (n, d) and y (n,).

    Attributes:
        network: :class:`LayerNormNetwork` or :class:`PlainNetwork`.
        batch: inputs of a minibatch (static), at most n.
    """

    network: Any = LayerNormNetwork(hidden=(256, 256))
    batch: int = static(32)

    def check_network(self, n: int) -> None:
        """Raise ``ConfigError`` unless network and batch are allowed."""
        require(
            isinstance(self.network, PlainNetwork),
            field="problem.network", value=self.network, allowed="LayerNormNetwork() or PlainNetwork()",
        )  # fmt: skip
        self.network.check()
        require(
            is_length(self.batch) and self.batch <= n,
            field="problem.batch", value=self.batch, allowed=f"a whole number from 1 to n = {n}",
        )  # fmt: skip

    def init(self, key: Any) -> Any:
        """Draw the weights."""
        return self.network.init(key, self.d, self.classes)  # type: ignore[attr-defined]

    def logits(self, params: Any, x: Any) -> Any:
        """Return logits (n, classes) at inputs (n, d)."""
        return self.network.outputs(params, x, self.classes)[0]  # type: ignore[attr-defined]

    def hidden(self, params: Any, x: Any) -> list[Any]:
        """Return the outputs of the hidden layers, (n, width) each."""
        return self.network.outputs(params, x, self.classes)[1]  # type: ignore[attr-defined]

    def loss_on(self, params: Any, x: Any, y: Any) -> Any:
        """Return the mean cross-entropy on inputs, in nats."""
        return jnp.mean(cross_entropy(self.logits(params, x), y))

    def loss(self, params: Any, data: Any) -> Any:
        """Return the loss on the training set."""
        return self.loss_on(params, data.x, data.y)

    def batch_loss_and_gradient(self, params: Any, data: Any, index: Any, xi: Any = None) -> tuple[Any, Any]:
        """Return the loss on the inputs ``index`` and its gradient; labels have no noise: ``xi`` is not read."""
        return jax.value_and_grad(self.loss_on)(params, data.x[index], data.y[index])


def cross_entropy(logits: Any, y: Any) -> Any:
    """Return -log softmax(logits)_y of each row, in nats."""
    # One-hot, not an index: the gradient of an index is a scatter, which a CPU does one number at a time.
    own = jnp.sum(logits * jax.nn.one_hot(y, logits.shape[-1]), axis=-1)
    return jax.nn.logsumexp(logits, axis=-1) - own
