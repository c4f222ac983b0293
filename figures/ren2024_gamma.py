"""The drift over gamma: exponential at 1, faster than that below, a power law above."""

from __future__ import annotations

import numpy as np
import xarray as xr

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.statistics import first_time, mean_interval
from lrtheory.theory.ren2024 import drift

INPUTS = ("ren2024_gamma",)

ALT = (
    "One colour a gamma, 0.5 to 3, on the dashed drift equation: (a) b against the clock, the sum of squared rates, on "
    "log axes: the larger gamma, the earlier b falls and the straighter its tail; (b) the relative speed of b against "
    "b on log axes: to the right it bends to the dotted laws of slope (gamma - 1)/(gamma + 1), falling for gamma 0.5, "
    "flat for 1, rising for 2 and 3."
)

#: gamma to the rate at which it is read (the curvature grows with gamma), its colour and its marker.
GAMMAS = {
    0.5: (5e-4, style.COLOURS["sky"], "o"),
    1.0: (5e-4, style.COLOURS["green"], "s"),
    2.0: (2e-4, style.COLOURS["orange"], "D"),
    3.0: (1e-4, style.COLOURS["purple"], "^"),
}

#: Levels of b between which speeds are read: below the start, where the noise has come up.
LEVELS = np.geomspace(6.0, 0.02, 18)


def draw(ds):
    """Return the figure: (a) b against the clock; (b) -d log b/d(clock) against b."""
    figure, (a, b) = style.new("double", 3.3, columns=2, gridspec_kw={"width_ratios": [1, 1.1]})
    shown = {gamma: kind for gamma, kind in GAMMAS.items() if gamma in ds.gamma and kind[0] in ds.rate}
    runs = {gamma: ds.sel(gamma=gamma, rate=kind[0]) for gamma, kind in shown.items()}
    clocks = {gamma: ren.clock(ds, kind[0], ds.step.values) for gamma, kind in shown.items()}
    for gamma, (_, colour, marker) in shown.items():
        _path(a, runs[gamma], clocks[gamma], gamma, colour)
        _speed(b, runs[gamma], clocks[gamma], gamma, colour, marker)
    means = [style.seeds_first(run.b, "record").mean(axis=0) for run in runs.values()]
    _frame(a, b, list(clocks.values()), means)
    style.letters(a, b)
    names = ", ".join(f"{gamma:g}" for gamma in shown)
    rates = ", ".join(ren.power(kind[0]) for kind in shown.values())
    problem = ren.problem_of(ds)
    style.title(
        figure,
        "SGD drifts by the equation at every γ: far from minimum norm its relative speed tends to b to the power "
        "(γ−1)/(γ+1), exponential at γ = 1, faster below, a power law above",
        n_seeds=ds.sizes["seed"],
        interval=f"bands, bars {ren.INTERVAL}",
        parameters=ren.parameters(ds, "γ")
        | {"‖α*‖": f"{problem['alpha_star']:g}", "b₀": f"{problem['b0']:g}", "η": f"{rates} for γ = {names}"},
    )
    return figure


def _path(ax, run, clock, gamma, colour):
    """Draw the mean of b and of the drift equation against the clock."""
    later = clock > 0
    b = style.seeds_first(run.b, "record")[:, later]
    style.band(ax, clock[later], *mean_interval(b, axis=0), colour=colour)
    end = b.mean(axis=0)[-1]
    if np.isfinite(end):
        style.note(ax, f"$\\gamma$ = {gamma:g}", (clock[-1], end), (7 if gamma <= 1 else -8, -3), color=colour,
                   fontsize=8, ha="center", va="top")  # fmt: skip
    law = predicted_b(run, xr.DataArray(clock[later], dims="record"), gamma=gamma, start=run.b0)
    ax.plot(clock[later], law.mean("seed"), color=style.THEORY, linestyle="--", linewidth=0.8, zorder=3)


def _speed(ax, run, clock, gamma, colour, marker):
    """Draw -d log b/d(clock) between levels of b, with the drift equation and its law far from minimum norm."""
    b = np.minimum.accumulate(style.seeds_first(run.b, "record"), axis=-1)
    passed = np.array([first_time(clock, b, level) for level in LEVELS])
    took = mean_interval(np.diff(passed, axis=0))
    per_log = -np.diff(np.log(LEVELS))
    with np.errstate(all="ignore"):
        # The mean time between two levels; a lower end of 0 or less leaves the speed without an upper one.
        speed, low, high = (per_log / v for v in (took.mean, took.high, took.low))
    high = np.where(high > 0, high, np.inf)
    middle = np.sqrt(LEVELS[1:] * LEVELS[:-1])
    known = np.isfinite(speed) & (speed > 0) & (took.low > 0 if len(b) > 1 else True)
    style.points(ax, middle[known], *(v[known] for v in (speed, low, high)), colour=colour, marker=marker)

    m, trace, power = (float(run[name].mean()) for name in ("m", "trace", "power"))
    fine = np.geomspace(0.75 * min(middle[known], default=LEVELS[0]), 1.3 * LEVELS[0], 200)
    law = -drift(fine, 1.0, 1.0, m, trace, power, gamma) / fine
    ax.plot(fine, law, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=3)
    slope = (gamma - 1) / (gamma + 1)
    early = gamma * (1 + gamma) * trace * fine**slope
    ax.plot(fine, early, color=colour, linestyle=":", linewidth=1.1, zorder=1)
    name = {-1 / 3: "−1/3", 0.0: "0", 1 / 3: "1/3", 0.5: "1/2"}.get(slope, f"{slope:.2g}")
    style.note(ax, f"$\\gamma$ = {gamma:g}: slope {name}", (fine[-1], early[-1]), (4, 0), color=colour, fontsize=8,
               va="center")  # fmt: skip


def _frame(a, b, clocks, paths):
    """Set the axes: (a) from where the first b begins to move."""
    moved = [clock[np.argmax(path < 0.98 * path[0]) or -1] for clock, path in zip(clocks, paths, strict=True)]
    a.set(xscale="log", yscale="log", xlabel=r"clock $\eta^2\sigma^2 k/B$ ($k$: steps)", ylabel=r"$b$")
    a.set_xlim(min(moved) / 2, 2.2 * max(clock[-1] for clock in clocks))
    a.set_ylim(bottom=a.get_ylim()[0] / 2)
    style.note(a, "dashed: drift equation", (0.03, 0.04), xycoords="axes fraction", color=style.THEORY)
    style.note(b, "dashed: drift equation\ndotted: its law for $b\\gg(1+\\gamma)^2m$", (0.03, 0.04), color=style.THEORY,
               xycoords="axes fraction")  # fmt: skip
    b.set(xscale="log", yscale="log", xlabel=r"$b$", ylabel=r"relative speed $-\,d\log b\,/\,d(\eta^2\sigma^2 k/B)$")
