"""What is read of decays at several times: averaged against decayed weights, gains by kind, reach, and what is kept.

The functions take the Dataset of an experiment whose sub-paths have the branches ``decay`` (to small rates) and
``return`` (to a small rate, then back to the large one), in which :class:`~lrtheory.probes.you2019.ByKind` and
:class:`~lrtheory.probes.you2019.Decays` were probes on patterns. They return DataArrays along ``decay_step``, in pairs
where a ratio of means is meant. Status: derived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    Pair = tuple[xr.DataArray, xr.DataArray]


def beyond_average(ds: xr.Dataset) -> xr.DataArray:
    """Return test accuracy on complex patterns after decay, less that of the averaged weights before it."""
    end = ds.sub_test_accuracy_complex.sel(branch="decay").isel(sub_record=-1)
    return end - ds.average_test_accuracy_complex


def explained(ds: xr.Dataset) -> Pair:
    """Return the shares of complex test inputs that decay gains and the average has right; and that decay gains."""
    cells = ds.sel(branch="decay")
    return cells.explained_test_complex, cells.gained_test_complex


def gained(ds: xr.Dataset, what: str = "gained") -> Pair:
    """Return the gained shares of complex and of simple training rows; of ``explained`` ones, if so asked."""
    cells = ds.sel(branch="decay")
    return cells[f"{what}_train_complex"], cells[f"{what}_train_simple"]


def reach(ds: xr.Dataset) -> Pair:
    """Return by what angle decay turns the weights from their average, and noise does: each the mean over layers."""
    return ds.turn.sel(branch="decay").mean("layer"), ds.noise_turn.mean("layer")


def kept(ds: xr.Dataset) -> xr.DataArray:
    """Return test accuracy on complex patterns late after a return to the large rate, less that before the decay.

    Accuracy at the large rate wanders: means over the last three records before and the last two after.
    """
    after = ds.sub_test_accuracy_complex.sel(branch="return").isel(sub_record=slice(-2, None)).mean("sub_record")
    before = []
    for step in ds.decay_step.values:
        records = np.flatnonzero(ds.step.values <= step)[-3:]
        before.append(ds.test_accuracy_complex.isel(record=records).mean("record"))
    return after - xr.concat(before, "decay_step").assign_coords(decay_step=ds.decay_step)
