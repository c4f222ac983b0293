"""Just above convergence, fine-tuning and averaging make up for pre-training; far above, they do not."""

from __future__ import annotations

from figures import _sadrtdinov2024 as sad
from figures import style
from lrtheory.probes.sadrtdinov2024_regimes import averaged, final, pretrained, tuned
from lrtheory.theory.sadrtdinov2024_measures import CONVERGED

INPUTS = ("sadrtdinov2024_rates",)

ALT = (
    "Against the pre-training rate on a log axis, with regimes 1, 2A, 2B, 3 shaded from left to right: (a) test "
    "accuracy of the pre-trained weights, after fine-tuning at a low, middle and high rate, and of the average of 10 "
    "checkpoints; (b) final batch loss on a log axis. Look at the black curve falling behind the others from the line "
    "1|2 on, and at how far to the right each of the others stays up."
)

AVERAGE = 10  # checkpoints


def draw(ds):
    """Return the figure: (a) test accuracy, (b) final batch loss, against the pre-training rate."""
    figure, (a, b) = style.new("double", 4.7, rows=2, sharex=True, gridspec_kw={"height_ratios": [2.1, 1]})
    ds = ds.sortby("rate")
    curves = {"pre": pretrained(ds), "average": averaged(ds, AVERAGE)}
    curves |= {branch: tuned(ds, branch) for branch in ("low", "mid", "high")}
    for i, key in enumerate(sad.PATHS):
        path, name = sad.PATHS[key], f"average of {AVERAGE} checkpoints"
        if key != "average":
            name = path.name if key == "pre" else f"{path.name} ({style.number(sad.branch_rate(ds, key))})"
        style.points(a, sad.beside(ds.rate, i, len(sad.PATHS)), *sad.interval(curves[key], "rate"), label=name,
                     colour=path.colour, marker=path.marker, linestyle="-", linewidth=0.9)  # fmt: skip
    a.axhline(50, color=style.NEUTRAL, linestyle=":", linewidth=1, zorder=0)
    a.set(ylabel="test accuracy (%)")
    figure.legend(*a.get_legend_handles_labels(), loc="outside lower center", ncols=3)

    path = sad.PATHS["pre"]
    style.points(b, ds.rate, *sad.quartiles(final(ds, "batch_loss"), "rate"), colour=path.colour, marker=path.marker,
                 linestyle="-", linewidth=0.9)  # fmt: skip
    random = float(sad.replicates(ds.random_loss.isel(rate=0)).mean())
    b.set(yscale="log", ylabel="final batch loss (nat)")
    b.set_ylim(top=6 * max(b.dataLim.y1, random))  # room for words above the upper level
    sad.rate_axis(ds, a, b)
    for level, text in ((CONVERGED, f"converged: below {style.number(CONVERGED)}"), (random, "random points")):
        b.axhline(level, color=style.NEUTRAL, linestyle="--", linewidth=0.8, zorder=0)
        style.note(b, text, (0.3, level), (3, 2), xycoords=("axes fraction", "data"), va="bottom")
    style.note(a, "chance", (0, 50), (3, 2), xycoords=("axes fraction", "data"), va="bottom")
    sad.shade(sad.regimes(ds), a, b)
    style.letters(a, b)
    figure.align_ylabels([a, b])
    style.title(
        figure,
        "Just above convergence (2A), fine-tuning and averaging make up for pre-training; far above, averaging fails "
        "and fine-tuning falls short",
        n_seeds=None,
        interval=f"{sad.seeds_of(ds)}; a: bars {sad.INTERVAL}; b: {sad.QUARTILES}; {sad.REGIMES_NOTE}",
        parameters=sad.parameters(ds),
    )
    return figure
