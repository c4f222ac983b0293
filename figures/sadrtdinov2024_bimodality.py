"""Just above convergence there are two kinds of runs: those that live on one feature average to better networks."""

from __future__ import annotations

import numpy as np

from figures import _sadrtdinov2024 as sad
from figures import style
from lrtheory.probes.sadrtdinov2024_regimes import averaged
from lrtheory.theory.sadrtdinov2024_measures import SPARSE, sparse_share

INPUTS = ("sadrtdinov2024_rates",)

ALT = (
    "One column a pre-training rate, from convergence to 2B. Bottom: test accuracy of the average of 5 checkpoints "
    "against the accuracy of its best feature, one dot a run, runs of one data seed joined; dashed, 60 %, above which "
    "a run is sparse. Top: how many runs, of the average and pre-trained. Look at two clusters in the middle columns, "
    "the sparse one more accurate."
)

AVERAGE = 5  # checkpoints
#: One rate of regime 1, two of 2A and one of 2B of the paper; the nearest of the results.
RATES = (5.62e-3, 1e-2, 1.33e-2, 2.37e-2)
COLOURED = 1e-2  # the rate by whose accuracy data seeds are coloured in all panels
BIN = 2.5  # % of accuracy


def draw(ds):
    """Return the figure: histograms of the best feature above, scatter plots against accuracy below."""
    ds = ds.sortby("rate")
    found = sad.regimes(ds)
    shown = list(dict.fromkeys(sad.nearest(ds, rate) for rate in RATES))
    figure, axes = style.new("double", 4.3, rows=2, columns=len(shown), squeeze=False, sharex=True, sharey="row",
                             gridspec_kw={"height_ratios": [1, 2.3]})  # fmt: skip
    accuracy = averaged(ds, AVERAGE).transpose("rate", "data_seed", "seed")
    features = {"average": averaged(ds, AVERAGE, "average_feature_accuracy"),
                "pre": ds.feature_accuracy.isel(decay_step=-1)}  # fmt: skip
    features = {key: values.transpose("rate", "data_seed", "seed", "feature") for key, values in features.items()}
    best = {key: values.max("feature", skipna=False) for key, values in features.items()}
    everything = np.array([values[shown] for values in best.values()])
    bins = BIN * np.arange(np.nanmin(everything) // BIN, np.nanmax(everything) // BIN + 2)
    seeds = accuracy[sad.nearest(ds, COLOURED)].mean("seed", skipna=False)

    for i, name, (top, ax) in zip(shown, "abcd", axes.T, strict=False):
        rate = float(ds.rate[i])
        for key, values in best.items():
            filled = {"histtype": "stepfilled", "alpha": 0.6} if key == "average" else {"histtype": "step"}
            top.hist(values[i].values.ravel(), bins, color=sad.PATHS[key].colour, **filled, label=_name(key))
        dots = _scatter(ax, best["average"][i].values, accuracy[i].values, seeds)
        ax.axhline(float(accuracy[shown[0]].mean()), color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
        for panel in (top, ax):
            panel.axvline(SPARSE, color=style.NEUTRAL, linestyle="--", linewidth=0.8, zorder=0)
        top.set_title(rf"$\mathbf{{{name}}}$  $\eta$ = {style.number(rate)} ({sad.regime_of(found, rate)})", loc="left")
        for (key, values), height in zip(features.items(), (0.03, 0.25), strict=True):
            style.note(ax, f"{_name(key)}:\n{_facts(values[i].values, accuracy[i].values)}", (0.99, height), ha="right",
                       xycoords="axes fraction", color=sad.PATHS[key].colour)  # fmt: skip
        ax.set_xlabel("best feature $a_{(1)}$ (%)")
    axes[0, 0].set(ylabel="runs", xlim=(min(bins[0], 50) - 1, max(bins[-1], 80) + 1))
    axes[1, 0].set_ylabel(f"accuracy, average of {AVERAGE} (%)")
    axes[0, -1].legend(loc="upper right", handlelength=1, borderaxespad=0)
    figure.colorbar(dots, ax=axes[1, :], label=f"data seed: mean at {style.number(COLOURED)} (%)")
    style.title(
        figure,
        "Just above convergence (2A) there are two kinds of runs: those that live on one feature are the more accurate",
        n_seeds=None,
        interval=f"{sad.seeds_of(ds)}, a dot a run, each joined to the mean of its data seed; dashed: sparse above "
        f"{SPARSE:.0f}\N{NO-BREAK SPACE}%; dotted: mean accuracy in a; r: correlation over runs of $a_{{(1)}}$ and the "
        "average's accuracy",
        parameters={name: value for name, value in sad.parameters(ds).items() if not name.startswith("fine")},
    )
    return figure


def _name(key):
    """Return what a path is called here."""
    return f"average of {AVERAGE}" if key == "average" else sad.PATHS[key].name


def _scatter(ax, best, accuracy, seeds):
    """Draw a dot a run, joined to the mean of its data seed; arrays (data_seed, seed)."""
    for x, y in zip(best, accuracy, strict=True):
        for run in zip(x, y, strict=True):
            ax.plot([run[0], x.mean()], [run[1], y.mean()], color="#999999", linewidth=0.5, zorder=1)
    colour = np.broadcast_to(seeds.values[:, None], best.shape)
    return ax.scatter(best, accuracy, c=colour, s=16, cmap=style.SEQUENTIAL, edgecolor="white", linewidth=0.4, zorder=2,
                      vmin=float(seeds.min()), vmax=float(seeds.max()))  # fmt: skip


def _facts(features, accuracy):
    """Return the share of sparse runs, and the correlation over runs of the best feature and the accuracy."""
    features, accuracy = features.reshape(-1, features.shape[-1]), accuracy.ravel()
    share = f"{100 * sparse_share(features):.0f} % sparse"
    if len(accuracy) < 3:
        return share
    with np.errstate(all="ignore"):  # runs may all be alike
        r = np.corrcoef(features.max(-1), accuracy)[0, 1]
    return f"{share}\nr = {r:.2f}".replace("-", "\N{MINUS SIGN}")
