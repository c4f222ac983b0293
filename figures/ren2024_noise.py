"""Which noise drifts to minimum norm: label noise does, noise that ends at zero loss and isotropic noise do not."""

from __future__ import annotations

import numpy as np

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024 import min_norm_risk, tail_mean
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.statistics import mean_interval

INPUTS = ("ren2024_noise", "ren2024_controls")

ALT = (
    "(a) Squared distance b to minimum norm, log axis, against steps at one rate: it falls with label noise, with or "
    "without replacement and faster with momentum, near the dashed drift equation; minibatch noise alone stops, and "
    "isotropic noise does not fall. (b) Final test risk against the decay step: it falls with an exponent gamma and "
    "label noise; with one of the two missing it is flat."
)

WINDOW = 4000  # steps of the final level


def draw(noise, controls):
    """Return the figure: (a) b against steps, one curve a noise; (b) final risk against the decay step, controls."""
    figure, (a, b) = style.new("double", 2.9, columns=2, gridspec_kw={"width_ratios": [1.2, 1]})
    rate = _drift(a, noise)
    _controls(b, controls)
    style.letters(a, b)
    n_a, n_b = noise.sizes["seed"], controls.sizes["seed"]
    style.title(
        figure,
        "Of these noises, only label noise drifts to minimum norm; without it, or at γ = 0, later decay gains nothing",
        n_seeds=n_a if n_a == n_b else None,
        interval=("" if n_a == n_b else f"{n_a} seeds (a), {n_b} seeds (b); ")
        + f"99 % t-intervals of the mean (a: of log b); final risk: over the last {WINDOW:,} steps",
        parameters={"rate": style.number(rate), "after the decay": style.number(ren.small_rate(controls))}
        | ren.parameters(controls, "γ", "σ"),
    )
    return figure


def _drift(ax, ds):
    """Draw b against steps at the smaller rate, a curve a noise, and the drift equation; return the rate."""
    experiment = ds.attrs["experiment"]
    rate, loud = float(ds.rate.min()), float(ds.sigma.max())
    problem = ren.problem_of(ds)
    thousands = ds.step.values / 1e3
    labelled, quiet = ds.sel(rate=rate, sigma=loud), ds.sel(rate=rate, sigma=0.0)
    beta = next(v["beta"] for v in experiment["axes"]["law"]["values"] if "beta" in v)
    curves = (
        ("isotropic noise", quiet.sel(law="isotropic"), style.COLOURS["purple"], "-"),
        ("minibatches alone", quiet.sel(law="SGD"), style.SMALL, "-"),
        ("label noise (dotted:\nno replacement)", labelled.sel(law="SGD"), style.LARGE, "-"),
        ("", labelled.sel(law="reshuffled"), style.COLOURS["yellow"], (0, (1, 2))),
        (f"label noise,\nmomentum {beta:g}", labelled.sel(law="momentum"), style.COLOURS["green"], "-"),
    )
    for text, cells, colour, dashes in curves:
        mean, low, high = np.exp(mean_interval(np.log(style.seeds_first(cells.b, "record")), axis=0))
        style.band(ax, thousands, mean, low, high, colour=colour, linestyle=dashes)
        # The two that do not fall may be close.
        side = {"isotropic noise": "bottom", "minibatches alone": "top"}.get(text, "center")
        known = mean[np.isfinite(mean)]  # NaN from the divergence of a seed on
        if known.size:
            style.note(ax, text, (thousands[-1], known[-1]), (4, 0), color=colour, va=side, annotation_clip=False)
    for factor in (1.0, 1 / (1 - beta)):
        clock = (factor * rate * loud) ** 2 / problem["batch"] * ds.step.values
        law = predicted_b(labelled.sel(law="SGD"), clock, problem["gamma"])
        mean = np.exp(np.log(style.seeds_first(law, law.dims[-1])).mean(axis=0))
        ax.plot(thousands, mean, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=3)
    middle = thousands.size // 2
    style.note(ax, "drift equation", (thousands[middle], mean[middle]), (3, 3), color=style.THEORY, va="bottom")
    ax.set(yscale="log", xlabel="thousands of steps", ylabel=r"$b=\|P_K\alpha\|^2$, 0 at minimum norm", xlim=(0, None))
    ax.set_title(f"which noise drifts, rate {style.number(rate)}", loc="left")
    return rate


def _controls(ax, ds):
    """Draw the final risk against the decay step: with exponent and label noise, and with one of them missing."""
    ds = ds.sortby("decay_step")
    decays = ds.decay_step.values / 1e3
    risk = tail_mean(ds, "risk", WINDOW)
    gamma, sigma = float(ds.gamma.max()), float(ds.sigma.max())
    for g, s, colour, text in (
        (0.0, sigma, style.COLOURS["green"], f"γ = 0, σ = {sigma:g}: minima equally sharp"),
        (gamma, 0.0, style.SMALL, f"γ = {gamma:g}, σ = 0: noise ends at zero loss"),
        (gamma, sigma, style.LARGE, f"γ = {gamma:g}, σ = {sigma:g}: both"),
    ):
        mean, low, high = mean_interval(style.seeds_first(risk.sel(gamma=g, sigma=s), "decay_step"), axis=0)
        style.points(ax, decays, mean, low, high, colour=colour, linestyle="-")
        falls = bool(g and s)
        if np.isfinite(mean[0]):
            style.note(ax, text, (decays[0 if falls else -1], mean[0]), (5, 2) if falls else (0, 5), color=colour,
                       ha="left" if falls else "right", va="bottom")  # fmt: skip
    level = float(min_norm_risk(ds).mean())
    ax.axhline(level, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
    style.note(ax, "minimum norm", (0, level), (3, -2), color=style.THEORY, va="top")
    highest = np.nanmax([float(risk.max()), 2 * level])
    ax.set(yscale="log", xlabel=r"decay step $T_d$ (thousands of steps)", ylabel="final test risk", xlim=(0, None))
    ax.set(ylim=(0.75 * level, 1.1 * highest))
    ax.set_yticks([t for t in (0.3, 0.5, 1, 2, 3, 5, 10, 20) if 0.75 * level <= t <= 1.1 * highest])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    ax.set_title("negative controls of late decay", loc="left")
