r"""The block network of Li, Wei, Ma (2019) at finite width, on the data of :mod:`lrtheory.problems.li2019_data`.

.. math:: f(x) = r(x_1) + g(x_2), \qquad r(x_1) = \sum_k a_k\,\mathrm{relu}(\langle W_k, x_1\rangle),
          \qquad g(x_2) = \sum_k b_k\,\mathrm{relu}(\langle V_k, x_2\rangle)

Only W and V are trained; they start from N(0, tau0^2). The output weights are fixed, half of them positive, and a
branch of n units has weights +-1/sqrt(2 n): this is the paper's +-1/sqrt(m) when either branch has half of the m
units, and it gives either branch the kernel <x,x'> (pi - angle)/(4 pi) at infinite width whatever its own number of
units.

Layout
------
Units come as pairs with weights (+, -): axis 0 of every array of weights has length 2 and is the sign. ``w`` is
(2, m_w/2, d). ``v`` is (2, 2, m_v/2): sign, coordinate, unit. Only the coordinates of V along z and zeta are kept,
because x2 lies in that plane, and V is only evaluated at z - zeta, z, z + zeta, because g(alpha x) = alpha g(x). Both
are
exact: the other coordinates of V get no gradient and are read by nothing.

``noise_members`` is a shape, not a switch. At 1 the two units of a pair share their initial weights and their noise, so
that the noise cancels from the output exactly, with the same infinite-width limit (derived; the recommended form). At 2
every unit has its own (the paper's form). The signal is never shared.

A training set is kept with inputs in columns, (d, N): both matrix products of a step then run over contiguous rows,
which on a CPU takes the gradient from 140 to 240 GFLOP/s on two cores.

Reference: Y. Li, C. Wei, T. Ma, "Towards Explaining the Regularization Effect of Initial Large Learning Rate in
Training Neural Networks", NeurIPS 2019, arXiv 1907.04595. Status of the network: recalled; pairs, free widths, free
scales tau0 and the shortcuts for V: derived.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from lrtheory.errors import finite, require
from lrtheory.gaussian import normal
from lrtheory.lazy import jax, jnp
from lrtheory.problems.li2019_data import PatternLaw
from lrtheory.pytree import pytree, static

if TYPE_CHECKING:
    from lrtheory.dynamics.noisy import SplitParams


class Kinds(NamedTuple):
    """Which patterns N inputs carry: (N,) bool each."""

    p_only: Any
    q_only: Any

    @property
    def both(self) -> Any:
        """(N,) bool, inputs with both patterns."""
        return ~(self.p_only | self.q_only)


class TrainingSet(NamedTuple):
    """What a step reads of N inputs, and what probes need to tell their kinds apart.

    Attributes:
        x1_t: (d, N) first blocks as columns, zero where P is absent.
        y: (N,) labels, -1.0 or +1.0.
        point_weights: (N, 3) length factor alpha at the column of the input's point, zero elsewhere.
        patterns: their kinds.
    """

    x1_t: Any
    y: Any
    point_weights: Any
    patterns: Kinds


@pytree
class BlockNetwork(PatternLaw):
    """Two branches of ReLU units, one a block of the input, trained by the logistic loss.

    Weights, noise and gradients are dicts ``{"w": ..., "v": ...}``; shapes in the module's docstring. The loss leaves
    out weight decay, which acts through the dynamics (:class:`lrtheory.dynamics.NoisyGD`). Fields of the data law as in
    :class:`lrtheory.problems.li2019_data.PatternLaw`.

    Attributes:
        m_w: units that read x1, even (static).
        m_v: units that read x2, even (static).
        noise_members: 1: the two units of a pair share start and noise; 2: they do not (static).
        tau0_w: initial standard deviation of a coordinate of W.
        tau0_v: the same of V.

    Example:
        >>> import jax
        >>> net = BlockNetwork(d=10, kappa=0.5, m_w=8, m_v=6)
        >>> data = net.data(jax.random.key(0))
        >>> round(float(net.loss(net.init(jax.random.key(1)), data)), 4)  # a paired network starts at f = 0
        0.6931

    Reference: Li, Wei, Ma 2019 (recalled); pairs and shortcuts derived.
    """

    m_w: int = static(1000)
    m_v: int = static(20_000)
    noise_members: int = static(1)
    tau0_w: float = 10.0
    tau0_v: float = 100.0

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        super().check()
        for name in ("m_w", "m_v"):
            value = getattr(self, name)
            require(
                isinstance(value, int) and value >= 2 and value % 2 == 0,
                field=f"problem.{name}", value=value, allowed="an even whole number >= 2 (units come in pairs)",
            )  # fmt: skip
        require(
            self.noise_members in (1, 2),
            field="problem.noise_members", value=self.noise_members, allowed="1 (shared by a pair) or 2",
        )  # fmt: skip
        for name in ("tau0_w", "tau0_v"):
            value = getattr(self, name)
            require(finite(value) and value > 0, field=f"problem.{name}", value=value, allowed="> 0")

    def data(self, key: Any) -> TrainingSet:
        """Draw the training set."""
        patterns = self.sample(key)
        return TrainingSet(
            x1_t=patterns.x1.T,
            y=patterns.y,
            point_weights=patterns.point_weights,
            patterns=Kinds(p_only=patterns.p_only, q_only=patterns.q_only),
        )

    def zeros(self) -> dict[str, Any]:
        """Return the initial signal: no signal, in full shapes."""
        return {"w": jnp.zeros((2, self.m_w // 2, self.d)), "v": jnp.zeros((2, 2, self.m_v // 2))}

    def noise(self, key: Any) -> dict[str, Any]:
        """Draw i.i.d. N(0, 1) in noise shapes: axis 0 has length ``noise_members``."""
        return {
            "w": normal(key, (self.noise_members, self.m_w // 2, self.d), stream=0),
            "v": normal(key, (self.noise_members, 2, self.m_v // 2), stream=1),
        }

    def noise_scale(self) -> dict[str, Any]:
        """Return tau0 of either branch."""
        return {"w": self.tau0_w, "v": self.tau0_v}

    def init(self, key: Any) -> dict[str, Any]:
        """Draw the initial weights, N(0, tau0^2) in noise shapes."""
        return jax.tree.map(lambda n, tau0: tau0 * n, self.noise(key), self.noise_scale())

    def p_output(self, w: Any, x1_t: Any) -> Any:
        """Return r at inputs in columns: (2, m_w/2, d), (d, n) -> (n,)."""
        return signed_sum(jax.nn.relu(p_preactivation(w, x1_t)), axis=0) / math.sqrt(2 * self.m_w)

    def q_output(self, v: Any) -> Any:
        """Return g at z - zeta, z, z + zeta: (2, 2, m_v/2) -> (3,)."""
        return signed_sum(jax.nn.relu(q_preactivation(v, self.points())), axis=1) / math.sqrt(2 * self.m_v)

    def output(self, params: dict[str, Any], data: TrainingSet) -> Any:
        """Return f at the training inputs, (N,); weights in full shapes."""
        return self.p_output(params["w"], data.x1_t) + data.point_weights @ self.q_output(params["v"])

    def loss(self, params: dict[str, Any], data: TrainingSet) -> Any:
        """Return the mean of log(1 + exp(-y f)) over the training set, without weight decay."""
        return jnp.mean(jax.nn.softplus(-data.y * self.output(params, data)))

    def observed(self, loss: Any, data: TrainingSet) -> dict[str, Any]:
        """Return ``excess_loss`` = loss - q log 2: what is left when Q-only inputs stay at chance."""
        return {"excess_loss": loss - jnp.mean(data.patterns.q_only, dtype=loss.dtype) * math.log(2)}

    def margins(self, params: SplitParams, data: TrainingSet) -> Any:
        """Return y f at the training inputs, (N,), for probes."""
        return data.y * self.output(params.total(), data)

    def output_q(self, params: SplitParams, data: TrainingSet) -> Any:
        """Return g at z - zeta, z, z + zeta, (3,), for probes."""
        return self.q_output(params.total()["v"])


def p_preactivation(w: Any, x1_t: Any) -> Any:
    """Return <W_k, x1> for every unit and input: (s, units, d), (d, n) -> (s, units, n)."""
    return jnp.einsum("skd,dn->skn", w, x1_t)


def q_preactivation(v: Any, points: Any) -> Any:
    """Return <V_k, x2> at the three points: (s, 2, units), (3, 2) -> (s, 3, units)."""
    return v[:, 0, None] * points[:, 0, None] + v[:, 1, None] * points[:, 1, None]


def signed_sum(values: Any, axis: int) -> Any:
    """Sum over pairs of (+ member - member); the members are axis 0, the pairs ``axis`` of what remains.

    The difference comes first, because the two members of a pair are large and nearly equal.
    """
    return jnp.sum(values[0] - values[1], axis=axis)
