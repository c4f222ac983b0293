"""What is read off records of accuracy by kind: memorisation at a step, and at equal fit of what is not noise.

Runs at different rates are not equally far at equal epochs: a small rate has memorised little early because it has
learnt little. So memorisation is compared where runs fit the other rows equally well, too. The functions take the
Dataset of an experiment with :class:`~lrtheory.probes.you2019.ByKind` among its probes. Status: derived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


def at_step(ds: xr.Dataset, name: str, step: float) -> xr.DataArray:
    """Return what was recorded at a step of the clock, or at the record nearest to it (the earlier of two)."""
    return ds[name].isel(record=int(np.abs(ds.step.values - step).argmin()))


def at_equal_fit(ds: xr.Dataset, name: str, fit: str, level: float) -> xr.DataArray:
    r"""Return ``name`` when ``fit`` first reaches a level, for each run.

    With record k the first at which fit >= level, and f, v what was recorded of ``fit`` and ``name``,

    .. math:: v_{k-1} + (v_k - v_{k-1})\,\frac{\mathrm{level} - f_{k-1}}{f_k - f_{k-1}},

    and v_0 where k = 0. The first passage of a fit that goes up and down is early, so it favours runs at large rates.

    Args:
        ds: results with the dimension ``record``.
        name: what is read.
        fit: what must reach the level, of the dimensions of ``name``.
        level: the level, in the unit of ``fit``.

    Returns:
        A DataArray without the dimension ``record``; NaN for runs that never reach the level.

    Example:
        >>> import xarray as xr
        >>> ds = xr.Dataset({"wrong": ("record", [0.0, 0.1, 0.5]), "right": ("record", [0.1, 0.8, 1.0])})
        >>> round(float(at_equal_fit(ds, "wrong", "right", 0.9)), 6)
        0.3
    """
    values, reached = ds[name], ds[fit] >= level
    first = reached.argmax("record")
    before = np.maximum(first - 1, 0)
    low, high = ds[fit].isel(record=before), ds[fit].isel(record=first)
    # At the first record there is nothing before it, and both ends are the same.
    part = ((level - low) / (high - low)).where(first > 0, 0.0)
    start, end = values.isel(record=before), values.isel(record=first)
    return (start + part * (end - start)).where(reached.any("record"))
