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
