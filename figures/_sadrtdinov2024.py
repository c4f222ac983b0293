"""What the figures of Sadrtdinov et al. 2024 share: colours and names of paths, replicates, regimes. Not a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.transforms import offset_copy

from figures import style
from lrtheory.probes.sadrtdinov2024_regimes import LINES
from lrtheory.statistics import Interval, mean_interval
from lrtheory.thresholds import Line, Threshold, thresholds


class Path(NamedTuple):
    """How what comes out of a path, or an average of checkpoints, is named and drawn in every figure."""

    name: str
    colour: str
    marker: str


#: One meaning, one colour. The keys of fine-tuning are the labels of the branches.
PATHS = {
    "pre": Path("pre-trained", style.COLOURS["black"], "o"),
    "low": Path("fine-tuned, low", style.SMALL, "v"),
    "mid": Path("fine-tuned, mid", style.COLOURS["green"], "s"),
    "high": Path("fine-tuned, high", style.LARGE, "^"),
    "average": Path("average", style.COLOURS["purple"], "D"),
}

#: The pairs of the probe Basin, in its order.
PAIRS = (("low", "high"), ("average", "low"), ("average", "high"))

RATE = r"pre-training rate $\eta$ (time per iteration)"
INTERVAL = "99 % t-intervals of the mean over data seeds"
QUARTILES = "median and quartiles over runs"

#: Regime to the grey behind it; neighbours differ, and each has its name on top.
REGIMES = {"1": "#ffffff", "2A": "#dcdcdc", "2B": "#f0f0f0", "3": "#d2d2d2"}

LEVEL = 0.95  # of the intervals of the lines
RESAMPLES = 200
REGIMES_NOTE = (
    f"grey: regimes; bars on top: where their edges lie ({100 * LEVEL:.0f} % bootstrap), dots: the lines of the paper"
)


# --- numbers ------------------------------------------------------------------------------------------------


def replicates(array: Any, *dims: str) -> np.ndarray:
    """Return means over training seeds, data seeds (the replicates) first; a run that is missing makes a NaN."""
    return array.mean("seed", skipna=False).transpose("data_seed", *dims).values.astype(float)


def interval(array: Any, *dims: str) -> Interval:
    """Return the mean over data seeds and its 99 % t-interval, along ``dims``."""
    return mean_interval(replicates(array, *dims), axis=0)


def quartiles(array: Any, *dims: str) -> Interval:
    """Return the median over all runs and the quartiles on both sides of it, along ``dims``."""
    found = array.quantile([0.5, 0.25, 0.75], ("seed", "data_seed"), skipna=False)
    return Interval(*found.transpose("quantile", *dims).values)


# --- words --------------------------------------------------------------------------------------------------


def seeds_of(ds: Any) -> str:
    """Return how many data seeds and training seeds there are, for a title."""
    counts = (f"{ds.sizes[dim]} {word}{'s' * (ds.sizes[dim] != 1)}"
              for dim, word in (("data_seed", "data seed"), ("seed", "training seed")))  # fmt: skip
    return " × ".join(counts).replace(" seed", "\N{NO-BREAK SPACE}seed")


def unbroken(text: str) -> str:
    """Return a text whose words with a hyphen stay on one line of a title."""
    return text.replace("-", "\N{NON-BREAKING HYPHEN}")


def parameters(ds: Any) -> dict[str, object]:
    """Return what a reader must know of the runs, for a title: names to values."""
    experiment = ds.attrs["experiment"]
    problem, sub_paths = experiment["problem"], experiment.get("sub_paths")
    a_step = experiment["dynamics"]["iterations"]
    found = {"n": problem["n"], "features": problem["n_features"], "batch": problem["batch"]}
    found[unbroken("pre-training")] = f"{experiment['n_steps'] * a_step:,} iterations"
    if sub_paths:
        found[unbroken("fine-tuning")] = f"{sub_paths['n_steps'] * a_step:,}"
    return found


def branch_rate(ds: Any, branch: str) -> float:
    """Return the rate of a branch of fine-tuning."""
    schedule = ds.attrs["experiment"]["sub_paths"]["schedule"]
    return float(schedule["schedules"][list(schedule["labels"]).index(branch)]["rate"])


# --- regimes ------------------------------------------------------------------------------------------------


class Regimes(NamedTuple):
    """The regimes along the rates of some results.

    Attributes:
        lines: the lines 1|2, 2A|2B, 2|3, as they were detected; NaN where a line is not within the rates.
        edges: what separates the four regimes on a picture: midway between the two rates on either side of a line, so
            that each rate stands in its regime; 0 or infinity for a line below or above all rates.
        spans: where each line lies, from the rate that is below it to the one above it in all but 5 % of resamples.
    """

    lines: tuple[Threshold, ...]
    edges: tuple[float, ...]
    spans: tuple[tuple[float, float], ...]


def regimes(ds: Any, lines: Sequence[Line] = LINES) -> Regimes:
    """Detect the regimes; needs the variables of Curves, Basin and Features. Takes seconds: call it once."""
    # In memory, for it is read again at every resample.
    needed = ("batch_loss", "train_accuracy", "test_accuracy", "random_loss", "average_accuracy", "test_barrier")
    ds = ds[list(needed)].sortby("rate").load()
    found = tuple(thresholds(ds, lines, axis="rate", level=LEVEL, resamples=RESAMPLES))
    edges = [_edge(line, here, ds) for line, here in zip(lines, found, strict=True)]
    # 2A|2B is not within the rates where no basin is poor: then 2A ends where 3 begins.
    edges = np.minimum.accumulate(edges[::-1])[::-1]
    spans = (_span(line, here, ds.rate.values) for line, here in zip(lines, found, strict=True))
    return Regimes(found, tuple(edges.tolist()), tuple(spans))


def regime_of(found: Regimes, rate: float) -> str:
    """Return the name of the regime of a rate."""
    return list(REGIMES)[sum(rate > edge for edge in found.edges)]


def _edge(line: Line, found: Threshold, ds: Any) -> float:
    if np.isfinite(found.rate):
        return float(np.sqrt(found.low * found.high))
    above = line.above(ds).values
    return 0.0 if (above.all() if line.rate == "last below" else above[0]) else np.inf


def _span(line: Line, found: Threshold, rates: np.ndarray) -> tuple[float, float]:
    """Return the interval of a line with the neighbour on the other side of the line at one end."""
    low, high = found.interval
    if not np.isfinite(low):
        return low, high
    if line.rate == "last below":
        return low, float(rates[rates > high].min())
    return float(rates[rates < low].max()), high


def shade(found: Regimes, *axes: Any, names: bool = True) -> None:
    """Shade the regimes behind panels whose x axis is the pre-training rate; call it when the x limits are set.

    Above the first panel are the names and, for each line, a bar from end to end of where it may lie, and a dot at the
    rate that the paper gives.
    """
    top = axes[0]
    left, right = top.get_xlim()
    edges = np.clip([left, *found.edges, right], left, right)
    for (name, grey), low, high in zip(REGIMES.items(), edges[:-1], edges[1:], strict=True):
        if not high > low:
            continue
        for ax in axes:
            ax.axvspan(low, high, color=grey, linewidth=0, zorder=-10)
        if names:
            style.note(top, name, (np.sqrt(low * high), 1), (0, 10), xycoords=("data", "axes fraction"), ha="center",
                       va="bottom", color="black", annotation_clip=False)  # fmt: skip
    for edge in found.edges:
        for ax in axes:
            if left < edge < right:
                ax.axvline(edge, color=style.NEUTRAL, linewidth=0.7, zorder=-9)
    heights = (3, 7, 3)  # in points: bars of neighbours may overlap
    for here, span, height in zip(found.lines, found.spans, heights, strict=True):
        if names:
            above = offset_copy(top.get_xaxis_transform(), top.figure, y=height, units="points")
            drawn = {"transform": above, "color": "black", "clip_on": False, "scalex": False, "scaley": False}
            top.plot(span, [1, 1], linewidth=1, marker="|", markersize=4, markeredgewidth=1, **drawn)
            if here.line.published and left < here.line.published < right:
                top.plot(here.line.published, 1, marker=".", markersize=5, **drawn)
    top.set_xlim(left, right)


def rate_axis(ds: Any, *axes: Any) -> None:
    """Make x a log axis over the pre-training rates, labelled on the last panel."""
    for ax in axes:
        ax.set(xscale="log", xlim=(float(ds.rate.min()) / 1.35, float(ds.rate.max()) * 1.35))
    axes[-1].set_xlabel(RATE)


def nearest(ds: Any, rate: float) -> int:
    """Return the number of the rate of the results that is nearest on the logarithm."""
    return int(np.abs(np.log(ds.rate.values / rate)).argmin())


def beside(rates: Any, i: int, n: int, step: float = 1.03) -> np.ndarray:
    """Return rates moved sideways for the i-th of n curves, so that bars at one rate stand side by side."""
    return np.asarray(rates) * step ** (i - (n - 1) / 2)
