"""Near-optimal or poor: what late decay leads to depends on the spectrum of the inputs."""

from __future__ import annotations

import numpy as np

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024 import min_norm_risk, tail_mean
from lrtheory.statistics import mean_interval

INPUTS = ("ren2024_spectrum",)

ALT = (
    "Final test risk over that of no predictor, log axis, against the decay step, for two spectra of the inputs of one "
    "trace: a few strong directions, or all equal. Both curves fall to their dashed levels of the minimum-norm "
    "solution; look at where these are: far below the line at 1 for the spiked spectrum, at it or above for the "
    "isotropic one."
)

WINDOW = 4000  # steps of the final level


def draw(ds):
    """Return the figure: final risk over null risk against the decay step, a curve a spectrum."""
    figure, ax = style.new("single", 3.0)
    ds = ds.sortby("decay_step")
    decays = ds.decay_step.values / 1e3
    relative = tail_mean(ds, "risk", WINDOW) / ds.null_risk
    norm = (min_norm_risk(ds) / ds.null_risk).mean("seed")
    ends = [1.0]
    for spectrum, colour in (("isotropic", style.COLOURS["purple"]), ("spiked", style.COLOURS["green"])):
        level = float(norm.sel(spectrum=spectrum))
        mean, low, high = mean_interval(style.seeds_first(relative.sel(spectrum=spectrum), "decay_step"), axis=0)
        ax.axhline(level, color=colour, linestyle="--", linewidth=0.9, zorder=0)
        style.points(ax, decays, mean, low, high, colour=colour, linestyle="-")
        if np.isfinite(mean[0]):
            style.note(ax, spectrum, (decays[0], mean[0]), (6, 1), color=colour, va="bottom", fontsize=8)
        # Away from the line at 1, which the isotropic level is near.
        step, side = (3, "bottom") if level > 0.5 else (-2, "top")
        style.note(ax, "minimum norm", (decays[-1], level), (0, step), color=colour, ha="right", va=side)
        ends += [level, *mean[np.isfinite(mean)]]
    ax.axhline(1, color=style.NEUTRAL, linestyle=":", linewidth=0.9, zorder=0)
    style.note(ax, "null", (decays[-1], 1), (0, -2), ha="right", va="top")
    ax.set(yscale="log", ylim=(min(ends) / 2, 2.2 * max(ends)), xlabel=r"decay step $T_d$ (thousands of steps)")
    ax.set_ylabel("final test risk over null risk")
    ax.set_yticks([t for t in (0.01, 0.1, 1, 10) if min(ends) / 2 <= t <= 2.2 * max(ends)])
    ax.yaxis.set_major_formatter("{x:g}")
    rate = float(ds.attrs["experiment"]["schedule"]["rate"])
    style.title(
        figure,
        "Minimum norm, where late decay leads, has a small risk for a spectrum of few strong directions, not for an "
        "isotropic one",
        n_seeds=ds.sizes["seed"],
        interval=f"bars {ren.INTERVAL}, over the last {WINDOW:,} steps",
        parameters={"rate": style.number(rate), "after the decay": style.number(ren.small_rate(ds))}
        | ren.parameters(ds, "B"),
    )
    return figure
