"""How every figure looks: sizes, colours, and the few marks that all of them share. No statistics here."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

#: Widths in inches of one column and of two columns of a printed page.
WIDTHS = {"single": 3.4, "double": 7.0}

#: Palette of Okabe and Ito (2008), which stays distinct for the common kinds of colour blindness.
COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "orange": "#E69F00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#000000",
    "yellow": "#F0E442",
}

#: One meaning, one colour, in every figure.
LARGE = COLOURS["vermilion"]  # large initial rate, annealed
SMALL = COLOURS["blue"]  # small rate from the start
THEORY = COLOURS["black"]  # a closed form or prediction
NEUTRAL = "#777777"  # guides, thresholds, moments of annealing

#: Colour maps with monotone lightness; the second for values on both sides of a neutral one.
SEQUENTIAL = "cividis"
DIVERGING = "PuOr"

SMALLEST = 7  # points of text

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NBSP = "\N{NO-BREAK SPACE}"  # keeps a name, its sign and its value on one line

RC = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.prop_cycle": cycler(color=list(COLOURS.values())),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "grid.linewidth": 0.4,
    "grid.color": "#dddddd",
    "image.cmap": SEQUENTIAL,
    "pdf.fonttype": 42,  # text stays text in the PDF
}


def context() -> AbstractContextManager[None]:
    """Return the context in which a figure is drawn and saved: matplotlib's defaults plus ``RC``."""
    return plt.style.context(["default", RC])


def new(width: str = "single", height: float = 2.4, rows: int = 1, columns: int = 1, **subplots) -> tuple[Figure, Axes]:
    """Return a figure of a printed width, and its axes.

    Args:
        width: ``"single"`` (3.4 in) or ``"double"`` (7.0 in).
        height: in inches.
        rows: panels from top to bottom.
        columns: panels from left to right; more than one panel gives an array of axes, as ``plt.subplots`` does.
        **subplots: further arguments of ``plt.subplots``, such as ``sharex``.
    """
    return plt.subplots(rows, columns, figsize=(WIDTHS[width], height), **subplots)


def band(ax: Axes, x, mean, lo, hi, *, colour: str, label: str | None = None, alpha: float = 0.22, **line) -> Line2D:
    """Draw a curve and the interval around it; the interval is computed elsewhere.

    Args:
        ax: where to draw.
        x: array of shape ``(n,)``.
        mean: the curve, shape ``(n,)``; NaN leaves a gap.
        lo: lower end of the interval, shape ``(n,)``.
        hi: upper end of the interval, shape ``(n,)``.
        colour: of the curve and the band.
        label: of the curve; the band has no entry in the legend.
        alpha: opacity of the band.
        **line: further arguments of ``ax.plot``, such as ``linestyle``.
    """
    (curve,) = ax.plot(x, mean, color=colour, label=label, **line)
    ax.fill_between(x, lo, hi, color=colour, alpha=alpha, linewidth=0, zorder=curve.get_zorder() - 0.5)
    return curve


def points(ax: Axes, x, mean, lo, hi, *, colour: str, label: str | None = None, marker: str = "o", **line):
    """Draw means with interval bars, for few values of ``x`` or for values that no curve should join."""
    return ax.errorbar(
        x,
        mean,
        yerr=[mean - lo, hi - mean],
        color=colour,
        label=label,
        marker=marker,
        linestyle=line.pop("linestyle", "none"),
        elinewidth=0.9,
        capsize=1.5,
        **line,
    )


def title(
    figure: Figure,
    statement: str,
    *,
    n_seeds: int | None,
    interval: str | None,
    parameters: Mapping[str, object] | None = None,
) -> None:
    r"""Write above the figure what it shows and what a reader needs to judge it.

    The second line states the number of seeds, what the bands or bars are, and the parameters.

    Args:
        figure: the figure; its constrained layout makes room.
        statement: what the figure shows, in a sentence.
        n_seeds: independent seeds behind a point; None for an exact result.
        interval: what bands and bars are, as ``"99 % t-interval of the mean"``; None where there are none.
        parameters: name to value; numbers are shortened to three digits.

    Example:
        >>> title(fig, "Annealing removes the plateau", n_seeds=16, interval="99 % t-interval of the mean",
        ...       parameters={"d": 64, r"$\eta_1$": 0.5})  # doctest: +SKIP
    """
    facts = []
    if n_seeds is not None:
        facts.append(f"{n_seeds} seeds")
    if interval is not None:
        facts.append(interval)
    if parameters:
        equals = f"{_NBSP}={_NBSP}"
        facts.append(", ".join(f"{name}{equals}{_number(value)}" for name, value in parameters.items()))
    # About 16 characters of 8 pt text an inch.
    width = int(16 * figure.get_figwidth())
    lines = textwrap.wrap(statement, width) + textwrap.wrap("; ".join(facts), width, break_long_words=False)
    figure.suptitle("\n".join(lines), x=0.01, horizontalalignment="left")


def _number(value: object) -> str:
    """Return a number as a reader would write it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """Return a number with a power of ten where that is shorter.

    Example:
        >>> number(2e-4), number(0.35)
        ('2×10⁻⁴', '0.35')
    """
    value = float(value)
    if not np.isfinite(value) or value == 0:
        return f"{value:g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa, exponent = f"{float(mantissa):g}", int(exponent)
    # 0.1 and 0.002 are read at a glance, 0.01 among other powers of ten is not.
    if -1 <= exponent <= 3 or (-3 <= exponent and mantissa != "1"):
        return f"{value:.3g}"
    power = "10" + str(exponent).translate(_SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}×{power}"


def letters(*axes: Any) -> None:
    """Write a, b, c, ... on top of the panels, before their titles."""
    for ax, letter in zip(axes, "abcdefgh", strict=False):
        text = ax.get_title(loc="left")
        ax.set_title(rf"$\mathbf{{{letter}}}$  {text}" if text else rf"$\mathbf{{{letter}}}$", loc="left")


def note(ax: Any, text: str, xy: tuple[float, float], offset: tuple[float, float] = (0, 0), **more: Any) -> Any:
    """Write a small text at a place of the panel, a number of points away from it."""
    more = {"color": NEUTRAL, "fontsize": SMALLEST, "linespacing": 1.05} | more
    return ax.annotate(text, xy, offset, textcoords="offset points", **more)


def seeds_first(array: Any, *dims: str) -> np.ndarray:
    """Return the values with the seeds on the first axis."""
    return array.transpose("seed", *dims).values.astype(float)
