"""From finite to infinite width: D2 and P error approach the limit, seed by seed, as fewer activations change."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval

INPUTS = ("li2019_width", "li2019_small_infinite")

ALT = (
    "From finite to infinite width: (a) the curvature -D2 of the Q branch against time, one curve a width and dashed "
    "the limit; (b) the distance of D2 and of the test error on P to the limit, and (c) the share of activations that "
    "the signal changed, both against width on log axes beside a guide of slope -1/2. Look for curves that approach "
    "the limit."
)


def draw(finite, infinite):
    """Return the figure: (a) -D2 against time, (b) distance to infinite width, (c) changed activations."""
    figure, (a, b, c) = style.new("double", 3.0, columns=3)
    finite = finite.sortby("width")
    cold, hot = float(finite.theta.min()), float(finite.theta.max())
    _check_seeds(finite, infinite)
    infinite = infinite.sel(seed=finite.seed)
    # The last time that both have, so that the smaller scales work too.
    end = min(float(ds.time.max()) for ds in (finite, infinite))

    _curves(a, finite, infinite, cold, hot, end)
    _distances(b, finite, infinite, (cold, hot), end)
    _changed(c, finite, (cold, hot), end)
    for ax, text in ((a, "curvature of the Q branch"), (b, "distance to infinite width"), (c, "changed activations")):
        ax.set_title(text, loc="left")
    style.letters(a, b, c)
    facts = li.parameters(infinite) | {"t in b, c": f"{end:.4g}"}
    problem = li.problem_of(finite)
    if {"m_w", "m_v"} <= set(problem):
        facts["Q units per P unit"] = f"{problem['m_v'] / problem['m_w']:g}"
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
        name = "infinite" if theta == cold else None
        ax.plot(time[shown], -mean[shown], color=style.THEORY, linestyle="--", label=name, zorder=4)
        style.note(ax, f"θ = {style.number(theta)}", (end, -mean[shown][-1]), (3, 0), color=style.THEORY, va="center",
                annotation_clip=False)  # fmt: skip
    # From the means: with few seeds the bands are wide.
    drawn = np.concatenate([line.get_ydata() for line in ax.get_lines()])
    top = np.max(drawn[np.isfinite(drawn)], initial=0.1)
    ax.set(xlim=(0, end), ylim=(-0.12 * top, 1.5 * top))
    ax.set(xlabel=li.TIME_SHORT, ylabel=r"$-D_2$")
    ax.legend(title="units on P", title_fontsize=style.SMALLEST, loc="upper left", ncols=2, handlelength=1.2,
              labelspacing=0.2, columnspacing=0.8, borderaxespad=0.1, alignment="left")  # fmt: skip


#: Colour and marker of what belongs to a pattern.
_P, _Q = (style.COLOURS["green"], "s"), (style.COLOURS["purple"], "o")


def _distances(ax, finite, infinite, temperatures, end):
    """Draw the mean over seeds of |finite - infinite| against width, each seed with its own training set."""

    def distance(name, theta):
        limit = li.at_time(infinite.sel(theta=theta, method="nearest"), name, end)[:, None]
        apart = np.abs(li.at_time(finite.sel(theta=theta, method="nearest"), name, end) - limit)
        return apart / np.abs(limit) if name == "d2" else apart

    _scaling(
        ax,
        finite.width.values,
        {r"$D_2$, relative": (*_Q, "d2"), "P test error": (*_P, "p_test_error")},
        temperatures,
        distance,
        "|finite − infinite width|",
    )


def _changed(ax, finite, temperatures, end):
    """Draw the share of (unit, input) whose activation the signal has changed, against width."""
    _scaling(
        ax,
        finite.width.values,
        {"Q units": (*_Q, "changed_v"), "P units": (*_P, "changed_w")},
        temperatures,
        lambda name, theta: 100 * li.at_time(finite.sel(theta=theta, method="nearest"), name, end),
        "share changed (%)",
    )


def _scaling(ax, widths, quantities, temperatures, measure, label):
    """Draw means over seeds against width on log axes: filled marks are cold, open ones hot; with slope -1/2."""
    widths = widths.astype(float)
    means = []
    for text, (colour, marker, name) in quantities.items():
        ax.plot([], [], color=colour, marker=marker, label=text)
        for i, theta in enumerate(temperatures):
            mean, low, high = mean_interval(measure(name, theta), axis=0)
            means += mean[mean > 0].tolist()
            # A hair apart, so that bars do not hide each other. A bar that reaches 0 leaves the panel.
            style.points(
                ax, widths * (0.97 + 0.06 * i), mean, np.where(low > 0, low, mean * 1e-6), high, colour=colour,
                marker=marker, markerfacecolor="white" if i else colour, linestyle="--" if i else "-", linewidth=0.9,
            )  # fmt: skip
    for i, theta in enumerate(temperatures):
        ax.plot([], [], color=style.NEUTRAL, marker="o", markerfacecolor="white" if i else style.NEUTRAL,
                linestyle="--" if i else "-", label=f"θ = {style.number(theta)}")  # fmt: skip
    low, high = min(means, default=0.1), max(means, default=1.0)
    guide = 1.6 * high * (widths / widths[0]) ** -0.5
    ax.plot(widths, guide, color=style.THEORY, linewidth=0.8, linestyle=":", zorder=0)
    style.note(ax, "slope −1/2", (widths[0], guide[0]), (0, 3), color=style.THEORY, va="bottom")
    ax.set(xscale="log", yscale="log", ylabel=label, xlabel="units on P")
    ax.set(ylim=(low / 2.5, 3 * high * (high / low) ** 0.35), xlim=(widths[0] / 1.4, widths[-1] * 1.4))
    ax.set_xticks(widths, [f"{w:g}" for w in widths])
    ax.tick_params(axis="x", which="minor", length=0)
    ax.xaxis.set_minor_formatter("")
    ax.legend(ncols=2, loc="upper left", handlelength=1.8, labelspacing=0.2, columnspacing=0.8, borderaxespad=0.1)
