"""Discrete descent on one shared clock: gradient descent, and the same with the problem's gradient noise.

How a stochastic law gets its noise: the *problem* owns it. A problem with the method

    gradient_noise(key, params, data) -> a tree like params, zero mean

says what separates a stochastic gradient from the full one; :class:`SGD` adds one draw a step, and the SDE
limit (``lrtheory.dynamics.flow``) uses the same draw, rescaled, as its Brownian increment. So two laws of
motion compared on one problem feel the same noise, and the noise level is a leaf of the problem.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lrtheory.dynamics.gradient import add, move, observed_and_gradient
from lrtheory.dynamics.law import Law
from lrtheory.pytree import pytree


@pytree
class GD(Law):
    r"""Full-batch gradient descent.

    .. math:: w \leftarrow w - \eta \nabla L(w)

    Example:
        >>> from lrtheory.dynamics.descent import GD
        >>> from lrtheory.problems.quadratic import Quadratic
        >>> import jax
        >>> problem = Quadratic(eigenvalues=(1.0, 0.5), mean=1.0)
        >>> w = problem.init(jax.random.key(0))
        >>> w, observed = GD().step(problem, (), w, 0.5, jax.random.key(0))
        >>> w.tolist(), float(observed["loss"])
        ([0.5, 0.75], 0.75)
    """

    is_stochastic: ClassVar[bool] = False
    stays_in_span: ClassVar[bool] = True

    def step(self, problem: Any, data: Any, state: Any, lr: Any, key: Any) -> tuple[Any, dict]:
        """Advance one step of length ``lr``; ``observed`` belongs to the state before it."""
        observed, gradient = observed_and_gradient(problem, data, state)
        return move(state, lr, gradient), observed


@pytree
class SGD(Law):
    r"""Stochastic gradient descent with the additive noise of the problem, drawn afresh each step.

    .. math:: w \leftarrow w - \eta\,(\nabla L(w) + \xi), \qquad \xi = \texttt{problem.gradient\_noise(key, w,
    data)}
    """

    is_stochastic: ClassVar[bool] = True
    stays_in_span: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("gradient_noise",)

    def step(self, problem: Any, data: Any, state: Any, lr: Any, key: Any) -> tuple[Any, dict]:
        """Advance one step of length ``lr``; ``observed`` belongs to the state before it."""
        observed, gradient = observed_and_gradient(problem, data, state)
        return move(state, lr, add(gradient, problem.gradient_noise(key, state, data))), observed
