r"""Motion of the infinite-width modes of Li, Wei, Ma (2019) under noisy gradient descent with weight decay.

In training time t (the summed learning rate) and with the temperature theta = eta/eta1,

.. math:: \dot S_j = -(\lambda + j\nu) S_j - c(t), \qquad c_i = -y_i\,\mathrm{sigmoid}(-y_i f_i)/N,
          \qquad \nu = \lambda\theta\tau_0^2/\sigma^2, \qquad \dot{\sigma^2} = 2\lambda(\theta\tau_0^2 - \sigma^2),

for every power j of the cosine (see :mod:`lrtheory.problems.li2019_infinite`). As eta -> 0 the learning rate acts only
through theta: the variance it sustains, and so how fast activation patterns are renewed.

Numerics. Decay is integrated exactly: sigma^2 and the integral of nu over a step have closed forms, and the residual c,
held constant over a (sub-)step, enters with the exact weight (1 - e^(-a))/a. P is slow and takes one step of length h.
Q is stiff (rate about s^2 E[alpha^2]/16 along z) and takes ``q_substeps`` linearly implicit steps: the outputs at the
three points solve a 3 x 3 Newton equation, stable at any length. The residuals of mixed inputs seen by P are their mean
over the sub-steps. First order in h.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lrtheory.dynamics.law import Law
from lrtheory.errors import finite, require
from lrtheory.lazy import jax, jnp
from lrtheory.problems.li2019_infinite import InfiniteData, Modes, p_nodes, q_nodes
from lrtheory.pytree import pytree, static


def noise_variance(sigma2: Any, theta: Any, weight_decay: Any, h: Any) -> Any:
    """Return sigma^2/tau0^2 a time h later: theta + (sigma2 - theta) e^(-2 lam h)."""
    return theta + (sigma2 - theta) * jnp.exp(-2.0 * weight_decay * h)


def renewal(sigma2: Any, theta: Any, weight_decay: Any, h: Any) -> Any:
    """Return the integral of nu over a time h: (1/2) log(1 + theta (e^(2 lam h) - 1)/sigma2) = -log rho.

    It starts from the variance ``sigma2`` (over tau0^2); rho is the correlation of the noise part across that time.
    """
    return 0.5 * jnp.log1p(theta * jnp.expm1(2.0 * weight_decay * h) / sigma2)


def _held(a: Any) -> Any:
    """Return (1 - e^(-a))/a, the weight of a force held constant while its mode decays by e^(-a)."""
    small = a < 1e-6
    safe = jnp.where(small, 1.0, a)
    return jnp.where(small, 1.0 - 0.5 * a, -jnp.expm1(-safe) / safe)


def _solve3(matrix: Any, right: Any) -> Any:
    """Solve a 3 x 3 system by the adjugate: no pivoting call inside the loop, and it vectorises."""
    a, b, c = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    bc, ca, ab = jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)
    return jnp.stack([bc @ right, ca @ right, ab @ right]) / (a @ bc)


@pytree
class ModeFlow(Law):
    """Noisy gradient descent of the infinite-width network; **the schedule's learning rate is theta = eta/eta1**.

    theta = 1 is the large rate, at which the noise is stationary; theta -> 0 is a vanishing rate. One step advances the
    training time by ``h`` whatever theta.

    Attributes:
        weight_decay: lambda >= 0, per unit time.
        h: step length, training time; small against the learning time of P, about 5 d.
        q_substeps: implicit steps of Q in each step (static).

    Reference: Li, Wei, Ma 2019 (derived).
    """

    is_stochastic: ClassVar[bool] = False
    requires: ClassVar[tuple[str, ...]] = ("output_p", "output_q")

    weight_decay: float = 1e-4
    h: float = 4.0
    q_substeps: int = static(8)

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        require(
            finite(self.weight_decay) and self.weight_decay >= 0,
            field="dynamics.weight_decay",
            value=self.weight_decay,
            allowed=">= 0",
        )
        require(finite(self.h) and self.h > 0, field="dynamics.h", value=self.h, allowed="> 0")
        require(
            isinstance(self.q_substeps, int) and self.q_substeps >= 1,
            field="dynamics.q_substeps",
            value=self.q_substeps,
            allowed="an integer >= 1",
        )

    def dt(self, lr: Any) -> Any:
        """Return the time advanced by a step, h."""
        del lr
        return jnp.asarray(self.h, dtype=float)

    def step(self, problem: Any, data: InfiniteData, state: Modes, lr: Any, key: Any) -> tuple[Modes, dict[str, Any]]:
        """Advance by h at temperature ``lr``; ``observed`` has ``loss`` and ``excess_loss`` of the state before."""
        del key
        lam, h, n_sub = self.weight_decay, self.h, self.q_substeps
        turnover = renewal(state.sigma2, lr, lam, h)
        y = data.patterns.y
        f_p = problem.output_p(state, data)

        decay = (lam * h + jnp.asarray(q_nodes(problem.refine)[0]) * turnover) / n_sub
        keep, push = jnp.exp(-decay), h / n_sub * _held(decay)
        response = jnp.sum(push[:, None, None] * data.gram, axis=0)

        def residuals(g: Any) -> tuple[Any, Any]:
            margin = y * (f_p + problem.at_inputs(g, data))
            return -y * jax.nn.sigmoid(-margin) / problem.n, margin

        def substep(carry: tuple[Any, Any, Any], _: Any) -> tuple[tuple[Any, Any, Any], Any]:
            q, g, total = carry
            c, _ = residuals(g)
            force = jnp.sum(data.point_weights * c, axis=1)
            # d c_i/d f_i = sigmoid (1 - sigmoid)/N with sigmoid = N |c_i|
            slope = jnp.sum(jnp.square(data.point_weights) * (jnp.abs(c) * (1.0 - problem.n * jnp.abs(c))), axis=1)
            q = keep[:, None] * q
            # g' = free - response (force + slope (g' - g))
            free = jnp.sum(data.gram * q[:, None, :], axis=(0, 2))
            change = _solve3(jnp.eye(3) + response * slope, free - g - response @ force)
            force = force + slope * change
            return (q - push[:, None] * force, g + change, total + c), None

        g = problem.output_q(state, data)
        loss = jnp.mean(jax.nn.softplus(-residuals(g)[1]))
        (q, _, total), _ = jax.lax.scan(substep, (state.q, g, jnp.zeros_like(f_p)), None, length=n_sub)
        c = total / n_sub

        decay = lam * h + jnp.asarray(p_nodes(problem.refine)[0]) * turnover
        new = Modes(
            w=jnp.exp(-lam * h) * state.w - h * _held(lam * h) * (c @ data.patterns.x1),
            p=jnp.exp(-decay)[:, None] * state.p - h * _held(decay)[:, None] * c,
            q=q,
            sigma2=noise_variance(state.sigma2, lr, lam, h),
        )
        return new, {"loss": loss, **problem.observed(loss, data)}
