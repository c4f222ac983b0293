"""Which pattern is learnt first, and how long the advantage of L-S lasts, against the summed learning rate."""

from __future__ import annotations

from figures import _li2019 as li
from figures import style

INPUTS = ("li2019_order",)

ALT = (
    "Training loss by kind of input (P only, Q only, both) against training time on a log axis, for (a) L-S and (b) S; "
    "(c) the test error on P of both against time, far past annealing, with one, two and three weight-decay times "
    "marked. Look at which pattern is learnt first, and at where the two curves of c meet."
)


def draw(ds):
    """Return the figure: (a, b) training loss by kind of input for L-S and S; (c) P test error, far past annealing."""
    figure, _ = style.new("double", 4.5)
    figure.clear()
    grid = figure.add_gridspec(2, 2, height_ratios=[1.15, 1])
    a = figure.add_subplot(grid[0, 0])
    b = figure.add_subplot(grid[0, 1], sharex=a, sharey=a)
    c = figure.add_subplot(grid[1, :])
    problem = li.problem_of(ds)
    anneal = li.annealing_time(ds.sel(algorithm="L-S"))

    for ax, algorithm, text in ((a, "L-S", "L–S: large rate, then small"), (b, "S", "S: small rate only")):
        _losses(ax, ds.sel(algorithm=algorithm))
        ax.set_title(text, loc="left", color=li.ALGORITHMS[algorithm])
    li.vertical(a, anneal, "annealing", at=0.74)
    for name, colour, line in li.KINDS.values():
        b.plot([], [], color=colour, linestyle=line, label=name)
    b.legend(title="training inputs with", title_fontsize=style.SMALLEST, loc="upper left", bbox_to_anchor=(0.04, 0.62),
             alignment="left")  # fmt: skip
    _error(c, ds, problem, anneal)
    c.set_title("how long the advantage lasts: test error on P at equal time", loc="left")
    style.letters(a, b, c)
    style.title(
        figure,
        "A large rate learns P and leaves Q until annealing; a small rate learns Q first, then memorises P",
        n_seeds=ds.sizes["seed"],
        interval=f"bands {li.INTERVAL}; {li.width_of(ds)}",
        parameters=li.parameters(ds) | {"θ": style.number(li.small_theta(ds))},
    )
    return figure


def _losses(ax, cells):
    """Draw the training loss on each kind of input, from the first record after the start."""
    for kind, (_, colour, line) in li.KINDS.items():
        time, interval = li.curve(cells, f"train_loss_{kind}")
        after = time > 0
        style.band(ax, time[after], *(v[after] for v in interval), colour=colour, linestyle=line)
    ax.axhline(li.LOG2, color=style.THEORY, linestyle="--", linewidth=0.7, zorder=0)
    end = time[-1]
    style.note(ax, "log 2: guessing", (end, li.LOG2), (0, 2), color=style.THEORY, va="bottom", ha="right")
    ax.set(xscale="log", xlim=(time[time > 0][0], end), ylim=(0, 0.8))
    ax.set(xlabel=li.TIME, ylabel="training loss (nat)")


def _error(ax, ds, problem, anneal):
    """Draw P test error against time, to three weight-decay times."""
    last = 0.0
    for algorithm, colour in li.ALGORITHMS.items():
        time, interval = li.curve(ds.sel(algorithm=algorithm), "p_test_error")
        after = time > 0
        last = max(last, time[-1])
        mean, low, high = (v[after] for v in li.percent(interval))
        style.band(ax, time[after], mean, low, high, colour=colour)
        at = int(0.5 * mean.size)
        name = "L–S" if algorithm == "L-S" else "S"
        style.note(ax, name, (time[after][at], mean[at]), (0, 3), color=colour, fontsize=8, va="bottom")
    few, every = li.references(problem)
    for reference, text in ((few, "average of the {} P-only samples"), (every, "average of all {} with P")):
        ax.axhline(100 * reference.error, color=style.THEORY, linestyle="--", linewidth=0.8, zorder=0)
        style.note(ax, text.format(reference.label), (last, 100 * reference.error), (-2, 2), color=style.THEORY,
                va="bottom", ha="right")  # fmt: skip
    ax.set(xlim=(0, last), ylim=(0, max(ax.get_ylim()[1], 140 * few.error)))
    ax.set(xlabel=li.TIME, ylabel="P test error (%)")
    li.vertical(ax, anneal, "annealing", rotation=0)
    decay = problem["weight_decay"]
    for k in (1, 2, 3):
        if decay > 0 and k / decay < 1.01 * last:
            near_end = k / decay > 0.95 * last
            li.vertical(ax, k / decay, rf"${k}/\lambda$", rotation=0, side="left" if near_end else "right")
