"""At equal training loss, L-S errs far less than S on pattern P (Li, Wei, Ma 2019): the headline."""

from __future__ import annotations

import numpy as np

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval, ratio_interval

INPUTS = ("li2019_separation",)

ALT = (
    "At equal training loss, a dot a seed and the mean with its interval beside them: (a) test error and (b) test loss "
    "on the noisy pattern P, for a large rate that is annealed (L-S) and a small rate throughout (S); (c) test error "
    "on P against the falling training loss. Look at the gap between the two in a, and at when it opens in c."
)

WHO = {"L-S": "L–S: large,\nthen small", "S": "S: small\nonly"}


def draw(ds):
    """Return the figure: P test error (a) and loss (b) at the stop, every seed; (c) error along the way."""
    figure, (a, b, c) = style.new("double", 2.95, columns=3, gridspec_kw={"width_ratios": [1.15, 1, 1.15]})
    problem = li.problem_of(ds)
    # The lowest level that every seed reaches.
    all_reach = (ds.stage_reason.isel(stage_index=-1) == 1).all(["algorithm", "seed"])
    stop = float(ds.stop_at.where(all_reach, drop=True).min() if all_reach.any() else ds.stop_at.max())
    ds = ds.sel(stop_at=stop)
    end = ds.isel(record=-1)
    reached = (end.stage_reason.isel(stage_index=-1) == 1).all("algorithm")
    if reached.any():  # otherwise the title says that none did
        end = end.isel(seed=reached.values)

    _at_stop(a, end, "p_test_error", 100)
    _references(a, problem)
    _ratio(a, end)
    a.set(ylabel="P test error (%)")
    a.set_title("test error on P", loc="left")
    _at_stop(b, end, "p_test_loss", 1)
    b.axhline(li.LOG2, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0)
    style.note(b, "log 2: guessing", (-0.45, li.LOG2), (0, 2), color=style.THEORY, va="bottom")
    b.set(ylabel="P test loss (nat)", ylim=(0, 0.85))
    b.set_title("test loss on P", loc="left")
    _on_the_way(c, ds, stop)
    c.set(ylim=a.get_ylim())
    c.set_title("error while the training loss falls", loc="left")
    style.letters(a, b, c)

    n, n_reached = ds.sizes["seed"], int(reached.sum())
    facts = li.parameters(ds) | {"θ": style.number(li.small_theta(ds)), "both stopped at training loss": stop}
    if n_reached < n:
        level = f"{stop:g} (reached by {n_reached} seeds{', shown in a and b' if n_reached else ''})"
        facts["both stopped at training loss"] = level
    style.title(
        figure,
        "A large initial learning rate, annealed, generalises on the noisy pattern P where a small one memorises",
        n_seeds=n,
        interval=f"dots are seeds, bars {li.INTERVAL}; {li.width_of(ds)}, a setting chosen because it shows the gap",
        parameters=facts,
    )
    return figure


def _at_stop(ax, end, name, scale):
    """Draw one algorithm a column: every seed, and beside them the mean with its interval."""
    for x, (algorithm, colour) in enumerate(li.ALGORITHMS.items()):
        values = scale * style.seeds_first(end[name].sel(algorithm=algorithm))
        # A fixed low-discrepancy jitter: the same seed sits at the same place in every panel.
        place = x - 0.1 + 0.24 * ((np.arange(values.size) * 0.618034) % 1 - 0.5)
        ax.scatter(place, values, s=9, color=colour, alpha=0.45, linewidth=0, zorder=2)
        style.points(ax, [x + 0.17], *mean_interval(values[:, None], axis=0), colour=colour, markersize=5, zorder=3)
    ax.set_xticks([0, 1], [WHO[name] for name in li.ALGORITHMS])
    ax.set(xlim=(-0.5, 1.5), ylim=(0, None), xlabel="learning rate")
    ax.tick_params(axis="x", length=0)


def _references(ax, problem):
    """Draw the errors of averaging few and all of the inputs with P."""
    few, every = li.references(problem)
    for reference, text, x, side in (
        (few, "average of the {} P-only samples", -0.47, "left"),
        (every, "average of all\n{} with P", 1.5, "right"),
    ):
        ax.axhline(100 * reference.error, color=style.THEORY, linestyle="--", linewidth=0.9, zorder=0)
        style.note(ax, text.format(reference.label), (x, 100 * reference.error), (0, 2), color=style.THEORY,
                va="bottom", ha=side)  # fmt: skip
    ax.set_ylim(0, max(1.32 * 100 * few.error, ax.get_ylim()[1]))


def _ratio(ax, end):
    """Write how many times the error of S is that of L-S, with an arrow between the means."""
    small, large = (style.seeds_first(end.p_test_error.sel(algorithm=name)) for name in ("S", "L-S"))
    ratio, low, high = ratio_interval(small, large)
    if not np.isfinite(ratio):
        return
    arrow = {"arrowstyle": "<->", "color": style.THEORY, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (0.5, 100 * small.mean()), (0.5, 100 * large.mean()), arrowprops=arrow)
    text = f"99 %: {low:.1f} to {high:.1f}" if np.isfinite(low + high) else ""
    middle = 50 * (small.mean() + large.mean())
    style.note(ax, f"× {ratio:.1f}", (0.5, middle), (-4, 2), ha="right", va="bottom", color=style.THEORY, fontsize=10)
    style.note(ax, text, (0.5, middle), (-4, -1), ha="right", va="top", color=style.THEORY)


def _on_the_way(ax, ds, stop):
    """Draw, a seed, test error against training loss; training goes to the right."""
    for algorithm, colour in li.ALGORITHMS.items():
        cells = ds.sel(algorithm=algorithm)
        loss, error = (style.seeds_first(cells[name], "record")[:, 1:] for name in ("train_loss", "p_test_error"))
        ax.plot(loss.T, 100 * error.T, color=colour, linewidth=0.5, alpha=0.5)
        ax.plot(loss[:, -1], 100 * error[:, -1], "o", color=colour, markersize=2.5)
        if algorithm == "L-S":
            anneal = loss[np.arange(loss.shape[0]), _last_of_first_stage(cells) - 1]
    where = 100 * style.seeds_first(ds.p_test_error.sel(algorithm="L-S"), "record")[:, -1].mean()
    ax.annotate("annealing", (float(np.mean(anneal)), where), (0, 26), textcoords="offset points", ha="center",
                color=style.LARGE, fontsize=style.SMALLEST,
                arrowprops={"arrowstyle": "->", "color": style.LARGE, "linewidth": 0.8, "shrinkB": 3})  # fmt: skip
    ax.axvline(stop, color=style.NEUTRAL, linewidth=0.8, linestyle=":", zorder=0)
    style.note(ax, "stop", (stop, 1), (-2, -1), xycoords=("data", "axes fraction"), va="top", ha="right")
    end = 100 * ds.p_test_error.isel(record=-1).mean("seed")
    style.note(ax, "S", (stop, float(end.sel(algorithm="S"))), (5, 0), color=style.SMALL, va="center", fontsize=8,
            annotation_clip=False)  # fmt: skip
    style.note(ax, "L–S", (stop, float(end.sel(algorithm="L-S"))), (5, 0), color=style.LARGE, va="center", fontsize=8,
            annotation_clip=False)  # fmt: skip
    ax.set(xscale="log", xlim=(0.75, stop / 1.12), xlabel="training loss (nat), falls to the right")
    ax.set(ylabel="P test error (%)")
    ticks = [t for t in (0.5, 0.2, 0.1, 0.05, 0.03, 0.01) if t >= stop / 1.1]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


def _last_of_first_stage(cells):
    """Return, a seed, the last record before annealing."""
    return ((cells.time <= cells.stage_time.isel(stage_index=0)).sum("record") - 1).values
