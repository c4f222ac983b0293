"""The two classical views hold where they are exact: on a quadratic, and in a wide minimum with a spike beside it."""

from __future__ import annotations

import numpy as np

from figures import style
from lrtheory.inference import FIXED
from lrtheory.probes.quadratic import mean_square
from lrtheory.statistics import first_time, mean_interval
from lrtheory.theory import quadratic as law
from lrtheory.theory import you2019_well as well

INPUTS = ("you2019_quadratic", "you2019_well")

ALT = (
    "Quadratic: (a) floor of SGD over rate times curvature, and that over its law; (b) loss against step of SGD and "
    "of gradient descent, rate constant or cut for a while. Well: (c) the wide minimum and the spike, and what noise "
    "smooths it to; against the rate (d) share of runs that leave the spike, (e) time to half way, (f) distance late. "
    "Look for points on black laws, and in d for the rate at which a cut comes too early."
)

#: What a run does with its rate, or without noise: colour and marker.
CONSTANT, CUT, QUIET = (style.LARGE, "o"), (style.COLOURS["green"], "v"), (style.NEUTRAL, "x")
SMOOTH = (style.COLOURS["purple"], "D")  # without the spike
SETTLED = 0.02  # a floor is drawn where the law is within this of it
LEVEL = 0.99
WHITE = {"frameon": True, "framealpha": 1.0, "edgecolor": "none", "borderpad": 0.1}  # a legend over a guide


def draw(quadratic, spiked):
    """Return the figure: (a, b) the quadratic, (c-f) the well."""
    figure, _ = style.new("double", 6.2)
    figure.clear()
    top, middle, bottom = (figure.add_gridspec(3, 1, height_ratios=[1.2, 1, 1])[i] for i in range(3))
    left, right = top.subgridspec(1, 2, width_ratios=[1, 1.35])
    a, a2 = left.subgridspec(2, 1, height_ratios=[2.2, 1], hspace=0).subplots(sharex=True)
    b = figure.add_subplot(right)
    c, d = (figure.add_subplot(cell) for cell in middle.subgridspec(1, 2, width_ratios=[1.2, 1]))
    e, f = (figure.add_subplot(cell) for cell in bottom.subgridspec(1, 2))
    _floors(a, a2, quadratic)
    _losses(b, quadratic)
    _well(c, spiked)
    _escapes(d, spiked)
    _times(e, spiked)
    _distances(f, spiked)
    style.letters(a, b, c, d, e, f)
    problem, spike = quadratic.attrs["experiment"]["problem"], _spike(spiked)
    style.title(
        figure,
        "Where the classical views are exact they hold: decay lowers the floor of noise and gains nothing without it, "
        "and a large rate leaves a sharp minimum, unless it is cut too early",
        n_seeds=None,
        interval=f"quadratic: {quadratic.sizes['seed']} seeds, s = {problem['noise']:g}; well: {spiked.sizes['seed']} "
        f"seeds, s = {spike['noise']:g}; bars and bands: 99 % intervals of the mean (d: of the share, exact); dashed "
        "in d, e, f: the rate at which noise smooths the spike away",
    )
    return figure


# --- the quadratic ------------------------------------------------------------------------------------------


def _floors(ax, below, ds):
    """Draw lam^2/s^2 times the floor of every direction at stable rates, a function of eta lam, and over the law."""
    problem = ds.attrs["experiment"]["problem"]
    lam, s = np.asarray(problem["eigenvalues"]), float(problem["noise"])
    x = np.append(np.geomspace(3e-4, 1, 100), 2 - np.geomspace(1, 2e-4, 100)[1:])
    ax.plot(x, x / (2 - x), color=style.THEORY, linewidth=0.9, label=r"$\eta\lambda/(2 - \eta\lambda)$", zorder=1)
    places = {key: ([], []) for key in ("constant", "after the cut")}
    for name in ds.schedule.values:
        cut, back, last = _cut(ds, name)
        rate, low = _rates(ds, name)
        if rate >= law.stability_threshold(lam):
            continue
        is_cut, here = low != rate, low
        first, end = (cut + 3 * (back - cut) // 4, back) if is_cut else (cut, last)
        settled = np.ones(lam.size, bool)
        if is_cut:
            there = law.stationary_variance(here, lam, s)
            settled = law.annealed_variance(first - cut, rate, here, lam, s) < (1 + SETTLED) * there
        squares = mean_square(ds.sel(law="SGD", schedule=name), first, end).transpose("seed", "direction").values
        xs, values = places["after the cut" if is_cut else "constant"]
        xs.extend(here * lam[settled])
        values.extend((squares * (lam / s) ** 2).T[settled])
    for (name, (xs, values)), (colour, marker) in zip(places.items(), (CONSTANT, CUT), strict=True):
        if xs:
            at, found = np.array(xs), np.array(values)
            style.points(ax, at, *mean_interval(found), colour=colour, marker=marker, label=name, markersize=4)
            # Side by side: cut and constant rates meet at one eta lam.
            aside = at * (1.06 if marker == CUT[1] else 1 / 1.06 if at.max() < 1 else 1.0)
            style.points(below, aside, *mean_interval(found * ((2 - at) / at)[:, None]), colour=colour, marker=marker)
    below.axhline(1, color=style.THEORY, linewidth=0.9, zorder=0)
    below.set(xlabel=r"rate $\times$ curvature, $\eta\lambda$", ylabel="over law", ylim=(0.85, 1.15))
    ax.set(xscale="log", yscale="log", ylabel=r"$\mathrm{E}\,w^2\,\lambda^2/s^2$", ylim=(1e-4, 2e4))
    ax.tick_params(axis="x", which="both", labelbottom=False)
    ax.set_title("quadratic: floor of the noise", loc="left")
    ax.legend(loc="upper left", handlelength=1.4)


def _losses(ax, ds):
    """Draw the mean loss at the smallest rate, constant and cut for a while, of SGD and of gradient descent."""
    problem = ds.attrs["experiment"]["problem"]
    lam = np.asarray(problem["eigenvalues"])
    steps = ds.step.values / 1e3
    rate = min(_rates(ds, name)[0] for name in ds.schedule.values)
    of_rate = [name for name in ds.schedule.values if _rates(ds, name)[0] == rate]
    kept, cut_too = (next((n for n in of_rate if (_rates(ds, n)[1] != rate) == is_it), None) for is_it in (False, True))
    for kind, name, colour, line, label in (
        ("SGD", kept, CONSTANT[0], "-", "SGD, constant"), ("SGD", cut_too, CUT[0], "-", "SGD, cut, raised"),
        ("GD", kept, CONSTANT[0], "--", "GD, constant"), ("GD", cut_too, CUT[0], "--", "GD, cut, raised"),
    ):  # fmt: skip
        if name is None:
            continue
        cells = ds.sel(law=kind, schedule=name)
        found = mean_interval(cells.loss.transpose("seed", "record").values, axis=0)
        style.band(ax, steps, found.mean, np.maximum(found.low, 1e-30), found.high, colour=colour, linestyle=line,
                   label=label, linewidth=1.0)  # fmt: skip
        if kind == "SGD":
            cut, back, last = _cut(ds, name)
            rates = np.full(last, rate)
            rates[cut:back] = _rates(ds, name)[1]
            moments = law.sgd_moments(rates, lam, problem["noise"], problem["mean"], np.square(problem["std"]))
            exact = law.expected_loss(*moments, lam)[ds.step.values]
            ax.plot(steps, exact, color=style.THEORY, linewidth=0.6, linestyle=":", zorder=3,
                    label="exact law of SGD" if name == kept else None)  # fmt: skip
    if cut_too is not None:
        for step, text in zip(_cut(ds, cut_too), ("cut to a tenth", "raised again"), strict=False):
            ax.axvline(step / 1e3, color=style.NEUTRAL, linestyle="--", linewidth=0.7, zorder=0)
            side = 1 if step / 1e3 < 0.7 * steps[-1] else -1
            style.note(ax, text, (step / 1e3, 1), (2 * side, -1), xycoords=("data", "axes fraction"), va="top",
                       ha="left" if side > 0 else "right")  # fmt: skip
    ax.set(yscale="log", ylim=(1e-10, 30), xlim=(0, steps[-1]), xlabel="step (thousands)", ylabel="mean loss")
    ax.set_title(rf"quadratic: loss at $\eta$ = {rate:g}", loc="left")
    ax.legend(loc="center", ncol=2, bbox_to_anchor=(0.5, 0.44), columnspacing=0.9, handlelength=1.6)


# --- the well -----------------------------------------------------------------------------------------------


def _well(ax, ds):
    """Draw the function, and what it is to SGD at a large rate, whose noise smooths it."""
    spike = _spike(ds)
    h, w, p, c = (spike[key] for key in ("depth", "width", "position", "curvature"))
    x = np.linspace(-0.25 * p, 1.3 * p, 2000)
    ax.plot(x, 0.5 * c * x**2 - h * np.exp(-((x - p) ** 2) / (2 * w**2)), color=style.THEORY, label="f")
    smoothing = well.smoothing_rate(**spike)
    if np.isfinite(smoothing):
        tau = smoothing * spike["noise"]
        wide = np.sqrt(w**2 + tau**2)
        smooth = 0.5 * c * (x**2 + tau**2) - h * w / wide * np.exp(-((x - p) ** 2) / (2 * wide**2))
        ax.plot(x, smooth, color=style.LARGE, linestyle="--", linewidth=1.0,
                label=rf"f smoothed by the noise at $\eta$ = {style.number(round(smoothing, 4))}")  # fmt: skip
    bottom = _bottom(spike)
    ax.plot(bottom, 0.5 * c * bottom**2 - h * np.exp(-((bottom - p) ** 2) / (2 * w**2)), "o", color=style.NEUTRAL,
            markersize=4, zorder=4)  # fmt: skip
    style.note(ax, "every run\nstarts here", (bottom, 0.5 * c * p**2 - h), (6, -4), va="top")
    ax.axvline(p / 2, color=style.NEUTRAL, linestyle=":", linewidth=0.8, zorder=0)
    style.note(ax, "half way", (p / 2, 0), (2, 2), xycoords=("data", "axes fraction"), va="bottom")
    ax.set(xlabel="x", ylabel="f(x)", xlim=(x[0], x[-1]), ylim=(-0.07 * c, 0.85 * c))
    ax.set_title("well: a wide minimum and a sharp one", loc="left")
    ax.legend(loc="upper left")


def _escapes(ax, ds):
    """Draw the share of runs that have left the spike by the end, against the rate at the start."""
    spike = _spike(ds)
    steps = ds.attrs["experiment"]["n_steps"]
    runs = ds.sel(depth=spike["depth"])
    groups = {
        "constant": (CONSTANT, "SGD", False), "cut to a tenth": (CUT, "SGD", True), "no noise": (QUIET, "GD", False),
    }  # fmt: skip
    for label, ((colour, marker), kind, is_cut) in groups.items():
        found = []
        for name in ds.schedule.values:
            rate, low = _rates(ds, name)
            if (rate != low) == is_cut:
                out = _out(runs.sel(law=kind, schedule=name), spike["position"])
                hits = int(out.sum())
                found.append((rate, hits / out.size, *FIXED.share_interval(hits, out.size, (1 - LEVEL) / 2)))
        if found:
            rates, *interval = np.array(sorted(found)).T
            style.points(ax, rates, *interval, colour=colour, marker=marker, label=label, markersize=4.5)
    rates = _line(ds)
    time = np.array([_passage(spike, rate) for rate in rates])
    ax.plot(rates, -np.expm1(-steps * rates / time), color=style.THEORY, linewidth=0.8, zorder=0,
            label=r"$1 - e^{-t/\mathrm{E}T}$")  # fmt: skip
    _rate_axis(ax, ds)
    ax.set(ylabel="share of runs", ylim=(-0.05, 1.08))
    ax.set_title(f"well: out of the spike in {steps:,} steps", loc="left")
    ax.legend(loc="center right", handlelength=1.2, **WHITE)


def _times(ax, ds):
    """Draw the mean time to half way, with the spike and without, where every run gets there, and its law."""
    spike = _spike(ds)
    for depth, (colour, marker), label in ((0.0, SMOOTH, "without the spike"), (spike["depth"], CONSTANT, "with it")):
        if depth not in ds.depth.values:
            continue
        found = []
        for name in ds.schedule.values:
            rate, low = _rates(ds, name)
            x = ds.w.sel(law="SGD", schedule=name, depth=depth).isel(direction=0).transpose("seed", "record").values
            time = rate * first_time(ds.step.values, x, spike["position"] / 2)
            if rate == low and np.isfinite(time).all():
                found.append((rate, *mean_interval(time)))
        if found:
            rates, *interval = np.array(sorted(found)).T
            style.points(ax, rates, *interval, colour=colour, marker=marker, label=label, markersize=4.5)
        start = _bottom(spike) if depth else spike["position"]
        rates = _line(ds)
        ax.plot(rates, [_passage(spike | {"depth": depth}, rate, start) for rate in rates], color=style.THEORY,
                linewidth=0.8, zorder=0, label="law of first passage" if depth else None)  # fmt: skip
    _rate_axis(ax, ds)
    ax.set(yscale="log", ylim=(0.3, 30), ylabel=r"mean time, steps $\times\ \eta$")
    ax.set_title("well: time to half way", loc="left")
    ax.legend(loc="upper right", handlelength=1.4, **WHITE)


def _distances(ax, ds):
    """Draw the squared distance to the good minimum late in the runs, and the floors of the wide minimum."""
    spike = _spike(ds)
    last = int(ds.step.values[-1])
    for is_cut, (colour, marker), label in ((False, CONSTANT, "constant"), (True, CUT, "cut to a tenth")):
        found = []
        for name in ds.schedule.values:
            rate, low = _rates(ds, name)
            if (rate != low) == is_cut:
                cells = ds.sel(law="SGD", schedule=name, depth=spike["depth"])
                first = (_cut(ds, name)[0] + last) // 2
                found.append((rate, low, *mean_interval(mean_square(cells, first, last).isel(direction=0).values)))
        if found:
            rates, lows, *interval = np.array(sorted(found)).T
            style.points(ax, rates, *interval, colour=colour, marker=marker, label=label, markersize=4.5)
            line = np.geomspace(rates[0] / 1.2, rates[-1] * 1.2, 50)
            ax.plot(line, law.stationary_variance(line * lows[0] / rates[0], spike["curvature"], spike["noise"]),
                    color=style.THEORY, linestyle="-" if not is_cut else "--", linewidth=0.8, zorder=0,
                    label=rf"floor at {'a tenth of ' if is_cut else ''}$\eta$")  # fmt: skip
    ax.axhline(spike["position"] ** 2, color=style.NEUTRAL, linestyle=":", linewidth=0.8, zorder=0)
    style.note(ax, "the spike", (1, spike["position"] ** 2), (-2, -2), xycoords=("axes fraction", "data"), ha="right",
               va="top")  # fmt: skip
    _rate_axis(ax, ds)
    ax.set(yscale="log", ylim=(3e-5, 3), ylabel=r"mean $x^2$, late")
    ax.set_title("well: distance from the wide minimum", loc="left")
    ax.legend(loc="lower right", handlelength=1.6, ncol=2, **WHITE)


def _rate_axis(ax, ds):
    """Make x the rate, with the one from which on noise smooths the spike away as a line."""
    spike = _spike(ds)
    rates = [_rates(ds, name)[0] for name in ds.schedule.values]
    ax.set(xscale="log", xlim=(min(rates) / 1.35, max(rates) * 1.35), xlabel=r"rate $\eta$ at the start")
    smooth = well.smoothing_rate(**spike)
    if np.isfinite(smooth):
        ax.axvline(smooth, color=style.NEUTRAL, linestyle="--", linewidth=0.7, zorder=-1)


# --- what results say of themselves ---------------------------------------------------------------------------


def _stages(ds, name):
    """Return the stages of a schedule of the axis: its rates and its boundaries."""
    axis = ds.attrs["experiment"]["axes"]["schedule"]
    return axis["values"][list(axis["labels"]).index(name)]


def _rates(ds, name):
    """Return the rate at the start of a schedule, and that of its second stage."""
    return tuple(float(rate) for rate in _stages(ds, name)["rates"][:2])


def _cut(ds, name):
    """Return the steps at which stages of a schedule end, and the last step."""
    return (*(int(step) for step in _stages(ds, name)["boundaries"]), int(ds.step.values[-1]))


def _line(ds):
    """Return rates for a curve, up to the one from which on noise smooths the spike away."""
    rates = [_rates(ds, name)[0] for name in ds.schedule.values]
    top = well.smoothing_rate(**_spike(ds))
    return np.geomspace(min(rates), top if top > min(rates) else max(rates), 20)


def _spike(ds):
    """Return the numbers of the well by their names in the closed forms."""
    problem = ds.attrs["experiment"]["problem"]
    return {
        "curvature": float(problem["curvature"]), "depth": float(ds.depth.max()), "width": float(problem["width"]),
        "position": float(problem["positions"][0]), "noise": float(problem["noise"]),
    }  # fmt: skip


def _bottom(spike):
    """Return where the spurious minimum is, just below the position of the spike."""
    x = np.linspace(spike["position"] - spike["width"], spike["position"], 10_001)
    slope = well.smoothed_slope(x, *(spike[key] for key in ("curvature", "depth", "width", "position")))
    return float(x[np.argmax(slope >= 0)])


def _passage(spike, rate, start=None):
    """Return the mean time of first passage from the bottom of the spike to half way."""
    start = _bottom(spike) if start is None else start
    return well.escape_time(start, spike["position"] / 2, rate=float(rate), **spike)


def _out(cells, position):
    """Tell of each run whether it has been seen half way to the good minimum, or beyond."""
    return (cells.w.isel(direction=0) < position / 2).any("record").values
