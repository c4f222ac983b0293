r"""What is read off results of the tick network: levels at the ends of paths, gaps between features, regime lines.

The functions take the Dataset of an experiment with an axis ``rate`` over constant pre-training rates, in which
:class:`~lrtheory.probes.sadrtdinov2024.Curves` and, where they say so, ``Basin`` and ``Features`` were probes, and
fine-tuning is the sub-path. Accuracies are in %. The criteria of the regimes are derived for lrtheory: the paper sets
its lines by hand (:mod:`lrtheory.theory.sadrtdinov2024_measures` states them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lrtheory.dynamics.sphere import AVERAGES
from lrtheory.sub_paths import at_decay
from lrtheory.theory.sadrtdinov2024_measures import BARRIER, CONVERGED
from lrtheory.thresholds import Line

if TYPE_CHECKING:
    import xarray as xr

#: Distance from 50 % at which a mean accuracy still counts as chance: about three standard errors of one test set.
CHANCE_SLACK = 2.0


def final(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return what was recorded of the main path at its end."""
    return ds[name].isel(record=-1)


def tuned(ds: xr.Dataset, branch: str, name: str = "test_accuracy") -> xr.DataArray:
    """Return what was recorded at the end of fine-tuning in a branch from the last decay step."""
    return ds[f"sub_{name}"].sel(branch=branch).isel(decay_step=-1, sub_record=-1)


def pretrained(ds: xr.Dataset, name: str = "test_accuracy") -> xr.DataArray:
    """Return what was recorded of pre-training at the last decay step, where fine-tuning begins."""
    return at_decay(ds, name).isel(decay_step=-1)


def averaged(ds: xr.Dataset, length: int, name: str = "average_accuracy") -> xr.DataArray:
    """Return what was measured of the average of the last ``length`` checkpoints of pre-training."""
    lengths = ds.attrs.get("experiment", {}).get("dynamics", {}).get("averages", AVERAGES)
    found = ds[name].isel(average=list(lengths).index(length))
    return found.isel(decay_step=-1) if "decay_step" in found.dims else found


def ranked(accuracies: xr.DataArray) -> xr.DataArray:
    """Return accuracies of features, best first in each run (dimension ``feature`` becomes the rank)."""
    return accuracies.copy(data=-np.sort(-accuracies.values, axis=accuracies.get_axis_num("feature")))


def gap(accuracies: xr.DataArray) -> xr.DataArray:
    """Return a_(1) - a_(2), the accuracy of the best feature less that of the second, for each run."""
    best = ranked(accuracies)
    return best.isel(feature=0) - best.isel(feature=1)


def _runs(array: xr.DataArray) -> list[str]:
    return [d for d in ("seed", "data_seed") if d in array.dims]


def not_converged(ds: xr.Dataset) -> xr.DataArray:
    """Tell for each rate whether the median final batch loss over runs is 1e-2 or more. Status: derived."""
    loss = final(ds, "batch_loss")
    # So said that a run without a value has not converged.
    return ~(loss.median(_runs(loss), skipna=False) < CONVERGED)


def poor_basin(ds: xr.Dataset) -> xr.DataArray:
    """Tell for each rate above convergence whether averaging fails, or low and high fine-tuning share no basin.

    Averaging fails where the mean accuracy of the average of 5 checkpoints is below that of pre-training at the
    smallest rate; there is no common basin where the median test barrier between fine-tuning at the lowest and at the
    highest rate is above 2 %. Needs ``Basin`` and ``Features``. Status: derived.
    """
    accuracy, barrier = averaged(ds, 5), ds.test_barrier.isel(pair=0, decay_step=-1)
    base = pretrained(ds)
    poor = accuracy.mean(_runs(accuracy)) < base.mean(_runs(base)).sel(rate=ds.rate.min())
    poor = poor | (barrier.median(_runs(barrier)) > BARRIER)
    last = ds.rate.where(~not_converged(ds)).max()
    return poor & (ds.rate > last.fillna(0.0))


def random_walk(ds: xr.Dataset) -> xr.DataArray:
    """Tell for each rate whether the training accuracy is chance and the loss at least that of random points.

    The mean over runs of the accuracy is within 2 % of 50, and the median of the final batch loss is at least the mean
    over runs of the loss of random points of the sphere. Status: derived.
    """
    accuracy, loss, random = final(ds, "train_accuracy"), final(ds, "batch_loss"), ds.random_loss
    at_chance = np.abs(accuracy.mean(_runs(accuracy)) - 50.0) <= CHANCE_SLACK
    return at_chance & (loss.median(_runs(loss)) >= random.mean(_runs(random)))


#: The three lines between the regimes 1, 2A, 2B, 3, by the criteria above, with those of the paper's tick data.
LINES = (
    Line("1|2", not_converged, "last below", 7.5e-3),
    Line("2A|2B", poor_basin, "first above", 1.78e-2),
    Line("2|3", random_walk, "first above", 5.62e-2),
)
