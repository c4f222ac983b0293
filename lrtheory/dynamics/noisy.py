"""Noisy full-batch gradient descent with weight decay, carried as an exact split into signal and noise.

The law (Li, Wei, Ma 2019, recalled) moves the weights U at learning rate gamma by

    U <- (1 - gamma lam) U - gamma (grad L(U) + xi),        xi ~ N(0, tau_xi^2) i.i.d.

It is linear in everything but ``grad L``, so ``U = signal + noise`` splits exactly:

    signal <- (1 - gamma lam) signal - gamma grad L(signal + noise),      signal_0 = 0,
    noise  <- (1 - gamma lam) noise  - gamma xi,                          noise_0  = random initial weights.

The state *is* the split, and ``params(state)`` hands the split to the probes (:class:`SplitParams`), so that
they can look at either part; ``SplitParams.total()`` is U. The loss only ever sees U.

What a problem supplies
-----------------------
All trees have one structure (a dict of arrays, the keys naming the blocks of weights):

======================  ===================================================================================
``init(key)``           the initial noise: standard deviation tau0 per leaf, in *noise shapes*
``zeros()``             the initial signal: zeros in *full shapes*
``noise(key)``          i.i.d. N(0, 1) in noise shapes
``noise_scale()``       tau0, one number (or broadcastable array) per leaf
``loss(params, data)``  the training loss without weight decay, at ``params`` = U in full shapes
======================  ===================================================================================

A noise shape broadcasts to the full shape: units that share their noise (a pair with output weights +a, -a)
store it once, with a dimension of length 1 where the full shape counts the members of the pair. The signal is
never shared.

Stationarity
------------
``tau_xi = noise_factor * tau0 * sqrt(1 - (1 - eta1 lam)^2) / eta1``: with ``noise_factor = 1`` the noise part
keeps its initial variance tau0^2 for ever at the reference rate eta1, and tends to about (eta / eta1) tau0^2 at
a rate eta.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from lrtheory.dynamics.gradient import add, observed_and_gradient
from lrtheory.dynamics.law import Law
from lrtheory.errors import finite, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree


class SplitParams(NamedTuple):
    """Weights as signal (full shapes) plus noise (shapes that broadcast to the full ones)."""

    signal: Any
    noise: Any

    def total(self) -> Any:
        """Return the weights U = signal + noise, in full shapes."""
        return add(self.signal, self.noise)


@pytree
class NoisyGD(Law):
    r"""Noisy gradient descent with weight decay, noise stationary at a reference rate.

    .. math:: U \leftarrow (1 - h\lambda) U - h \nabla L(U) - \sqrt{\gamma h}\,\tau_\xi\, g, \qquad
              h = \max(\gamma, h_0)

    At ``macro_step`` h0 = 0 this is the literal algorithm (h = gamma). With h0 > 0 a rate gamma < h0 is
    simulated by Euler-Maruyama steps of length h0 that keep the drift per unit time and the noise power per
    unit time of the literal algorithm; rates above h0 stay literal. One step of the clock then advances the
    time by h.

    Args:
        weight_decay: lam >= 0, per unit of time.
        reference_rate: eta1 > 0, the rate at which the noise is stationary; 0 < eta1 lam < 2 unless lam = 0.
        macro_step: h0 >= 0, a time; 0 is the literal algorithm.
        noise_factor: multiplies tau_xi; 0 switches the noise off, sqrt(eta1 / eta) makes it stationary at eta
            (to relative order eta1 lam).

    Example:
        >>> from lrtheory.dynamics.noisy import NoisyGD
        >>> float(NoisyGD(macro_step=0.5).dt(0.001)), float(NoisyGD(macro_step=0.5).dt(2.0))
        (0.5, 2.0)

    References:
        Li, Wei, Ma 2019 (algorithm: recalled; macro-steps and split into blocks: derived).
    """

    is_stochastic: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("zeros", "noise", "noise_scale")

    weight_decay: float = 0.0
    reference_rate: float = 1.0
    macro_step: float = 0.0
    noise_factor: float = 1.0

    def check(self) -> None:
        """Raise ``ConfigError`` for numbers outside their ranges."""
        lam, eta1 = self.weight_decay, self.reference_rate
        require(finite(lam) and lam >= 0, field="dynamics.weight_decay", value=lam, allowed=">= 0")
        require(finite(eta1) and eta1 > 0, field="dynamics.reference_rate", value=eta1, allowed="> 0")
        require(
            eta1 * lam < 2,
            field="dynamics.reference_rate",
            value=eta1,
            allowed=f"< 2 / weight_decay = {2 / lam if lam else float('inf')!r} (else no noise is stationary)",
        )
        for name in ("macro_step", "noise_factor"):
            value = getattr(self, name)
            require(finite(value) and value >= 0, field=f"dynamics.{name}", value=value, allowed=">= 0")

    def init(self, problem: Any, data: Any, params: Any) -> SplitParams:
        """Start with no signal and ``params``, the random initial weights, as the noise."""
        noise = super().init(problem, data, params)
        return SplitParams(signal=problem.zeros(), noise=noise)

    def step(self, problem: Any, data: Any, state: SplitParams, lr: Any, key: Any) -> tuple[SplitParams, dict]:
        """Advance one (macro-)step; ``observed`` belongs to the state before it."""
        observed, gradient = observed_and_gradient(problem, data, state.total())
        h = self.dt(lr)
        keep = 1.0 - h * self.weight_decay
        amplitude = self.noise_factor * jnp.sqrt(lr * h) * self._unit_noise()
        signal = jax.tree.map(lambda s, g: keep * s - h * g, state.signal, gradient)
        noise = jax.tree.map(
            lambda n, g, tau0: keep * n - (amplitude * tau0) * g,
            state.noise,
            problem.noise(key),
            problem.noise_scale(),
        )
        return SplitParams(signal, noise), observed

    def dt(self, lr: Any) -> Any:
        """Return the time advanced by a step at rate ``lr``: max(lr, macro_step)."""
        return jnp.maximum(lr, self.macro_step)

    def _unit_noise(self) -> Any:
        # 1 - (1 - x)^2 = x (2 - x), without the cancellation at the tiny x = eta1 lam of interest.
        x = self.reference_rate * self.weight_decay
        return jnp.sqrt(x * (2.0 - x)) / self.reference_rate
