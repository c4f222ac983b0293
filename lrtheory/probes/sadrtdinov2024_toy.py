r"""What is measured on the toy function of scale-invariant groups, and what is read off its results.

Symbols as in :mod:`lrtheory.theory.sadrtdinov2024_toy`: shares rho_i^2 of the squared norm, tangents s_i = eta
\|g_i\|/rho_i of the turns in the next step, A = sum(alpha), load k = eta A.

The functions below take the Dataset of an experiment in which :class:`Groups` was a probe, on the unit sphere.

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113. Status: derived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lrtheory.errors import require
from lrtheory.lazy import jax, jnp
from lrtheory.matrices import largest_eigenvalue
from lrtheory.pytree import pytree
from lrtheory.theory import sadrtdinov2024_toy as theory

if TYPE_CHECKING:
    import xarray as xr


@pytree
class Groups:
    r"""The value of the function and, for each group, its share of the norm and how far a step of unit rate turns it.

    Parameters are an array (n, .), a row a group.

    Returns:
        ``loss``: F. ``share``: rho_i^2 over their sum, (n,). ``turning``: \|g_i\|/rho_i, (n,); times the rate it is the
        tangent s_i of the turn in the next step.

    At the end: ``sharpness``, the largest eigenvalue of the Hessian on the sphere (of largest magnitude, where the path
    does not end at a minimum), from the function alone.
    """

    name: ClassVar[str] = "groups"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {"share": ("group",), "turning": ("group",)}
    units: ClassVar[dict[str, str]] = {"turning": "1 / time", "sharpness": "1 / time"}

    def __call__(self, problem: Any, data: Any, params: Any, aux: Any) -> dict[str, Any]:
        """Measure."""
        value, gradient = jax.value_and_grad(problem.loss)(params, data)
        norm2 = jnp.sum(params**2, axis=1)
        return {
            "loss": value,
            "share": norm2 / jnp.sum(norm2),
            "turning": jnp.sqrt(jnp.sum(gradient**2, axis=1) / norm2),
        }

    def ends(self, problem: Any, data: Any, params: Any, others: Any, aux: Any) -> dict[str, Any]:
        """Measure at the end."""
        flat = jnp.ravel(params)
        hessian = jax.hessian(lambda w: problem.loss(w.reshape(params.shape), data))(flat)
        unit = flat / jnp.sqrt(flat @ flat)
        # The gradient has no part along the weights, so the sphere adds no curvature of its own.
        tangent = jnp.eye(flat.size) - jnp.outer(unit, unit)
        on_sphere = tangent @ hessian @ tangent * (flat @ flat)
        return {"sharpness": jnp.sqrt(largest_eigenvalue(on_sphere @ on_sphere))}


# --- from results -------------------------------------------------------------------------------------------


def late(ds: xr.Dataset, part: float) -> xr.Dataset:
    """Return the records of the last part of the steps, a number in (0, 1]; the last record is always one of them."""
    require(0 < part <= 1, field="part", value=part, allowed="in (0, 1]")
    return ds.isel(record=(ds.step >= (1 - part) * int(ds.step.max())).values)


def plateau(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return F, mean over the records of the last part of the steps, for each seed (and axis)."""
    return late(ds, part).loss.mean("record", skipna=False)


def fluctuation(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return the standard deviation of F over the records of the last part of the steps, over its mean.

    0 on the orbit of period 2, on which F is constant; paths that converge have no such number.
    """
    values = late(ds, part).loss
    return values.std("record", skipna=False) / values.mean("record", skipna=False)


def mean_shares(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return the shares of the groups, mean over the records of the last part of the steps."""
    return late(ds, part).share.mean("record", skipna=False)


def log_growth(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return log(1 + s_i^2), mean over the records of the last part of the steps, for each group.

    What is recorded are single steps, so that over R records of a chaotic path this has a standard error of about
    1/sqrt(R).
    """
    chosen = late(ds, part)
    return np.log1p((chosen.lr * chosen.turning) ** 2).mean("record", skipna=False)


def mean_turn(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return the angle arctan(s_i) of a turn, mean over the records of the last part of the steps, for each group."""
    chosen = late(ds, part)
    return np.arctan(chosen.lr * chosen.turning).mean("record", skipna=False)


def growth_difference(ds: xr.Dataset, part: float) -> xr.DataArray:
    r"""Return the mean of log(1 + s_i^2) over *all* steps of the last part, less the mean of that over the groups.

    From the shares u_i at both ends of the window, T steps apart: on the sphere a step multiplies u_i by 1 + s_i^2 and
    by what is common to all groups, so that the mean is log(u_i(T)/u_i(0))/T and a number that all groups share.
    """
    chosen = late(ds, part)
    first, last = chosen.isel(record=0), chosen.isel(record=-1)
    steps = int(last.step) - int(first.step)
    change = np.log(last.share) - np.log(first.share)
    return (change - change.mean("group", skipna=False)) / steps


def over_law(ds: xr.Dataset, part: float, alpha: Any) -> xr.DataArray:
    """Return the plateau over (A - 1/eta)/2, at loads above 1; NaN below, where no plateau is predicted."""
    # The rate never changes along a path.
    rate = ds.lr.isel(record=-1)
    law = theory.plateau(rate.values, alpha)
    return plateau(ds, part) / rate.copy(data=law)
