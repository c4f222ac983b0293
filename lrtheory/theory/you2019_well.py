r"""A parabola with a spurious minimum beside it: what noise smooths away, and how long it takes to leave.

.. math:: f(x) = \tfrac12 c x^2 - h\,e^{-(x - p)^2/(2 w^2)}

``curvature`` c > 0 of the good minimum at 0, ``depth`` h >= 0, ``width`` w > 0 and ``position`` p > 0 of the spike,
``rate`` eta (time per step), ``noise`` s (standard deviation of the gradient noise). Outside its regime it is NaN.

Reference: Kleinberg, Li, Yuan 2018 (SGD is gradient descent on a function smoothed by its noise; recalled). Status:
derived.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def smoothed_slope(x: Any, curvature: Any, depth: Any, width: Any, position: Any, smoothing: Any = 0.0) -> Any:
    r"""Return the slope of the function after smoothing by Gaussian noise.

    .. math:: \frac{d}{dx} E f(x + \tau z) = c x + \frac{h w (x - p)}{W^3}\,e^{-(x - p)^2/(2 W^2)},
              \quad W^2 = w^2 + \tau^2, \; z \sim N(0, 1)

    SGD with gradient noise s smooths by tau = eta s.

    Args:
        x: where.
        curvature: c > 0.
        depth: h >= 0 of the spike.
        width: w > 0 of the spike.
        position: p of the spike.
        smoothing: tau >= 0, a length; 0 is f itself.

    Status: derived.

    Example:
        >>> float(smoothed_slope(0.5, 1.0, 0.0, 0.1, 1.0)), float(smoothed_slope(0.9, 1.0, 0.5, 0.1, 1.0)) < 0
        (0.5, True)
    """
    x, c, h, w, p, tau = (np.asarray(a, float) for a in (x, curvature, depth, width, position, smoothing))
    with np.errstate(all="ignore"):
        wide2 = w**2 + tau**2
        slope = c * x + h * w * (x - p) / wide2**1.5 * np.exp(-((x - p) ** 2) / (2 * wide2))
    return np.where((c > 0) & (h >= 0) & (w > 0) & (tau >= 0), slope, np.nan)[()]


def smoothing_rate(curvature: float, depth: float, width: float, position: float, noise: float) -> float:
    r"""Return the rate from which on the noise of SGD smooths a spike away.

    The least eta at which :func:`smoothed_slope`, smoothed by tau = eta s, is nowhere below 0 from the spike at p half
    way down to the minimum; found by bisection to 1e-6 relative. 0 where the spike is no minimum to begin with.

    Regime: all arguments > 0 (depth >= 0); NaN outside, and where no tau up to p/4 is enough. Status: derived: it is
    what Kleinberg, Li, Yuan 2018 ask of the smoothed function (c > 0, recalled), for this one.

    Example:
        >>> round(smoothing_rate(1.0, depth=0.08, width=0.02, position=1.0, noise=4.0), 4)
        0.0061
    """
    if not (curvature > 0 and depth >= 0 and width > 0 and position > 0 and noise > 0):
        return float("nan")
    x = np.linspace(position / 2, position, 20001)

    def is_gone(tau: float) -> bool:
        return bool(smoothed_slope(x, curvature, depth, width, position, tau).min() >= 0)

    low, high = 0.0, position / 4
    if is_gone(low):
        return 0.0
    if not is_gone(high):
        return float("nan")
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if is_gone(middle) else (middle, high)
    return high / noise


def escape_time(
    start: float,
    end: float,
    *,
    rate: float,
    curvature: float,
    depth: float,
    width: float,
    position: float,
    noise: float,
) -> float:
    r"""Return the mean time until SGD, started at one point, first comes down to another, in the limit of small rates.

    .. math:: E\,T = \frac1D \int_{\mathrm{end}}^{\mathrm{start}} e^{f(y)/D} \int_y^\infty e^{-f(z)/D}\,dz\,dy, \qquad
              D = \tfrac12\eta s^2

    It is the first passage of dx = -f'(x) dt + sqrt(eta) s dB. From the bottom of a spike it grows as exp(barrier/D),
    exponentially in the inverse rate (Arrhenius, Kramers). SGD has it where eta times the curvature is small.

    Regime: 0 <= end < start, the other arguments > 0 (depth >= 0). Accurate to 1e-3; inf where it is beyond floating
    point. Status: derived (standard).

    Args:
        start, end: where from and where to.
        rate, curvature, depth, width, position, noise: see the module.

    Example:
        >>> spike = {"curvature": 1.0, "width": 0.03, "position": 1.0, "noise": 3.2}
        >>> round(escape_time(1.0, 0.5, rate=0.003, depth=0.12, **spike), 2)
        3.11
        >>> round(escape_time(1.0, 0.5, rate=1e-5, depth=0.0, **spike), 3)  # the flow needs log 2
        0.693
    """
    sizes = (rate, curvature, width, position, noise)
    if not (0 <= end < start and min(sizes) > 0 and depth >= 0):
        return float("nan")
    diffusion = 0.5 * rate * noise**2
    top = max(start, position) + 8 * np.sqrt(diffusion / curvature) + 8 * width
    points = 200 * (top - end) / min(width, np.sqrt(diffusion / curvature))
    x = np.linspace(end, top, int(min(1_000_000, max(5_000, points))))
    f = (0.5 * curvature * x**2 - depth * np.exp(-((x - position) ** 2) / (2 * width**2))) / diffusion
    # The inner integral, in logarithms and from the top down, is exact where f is straight from point to point: however
    # steep the weight, the outer integrand is smooth.
    d = np.maximum(np.abs(np.diff(f)), 1e-12)
    pieces = np.log(-np.expm1(-d) / d) - np.minimum(f[1:], f[:-1])
    inner = np.logaddexp.accumulate(pieces[::-1])[::-1]
    outer = (f[:-1] + inner)[x[:-1] <= start]
    outer[[0, -1]] -= np.log(2.0)
    log_time = np.logaddexp.reduce(outer) + 2 * np.log(x[1] - x[0]) - np.log(diffusion)
    return float(np.exp(log_time)) if log_time < 700 else float("inf")
