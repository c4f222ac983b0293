"""Only the temperature theta = eta/eta1 matters: P error falls and Q loss rises with it, a smooth crossover.

The upper row has the headline setting at infinite width. A finite network cannot be run there; it is compared with
infinite width in a smaller setting, on the same training sets.
"""

from __future__ import annotations

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval

INPUTS = ("li2019_temperature", "li2019_small_infinite", "li2019_temperature_finite")

#: Panels from left to right: variable, factor, label, colour.
COLUMNS = (
    ("p_test_error", 100, "P test error (%)", style.COLOURS["green"]),
    ("train_loss_q_only", 1, "training loss on Q only (nat)", style.COLOURS["purple"]),
)


def draw(headline, infinite, finite):
    """Return the figure: P test error and Q-only training loss against theta; headline setting, and a smaller one."""
    figure, axes = style.new("double", 4.7, rows=2, columns=2, sharex=True)
    for row, settings in zip(axes, ((headline, None), (infinite, finite)), strict=True):
        for ax, column in zip(row, COLUMNS, strict=True):
            _panel(ax, column, *settings)
        _references(row[0], li.problem_of(settings[0]))
        row[1].axhline(li.LOG2, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
        li.note(row[1], "log 2: guessing", (0, li.LOG2), (2, 2), xycoords=("axes fraction", "data"), color=style.THEORY,
                va="bottom")  # fmt: skip
        row[1].set(ylim=(0, 0.8))
    (a, b), (c, d) = axes
    left = min(float(ds.theta.min()) for ds in (headline, infinite, finite))
    a.set(xlim=(left / 1.6, 1.6))
    size, small = li.problem_of(headline)["d"], li.problem_of(infinite)["d"]
    for ax, text in (
        (a, f"headline setting, d = {size}, infinite width: P"),
        (b, "the same: Q"),
        (c, f"smaller setting, d = {small}, both widths: P"),
        (d, "the same: Q"),
    ):
        ax.set_title(text, loc="left")
    d.legend(loc="upper left", bbox_to_anchor=(0.0, 0.84))
    for ax in (c, d):
        ax.set(xlabel=r"temperature $\theta=\eta/\eta_1$, constant")
    li.letters(a, b, c, d)

    facts = li.common_parameters({"a, b": headline, "c, d": infinite})
    facts["t"] = li.each_of({"a, b": f"{_last(headline):.4g}", "c, d": f"{_last(infinite):.4g}"})
    if abs(_last(infinite) / _last(finite) - 1) > 0.01:  # scales may differ
        facts["t finite"] = f"{_last(finite):.4g}"
    counts = {"a, b": headline.sizes["seed"], "∞": infinite.sizes["seed"], "finite": finite.sizes["seed"]}
    same = len(set(counts.values())) == 1
    if not same:
        facts["seeds"] = li.each_of(counts)
    style.title(
        figure,
        "The learning rate acts through the temperature: at equal time, hotter is better on P and worse on Q",
        n_seeds=counts["∞"] if same else None,
        interval=f"bands and bars {li.INTERVAL}; {li.width_of(finite)}",
        parameters=facts,
    )
    return figure


def _panel(ax, column, infinite, finite):
    """Draw a final value against theta: infinite width as a band, finite width as points."""
    name, scale, label, colour = column
    end = infinite.sortby("theta").isel(record=-1)
    interval = mean_interval(scale * li.seeds_first(end[name], "theta"), axis=0)
    style.band(ax, end.theta.values, *interval, colour=colour, label="infinite width", marker=".", zorder=2)
    if finite is not None:
        end = finite.sortby("theta").isel(record=-1)
        interval = mean_interval(scale * li.seeds_first(end[name], "theta"), axis=0)
        style.points(ax, end.theta.values, *interval, colour=style.THEORY, marker="o", markerfacecolor="white",
                     markersize=4, label="finite width", zorder=3)  # fmt: skip
    ax.set(xscale="log", ylabel=label)


def _references(ax, problem):
    """Draw the errors of averaging few and all of the inputs with P."""
    few, every = li.references(problem)
    for reference, text, x, side in ((few, "average of the {} P-only samples", 1, "right"),
                                     (every, "average of all {} with P", 0, "left")):  # fmt: skip
        ax.axhline(100 * reference.error, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
        li.note(ax, text.format(reference.label), (x, 100 * reference.error), (2 - 4 * x, 2), color=style.THEORY,
                xycoords=("axes fraction", "data"), va="bottom", ha=side)  # fmt: skip
    ax.set(ylim=(0, max(ax.get_ylim()[1], 125 * few.error)))


def _last(ds):
    """Return the time at which values are read."""
    return float(ds.time.isel(record=-1).max())
