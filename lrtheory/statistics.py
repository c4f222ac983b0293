"""Intervals over seeds: one place, so that claims, tables and figures state the same numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


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


def ratio_of_means(x: Any, y: Any) -> np.ndarray:
    r"""Return one pseudo-value a seed, whose mean is the ratio of means and whose spread is that of the ratio.

    .. math:: R + (x_i - R y_i)/\bar y, \qquad R = \bar x/\bar y

    It carries the errors of both means, and pairs what one seed shares (the delta method).

    Args:
        x, y: one number a seed, shape (n,).

    Example:
        >>> [round(float(v), 3) for v in ratio_of_means([2.0, 4.0], [1.0, 1.0])]
        [2.0, 4.0]
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    ratio = x.mean() / y.mean()
    return ratio + (x - ratio * y) / y.mean()


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
    """Return the least-squares slope of log y on log x along ``axis``; NaN where a y is not positive.

    Example:
        >>> round(float(log_slope([1.0, 2.0, 4.0], [3.0, 12.0, 48.0])), 6)
        2.0
    """
    log_x = np.log(np.asarray(x, float))
    y = np.moveaxis(np.asarray(y, float), axis, -1)
    log_y = np.log(np.where(y > 0, y, np.nan))
    centred = log_x - log_x.mean()
    return (log_y @ centred) / (centred @ centred)
