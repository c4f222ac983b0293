r"""What is measured on the block network of Li, Wei, Ma (2019) at finite width.

Probes take :class:`lrtheory.dynamics.SplitParams`: the weights as signal plus noise. Quantities that the infinite-width
network has as well carry the same names and scales, so that one figure or claim reads both; :class:`TrainByKind` and
:class:`QBranch` *are* the same probes.

Reference: Li, Wei, Ma 2019 (quantities: recalled; exact forms: derived).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from lrtheory.errors import require
from lrtheory.lazy import jax, jnp
from lrtheory.probes.li2019_infinite import QBranch, TrainByKind, error_and_loss
from lrtheory.problems.li2019 import TrainingSet, p_preactivation, q_preactivation, signed_sum
from lrtheory.pytree import pytree, static

if TYPE_CHECKING:
    from lrtheory.dynamics.noisy import SplitParams


class TestInputs(NamedTuple):
    """P-only test inputs as columns: x1_t (d, n_test), y (n_test,)."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    x1_t: Any
    y: Any


@pytree
class TestP:
    """Error and loss on P-only test inputs, by Monte Carlo; the test set follows the data seed.

    Attributes:
        n_test: number of test inputs (static); a reading costs n_test/N of the forward half of a step.

    Returns:
        ``p_test_error``, its binomial standard error ``p_test_error_se`` (given the training set and the run),
        ``p_test_loss``. An output of 0 counts as half an error.
    """

    __test__: ClassVar[bool] = False
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {"p_test_error": "1", "p_test_error_se": "1", "p_test_loss": "nat"}

    n_test: int = static(3000)

    def check(self) -> None:
        """Refuse an empty test set."""
        require(
            isinstance(self.n_test, int) and self.n_test >= 1,
            field="probe.n_test", value=self.n_test, allowed="a whole number >= 1",
        )  # fmt: skip

    def prepare(self, problem: Any, data: TrainingSet, key: Any) -> TestInputs:
        """Draw the test inputs."""
        x1, y = problem.sample_p(key, self.n_test)
        return TestInputs(x1_t=x1.T, y=y)

    def __call__(self, problem: Any, data: TrainingSet, params: SplitParams, aux: TestInputs) -> dict[str, Any]:
        """Measure."""
        return error_and_loss(aux.y * problem.p_output(params.total()["w"], aux.x1_t))


@pytree
class Signal:
    """The signal part of the weights, its linear part, and the size of the noise part.

    Returns:
        ``w_eff`` = 4 sum_k a_k (signal of W_k), of the scale it has at infinite width: r(x) = <w_eff, x>/8 for new x
        at a large rate. ``cos_w`` = cos(w_eff, w*) (NaN while w_eff = 0), ``w_norm`` = |w_eff|. ``signal_norm_w`` and
        ``signal_norm_v``: Frobenius norms of the signal. ``sigma2`` and ``sigma2_v``: mean squared noise coordinate
        of W and of V over tau0^2.
    """

    dims: ClassVar[dict[str, tuple[str, ...]]] = {"w_eff": ("coordinate",)}
    units: ClassVar[dict[str, str]] = {
        "cos_w": "1", "w_norm": "1", "w_eff": "1", "signal_norm_w": "1", "signal_norm_v": "1",
        "sigma2": "tau0^2", "sigma2_v": "tau0^2",
    }  # fmt: skip

    def prepare(self, problem: Any, data: TrainingSet, key: Any) -> tuple[()]:
        """Return nothing."""
        return ()

    def __call__(self, problem: Any, data: TrainingSet, params: SplitParams, aux: tuple[()]) -> dict[str, Any]:
        """Measure."""
        signal, noise = params
        w_eff = 4.0 * signed_sum(signal["w"], axis=0) / math.sqrt(2 * problem.m_w)
        norm = jnp.linalg.norm(w_eff)
        return {
            "w_eff": w_eff,
            "w_norm": norm,
            "cos_w": jnp.where(norm > 0, w_eff[0] / jnp.where(norm > 0, norm, 1.0), jnp.nan),
            "signal_norm_w": jnp.linalg.norm(signal["w"]),
            "signal_norm_v": jnp.linalg.norm(signal["v"]),
            "sigma2": jnp.mean(jnp.square(noise["w"] / problem.tau0_w)),
            "sigma2_v": jnp.mean(jnp.square(noise["v"] / problem.tau0_v)),
        }


@pytree
class Activations:
    """How far the activations, and with them the output, are from those that the noise alone sets.

    Let U = signal + noise and N_noise(U) be the network whose weights are U but whose activations are those of the
    noise: the object that is exact at infinite width. (For paired units it is linear in the signal, as the noise
    cancels.)

    Returns:
        ``changed_w``: share of (unit, P-carrying training input) whose activation differs between U and the noise part;
        ``changed_v``: the same of V and Q-carrying inputs (NaN where there is none); ``split_gap``: mean over the
        training inputs of |N_U - N_noise(U)|; ``output_size``: mean of |N_U|, to compare it with.
    """

    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {"changed_w": "1", "changed_v": "1", "split_gap": "1", "output_size": "1"}

    def prepare(self, problem: Any, data: TrainingSet, key: Any) -> tuple[()]:
        """Return nothing."""
        return ()

    def __call__(self, problem: Any, data: TrainingSet, params: SplitParams, aux: tuple[()]) -> dict[str, Any]:
        """Measure."""
        total, noise = params.total(), params.noise
        points = problem.points()
        p_now, p_noise = p_preactivation(total["w"], data.x1_t), p_preactivation(noise["w"], data.x1_t) > 0
        q_now, q_noise = q_preactivation(total["v"], points), q_preactivation(noise["v"], points) > 0
        changed_p = jnp.mean((p_now > 0) != p_noise, axis=(0, 1))
        changed_q = jnp.mean((q_now > 0) != q_noise, axis=(0, 2))
        carries_p = ~data.patterns.q_only
        at_point = jnp.sum(data.point_weights > 0, axis=0)
        gap_p = signed_sum(jax.nn.relu(p_now) - p_now * p_noise, axis=0) / math.sqrt(2 * problem.m_w)
        gap_q = signed_sum(jax.nn.relu(q_now) - q_now * q_noise, axis=1) / math.sqrt(2 * problem.m_v)
        return {
            "changed_w": jnp.sum(changed_p * carries_p) / jnp.sum(carries_p),
            "changed_v": changed_q @ at_point / jnp.sum(at_point),
            "split_gap": jnp.mean(jnp.abs(gap_p + data.point_weights @ gap_q)),
            "output_size": jnp.mean(jnp.abs(problem.output(total, data))),
        }


__all__ = ["Activations", "QBranch", "Signal", "TestInputs", "TestP", "TrainByKind"]
