"""The plateau of SGD on a noisy quadratic: its height, its end by annealing, where the SDE limit fails."""

from __future__ import annotations

import numpy as np

from figures import style
from lrtheory.probes.quadratic import annealing_step, mean_square
from lrtheory.statistics import mean_interval
from lrtheory.theory import quadratic as law

INPUTS = ("quadratic_plateau", "quadratic_sde")

ALT = (
    "SGD on a noisy quadratic: (a) the loss of the plateau, scaled, against rate times curvature, points on the exact "
    "law up to the stability threshold and away from the dashed SDE law; (b) the mean loss against the step for a few "
    "rates, with annealing marked; (c) the variance of Euler-Maruyama over the SDE law against rate times curvature, "
    "one series a number of substeps."
)


def draw(sgd, sde):
    """Return the figure: (a) plateau against eta lam, (b) loss against step, (c) variance over the SDE law."""
    figure, (a, b, c) = style.new("double", 2.75, columns=3)
    problem = sgd.attrs["experiment"]["problem"]
    lam = np.asarray(problem["eigenvalues"])
    anneal = annealing_step(sgd)
    noise = float(sgd.noise.max())
    stable = sgd.sel(noise=noise, rate=sgd.rate < law.stability_threshold(lam))

    _plateau(a, stable, lam, noise, anneal)
    _diverged(a, sgd, lam)
    _curves(b, sgd.sel(noise=float(sgd.noise[sgd.noise > 0].min())), lam, problem, anneal)
    _substeps(c, sde)
    for axis, letter in ((a, "a"), (b, "b"), (c, "c")):
        axis.set_title(letter, loc="left", fontweight="bold")
    n_a, n_c = sgd.sizes["seed"], sde.sizes["seed"]
    quiet = float(sgd.noise[sgd.noise > 0].min())
    parameters = {
        r"$\lambda$": ", ".join(f"{v:g}" for v in lam),
        r"$s$": f"{noise:g} (a, c), {quiet:g} (b)",
        r"annealed $\eta$": float(sgd.lr.isel(record=-1).values.flat[0]),
    }
    if n_a != n_c:
        parameters["seeds"] = f"{n_a} (a, b), {n_c} (c)"
    style.title(
        figure,
        r"SGD on a noisy quadratic follows its exact law up to the threshold; the SDE limit fails at large "
        r"$\eta\lambda$",
        n_seeds=n_a if n_a == n_c else None,
        interval="99 % t-intervals of the mean",
        parameters=parameters,
    )
    return figure


def _plateau(ax, ds, lam, noise, anneal):
    """Draw lam/s^2 times the plateau of each direction, a function of eta lam alone: all fall on one curve."""
    x = np.geomspace(0.015, 1.97, 300)
    ax.plot(x, law.plateau(x, 1.0, 1.0), color=style.THEORY, label="exact SGD law", zorder=3)
    ax.plot(x, law.sde_plateau(x, 1.0, 1.0), color=style.THEORY, linestyle="--", label="SDE law", zorder=3)
    measured = mean_square(ds, anneal // 4, anneal).transpose("seed", "rate", "direction").values
    colours = (style.LARGE, style.COLOURS["green"], style.SMALL)
    for i, marker in zip(range(lam.size), "osD", strict=False):
        scale = 0.5 * lam[i] ** 2 / noise**2
        interval = mean_interval(scale * measured[:, :, i], axis=0)
        style.points(
            ax, ds.rate.values * lam[i], *interval, colour=colours[i], marker=marker, label=rf"$\lambda$ = {lam[i]:g}"
        )
    ax.axvline(2.0, color=style.NEUTRAL, linewidth=0.8, linestyle=":")
    ax.annotate("threshold", (2.0, 0.004), (-2, 0), textcoords="offset points", rotation=90, ha="right",
                va="bottom", color=style.NEUTRAL, fontsize=6.5)  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel=r"$\eta\lambda$", ylabel=r"plateau loss $\times\ \lambda/s^2$")
    ax.set(xlim=(0.015, 2.6), ylim=(0.003, 30))
    ax.legend(loc="upper left", handlelength=1.8, labelspacing=0.3)


def _diverged(ax, ds, lam):
    """Mark, at the top, the rates above the threshold, with the share of their runs that diverged."""
    for rate in ds.rate.values[ds.rate.values >= law.stability_threshold(lam)]:
        share = float((ds.sel(rate=rate).diverged_at >= 0).mean())
        ax.plot(rate * lam.max(), 0.97, marker="x", color=style.COLOURS["purple"], markersize=5, clip_on=False,
                transform=ax.get_xaxis_transform())  # fmt: skip
        ax.annotate(f"{100 * share:.0f} %\ndiverge", (rate * lam.max(), 0.97), (4, 2), textcoords="offset points",
                    xycoords=("data", "axes fraction"), va="center", color=style.COLOURS["purple"], fontsize=6.5,
                    annotation_clip=False)  # fmt: skip


def _curves(ax, ds, lam, problem, anneal):
    """Draw mean loss and exact law, for a few rates, with annealing marked."""
    noise = float(ds.noise)
    stable = ds.rate.values[ds.rate.values < law.stability_threshold(lam)]
    above = ds.rate.values[ds.rate.values >= law.stability_threshold(lam)]
    shown = [stable[0], stable[np.argmin(np.abs(stable - 1.0))], stable[-1], *above[:1]]
    colours = (style.SMALL, style.COLOURS["green"], style.LARGE, style.COLOURS["purple"])
    for rate, colour in zip(shown, colours, strict=False):
        cell = ds.sel(rate=rate)
        interval = mean_interval(cell.loss.transpose("seed", "record").values, axis=0)
        style.band(
            ax,
            ds.step.values,
            *interval,
            colour=colour,
            linewidth=1.6,
            label=rf"$\eta$ = {rate:g}" + (" (diverges)" if rate in above else ""),
            alpha=0.35,
        )
        rates = np.where(np.arange(ds.step.values[-1]) < anneal, rate, float(cell.lr.isel(record=-1, seed=0)))
        mean, var = law.sgd_moments(rates, lam, noise, problem["mean"], np.square(problem["std"]))
        ax.plot(law.expected_loss(mean, var, lam), color=style.THEORY, linestyle="--", linewidth=0.7, zorder=3)
    ax.plot([], [], color=style.THEORY, linestyle="--", linewidth=0.7, label="exact law")
    ax.axvline(anneal, color=style.NEUTRAL, linewidth=0.8, linestyle=":")
    ax.annotate("annealing", (anneal, 0.45), (2, 0), xycoords=("data", "axes fraction"), rotation=90,
                textcoords="offset points", va="center", color=style.NEUTRAL, fontsize=6.5)  # fmt: skip
    ax.set(yscale="log", xlabel="step", ylabel="mean excess loss", ylim=(1e-4, 1e3), xlim=(-40, 1.5 * anneal))
    ax.legend(loc="upper left", bbox_to_anchor=(0.06, 1.0), handlelength=1.8, labelspacing=0.3)


def _substeps(ax, ds):
    """Draw the stationary variance over that of the SDE law, for a growing number of substeps."""
    problem = ds.attrs["experiment"]["problem"]
    lam, noise = float(problem["eigenvalues"][0]), float(problem["noise"])
    rates, last = ds.rate.values, int(ds.step.values[-1])
    x = np.linspace(0.0, 1.97, 300)[1:]
    colours = (style.LARGE, style.COLOURS["orange"], style.COLOURS["sky"], style.SMALL)
    # The smallest ones and the largest; once each where there are few.
    shown = dict.fromkeys([*ds.substeps.values[: len(colours) - 1].tolist(), int(ds.substeps.values[-1])])
    for n, colour, marker in zip(shown, colours, "os^D", strict=False):
        curve = law.em_stationary_variance(x / lam, lam, 1.0, substeps=n)
        ax.plot(x, curve / law.sde_stationary_variance(x / lam, lam, 1.0), color=colour, zorder=1)
        measured = mean_square(ds.sel(substeps=n), last // 5, last).isel(direction=0)
        measured = measured.transpose("seed", "rate").values
        interval = mean_interval(measured / law.sde_stationary_variance(rates, lam, noise), axis=0)
        name = "1 substep (SGD)" if n == 1 else f"{n} substeps"
        style.points(ax, rates * lam, *interval, colour=colour, marker=marker, label=name)
    ax.axhline(1.0, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0, label="SDE law")
    ax.set(yscale="log", xlabel=r"$\eta\lambda$", ylabel="variance / SDE law", xlim=(0, 2), ylim=(0.8, 40))
    ax.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    ax.minorticks_off()
    ax.legend(loc="upper left", handlelength=1.8, labelspacing=0.3)
