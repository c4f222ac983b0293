"""Decay teaches complex patterns and noise; from .3, which collapses without it, it ends higher than from 2.0."""

from __future__ import annotations

import numpy as np

from figures import _you2019 as you
from figures import style

INPUTS = ("you2019_main",)

ALT = (
    "Accuracy against epochs for seven schedules: training rows (a) simple, (b) complex, (c) noisy; (d) complex test "
    "inputs, with the single runs at the constant rate .3; (e) what happens within two epochs of the first decay from "
    "2.0, by kind. Look at c and d: before the decay the large rate memorises less noise and knows fewer complex "
    "patterns, after it both rise together, and decay from .3 ends above decay from 2.0."
)

#: What is followed after the first decay, and how far.
FOLLOWED, AFTER = "2.0, decayed", 2.0
#: Its single runs are drawn: they fall and recover at times of their own.
SINGLE = "0.3"


def draw(ds):
    """Return the figure: training accuracy by kind, test accuracy on complex patterns, and the first decay enlarged."""
    figure, _ = style.new("double", 5.0)
    figure.clear()
    grid = figure.add_gridspec(2, 6, height_ratios=[1, 1.25])
    a, b, c = (figure.add_subplot(grid[0, i : i + 2]) for i in (0, 2, 4))
    d, e = figure.add_subplot(grid[1, :4]), figure.add_subplot(grid[1, 4:])
    epochs = you.epochs(ds)
    panels = {"train_accuracy_simple": a, "train_accuracy_complex": b, "train_accuracy_noisy": c,
              "test_accuracy_complex": d}  # fmt: skip
    for schedule in ds.schedule.values:
        look = you.look(str(schedule))
        for variable, ax in panels.items():
            # Where single runs are drawn a band about their mean says nothing more.
            alpha = 0.0 if ax is d and schedule == SINGLE else 0.15
            style.band(ax, epochs, *you.interval(ds[variable].sel(schedule=schedule), "record"), colour=look.colour,
                       linestyle=look.linestyle, label=look.name, alpha=alpha,
                       marker=look.marker if ax is d else None, markersize=3, markevery=you.apart(epochs))  # fmt: skip
    _single(d, ds)
    you.accuracy_axis(a, b, c, d, e)
    for ax, title in zip(
        (a, b, c, d), ("simple rows", "complex rows", "noisy rows", "complex test inputs"), strict=True
    ):
        ax.set(xlim=(0, epochs[-1]), xlabel="epoch")
        ax.set_title(title, loc="left")
        you.mark_decays(ds, FOLLOWED, ax, last=epochs[-1], names=ax is d)
    a.set(ylabel="training accuracy")
    d.set(ylabel="test accuracy")
    _after(e, ds)
    style.letters(a, b, c, d, e)
    figure.align_ylabels([a, d])
    figure.legend(handles=d.get_legend_handles_labels()[0], loc="outside lower center", ncol=4, handlelength=3.2)
    style.title(
        figure,
        "Decay teaches complex patterns and noise; from .3, which collapses without it, it ends higher than from 2.0",
        n_seeds=None,
        interval=you.note_of(ds, drawn="bands", more=("dotted: chance",)),
    )
    return figure


def _single(ax, ds):
    """Draw the single runs of one schedule."""
    if SINGLE not in ds.schedule.values:
        return
    runs = you.replicates(ds.test_accuracy_complex.sel(schedule=SINGLE), "record")
    epochs = you.epochs(ds)
    ax.plot(epochs, runs.T, color=you.look(SINGLE).colour, linewidth=0.5, alpha=0.8, zorder=1)
    fall = np.maximum.accumulate(runs, axis=1) - runs
    run, record = np.unravel_index(fall.argmax(), fall.shape)
    if fall[run, record] > 0.2:
        style.note(ax, f"single\nruns at\n{SINGLE}", (epochs[record], runs[run, record]), (-6, 2), ha="right")


def _after(ax, ds):
    """Draw the accuracies by kind around the first decay."""
    epochs = you.epochs(ds)
    (first, rate), *_ = you.decays(ds, FOLLOWED)
    near = np.flatnonzero((epochs >= first - 0.1) & (epochs <= first + AFTER))
    if near.size < 2:  # the runs end before the decay
        near, first, rate = np.arange(epochs.size), 0.0, None
    cells = ds.sel(schedule=FOLLOWED).isel(record=near)
    for split, kind, line in (("train", "simple", "-"), ("train", "complex", "-"), ("test", "complex", (0, (1, 1))),
                              ("train", "noisy", "-")):  # fmt: skip
        look = you.KINDS[kind]
        name = f"{look.name}, test" if split == "test" else look.name
        style.band(ax, epochs[near] - first, *you.interval(cells[f"{split}_accuracy_{kind}"], "record"),
                   colour=look.colour, marker=look.marker, linestyle=line, label=name, alpha=0.15)  # fmt: skip
    label = "epochs" if rate is None else f"epochs after the decay to {style.number(rate)}"
    ax.set(xlabel=label, ylabel="accuracy", xlim=(-0.03, None))
    ax.set_title(FOLLOWED, loc="left")
    ax.legend(loc="lower right", ncol=2, handlelength=1.8, columnspacing=1)
