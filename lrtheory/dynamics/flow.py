"""Laws of motion in continuous time: gradient flow, and the SDE limit of SGD.

One step of the clock advances the time by the learning rate, as a step of the discrete laws does; the
integration takes ``substeps`` inside it. So trajectories of all laws can be laid side by side, step by step.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lrtheory.dynamics.gradient import add, move, observed_and_gradient
from lrtheory.dynamics.law import Law
from lrtheory.errors import require
from lrtheory.lazy import jax
from lrtheory.pytree import pytree, static


def _check_substeps(substeps: int) -> None:
    require(
        isinstance(substeps, int) and substeps >= 1,
        field="dynamics.substeps",
        value=substeps,
        allowed="a whole number >= 1",
    )


@pytree
class GradientFlow(Law):
    r"""Gradient flow, integrated by the classical Runge-Kutta method of order 4.

    .. math:: \dot w = -\nabla L(w), \qquad w(t + \eta) \text{ from } w(t) \text{ in } n \text{ substeps of }
    \eta/n

    The local error is O((eta/n)^5); along curvature lam the integration itself is stable for eta lam / n <
    2.78. Costs 4n gradients a step.

    Args:
        substeps: n >= 1 (static: a new value is a new compile).
    """

    is_stochastic: ClassVar[bool] = False
    stays_in_span: ClassVar[bool] = True

    substeps: int = static(1)

    def check(self) -> None:
        """Raise ``ConfigError`` for a number of substeps below 1."""
        _check_substeps(self.substeps)

    def step(self, problem: Any, data: Any, state: Any, lr: Any, key: Any) -> tuple[Any, dict]:
        """Advance the flow by the time ``lr``; ``observed`` belongs to the state before it."""
        gradient = jax.grad(problem.loss)
        h = lr / self.substeps

        def finish(w: Any, k1: Any) -> Any:
            k2 = gradient(move(w, h / 2, k1), data)
            k3 = gradient(move(w, h / 2, k2), data)
            k4 = gradient(move(w, h, k3), data)
            slope = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, k1, k2, k3, k4)
            return move(w, h, slope)

        # The first slope comes with the observed loss; the loop runs over the other substeps.
        observed, k1 = observed_and_gradient(problem, data, state)
        first = finish(state, k1)
        return jax.lax.fori_loop(1, self.substeps, lambda _, w: finish(w, gradient(w, data)), first), observed


@pytree
class SDE(Law):
    r"""The SDE limit of SGD, integrated by Euler-Maruyama.

    .. math:: dw = -\nabla L(w)\,dt + \sqrt{\eta}\, C^{1/2} dB, \qquad
              w \leftarrow w - h \nabla L(w) - \sqrt{\eta h}\,\xi, \quad h = \eta / n

    C is the covariance of the problem's ``gradient_noise``, and xi one draw of it. With n = 1 this is SGD
    again (in law); as n grows it tends to the SDE with weak order 1, which for a quadratic is an
    Ornstein-Uhlenbeck process. The noise has to be Gaussian for the increments to be those of a Brownian
    motion at finite n.

    Args:
        substeps: n >= 1 (static: a new value is a new compile).
    """

    is_stochastic: ClassVar[bool] = True
    stays_in_span: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("gradient_noise",)

    substeps: int = static(8)

    def check(self) -> None:
        """Raise ``ConfigError`` for a number of substeps below 1."""
        _check_substeps(self.substeps)

    def step(self, problem: Any, data: Any, state: Any, lr: Any, key: Any) -> tuple[Any, dict]:
        """Advance the diffusion by the time ``lr``; ``observed`` belongs to the state before it."""
        gradient = jax.grad(problem.loss)
        h = lr / self.substeps
        # sqrt(eta h) xi = h * (sqrt(n) xi): the draw enters beside the gradient, as in SGD.
        spread = self.substeps**0.5

        def substep(i: Any, w: Any, slope: Any) -> Any:
            xi = problem.gradient_noise(jax.random.fold_in(key, i), w, data)
            return move(w, h, add(slope, jax.tree.map(lambda x: spread * x, xi)))

        observed, slope = observed_and_gradient(problem, data, state)
        first = substep(0, state, slope)
        return jax.lax.fori_loop(1, self.substeps, lambda i, w: substep(i, w, gradient(w, data)), first), observed
