r"""What is measured on the scale-invariant network of Sadrtdinov et al. (2024): curves, basins, features, sharpness.

Probes take :class:`lrtheory.dynamics.sphere.Averaged`: the weights now, averages of checkpoints, and means over the
last steps of the clock. Accuracies, errors and barriers are in %, angles in radians. Test sets follow the data seed.

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113. Status: paper, but for sharpness
and the shares of norm (derived).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from lrtheory.dynamics.sphere import on_sphere, square
from lrtheory.errors import ConfigError, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static

if TYPE_CHECKING:
    from lrtheory.dynamics.sphere import Averaged
    from lrtheory.problems.sadrtdinov2024 import TrainingSet
    from lrtheory.problems.sadrtdinov2024_data import Inputs

#: Random points of the sphere over which ``random_loss`` is a mean.
RANDOM_POINTS = 32


def accuracy(problem: Any, weights: Any, inputs: Inputs | TrainingSet, head: Any) -> Any:
    """Return the accuracy in % of a network on inputs; an output of 0 is half right."""
    margin = inputs.y * problem.output(weights, inputs.x, head)
    return 50.0 * jnp.mean(1.0 + jnp.sign(margin))


def _check_sizes(probe: Any, *names: str) -> None:
    for name in names:
        value = getattr(probe, name)
        require(
            isinstance(value, int) and value >= 2,
            field=f"probe.{name}", value=value, allowed="a whole number >= 2",
        )  # fmt: skip


def _length(tree: Any) -> int:
    """Return the length of the axis that all leaves lead with."""
    return jax.tree.leaves(tree)[0].shape[0]


def _needs_branches(probe: str, params: Averaged, others: Any) -> None:
    """Refuse an experiment that has no branches."""
    ndim = jnp.ndim(jax.tree.leaves(params.now)[0])
    if others is None or jnp.ndim(jax.tree.leaves(others.now)[0]) != ndim + 1:
        raise ConfigError(f"probe {probe} needs sub_paths.schedule = Branches(...): the weights of several to compare")


@pytree
class Curves:
    """Losses and accuracies along a run, and how it moves on the sphere.

    Attributes:
        n_test: number of test inputs (static); a reading costs about as much as (n + n_test)/(3 batch) iterations.

    Returns:
        ``train_loss``, ``train_accuracy``, ``test_accuracy`` of the weights now. Means over the last steps of the clock
        (the law's ``window``): ``batch_loss``; ``gradient_norm``, the effective one, R|g|; ``log_growth``, log(1 + s^2)
        of each group (leaf), s the tangent of its turn in an iteration. ``share``: of the squared norm, for each group.

    Once a cell: ``random_loss``, the mean training loss of random points of the sphere.
    """

    name: ClassVar[str] = "curves"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {"log_growth": ("group",), "share": ("group",)}
    units: ClassVar[dict[str, str]] = {
        "train_loss": "nat", "batch_loss": "nat", "random_loss": "nat", "train_accuracy": "%", "test_accuracy": "%",
        "gradient_norm": "1 / time",
    }  # fmt: skip

    n_test: int = static(2000)

    def check(self) -> None:
        """Refuse an empty test set."""
        _check_sizes(self, "n_test")

    def prepare(self, problem: Any, data: TrainingSet, key: Any) -> tuple[Inputs, Any]:
        """Draw the test inputs, and the key of random points."""
        of_test, of_points = jax.random.split(key)
        return problem.inputs(of_test, self.n_test), of_points

    def __call__(self, problem: Any, data: TrainingSet, params: Averaged, aux: Any) -> dict[str, Any]:
        """Measure."""
        test, _ = aux
        margin = data.y * problem.output(params.now, data.x, data.head)
        norms = square(params.now)
        return {
            "train_loss": jnp.mean(jax.nn.softplus(-margin)),
            "train_accuracy": 50.0 * jnp.mean(1.0 + jnp.sign(margin)),
            "test_accuracy": accuracy(problem, params.now, test, data.head),
            "batch_loss": params.window["batch_loss"],
            "gradient_norm": params.window["gradient_norm"],
            "log_growth": params.window["log_growth"],
            "share": norms / jnp.sum(norms),
        }

    def constants(self, problem: Any, data: TrainingSet, params: Averaged, aux: Any) -> dict[str, Any]:
        """Measure the loss of random points."""
        _, key = aux
        losses = jax.lax.map(lambda k: problem.loss(problem.init(k), data), jax.random.split(key, RANDOM_POINTS))
        return {"random_loss": jnp.mean(losses)}


class EndSets(NamedTuple):
    """Test inputs, and those on which one feature alone is informative (n_features, n, .)."""

    test: Inputs
    single: Inputs


@pytree
class Basin:
    """Whether what is fine-tuned from one point, and the average of checkpoints before it, lie in one basin.

    Needs sub-paths in branches, whose first is fine-tuned at the lowest rate and whose last at the highest. Pairs are
    ``low-high``, ``average-low`` and ``average-high``; the average is one of the law's. A
    barrier is the most by which the error (in %) on the straight line between two weights lies above the chord.

    Attributes:
        n_test: number of test inputs (static).
        n_points: points on the line, both ends included (static).
        average: which of the law's averages (static), by number.

    Returns:
        ``angle`` (radians), ``train_barrier``, ``test_barrier`` (%), for each pair.
    """

    name: ClassVar[str] = "basin"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        name: ("pair",) for name in ("angle", "train_barrier", "test_barrier")
    }
    units: ClassVar[dict[str, str]] = {"angle": "rad", "train_barrier": "%", "test_barrier": "%"}

    n_test: int = static(2000)
    n_points: int = static(11)
    average: int = static(1)

    def check(self) -> None:
        """Refuse an empty test set, or a line without ends."""
        _check_sizes(self, "n_test", "n_points")

    def prepare(self, problem: Any, data: TrainingSet, key: Any) -> Inputs:
        """Draw the test inputs."""
        return problem.inputs(key, self.n_test)

    def __call__(self, problem: Any, data: TrainingSet, params: Averaged, aux: Any) -> dict[str, Any]:
        """Measure nothing on the way."""
        return {}

    def ends(self, problem: Any, data: TrainingSet, params: Averaged, others: Averaged, aux: Inputs) -> dict[str, Any]:
        """Measure at the ends.

        Raises:
            ConfigError: the experiment has no branches, or its law no such average.
        """
        _needs_branches("Basin", params, others)
        n_averages = _length(params.averages)
        require(
            0 <= self.average < n_averages,
            field="probe.average", value=self.average, allowed=f"a number of one of the law's {n_averages} averages",
        )  # fmt: skip
        low, high = (jax.tree.map(lambda leaf, i=i: leaf[i], others.now) for i in (0, -1))
        mean = jax.tree.map(lambda leaf: leaf[self.average], params.averages)
        found = [self._between(problem, data, aux, a, b) for a, b in ((low, high), (mean, low), (mean, high))]
        return {name: jnp.stack([pair[name] for pair in found]) for name in self.dims}

    def _between(self, problem: Any, data: TrainingSet, test: Inputs, a: Any, b: Any) -> dict[str, Any]:
        fractions = jnp.linspace(0.0, 1.0, self.n_points)

        def errors(fraction: Any) -> Any:
            here = jax.tree.map(lambda p, q: (1 - fraction) * p + fraction * q, a, b)
            train = accuracy(problem, here, data, data.head)
            return jnp.stack([100.0 - train, 100.0 - accuracy(problem, here, test, data.head)])

        found = jax.lax.map(errors, fractions)
        excess = found - (1 - fractions[:, None]) * found[0] - fractions[:, None] * found[-1]
        train, test_barrier = jnp.max(excess, axis=0)
        return {"angle": angle(a, b), "train_barrier": train, "test_barrier": test_barrier}


def angle(a: Any, b: Any) -> Any:
    """Return the angle in radians between two trees of weights as vectors; small angles keep their digits."""
    a, b = on_sphere(a, 1.0), on_sphere(b, 1.0)
    apart = jnp.sqrt(jnp.sum(square(jax.tree.map(jnp.subtract, a, b))))
    together = jnp.sqrt(jnp.sum(square(jax.tree.map(jnp.add, a, b))))
    return 2.0 * jnp.arctan2(apart, together)


@pytree
class Features:
    """Accuracy on inputs in which one feature alone is informative: what each feature is worth to a network.

    Measured of the pre-trained weights (``feature_accuracy``), of the averages of checkpoints
    (``average_feature_accuracy``) and of the ends of sub-paths (``tuned_feature_accuracy``), with the accuracy on
    inputs in which all features are (``average_accuracy``; of the training set, ``average_train_accuracy``).

    Attributes:
        n_test: test inputs with all features (static).
        n_single: test inputs a feature (static).

    Returns:
        the above in %, with dimensions ``feature`` and, of the averages, ``average``; chance is 50.
    """

    name: ClassVar[str] = "features"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        "feature_accuracy": ("feature",),
        "average_feature_accuracy": ("average", "feature"),
        "tuned_feature_accuracy": ("branch", "feature"),
        "average_accuracy": ("average",),
        "average_train_accuracy": ("average",),
    }
    units: ClassVar[dict[str, str]] = dict.fromkeys(dims, "%")

    n_test: int = static(2000)
    n_single: int = static(1000)

    def check(self) -> None:
        """Refuse empty test sets."""
        _check_sizes(self, "n_test", "n_single")

    def prepare(self, problem: Any, data: TrainingSet, key: Any) -> EndSets:
        """Draw the test inputs."""
        of_test, of_single = jax.random.split(key)
        return EndSets(problem.inputs(of_test, self.n_test), problem.single_feature_inputs(of_single, self.n_single))

    def __call__(self, problem: Any, data: TrainingSet, params: Averaged, aux: Any) -> dict[str, Any]:
        """Measure nothing on the way."""
        return {}

    def ends(self, problem: Any, data: TrainingSet, params: Averaged, others: Any, aux: EndSets) -> dict[str, Any]:
        """Measure at the ends.

        Raises:
            ConfigError: the experiment has sub-paths without branches.
        """

        def single(weights: Any) -> Any:
            return jax.lax.map(lambda inputs: accuracy(problem, weights, inputs, data.head), aux.single)

        def whole(weights: Any) -> Any:
            return accuracy(problem, weights, aux.test, data.head)

        values = {"feature_accuracy": single(params.now)}
        if _length(params.averages):
            values |= {
                "average_feature_accuracy": jax.vmap(single)(params.averages),
                "average_accuracy": jax.vmap(whole)(params.averages),
                "average_train_accuracy": jax.vmap(lambda w: accuracy(problem, w, data, data.head))(params.averages),
            }
        if others is not None:
            _needs_branches("Features", params, others)
            values["tuned_feature_accuracy"] = jax.vmap(single)(others.now)
        return values


@pytree
class SphereSharpness:
    r"""Largest eigenvalue of the Hessian on the sphere, by power iteration; descent leaves a minimum above 2/eta.

    The Hessian on the sphere is P H P R^2 with P the projection on the tangent space (the gradient is tangent, and its
    radial term is left out: it vanishes at a minimum). Power iteration finds the eigenvalue of largest magnitude.

    Attributes:
        n_iterations: products of the Hessian with a vector (static), each of about 4 passes over the training set.

    Returns:
        ``sharpness`` at effective rates, of the weights at the end of the run (where it stopped, if it did).
    """

    name: ClassVar[str] = "sharpness"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {"sharpness": "1 / time"}

    n_iterations: int = static(50)

    def check(self) -> None:
        """Refuse fewer than two iterations."""
        _check_sizes(self, "n_iterations")

    def prepare(self, problem: Any, data: TrainingSet, key: Any) -> Any:
        """Draw where the iteration starts."""
        return problem.init(key)

    def __call__(self, problem: Any, data: TrainingSet, params: Averaged, aux: Any) -> dict[str, Any]:
        """Measure nothing on the way."""
        return {}

    def ends(self, problem: Any, data: TrainingSet, params: Averaged, others: Any, aux: Any) -> dict[str, Any]:
        """Measure at the end."""
        weights = on_sphere(params.now, 1.0)
        gradient = jax.grad(lambda w: problem.loss(w, data))

        def tangent(v: Any) -> Any:
            along = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(v), jax.tree.leaves(weights), strict=True))
            return jax.tree.map(lambda a, w: a - along * w, v, weights)

        def turn(v: Any, _: Any) -> tuple[Any, Any]:
            moved = tangent(jax.jvp(gradient, (weights,), (v,))[1])
            size = jnp.sqrt(jnp.sum(square(moved)))
            return jax.tree.map(lambda leaf: leaf / jnp.where(size > 0, size, 1.0), moved), size

        _, sizes = jax.lax.scan(turn, on_sphere(tangent(aux), 1.0), None, length=self.n_iterations)
        return {"sharpness": sizes[-1]}
