"""Just above convergence one feature stands out; below, all count a little; far above, hardly any."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import to_hex

from figures import _sadrtdinov2024 as sad
from figures import style
from lrtheory.probes.sadrtdinov2024_regimes import averaged, gap, ranked
from lrtheory.theory.sadrtdinov2024_measures import participation

INPUTS = ("sadrtdinov2024_rates",)

ALT = (
    "Top: accuracy on inputs with one informative feature, sorted in each run, against the rank, one curve a rate: (a) "
    "pre-trained, (b) fine-tuned, (c) average; dashed, sorted guesses. Bottom, against the pre-training rate, regimes "
    "shaded: (d) best minus second feature; (e) participation number. Look at the first rank in 2A, far above the "
    "second; at small rates above the guesses at all ranks; and at large rates on them."
)

AVERAGE = 10  # checkpoints
#: Rates of the curves by rank: two of regime 1, one each of 2A, 2B and 3 of the paper; the nearest of the results.
RATES = (1e-3, 5.62e-3, 1e-2, 2.37e-2, 0.178)
MARKERS = "oDs^v"
GUESSES = 20_000  # networks that guess, behind the dashed lines


def draw(ds):
    """Return the figure: (a-c) sorted accuracies of single features; (d) gap, (e) participation against the rate."""
    figure, _ = style.new("double", 5.3)
    figure.clear()
    grid = figure.add_gridspec(2, 6, height_ratios=[1.45, 1])
    a = figure.add_subplot(grid[0, :2])
    top = (a, *(figure.add_subplot(grid[0, i : i + 2], sharex=a, sharey=a) for i in (2, 4)))
    bottom = [figure.add_subplot(grid[1, i : i + 3]) for i in (0, 3)]
    ds = ds.sortby("rate")
    found = sad.regimes(ds)
    accuracies = {
        "pre": ds.feature_accuracy.isel(decay_step=-1),
        "low": ds.tuned_feature_accuracy.sel(branch="low").isel(decay_step=-1),
        "average": averaged(ds, AVERAGE, "average_feature_accuracy"),
    }
    guesses = _guesses(ds)
    for ax, (key, accuracy) in zip(top, accuracies.items(), strict=True):
        _profile(ax, ds, accuracy, guesses, found)
        ax.set_title(_name(key), loc="left", color=sad.PATHS[key].colour)
    _words(top, ds)

    measures = (
        (gap, r"gap $a_{(1)}-a_{(2)}$ (%)", 50),
        (_participation, r"participation $(\Sigma e)^2/\Sigma e^2$", ds.sizes["feature"]),
    )
    for ax, (measure, text, highest) in zip(bottom, measures, strict=True):
        for i, (key, accuracy) in enumerate(accuracies.items()):
            path = sad.PATHS[key]
            style.points(ax, sad.beside(ds.rate, i, 3), *sad.interval(measure(accuracy), "rate"), colour=path.colour,
                         marker=path.marker, linestyle="-", linewidth=0.9, label=_name(key))  # fmt: skip
        ax.axhline(float(measure(guesses).mean()), color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0,
                   label="guessing")  # fmt: skip
        ax.set(ylabel=text, ylim=(0, min(ax.get_ylim()[1], highest)))
        sad.rate_axis(ds, ax)
        sad.shade(found, ax)
    bottom[0].legend(loc="upper left")
    style.letters(*top, *bottom)
    figure.align_ylabels([a, bottom[0]])
    style.title(
        figure,
        "Just above convergence (2A) one feature stands out; below, all count a little; far above, hardly any",
        n_seeds=None,
        interval=f"{sad.seeds_of(ds)}; bands and bars {sad.INTERVAL}; participation: of accuracy less "
        f"50\N{NO-BREAK SPACE}%, at least 0; {sad.REGIMES_NOTE}",
        parameters=sad.parameters(ds),
    )
    return figure


def _name(key):
    """Return what a path is called here."""
    return f"average of {AVERAGE} checkpoints" if key == "average" else sad.PATHS[key].name


def _participation(accuracies):
    """Return the participation number of each run."""
    return xr.apply_ufunc(participation, accuracies, input_core_dims=[["feature"]])


def _guesses(ds):
    """Return accuracies of networks that guess, on as many inputs: sorting alone makes a slope and a gap of them."""
    n = next(p["n_single"] for p in ds.attrs["experiment"]["probes"] if p["class"] == "Features")
    right = np.random.default_rng(0).binomial(n, 0.5, (GUESSES, ds.sizes["feature"]))
    return xr.DataArray(100 * right / n, dims=("run", "feature"))


def _profile(ax, ds, accuracy, guesses, found):
    """Draw accuracies against the rank, one curve a rate."""
    rank = np.arange(1, ds.sizes["feature"] + 1)
    nearest = dict.fromkeys(sad.nearest(ds, rate) for rate in RATES)
    colours = [to_hex(plt.get_cmap("plasma")(v)) for v in np.linspace(0.02, 0.88, len(nearest))]
    for i, colour, marker in zip(nearest, colours, MARKERS, strict=False):
        rate = float(ds.rate[i])
        label = f"{style.number(rate)}  ({sad.regime_of(found, rate)})"
        style.band(ax, rank, *sad.interval(ranked(accuracy).isel(rate=i), "feature"), colour=colour, marker=marker,
                   markersize=3, linewidth=0.9, label=label)  # fmt: skip
    ax.plot(rank, ranked(guesses).mean("run"), color=style.THEORY, linestyle="--", linewidth=0.8, zorder=1,
            label="guessing, sorted")  # fmt: skip
    ax.axhline(50, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)


def _words(axes, ds):
    """Label the panels against the rank."""
    n = ds.sizes["feature"]
    axes[0].set(xticks=[1, *range(4, n + 1, 4)], xlim=(0.5, n + 0.5), ylabel="accuracy, one feature (%)")
    low, high = axes[0].get_ylim()  # intervals over few data seeds may be longer than the axis of accuracies
    axes[0].set_ylim(max(low, 44), min(high, 90))
    axes[0].legend(title="pre-training rate (regime)", title_fontsize=style.SMALLEST, alignment="left",
                   loc="upper right")  # fmt: skip
    for ax in axes:
        ax.set_xlabel("rank of the feature")
    for ax in axes[1:]:
        ax.tick_params(labelleft=False)
    style.note(axes[0], "chance", (0, 50), (3, -2), xycoords=("axes fraction", "data"), va="top")
