"""What laws of motion on a loss share: the gradient, what is observed on the way, and tree arithmetic."""

from __future__ import annotations

from typing import Any

from lrtheory.lazy import jax


def observed_and_gradient(problem: Any, data: Any, params: Any) -> tuple[dict[str, Any], Any]:
    """Return what a schedule or a stopping rule may look at, and the gradient of the loss, both at ``params``.

    ``observed`` holds ``"loss"`` and, where the problem has the method ``observed(loss, data)``, the scalars it adds
    (an excess loss, say); they cost nothing beyond the loss.
    """
    loss, gradient = jax.value_and_grad(problem.loss)(params, data)
    extra = problem.observed(loss, data) if hasattr(problem, "observed") else {}
    return {"loss": loss, **extra}, gradient


def add(a: Any, b: Any) -> Any:
    """Return the tree a + b, leaves broadcast."""
    return jax.tree.map(lambda x, y: x + y, a, b)


def move(params: Any, length: Any, direction: Any) -> Any:
    """Return the tree params - length * direction."""
    return jax.tree.map(lambda p, d: p - length * d, params, direction)
