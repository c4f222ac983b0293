"""Averaging explains most patterns that a late decay gains; weights stay in reach of noise, a return undoes it."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from figures import _you2019 as you
from figures import style
from lrtheory.sub_paths import at_decay

INPUTS = ("you2019_decay",)

ALT = (
    "For decays from 2.0 after 2 to 30 epochs: (a) share of inputs gained, by kind, and the part of it that is right "
    "under the averaged large-rate weights already; (b) angle between those weights and the decayed ones, by layer, "
    "against the angle of noise; (c) test accuracy on complex patterns over epochs since the decay, decayed further or "
    "returned to 2.0. Look at the full bars in a, the diagonal in b, and the fall in c."
)

#: What is gained: split and kind.
SETS = (("train", "simple"), ("train", "complex"), ("train", "noisy"), ("test", "complex"))
LAYERS = ("o", "s", "^")
#: From the first decay to the last.
TIMES = (style.COLOURS["sky"], style.COLOURS["green"], style.SMALL, style.COLOURS["black"])


def draw(ds):
    """Return the figure: gained shares and what averaging explains, turns by layer, and returns to the large rate."""
    figure, _ = style.new("double", 5.0)
    figure.clear()
    grid = figure.add_gridspec(2, 5, height_ratios=[1, 1.1])
    a = figure.add_subplot(grid[0, :])
    b, c = figure.add_subplot(grid[1, :2]), figure.add_subplot(grid[1, 2:])
    _gained(a, ds)
    _turns(b, ds)
    _return(c, ds)
    a.set_title("wrong at the decay, right at the end", loc="left")
    b.set_title("how far the weights go", loc="left")
    c.set_title("what a return undoes", loc="left")
    style.letters(a, b, c)
    style.title(
        figure,
        "Averaging explains most patterns that a late decay gains; weights stay in reach of noise, a return undoes it",
        n_seeds=None,
        interval=you.note_of(ds),
        parameters={"large rate": f"{_large(ds):.1f}"},
    )
    return figure


def _large(ds):
    return float(ds.attrs["experiment"]["schedule"]["rate"])


def _times(ds):
    """Return the epochs of the decays."""
    return you.epochs(ds, ds.decay_step.values)


def _gained(ax, ds):
    """Draw bars of gained shares, filled up to what is right under the average."""
    place = np.arange(ds.sizes["decay_step"])
    width = 0.8 / len(SETS)
    cells = ds.sel(branch="decay")
    handles = []
    for i, (split, kind) in enumerate(SETS):
        look = you.KINDS[kind]
        x = place + width * (i - (len(SETS) - 1) / 2)
        hatch = "////" if split == "test" else None
        for what, shift in (("gained", 0.15), ("explained", -0.15)):
            found = you.interval(cells[f"{what}_{split}_{kind}"], "decay_step")
            fill = look.colour if what == "explained" else _pale(look.colour)
            ax.bar(x, found.mean, 0.9 * width, facecolor=fill, edgecolor=look.colour, linewidth=0.6,
                   label=f"_{what} {split} {kind}")  # fmt: skip
            ax.errorbar(x + shift * width, found.mean, [found.mean - found.low, found.high - found.mean],
                        linestyle="none", color=look.colour, elinewidth=0.9, capsize=1.5,
                        path_effects=[withStroke(linewidth=1.7, foreground="#ffffff")])  # fmt: skip
            if hatch:
                ax.bar(x, found.mean, 0.9 * width, facecolor="none", edgecolor="#ffffff", hatch=hatch, linewidth=0)
        name = f"{look.name}, {'test inputs' if hatch else 'training rows'}"
        handles.append(Patch(facecolor=look.colour, edgecolor="#ffffff", hatch=hatch, label=name))
    handles += [
        Patch(facecolor=style.NEUTRAL, label="right under the average"),
        Patch(facecolor=_pale(style.NEUTRAL), label="not"),
    ]
    ax.set_xticks(place, [f"{time:g}" for time in _times(ds)])
    ax.set(xlabel="epoch of the decay", ylabel="share of inputs gained", xlim=(-0.5, place[-1] + 0.5), ylim=(0, 1))
    ax.legend(handles=handles, loc="upper right", ncol=3)


def _pale(colour):
    return tuple(0.25 * part + 0.75 for part in to_rgb(colour))


def _turns(ax, ds):
    """Draw the angle to the decayed weights against the angle of noise, a point a decay and layer.

    The average goes over up to 10 epochs, so that for decays after 2 and 10 the angle of noise is in part that of
    learning.
    """
    turn, noise = ds.turn.sel(branch="decay"), ds.noise_turn
    y, x = you.interval(turn, "layer", "decay_step"), you.interval(noise, "layer", "decay_step")
    names = [f"layer {i + 1}" for i in range(ds.sizes["layer"] - 1)] + ["output layer"]
    for i, (name, marker) in enumerate(zip(names, LAYERS, strict=False)):
        ax.plot([], [], color=style.NEUTRAL, marker=marker, linestyle="none", markersize=4, label=name)
        for j, colour in enumerate(TIMES[: ds.sizes["decay_step"]]):
            ax.errorbar(x.mean[i, j], y.mean[i, j], [[(y.mean - y.low)[i, j]], [(y.high - y.mean)[i, j]]],
                        [[(x.mean - x.low)[i, j]], [(x.high - x.mean)[i, j]]], color=colour, marker=marker,
                        elinewidth=0.7, linestyle="none", markersize=4)  # fmt: skip
    known = np.array([x.mean, y.mean])
    top = 1.15 * float(known[np.isfinite(known)].max(initial=0.0)) or 1.0
    for factor, text in ((1, "equal"), (3, "3 times")):
        ax.plot([0, top], [0, factor * top], color=style.NEUTRAL, linestyle="--" if factor == 1 else ":", linewidth=0.8,
                zorder=0)  # fmt: skip
        side = ((-12, 0), "right") if factor == 1 else ((4, -2), "left")
        style.note(ax, text, (top / factor, top), side[0], va="top", ha=side[1])
    ax.set(xlim=(0, top), ylim=(0, top), xlabel="angle of noise (rad)", ylabel="angle to decayed weights (rad)")
    ax.legend(loc="lower right", handletextpad=0.2, title="colours as in c", title_fontsize=style.SMALLEST)


def _return(ax, ds):
    """Draw the test accuracy since the decay, with the rate decayed further and returned to the large one."""
    epochs = you.epochs(ds, ds.sub_step.values)
    before = you.interval(at_decay(ds, "test_accuracy_complex"), "decay_step").mean
    for j, (time, colour) in enumerate(zip(_times(ds), TIMES, strict=False)):
        for branch, line in (("decay", (0, (1, 1))), ("return", "-")):
            cells = ds.sub_test_accuracy_complex.isel(decay_step=j).sel(branch=branch)
            style.band(ax, epochs, *you.interval(cells, "sub_record"), colour=colour, linestyle=line, marker="o",
                       markersize=2.5, label=f"{time:g}" if branch == "return" else None, alpha=0.15)  # fmt: skip
        ax.plot(1, before[j], marker="<", color=colour, transform=ax.get_yaxis_transform(), clip_on=False, markersize=5,
                linestyle="none", label=None if j else "before it")  # fmt: skip
    stages = ds.attrs["experiment"]["sub_paths"]["schedule"]["schedules"][0]
    (change,) = you.epochs(ds, stages["boundaries"])
    if change < epochs[-1]:
        ax.axvline(change, color=style.NEUTRAL, linestyle="--", linewidth=0.7, zorder=0)
        style.note(ax, "decayed further (dotted),\nor back to the large rate (solid)", (change, 1), (3, -2),
                   xycoords=("data", "axes fraction"), va="top")  # fmt: skip
    you.accuracy_axis(ax)
    ax.set(xlim=(0, epochs[-1]), xlabel="epochs since the decay", ylabel="test accuracy, complex")
    # Times first, then the triangle.
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i] == "before it")
    ax.legend([handles[i] for i in order], [labels[i] for i in order], title="epoch of decay", loc="lower left",
              ncol=len(labels), title_fontsize=style.SMALLEST, columnspacing=1.2, handlelength=1.6)  # fmt: skip
