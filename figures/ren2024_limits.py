"""Where the drift equation ends: SGD and SDE at larger rates, gradient descent without noise up to its threshold."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import NullLocator

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.statistics import mean_interval
from lrtheory.theory.ren2024 import flow_end

INPUTS = ("ren2024_sde", "ren2024_descent")

ALT = (
    "Against the learning rate: (a) b of SGD and of its SDE limit over that of the drift equation, at one sum of "
    "squared rates; both fall away from the line at 1, much alike; (b) b at the end of noise-free gradient "
    "descent, a dot a seed, falling from the value of gradient flow, with a grey band for the stability thresholds of "
    "the starts; (c) the share of diverged seeds, which rises only beyond the band."
)

#: eta^2 times steps at which the laws are compared, or that of the smallest rate at its last step where that is less.
CLOCK = 0.016
LAWS = {"SGD": (style.COLOURS["green"], "o"), "SDE": (style.COLOURS["purple"], "s")}
DESCENT = style.COLOURS["green"]
DIVERGED = style.COLOURS["purple"]


def draw(sde, descent):
    """Return the figure: (a) SGD and SDE over the drift equation; (b) final b of gradient descent; (c) divergence."""
    figure, axes = style.new(
        "double", 3.2, rows=2, columns=2, sharex="col",
        gridspec_kw={"width_ratios": [1, 1.35], "height_ratios": [2.6, 1]},
    )  # fmt: skip
    for ax in axes[:, 0]:
        ax.remove()
    a = figure.add_subplot(axes[0, 0].get_gridspec()[:, 0])
    b, c = axes[:, 1]
    _laws(a, sde.sortby("rate"))
    descent = descent.sortby("rate")
    _final(b, descent)
    _diverged(c, descent)
    figure.align_ylabels([b, c])
    a.set_title("label noise", loc="left")
    style.letters(a, b, c)
    seeds = [ds.sizes["seed"] for ds in (sde, descent)]
    parameters = ren.parameters(descent, "σ", "B") | {
        "σ": f"{ren.problem_of(sde)['label_noise']:g} (a), 0 (b, c)",
        "η²k": f"{min(CLOCK, float(sde.rate.min()) ** 2 * int(sde.step[-1])):g} (a)",
        "k": f"{int(descent.step[-1]):,} (b, c)",
    }
    if seeds[0] != seeds[1]:
        parameters = {"seeds": f"{seeds[0]} (a), {seeds[1]} (b, c)"} | parameters
    style.title(
        figure,
        "With label noise SGD and its SDE limit both fall below the drift equation, further as the rate grows; without "
        "it gradient descent ends at smaller b, until it diverges beyond the threshold of its start",
        n_seeds=seeds[0] if seeds[0] == seeds[1] else None,
        interval=f"bars {ren.INTERVAL} (a: of the log)",
        parameters=parameters,
    )
    return figure


def _laws(ax, ds):
    """Draw b over that of the drift equation at one clock, each rate at the record that is nearest to it."""
    gamma = ren.problem_of(ds)["gamma"]
    rates, steps = ds.rate.values, ds.step.values
    # One clock for all rates: where the smallest one cannot reach it, the clock that it does reach.
    clock = min(CLOCK, rates[0] ** 2 * steps[-1])
    at = [int(np.abs(steps - clock / rate**2).argmin()) for rate in rates]
    ends = {}
    for i, (name, (colour, marker)) in enumerate(LAWS.items()):
        cells = ds.sel(law=name)
        log_ratio = [
            np.log(run.b.isel(record=k) / predicted_b(run, ren.clock(ds, rate, steps[k]), gamma=gamma)).values
            for rate, k in zip(rates, at, strict=True)
            for run in [cells.sel(rate=rate)]
        ]
        ratio, low, high = (np.exp(v) for v in mean_interval(log_ratio))
        x = rates * (0.985, 1.015)[i]
        style.points(ax, x, ratio, low, high, colour=colour, marker=marker, linestyle="-", markersize=4.5)
        if np.isfinite(ratio[-1]):
            ends[name] = ratio[-1]
    for name, place in ends.items():
        up = 5 if place == max(ends.values()) else -5
        style.note(ax, {"SDE": "SDE limit"}.get(name, name), (rates[-1], place), (9, up), color=LAWS[name][0],
                   fontsize=8, va="center")  # fmt: skip
    ax.axhline(1.0, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0)
    style.note(ax, "drift equation", (0.99, 1.0), (0, -3), xycoords=("axes fraction", "data"), color=style.THEORY,
               va="top", ha="right")  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel=r"learning rate $\eta$ ($10^{-3}$ time per step)",
           ylabel=r"$b$ measured / $b$ of the drift equation")  # fmt: skip
    ax.set_xlim(rates[0] / 1.15, rates[-1] * 1.5)
    ax.set_xticks(rates, [f"{1e3 * rate:.3g}" for rate in rates])
    ax.xaxis.set_minor_locator(NullLocator())
    bottom = ax.get_ylim()[0]
    ticks = [t for t in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0) if t >= bottom or t == 1.0]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.yaxis.set_minor_locator(NullLocator())


def _thresholds(ax, ds):
    """Mark the range over seeds of 2/lambda_max at the start; return its upper end."""
    threshold = 2.0 / ds.sharpness0
    low, high = float(threshold.min()), float(threshold.max())
    ax.axvspan(low, high, color=style.NEUTRAL, alpha=0.25, linewidth=0, zorder=0)
    return high


def _final(ax, ds):
    """Draw b at the last record of every seed that survives, and their mean: open where others diverged."""
    end = style.seeds_first(ds.b.isel(record=-1), "rate")
    gone = style.seeds_first(ds.diverged_at, "rate") >= 0
    spread = 0.0012 * np.linspace(-1, 1, len(end)) if len(end) > 1 else np.zeros(1)
    for rate, values, lost in zip(ds.rate.values, end.T, gone.T, strict=True):
        kept = np.isfinite(values) & ~lost
        ax.plot((rate + spread)[kept], values[kept], ".", color=DESCENT, markersize=3, alpha=0.6,
                markeredgewidth=0, zorder=1)  # fmt: skip
        if kept.any():
            mean, low, high = mean_interval(values[kept])
            style.points(ax, [rate], *(np.array([v]) for v in (mean, low, high)), colour="black",
                         markerfacecolor="white" if lost.any() else "black", markersize=4.5, zorder=3)  # fmt: skip
    first = ds.isel(rate=0)
    level = float(np.mean(flow_end(first.b0, first.s0, first.m, ren.problem_of(ds)["gamma"])))
    ax.axhline(level, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0)
    style.note(ax, "gradient flow", (0.99, level), (0, 2), xycoords=("axes fraction", "data"), color=style.THEORY,
               va="bottom", ha="right")  # fmt: skip
    high = _thresholds(ax, ds)
    style.note(ax, "threshold of the start, $2/\\lambda_{\\max}$\n(range over seeds)", (high, 1.0), (4, 0),
               xycoords=("data", "axes fraction"), va="top", linespacing=1.25)  # fmt: skip
    style.note(ax, "dots: seeds\nopen: mean of the\nseeds that survive", (0.99, level / 2), color="black", ha="right",
               xycoords=("axes fraction", "data"), va="center")  # fmt: skip
    ax.set(ylabel="$b$ at the end", ylim=(-0.2, 1.12 * max(level, np.max(end[np.isfinite(end)], initial=level))))
    ax.set_title("gradient descent, no noise", loc="left")


def _diverged(ax, ds):
    """Draw the share of seeds that diverged."""
    share = 100 * (ds.diverged_at >= 0).mean("seed").values
    ax.plot(ds.rate.values, share, color=DIVERGED, marker="x", markersize=4)
    _thresholds(ax, ds)
    ax.set(ylim=(-8, 108), ylabel="seeds that\ndiverge (%)", xlabel=r"learning rate $\eta$ (time per step)")
    ax.set_yticks([0, 50, 100])
    ax.set_xlim(-0.004, 1.03 * ds.rate.values[-1])
