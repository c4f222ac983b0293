"""A small problem, law of motion, probe and experiment that every test of the core uses.

All of it is elementwise but for sums over a few coordinates, so that bit-equality can be asked for. Declaring it needs
no JAX.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from lrtheory.errors import require
from lrtheory.experiment import Axis, Experiment
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static
from lrtheory.schedules import Constant


@pytree
class Toy:
    """Distance to a drawn target: ``loss = curvature * mean((w - target)^2) / 2``; ``w`` starts at N(0, spread^2)."""

    d: int = static(3)
    curvature: float = 1.0
    spread: float = 1.0

    def check(self) -> None:
        require(isinstance(self.d, int) and self.d >= 1, field="problem.d", value=self.d, allowed="a whole number >= 1")
        require(self.curvature > 0, field="problem.curvature", value=self.curvature, allowed="> 0")

    def data(self, key: Any) -> dict[str, Any]:
        return {"target": jax.random.normal(key, (self.d,))}

    def init(self, key: Any) -> Any:
        return self.spread * jax.random.normal(key, (self.d,))

    def loss(self, params: Any, data: Any) -> Any:
        return 0.5 * self.curvature * jnp.mean((params - data["target"]) ** 2)


class Ball(NamedTuple):
    """State of :class:`Kick`: where it is, and what kicked it last."""

    w: Any
    kick: Any


@pytree
class Kick:
    """Descent with momentum-free noise of standard deviation ``noise``; observes ``loss`` and ``half_loss``."""

    is_stochastic: ClassVar[bool] = True

    noise: float = 0.1

    def init(self, problem: Any, data: Any, params: Any) -> Ball:
        return Ball(params, jnp.zeros_like(params))

    def step(self, problem: Any, data: Any, state: Ball, lr: Any, key: Any) -> tuple[Ball, dict[str, Any]]:
        loss, gradient = jax.value_and_grad(problem.loss)(state.w, data)
        kick = self.noise * jax.random.normal(key, state.w.shape)
        return Ball(state.w - lr * gradient - lr * kick, kick), {"loss": loss, "half_loss": 0.5 * loss}

    def params(self, state: Ball) -> Ball:
        return state

    def dt(self, lr: Any) -> Any:
        return lr


@pytree
class Watch:
    """Loss, position, last kick, test loss at points kept for the run, and outputs of other types."""

    name: ClassVar[str] = "watch"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        "w": ("coordinate",),
        "kick": ("coordinate",),
        "target": ("coordinate",),
    }
    units: ClassVar[dict[str, str]] = {"loss": "nat"}

    n_test: int = static(4)

    def prepare(self, problem: Any, data: Any, key: Any) -> Any:
        return jax.random.normal(key, (self.n_test, problem.d))

    def __call__(self, problem: Any, data: Any, params: Ball, aux: Any) -> dict[str, Any]:
        return {
            "loss": problem.loss(params.w, data),
            "test_loss": jnp.mean((aux - params.w) ** 2),
            "w": params.w,
            "kick": params.kick,
            "target": data["target"],
            "positive": jnp.sum(params.w > 0),
            "fitted": problem.loss(params.w, data) < 0.01,
        }


@pytree
class Loss:
    """The loss alone: an output without the dimension of the problem."""

    name: ClassVar[str] = "loss"

    def __call__(self, problem: Any, data: Any, params: Ball, aux: Any) -> dict[str, Any]:
        return {"loss": problem.loss(params.w, data)}


RATES = (0.1, 0.3, 1.0)

experiment = Experiment(
    name="toy",
    problem=Toy(),
    dynamics=Kick(),
    schedule=Constant(rate=0.1),
    probes=(Watch(),),
    n_steps=20,
    n_records=4,
    axes={"rate": Axis("schedule.rate", RATES)},
    seeds=4,
)


def toy(**changes: Any) -> Experiment:
    """Return the toy experiment with some fields replaced."""
    return dataclasses.replace(experiment, **changes)


@contextlib.contextmanager
def cached_compiles(folder: Any) -> Iterator[None]:
    """Compile a program once for all tests of a module: most of a small sweep's time is its compilation."""
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    from jax.experimental.compilation_cache import compilation_cache

    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


#: The text of a sim file of a user's own; a test puts a number for STEPS, so large that a run can be interrupted.
USER_SIM = """\
from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics import SGD
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import Quadratic
from lrtheory.relations import greater, less
from lrtheory.schedules import Constant

experiment = Experiment(
    name="mine",
    problem=Quadratic(eigenvalues=(1.0, 0.5), noise=0.1),
    dynamics=SGD(),
    schedule=Constant(rate=0.1),
    probes=(Directions(),),
    n_steps=STEPS,
    n_records=10,
    axes={"rate": Axis("schedule.rate", (0.1, 0.5))},
    seeds=20,
    scales={"smoke": {"n_steps": 50}, "laptop": {}},
)
claims = [
    Claim(id="mine-1", statement="the loss falls below half its start", relation=less(0.5), headline=True,
          quantity=lambda ds: (ds.loss.isel(record=-1) / ds.loss.isel(record=0)).mean("rate")),
    Claim(id="mine-2", statement="the loss rises", relation=greater(1.0),
          quantity=lambda ds: (ds.loss.isel(record=-1) / ds.loss.isel(record=0)).mean("rate")),
]
"""
