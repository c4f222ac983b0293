"""Where late decay hurts: a start aligned with the target passes the best point of its ray before minimum norm."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.ticker import NullFormatter

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024 import best_b_on_ray, best_risk_on_ray, min_norm_risk, risk_on_ray, tail_mean
from lrtheory.statistics import first_time, mean_interval

INPUTS = ("ren2024_aligned",)

ALT = (
    "Final risk on a log axis, for a start aligned with the target and a random one: (a) against the decay step, with "
    "the levels of minimum norm and of the best point of the ray dashed; (b) against the final b, falling rightwards, "
    "a dot a run, on the dashed theory curves. Look at the aligned start: its risk drops until b passes the grey zone, "
    "where sqrt(b) = beta_hat . alpha*, then rises back towards minimum norm; the random start only falls."
)

#: Final levels are means over the last steps of a sub-path.
TAIL = 4000
#: Alignment of the start to name, colour and marker.
STARTS = {1.0: ("aligned start", style.COLOURS["green"], "o"), 0.0: ("random start", style.COLOURS["purple"], "s")}


def draw(ds):
    """Return the figure: (a) final risk against the decay step; (b) final risk against final b, with the ray."""
    figure, (a, b) = style.new("double", 3.1, columns=2, sharey=True)
    risk, end = (tail_mean(ds, name, TAIL) for name in ("risk", "b"))
    aligned = ds.sel(alignment=1.0)
    _steps(a, risk, aligned)
    _ray(b, ds, risk, end)
    style.letters(a, b)
    rates = (ds.attrs["experiment"]["schedule"]["rate"], ren.small_rate(ds))
    style.title(
        figure,
        "From an aligned start the best point of the ray, √b = β̂·α*, comes before minimum norm: decay later than there "
        "hurts; from a random start it does not",
        n_seeds=ds.sizes["seed"],
        interval=f"bars {ren.INTERVAL}",
        parameters=ren.parameters(ds) | {"η": " → ".join(ren.power(rate) for rate in rates)},
    )
    return figure


def _steps(ax, risk, aligned):
    """Draw the final risk against the decay step, two levels, and when b passes the best point of the ray."""
    steps = risk.decay_step.values / 1000
    for alignment, (name, colour, marker) in STARTS.items():
        values = style.seeds_first(risk.sel(alignment=alignment), "decay_step")
        mean, low, high = mean_interval(values, axis=0)
        style.points(ax, steps, mean, low, high, colour=colour, marker=marker, linestyle="-", markersize=4)
        if np.isfinite(mean[-1]):
            last = alignment == 1.0
            style.note(ax, name, (steps[-1], mean[-1]), (0, -8 if last else 14), color=colour, fontsize=8, ha="right",
                       va="top" if last else "bottom")  # fmt: skip
    least, most = float(best_risk_on_ray(aligned).mean()), float(min_norm_risk(aligned).mean())
    for level in (least, most):
        ax.axhline(level, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
    style.note(ax, "minimum norm", (0.24, most), (0, -2), xycoords=("axes fraction", "data"), color=style.THEORY,
               va="top")  # fmt: skip
    style.note(ax, "best on the ray of the aligned start", (0.99, least), (0, 2), xycoords=("axes fraction", "data"),
               color=style.THEORY, ha="right", va="bottom")  # fmt: skip
    best = best_b_on_ray(aligned).values
    paths = style.seeds_first(aligned.b, "record")
    passed = np.array([first_time(aligned.step.values, p, v) for p, v in zip(paths, best, strict=True)]) / 1000
    if np.isfinite(passed).all():
        ax.axvspan(passed.min(), passed.max(), color=style.NEUTRAL, alpha=0.22, linewidth=0, zorder=0)
        style.note(ax, "$b$ passes the\nbest point", (passed.max(), 1.0), (3, 0), xycoords=("data", "axes fraction"),
                   va="top")  # fmt: skip
    ax.set(yscale="log", xlabel=r"decay step $T_d$ (thousand steps)", ylabel=r"final risk $R$")


def _ray(ax, ds, risk, end):
    """Draw each run at its final b and risk, the mean risk on the rays, and the turning points of the aligned rays."""
    known = end.values[np.isfinite(end.values)]
    low, high = np.min(known, initial=1.0), np.max(known, initial=1.0)
    fine = xr.DataArray(np.geomspace(low / 1.4, high * 1.15, 300), dims="fine")
    for alignment, (_, colour, marker) in STARTS.items():
        x, y = (style.seeds_first(v.sel(alignment=alignment), "decay_step").ravel() for v in (end, risk))
        ax.plot(x, y, marker, color=colour, markersize=2.4, alpha=0.5, markeredgewidth=0)
        curve = risk_on_ray(ds.sel(alignment=alignment), fine).mean("seed")
        ax.plot(fine, curve, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=3)
    best = best_b_on_ray(ds.sel(alignment=1.0))
    ax.axvspan(float(best.min()), float(best.max()), color=style.NEUTRAL, alpha=0.22, linewidth=0, zorder=0)
    style.note(ax, "turning point\n" + r"$\sqrt{b}=\hat\beta\cdot\alpha^*$" + "\n(range over seeds)",
               (float(best.min()), 1.0), (3, 0), xycoords=("data", "axes fraction"), va="top",
               linespacing=1.35)  # fmt: skip
    style.note(ax, "risk on the ray\n(mean over seeds)", (0.02, 0.04), xycoords="axes fraction", color=style.THEORY)
    ax.set(xscale="log", xlabel=r"final $b=\|\beta\|^2$ (later decay to the right)")
    ax.set_xlim(float(fine[-1]), float(fine[0]))
    ax.xaxis.set_minor_formatter(NullFormatter())
