"""More samples per dimension: L-S turns them into accuracy on P, S hardly does."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import NullLocator

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval, ratio_interval
from lrtheory.theory import li2019 as theory

INPUTS = ("li2019_kappa",)

ALT = (
    "Against kappa, with more samples to the left: (a) test error on P of L-S and of S on log axes, with the errors of "
    "averaging few and all of the samples as dashed lines; (b) the ratio of the two errors, S over L-S. Look at how "
    "far apart the two algorithms are as kappa falls."
)


def draw(ds):
    """Return the figure: (a) P test error of L-S and S against kappa; (b) their ratio."""
    figure, (a, b) = style.new("double", 2.9, columns=2, sharex=True, gridspec_kw={"width_ratios": [1.25, 1]})
    ds = ds.sortby("kappa")
    problem = li.problem_of(ds)
    kappa = ds.kappa.values
    end = ds.p_test_error.isel(record=-1)
    errors = {name: style.seeds_first(end.sel(algorithm=name), "kappa") for name in li.ALGORITHMS}
    pad = (kappa[-1] / kappa[0]) ** 0.12
    left, right = kappa[0] / pad, kappa[-1] * pad

    fine = np.geomspace(left, right, 100)
    gamma0, d, few = problem["gamma0"], problem["d"], problem["p_only_ratio"]
    every = 100 * theory.averaging_error((1 - problem["q0"]) / fine**2, gamma0, d)
    only = 100 * theory.averaging_error(few, gamma0, d)
    a.plot(fine, every, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
    a.axhline(only, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
    label_few, label_every = (v.label for v in li.references(problem))
    style.note(a, f"average of the {label_few} P-only samples", (left, only), (2, 2), color=style.THEORY, va="bottom")
    style.note(a, f"average of all {label_every} with P", (right, every[-1]), (-2, 4), color=style.THEORY, va="bottom",
            ha="right")  # fmt: skip
    for name, colour in li.ALGORITHMS.items():
        mean, low, high = li.percent(mean_interval(errors[name], axis=0))
        style.points(a, kappa, mean, low, high, colour=colour, linestyle="-", markersize=4)
        if name == "S":
            lowest = mean[0] if np.isnan(low[0]) else low[0]
            place, align, step = (left, lowest), "left", 2
        else:
            place, align, step = (right, np.min(mean[np.isfinite(mean)], initial=only)), "right", -2
        text = {"L-S": "L–S: large rate, then small", "S": "S: small rate only"}[name]
        style.note(a, text, place, (step, -6), color=colour, va="top", ha=align, fontsize=8)
    _log_percent(a, [v for e in errors.values() for v in 100 * e.mean(axis=0)] + [only, *every])

    ratios = [ratio_interval(small, large) for small, large in zip(errors["S"].T, errors["L-S"].T, strict=True)]
    ratio, low, high = (np.array(v) for v in zip(*ratios, strict=True))
    style.points(b, kappa, ratio, np.nan_to_num(low, nan=0), np.where(np.isnan(high), ratio * 1e3, high),
                 colour=style.THEORY, linestyle="-", markersize=4)  # fmt: skip
    b.axhline(1, color=style.NEUTRAL, linewidth=0.8, linestyle=":", zorder=0)
    style.note(b, "equal", (left, 1), (2, 2), va="bottom")
    ends = np.concatenate([ratio, high, low])
    top = 1.5 * np.max(ends[np.isfinite(ends)], initial=2)
    b.set(yscale="log", ylabel="P test error of S / of L–S", ylim=(0.7, top))
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100) if t <= b.get_ylim()[1]]
    b.set_yticks(ticks, [f"{t}×" for t in ticks])
    b.minorticks_off()
    for ax, text in ((a, "test error on P"), (b, "ratio")):
        ax.set_title(text, loc="left")
        ax.set(xscale="log", xlim=(left, right), xlabel=r"$\kappa=\sqrt{d/N}$ (more samples to the left)")
        ax.set_xticks(kappa, [f"{v:g}" for v in kappa])
        ax.xaxis.set_minor_locator(NullLocator())
    style.letters(a, b)
    style.title(
        figure,
        "P error of L–S and S against samples per dimension: the ratio widens as κ falls",
        n_seeds=ds.sizes["seed"],
        interval=f"bars {li.INTERVAL} (b: of the ratio of means); {li.width_of(ds)}",
        parameters=li.parameters(ds, without=("kappa",)) | {"θ": style.number(li.small_theta(ds)),
    "t": li.last_time(ds)}, )
    return figure


def _log_percent(ax, values):
    """Set a log axis of per cent around the values."""
    values = np.asarray([v for v in values if np.isfinite(v) and v > 0.02] or [1.0])
    ax.set(yscale="log", ylabel="P test error (%)", ylim=(values.min() / 2, values.max() * 2))
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if ax.get_ylim()[0] <= t <= ax.get_ylim()[1]]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
