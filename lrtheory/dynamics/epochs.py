r"""SGD with weight decay over reshuffled epochs, several iterations a step of the clock, with averages of checkpoints.

.. math:: \theta \leftarrow \theta - \eta\,(g + \lambda\theta)

The iterations of all steps of the clock read one sequence of inputs, epoch after epoch, each in an order of its own. A
batch may end in the next epoch: the n training inputs need not be a multiple of the batch, nor an epoch one of the
steps.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from lrtheory.dynamics.checkpoints import Averaged, averages_so_far, mean_so_far, square
from lrtheory.dynamics.law import Law
from lrtheory.errors import finite, is_length, require
from lrtheory.gaussian import bits
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static


class Draws(NamedTuple):
    """What a step of the clock draws its inputs from: the key of all epochs, and which step it is.

    A path may draw up to 2^31 inputs, which are counted in 32 bits where the run is in single precision.
    """

    key: Any
    step: Any


class EpochState(NamedTuple):
    """What probes see, and the number of checkpoints so far."""

    seen: Averaged
    count: Any


@pytree
class EpochSGD(Law):
    r"""SGD with weight decay, every input once an epoch.

    The weights at the end of a step of the clock are a *checkpoint*. ``observed["loss"]`` is the mean loss of the
    batches of a step; ``window["square"]`` is the mean of the squared norm of each leaf over checkpoints, with
    ``averages`` of the first length the spread of the weights around their average.

    Attributes:
        weight_decay: lambda >= 0, per unit time.
        iterations: iterations of SGD in a step of the clock (static); time advances by ``iterations * lr``.
        averages: lengths k of averages (static), in steps of the clock, one or more. The average of length k is that of
            the last k checkpoints where their number is a multiple of k; between, of those since the last multiple.

    Example:
        >>> import jax
        >>> from lrtheory.problems.you2019 import PatternNetwork
        >>> problem, law = PatternNetwork(n_simple=200, n_complex=200, n_noisy=40), EpochSGD(iterations=5)
        >>> data, w = problem.data(jax.random.key(0)), problem.init(jax.random.key(1))
        >>> draws = law.draws(jax.random.key(2), 0)
        >>> state, observed = law.step(problem, data, law.init(problem, data, w), 0.1, draws)
        >>> bool(observed["loss"] > 0)
        True
    """

    is_stochastic: ClassVar[bool] = True
    shares_draws: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("batch_loss_and_gradient",)

    weight_decay: float = 0.0
    iterations: int = static(10)
    averages: tuple[int, ...] = static((25,))

    def check(self) -> None:
        """Raise ``ConfigError`` for lengths that are not whole numbers above 0, or a negative weight decay."""
        require(
            is_length(self.iterations),
            field="dynamics.iterations", value=self.iterations, allowed="a whole number >= 1",
        )  # fmt: skip
        require(
            isinstance(self.averages, tuple | list) and len(self.averages) > 0 and all(map(is_length, self.averages)),
            field="dynamics.averages", value=self.averages, allowed="a tuple of whole numbers >= 1, one or more",
        )  # fmt: skip
        require(
            finite(self.weight_decay) and self.weight_decay >= 0,
            field="dynamics.weight_decay", value=self.weight_decay, allowed=">= 0",
        )  # fmt: skip

    def init(self, problem: Any, data: Any, params: Any) -> EpochState:
        """Return the state before the first step; until a checkpoint is reached the start stands for the average."""
        params = super().init(problem, data, params)
        averages = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(self.averages), *leaf.shape)), params)
        return EpochState(Averaged(params, averages, {"square": square(params)}), jnp.zeros(()))

    def params(self, state: EpochState) -> Averaged:
        """Return the weights now, the averages, and the means of the window."""
        return state.seen

    def dt(self, lr: Any) -> Any:
        """Return the time advanced by a step of the clock."""
        return self.iterations * lr

    def draws(self, noise_key: Any, step: Any) -> Draws:
        """Return what a step draws from: epochs begin where the path does, and know their number from the step."""
        return Draws(noise_key, step)

    def step(self, problem: Any, data: Any, state: EpochState, lr: Any, key: Draws) -> tuple[EpochState, dict]:
        """Advance by ``iterations`` iterations."""
        inputs = self._inputs(problem, key)

        def iteration(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            params, total = carry
            index = jax.lax.dynamic_slice(inputs, (i * problem.batch,), (problem.batch,))
            loss, gradient = problem.batch_loss_and_gradient(params, data, index)
            moved = jax.tree.map(lambda p, g: p - lr * (g + self.weight_decay * p), params, gradient)
            return moved, total + loss

        now, averages, window = state.seen
        now, total = jax.lax.fori_loop(0, self.iterations, iteration, (now, jnp.zeros(())))
        averages = averages_so_far(state.count, averages, now, self.averages)
        window = {"square": mean_so_far(state.count, window["square"], square(now), self.averages[0])}
        return EpochState(Averaged(now, averages, window), state.count + 1), {"loss": total / self.iterations}

    def _inputs(self, problem: Any, draws: Draws) -> Any:
        """Return the inputs of a step of the clock, (iterations * batch,), from the sequence of all epochs."""
        wanted, n = self.iterations * problem.batch, problem.n
        first = draws.step * wanted
        epoch, at = first // n, first % n

        def order(epoch: Any) -> Any:
            # One sort, a third of the price of jax.random.permutation; two equal words, in n^2/2^33 of epochs, stay in
            # order.
            return jnp.argsort(bits(jax.random.fold_in(draws.key, epoch), n))

        if wanted > n:
            # A step that begins anywhere in an epoch touches this many at most.
            orders = jax.vmap(order)(epoch + jnp.arange(1 + -(-(wanted - 1) // n))).reshape(-1)
        else:
            # Where a step ends in the epoch that it began in, which the clock knows for all cells, no other is drawn.
            now = order(epoch)
            orders = jnp.concatenate([now, jax.lax.cond(at + wanted > n, order, lambda _: now, epoch + 1)])
        return jax.lax.dynamic_slice(orders, (at,), (wanted,))
