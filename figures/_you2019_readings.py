"""Readings of what a decay does, against what is predicted if it removes noise and if it teaches. Not a figure.

Each number is that of the claim on it, read in the same way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from figures import _you2019 as you
from lrtheory.probes.you2019_decays import beyond_average, explained, gained, kept, reach
from lrtheory.statistics import Interval, ratio_interval

MAIN_EPOCHS = 20  # the decay whose numbers are told; others are shown beside them
DECAYED, KEPT = "2.0, decayed", "2.0"


class Row(NamedTuple):
    """An observable: its words, the ranges that count for either explanation, and what was measured.

    Attributes:
        name, detail: what is measured, in a few words and exactly.
        if_noise, if_patterns: what is predicted, in words.
        noise, patterns: the ranges that count for either, ends included or infinite.
        limits: of the strip.
        measured: mean and interval over data seeds.
        n: the number of data seeds.
        others: more means to show, by what they are drawn as.
        log: whether the strip is logarithmic.
        remark: a line under the verdict.
    """

    name: str
    detail: str
    if_noise: str
    if_patterns: str
    noise: tuple[float, float]
    patterns: tuple[float, float]
    limits: tuple[float, float]
    measured: Interval
    n: int
    others: dict[str, list[float]]
    log: bool = False
    remark: str = ""


def speaks_for(measured: Interval, noise: tuple[float, float], patterns: tuple[float, float]) -> str:
    """Return what an interval says of two ranges; a key of the figure's VERDICTS."""
    _, low, high = (float(end) for end in measured)
    if np.isnan(low) or np.isnan(high):
        return "not measured"
    for (least, most), word in ((noise, "noise removed"), (patterns, "new patterns")):
        if least <= low and high <= most:
            return word
    with_noise, with_patterns = (low <= most and high >= least for least, most in (noise, patterns))
    if with_noise and with_patterns:
        return "undecided"
    return "against new patterns" if with_noise else "against noise alone" if with_patterns else "neither"


# --- numbers, as the claims read them -------------------------------------------------------------------------


def _per_seed(array: Any) -> Any:
    """Return means over training seeds; a run that is missing makes a NaN."""
    return array.mean("seed", skipna=False)


def _ratio(top: Any, bottom: Any) -> Interval:
    return ratio_interval(_per_seed(top).values, _per_seed(bottom).values)


def _scalar(array: Any) -> Interval:
    return Interval(*(float(v) for v in you.interval(array)))


def _others(ds: Any, read: Any, at: int) -> dict[str, list[float]]:
    """Return the estimate at each decay but the one that is told: the first, and the rest."""
    steps = [int(step) for step in ds.decay_step.values]
    means = {step: float(read(step).mean) for step in steps if step != at}
    return {"first": [means[s] for s in steps[:1] if s in means], "rest": [means[s] for s in steps[1:] if s in means]}


def told(ds: Any) -> int:
    """Return the decay step whose numbers are told, the one nearest to MAIN_EPOCHS."""
    steps = ds.decay_step.values
    return int(steps[np.abs(you.epochs(ds, steps) - MAIN_EPOCHS).argmin()])


def rows_of(ds: Any, gd: Any) -> list[Row]:
    """Return the rows of the table from the sims of decays and of gradient descent."""
    at = told(ds)
    n, gap, back = ds.sizes["data_seed"], beyond_average(ds), kept(ds)
    late = list(ds.decay_step.values[1:]) or list(ds.decay_step.values)  # from a large rate that has settled

    def of_gap(step):
        return _scalar(gap.sel(decay_step=step))

    def ratio_at(pair, steps):
        return _ratio(*(part.sel(decay_step=np.atleast_1d(steps)).mean("decay_step", skipna=False) for part in pair))

    def by_average(step):
        return ratio_at(explained(ds), step)

    def kinds(steps):
        return ratio_at(gained(ds), steps)

    def turned(step):
        return ratio_at(reach(ds), step)

    def returned(step):
        return _scalar(back.sel(decay_step=step))

    alone = ratio_at(gained(ds, "explained"), late).mean
    after = " to ".join(f"{epoch:.0f}" for epoch in you.epochs(ds, ds.sub_step.values[-2:] - _boundary(ds)))
    inf = np.inf
    return [
        Row("averaged large-rate weights", "decayed less averaged: test accuracy on complex patterns", "as good: 0",
            "decayed better", (-inf, 0.05), (0.05, inf), (-0.1, 0.6), of_gap(at), n, _others(ds, of_gap, at)),
        Row("what the average explains", "of the complex test inputs gained, the share the average has right", "all: 1",
            "few", (0.5, 1.0), (0.0, 1 / 3), (0.0, 1.0), by_average(at), n, _others(ds, by_average, at)),
        Row("inputs gained, by kind",
            "share of complex over share of simple training rows gained (mean over late decays)", "all kinds: about 1",
            "complex: over 3", (1 / 3, 3.0), (3.0, inf), (0.33, 40.0), kinds(late), n,
            _others(ds, kinds, -1) | {"average": [alone]}, True,
            f"but {alone:.1f} by averaging alone" if np.isfinite(alone) else ""),
        Row("distance moved", "turn from the average over the turn of the noise (angles, mean over layers)",
            "order 1", "far: over 3", (1 / 3, 3.0), (3.0, inf), (0.33, 40.0), turned(at), n,
            _others(ds, turned, at), True),
        *_descent(gd),
        Row("return to the large rate", f"{after} epochs after it, less before the decay: test accuracy on complex "
            "patterns (mean over late decays)", "all lost: 0", "partly kept", (-0.05, 0.05), (0.1, inf), (-0.1, 0.5),
            _scalar(back.sel(decay_step=late).mean("decay_step", skipna=False)), n, _others(ds, returned, -1)),
    ]  # fmt: skip


def _boundary(ds: Any) -> float:
    """Return the step of a sub-path at which its branches part."""
    schedule = ds.attrs["experiment"]["sub_paths"]["schedule"]["schedules"][0]
    return min(schedule["boundaries"][0], float(ds.sub_step.values[-1]))


def _descent(ds: Any) -> list[Row]:
    """Return the rows of gradient descent on all rows: decay when all is fitted, and before."""
    ends = ds.test_accuracy_complex.isel(record=-1)
    found = []
    for when, detail in (("late", "once all is fitted"), ("early", "before all is fitted")):
        gain = ends.sel(schedule=f"1.0, decayed {when}") - ends.sel(schedule="1.0")
        row = Row(f"full-batch GD, decay {when}", f"{detail}: gain over no decay in test accuracy on complex patterns",
                  "no gain", "gain, if the rate itself matters", (-np.inf, 0.02), (0.02, np.inf), (-0.1, 0.1),
                  _scalar(gain), ds.sizes["data_seed"], {}, False,
                  "decay costs: slower" if _scalar(gain).high < 0 else "")  # fmt: skip
        found.append(row)
    return found


def to_explain(ds: Any) -> dict[str, Interval]:
    """Return the gain in test accuracy on complex patterns after the large rate, with decay and without."""
    axis = ds.attrs["experiment"]["axes"]["schedule"]
    stages = axis["values"][list(axis["labels"]).index(DECAYED)]
    early = np.flatnonzero(ds.step.values <= stages["boundaries"][0])[-2:]
    accuracy = ds.test_accuracy_complex
    gain = accuracy.isel(record=-1) - accuracy.isel(record=early).mean("record")
    return {name: _scalar(gain.sel(schedule=name)) for name in (DECAYED, KEPT)}
