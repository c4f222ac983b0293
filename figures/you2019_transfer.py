"""What the second stage adds serves another task no more, whatever it does for the source."""

from __future__ import annotations

import numpy as np

from figures import _you2019 as you
from figures import style
from lrtheory.probes.you2019_transfer import gains, transferred

INPUTS = ("you2019_transfer",)

ALT = (
    "Against epochs, for decay from 2.0 and constant 2.0 and .1: (a) accuracy of the network on its own task, (b) of a "
    "linear probe of its features on the target task. (c) What each stage adds to either, joined by a line to 0; (d) "
    "their ratio, the transferability, with bootstrap intervals, and 'undefined' where the source gains too little. "
    "Look at stage 2 under decay: the source gains, the target does not."
)

LEVEL = 0.95


def draw(ds):
    """Return the figure: (a) source and (b) target accuracy, (c) gains of each stage, (d) transferability."""
    figure, ((a, b), (c, d)) = style.new("double", 4.4, rows=2, columns=2)
    schedules = [str(name) for name in ds.schedule.values]
    cuts = _cuts(ds)
    epochs = you.epochs(ds)
    for ax, name in ((a, "source_accuracy"), (b, "target_accuracy")):
        for schedule in schedules:
            look = you.look(schedule)
            style.band(ax, epochs, *you.interval(ds[name].sel(schedule=schedule), "record"), colour=look.colour,
                       linestyle=look.linestyle, marker=look.marker, markersize=4, fillstyle=_filled(schedule),
                       label=look.name)  # fmt: skip
        ax.set(xlim=(0, epochs[-1]), xlabel="epoch")
        for cut in you.epochs(ds, cuts[1:-1]):
            ax.axvline(cut, color=style.NEUTRAL, linestyle="--", linewidth=0.7, zorder=0)
        for i, (low, high) in enumerate(zip(*(you.epochs(ds, part) for part in (cuts[:-1], cuts[1:])), strict=True)):
            style.note(ax, f"stage {i + 1}", ((low + high) / 2, 0), (0, 2), xycoords=("data", "axes fraction"),
                       ha="center")  # fmt: skip
    you.accuracy_axis(a)
    a.set_ylabel("accuracy")
    b.set_ylabel("accuracy of the probe")
    low, high = (float(end) for end in (ds.target_accuracy.min(), ds.target_accuracy.max()))
    if np.isfinite(high - low):
        b.set_ylim(low - 0.3 * (high - low) - 0.01, high + 0.3 * (high - low) + 0.01)
    b.legend(loc="upper right", handlelength=3, frameon=True, framealpha=1, edgecolor="none", borderpad=0.1)
    for ax, text in zip((a, b, c, d), ("source", "target", "what each stage adds", "transferability"), strict=True):
        ax.set_title(text, loc="left")
    _gains(c, ds, schedules, cuts)
    _transferability(d, ds, schedules, cuts)
    style.letters(a, b, c, d)
    probe = ds.attrs["experiment"]["probes"][0]
    style.title(
        figure,
        "What is learnt after the first decay serves the source and hardly the target; at the constant small rate "
        "all of either is learnt before",
        n_seeds=None,
        interval=you.note_of(ds, more=(f"d: {100 * LEVEL:g} % bootstrap over data seeds",)),
        parameters={"inputs that the probe is fitted on": probe["n_fit"], "ridge": float(probe["rho"])},
    )
    return figure


def _filled(schedule):
    return "full" if "decayed" in schedule else "none"


def _cuts(ds):
    """Return the steps between which stages lie: start, decays, end; a decay that has no record is left out."""
    axis = ds.attrs["experiment"]["axes"]["schedule"]
    steps = ds.step.values
    inner = [int(step) for step in axis["values"][0]["boundaries"]]
    return (0, *(step for step in inner if step in steps and 0 < step < steps[-1]), int(steps[-1]))


def _gains(ax, ds, schedules, cuts):
    """Draw, for each stage, what it adds to source (square) and target (diamond) accuracy."""
    stages = np.arange(1, len(cuts))
    for i, schedule in enumerate(schedules):
        look = you.look(schedule)
        places = stages + 0.24 * (i - (len(schedules) - 1) / 2)
        target, source = (you.interval(gain, "stage") for gain in gains(ds.sel(schedule=schedule), cuts))
        for shift, found, marker, fill in ((-0.05, source, "s", "full"), (0.05, target, "D", "none")):
            style.points(ax, places + shift, *found, colour=look.colour, marker=marker, fillstyle=fill, markersize=4)
    for marker, fill, label in (("s", "full", "source"), ("D", "none", "target")):
        ax.plot([], [], color=style.NEUTRAL, marker=marker, fillstyle=fill, linestyle="none", markersize=4, label=label)
    ax.axhline(0, color=style.NEUTRAL, linestyle=":", linewidth=0.8, zorder=0)
    _stage_axis(ax, stages)
    ax.set_ylabel("accuracy gained")
    ax.legend(loc="upper right")


def _transferability(ax, ds, schedules, cuts):
    """Draw the transferability of what each stage added, and a word where it, or its interval, is undefined."""
    stages = np.arange(1, len(cuts))
    for i, schedule in enumerate(schedules):
        look = you.look(schedule)
        places = stages + 0.24 * (i - (len(schedules) - 1) / 2)
        value, low, high = transferred(ds.sel(schedule=schedule), cuts, LEVEL)
        known = np.isfinite(low)
        style.points(ax, places, np.where(known, value, np.nan), low, high, colour=look.colour, marker=look.marker,
                     markersize=5, fillstyle=_filled(schedule), label=look.name)  # fmt: skip
        for place in places[~known]:
            style.note(ax, "undefined", (place, 1), (0, -3), xycoords=("data", "axes fraction"), rotation=90,
                       ha="center", va="top", color=look.colour)  # fmt: skip
    ax.axhline(0, color=style.NEUTRAL, linestyle=":", linewidth=0.8, zorder=0)
    _stage_axis(ax, stages)
    ax.set_ylabel("target gain / source gain")


def _stage_axis(ax, stages):
    ax.set(xlim=(0.5, stages[-1] + 0.5), xlabel="stage")
    ax.set_xticks(stages)
