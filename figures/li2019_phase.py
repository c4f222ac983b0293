"""Where there is a separation: P error of S over that of L-S, over temperature and the large-rate capacity for Q."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Rectangle

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval

INPUTS = ("li2019_phase",)

ALT = (
    "Two maps over the temperature of the small rate (across) and the large-rate capacity for Q (upwards): (a) the "
    "test error on P of S over that of L-S, hatched where the sign of their difference is not sure; (b) the training "
    "loss of L-S on inputs with Q only. The framed cell is the headline setting; look for where a is far from 1 and Q "
    "is still learnt."
)


def draw(ds):
    """Return the figure: (a) ratio of the mean P errors, (b) Q-only training loss of L-S; cells are settings."""
    figure, (a, b) = style.new("double", 3.5, columns=2)
    ds = ds.sortby("theta").sortby("r")
    problem = li.problem_of(ds)
    capacity = ds.r.values**3 * problem["s"] ** 2 / problem["weight_decay"]
    end = ds.isel(record=-1)
    small, large = (style.seeds_first(end.p_test_error.sel(algorithm=name), "r", "theta") for name in ("S", "L-S"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = small.mean(axis=0) / large.mean(axis=0)
    _, low, high = mean_interval(small - large, axis=0)
    undecided = ~((low > 0) | (high < 0))

    spread = np.nanmax(np.abs(np.log(np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)))) or 0.1
    span = np.exp(spread)
    shades = _map(a, ratio, mpl.colors.LogNorm(1 / span, span), style.DIVERGING, _ratio_text, undecided)
    bar = figure.colorbar(shades, ax=a, pad=0.02, aspect=25)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if 1 / span <= t <= span]
    bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
    bar.minorticks_off()
    bar.set_label("P test error of S / of L–S")
    loss = style.seeds_first(end.train_loss_q_only.sel(algorithm="L-S"), "r", "theta").mean(axis=0)
    shades = _map(b, loss, mpl.colors.Normalize(0, li.LOG2), style.SEQUENTIAL, lambda v: f"{v:.2f}", None)
    figure.colorbar(shades, ax=b, pad=0.02, aspect=25).set_label("training loss on Q only, L–S (nat)")

    for ax, text in ((a, "how much worse S is on P"), (b, "is Q learnt? (log 2 = 0.69: no)")):
        ax.set_xticks(range(ds.theta.size), [style.number(v) for v in ds.theta.values])
        ax.set_yticks(range(ds.r.size), [f"{v:.3g}" for v in capacity])
        ax.set(xlabel=r"temperature of the small rate $\theta=\eta_2/\eta_1$")
        ax.set(ylabel=r"large-rate capacity for Q, $r^3 s^2/\lambda$")
        ax.set_title(text, loc="left")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        _headline(ax, ds, problem)
    style.letters(a, b)
    style.title(
        figure,
        "Ratio of P errors, S over L–S, over the temperature of the small rate and the capacity for Q",
        n_seeds=ds.sizes["seed"],
        interval="hatched: the 99 % interval of the paired difference of errors contains 0; "
        f"frame: headline setting; {li.width_of(ds)}",
        parameters=li.parameters(ds, without=("r",)) | {"t": li.last_time(ds)},
    )
    return figure


def _map(ax, values, norm, cmap, text, hatched):
    """Draw a map whose cells are annotated in black or white, whichever is legible, and hatched where told."""
    shown = np.ma.masked_invalid(np.clip(values, norm.vmin, norm.vmax))
    shades = ax.imshow(shown, norm=norm, cmap=cmap, origin="lower", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        rgb = shades.cmap(norm(shown[row, column]))[:3] if np.isfinite(value) else (1, 1, 1)
        dark = float(np.dot(rgb, (0.299, 0.587, 0.114))) < 0.5
        ink = "white" if dark else "black"
        if hatched is not None and hatched[row, column]:
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", edgecolor=ink, alpha=0.35,
                                   linewidth=0))  # fmt: skip
        label = ax.text(column, row, text(value), ha="center", va="center", color=ink, fontsize=style.SMALLEST)
        if hatched is not None and hatched[row, column]:
            label.set_bbox({"facecolor": rgb, "edgecolor": "none", "pad": 0.8})
    return shades


def _ratio_text(value):
    if np.isnan(value):
        return "0/0"
    return "∞" if np.isinf(value) else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def _headline(ax, ds, problem):
    """Frame the cell of the setting that the other figures use, if it is one of the cells."""
    theta = li.small_theta(ds)
    column = np.flatnonzero(np.isclose(ds.theta.values, theta, rtol=1e-3))
    row = np.flatnonzero(np.isclose(ds.r.values, problem["r"], rtol=1e-3))
    if column.size and row.size:
        for colour, width in (("white", 2.6), ("black", 1.2)):  # seen on light and on dark cells
            ax.add_patch(Rectangle((column[0] - 0.5, row[0] - 0.5), 1, 1, fill=False, edgecolor=colour, linewidth=width,
                                   clip_on=False, zorder=4))  # fmt: skip
