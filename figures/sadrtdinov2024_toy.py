"""The toy function on a sphere: threshold, plateau, exchange of norm, all without noise or data."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_hex

from figures import style
from lrtheory.probes.sadrtdinov2024_toy import fluctuation, log_growth, mean_shares, mean_turn, over_law, plateau
from lrtheory.statistics import mean_interval

INPUTS = ("sadrtdinov2024_toy",)

ALT = (
    "Against the load k = eta A: (a) F, zero below k = 1, then on the dashed closed form up to the value of a random "
    "point; (b) F over the closed form, 1 on orbits, up to 3 % above in chaos; (c) spread of F in time, a point a "
    "start: some move next to resonances, all in chaos; (d) final sharpness below the line 2/eta; (e) shares of the "
    "norm flatten; (f) weakest and strongest group: equal growth of norm, not equal turns."
)

#: The parts of the steps over which means go: on orbits the end, in chaos all but the beginning.
SETTLED, FORGOTTEN = 0.25, 0.75
#: Whole numbers p of steps in which small differences between groups turn once around the orbit, at k = 1/cos(pi/p).
RESONANCES = (3, 4, 5, 6)


def draw(ds):
    """Return the figure: plateau, its ratio to the closed form, spread in time; sharpness, shares, growth."""
    figure, axes = style.new("double", 4.2, rows=2, columns=3)
    a, b, c, d, e, f = axes.flat
    ds = ds.sortby("k")
    alpha = np.asarray(ds.attrs["experiment"]["problem"]["alpha"])
    above = ds.sel(k=ds.k > 1)
    _plateau(a, ds, alpha)
    _ratio(b, above, alpha)
    _fluctuation(c, above)
    _sharpness(d, ds.sel(k=ds.k < 1))
    _shares(e, above, alpha)
    _growth(f, above)
    words = ("plateau of $F$", "plateau over closed form", "spread in time, resonances", "sharpness at the end",
             "shares of the norm", "weakest over strongest")  # fmt: skip
    for ax, text in zip(axes.flat, words, strict=True):
        ax.set_title(text, loc="left")
    style.letters(a, b, c, d, e, f)
    style.title(
        figure,
        "Groups on a sphere, without noise or data: a threshold, then a plateau that rises with the rate",
        n_seeds=ds.sizes["seed"],
        interval="bars 99 % t-intervals of the mean, dots single starts",
        parameters={"α": ", ".join(f"{x:g}" for x in alpha), "steps": f"{int(ds.step.max()):,}"},
    )
    return figure


def _loads(ax, ticks):
    """Make the axis of loads logarithmic, with plain numbers."""
    ax.set(xscale="log", xlabel=r"load $k=\eta A$")
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xticks([], minor=True)


def _interval(values):
    """Return mean and interval over seeds, at each load."""
    return mean_interval(style.seeds_first(values, "k"), axis=0)


def _plateau(ax, ds, alpha):
    """Draw F over A, its closed form and the value of a random point."""
    k = np.geomspace(1, float(ds.k.max()), 200)
    ax.plot(k, 0.5 * (1 - 1 / k), color=style.THEORY, linestyle="--", linewidth=0.9, zorder=1)
    ax.axhline(0.5, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    ax.axvline(1, color=style.NEUTRAL, linewidth=0.6, zorder=0)
    style.note(ax, "random point", (0.1, 0.5), (0, -3), va="top")
    style.note(ax, "threshold", (1, 0.25), (-3, 0), rotation=90, ha="right", va="center")
    style.points(ax, ds.k, *_interval(plateau(ds, SETTLED) / alpha.sum()), colour=style.LARGE)
    _loads(ax, (0.1, 0.3, 1, 3, 10))
    ax.set(ylabel="$F/A$", ylim=(-0.02, 0.54))
    style.note(ax, r"$(A-1/\eta)/2$", (3, 1 / 3), (4, -10), color=style.THEORY)


def _ratio(ax, ds, alpha):
    """Draw the mean of F over its closed form."""
    style.points(ax, ds.k, *_interval(over_law(ds, FORGOTTEN, alpha)), colour=style.LARGE, markersize=2.5)
    ax.axhline(1, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0)
    _loads(ax, (1.1, 2, 5, 20))
    ax.set(ylabel=r"$F\,/\,\frac{1}{2}(A-1/\eta)$", ylim=(0.98, 1.045))


def _fluctuation(ax, ds):
    """Draw the relative standard deviation of F in time for each start, and where the orbit is in resonance."""
    near = ds.sel(k=ds.k <= 3)
    values = style.seeds_first(fluctuation(near, SETTLED), "k")
    # Side by side within a load, in the order of their values: what they share is seen as steps.
    spread = np.exp(np.linspace(-0.012, 0.012, len(values)))[:, None] * near.k.values
    ax.plot(spread, np.sort(values, axis=0), ".", color=style.SMALL, markersize=1.6)
    for p in RESONANCES:
        ax.axvline(1 / np.cos(np.pi / p), color=style.NEUTRAL, linestyle=":", linewidth=0.8, zorder=0)
        style.note(ax, f"p = {p}" if p == RESONANCES[0] else str(p), (1 / np.cos(np.pi / p), 1.1e-4), (1.5, 0))
    for text, place in (("orbit of period 2", (1.7, 1e-3)), ("longer orbits", (1.04, 0.25)), ("chaos", (2.3, 0.06))):
        style.note(ax, text, place, va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    _loads(ax, (1.1, 1.3, 1.6, 2, 3))
    ax.set(yscale="log", ylabel="s.d. / mean", ylim=(1e-4, 0.6))


def _sharpness(ax, ds):
    """Draw the sharpness of the minima on which runs end, in units of 2/eta."""
    values = style.seeds_first(ds.sharpness * ds.lr.isel(record=-1) / 2, "k")
    spread = np.linspace(-0.05, 0.05, len(values))[:, None] + ds.k.values
    ax.plot(spread, np.sort(values, axis=0), ".", color=style.SMALL, markersize=1.6)
    ax.axhline(1, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0)
    ax.plot([0, 1], [0, 1], color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    style.note(ax, r"stable: at most $2/\eta$", (0.0, 1.0), (2, 2), va="bottom", color=style.THEORY)
    style.note(ax, "flattest minimum: $2A$", (0.36, 0.24))
    ax.set(xlabel=r"load $k=\eta A$", ylabel=r"sharpness $\times\ \eta/2$", xlim=(0, 1), ylim=(0, 1.14))


def _shares(ax, ds, alpha):
    """Draw the mean share of each group, and alpha_i/A."""
    shares = mean_shares(ds, FORGOTTEN)
    for i, colour in enumerate(_colours(len(alpha))):
        ends = ds.k.values[[0, -1]]
        ax.plot(ends, [alpha[i] / alpha.sum()] * 2, color=colour, linestyle="--", linewidth=0.7, zorder=0)
        style.points(ax, ds.k, *_interval(shares.isel(group=i)), colour=colour, linestyle="-", linewidth=0.7,
                     markersize=2.2)  # fmt: skip
        style.note(ax, f"{alpha[i]:g}", (float(ds.k.max()), float(shares.isel(group=i, k=-1).mean())), (4, 0),
                   va="center", color=colour)  # fmt: skip
    _loads(ax, (1.1, 2, 5, 20))
    ax.set(yscale="log", ylabel=r"share $\rho_i^2$", xlim=(None, 34), ylim=(0.022, 0.75))
    ax.set_yticks([0.03, 0.1, 0.3], ["0.03", "0.1", "0.3"])
    ax.set_yticks([], minor=True)
    style.note(ax, r"$\alpha_i$", (1.0, 1.0), (-12, -6), xycoords="axes fraction")
    style.note(ax, r"dashed: $\alpha_i/A$", (0.0, 1.0), (4, -6), xycoords="axes fraction")


def _growth(ax, ds):
    """Draw two means of the weakest group over those of the strongest: of what its norm gains, and of its turns."""
    for measure, colour, label in ((log_growth, style.LARGE, r"$\langle\log(1+s_i^2)\rangle$"),
                                   (mean_turn, style.SMALL, r"mean angle $\langle\arctan s_i\rangle$")):  # fmt: skip
        values = measure(ds, FORGOTTEN)
        style.points(ax, ds.k, *_interval(values.isel(group=0) / values.isel(group=-1)), colour=colour, label=label,
                     markersize=2.5)  # fmt: skip
    ax.axhline(1, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0)
    _loads(ax, (1.1, 2, 5, 20))
    ax.set(ylabel="ratio of time means", ylim=(0.86, 1.09))
    ax.legend(loc="upper left", borderaxespad=0.1)


def _colours(n):
    """Return a colour a group, dark for the weakest."""
    return [to_hex(plt.get_cmap("plasma")(0.02 + 0.8 * i / (n - 1))) for i in range(n)]
