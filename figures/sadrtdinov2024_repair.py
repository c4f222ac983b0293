"""After a passage through 2A it hardly matters where pre-training was; a passage through regime 1 mends less."""

from __future__ import annotations

import numpy as np

from figures import _sadrtdinov2024 as sad
from figures import style
from lrtheory.probes.sadrtdinov2024_regimes import LINES, pretrained, tuned

INPUTS = ("sadrtdinov2024_repair",)

ALT = (
    "Against the pre-training rate: (a) test accuracy pre-trained and after three ways to the low rate: at once, after "
    "a stage at a rate of regime 1, after one at a rate of 2A; (b) what either stage gains over going at once, paired. "
    "Below, against iterations of fine-tuning from a rate of 2B: (c) test accuracy on the three ways. Look at a, where "
    "the way through 2A ends at one height, and at c, where it gets there in the last part only."
)

#: Label of a branch to name, colour and marker; going at once to the low rate is fine-tuning as in other figures.
WAYS = {
    "low": ("low rate at once", style.SMALL, "v"),
    "1, low": ("through regime 1", style.COLOURS["sky"], "P"),
    "2A, low": ("through regime 2A", style.COLOURS["orange"], "X"),
}
FOLLOWED = 2.37e-2  # the rate of 2B whose fine-tuning is followed; the nearest of the results


def draw(ds):
    """Return the figure: (a) final test accuracy, (b) paired gains, (c) accuracy along fine-tuning from a 2B rate."""
    figure, _ = style.new("double", 5.0)
    figure.clear()
    grid = figure.add_gridspec(2, 2, width_ratios=[1.35, 1], height_ratios=[1.15, 1])
    a, b = (figure.add_subplot(grid[0, i]) for i in (0, 1))
    c = figure.add_subplot(grid[1, :])
    ds = ds.sortby("rate")
    place = np.arange(ds.sizes["rate"])

    pre = sad.PATHS["pre"]
    style.points(a, place - 0.24, *sad.interval(pretrained(ds), "rate"), colour=pre.colour, marker=pre.marker,
                 label=pre.name)  # fmt: skip
    for i, (branch, (name, colour, marker)) in enumerate(WAYS.items()):
        end = tuned(ds, branch)
        if branch != "low":
            name += f" ({style.number(_piece(ds, branch, 0))})"
        style.points(a, place + 0.16 * (i - 0.5), *sad.interval(end, "rate"), colour=colour, marker=marker, label=name,
                     markersize=5)  # fmt: skip
        if branch != "low":
            style.points(b, place + 0.16 * (i - 1.5), *sad.interval(end - tuned(ds, "low"), "rate"), colour=colour,
                         marker=marker, markersize=5)  # fmt: skip
    a.axhline(50, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    style.note(a, "chance", (0, 50), (3, 2), xycoords=("axes fraction", "data"))
    b.axhline(0, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    for ax in (a, b):
        ax.set(xlim=(-0.5, place[-1] + 0.5), xlabel="pre-training rate (time per iteration), regime")
        ax.set_xticks(place, [f"{style.number(rate)}\n{_regime(float(rate))}" for rate in ds.rate])
    a.set(ylabel="test accuracy (%)")
    b.set(ylabel="gain over at once (%)")
    _way(c, ds)
    c.legend(handles=a.get_legend_handles_labels()[0], loc="lower right", ncol=2)
    for ax in (a, c):  # intervals over few data seeds may be longer than the axis of accuracies
        low, high = ax.get_ylim()
        ax.set_ylim(max(low, 40), min(high, 100))
    style.letters(a, b, c)
    figure.align_ylabels([a, c])
    style.title(
        figure,
        "After a passage through 2A it hardly matters where pre-training was; a passage through regime 1 mends less",
        n_seeds=None,
        interval=f"{sad.seeds_of(ds)}; bars and bands {sad.INTERVAL}; b: paired; regimes: by the paper's lines",
        parameters={"low rate": style.number(_piece(ds, "low", -1))} | sad.parameters(ds),
    )
    return figure


def _regime(rate):
    """Return the regime of a rate by the paper's lines, each the last rate of a regime."""
    return list(sad.REGIMES)[sum(rate > line.published for line in LINES)]


def _piece(ds, branch, i):
    """Return the rate of a branch in its i-th stage."""
    schedule = ds.attrs["experiment"]["sub_paths"]["schedule"]
    return float(schedule["schedules"][list(schedule["labels"]).index(branch)]["rates"][i])


def _way(ax, ds):
    """Draw the accuracy along fine-tuning from one rate."""
    i = int(np.abs(np.log(ds.rate.values / FOLLOWED)).argmin())
    thousands = ds.attrs["experiment"]["dynamics"]["iterations"] / 1e3
    steps = ds.sub_step.values * thousands
    for branch, (_, colour, marker) in WAYS.items():
        cells = ds.sub_test_accuracy.isel(rate=i, decay_step=-1).sel(branch=branch)
        style.band(ax, steps, *sad.interval(cells, "sub_record"), colour=colour, marker=marker, markevery=4)
    boundary = thousands * ds.attrs["experiment"]["sub_paths"]["schedule"]["schedules"][0]["boundaries"][0]
    ax.axvline(boundary, ymin=0.33, color=style.NEUTRAL, linestyle="--", linewidth=0.8, zorder=0)
    for text, step, align in (("stage", -3, "right"), ("low rate", 3, "left")):
        style.note(ax, text, (boundary, 1), (step, -2), xycoords=("data", "axes fraction"), ha=align, va="top")
    rate = float(ds.rate[i])
    ax.set_title(f"fine-tuning after {style.number(rate)} ({_regime(rate)})", loc="left")
    ax.set(xlim=(0, steps[-1]), xlabel="iterations of fine-tuning (thousands)", ylabel="test accuracy (%)")
