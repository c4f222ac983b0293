"""Which noise drifts along the minima: label noise does, noise that ends at zero loss does not, isotropic diffuses."""

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
        "Noise that stays on at zero training loss and minima of unequal sharpness: late decay needs both",
        n_seeds=n_a if n_a == n_b else None,
        interval=("" if n_a == n_b else f"{n_a} seeds (a), {n_b} seeds (b); ")
        + "99 % t-intervals of the mean (a: of log b); dashed: drift equation (a), minimum norm (b)",
        parameters={"rate": style.number(rate), "after the decay": style.number(ren.small_rate(controls))}
        | ren.parameters(controls, "γ", "σ"),
    )
    return figure
