"""Real images: the large rate holds wrong labels off, decay lets them in; at equal fit it has no fewer."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D

from figures import _you2019 as you
from figures import style
from lrtheory.probes.you2019_memory import at_equal_fit

INPUTS = ("you2019_digits", "you2019_mnist")

ALT = (
    "For digits (top) and a part of MNIST (bottom), a fifth of the labels wrong: agreement with wrong labels (a, d), "
    "accuracy on clean test images (b, e) against epochs, and the agreement where a level of accuracy on right labels "
    "is first reached (c, f); one colour a rate, solid where it is decayed. Look at a after the decay, at the peak of "
    "the small rate in b and e, and at which rate is lowest in c and f."
)

#: Shares of right labels that must be fitted; a schedule is drawn at those that all its runs reach.
LEVELS = (0.8, 0.85, 0.9, 0.95, 0.99)


def draw(digits, mnist):
    """Return the figure: rows digits and MNIST; agreement with wrong labels, clean test accuracy, at equal fit."""
    figure, axes = style.new("double", 4.6, rows=2, columns=3, gridspec_kw={"width_ratios": [1.15, 1.15, 1]})
    for row, ds, name in zip(axes, (digits, mnist), ("digits", "MNIST"), strict=True):
        _over_epochs(row[0], ds, "train_accuracy_wrong")
        _over_epochs(row[1], ds, "test_accuracy_clean")
        _equal_fit(row[2], ds)
        row[0].set_ylabel(f"{name}: share of inputs")
        row[0].set_ylim(-0.02, 1.02)
        _test_limits(row[1], ds)
        for ax, text in zip(row, ("wrong labels memorised", "clean test images right", "memorised at equal fit"),
                            strict=True):  # fmt: skip
            ax.set_title(text, loc="left")
    for ax in axes[1, :2]:
        ax.set_xlabel("epoch")
    axes[1, 2].set_xlabel("accuracy on right labels")
    style.letters(*axes.ravel())
    names = sorted({str(name) for ds in (digits, mnist) for name in ds.schedule.values}, key=_order)
    figure.legend(handles=[_entry(name) for name in names], loc="outside lower center", ncol=len(names), handlelength=3)
    style.title(
        figure,
        "Real images: the large rate holds wrong labels off for long and decay lets them in; yet where right labels "
        "are fitted equally well it has not memorised fewer than the small rate",
        n_seeds=None,
        interval=you.note_of(
            digits, mnist, more=("a fifth of the labels wrong; dashed lines: decays; c, f: levels that all runs reach",)
        ),
    )
    return figure


def _order(name):
    """Return where a schedule stands in the legend: large rates first, decayed before constant."""
    rate, _, more = name.partition(",")
    return -float(rate), not more, more


def _filled(name):
    """Return how the marker of a schedule is filled."""
    return "none" if "decayed" not in name else "left" if "early" in name else "full"


def _entry(name):
    """Return the entry of a schedule in the legend."""
    look = you.look(name)
    return Line2D([], [], color=look.colour, linestyle=look.linestyle, marker=look.marker, markersize=4,
                  fillstyle=_filled(name), label=look.name)  # fmt: skip


def _over_epochs(ax, ds, name):
    """Draw an accuracy against epochs, one curve a schedule, with the decays marked."""
    epochs = you.epochs(ds)
    marks = set()
    for schedule in map(str, ds.schedule.values):
        look = you.look(schedule)
        style.band(ax, epochs, *you.interval(ds[name].sel(schedule=schedule), "record"), colour=look.colour,
                   linestyle=look.linestyle, label=look.name)  # fmt: skip
        marks |= {epoch for epoch, _ in you.decays(ds, schedule)}
    for epoch in marks:
        if epoch < epochs[-1]:
            ax.axvline(epoch, color=style.NEUTRAL, linestyle="--", linewidth=0.6, zorder=0)
    ax.set_xlim(0, epochs[-1])


def _test_limits(ax, ds):
    """Show the part of the axis in which test accuracy is once it is above that of the first record but one."""
    means = ds.test_accuracy_clean.mean(("seed", "data_seed")).values[:, 1:]
    if np.isfinite(means).any():
        low, high = np.nanquantile(means, 0.02), np.nanmax(means)
        ax.set_ylim(low - 0.25 * (high - low), high + 0.15 * (high - low))


def _equal_fit(ax, ds):
    """Draw the agreement with wrong labels where each level of accuracy on right ones is first reached."""
    schedules = sorted(map(str, ds.schedule.values), key=_order)
    places = np.arange(len(LEVELS))
    for i, schedule in enumerate(schedules):
        look = you.look(schedule)
        cells = ds.sel(schedule=schedule)
        found = [you.interval(at_equal_fit(cells, "train_accuracy_wrong", "train_accuracy_right", level))
                 for level in LEVELS]  # fmt: skip
        mean, low, high = np.array(found).T
        style.points(ax, places + 0.12 * (i - (len(schedules) - 1) / 2), mean, np.maximum(low, 1e-3), high,
                     colour=look.colour, marker=look.marker, label=look.name, markersize=4,
                     fillstyle=_filled(schedule))  # fmt: skip
    ax.set(xlim=(-0.6, places[-1] + 0.6), ylim=(0.006, 1.2), yscale="log")
    ax.set_yticks((0.01, 0.1, 1), (".01", ".1", "1"))
    ax.set_xticks(places, [f"{level:g}".lstrip("0") for level in LEVELS])
