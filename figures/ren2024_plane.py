"""Rate and decay step: the final risk and b depend on eta^2 T_d alone, up to the rates where runs diverge."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Rectangle

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024 import min_norm_risk, tail_mean
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.statistics import mean_interval
from lrtheory.theory.ren2024 import collapse_clock, contraction_steps
from lrtheory.theory.ren2024_manifold import smallest_eigenvalue

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
        "Final risk and b follow one clock, rate squared times decay step, up to rates near those where runs diverge",
        n_seeds=ds.sizes["seed"],
        interval=f"bars {ren.INTERVAL}; final: mean over the last {WINDOW:,} steps",
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
            ax.text(rates[j], steps[i], f"{100 * share:.0f}", ha="center", va="center", fontsize=style.SMALLEST,
                    zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})  # fmt: skip

    whole = np.where(lost == 0, kept, np.nan)
    if min(whole.shape) > 1 and np.isfinite(whole).sum() > 3:
        lines = ax.contour(rates, steps, np.ma.masked_invalid(whole), levels=LEVELS, colors="white", linewidths=1.3)
        ax.clabel(lines, fmt=lambda v: f"{v:g}×", fontsize=style.SMALLEST)
    for level in (0.1, 1.0, 10.0):
        line = steps.max() * 2 / np.array([1, 1e6])  # beyond the map on both sides
        rate = np.sqrt(level / _clock(ds, 1.0, line))
        ax.plot(rate, line, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=3)
    ax.set(xscale="log", yscale="log", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=r"rate $\eta$ (time per step)",
           ylabel=r"decay step $T_d$ (steps)")  # fmt: skip
    bar = figure.colorbar(shades, ax=ax, pad=0.02, aspect=30)
    ticks = [t for t in (1, 1.5, 2, 3, 4, 6, 8, 10) if t <= top]
    bar.set_ticks(ticks, labels=[f"{t:g}×" for t in ticks])
    bar.minorticks_off()
    bar.set_label("final risk over that of minimum norm")
    ax.set_title("final risk (numbers: % of seeds diverged)", loc="left")


def _collapse(ax, below, ds):
    """Draw b at the decay against the clock for every rate at which no seed diverged, and over the drift equation."""
    problem = ren.problem_of(ds)
    steps = ds.decay_step.values
    at_decay = ds.b.isel(record=np.searchsorted(ds.step.values, steps))
    whole = [r for r in ds.rate.values if np.isfinite(at_decay.sel(rate=r)).all()]
    first = ds.sel(rate=whole[0])
    ends = [_clock(ds, r, t) for r in (whole[0], whole[-1]) for t in (steps[0], steps[-1])]
    fine = np.geomspace(min(ends) / 1.5, max(ends), 150)
    per_clock = ren.clock(ds, 1.0, 1.0) / _clock(ds, 1.0, 1.0)
    law = predicted_b(first, fine * per_clock, gamma=problem["gamma"]).mean("seed").values
    ax.plot(fine, law, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=4)
    shown = fine[law > FLOOR]
    s = float((ds.m + predicted_b(ds, 0.0, gamma=problem["gamma"])).mean())
    smallest = smallest_eigenvalue(problem["n"], problem["d"])

    for rate, colour in zip(whole, ren.rate_colours(whole), strict=True):
        cells = ds.sel(rate=rate)
        x = _clock(ds, rate, steps)
        measured = style.seeds_first(at_decay.sel(rate=rate), "record")
        predicted = predicted_b(cells, ren.clock(ds, rate, steps), gamma=problem["gamma"])
        ratio = measured / np.maximum(style.seeds_first(predicted, predicted.dims[-1]), 1e-300)
        early = steps < 2 * contraction_steps(rate, s, smallest, problem["gamma"])
        visible = (measured.mean(axis=0) > FLOOR) & (x <= shown[-1])
        for panel, values, label in ((ax, measured, ren.power(rate)), (below, ratio, None)):
            mean, lower, upper = mean_interval(values, axis=0)
            for which, face in ((visible & ~early, colour), (visible & early, "white")):
                style.points(panel, x[which], mean[which], lower[which], upper[which], colour=colour, label=label,
                             markerfacecolor=face, zorder=3)  # fmt: skip
                label = None
            panel.plot(x[visible], mean[visible], color=colour, linewidth=0.7, zorder=2)
    below.axhline(1, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=1)
    ax.set(xscale="log", yscale="log", ylim=(FLOOR / 1.5, None), xlim=(fine[0], shown[-1] * 1.2), ylabel=r"$b$ at the decay")
    ax.tick_params(labelbottom=False)
    ax.legend(loc="lower left", title=r"$\eta$ (time per step)", title_fontsize=style.SMALLEST, alignment="left",
              handletextpad=0.2, labelspacing=0.25)  # fmt: skip
    below.set(yscale="log", ylabel=r"$b$ / drift law", xlabel=rf"clock ${CLOCK}$")
    ax.set_title("one curve for all rates", loc="left")
