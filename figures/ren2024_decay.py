"""Late decay: the later the learning rate is cut, the smaller the final risk, as the drift equation says."""

from __future__ import annotations

import numpy as np

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024 import min_norm_risk, tail_mean
from lrtheory.probes.ren2024_predicted import predicted_b, predicted_final_risk
from lrtheory.statistics import mean_interval
from lrtheory.sub_paths import at_decay

INPUTS = ("ren2024_decay",)

ALT = (
    "Against the decay step, one colour a rate before the decay: (a) final test risk, points on the dashed drift "
    "equation, falling towards the horizontal line of the minimum-norm solution, far above the best interpolator; (b) "
    "squared distance b to minimum norm when the rate is cut, on a log axis; (c) b over that of the drift equation. "
    "Look at a falling to its line, and at c staying below 1, the more so the larger the rate."
)

WINDOW = 4000  # steps of the final level


def draw(ds):
    """Return the figure: (a) final risk, (b) b at the decay, (c) b over the drift equation, against the decay step."""
    figure, axes = style.new("double", 3.4, rows=2, columns=2, sharex=True,
                             gridspec_kw={"width_ratios": [1.25, 1], "height_ratios": [1.9, 1]})  # fmt: skip
    grid = axes[0, 0].get_gridspec()
    for ax in axes[:, 0]:
        ax.remove()
    a, (b, c) = figure.add_subplot(grid[:, 0]), axes[:, 1]
    ds = ds.sortby("rate").sortby("decay_step")
    problem, low = ren.problem_of(ds), ren.small_rate(ds)
    decays = ds.decay_step.values
    fine = np.linspace(0, decays[-1], 121)
    risk = tail_mean(ds, "risk", WINDOW)
    b_at_decay = at_decay(ds, "b")

    for rate, colour in zip(ds.rate.values, ren.rate_colours(ds.rate), strict=True):
        cells = ds.sel(rate=rate)
        law = predicted_b(cells, ren.clock(ds, rate, fine), gamma=problem["gamma"])
        final = predicted_final_risk(cells, law, rate=low, sigma=problem["label_noise"], gamma=problem["gamma"],
                                     n=problem["n"], batch=problem["batch"])  # fmt: skip
        for ax, curve in ((a, final), (b, law)):
            ax.plot(fine / 1e3, curve.mean("seed"), color=style.THEORY, linestyle="--", linewidth=0.8, zorder=1)
        style.points(a, decays / 1e3, *mean_interval(style.seeds_first(risk.sel(rate=rate), "decay_step"), axis=0),
                     colour=colour, label=ren.power(rate))  # fmt: skip
        measured = style.seeds_first(b_at_decay.sel(rate=rate), "decay_step")
        mean, lower, upper = mean_interval(measured, axis=0)
        drifting = decays > 0  # at 0, b is that of the start, not yet on the minima
        style.points(b, decays[drifting] / 1e3, mean[drifting], lower[drifting], upper[drifting], colour=colour)
        style.points(b, decays[~drifting] / 1e3, mean[~drifting], lower[~drifting], upper[~drifting], colour=colour,
                     markerfacecolor="white", zorder=3)  # fmt: skip
        predicted = predicted_b(cells, ren.clock(ds, rate, decays), gamma=problem["gamma"])
        ratio = measured / style.seeds_first(predicted, predicted.dims[-1])
        mean, lower, upper = mean_interval(ratio[:, drifting], axis=0)
        style.points(c, decays[drifting] / 1e3, mean, lower, upper, colour=colour, linestyle="-", linewidth=0.7)

    _levels(a, ds, decays)
    b.set(yscale="log", ylabel=r"$b$ at the decay")
    b.tick_params(labelbottom=False)
    if (decays == 0).any():
        style.note(b, "start", (0, float(b_at_decay.isel(decay_step=0).mean())), (5, 1), va="center")
    c.axhline(1, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
    c.set(ylabel=r"$b$ / drift law", xlabel=r"decay step $T_d$ (thousands of steps)")
    for ax, text in ((a, "final test risk"), (b, r"$b=\|P_K\alpha\|^2$, 0 at minimum norm"), (c, "")):
        ax.set_title(text, loc="left")
        ax.set_xlim(-0.03 * decays[-1] / 1e3, 1.03 * decays[-1] / 1e3)
    style.letters(a, b, c)
    figure.align_ylabels([b, c])
    style.title(
        figure,
        "Final risk falls with the decay step, faster at larger rates, towards that of the minimum-norm solution",
        n_seeds=ds.sizes["seed"],
        interval=f"bars {ren.INTERVAL}; final: mean over the last {WINDOW:,} steps",
        parameters={"rate after the decay": ren.power(low)} | ren.parameters(ds),
    )
    return figure


def _levels(ax, ds, decays):
    """Draw the risks of the minimum-norm solution and of the best interpolator."""
    norm, best, null = (float(v.mean()) for v in (min_norm_risk(ds), ds.best_risk, ds.null_risk))
    for level in (norm, best):
        ax.axhline(level, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    # One at each end, so that they keep clear of each other whatever the range of risks.
    style.note(ax, f"minimum norm: {norm:.2f} (predicting 0: {null:.2f})", (decays[-1] / 1e3, norm), (0, -3),
               ha="right", va="top")  # fmt: skip
    style.note(ax, f"best of all minima: {best:.2g}", (0, best), (-4, 2), va="bottom")
    ax.set(ylabel=r"final risk $R$", xlabel=r"decay step $T_d$ (thousands of steps)", ylim=(-0.1, None))
    (law,) = ax.plot([], [], color=style.THEORY, linestyle="--", linewidth=0.8, label="drift equation")
    handles = [*(h for h in ax.get_legend_handles_labels()[0] if h is not law), law]
    ax.legend(handles=handles, loc="upper right", title="rate before the decay (time per step)",
              title_fontsize=style.SMALLEST, alignment="left")  # fmt: skip
