"""Laws of motion on one shared clock.

A law is a frozen pytree with facts on its class (``is_stochastic``; ``requires``: the methods it asks of a
problem) and

    init(problem, data, params) -> state
    step(problem, data, state, lr, key) -> (state, observed)    one unit of the shared clock
    params(state) -> params                                     what probes and losses look at
    dt(lr) -> time advanced by the step

``observed`` is a dict of scalars of the state *before* the step; it holds at least ``"loss"``.
"""

from lrtheory.dynamics.descent import GD, SGD
from lrtheory.dynamics.epochs import EpochSGD
from lrtheory.dynamics.flow import SDE, GradientFlow
from lrtheory.dynamics.langevin import Langevin
from lrtheory.dynamics.minibatch import MinibatchMomentum, MinibatchSGD, Reshuffled, WithReplacement
from lrtheory.dynamics.noisy import NoisyGD, SplitParams
from lrtheory.dynamics.preconditioned import Adam, Momentum, Optax
from lrtheory.dynamics.sphere import DecayedSGD, SphereGD, SphereSGD

__all__ = [
    "GD", "SDE", "SGD", "Adam", "DecayedSGD", "EpochSGD", "GradientFlow", "Langevin", "MinibatchMomentum",
    "MinibatchSGD", "Momentum", "NoisyGD", "Optax", "Reshuffled", "SphereGD", "SphereSGD", "SplitParams",
    "WithReplacement",
]  # fmt: skip
