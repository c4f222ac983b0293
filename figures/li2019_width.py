"""From finite to infinite width: D2 and P error approach the limit, seed by seed, as fewer activations change."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval

INPUTS = ("li2019_width", "li2019_small_infinite")


def draw(finite, infinite):
    """Return the figure: (a) -D2 against time at both temperatures, (b) distances to infinite width, (c) changed units."""
    figure, (a, b, c) = style.new("double", 3.0, columns=3)
    finite = finite.sortby("width")
    cold, hot = float(finite.theta.min()), float(finite.theta.max())
    _check_seeds(finite, infinite)
    infinite = infinite.sel(seed=finite.seed)
    # The last time that both have, so that the smaller scales work too.
    end = min(float(ds.time.max()) for ds in (finite, infinite))

    _curves(a, finite, infinite, cold, hot, end)
    _distances(b, finite, infinite, {"cold": cold, "hot": hot}, end)
    _changed(c, finite, {"cold": cold, "hot": hot}, end)
    for ax, text in ((a, "curvature of the Q branch"), (b, "distance to infinite width"), (c, "changed activations")):
        ax.set_title(text, loc="left")
    li.letters(a, b, c)
    facts = li.parameters(infinite) | {"t in b, c": f"{end:.4g}"}
    style.title(
        figure,
        "The finite network tends to the infinite-width limit: as it widens, the signal changes fewer activations",
        n_seeds=finite.sizes["seed"],
        interval=f"bands and bars {li.INTERVAL}, paired by training set",
        parameters=facts,
    )
    return figure


def _check_seeds(finite, infinite):
    missing = sorted(set(finite.seed.values.tolist()) - set(infinite.seed.values.tolist()))
    if missing:
        raise ValueError(f"the infinite-width results lack seeds {missing}: the comparison is paired by seed")


def _at(ds, name, time):
    """Return a variable at a time, for each seed (first axis) and, if there, each width: linear between records."""
    dims = [dim for dim in ("width",) if dim in ds[name].dims]
    clock, values = li.seeds_first(ds.time, *dims, "record"), li.seeds_first(ds[name], *dims, "record")
    flat = [np.interp(time, t, v) for t, v in zip(clock.reshape(-1, clock.shape[-1]),
                                                  values.reshape(-1, values.shape[-1]), strict=True)]  # fmt: skip
    return np.reshape(flat, values.shape[:-1])


def _curves(ax, finite, infinite, cold, hot, end):
    """Draw -D2 against time: a colour a width, dashed black the limit; the upper bundle is cold, the lower one hot."""
    widths = finite.width.values
    colours = mpl.colormaps[style.SEQUENTIAL](np.linspace(0.85, 0.15, widths.size))
    for theta in (cold, hot):
        for width, colour in zip(widths, colours, strict=True):
            time, (mean, low, high) = li.curve(finite.sel(theta=theta, width=width), "d2")
            shown = (time > 0) & (time <= end * (1 + 1e-6))
            style.band(ax, time[shown], -mean[shown], -high[shown], -low[shown], colour=colour,
                       label=f"{width:g}" if theta == cold else None)  # fmt: skip
        time, (mean, _, _) = li.curve(infinite.sel(theta=theta, method="nearest"), "d2")
        shown = (time > 0) & (time <= end * (1 + 1e-6))
        ax.plot(time[shown], -mean[shown], color=style.THEORY, linestyle="--", label="infinite" if theta == cold else None,
                zorder=4)  # fmt: skip
        li.note(ax, f"θ = {li.number(theta)}", (time[shown][-1], -mean[shown][-1]), (-2, 4), color=style.THEORY,
                va="bottom", ha="right")  # fmt: skip
    low, high = ax.get_ylim()
    ax.set(xlim=(0, end), ylim=(min(low, 0), high + 0.12 * (high - low)))
    ax.set(xlabel=li.TIME_SHORT, ylabel=r"$-D_2$")
    ax.legend(title="units on P", title_fontsize=li.SMALLEST, loc="center left", bbox_to_anchor=(0.0, 0.52),
              handlelength=1.4, labelspacing=0.2)  # fmt: skip


#: Quantities compared with infinite width: variable to (label, colour, marker).
_COMPARED = {
    "d2": (r"$D_2$, relative", style.COLOURS["purple"], "o"),
    "p_test_error": ("P test error", style.COLOURS["green"], "s"),
}


def _distances(ax, finite, infinite, temperatures, end):
    """Draw the mean over seeds of |finite - infinite| against width, each seed with its own training set."""
    widths = finite.width.values.astype(float)
    smallest = []
    for name, (label, colour, marker) in _COMPARED.items():
        for i, (temperature, theta) in enumerate(temperatures.items()):
            limit = _at(infinite.sel(theta=theta, method="nearest"), name, end)[:, None]
            distance = np.abs(_at(finite.sel(theta=theta, method="nearest"), name, end) - limit)
            if name == "d2":
                distance = distance / np.abs(limit)
            mean, low, high = mean_interval(distance, axis=0)
            smallest += mean[mean > 0].tolist()
            style.points(
                ax, widths * (0.96 + 0.08 * i), mean, np.maximum(low, 1e-9), high, colour=colour, marker=marker,
                linestyle="-" if i == 0 else "--", markerfacecolor=colour if i == 0 else "white", linewidth=0.9,
                label=f"{label}, {temperature}",
            )  # fmt: skip
    _log_log(ax, widths, smallest, "|finite − infinite width|")
    # Room for the legend above the data.
    ax.legend(loc="upper left", handlelength=2.2, labelspacing=0.2, borderaxespad=0.1)


def _changed(ax, finite, temperatures, end):
    """Draw the share of (unit, input) whose activation the signal has changed, against width."""
    widths = finite.width.values.astype(float)
    smallest = []
    for name, label, colour, marker in (("changed_w", "P units", style.COLOURS["green"], "s"),
                                        ("changed_v", "Q units", style.COLOURS["purple"], "o")):  # fmt: skip
        for i, (temperature, theta) in enumerate(temperatures.items()):
            values = 100 * _at(finite.sel(theta=theta, method="nearest"), name, end)
            mean, low, high = mean_interval(values, axis=0)
            smallest += mean[mean > 0].tolist()
            style.points(
                ax, widths * (0.98 + 0.04 * i), mean, np.maximum(low, 1e-9), high, colour=colour, marker=marker,
                linestyle="-" if i == 0 else "--", markerfacecolor=colour if i == 0 else "white", linewidth=0.9,
                label=f"{label}, {temperature}",
            )  # fmt: skip
    top = max(smallest, default=1.0)
    guide = 1.25 * top * (widths / widths[0]) ** -0.5
    ax.plot(widths, guide, color=style.THEORY, linewidth=0.8, linestyle=":", zorder=0, label=r"slope $-1/2$")
    _log_log(ax, widths, smallest, "share changed (%)")
    ax.legend(loc="upper left", handlelength=2.2, labelspacing=0.2, borderaxespad=0.1)


def _log_log(ax, widths, values, label):
    """Set log axes with the widths as ticks, a margin below and room for the legend above."""
    low, high = min(values, default=0.1), max(values, default=1.0)
    room = (high / low) ** 0.75 * 4
    ax.set(xscale="log", yscale="log", ylabel=label, xlabel="units on P")
    ax.set(ylim=(low / 2.5, high * room), xlim=(widths[0] / 1.4, widths[-1] * 1.4))
    ax.set_xticks(widths, [f"{w:g}" for w in widths])
    ax.tick_params(axis="x", which="minor", length=0)
    ax.xaxis.set_minor_formatter("")
