"""What the figures of You et al. 2019 share: looks of schedules and kinds, epochs, decays, intervals. Not a figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from figures import style
from lrtheory.statistics import Interval, mean_interval

INTERVAL = "99 % t-intervals of the mean over data seeds"


class Look(NamedTuple):
    """How a schedule or a kind is named and drawn in every figure."""

    name: str
    colour: str
    marker: str
    linestyle: str = "-"


#: The colour and the marker say at which rate a run starts.
RATES = {
    2.0: (style.LARGE, "^"),
    1.0: (style.COLOURS["orange"], "D"),
    0.3: (style.COLOURS["green"], "s"),
    0.1: (style.COLOURS["sky"], "o"),
    0.03: (style.SMALL, "v"),
}
#: Rates of no schedule, above and below the others.
LARGER, OTHER = ("#6B2C00", "P"), (style.NEUTRAL, "X")

#: Kinds of rows. Rows with a wrong label are noise; those with the right one, like complex patterns, are to be learnt.
KINDS = {
    "simple": Look("simple", style.COLOURS["purple"], "o"),
    "complex": Look("complex", style.COLOURS["black"], "s"),
    "noisy": Look("noisy", style.NEUTRAL, "X"),
    "right": Look("right labels", style.COLOURS["black"], "s"),
    "wrong": Look("wrong labels", style.NEUTRAL, "X"),
    "clean": Look("clean test images", style.COLOURS["purple"], "o"),
}


def rate_look(rate: float) -> tuple[str, str]:
    """Return colour and marker of a rate."""
    return RATES.get(float(rate), LARGER if rate > max(RATES) else OTHER)


def look(schedule: str) -> Look:
    """Return how a schedule is drawn, from its label: solid where the rate is decayed, dashed where it is constant.

    Labels are ``"2.0"``, ``"2.0, decayed"``, and with a word more for a second decay time, ``"2.0, decayed early"``.
    """
    rate, _, more = schedule.partition(",")
    lines = {"": (0, (4, 1.5)), "decayed": "-", "decayed late": "-"}
    line = lines.get(more.strip(), (0, (5, 1, 1, 1)))
    return Look(schedule if more else f"{schedule}, constant", *rate_look(float(rate)), line)


# --- numbers ------------------------------------------------------------------------------------------------


def replicates(array: Any, *dims: str) -> np.ndarray:
    """Return means over training seeds, data seeds (the replicates) first; a run that is missing makes a NaN."""
    return array.mean("seed", skipna=False).transpose("data_seed", *dims).values.astype(float)


def interval(array: Any, *dims: str) -> Interval:
    """Return the mean over data seeds and its 99 % t-interval, along ``dims``."""
    return mean_interval(replicates(array, *dims), axis=0)


def rows(ds: Any) -> int:
    """Return the number of training rows."""
    problem = ds.attrs["experiment"]["problem"]
    sizes = ("n_train",) if "n_train" in problem else ("n_simple", "n_complex", "n_noisy")
    return sum(problem[size] for size in sizes)


def epochs(ds: Any, steps: Any = None) -> np.ndarray:
    """Return how often every training row has been used at steps of the clock, by default those of the records."""
    experiment = ds.attrs["experiment"]
    steps = np.asarray(ds.step.values if steps is None else steps, float)
    iterations = experiment["dynamics"].get("iterations")
    if iterations is None:  # the law uses all rows at every step
        return steps
    return steps * iterations * experiment["problem"]["batch"] / rows(ds)


def decays(ds: Any, schedule: str) -> tuple[tuple[float, float], ...]:
    """Return the decays of a schedule of the axis, each as its epoch and the rate it goes to; none if constant."""
    axis = ds.attrs["experiment"]["axes"]["schedule"]
    stages = axis["values"][list(axis["labels"]).index(schedule)]
    changes = zip(epochs(ds, stages["boundaries"]), stages["rates"][:-1], stages["rates"][1:], strict=True)
    return tuple((float(epoch), float(after)) for epoch, before, after in changes if before != after)


def apart(epochs: np.ndarray, least: float = 1.5) -> list[int]:
    """Return which records to mark so that marks are at least so many epochs apart: records are dense after a decay."""
    chosen: list[int] = []
    for i, epoch in enumerate(epochs):
        if not chosen or epoch - epochs[chosen[-1]] >= least - 1e-9:
            chosen.append(i)
    return chosen


# --- words and marks ----------------------------------------------------------------------------------------


def seeds_of(ds: Any) -> str:
    """Return how many data seeds (and training seeds, where more than one) there are, for a title."""
    counts = (f"{ds.sizes[dim]}\N{NO-BREAK SPACE}{word}\N{NO-BREAK SPACE}seed{'s' * (ds.sizes[dim] != 1)}"
              for dim, word in (("data_seed", "data"), ("seed", "training"))
              if dim == "data_seed" or ds.sizes[dim] > 1)  # fmt: skip
    return " × ".join(counts)


def note_of(*datasets: Any, drawn: str = "bars and bands", more: Iterable[str] = ()) -> str:
    """Return what a title says of seeds and intervals; where results have different numbers of seeds, all of them."""
    *firsts, last = dict.fromkeys(seeds_of(ds) for ds in datasets)
    seeds = " and ".join(
        [*(text.removesuffix("\N{NO-BREAK SPACE}data\N{NO-BREAK SPACE}seeds") for text in firsts), last]
    )
    return "; ".join([seeds, f"{drawn}: {INTERVAL}", *more])


def accuracy_axis(*axes: Any, chance: float | None = 0.1) -> None:
    """Make y an axis of shares from 0 to 1, with chance as a dotted line."""
    for ax in axes:
        ax.set(ylim=(-0.02, 1.02), yticks=(0, 0.25, 0.5, 0.75, 1), yticklabels=("0", ".25", ".5", ".75", "1"))
        if chance is not None:
            ax.axhline(chance, color=style.NEUTRAL, linestyle=":", linewidth=0.8, zorder=0)


def mark_decays(ds: Any, schedule: str, *axes: Any, last: float | None = None, names: bool = True) -> None:
    """Draw a line at each decay of a schedule up to an epoch; on the first panel, on top, the rate it goes to."""
    for epoch, rate in decays(ds, schedule):
        if last is not None and epoch > last:
            continue
        for ax in axes:
            ax.axvline(epoch, color=style.NEUTRAL, linestyle="--", linewidth=0.7, zorder=0)
        if names:
            style.note(axes[0], f"to {rate:g}", (epoch, 1), (0, 1), xycoords=("data", "axes fraction"),
                       ha="center", va="bottom", annotation_clip=False)  # fmt: skip
