r"""What is measured on the model of Ren, Ma, Ying (2024), and the risk on the ray of a run.

The probes read the full and the reduced form of :mod:`lrtheory.problems.ren2024` and return the same numbers, but for
the sign of ``plane_rho``. Symbols as in :mod:`lrtheory.theory.ren2024_manifold`: alpha = \|w\|^gamma w, P_X and P_K
project on the row space and on the kernel of the inputs, alpha_dagger is the minimum-norm interpolator,
m = \|alpha_dagger\|^2, p = gamma/(1 + gamma), and J Sigma_hat J is the Hessian on the manifold of minima.

The functions below take the Dataset of an experiment in which :class:`Manifold` was a probe. The constants of a run
give the population risk anywhere in the plane of predictors spanned by alpha_dagger and the kernel direction of the
start, and with it on the *ray* alpha_dagger + sqrt(b) e, b >= 0, on which a run ends: the direction e never changes.

Reference: Ren, Ma, Ying 2024, arXiv 2401.11600 (model: recalled; what is measured: derived).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lrtheory.errors import require
from lrtheory.lazy import jnp
from lrtheory.matrices import largest_eigenvalue
from lrtheory.pytree import pytree

if TYPE_CHECKING:
    import xarray as xr

    from lrtheory.problems.ren2024_data import Sample


@pytree
class Manifold:
    r"""Where a run is: loss, population risk, coordinates off and along the manifold of minima, trace of the Hessian.

    Returns:
        ``loss``: clean training loss. ``risk``: population risk. ``b`` = \|P_K alpha\|^2. ``s`` = \|alpha\|^2.
        ``row_distance`` = \|P_X alpha - alpha_dagger\|^2, 0 on the manifold. ``plane_a``: component of the *weights*
        along alpha_dagger. ``plane_rho``: length of their kernel part; in the reduced form with a sign, negative where
        it points against that of the start. ``trace_hessian`` = tr(J Sigma_hat J).

    Once a cell, of its training set and its start: ``m``; ``trace`` T = tr(X^T X)/n; ``power`` = \|y\|^2/n; ``b0`` and
    ``s0``; ``sharpness0``, the largest eigenvalue of J Sigma_hat J; ``null_risk``, ``plane_cross`` (2,) and
    ``plane_moment`` (2, 2): the population risk of the predictor x alpha_dagger/\|alpha_dagger\| + y e is null_risk -
    plane_cross.(x, y) + (x, y) plane_moment (x, y)/2, with e the direction of the kernel part of the start;
    ``best_risk``, the least risk on the whole manifold of minima.
    """

    name: ClassVar[str] = "manifold"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {"plane_moment": ("plane", "plane_"), "plane_cross": ("plane",)}
    units: ClassVar[dict[str, str]] = {"trace": "1 / time", "trace_hessian": "1 / time", "sharpness0": "1 / time"}

    def __call__(self, problem: Any, data: Sample, params: Any, aux: Any) -> dict[str, Any]:
        """Measure."""
        alpha = problem.predictor(params)
        return {
            "loss": problem.loss(params, data),
            "risk": problem.risk(params, data),
            "b": _square(data.kernel_part(alpha)),
            "s": _square(alpha),
            "row_distance": _square(data.row_part(alpha - data.foot)),
            "plane_a": params @ data.foot / jnp.sqrt(_square(data.foot)),
            "plane_rho": params[-1] if data.is_reduced else jnp.sqrt(_square(data.kernel_part(params))),
            "trace_hessian": problem.trace_hessian(params, data),
        }

    def constants(self, problem: Any, data: Sample, params: Any, aux: Any) -> dict[str, Any]:
        """Measure the training set and the start."""
        alpha = problem.predictor(params)
        beta = data.kernel_part(alpha)
        # A start without a kernel part stays without: its ray is one point.
        axes = [v / jnp.sqrt(jnp.where(_square(v) > 0, _square(v), 1.0)) for v in (data.foot, beta)]
        gram = data.x @ data.x.T / problem.n
        return {
            "m": _square(data.foot),
            "trace": jnp.trace(gram),
            "power": jnp.mean(data.y**2),
            "b0": _square(beta),
            "s0": _square(alpha),
            "sharpness0": _largest(problem, data, params),
            "plane_moment": jnp.stack([jnp.stack([v @ data.apply_moment(u) for u in axes]) for v in axes]),
            "plane_cross": jnp.stack([v @ data.cross for v in axes]),
            "null_risk": data.null_risk,
            "best_risk": data.best_risk,
        }


@pytree
class Sharpness:
    """The largest eigenvalue of J Sigma_hat J, on the manifold that of the Hessian; gradient descent leaves at 2/rate.

    Returns:
        ``sharpness``. Each reading takes twenty products of n x n matrices.
    """

    name: ClassVar[str] = "sharpness"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {"sharpness": "1 / time"}

    def __call__(self, problem: Any, data: Sample, params: Any, aux: Any) -> dict[str, Any]:
        """Measure."""
        return {"sharpness": _largest(problem, data, params)}


def _square(v: Any) -> Any:
    return v @ v


def _largest(problem: Any, data: Sample, params: Any) -> Any:
    return largest_eigenvalue(problem.tangent_kernel(params, data))


# --- from results -------------------------------------------------------------------------------------------


def tail_mean(ds: xr.Dataset, name: str, steps: int) -> xr.DataArray:
    """Return the mean of ``sub_<name>`` over the records of the last ``steps`` steps of each sub-path.

    Records at sub_step > n_steps - steps count, so always the last one. Records of one sub-path are correlated, seeds
    are not: intervals go over seeds. A sub-path that diverged gives NaN.

    Args:
        ds: results of an experiment with sub-paths.
        name: what a probe calls it.
        steps: length of the window, at least 1.

    Raises:
        ConfigError: for a window below 1 step.
    """
    require(steps >= 1, field="steps", value=steps, allowed=">= 1")
    kept = ds.sub_step > ds.sub_step.max() - steps
    # skipna=False: what diverged has no final level, whatever its earlier records say.
    return ds[f"sub_{name}"].isel(sub_record=kept.values).mean("sub_record", skipna=False)


def risk_on_ray(ds: xr.Dataset, b: Any) -> xr.DataArray:
    r"""Return the population risk at alpha_dagger + sqrt(b) e, the point of the manifold on the ray of each run.

    With u = alpha_dagger/\|alpha_dagger\|, M = ``plane_moment`` and c = ``plane_cross``,

    .. math:: R(b) = R(0) + (\sqrt m\,M_{ue} - c_e)\sqrt b + \tfrac12 M_{ee}\,b

    Args:
        ds: results with the constants of :class:`Manifold`.
        b: >= 0, a number or anything that broadcasts against the cells, such as ``ds.b``.

    Status: derived.
    """
    linear, square = _ray(ds)
    return min_norm_risk(ds) + linear * b**0.5 + square * b


def min_norm_risk(ds: xr.Dataset) -> xr.DataArray:
    """Return the population risk of the minimum-norm interpolator, one number a training set. Status: derived."""
    moment, cross = ds.plane_moment.isel(plane=0, plane_=0), ds.plane_cross.isel(plane=0)
    return ds.null_risk - cross * ds.m**0.5 + moment * ds.m / 2


def best_b_on_ray(ds: xr.Dataset) -> xr.DataArray:
    r"""Return b of the least population risk on the ray of each run, 0 where the risk rises from minimum norm on.

    :math:`\sqrt b = \max(0, (c_e - \sqrt m\,M_{ue})/M_{ee})`, in the symbols of :func:`risk_on_ray`. A start without
    a kernel part has no ray: NaN. Status: derived.
    """
    linear, square = _ray(ds)
    return (-linear / (2 * square)).clip(min=0.0) ** 2


def best_risk_on_ray(ds: xr.Dataset) -> xr.DataArray:
    """Return the least population risk on the ray of each run, at :func:`best_b_on_ray`: at most that of minimum norm.

    Status: derived.
    """
    return risk_on_ray(ds, best_b_on_ray(ds))


def _ray(ds: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the coefficients of sqrt(b) and of b in the risk on the ray."""
    linear = ds.m**0.5 * ds.plane_moment.isel(plane=0, plane_=1) - ds.plane_cross.isel(plane=1)
    return linear, ds.plane_moment.isel(plane=1, plane_=1) / 2
