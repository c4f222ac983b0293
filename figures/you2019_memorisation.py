"""Large rates memorise less an epoch, if weight decay keeps them large; at equal fit they memorise no less."""

from __future__ import annotations

import numpy as np

from figures import _you2019 as you
from figures import style
from lrtheory.probes.you2019_memory import at_equal_fit

INPUTS = ("you2019_rates",)

ALT = (
    "Training accuracy on noisy rows against the rate for three weight decays: (a) at the last epoch, (b) when complex "
    "rows are first fitted to .45. Along training at the largest weight decay, a curve a rate: (c) noisy rows and (d) "
    "complex test inputs against the fit of complex rows. Look at a, which falls only with weight decay, at b and c, "
    "where no large rate is lower, and at d, where large rates are higher."
)

#: Training accuracy on complex rows at which memorisation is compared.
FIT = 0.45
LEVELS = np.arange(0.15, 0.96, 0.05)
#: Of the weight decays, from the smallest.
DECAYS = (("#9a9a9a", "o", (0, (1, 1))), ("#666666", "s", (0, (4, 1.5))), (style.COLOURS["black"], "^", "-"))


def draw(ds):
    """Return the figure: noisy accuracy against the rate at equal epochs and at equal fit, and along the fit."""
    figure, ((a, b), (c, d)) = style.new("double", 5.2, rows=2, columns=2)
    ds = ds.sortby("rate").sortby("weight_decay")
    last = you.epochs(ds)[-1]
    for weight_decay, (colour, marker, line) in zip(ds.weight_decay.values, DECAYS, strict=False):
        cells = ds.sel(weight_decay=weight_decay)
        drawn = {"colour": colour, "marker": marker, "linestyle": line, "label": style.number(weight_decay)}
        fitted = at_equal_fit(cells, "train_accuracy_noisy", "train_accuracy_complex", FIT)
        for ax, values in ((a, cells.train_accuracy_noisy.isel(record=-1)), (b, fitted)):
            style.points(ax, ds.rate.values, *you.interval(values, "rate"), markersize=4, **drawn)
    a.set_title(f"after {last:.3g} epochs", loc="left")
    b.set_title(f"when complex rows are first at {FIT:g}", loc="left")
    _missing(b, ds)
    for ax in (a, b):
        ax.set(xscale="log", xlabel="rate (time per iteration)", ylabel="training accuracy, noisy rows")
        ax.set_xlim(float(ds.rate.min()) / 1.3, float(ds.rate.max()) * 1.3)
        ax.set_xticks(ds.rate.values, [f"{rate:g}" for rate in ds.rate.values])
        ax.minorticks_off()
        you.accuracy_axis(ax)
    a.legend(title="weight decay", title_fontsize=style.SMALLEST, loc="lower left", bbox_to_anchor=(0, 0.1))
    top = float(ds.weight_decay[-1])
    for ax, name, label in ((c, "train_accuracy_noisy", "training accuracy, noisy rows"),
                            (d, "test_accuracy_complex", "test accuracy, complex")):  # fmt: skip
        _along(ax, ds.sel(weight_decay=top), name)
        you.accuracy_axis(ax)
        ax.set(xlim=(0, 1.02), xticks=ax.get_yticks(), xticklabels=[t.get_text() for t in ax.get_yticklabels()])
        ax.set(xlabel="training accuracy, complex rows (first passage)", ylabel=label)
        ax.set_title(f"along training, weight decay {style.number(top)}", loc="left")
    c.axvline(FIT, color=style.NEUTRAL, linestyle="--", linewidth=0.7, zorder=0)
    c.legend(title="rate", title_fontsize=style.SMALLEST, loc="upper left")
    style.letters(a, b, c, d)
    style.title(
        figure,
        "Large rates memorise less an epoch, if weight decay keeps them large; at equal fit they memorise no less, but "
        "what they have fitted generalises better",
        n_seeds=None,
        interval=you.note_of(ds, more=("dotted: chance",)),
    )
    return figure


def _missing(ax, ds):
    """Name the rates at which some run never fits the complex rows so far."""
    never = (ds.train_accuracy_complex < FIT).all("record").any(["seed", "data_seed"])
    lines = []
    for weight_decay in ds.weight_decay.values:
        rates = ds.rate.values[never.sel(weight_decay=weight_decay).values]
        if rates.size:
            listed = ", ".join(f"{rate:g}" for rate in rates)
            lines.append(f"weight decay {style.number(weight_decay)}: not reached at {listed}")
    if lines:
        style.note(ax, "\n".join(lines), (0, 1), (4, -3), xycoords="axes fraction", va="top")


def _along(ax, ds, name):
    """Draw what was recorded against the fit of complex rows, a curve a rate, as far as all runs get."""
    for rate in ds.rate.values:
        colour, marker = you.rate_look(float(rate))
        cells = ds.sel(rate=rate)
        found = [at_equal_fit(cells, name, "train_accuracy_complex", level) for level in LEVELS]
        mean, low, high = (np.array(part) for part in zip(*(you.interval(array) for array in found), strict=True))
        style.band(ax, LEVELS, mean, low, high, colour=colour, marker=marker, label=f"{rate:g}", alpha=0.15)
