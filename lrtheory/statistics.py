"""Intervals over seeds: one place, so that claims, tables and figures state the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


class Interval(NamedTuple):
    """A mean over seeds and its two-sided confidence interval; arrays of the same shape."""

    mean: Any
    low: Any
    high: Any


def mean_interval(values: Any, axis: int = -1, level: float = 0.99) -> Interval:
    r"""Return the mean over seeds and its Student-t interval.

    .. math:: \bar x \pm t_{n-1,\,(1+level)/2}\; s / \sqrt n

    A NaN (a diverged cell) makes the mean and the interval NaN: it is never dropped silently. With one seed the
    interval is NaN.

    Args:
        values: array-like, seeds along ``axis``.
        axis: the axis of the seeds.
        level: confidence level in (0, 1).

    Returns:
        Interval of arrays without ``axis``.

    Example:
        >>> tuple(round(float(v), 2) for v in mean_interval([1.0, 2.0, 3.0], level=0.9))
        (2.0, 0.31, 3.69)
    """
    from scipy import special

    values = np.asarray(values, float)
    n = values.shape[axis]
    mean = values.mean(axis)
    if n < 2:
        return Interval(mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    half = special.stdtrit(n - 1, 0.5 + level / 2) * values.std(axis, ddof=1) / np.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def ratio_interval(x: Any, y: Any, level: float = 0.99) -> Interval:
    """Return the ratio of means over seeds, E x / E y, and its interval (:func:`fieller`); NaN where one is missing.

    Args:
        x, y: one number a seed, shape (n,).
        level: confidence level in (0, 1).

    Example:
        >>> ratio, low, high = ratio_interval([2.0, 4.1, 6.0], [1.0, 2.0, 3.1])
        >>> bool(low < ratio < high)
        True
    """
    from scipy import special

    x, y = np.asarray(x, float), np.asarray(y, float)
    if not (np.isfinite(x).all() and np.isfinite(y).all() and y.mean() > 0):
        return Interval(np.nan, np.nan, np.nan)
    if x.size < 2:
        return Interval(x.mean() / y.mean(), np.nan, np.nan)
    return Interval(x.mean() / y.mean(), *fieller(x, y, float(special.stdtrit(x.size - 1, 0.5 + level / 2))))


def fieller(x: np.ndarray, y: np.ndarray, t: float) -> tuple[float, float]:
    r"""Return Fieller's interval of E x / E y, where E y > 0.

    It holds all b with :math:`|\bar x - b\bar y| \le t\, s_{x - b y}/\sqrt n`, the roots of a quadratic in b.

    Args:
        x, y: paired numbers, shape (n,).
        t: the critical value of the t-statistic.
    """
    if math.isinf(t):
        return -math.inf, math.inf
    n = x.size
    (xx, xy), (_, yy) = np.cov(x, y) * t**2 / n
    a, b, c = y.mean() ** 2 - yy, x.mean() * y.mean() - xy, x.mean() ** 2 - xx
    if y.mean() <= 0 or a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b * b - a * c, 0.0))
    return float((b - root) / a), float((b + root) / a)


def first_time(time: Any, values: Any, level: float) -> np.ndarray:
    """Return when ``values`` first falls to ``level``, linear between records; NaN where it never does.

    Args:
        time, values: arrays whose last axis is the record.
        level: the level.

    Example:
        >>> float(first_time([0.0, 1.0, 2.0], [1.0, 0.8, 0.2], 0.5))
        1.5
    """
    time, values = np.broadcast_arrays(np.asarray(time, float), np.asarray(values, float))
    below = values <= level
    at = below.argmax(-1)[..., None]
    before = np.maximum(at - 1, 0)
    t0, t1 = (np.take_along_axis(time, i, -1)[..., 0] for i in (before, at))
    v0, v1 = (np.take_along_axis(values, i, -1)[..., 0] for i in (before, at))
    part = np.divide(v0 - level, v0 - v1, out=np.zeros_like(v0), where=v0 > v1)
    return np.where(below.any(-1), t0 + part * (t1 - t0), np.nan)


def log_slope(x: Any, y: Any, axis: int = -1) -> np.ndarray:
    """Return the least-squares slope of log y on log x along ``axis``; NaN where a y is not positive and finite.

    Example:
        >>> round(float(log_slope([1.0, 2.0, 4.0], [3.0, 12.0, 48.0])), 6)
        2.0
    """
    log_x = np.log(np.asarray(x, float))
    y = np.moveaxis(np.asarray(y, float), axis, -1)
    log_y = np.log(np.where((y > 0) & (y < np.inf), y, np.nan))
    centred = log_x - log_x.mean()
    return (log_y @ centred) / (centred @ centred)


def pseudo_values(ds: xr.Dataset, statistic: Callable[[xr.Dataset], float], replicate: str) -> xr.DataArray:
    r"""Return the jackknife pseudo-values of a statistic that is no mean: one number a replicate.

    .. math:: n\,t - (n - 1)\,t_{-i}

    with t the statistic of all n replicates and t_(-i) that without replicate i. Their mean estimates what t does, and
    their variance over n is an estimate of its variance, so a claim may take them for numbers of replicates. Not for
    statistics that jump, such as medians.

    Args:
        ds: the data.
        statistic: of a Dataset.
        replicate: the dimension of the replicates.

    Example:
        >>> import xarray as xr
        >>> ds = xr.Dataset({"x": ("seed", [1.0, 2.0, 6.0])})
        >>> pseudo_values(ds, lambda d: float(d.x.mean()), "seed").values.tolist()  # of a mean: the numbers themselves
        [1.0, 2.0, 6.0]
    """
    import xarray as xr

    ds = ds.load()
    n, whole = ds.sizes[replicate], statistic(ds)
    without = (ds.isel({replicate: np.arange(n) != i}) for i in range(n))
    values = [n * whole - (n - 1) * statistic(part) for part in without]
    coords = {replicate: ds[replicate]} if replicate in ds.coords else None
    return xr.DataArray(values, dims=(replicate,), coords=coords)
