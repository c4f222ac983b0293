"""Up to regime 2A, fine-tuning and averaging share a basin, except at the smallest rates; then barriers part them."""

from __future__ import annotations

import numpy as np

from figures import _sadrtdinov2024 as sad
from figures import style
from lrtheory.theory.sadrtdinov2024_measures import BARRIER

INPUTS = ("sadrtdinov2024_rates",)

ALT = (
    "Against the pre-training rate on a log axis, with regimes shaded, for three pairs of fine-tuning at the low and "
    "the high rate and the average of checkpoints: (a) the angle between them, (b) the barrier in test and (c) in "
    "training error on the line between them, on square-root axes. Look at b below the dashed 2 % from the middle of "
    "regime 1 to the end of 2A, and above it far to the left and to the right."
)

TICKS = (0, 0.5, 2, 5, 10, 20, 30, 40, 50)


def draw(ds):
    """Return the figure: (a) angle, (b) test barrier, (c) training barrier, against the pre-training rate."""
    figure, (a, b, c) = style.new("double", 5.6, rows=3, sharex=True)
    ds = ds.sortby("rate")
    last = ds.isel(decay_step=-1)
    for i, pair in enumerate(sad.PAIRS):
        rates, at = sad.beside(ds.rate, i, len(sad.PAIRS)), last.isel(pair=i)
        _pair(a, rates, sad.interval(at.angle, "rate"), pair, _label(ds, pair))
        for ax, name in ((b, "test_barrier"), (c, "train_barrier")):
            _pair(ax, rates, sad.quartiles(at[name], "rate"), pair, _label(ds, pair))
    a.axhline(np.pi / 2, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    a.set(ylabel="angle (rad)", ylim=(-0.08, 1.9))
    for ax, kind in ((b, "test"), (c, "training")):
        ax.set_yscale("function", functions=(_root, _square))
        highest = max(ax.dataLim.y1, BARRIER)
        ax.set(ylim=(-0.002 * highest, 1.08 * highest), ylabel=f"{kind} barrier (%)")
        ticks = [t for t in TICKS if t <= 1.08 * highest]
        ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    b.axhline(BARRIER, color=style.NEUTRAL, linestyle="--", linewidth=0.8, zorder=0)
    sad.rate_axis(ds, a, b, c)
    sad.shade(sad.regimes(ds), a, b, c)
    figure.legend(*a.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    style.note(a, "orthogonal", (1, np.pi / 2), (-3, 1), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    style.note(b, f"above {BARRIER:g} %: no common basin", (2e-3, BARRIER), (0, 2), ha="center", va="bottom")
    style.letters(a, b, c)
    figure.align_ylabels([a, b, c])
    style.title(
        figure,
        "Up to the end of 2A, fine-tuning at a low and a high rate and averaging share a basin, except at the smallest "
        "rates; then barriers part them",
        n_seeds=None,
        interval=f"{sad.seeds_of(ds)}; a: bars {sad.INTERVAL}; b, c: {sad.QUARTILES}, square-root axes; "
        f"{sad.REGIMES_NOTE}",
        parameters={key: style.number(sad.branch_rate(ds, key)) for key in ("low", "high")} | sad.parameters(ds),
    )
    return figure


def _root(values):
    return np.sign(values) * np.sqrt(np.abs(values))


def _square(values):
    return np.sign(values) * np.square(values)


def _label(ds, pair):
    """Return the words for a pair."""
    experiment = ds.attrs["experiment"]
    basin = next(probe for probe in experiment["probes"] if probe["class"] == "Basin")
    average = f"average of {experiment['dynamics']['averages'][basin['average']]}"
    first, second = pair
    return f"fine-tuned {first} – {second}" if first != "average" else f"{average} – fine-tuned {second}"


def _pair(ax, rates, values, pair, label):
    """Draw one pair, in the colours of its two ends."""
    first, second = (sad.PATHS[key] for key in pair)
    style.points(ax, rates, *values, colour=first.colour, marker="")
    ax.plot(rates, values.mean, color=first.colour, gapcolor=second.colour, linestyle=(0, (4, 4)), linewidth=1,
            marker="o", markersize=5, fillstyle="left", markerfacecolor=first.colour,
            markerfacecoloralt=second.colour, markeredgewidth=0, label=label)  # fmt: skip
