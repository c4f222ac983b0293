"""The plane in which training moves along the minima: landscapes of training loss and test risk, and the paths."""

from __future__ import annotations

import numpy as np
from matplotlib import patheffects
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, NullLocator

from figures import _ren2024 as ren
from figures import style
from lrtheory.theory.ren2024_manifold import plane_loss, plane_point, weights
from lrtheory.theory.ren2024_risk import plane_risk

INPUTS = ("ren2024_decay",)

ALT = (
    "Contours of (a) training loss and (b) test risk over a plane of weights of one run: across, the kernel direction; "
    "upwards, that of minimum norm. At the large rate the path follows the dashed curve of training minima from the "
    "start at the right towards the minimum-norm point; sub-paths after a decay drop onto the curve where they are. "
    "Look at the test risk along the curve: it falls to near its minimum, while the training loss there is zero."
)

#: Marker, face and size of the start, of minimum norm and of least risk.
MARKS = (("o", style.LARGE, 5), ("D", "white", 4.5), ("*", style.COLOURS["yellow"], 9))
HALO = {"path_effects": [patheffects.withStroke(linewidth=1.8, foreground="white")], "zorder": 9}


def draw(ds):
    """Return the figure: landscapes over the plane, (a) of the training loss, (b) of the test risk."""
    figure, (a, b) = style.new("double", 2.95, columns=2, sharex=True, sharey=True)
    rate = float(ds.attrs["experiment"]["schedule"]["rate"])
    run = ds.sel(rate=rate, method="nearest").isel(seed=0).sortby("decay_step")
    gamma, m = float(ren.problem_of(ds)["gamma"]), float(run.m)
    quadratic = float(run.null_risk), run.plane_cross.values, run.plane_moment.values
    points = (
        (float(run.plane_a[0]), float(run.plane_rho[0])),
        plane_point(0.0, m, gamma),
        tuple(weights(np.linalg.solve(quadratic[2], quadratic[1]), gamma)),
    )
    a_of, rho_of = np.transpose(points)
    rho = np.linspace(min(rho_of.min() - 0.15, -0.4), 1.1 * rho_of.max(), 281)
    height = np.linspace(min(a_of.min() - 0.3, 0.02), 1.4 * a_of.max(), 201)
    grid = height[:, None], rho[None, :]
    least = float(plane_risk(*points[2], *quadratic, gamma))
    risk = plane_risk(*grid, *quadratic, gamma)
    # Evenly spaced in sqrt(b), hence dense where the curve bends.
    minima = plane_point(np.linspace(0, 1.5 * float(run.b0) ** 0.5, 1000) ** 2, m, gamma)
    close = a.inset_axes((0.085, 0.07, 0.36, 0.44))
    for ax, values, levels, ticks in (
        (a, plane_loss(*grid, m, float(run.power), gamma), np.geomspace(1e-4, 1, 9), (1e-4, 1e-3, 1e-2, 1e-1, 1)),
        (b, risk, np.geomspace(least, risk.max(), 22), (0.2, 0.5, 1, 2, 5, 10, 20)),
    ):
        _landscape(figure, ax, rho, height, values, levels, ticks, close if ax is a else None)
        ax.set(xlim=(rho[0], rho[-1]), ylim=(height[0], height[-1]), xlabel=r"kernel direction $\rho$")
    for ax in (a, b, close):
        for sign in (-1, 1):
            ax.plot(sign * minima[1], minima[0], color=style.THEORY, linestyle="--", linewidth=0.9, zorder=5)
        for (y, x), (marker, face, size) in zip(points, MARKS, strict=True):
            ax.plot(x, y, marker, markerfacecolor=face, markeredgecolor="black", markeredgewidth=0.7, markersize=size,
                    zorder=7.5 if marker == "*" else 8)  # fmt: skip
    for ax in (a, b):
        _paths(ax, run, 0.6, 3.2)
    _enlarge(a, close, run, minima)
    _name_marks(a, points)
    _name_lines(b, run, minima, ren.small_rate(ds))
    a.set_ylabel(r"minimum-norm direction $A$")
    for ax, text in ((a, "training loss"), (b, "test risk")):
        ax.set_title(text, loc="left")
    style.letters(a, b)
    style.title(
        figure,
        "At the large rate a run walks along the curve of training minima, towards minimum norm and lower test risk; "
        "after a decay it drops onto the curve",
        n_seeds=None,
        interval=f"landscapes exact, paths projected; seed {int(run.seed)}, one of {ds.sizes['seed']} seeds",
        parameters=ren.parameters(ds),
    )
    return figure


def _landscape(figure, ax, rho, height, values, levels, ticks, close):
    """Draw filled contours at the levels, whose colours are even on a log scale, and their scale; also close up."""
    norm = LogNorm(levels[0], levels[-1])
    for place in (ax, close):
        if place is None:
            continue
        filled = place.contourf(rho, height, np.maximum(values, 1e-12), levels, norm=norm, extend="both", zorder=0,
                                cmap=f"{style.SEQUENTIAL}_r")  # fmt: skip
        filled.set_edgecolor("face")  # no seams in the PDF
        place.contour(rho, height, values, levels, colors="white", linewidths=0.25, alpha=0.6, zorder=1)
    bar = figure.colorbar(filled, ax=ax, pad=0.02, aspect=22)
    shown = [t for t in ticks if levels[0] * 0.999 <= t <= levels[-1] * 1.001]
    bar.ax.yaxis.set_major_locator(FixedLocator(shown))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.set_ticklabels([style.number(t) for t in shown])


def _paths(ax, run, width, size):
    """Draw the main path and, from each decay on, the sub-path; a dot where a sub-path ends."""
    ax.plot(run.plane_rho, run.plane_a, color=style.LARGE, linewidth=width, zorder=4)
    for step in run.decay_step.values:
        sub = run.sel(decay_step=step)
        ax.plot(sub.sub_plane_rho, sub.sub_plane_a, color=style.SMALL, linewidth=1.4 * width, zorder=6)
        ax.plot(sub.sub_plane_rho[-1], sub.sub_plane_a[-1], "o", color=style.SMALL, markersize=size, zorder=7,
                markeredgecolor="white", markeredgewidth=0.5)  # fmt: skip


def _enlarge(ax, close, run, minima):
    """Show in the small panel the sub-path that starts farthest from the curve, after the first decay."""
    order = np.argsort(minima[1])
    start_a, start_rho = run.sub_plane_a.values[:, 0], run.sub_plane_rho.values[:, 0]
    end_a = run.sub_plane_a.values[:, -1]
    distance = np.abs(start_a - np.interp(np.abs(start_rho), minima[1][order], minima[0][order]))
    at = int(np.argmax(np.where(np.isfinite(distance + end_a) & (run.decay_step.values > 0), distance, -1)))
    if not np.isfinite(distance[at] + end_a[at]):  # all of them diverged
        close.remove()
        return
    here = run.isel(decay_step=[at])
    before = here.isel(record=(run.step <= int(run.decay_step[at])).values)
    _paths(close, before, 1.0, 4.5)
    close.plot(start_rho[at], start_a[at], "o", color=style.LARGE, markersize=3.5, zorder=7)
    middle_a, middle_rho = (start_a[at] + end_a[at]) / 2, start_rho[at]
    half = max(0.8 * distance[at], 0.03)
    wide = half * np.ptp(ax.get_xlim()) / np.ptp(ax.get_ylim())
    close.set(xlim=(middle_rho - wide, middle_rho + wide), ylim=(middle_a - half, middle_a + half))
    close.set(xticks=[], yticks=[])
    above = start_a[at] > middle_a  # the corner that neither path nor curve crosses
    close.annotate("enlarged", (0.96, 0.95 if above else 0.05), xycoords="axes fraction", color="white", ha="right",
                   va="top" if above else "bottom", fontsize=style.SMALLEST)  # fmt: skip
    close.spines[:].set(visible=True, color="white", linewidth=1.0)
    ax.indicate_inset_zoom(close, edgecolor="white", alpha=0.9, linewidth=0.7)


def _name_marks(ax, points):
    """Name the start, minimum norm and least risk."""
    places = (("start", (0, 7), "center"), ("minimum norm", (0, 8), "center"), ("test minimum", (-12, -15), "left"))
    for (y, x), (text, offset, side) in zip(points, places, strict=True):
        style.note(ax, text, (x, y), offset, color="black", ha=side, **HALO)


def _name_lines(ax, run, minima, low):
    """Name the curve and, where the map is light, the paths."""
    style.note(ax, "training minima", (minima[1][0], minima[0][0]), (0, 8), color="black", ha="center", **HALO)
    high = style.number(float(run.rate))
    for i, (text, colour) in enumerate(
        ((f"large rate, {high}", style.LARGE), (f"after a decay, {style.number(low)}", style.SMALL))
    ):
        ax.annotate(text, (0.05, 0.2 - 0.09 * i), xycoords="axes fraction", color=colour, fontsize=style.SMALLEST,
                    **HALO)  # fmt: skip
