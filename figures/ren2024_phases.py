"""Three phases in time: descent to the minima, drift along them to small norm, contraction after the decay."""

from __future__ import annotations

import numpy as np

from figures import _ren2024 as ren
from figures import style
from lrtheory.probes.ren2024 import min_norm_risk, risk_on_ray
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.statistics import mean_interval
from lrtheory.theory.ren2024 import contraction_steps
from lrtheory.theory.ren2024_manifold import smallest_eigenvalue
from lrtheory.theory.ren2024_plateau import training_plateau

INPUTS = ("ren2024_phases",)

ALT = (
    "Rows: training loss, test risk, squared distance b to minimum norm, trace and largest eigenvalue of the Hessian; "
    "on the left against the step on a log axis, on the right after an early and a late decay of the rate; plateau and "
    "drift equation dashed. Look at how the loss sits on its plateau after phase I while risk, b and trace fall in "
    "phase II, and how the decay lowers the loss but leaves b where it is."
)

LABELS = {
    "loss": "training loss",
    "risk": "test risk $R$",
    "b": r"$b=\|P_K\alpha\|^2$",
    "sharpness": "sharpness\n(1/time)",
}
AFTER = (style.COLOURS["sky"], style.SMALL)  # early and late decay


def draw(ds):
    """Return the figure: a row a quantity; on the left the main path, on the right what follows each decay."""
    figure, axes = style.new("double", 5.7, rows=4, columns=2, sharex="col", sharey="row",
                             gridspec_kw={"width_ratios": [2, 1]})  # fmt: skip
    ds = ds.sortby("decay_step")
    rate, low = float(ds.attrs["experiment"]["schedule"]["rate"]), ren.small_rate(ds)
    decays = {d: AFTER[int(d == ds.decay_step[-1])] for d in ds.decay_step.values}
    settled = _settled(ds, rate)
    laws = _laws(ds, ds.trace_hessian, rate, ren.clock(ds, rate, ds.step))

    for (left, right), name in zip(axes, LABELS, strict=True):
        step, curve = ds.step.values, _path(ds[name])
        style.band(left, step[1:], *(v[1:] for v in curve), colour=style.LARGE)
        if name in laws:
            kept = step >= (settled if name == "loss" else 1)
            _law(left, step[kept], laws[name].isel(record=kept))
        for decay, colour in decays.items():
            i = np.searchsorted(step, decay)
            left.plot(step[i], curve.mean[i], "o", color=colour, zorder=4, clip_on=False)
            cells = ds.sel(decay_step=decay)
            style.band(right, ds.sub_step / 1e3, *_path(cells[f"sub_{name}"]), colour=colour)
            clock = ren.clock(ds, rate, decay) + ren.clock(ds, low, ds.sub_step)
            after = _laws(cells, cells.sub_trace_hessian, low, clock)
            if name in after:
                _law(right, ds.sub_step / 1e3, after[name])
        if name == "sharpness":
            left.plot(step[1:], ds.trace_hessian.mean("seed")[1:], color=style.LARGE, linewidth=0.9, linestyle="-.")
            for decay, colour in decays.items():
                right.plot(ds.sub_step / 1e3, ds.sub_trace_hessian.sel(decay_step=decay).mean("seed"), color=colour,
                           linewidth=0.9, linestyle="-.")  # fmt: skip
        left.set(yscale="log", ylabel=LABELS[name])
        left.axvline(settled, color=style.NEUTRAL, linewidth=0.6, linestyle="-", zorder=0)
    _words(axes, ds, rate, low, decays, laws, settled)
    figure.align_ylabels(axes[:, 0])
    style.title(
        figure,
        "I: the loss reaches its plateau; II: b, risk and tr H fall along the minima; III: the loss drops, b stays",
        n_seeds=ds.sizes["seed"],
        interval=f"bands {ren.INTERVAL}; line between I and II: two contraction times",
        parameters=ren.parameters(ds),
    )
    return figure


def _settled(ds, rate):
    """Return when phase I ends: two contraction times at the point where gradient flow meets the minima."""
    problem = ren.problem_of(ds)
    s = float((ds.m + predicted_b(ds, 0.0, gamma=problem["gamma"])).mean())
    return 2 * contraction_steps(rate, s, smallest_eigenvalue(problem["n"], problem["d"]), problem["gamma"])


def _laws(ds, trace_hessian, rate, clock):
    """Return the plateau at the measured trace of the Hessian, b of the drift equation, and the risk at this b."""
    problem = ren.problem_of(ds)
    b = predicted_b(ds, clock, gamma=problem["gamma"])
    plateau = trace_hessian.copy(data=training_plateau(rate, problem["label_noise"], trace_hessian, problem["batch"]))
    return {"loss": plateau, "risk": risk_on_ray(ds, b), "b": b}


def _path(array):
    """Return the mean over seeds at each record, and its interval."""
    return mean_interval(style.seeds_first(array, array.dims[-1]), axis=0)


def _law(ax, x, law):
    ax.plot(x, law.mean("seed"), color=style.THEORY, linestyle="--", linewidth=0.9, zorder=3)


def _words(axes, ds, rate, low, decays, laws, settled):
    """Name the phases, the lines and the curves."""
    (loss, loss_after), (risk, risk_after), (b, b_after), (sharp, sharp_after) = axes
    end = float(ds.step.max())
    for ax, x, text in (
        (loss, settled**0.5, "I  to the minima"),
        (loss, (settled * end) ** 0.5, "II  drift along the minima"),
        (loss_after, float(ds.sub_step.max()) / 2e3, rf"III  decayed to $\eta=${ren.power(low)}"),
    ):
        ax.annotate(text, (x, 1), (0, 5), xycoords=ax.get_xaxis_transform(), textcoords="offset points", ha="center")
    sharp.set(xscale="log", xlim=(1, end * 1.06), xlabel=rf"step at $\eta=${ren.power(rate)} per step")
    sharp_after.set(xlabel="thousands of steps after the decay")

    middle = int(np.searchsorted(ds.step.values, (settled * end) ** 0.5))
    at = float(ds.step[middle])
    style.note(loss, r"plateau $\eta\sigma^2\,\mathrm{tr}H/4B$", (at, float(laws["loss"].isel(record=middle).mean())),
               (-14, 8), color=style.THEORY, ha="left")  # fmt: skip
    style.note(risk, "risk at $b$ of the drift equation", (1.3, float(laws["risk"].isel(record=1).mean())), (0, -3),
               color=style.THEORY, va="top")  # fmt: skip
    style.note(b, "drift equation, from the end of gradient flow", (1.3, float(laws["b"].isel(record=1).mean())),
               (0, -3), color=style.THEORY, va="top")  # fmt: skip
    norm = float(min_norm_risk(ds).mean())
    for ax in (risk, risk_after):
        ax.axhline(norm, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    style.note(risk, "minimum norm", (1.3, norm), (0, 2), va="bottom")
    sharp.axhline(2 / rate, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    style.note(sharp, rf"$2/\eta$ = {2 / rate:,.0f}, the limit of gradient descent", (1.3, 2 / rate), (0, -2), va="top")
    style.note(sharp_after, rf"$2/\eta$ = {2 / low:,.0f}, above", (0, sharp.get_ylim()[1]), (3, -2), va="top")
    for decay, colour in decays.items():
        cells = ds.sel(decay_step=decay)
        level = float(cells.sub_b.isel(sub_record=-1).mean())
        style.note(b_after, f"decay at {decay:,}", (float(ds.sub_step.max()) / 1e3, level), (0, 3), color=colour,
                   ha="right", va="bottom")  # fmt: skip
    for array, text in ((ds.trace_hessian, r"$\mathrm{tr}H$"), (ds.sharpness, r"$\lambda_{\max}(H)$")):
        style.note(sharp, text, (1.3, float(array.isel(record=1).mean())), (0, -4), color=style.LARGE, va="top")
    _ticks(risk, (0.2, 0.5, 1, 2, 5, 10))
    _ticks(b, (0.01, 0.1, 1, 10))


def _ticks(ax, values):
    low, high = ax.get_ylim()
    values = [v for v in values if low <= v <= high]
    ax.set_yticks(values, [f"{v:g}" for v in values])
    ax.minorticks_off()
