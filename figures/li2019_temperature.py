"""Only the temperature theta = eta/eta1 matters: P error falls and Q loss rises with it, a smooth crossover.

The upper row has the headline setting at infinite width. A finite network cannot be run there; it is compared with
infinite width in a smaller setting, on the same training sets.
"""

from __future__ import annotations

from figures import _li2019 as li
from figures import style
from lrtheory.statistics import mean_interval

INPUTS = ("li2019_temperature", "li2019_small_infinite", "li2019_temperature_finite")

ALT = (
    "Against the temperature theta, a learning rate over the large one, held constant: test error on P (left) and "
    "training loss on inputs with Q only (right). The upper row is the headline setting at infinite width; the lower "
    "one a smaller setting at infinite (band) and finite width (points). Look for P falling and Q rising with theta, "
    "and for points on the band."
)

#: Panels from left to right: variable, factor, label, colour.
COLUMNS = (
    ("p_test_error", 100, "P test error (%)", style.COLOURS["green"]),
    ("train_loss_q_only", 1, "training loss on Q only (nat)", style.COLOURS["purple"]),
)


def draw(headline, infinite, finite):
    """Return the figure: P test error and Q-only training loss against theta; headline setting, and a smaller one."""
    figure, axes = style.new("double", 4.7, rows=2, columns=2, sharex=True)
    ends = _last(headline), min(_last(infinite), _last(finite))
    for row, runs, end in zip(axes, ((headline, None), (infinite, finite)), ends, strict=True):
        for ax, column in zip(row, COLUMNS, strict=True):
            _panel(ax, column, *runs, end)
        row[1].axhline(li.LOG2, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
        style.note(row[1], "log 2: guessing", (0, li.LOG2), (2, 2), xycoords=("axes fraction", "data"),
                color=style.THEORY, va="bottom")  # fmt: skip
        row[1].set(ylim=(0, 0.8))
    (a, b), (c, d) = axes
    _references(a, li.problem_of(headline))
    c.set(ylim=(0, 1.25 * c.get_ylim()[1]))  # its own scale: the effect is weaker at this size
    left = min(float(ds.theta.min()) for ds in (headline, infinite, finite))
    a.set(xlim=(left / 1.6, 1.6))
    shared, own = li.split_parameters(headline, infinite)
    for ax, values, end in ((a, own[0], ends[0]), (c, own[1], ends[1])):
        ax.set_title(li.in_words(values | {"t": f"{end:.4g}"}), loc="left")
    b.set_title("the same, infinite width", loc="left")
    d.set_title("the same, infinite and finite width", loc="left")
    d.legend(loc="lower right")
    for ax in (c, d):
        ax.set(xlabel=r"temperature $\theta=\eta/\eta_1$, constant")
    style.letters(a, b, c, d)

    counts = [ds.sizes["seed"] for ds in (headline, infinite, finite)]
    same = len(set(counts)) == 1
    if not same:
        small = f"{counts[1]}" if counts[1] == counts[2] else f"{counts[1]} infinite, {counts[2]} finite"
        text = f"{counts[0]} (a, b), {small} (c, d)".replace(" (", "\N{NO-BREAK SPACE}(")
        shared = {"seeds": text.replace(", b", ",\N{NO-BREAK SPACE}b").replace(", d", ",\N{NO-BREAK SPACE}d")} | shared
    style.title(
        figure,
        "The learning rate acts through the temperature: at equal time, hotter is better on P and worse on Q",
        n_seeds=counts[0] if same else None,
        interval=f"bands and bars {li.INTERVAL}; {li.width_of(finite)}",
        parameters=shared,
    )
    return figure


def _panel(ax, column, infinite, finite, end):
    """Draw a value at a time against theta: infinite width as a band, finite width as points."""
    name, scale, label, colour = column
    infinite = infinite.sortby("theta")
    interval = mean_interval(scale * li.at_time(infinite, name, end), axis=0)
    style.band(ax, infinite.theta.values, *interval, colour=colour, label="infinite width", marker=".", zorder=2)
    if finite is not None:
        finite = finite.sortby("theta")
        interval = mean_interval(scale * li.at_time(finite, name, end), axis=0)
        style.points(ax, finite.theta.values, *interval, colour=style.THEORY, marker="o", markerfacecolor="white",
                     markersize=4, label="finite width", zorder=3)  # fmt: skip
    ax.set(xscale="log", ylabel=label)


def _references(ax, problem):
    """Draw the errors of averaging few and all of the inputs with P, with their names."""
    few, every = li.references(problem)
    for reference, text, x in ((few, "average of the {} P-only samples", 1), (every, "average of all {} with P", 0)):
        ax.axhline(100 * reference.error, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
        # Where the curve is not: above at the hot end, below at the cold end.
        style.note(ax, text.format(reference.label), (x, 100 * reference.error), (2 - 4 * x, 4 * x - 2),
                color=style.THEORY, xycoords=("axes fraction", "data"), va="bottom" if x else "top",
                ha="right" if x else "left")  # fmt: skip
    ax.set(ylim=(0, max(ax.get_ylim()[1], 125 * few.error)))


def _last(ds):
    """Return the time at which values are read."""
    return float(ds.time.isel(record=-1).max())
