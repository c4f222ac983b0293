"""With every pattern equally often simple and complex ones are learnt alike: copies count, not bits."""

from __future__ import annotations

import numpy as np

from figures import _you2019 as you
from figures import style
from lrtheory.theory.you2019 import complexity

INPUTS = ("you2019_main", "you2019_matched")

ALT = (
    "Accuracy by kind over epochs in four panels: half of the rows simple and half complex (left), every pattern "
    "equally often (right); decay from 2.0 (top) and the constant .03 (bottom). Training rows solid, test inputs "
    "dotted; bits and copies of a pattern are named. Look at simple and complex, apart on the left and "
    "together on the right, with noise below both."
)

SCHEDULES = ("2.0, decayed", "0.03")


def draw(half, matched):
    """Return the figure: accuracy by kind over epochs, half of each kind against equal frequency, for two schedules."""
    figure, axes = style.new("double", 4.8, rows=2, columns=2, sharex=True, sharey=True)
    last = min(you.epochs(ds)[-1] for ds in (half, matched))
    for column, (ds, title) in enumerate(((half, "half and half"), (matched, "equal frequency"))):
        for row, schedule in enumerate(SCHEDULES):
            ax = axes[row, column]
            _kinds(ax, ds, schedule)
            you.mark_decays(ds, schedule, ax, last=last)
            ax.set_title(title, loc="left")
    you.accuracy_axis(*axes.flat)
    for ax, schedule in zip(axes[:, 0], SCHEDULES, strict=True):
        ax.set(ylabel=f"accuracy ({you.look(schedule).name})")
    for ax in axes[-1]:
        ax.legend(loc="lower right", bbox_to_anchor=(1, 0.1))  # of the whole column
        ax.set(xlim=(0, last), xlabel="epoch")
    style.letters(*axes.flat)
    style.title(
        figure,
        "With every pattern equally often simple and complex ones are learnt alike: copies count, not bits",
        n_seeds=None,
        interval=you.note_of(half, matched, drawn="bands", more=("solid: training; dotted: test",)),
    )
    return figure


def bits(ds, kind):
    """Return the complexity of the patterns of a kind, each of one class and all equally often."""
    problem = ds.attrs["experiment"]["problem"]
    return complexity(np.kron(np.eye(problem["classes"]), np.ones((problem[kind], 1))))


def copies(ds, kind):
    """Return how many training rows there are of a pattern of a kind."""
    problem = ds.attrs["experiment"]["problem"]
    return problem[f"n_{kind}"] / (problem["classes"] * problem[kind])


def _kinds(ax, ds, schedule):
    """Draw the accuracy of every kind under a schedule."""
    epochs, cells = you.epochs(ds), ds.sel(schedule=schedule)
    marks = you.apart(epochs, epochs[-1] / 25)
    # Curves that coincide are told apart by their widths, and by marks that take turns.
    for i, (kind, width) in enumerate((("simple", 2.6), ("complex", 1.1), ("noisy", 1.1))):
        look = you.KINDS[kind]
        said = "1 copy" if kind == "noisy" else f"{bits(ds, kind):.2f} bits, {copies(ds, kind):g} copies"
        style.band(ax, epochs, *you.interval(cells[f"train_accuracy_{kind}"], "record"), colour=look.colour,
                   marker=look.marker, markevery=marks[i::3], label=f"{look.name}: {said}", alpha=0.18,
                   linewidth=width, markersize=4)  # fmt: skip
        if kind != "noisy":
            style.band(ax, epochs, *you.interval(cells[f"test_accuracy_{kind}"], "record"), colour=look.colour,
                       linestyle=(0, (1, 1)), alpha=0.1, linewidth=width)  # fmt: skip
