"""Rate and decay step: the final risk and b depend on eta^2 T_d alone, up to the rates where runs diverge."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullFormatter
from scipy.interpolate import RegularGridInterpolator

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024 import min_norm_risk, tail_mean
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.statistics import mean_interval
from lrtheory.sub_paths import at_decay
from lrtheory.theory.ren2024 import collapse_clock

INPUTS = ("ren2024_collapse",)

ALT = (
    "(a) Map of the final risk over that of minimum norm, rate across and decay step upwards on log axes; level sets "
    "of the risk, solid, run along the dashed lines of constant eta squared times decay step, and on the right hatched "
    "cells hold the per cent of seeds that diverged. (b) b when the rate is cut against eta squared times decay step, "
    "a colour a rate: all on the dashed drift equation. (c) b over it: 1 at small rates, below at large ones."
)

WINDOW = 4000  # steps of the final level
LEVELS = (1.1, 2.0, 4.0)  # of the risk over that of minimum norm
FLOOR = 1e-4  # of b in the figure
HALO = (withStroke(linewidth=1.8, foreground="white"),)
CLOCK = r"\eta^2\sigma^2T_d\,\mathrm{tr}\hat\Sigma/B"


def draw(ds):
    """Return the figure: (a) map of the final risk; (b) b on one clock; (c) b over the drift equation."""
    figure, axes = style.new("double", 3.7, rows=2, columns=2, sharex="col",
                             gridspec_kw={"width_ratios": [1.15, 1], "height_ratios": [2, 1]})  # fmt: skip
    grid = axes[0, 0].get_gridspec()
    for ax in axes[:, 0]:
        ax.remove()
    a, (b, c) = figure.add_subplot(grid[:, 0]), axes[:, 1]
    ds = ds.sortby("rate").sortby("decay_step")
    low = ren.small_rate(ds)
    _map(figure, a, ds)
    _collapse(b, c, ds)
    style.letters(a, b, c)
    figure.align_ylabels([b, c])
    style.title(
        figure,
        "One clock, rate squared times decay step, sets b and the final risk, less and less well towards divergence",
        n_seeds=ds.sizes["seed"],
        interval=f"bars {ren.INTERVAL}; a: mean of seeds that did not diverge, dashed equal clock, solid equal risk",
        parameters={"rate after the decay": ren.power(low)} | ren.parameters(ds),
    )
    return figure


def _clock(ds, rate, steps):
    """Return eta^2 sigma^2 T_d tr(Sigma_hat)/B at the mean trace of the training sets."""
    problem = ren.problem_of(ds)
    return collapse_clock(steps, rate, problem["label_noise"], float(ds.trace.mean()), problem["batch"])


def _edges(centres):
    """Return the edges of cells on a log axis."""
    if len(centres) == 1:
        return np.array([centres[0] / 1.4, centres[0] * 1.4])
    middle = np.sqrt(centres[1:] * centres[:-1])
    return np.r_[centres[0] ** 2 / middle[0], middle, centres[-1] ** 2 / middle[-1]]


def _map(figure, ax, ds):
    """Draw the map, level sets measured and of constant clock, and the shares of diverged seeds."""
    rates, steps = ds.rate.values, ds.decay_step.values.astype(float)
    relative = style.seeds_first(tail_mean(ds, "risk", WINDOW) / min_norm_risk(ds), "decay_step", "rate")
    lost = np.isnan(relative).mean(axis=0)
    kept = np.where(lost < 1, np.nansum(relative, axis=0) / np.maximum(np.isfinite(relative).sum(axis=0), 1), np.nan)
    x, y = _edges(rates), _edges(steps)
    top = np.nanmax(kept, initial=2.0)
    shades = ax.pcolormesh(x, y, np.ma.masked_invalid(kept), norm=mpl.colors.LogNorm(1, top), cmap=style.SEQUENTIAL,
                           linewidth=0, rasterized=True)  # fmt: skip
    for (i, j), share in np.ndenumerate(lost):
        if share > 0:
            ax.add_patch(Rectangle((x[j], y[i]), x[j + 1] - x[j], y[i + 1] - y[i], facecolor="white" if share == 1 else
                                   "none", edgecolor="#999999", hatch="/////", linewidth=0, zorder=2))  # fmt: skip
            # Like a chessboard: rates near the wall lie close together.
            if (i + j) % 2 == 0:
                ax.text(np.sqrt(x[j] * x[j + 1]), steps[i], f"{100 * share:.0f}", ha="center", va="center",
                        fontsize=style.SMALLEST, zorder=5, path_effects=HALO)  # fmt: skip

    _level_sets(ax, rates, steps, np.where(lost == 0, kept, np.nan))
    line = np.array([y[0], y[-1]])
    place = y[len(y) // 3]  # an edge of cells, clear of the numbers
    for level in (0.1, 1.0, 10.0):
        ax.plot(np.sqrt(level / _clock(ds, 1.0, line)), line, color=style.THEORY, linestyle="--", linewidth=1, zorder=3,
                path_effects=HALO)  # fmt: skip
        at = float(np.sqrt(level / _clock(ds, 1.0, place)))
        if x[0] < at < x[-1]:
            ax.text(at, place, f"{level:g}", ha="center", va="center", fontsize=style.SMALLEST, zorder=5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # fmt: skip
    ax.set(xscale="log", yscale="log", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=r"rate $\eta$ (time per step)",
           ylabel=r"decay step $T_d$ (steps)")  # fmt: skip
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())
    bar = figure.colorbar(shades, ax=ax, pad=0.02, aspect=30)
    ticks = [t for t in (1, 1.5, 2, 3, 4, 6, 8, 10) if t <= top]
    bar.set_ticks(ticks, labels=[f"{t:g}×" for t in ticks])
    bar.minorticks_off()
    bar.set_label("final risk / risk of minimum norm")
    ax.set_title("final risk (numbers: % of seeds diverged)", loc="left")


def _level_sets(ax, rates, steps, relative):
    """Draw where the risk, interpolated on log axes, is some per cent above that of minimum norm."""
    whole = np.isfinite(relative).all(axis=0)
    if len(steps) < 2 or whole.sum() < 2:
        return
    # The excess over minimum norm spans decades: its logarithm is what is close to linear between the cells.
    excess = np.log(np.maximum(relative[:, whole] - 1, 1e-3))
    found = RegularGridInterpolator((np.log(steps), np.log(rates[whole])), excess)
    y, x = (np.linspace(np.log(v[0]), np.log(v[-1]), 200) for v in (steps, rates[whole]))
    fine = found(tuple(np.meshgrid(y, x, indexing="ij")))
    lines = ax.contour(np.exp(x), np.exp(y), fine, np.log(np.array(LEVELS) - 1),
                       colors="white", linewidths=1.4, linestyles="-", zorder=3)  # fmt: skip
    for level, parts in zip(LEVELS, lines.allsegs, strict=True):
        if parts:
            end = max(np.concatenate(parts), key=lambda v: v[1])
            style.note(ax, f"{level:g}×", tuple(end), (0, 2), color="white", ha="center", va="bottom", zorder=6,
                       path_effects=[withStroke(linewidth=1.5, foreground="black")])  # fmt: skip


def _collapse(ax, below, ds):
    """Draw b at the decay against the clock for every rate at which no seed diverged, and over the drift equation."""
    gamma, steps = ren.problem_of(ds)["gamma"], ds.decay_step.values
    b = at_decay(ds, "b")
    whole = [rate for rate in ds.rate.values if np.isfinite(b.sel(rate=rate)).all()]
    rates = whole or ds.rate.values
    fine = np.geomspace(_clock(ds, rates[0], steps[0]) / 1.5, _clock(ds, rates[-1], steps[-1]), 150)
    law = predicted_b(ds.isel(rate=0), fine * ren.clock(ds, 1.0, 1.0) / _clock(ds, 1.0, 1.0), gamma=gamma).mean("seed")
    ax.plot(fine, law, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=4)
    right = fine[law.values > FLOOR].max()

    for rate, colour in zip(whole, ren.rate_colours(whole), strict=True):
        x = _clock(ds, rate, steps)
        measured = style.seeds_first(b.sel(rate=rate), "decay_step")
        predicted = predicted_b(ds.sel(rate=rate), ren.clock(ds, rate, steps), gamma=gamma)
        ratio = measured / np.maximum(style.seeds_first(predicted, predicted.dims[-1]), 1e-300)
        shown = (measured.mean(axis=0) > FLOOR) & (x <= right)
        for panel, values in ((ax, measured), (below, ratio)):
            mean, lower, upper = (v[shown] for v in mean_interval(values, axis=0))
            style.points(panel, x[shown], mean, lower, upper, colour=colour, label=ren.power(rate), linestyle="-",
                         linewidth=0.7, zorder=3)  # fmt: skip
    below.axhline(1, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=1)
    ax.set(xscale="log", yscale="log", xlim=(fine[0], right * 1.2), ylim=(FLOOR / 1.5, 4 * float(law.max())),
           ylabel=r"$b$ at the decay")  # fmt: skip
    ax.tick_params(labelbottom=False)
    if whole:
        ax.legend(loc="lower left", title=r"rate $\eta$", title_fontsize=style.SMALLEST, alignment="left",
                  handletextpad=0.2, labelspacing=0.25, borderaxespad=0.2)  # fmt: skip
    below.set(yscale="log", ylabel=r"$b$ / drift law", xlabel=rf"clock ${CLOCK}$")
    ticks = [v for v in (0.01, 0.03, 0.1, 0.2, 0.5, 1, 2) if below.get_ylim()[0] <= v <= below.get_ylim()[1]]
    below.set_yticks(ticks, [f"{v:g}" for v in ticks])
    below.minorticks_off()
    ax.set_title("drift equation (dashed) and SGD", loc="left")
