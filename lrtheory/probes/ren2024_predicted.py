r"""What the theory of Ren, Ma, Ying (2024) says of each run, from what :class:`lrtheory.probes.ren2024.Manifold` kept.

Every run has its own training set and start; the drift equation is solved from its own constants, so that measured over
predicted is a number a seed. Status: derived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrtheory.probes.ren2024 import risk_on_ray
from lrtheory.theory.ren2024 import drift_path, flow_end
from lrtheory.theory.ren2024_plateau import row_space_excess_isotropic

if TYPE_CHECKING:
    import xarray as xr


def predicted_b(ds: xr.Dataset, clock: Any, gamma: float, start: xr.DataArray | None = None) -> xr.DataArray:
    r"""Return b by the drift equation, for each run.

    Phase I is taken to be over at once: b starts where gradient flow meets the manifold
    (:func:`lrtheory.theory.ren2024.flow_end`), or at ``start``.

    Args:
        ds: results with the constants of :class:`~lrtheory.probes.ren2024.Manifold`, at one gamma.
        clock: sum of :math:`\eta^2\sigma^2/B` over the steps so far, a number or a DataArray of one dimension.
        gamma: at least 0.
        start: b on the manifold at clock 0.

    Returns:
        b, with the dimensions of the runs and that of ``clock``.
    """
    import xarray as xr

    if start is None:
        start = xr.apply_ufunc(flow_end, ds.b0, ds.s0, ds.m, gamma)
    clock = xr.DataArray(clock)
    clock = clock if clock.dims else clock.expand_dims("clock")
    found = xr.apply_ufunc(
        lambda b, m, trace, power, steps: drift_path(steps, 1.0, 1.0, b, m, trace, power, gamma),
        start, ds.m, ds.trace, ds.power, clock,
        input_core_dims=[[], [], [], [], clock.dims], output_core_dims=[clock.dims], vectorize=True,
        output_dtypes=[np.float64],
    )  # fmt: skip
    return found.isel(clock=0, drop=True) if "clock" in found.dims else found


def predicted_final_risk(
    ds: xr.Dataset, b: xr.DataArray, rate: float, sigma: float, gamma: float, n: int, batch: int = 1
) -> xr.DataArray:
    """Return the final risk after a decay at b to ``rate``: the risk on the ray, plus that of the noise that is left.

    The second is :func:`lrtheory.theory.ren2024_plateau.row_space_excess_isotropic`. Regime: isotropic inputs of
    variance 1; drift at the small rate neglected.
    """
    return risk_on_ray(ds, b) + row_space_excess_isotropic(rate, sigma, ds.m + b, ds.m, n, gamma, batch)
