"""What a large rate allows of Q: |D2| grows as r^3/lambda, below r^2/lambda, between the derived constants."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval
from lrtheory.theory import li2019 as theory

INPUTS = ("li2019_capacity",)

ALT = (
    "Two panels on log axes against the displacement r of pattern Q, one series a weight decay: (a) the curvature -D2 "
    "at a large rate, beside guides of slope 3 and 2; (b) the same times lambda over r^3 s^2, between two derived "
    "constants. Look for slope 3 in a and for one common level in b."
)


def draw(ds):
    """Return the figure: (a) -D2 against r for each lambda, with slopes 3 and 2; (b) -D2 lambda/(r^3 s^2)."""
    figure, (a, b) = style.new("double", 3.0, columns=2, sharex=True)
    ds = ds.sortby("r").sortby("weight_decay")
    problem = li.problem_of(ds)
    r, decays = ds.r.values, ds.weight_decay.values
    colours = mpl.colormaps[style.SEQUENTIAL](np.linspace(0.0, 0.8, decays.size))
    end = -style.seeds_first(ds.d2.isel(record=-1), "r", "weight_decay")

    fine = np.geomspace(r[0], r[-1], 50)
    low, high = _interval(problem, fine, decays[-1])
    a.fill_between(fine, low, high, color=style.THEORY, alpha=0.12, linewidth=0, zorder=0)
    style.note(a, f"theory, λ = {style.number(decays[-1])}", (fine[30], low[30]), (2, -2), color=style.THEORY, va="top")
    one, other = (float(v) for v in _interval(problem, r[0], decays[0]))
    scale = decays[0] / (r[0] ** 3 * problem["s"] ** 2)
    b.axhspan(one * scale, other * scale, color=style.THEORY, alpha=0.12, linewidth=0, zorder=0)
    for i, (decay, colour, marker) in enumerate(zip(decays, colours, "osD^vP<>*X"[: decays.size] or "o", strict=False)):
        values = end[:, :, i]
        # A hair apart, so that bars do not hide each other.
        place = r * 1.012 ** (i - (decays.size - 1) / 2)
        style.points(a, r, *mean_interval(values, axis=0), colour=colour, marker=marker, markersize=3)
        scaled = values * decay / (r**3 * problem["s"] ** 2)
        style.points(b, place, *mean_interval(scaled, axis=0), colour=colour, marker=marker, markersize=3,
                     label=style.number(decay))  # fmt: skip
    _slopes(a, r, end[:, :, 0].mean(axis=0))

    pad = (r[-1] / r[0]) ** 0.08
    a.set(xscale="log", yscale="log", xlim=(r[0] / pad, r[-1] * pad))
    a.set(ylabel=r"$-D_2$ at a large rate")
    b.set(yscale="log", ylabel=r"$-D_2\,\lambda/(r^3 s^2)$")
    edge = other * scale
    style.note(b, r"all unfitted, $\mu=1-p$", (r[0] / pad, edge), (3, -2), color=style.THEORY, va="top")
    style.note(b, r"only Q-only unfitted, $\mu=q$", (r[0] / pad, one * scale), (3, 2), color=style.THEORY, va="bottom")
    b.set(ylim=(one * scale / 1.6, edge * 2.2))
    ticks = [v for v in (0.002, 0.005, 0.01, 0.02, 0.05) if b.get_ylim()[0] <= v <= b.get_ylim()[1]]
    b.set_yticks(ticks, [f"{v:g}" for v in ticks])
    b.minorticks_off()
    b.legend(title=r"weight decay $\lambda$", title_fontsize=style.SMALLEST, ncols=2, loc="upper right",
             columnspacing=1, handletextpad=0.3, borderaxespad=0.1)  # fmt: skip
    for ax, text in ((a, r"slope 3, not 2"), (b, r"collapse on $r^3 s^2/\lambda$")):
        ax.set_title(text, loc="left")
        ax.set_xticks(r, [f"{v:g}" for v in r])
        ax.set(xlabel=r"displacement $r$ of pattern Q")
        ax.tick_params(axis="x", which="minor", length=0)
        ax.xaxis.set_minor_formatter("")
    style.letters(a, b)
    style.title(
        figure,
        "What a large rate learns of Q: a curvature of order r³s²/λ",
        n_seeds=ds.sizes["seed"],
        interval=f"bars {li.INTERVAL}; {li.width_of(ds)}",
        parameters=li.parameters(ds, without=("r", "weight_decay")) | {"θ": 1, "t": li.last_time(ds)},
    )
    return figure


def _interval(problem, r, decay):
    """Return the derived interval of |D2|."""
    mean_alpha, p = (1 + problem["alpha_low"]) / 2, problem["p_only_ratio"] * problem["kappa"] ** 2
    return theory.d2_large_rate_interval(r, problem["s"], decay, mean_alpha, p, problem["q0"])


def _slopes(ax, r, values):
    """Draw powers of r from above the point at the smallest r and the smallest lambda: one fits, one does not."""
    anchor = values[0] if np.isfinite(values[0]) and values[0] > 0 else 1.0
    for power, line in ((3, "-"), (2, "--")):
        guide = 1.35 * anchor * (r / r[0]) ** power
        ax.plot(r, guide, color=style.THEORY, linestyle=line, linewidth=0.8, zorder=1)
        style.note(ax, rf"$r^{power}$", (r[-1], guide[-1]), (5, 1), color=style.THEORY, va="center", fontsize=8,
                annotation_clip=False)  # fmt: skip
