r"""What is measured of a classifier of patterns: accuracy by kind, what a decay gains, dead units.

Weights are those of a law, or :class:`lrtheory.dynamics.checkpoints.Averaged`. A *kind* is what a problem calls the
rows of its training set (``kinds``: simple, complex, noisy) and of its test sets (``test_kinds``). Accuracy is the
share of inputs whose largest output is that of their label, in [0, 1]; on rows with a random or wrong label it is
memorisation, and chance is one over the number of classes. Test sets follow the data seed.

Reference: You, Long, Wang, Jordan 2019, arXiv 1908.01878: accuracy by kind (recalled); the rest is derived.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lrtheory.dynamics.checkpoints import Averaged, square
from lrtheory.errors import ConfigError, is_length, require
from lrtheory.lazy import jax, jnp
from lrtheory.problems.you2019_network import cross_entropy
from lrtheory.pytree import pytree, static

#: Every kind of row of every problem, to name units.
KINDS = ("simple", "complex", "noisy", "right", "wrong", "clean", "one", "two", "three")


def weights_of(params: Any) -> Any:
    """Return the weights now of what a law shows."""
    return params.now if isinstance(params, Averaged) else params


def _check_sizes(probe: Any, *names: str) -> None:
    for name in names:
        value = getattr(probe, name)
        require(
            is_length(value),
            field=f"probe.{name}", value=value, allowed="a whole number >= 1",
        )  # fmt: skip


def _right(problem: Any, weights: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Tell of each input of each kind whether it is classified as its label says, as 0 or 1."""
    # One pass over all kinds: larger products.
    logits = problem.logits(weights, jnp.concatenate([part.x for part in inputs.values()]))
    out, start = {}, 0
    for kind, part in inputs.items():
        n = len(part.y)
        out[kind] = (jnp.argmax(logits[start : start + n], axis=-1) == part.y).astype(float)
        start += n
    return out


@pytree
class ByKind:
    """Accuracy and loss by kind, on training rows and on test inputs.

    Attributes:
        n_train: training rows of each kind that are looked at (static), the first ones; all, if there are fewer. Rows
            come from each pattern in turn, so that a multiple of their number looks at all patterns alike.
        n_test: test inputs of each kind (static).

    Returns:
        ``train_accuracy_KIND``, ``train_loss_KIND`` for each kind of training row, ``test_accuracy_KIND``,
        ``test_loss_KIND`` for each kind of test input. A reading costs about a third of as many inputs of training.
    """

    name: ClassVar[str] = "by_kind"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {f"{split}_loss_{kind}": "nat" for split in ("train", "test") for kind in KINDS}

    n_train: int = static(500)
    n_test: int = static(500)

    def check(self) -> None:
        """Refuse empty sets."""
        _check_sizes(self, "n_train", "n_test")

    def prepare(self, problem: Any, data: Any, key: Any) -> Any:
        """Draw the test inputs."""
        return problem.test_inputs(data, key, self.n_test)

    def __call__(self, problem: Any, data: Any, params: Any, aux: Any) -> dict[str, Any]:
        """Measure."""
        train = problem.train_inputs(data, self.n_train)
        parts = {f"train_{{}}_{kind}": part for kind, part in train.items()}
        parts |= {f"test_{{}}_{kind}": part for kind, part in aux.items()}
        logits = problem.logits(weights_of(params), jnp.concatenate([part.x for part in parts.values()]))
        out, start = {}, 0
        for name, part in parts.items():
            own = logits[start : start + len(part.y)]
            start += len(part.y)
            out[name.format("accuracy")] = jnp.mean(jnp.argmax(own, axis=-1) == part.y, dtype=float)
            out[name.format("loss")] = jnp.mean(cross_entropy(own, part.y))
        return out


@pytree
class Decays:
    r"""What the sub-paths from a decay have gained at their ends, and how far they have gone.

    Needs sub-paths in branches and a law with averages of checkpoints, the first of which should be about as long as
    the run has been at rest before the decay. For each branch, of training rows and test inputs of each kind:

    * ``gained_SPLIT_KIND``, the share that was wrong at the decay and is right at the end; ``lost_...``, the reverse;
    * ``explained_SPLIT_KIND``, the part of the gained share that is right under the average of checkpoints before the
      decay: what goes once the noise of the weights is averaged out;
    * ``turn``, for each layer: the angle in radians between the average and the weights at the end.

    Of the decay itself: ``noise_turn``, for each layer, the angle in radians by which weights stand off their average,

    .. math:: \arctan\frac{\sqrt{\overline{|w|^2} - |\bar w|^2}}{|\bar w|},

    and ``average_SPLIT_accuracy_KIND``, the accuracy of the average.

    Attributes:
        n_train, n_test: as :class:`ByKind`.
    """

    name: ClassVar[str] = "decays"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        **{f"{what}_{split}_{kind}": ("branch",) for what in ("gained", "lost", "explained")
           for split in ("train", "test") for kind in KINDS},
        "turn": ("branch", "layer"),
        "noise_turn": ("layer",),
    }  # fmt: skip
    units: ClassVar[dict[str, str]] = {"turn": "rad", "noise_turn": "rad"}

    n_train: int = static(2000)
    n_test: int = static(1000)

    def check(self) -> None:
        """Refuse empty sets."""
        _check_sizes(self, "n_train", "n_test")

    def prepare(self, problem: Any, data: Any, key: Any) -> Any:
        """Draw the test inputs."""
        return problem.test_inputs(data, key, self.n_test)

    def __call__(self, problem: Any, data: Any, params: Any, aux: Any) -> dict[str, Any]:
        """Measure nothing on the way."""
        return {}

    def ends(self, problem: Any, data: Any, params: Any, others: Any, aux: Any) -> dict[str, Any]:
        """Measure at the ends.

        Raises:
            ConfigError: the experiment has no branches, or its law no averages.
        """
        if others is None or not isinstance(params, Averaged) or _depth(others.now) != _depth(params.now) + 1:
            raise ConfigError(
                "probe Decays needs sub_paths.schedule = Branches(...) and a law with averages, such as EpochSGD"
            )
        inputs = {f"train_{kind}": part for kind, part in problem.train_inputs(data, self.n_train).items()}
        inputs |= {f"test_{kind}": part for kind, part in aux.items()}
        mean = jax.tree.map(lambda leaf: leaf[0], params.averages)
        before, averaged = (_right(problem, weights, inputs) for weights in (params.now, mean))
        after = jax.lax.map(lambda weights: _right(problem, weights, inputs), others.now)
        out = {}
        for name in inputs:
            gained = (1 - before[name]) * after[name]
            out[f"gained_{name}"] = jnp.mean(gained, axis=-1)
            out[f"lost_{name}"] = jnp.mean(before[name] * (1 - after[name]), axis=-1)
            out[f"explained_{name}"] = jnp.mean(gained * averaged[name], axis=-1)
            split, kind = name.split("_")
            out[f"average_{split}_accuracy_{kind}"] = jnp.mean(averaged[name])
        mean2 = square(mean)
        spread2 = jnp.maximum(params.window["square"] - mean2, 0.0)
        out["noise_turn"] = jnp.arctan(jnp.sqrt(spread2 / mean2))
        out["turn"] = jax.vmap(lambda weights: turns(weights, mean))(others.now)
        return out


def _depth(tree: Any) -> int:
    return jnp.ndim(jax.tree.leaves(tree)[0])


def turns(a: Any, b: Any) -> Any:
    """Return the angle in radians between two trees of weights, leaf by leaf, (leaves,)."""
    a, b = (jax.tree.map(lambda leaf: leaf / jnp.sqrt(jnp.sum(leaf**2)), tree) for tree in (a, b))
    apart, together = (square(jax.tree.map(op, a, b)) for op in (jnp.subtract, jnp.add))
    return 2.0 * jnp.arctan2(jnp.sqrt(apart), jnp.sqrt(together))


@pytree
class DeadUnits:
    """Hidden units that are 0 on every training row that is looked at: no gradient reaches their weights any more.

    Attributes:
        n_train: training rows of each kind that are looked at (static), the first ones; all, if there are fewer.

    Returns:
        ``dead_units``, the share of each hidden layer.
    """

    name: ClassVar[str] = "dead_units"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {"dead_units": ("hidden_layer",)}
    units: ClassVar[dict[str, str]] = {}

    n_train: int = static(500)

    def check(self) -> None:
        """Refuse an empty set."""
        _check_sizes(self, "n_train")

    def __call__(self, problem: Any, data: Any, params: Any, aux: Any) -> dict[str, Any]:
        """Measure."""
        x = jnp.concatenate([part.x for part in problem.train_inputs(data, self.n_train).values()])
        layers = problem.hidden(weights_of(params), x)
        return {"dead_units": jnp.stack([jnp.mean(jnp.all(h <= 0, axis=0), dtype=float) for h in layers])}
