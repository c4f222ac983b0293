"""What annealing does: the curvature D2 that Q needs appears at once, the direction of the P branch stays."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from figures import _li2019 as li
from figures import style
from lrtheory.theory import li2019 as theory

INPUTS = ("li2019_annealing",)

ALT = (
    "Three panels against the time since annealing, one curve a temperature: (a) the curvature -D2 of the Q branch on "
    "a log axis, with the derived band for a large rate; (b) the training loss on inputs with Q only; (c) the cosine "
    "between the P branch and the true direction. Compare how fast a and b change once the rate is lowered with how "
    "little c does."
)


def draw(ds):
    """Return the figure: (a) -D2 and (b) Q-only training loss around annealing, (c) cos(w_eff, w*)."""
    figure, (a, b, c) = style.new("double", 2.9, columns=3, sharex=True)
    problem = li.problem_of(ds)
    moment = _moment(ds)
    temperatures = np.sort(ds.theta.values)[::-1]
    colours = _colours(temperatures)

    low, high = theory.d2_large_rate_interval(
        problem["r"], problem["s"], problem["weight_decay"], _mean_alpha(problem), _p_only(problem), problem["q0"]
    )
    a.axhspan(low, high, color=style.THEORY, alpha=0.12, linewidth=0, zorder=0)
    ends = {}
    for theta, colour in zip(temperatures, colours, strict=True):
        cells = ds.sel(theta=theta)
        ends[theta] = _curve(a, cells, "d2", moment, colour, sign=-1.0)
        _curve(b, cells, "train_loss_q_only", moment, colour)
        _curve(c, cells, "cos_w", moment, colour)
    start, stop = -0.45 * _after(ds, moment), _after(ds, moment)
    a.set(yscale="log", xlim=(start, stop), ylabel=r"$-D_2$ (curvature of the Q branch)")
    style.note(a, "theory for a large rate", (stop, low), (-2, 2), color=style.THEORY, va="bottom", ha="right")
    for theta, colour in zip(temperatures, colours, strict=True):
        if theta >= 1:
            style.note(a, "not annealed", (stop, ends[theta]), (-2, 2), color=colour, va="bottom", ha="right")
        else:
            style.note(a, f"θ = {style.number(theta)}", (stop, ends[theta]), (2, 0), color=colour, va="center",
                    annotation_clip=False)  # fmt: skip
    b.axhline(li.LOG2, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
    style.note(b, "log 2: guessing", (stop, li.LOG2), (-1, 2), color=style.THEORY, va="bottom", ha="right")
    b.set(ylim=(0, 0.8), ylabel="training loss on Q only (nat)")
    texts = ("average of the {} P-only", "average of all {} with P")
    for reference, text in zip(li.references(problem), texts, strict=True):
        c.axhline(reference.cosine, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
        style.note(c, text.format(reference.label), (start, reference.cosine), (2, -2), color=style.THEORY, va="top")
    c.set(ylim=(0.5, 1.0), ylabel=r"$\cos(w_{\mathrm{eff}}, w^*)$")
    for ax, text in ((a, "Q is learnt at once"), (b, "loss on Q"), (c, "P hardly moves")):
        ax.set_title(text, loc="left")
        ax.set(xlabel=rf"time since annealing, $t-{moment:.0f}$")
        ax.axvline(0, color=style.NEUTRAL, linewidth=0.8, linestyle=":", zorder=0)
    style.letters(a, b, c)
    style.title(
        figure,
        "Annealing lets Q be learnt within a few hundred units of time; the P branch keeps its direction",
        n_seeds=ds.sizes["seed"],
        interval=f"bands {li.INTERVAL}; {li.width_of(ds)}",
        parameters=li.parameters(ds),
    )
    return figure


def _moment(ds):
    """Return when the large rate ended: of the runs that annealed, the last."""
    return float(ds.stage_time.isel(stage_index=0).max())


def _after(ds, moment):
    return float(ds.time.max()) - moment


def _mean_alpha(problem):
    return (1 + problem["alpha_low"]) / 2


def _p_only(problem):
    """Return the share of P-only inputs, p0 = (their number per dimension) kappa^2."""
    return problem["p_only_ratio"] * problem["kappa"] ** 2


def _colours(temperatures):
    """Return colours from the small rate's (coldest) to a light one, and the large rate's for theta = 1."""
    cold = [t for t in temperatures if t < 1]
    shades = mpl.colormaps[style.SEQUENTIAL](np.linspace(0.78, 0.0, len(cold)))
    return [*[style.LARGE for t in temperatures if t >= 1], *shades]


def _curve(ax, cells, name, moment, colour, sign=1.0):
    """Draw a mean over seeds against the time after annealing; return its last value."""
    time, (mean, low, high) = li.curve(cells, name)
    shown = time > 0
    low, high = (low, high) if sign > 0 else (high, low)
    style.band(ax, (time - moment)[shown], sign * mean[shown], sign * low[shown], sign * high[shown], colour=colour)
    return sign * mean[-1]
