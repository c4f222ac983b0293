"""What the figures of Ren, Ma, Ying 2024 share: names of parameters, colours of rates, the words for intervals."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.colors import to_hex

from figures import style

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

INTERVAL = "99 % t-intervals of the mean"


def rate_colours(rates) -> list:
    """Return a colour a rate, from small (blue) to large (vermilion); three or fewer are of the palette."""
    few = {1: [style.LARGE], 2: [style.SMALL, style.LARGE], 3: [style.SMALL, style.COLOURS["green"], style.LARGE]}
    n = len(rates)
    return few[n] if n in few else [to_hex(plt.get_cmap("plasma")(0.02 + 0.86 * i / (n - 1))) for i in range(n)]


def problem_of(ds) -> dict:
    """Return the parameters of the problem of an experiment."""
    return ds.attrs["experiment"]["problem"]


def parameters(ds, *without: str) -> dict[str, object]:
    """Return the symbols and values of the problem for the title of a figure."""
    problem = problem_of(ds)
    names = {"γ": "gamma", "n": "n", "d": "d", "σ": "label_noise", "B": "batch"}
    return {s: f"{problem[name]:g}" for s, name in names.items() if s not in without and name in problem}


def small_rate(ds) -> float:
    """Return the rate after the decay."""
    return float(ds.attrs["experiment"]["sub_paths"]["schedule"]["rate"])


def clock(ds, rate: float, steps):
    """Return the sum of eta^2 sigma^2/B over a number of steps at one rate, the clock of the drift."""
    problem = problem_of(ds)
    return rate**2 * problem["label_noise"] ** 2 / problem["batch"] * steps


def power(rate: float) -> str:
    """Return a rate as a mantissa times a power of ten, so that rates of one figure look alike.

    Example:
        >>> power(2e-3), power(1e-3)
        ('2×10⁻³', '10⁻³')
    """
    mantissa, exponent = f"{rate:.2e}".split("e")
    text = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    return text if float(mantissa) == 1 else f"{float(mantissa):g}×{text}"
