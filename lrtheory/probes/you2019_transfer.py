r"""How well the features of a network serve another task: a linear probe on frozen features, stage by stage.

The target task has the simple patterns of the source under permuted labels, complex patterns of its own, and no noise.
Features are the outputs of the last hidden layer. On n target inputs with features F (centred) and one-hot labels Y
(centred) the probe is ridge regression,

.. math:: W = (F^\top F + n\rho\,\tau I)^{-1} F^\top Y, \qquad \tau = \mathrm{tr}(F^\top F)/(n\,\mathrm{width}),

rho being relative to the mean variance of a feature. It classifies by the largest output.

Reference: You, Long, Wang, Jordan 2019, arXiv 1908.01878: frozen features and a linear classifier (recalled); the
target task and the ridge are derived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from lrtheory.errors import finite, require
from lrtheory.lazy import jax, jnp
from lrtheory.probes.you2019 import weights_of
from lrtheory.problems.you2019_data import PATTERNS, Inputs
from lrtheory.pytree import pytree, static
from lrtheory.theory.you2019 import transferability

if TYPE_CHECKING:
    import xarray as xr

#: Conjugate gradients of the ridge: with rho = 1e-2 or more the error is below 1e-4 of the solution.
ITERATIONS = 200
#: Resamples of data seeds for the interval of a transferability.
RESAMPLES = 2000


def ridge(features: Any, targets: Any, rho: Any) -> Any:
    """Return W (width, outputs) of centred features (n, width) and centred targets (n, outputs)."""
    width = features.shape[1]
    gram = features.T @ features
    gram = gram + (rho * jnp.trace(gram) / width) * jnp.eye(width, dtype=gram.dtype)
    # Not a factorisation: on a CPU two programs with LAPACK calls cannot run side by side.
    return jax.scipy.sparse.linalg.cg(gram, features.T @ targets, maxiter=ITERATIONS, tol=1e-5)[0]


class Target(NamedTuple):
    """Inputs of the target task to fit the probe on, and test inputs of both tasks by kind."""

    fit: Inputs
    target: dict[str, Inputs]
    source: dict[str, Inputs]


@pytree
class Transfer:
    """Accuracy of the network on its own task, and of a linear probe of its features on the target task.

    Attributes:
        n_fit: target inputs that the probe is fitted on, half of either kind (static).
        n_test: test inputs of each kind, of either task (static).
        rho: the ridge, relative to the mean variance of a feature; at least 1e-3.

    Returns:
        ``source_accuracy`` on patterns of both kinds alike, ``target_accuracy``, and ``target_accuracy_KIND``.
    """

    name: ClassVar[str] = "transfer"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {}

    n_fit: int = static(1000)
    n_test: int = static(1000)
    rho: float = 1e-2

    def check(self) -> None:
        """Refuse empty sets, or a ridge for which the solver is too short."""
        for name in ("n_fit", "n_test"):
            value = getattr(self, name)
            require(
                isinstance(value, int) and value >= 2,
                field=f"probe.{name}", value=value, allowed="a whole number >= 2",
            )  # fmt: skip
        require(finite(self.rho) and self.rho >= 1e-3, field="probe.rho", value=self.rho, allowed=">= 1e-3")

    def prepare(self, problem: Any, data: Any, key: Any) -> Target:
        """Draw the target task, the inputs to fit on, and test inputs."""
        of_task, of_fit, of_target, of_source = jax.random.split(key, 4)
        patterns = problem.relabelled(of_task, problem.patterns(data.key))
        sizes = (self.n_fit - self.n_fit // 2, self.n_fit // 2)
        halves = [
            problem.copies(k, patterns, kind, n)
            for kind, k, n in zip(PATTERNS, jax.random.split(of_fit), sizes, strict=True)
        ]
        keys = jax.random.split(of_target)
        target = {kind: problem.copies(k, patterns, kind, self.n_test) for kind, k in zip(PATTERNS, keys, strict=True)}
        fit = Inputs(*(jnp.concatenate(both) for both in zip(*halves, strict=True)))
        return Target(fit, target, problem.test_inputs(data, of_source, self.n_test))

    def __call__(self, problem: Any, data: Any, params: Any, aux: Target) -> dict[str, Any]:
        """Measure."""
        weights = weights_of(params)

        def features(x: Any) -> Any:
            return problem.hidden(weights, x)[-1]

        fit = features(aux.fit.x)
        labels = jax.nn.one_hot(aux.fit.y, problem.classes)
        middle, mean = jnp.mean(fit, axis=0), jnp.mean(labels, axis=0)
        w = ridge(fit - middle, labels - mean, self.rho)

        def right(inputs: Inputs) -> Any:
            outputs = (features(inputs.x) - middle) @ w + mean
            return jnp.mean(jnp.argmax(outputs, axis=-1) == inputs.y, dtype=float)

        by_kind = {kind: right(inputs) for kind, inputs in aux.target.items()}
        own = [
            jnp.mean(jnp.argmax(problem.logits(weights, part.x), axis=-1) == part.y, dtype=float)
            for part in aux.source.values()
        ]
        return {
            "source_accuracy": sum(own) / len(own),
            "target_accuracy": sum(by_kind.values()) / len(by_kind),
            **{f"target_accuracy_{kind}": value for kind, value in by_kind.items()},
        }


class Transferred(NamedTuple):
    """Transferability of what each stage added, and an interval of it; one entry a stage, NaN where it is undefined."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _at(ds: xr.Dataset, name: str, cuts: tuple[int, ...]) -> xr.DataArray:
    """Return what was recorded at some steps, along ``stage``: that which ends there; 0 is before the first."""
    records = [int(np.flatnonzero(ds.step.values == cut)[0]) for cut in cuts]
    found = ds[name].isel(record=records).drop_vars("step", errors="ignore")
    return found.rename(record="stage").assign_coords(stage=np.arange(len(cuts)))


def gains(ds: xr.Dataset, cuts: tuple[int, ...]) -> tuple[xr.DataArray, xr.DataArray]:
    """Return what each stage added to target and to source accuracy, along ``stage`` = 1, 2, ...

    Args:
        ds: results with the probe :class:`Transfer`.
        cuts: the steps at which stages begin and end, all of them records; the first is the start.
    """
    target, source = (_at(ds, name, cuts).diff("stage") for name in ("target_accuracy", "source_accuracy"))
    return target, source


def transferred(ds: xr.Dataset, cuts: tuple[int, ...], level: float = 0.95) -> Transferred:
    """Return T_i of each stage of one schedule, from mean accuracies, with a bootstrap interval over data seeds.

    Where the mean source gain is 0.01 or less T_i is undefined; the interval is NaN where it is so in more than a tenth
    of the resamples.

    Args:
        ds: results of one schedule with the probe :class:`Transfer`.
        cuts: as :func:`gains`.
        level: of the interval, between the percentiles of resamples.
    """
    target, source = (
        _at(ds, name, cuts).mean("seed").transpose("data_seed", "stage").values
        for name in ("target_accuracy", "source_accuracy")
    )

    def value(rows: Any) -> np.ndarray:
        return transferability(target[rows].mean(axis=-2), source[rows].mean(axis=-2))

    n = len(target)
    drawn = value(np.random.default_rng(0).integers(0, n, (RESAMPLES, n)))
    defined = np.isfinite(drawn).mean(axis=0) >= 0.9
    ends = [np.full(drawn.shape[1], np.nan) for _ in range(2)]
    for end, q in zip(ends, ((1 - level) / 2, (1 + level) / 2), strict=True):
        end[defined] = np.nanquantile(drawn[:, defined], q, axis=0)
    return Transferred(value(np.arange(n)), *ends)
