r"""What is measured on the infinite-width network of Li, Wei, Ma (2019).

Kinds of input: ``p_only``, ``q_only``, ``both``. "P test error" is the error on P-only test inputs: the error of the
mixture is dominated by its easy parts. All probes take the parameters
:class:`lrtheory.problems.li2019_infinite.Modes`.

Reference: Li, Wei, Ma 2019 (quantities: recalled; exact forms: derived).
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from lrtheory.errors import require
from lrtheory.lazy import jax, jnp
from lrtheory.problems.li2019_infinite import InfiniteData, Modes, pair_kernels
from lrtheory.pytree import pytree, static

KINDS = ("p_only", "q_only", "both")


def _mean_over(mask: Any, values: Any) -> Any:
    """Mean of ``values`` where ``mask`` holds, NaN if it holds nowhere."""
    count = jnp.sum(mask)
    return jnp.where(count > 0, jnp.sum(jnp.where(mask, values, 0.0)) / jnp.maximum(count, 1), jnp.nan)


@pytree
class TrainByKind:
    """Training loss, error and mean residual sigmoid(-y f), for each kind of input and for all.

    Returns:
        ``train_loss``, ``train_error``, ``train_residual`` over all inputs and with the suffixes ``_p_only``,
        ``_q_only``, ``_both`` (NaN for a kind that does not occur); an output of 0 counts as half an error.
    """

    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {
        f"train_{what}{kind}": unit
        for what, unit in (("loss", "nat"), ("error", "1"), ("residual", "1"))
        for kind in ("", *(f"_{name}" for name in KINDS))
    }

    def prepare(self, problem: Any, data: InfiniteData, key: Any) -> tuple[()]:
        """Return nothing: the training set is all it needs."""
        return ()

    def __call__(self, problem: Any, data: InfiniteData, params: Modes, aux: tuple[()]) -> dict[str, Any]:
        """Measure."""
        margin = problem.margins(params, data)
        values = {
            "loss": jax.nn.softplus(-margin),
            "error": 0.5 * (1.0 - jnp.sign(margin)),
            "residual": jax.nn.sigmoid(-margin),
        }
        measured = {}
        for what, value in values.items():
            measured[f"train_{what}"] = jnp.mean(value)
            for kind in KINDS:
                measured[f"train_{what}_{kind}"] = _mean_over(getattr(data.patterns, kind), value)
        return measured


class TestInputs(NamedTuple):
    """P-only test inputs: x (n_test, d), y (n_test,), and their kernel with the training set (n_pair * N, n_test)."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    x: Any
    y: Any
    pair: Any


def error_and_loss(margin: Any) -> dict[str, Any]:
    """Return error, its binomial standard error, and loss of test inputs with margins y f; 0 is half an error."""
    error = jnp.mean(0.5 * (1.0 - jnp.sign(margin)))
    return {
        "p_test_error": error,
        "p_test_error_se": jnp.sqrt(error * (1.0 - error) / margin.size),
        "p_test_loss": jnp.mean(jax.nn.softplus(-margin)),
    }


@pytree
class TestP:
    """Error and loss on P-only test inputs, by Monte Carlo; the test set follows the data seed.

    Attributes:
        n_test: number of test inputs (static); costs n_pair * N * n_test numbers of memory for each data seed.

    Returns:
        ``p_test_error``, its binomial standard error ``p_test_error_se`` (given the training set), ``p_test_loss``. An
        output of 0 counts as half an error.
    """

    __test__: ClassVar[bool] = False
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {"p_test_error": "1", "p_test_error_se": "1", "p_test_loss": "nat"}

    n_test: int = static(3000)

    def check(self) -> None:
        """Refuse an empty test set."""
        require(
            isinstance(self.n_test, int) and self.n_test >= 1,
            field="probe.n_test",
            value=self.n_test,
            allowed="an integer >= 1",
        )

    def prepare(self, problem: Any, data: InfiniteData, key: Any) -> TestInputs:
        """Draw the test inputs and their kernel with the training set."""
        x, y = problem.sample_p(key, self.n_test)
        return TestInputs(x=x, y=y, pair=pair_kernels(x, data.patterns.x1, problem.n_pair))

    def __call__(self, problem: Any, data: InfiniteData, params: Modes, aux: TestInputs) -> dict[str, Any]:
        """Measure."""
        output = aux.x @ params.w / 8.0 + params.p[: problem.n_pair].reshape(-1) @ aux.pair
        return error_and_loss(aux.y * output)


@pytree
class QBranch:
    """The Q branch, exactly: test error and loss on Q-only inputs, and the curvature that Q needs.

    Returns:
        ``q_test_error``, ``q_test_loss``, ``d2`` = g(z + zeta) + g(z - zeta) - 2 g(z), and ``g`` at z - zeta, z,
        z + zeta.
    """

    dims: ClassVar[dict[str, tuple[str, ...]]] = {"g": ("point",)}
    units: ClassVar[dict[str, str]] = {"q_test_error": "1", "q_test_loss": "nat", "d2": "1", "g": "1"}

    def prepare(self, problem: Any, data: InfiniteData, key: Any) -> tuple[()]:
        """Return nothing."""
        return ()

    def __call__(self, problem: Any, data: InfiniteData, params: Modes, aux: tuple[()]) -> dict[str, Any]:
        """Measure."""
        g = problem.output_q(params, data)
        return {
            "q_test_error": problem.q_error(g),
            "q_test_loss": problem.q_loss(g),
            "d2": g[0] + g[2] - 2.0 * g[1],
            "g": g,
        }


@pytree
class Signal:
    """The linear part of the P branch and the noise.

    w_eff = sum_i x_i S_{0,i} is 4 times the sum over units of output weight times accumulated signal weight.

    Returns:
        ``cos_w`` = cos(w_eff, w*) (NaN while w_eff = 0), ``w_norm`` = |w_eff|, ``w_eff`` itself (so that its change
        between two records can be had), ``sigma2`` = variance of the noise part over tau0^2.
    """

    dims: ClassVar[dict[str, tuple[str, ...]]] = {"w_eff": ("coordinate",)}
    units: ClassVar[dict[str, str]] = {"cos_w": "1", "w_norm": "1", "w_eff": "1", "sigma2": "tau0^2"}

    def prepare(self, problem: Any, data: InfiniteData, key: Any) -> tuple[()]:
        """Return nothing."""
        return ()

    def __call__(self, problem: Any, data: InfiniteData, params: Modes, aux: tuple[()]) -> dict[str, Any]:
        """Measure."""
        norm = jnp.linalg.norm(params.w)
        cosine = jnp.where(norm > 0, params.w[0] / jnp.where(norm > 0, norm, 1.0), jnp.nan)
        return {"cos_w": cosine, "w_norm": norm, "w_eff": params.w, "sigma2": params.sigma2}
