r"""Norm, effective rate and turning of scale-invariant weights that are free to leave the sphere.

The probe takes :class:`lrtheory.dynamics.sphere.Averaged` of :class:`lrtheory.dynamics.sphere.DecayedSGD`. The
functions below take the Dataset of an experiment in which it was a probe, with axes ``rate`` (eta, ``schedule.rate``)
and ``decay`` (lambda, ``dynamics.weight_decay``), and hold it against the equilibrium of weight decay

.. math:: \rho^4 = \frac{\eta\,E[\gamma^2]}{2\lambda}, \qquad \text{rms turn} = \sqrt{2\eta\lambda},
          \qquad \gamma = \rho\,|g|

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113. Status: derived.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from lrtheory.dynamics.sphere import square
from lrtheory.errors import require
from lrtheory.lazy import jnp
from lrtheory.pytree import pytree
from lrtheory.theory import sadrtdinov2024 as theory

if TYPE_CHECKING:
    import xarray as xr

    from lrtheory.dynamics.sphere import Averaged


@pytree
class Norms:
    r"""The norm of all weights now, and means over the last steps of the clock (the law's ``window``).

    Returns:
        ``norm``: rho = \|theta\|, now. Means: ``norm4``, rho^4; ``gamma2``, the square of rho \|g\|; ``turn2``, the
        squared angle of an iteration in radians; ``batch_loss``.
    """

    name: ClassVar[str] = "norms"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {}
    units: ClassVar[dict[str, str]] = {"turn2": "rad^2", "batch_loss": "nat"}

    def __call__(self, problem: Any, data: Any, params: Averaged, aux: Any) -> dict[str, Any]:
        """Measure."""
        names = ("norm4", "gamma2", "turn2", "batch_loss")
        return {"norm": jnp.sqrt(jnp.sum(square(params.now))), **{name: params.window[name] for name in names}}


# --- from results -------------------------------------------------------------------------------------------


def stationary(ds: xr.Dataset, name: str, part: float) -> xr.DataArray:
    """Return a quantity of :class:`Norms`, mean over the records of the last part of the steps, a number in (0, 1].

    Where records are a window of the law apart it is the mean over all iterations of that part. A run that diverged
    gives NaN.
    """
    return _late(ds, part)[name].mean("record", skipna=False)


def norm4_over_law(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return rho^4 over eta E[gamma^2]/(2 lambda), both means over the last part; NaN outside the law's regime."""
    law = _law(theory.decay_norm, ds.rate, ds.decay, stationary(ds, "gamma2", part) ** 0.5)
    return stationary(ds, "norm4", part) / law**4


def turn_over_law(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return the root mean square of the turn an iteration over sqrt(2 eta lambda); NaN outside the law's regime."""
    return stationary(ds, "turn2", part) ** 0.5 / _law(theory.decay_turn, ds.rate, ds.decay)


def effective_rate(ds: xr.Dataset) -> xr.DataArray:
    """Return eta/rho^2, the effective rate at each record."""
    return ds.rate / ds.norm**2


def effective_rate_over_law(ds: xr.Dataset, part: float) -> xr.DataArray:
    """Return the mean effective rate over sqrt(2 eta lambda)/gamma_rms; NaN outside the law's regime."""
    law = _law(theory.decay_effective_rate, ds.rate, ds.decay, stationary(ds, "gamma2", part) ** 0.5)
    return effective_rate(_late(ds, part)).mean("record", skipna=False) / law


def _late(ds: xr.Dataset, part: float) -> xr.Dataset:
    require(0 < part <= 1, field="part", value=part, allowed="in (0, 1]")
    return ds.isel(record=(ds.step > (1 - part) * int(ds.step.max())).values)


def _law(function: Callable[..., Any], *arguments: xr.DataArray) -> xr.DataArray:
    """Return a closed form of arrays, with all dimensions of any of them."""
    import xarray as xr

    return xr.apply_ufunc(function, *arguments)
