r"""SGD on a sphere of all weights together, in epochs, with running averages of checkpoints.

.. math:: \theta \leftarrow R\,\frac{\theta - \eta g}{\|\theta - \eta g\|}, \qquad \eta = \mathrm{lr}\cdot R^2

The schedule's rate is the effective one, so that runs of equal rate on spheres of different radii have the same
directions. The projection is of the concatenation of all leaves: one of each leaf by itself would be another method, as
the leaves exchange norm.

One step of the shared clock is ``iterations`` iterations on minibatches: an epoch's inputs in random order, then the
next, in an order that is drawn anew at each step of the clock. At its end the weights are a *checkpoint*, and the
averages of the last checkpoints move on. Members of a group see the same batches.

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113. Status: paper; orders drawn anew
every 100 iterations and averages over blocks: derived.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from lrtheory.dynamics.checkpoints import Averaged, averages_so_far, mean_so_far, square
from lrtheory.dynamics.gradient import move, observed_and_gradient
from lrtheory.dynamics.law import Law
from lrtheory.errors import finite, is_length, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static

#: Lengths of the averages that are kept unless told otherwise, in checkpoints: those of the paper.
AVERAGES = (2, 5, 10, 20, 50)


class SphereState(NamedTuple):
    """What probes see, and the number of checkpoints so far."""

    seen: Averaged
    count: Any


def on_sphere(tree: Any, radius: Any) -> Any:
    """Return the tree scaled to a norm, that of all leaves together."""
    scale = radius / jnp.sqrt(jnp.sum(square(tree)))
    return jax.tree.map(lambda leaf: scale * leaf, tree)


@pytree
class SphereSGD(Law):
    r"""SGD with projection on a sphere.

    Means in ``window``: ``batch_loss``; ``gradient_norm``, R|g|, the effective gradient norm; ``turn2``, the squared
    angle in radians by which an iteration turns the weights; ``log_growth`` of each leaf, log(1 + s_i^2) with s_i =
    eta |g_i|/rho_i, what the norm of the leaf gains against the projection. ``observed["loss"]`` is the mean loss of
    the batches of a step.

    Attributes:
        radius: R, the norm of all weights together; the start is put there.
        iterations: iterations of SGD in a step of the clock (static); time advances by ``iterations * lr``.
        averages: lengths k of averages (static), in steps of the clock. The average of length k is that of the last k
            checkpoints where their number is a multiple of k; between, of those since the last multiple.
        window: steps of the clock over which the means in ``window`` go, in the same way (static).

    Example:
        >>> import jax
        >>> from lrtheory.problems.sadrtdinov2024 import TickNetwork
        >>> net, law = TickNetwork(), SphereSGD(averages=(2,))
        >>> data, w = net.data(jax.random.key(0)), net.init(jax.random.key(1))
        >>> state, observed = law.step(net, data, law.init(net, data, w), 1e-2, jax.random.key(2))
        >>> now = law.params(state).now
        >>> round(float(sum((leaf**2).sum() for leaf in now.values())), 4)
        1.0

    Status: paper.
    """

    is_stochastic: ClassVar[bool] = True
    shares_draws: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("batch_loss_and_gradient",)

    radius: float = 1.0
    iterations: int = static(100)
    averages: tuple[int, ...] = static(AVERAGES)
    window: int = static(10)

    def check(self) -> None:
        """Raise ``ConfigError`` for lengths that are not whole numbers above 0, or a radius that is not above 0."""
        for name in ("iterations", "window"):
            value = getattr(self, name)
            require(is_length(value), field=f"dynamics.{name}", value=value, allowed="a whole number >= 1")
        require(
            isinstance(self.averages, tuple | list) and all(map(is_length, self.averages)),
            field="dynamics.averages", value=self.averages, allowed="a tuple of whole numbers >= 1",
        )  # fmt: skip
        _check_radius(self.radius)

    def init(self, problem: Any, data: Any, params: Any) -> SphereState:
        """Return the state before the first step, on the sphere."""
        params = on_sphere(super().init(problem, data, params), self.radius)
        averages = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(self.averages), *leaf.shape)), params)
        # Nothing has been seen yet.
        nothing = jnp.full(len(jax.tree.leaves(params)), jnp.nan, dtype=jnp.result_type(float))
        window = self._means(nothing[0], nothing, nothing, nothing[0])
        return SphereState(Averaged(params, averages, window), jnp.zeros(()))

    def params(self, state: SphereState) -> Averaged:
        """Return the weights now, the averages, and the means of the window."""
        return state.seen

    def dt(self, lr: Any) -> Any:
        """Return the time advanced by a step of the clock."""
        return self.iterations * lr

    def step(self, problem: Any, data: Any, state: SphereState, lr: Any, key: Any) -> tuple[SphereState, dict]:
        """Advance by ``iterations`` iterations."""
        orders = self._orders(problem, key)
        eta = self._rate(lr)
        now, averages, window = state.seen

        def iteration(i: Any, carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            flat, norm2, sums = carry
            params = jax.tree.map(lambda leaf, like: leaf.reshape(like.shape), flat, now)
            index = jax.lax.dynamic_slice(orders, (i * problem.batch,), (problem.batch,))
            loss, gradient = problem.batch_loss_and_gradient(params, data, index)
            means = self._means(loss, square(gradient), norm2, eta)
            flat, norm2 = self._moved(flat, jax.tree.map(jnp.ravel, gradient), eta)
            return flat, norm2, jax.tree.map(jnp.add, sums, means)

        # Leaves are moved as vectors: XLA leaves loops over a short last axis, as of a layer's inputs, unvectorised.
        flat = jax.tree.map(jnp.ravel, now)
        zero = jax.tree.map(jnp.zeros_like, window)
        flat, _, sums = jax.lax.fori_loop(0, self.iterations, iteration, (flat, square(flat), zero))
        now = jax.tree.map(lambda leaf, like: leaf.reshape(like.shape), flat, now)
        means = jax.tree.map(lambda s: s / self.iterations, sums)

        averages = averages_so_far(state.count, averages, now, self.averages)
        window = jax.tree.map(lambda old, new: mean_so_far(state.count, old, new, self.window), window, means)
        return SphereState(Averaged(now, averages, window), state.count + 1), {"loss": means["batch_loss"]}

    def _rate(self, lr: Any) -> Any:
        """Return eta for the effective rate."""
        return lr * self.radius**2

    def _orders(self, problem: Any, key: Any) -> Any:
        """Return the inputs of a step of the clock, (iterations * batch,): epochs in random order, the last cut off."""
        wanted = self.iterations * problem.batch
        epochs = -(-wanted // problem.n)
        orders = jax.vmap(lambda k: jax.random.permutation(k, problem.n))(jax.random.split(key, epochs))
        return orders.reshape(-1)[:wanted]

    def _moved(self, flat: Any, gradient: Any, eta: Any) -> tuple[Any, Any]:
        """Return the weights after an iteration, leaves as vectors, and the squared norm of each."""
        norm2 = square(move(flat, eta, gradient))
        scale = self.radius / jnp.sqrt(jnp.sum(norm2))
        # The barrier has the move computed again in the loop that scales it: to write it to memory for that costs more.
        moved = move(flat, jax.lax.optimization_barrier(eta), gradient)
        return jax.tree.map(lambda leaf: scale * leaf, moved), scale**2 * norm2

    def _means(self, loss: Any, gradient2: Any, norm2: Any, eta: Any) -> dict[str, Any]:
        """Return what is averaged over a window, from the squared norms of the leaves of gradient and weights."""
        gradient, norm = jnp.sum(gradient2), jnp.sum(norm2)
        return {
            "batch_loss": loss,
            "gradient_norm": jnp.sqrt(gradient * norm),
            "turn2": jnp.arctan(eta * jnp.sqrt(gradient / norm)) ** 2,
            "log_growth": jnp.log1p(eta**2 * gradient2 / norm2),
        }


@pytree
class SphereGD(Law):
    r"""Gradient descent with projection on a sphere, an iteration a step of the clock: ``lr`` is the effective rate.

    Attributes:
        radius: R, the norm of all weights together; the start is put there.

    Status: paper (the step).
    """

    is_stochastic: ClassVar[bool] = False
    stays_in_span: ClassVar[bool] = True

    radius: float = 1.0

    def check(self) -> None:
        """Raise ``ConfigError`` for a radius that is not above 0."""
        _check_radius(self.radius)

    def init(self, problem: Any, data: Any, params: Any) -> Any:
        """Return the start, on the sphere."""
        return on_sphere(super().init(problem, data, params), self.radius)

    def step(self, problem: Any, data: Any, state: Any, lr: Any, key: Any) -> tuple[Any, dict]:
        """Advance one step; ``observed`` belongs to the state before it."""
        observed, gradient = observed_and_gradient(problem, data, state)
        return on_sphere(move(state, lr * self.radius**2, gradient), self.radius), observed


def _check_radius(value: Any) -> None:
    require(finite(value) and value > 0, field="dynamics.radius", value=value, allowed="> 0")


@pytree
class DecayedSGD(SphereSGD):
    r"""SGD with weight decay and without projection: the norm is free, and finds an equilibrium.

    .. math:: \theta \leftarrow (1 - \eta\lambda)\,\theta - \eta g, \qquad \eta = \mathrm{lr}

    The rate is the plain one: ``radius`` is that of the start only. Further means in ``window``: ``gamma2``, the
    square of |theta||g|, and ``norm4``, |theta|^4.

    Attributes:
        weight_decay: lambda >= 0, per unit time.

    Status: derived (the law of the equilibrium is :func:`lrtheory.theory.sadrtdinov2024.decay_norm`).
    """

    weight_decay: float = 1e-2

    def check(self) -> None:
        """Raise ``ConfigError`` for a negative weight decay, or for what the law on the sphere refuses."""
        super().check()
        require(
            finite(self.weight_decay) and self.weight_decay >= 0,
            field="dynamics.weight_decay", value=self.weight_decay, allowed=">= 0",
        )  # fmt: skip

    def _rate(self, lr: Any) -> Any:
        """Return the rate as it is: there is no sphere."""
        return lr

    def _moved(self, flat: Any, gradient: Any, eta: Any) -> tuple[Any, Any]:
        """Return the weights after an iteration, leaves as vectors, and the squared norm of each."""
        moved = jax.tree.map(lambda p, g: (1 - eta * self.weight_decay) * p - eta * g, flat, gradient)
        return moved, square(moved)

    def _means(self, loss: Any, gradient2: Any, norm2: Any, eta: Any) -> dict[str, Any]:
        """Return what is averaged over a window."""
        more = {"gamma2": jnp.sum(gradient2) * jnp.sum(norm2), "norm4": jnp.sum(norm2) ** 2}
        # The weights have shrunk when they turn.
        return super()._means(loss, gradient2, norm2, eta / (1 - eta * self.weight_decay)) | more
