r"""Minibatch SGD: which inputs a step sees, with fresh noise on what it sees, momentum and weight decay.

.. math:: w \leftarrow w - \eta\,(g + \lambda w), \qquad g = \nabla\,\ell(w;\ \text{B inputs, fresh noise})

A problem offers ``n`` (inputs), ``batch`` (B) and

    batch_loss_and_gradient(params, data, index, xi) -> (loss, gradient)

with ``index`` (B,) the inputs of the step and ``xi`` (B,) standard normal numbers, from which the problem makes the
noise of its labels. A step draws all its random bits at once: one word for an index and one for a normal number, for
each input. Cells of one seed see the same inputs and the same noise, so that learning rates are compared on paired
draws.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from lrtheory.dynamics.gradient import move
from lrtheory.dynamics.law import Law
from lrtheory.errors import finite, require
from lrtheory.gaussian import bits, quantile
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree


def below(word: Any, n: Any) -> Any:
    """Return floor(word n/2^32), exactly: a whole number from 0 to n - 1 from a random 32-bit word; n < 2^16.

    Example:
        >>> import numpy as np
        >>> below(np.array([0, 2**31, 2**32 - 1], np.uint32), np.uint32(20)).tolist()
        [0, 10, 19]
    """
    low, high = word & np.uint32(0xFFFF), word >> np.uint32(16)
    return (high * n + ((low * n) >> np.uint32(16))) >> np.uint32(16)


@pytree
class WithReplacement:
    """Every input of a batch is drawn afresh among all n, each as likely as the other (to n/2^32)."""

    def init(self, n: int) -> tuple[()]:
        """Return no state."""
        return ()

    def draw(self, state: tuple[()], words: Any, n: int) -> tuple[Any, tuple[()]]:
        """Return the inputs of a batch, one a word, and the state."""
        return below(words, np.uint32(n)).astype(np.int32), state


class Epoch(NamedTuple):
    """An order of the inputs, of which the first ``position`` have been seen in this epoch."""

    order: Any
    position: Any


@pytree
class Reshuffled:
    """Every input is drawn once an epoch of n draws, in an order drawn afresh for each epoch.

    The order is made on the way (Fisher and Yates): a draw exchanges the next entry with one of those that are left. So
    every epoch sees a uniformly random order (to n/2^32 a draw), whatever that of the last. A batch may end in the next
    epoch.
    """

    def init(self, n: int) -> Epoch:
        """Return the state before the first draw."""
        return Epoch(jnp.arange(n, dtype=np.int32), jnp.zeros((), np.int32))

    def draw(self, state: Epoch, words: Any, n: int) -> tuple[Any, Epoch]:
        """Return the inputs of a batch, one a word, and the state."""

        def one(state: Epoch, word: Any) -> tuple[Epoch, Any]:
            order, at = state
            other = at + below(word, (n - at).astype(np.uint32)).astype(np.int32)
            drawn, moved = order[other], order[at]
            order = order.at[other].set(moved).at[at].set(drawn)
            return Epoch(order, jnp.where(at + 1 == n, 0, at + 1)), drawn

        # A loop in the program: compile time does not grow with the batch.
        state, index = jax.lax.scan(one, state, words)
        return index, state


class MinibatchState(NamedTuple):
    """Parameters, and what the sampler and the law remember."""

    params: Any
    sampler: Any
    velocity: Any = ()


@pytree
class MinibatchSGD(Law):
    r"""SGD on minibatches.

    .. math:: w \leftarrow w - \eta\,(g + \lambda w)

    ``observed["loss"]`` is that of the batch, with its noise. Weight decay acts on the update and is no part of it.

    Attributes:
        sampling: :class:`WithReplacement` or :class:`Reshuffled`.
        weight_decay: lambda >= 0, per unit time.

    Example:
        >>> import jax
        >>> from lrtheory.problems.ren2024 import NormScaledRegression
        >>> problem, law = NormScaledRegression(n=3, d=8), MinibatchSGD(sampling=Reshuffled())
        >>> data, w = problem.data(jax.random.key(0)), problem.init(jax.random.key(1))
        >>> state = law.init(problem, data, w)
        >>> for step in range(3):
        ...     state, observed = law.step(problem, data, state, 0.01, jax.random.key(step))
        >>> sorted(state.sampler.order.tolist()), int(state.sampler.position), sorted(observed)
        ([0, 1, 2], 0, ['loss'])
    """

    is_stochastic: ClassVar[bool] = True
    stays_in_span: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("batch_loss_and_gradient",)

    sampling: Any = WithReplacement()
    weight_decay: float = 0.0

    def check(self) -> None:
        """Raise ``ConfigError`` for what is not a sampler, or a negative weight decay."""
        require(
            all(callable(getattr(self.sampling, name, None)) for name in ("init", "draw")),
            field="dynamics.sampling", value=self.sampling, allowed="a sampler, such as WithReplacement()",
        )  # fmt: skip
        require(
            finite(self.weight_decay) and self.weight_decay >= 0,
            field="dynamics.weight_decay", value=self.weight_decay, allowed=">= 0",
        )  # fmt: skip

    def init(self, problem: Any, data: Any, params: Any) -> MinibatchState:
        """Return the state before the first step.

        Raises:
            ConfigError: the problem has no minibatches, or 2^16 inputs or more.
        """
        params = super().init(problem, data, params)
        require(problem.n < 2**16, field="problem.n", value=problem.n, allowed=f"below {2**16} for minibatches")
        return MinibatchState(params, self.sampling.init(problem.n))

    def params(self, state: MinibatchState) -> Any:
        """Return the parameters."""
        return state.params

    def _draw(self, problem: Any, data: Any, state: MinibatchState, key: Any) -> tuple[Any, Any, Any]:
        """Return the loss of a batch, its gradient with weight decay, and the state of the sampler."""
        words = bits(key, 2 * problem.batch)
        index, sampler = self.sampling.draw(state.sampler, words[: problem.batch], problem.n)
        xi = quantile(words[problem.batch :]).astype(jnp.result_type(float))
        loss, gradient = problem.batch_loss_and_gradient(state.params, data, index, xi)
        return loss, jax.tree.map(lambda g, w: g + self.weight_decay * w, gradient, state.params), sampler

    def step(self, problem: Any, data: Any, state: MinibatchState, lr: Any, key: Any) -> tuple[MinibatchState, dict]:
        """Advance one step of length ``lr``; ``observed`` belongs to the state before it."""
        loss, gradient, sampler = self._draw(problem, data, state, key)
        return MinibatchState(move(state.params, lr, gradient), sampler), {"loss": loss}


@pytree
class MinibatchMomentum(MinibatchSGD):
    r"""SGD on minibatches with heavy-ball momentum.

    .. math:: v \leftarrow \beta v + g + \lambda w, \qquad w \leftarrow w - \eta v

    Attributes:
        sampling, weight_decay: as :class:`MinibatchSGD`.
        beta: from 0 to below 1; in the long run a step has length eta/(1 - beta).

    Example:
        >>> law = MinibatchMomentum(beta=0.5, weight_decay=0.01)
    """

    stays_in_span: ClassVar[bool] = True

    beta: float = 0.9

    def check(self) -> None:
        """Raise ``ConfigError`` for numbers outside their ranges."""
        super().check()
        require(finite(self.beta) and 0 <= self.beta < 1, field="dynamics.beta", value=self.beta, allowed="in [0, 1)")

    def init(self, problem: Any, data: Any, params: Any) -> MinibatchState:
        """Return the state before the first step, at rest."""
        return super().init(problem, data, params)._replace(velocity=jax.tree.map(jnp.zeros_like, params))

    def step(self, problem: Any, data: Any, state: MinibatchState, lr: Any, key: Any) -> tuple[MinibatchState, dict]:
        """Advance one step; ``observed`` belongs to the state before it."""
        loss, gradient, sampler = self._draw(problem, data, state, key)
        velocity = jax.tree.map(lambda v, g: self.beta * v + g, state.velocity, gradient)
        return MinibatchState(move(state.params, lr, velocity), sampler, velocity), {"loss": loss}
