"""Descent along a direction made from past gradients by an optax rule: momentum, Adam.

A *rule* is a pytree that builds its optax transformation from its own leaves, inside the compiled cell. So a
momentum coefficient is swept like any other number, in one compile, and no hyperparameter has to be injected
into the state. The learning rate stays outside of the rule: it belongs to the schedule.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from lrtheory.dynamics.gradient import add, move, observed_and_gradient
from lrtheory.dynamics.law import Law
from lrtheory.errors import require
from lrtheory.lazy import optax
from lrtheory.pytree import pytree, static


@pytree
class Momentum:
    r"""Heavy-ball (or Nesterov) momentum.

    .. math:: m \leftarrow \beta m + g, \qquad \text{direction} = m \quad (\text{Nesterov: } g + \beta m)
    """

    stays_in_span: ClassVar[bool] = True

    beta: float = 0.9
    nesterov: bool = static(False)

    def check(self) -> None:
        """Raise ``ConfigError`` for a coefficient outside [0, 1)."""
        require(0 <= self.beta < 1, field="dynamics.rule.beta", value=self.beta, allowed="in [0, 1)")

    def transformation(self) -> Any:
        """Return the optax transformation of gradients into directions."""
        return optax.trace(decay=self.beta, nesterov=self.nesterov)


@pytree
class Adam:
    """Adam's direction: bias-corrected first moment over the root of the second, coordinate by coordinate."""

    stays_in_span: ClassVar[bool] = False

    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def check(self) -> None:
        """Raise ``ConfigError`` for numbers outside their ranges."""
        for name in ("b1", "b2"):
            value = getattr(self, name)
            require(0 <= value < 1, field=f"dynamics.rule.{name}", value=value, allowed="in [0, 1)")
        require(self.eps > 0, field="dynamics.rule.eps", value=self.eps, allowed="> 0")

    def transformation(self) -> Any:
        """Return the optax transformation of gradients into directions."""
        return optax.scale_by_adam(b1=self.b1, b2=self.b2, eps=self.eps)


class OptaxState(NamedTuple):
    """Parameters and the memory of the rule."""

    params: Any
    memory: Any


@pytree
class Optax(Law):
    r"""Descent along the direction of an optax rule.

    .. math:: w \leftarrow w - \eta\,\text{rule}(g_0, \dots, g_k), \qquad g = \nabla L(w) + \xi

    The noise xi is the problem's ``gradient_noise`` where it has that method, and absent otherwise.

    Args:
        rule: a pytree with ``transformation() -> optax.GradientTransformation``, such as :class:`Momentum`. It may say
            that it combines gradients linearly (``stays_in_span = True`` on its class).

    Example:
        >>> from lrtheory.dynamics.preconditioned import Momentum, Optax
        >>> dynamics = Optax(rule=Momentum(beta=0.5))
    """

    is_stochastic: ClassVar[bool] = True

    rule: Any

    @property
    def stays_in_span(self) -> bool:
        """Whether the rule's directions are combinations of gradients; False for a rule that does not say so."""
        return getattr(self.rule, "stays_in_span", False)

    def check(self) -> None:
        """Raise ``ConfigError`` for what is not a rule, or a rule with numbers outside their ranges."""
        require(
            callable(getattr(self.rule, "transformation", None)),
            field="dynamics.rule",
            value=self.rule,
            allowed="a rule with the method transformation(), such as Momentum(beta=0.9)",
        )
        if hasattr(self.rule, "check"):
            self.rule.check()

    def init(self, problem: Any, data: Any, params: Any) -> OptaxState:
        """Return the parameters with an empty memory."""
        return OptaxState(params, self.rule.transformation().init(params))

    def step(self, problem: Any, data: Any, state: OptaxState, lr: Any, key: Any) -> tuple[OptaxState, dict]:
        """Advance one step of length ``lr``; ``observed`` belongs to the state before it."""
        observed, gradient = observed_and_gradient(problem, data, state.params)
        if hasattr(problem, "gradient_noise"):
            gradient = add(gradient, problem.gradient_noise(key, state.params, data))
        direction, memory = self.rule.transformation().update(gradient, state.memory, state.params)
        return OptaxState(move(state.params, lr, direction), memory), observed

    def params(self, state: OptaxState) -> Any:
        """Return the parameters."""
        return state.params
