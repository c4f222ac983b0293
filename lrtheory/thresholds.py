"""Where along a learning rate a behaviour changes: lines between regimes, their intervals, and an adaptive search.

A criterion says of every rate of a Dataset whether it lies above the line. On a fixed grid the line is known to one
step of the grid; :func:`find_thresholds` refines the grid around every line, all lines and all seeds in one compiled
sweep a round, so that a bracket shrinks by the number of points a round.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrtheory.errors import ConfigError, require

if TYPE_CHECKING:
    import xarray as xr

    from lrtheory.experiment import Experiment


class Line(NamedTuple):
    """A line along an axis of rates.

    Attributes:
        name: such as "1|2".
        above: results -> true or false for each rate, whether it is above the line; rates in increasing order.
        rate: which rate of a grid is named: ``"last below"``, the largest that is not above, or ``"first above"``, the
            smallest that is. They are neighbours where the criterion changes once.
        published: the rate that a paper gives, if any.
    """

    name: str
    above: Callable[[xr.Dataset], xr.DataArray]
    rate: str
    published: float | None = None


class Threshold(NamedTuple):
    """Where a line was found.

    Attributes:
        line: the line.
        rate: the rate of the grid that the line names; NaN where the line is not within the rates.
        low, high: rates on both sides, the bracket; NaN likewise.
        interval: bootstrap interval of ``rate`` over independent replicates, at the level that was asked for. It is
            made of rates of the grid, and knows nothing between them.
    """

    line: Line
    rate: float
    low: float
    high: float
    interval: tuple[float, float]


def bracket(line: Line, ds: xr.Dataset, axis: str = "rate") -> tuple[float, float]:
    """Return the neighbouring rates between which the line lies; NaN where all rates are on one side of it."""
    rates, above = _sides(line, ds, axis)
    if line.rate == "first above":
        at = int(np.argmax(above)) if above.any() else 0
    else:
        at = len(above) - int(np.argmin(above[::-1])) if not above.all() else 0
    if not 0 < at < len(rates):
        return math.nan, math.nan
    return float(rates[at - 1]), float(rates[at])


def _sides(line: Line, ds: xr.Dataset, axis: str) -> tuple[np.ndarray, np.ndarray]:
    ds = ds.sortby(axis)
    above = line.above(ds)
    if above.dims != (axis,):
        raise ConfigError(f"line {line.name}: its criterion must give one answer for each {axis}, not {above.dims}")
    return ds[axis].values, above.values.astype(bool)


def thresholds(
    ds: xr.Dataset, lines: Sequence[Line], *, axis: str = "rate", level: float = 0.95, resamples: int = 200
) -> list[Threshold]:
    """Return every line on the rates of ``ds``, with a bootstrap interval.

    Replicates are drawn with replacement: data seeds where there are any, else seeds. With few of them (5, say) the
    interval is too short.

    Args:
        ds: results with an axis of rates.
        lines: the lines.
        axis: the name of the axis.
        level: of the interval.
        resamples: bootstrap samples, drawn with a fixed seed.
    """
    require(0 < level < 1, field="level", value=level, allowed="in (0, 1)")
    replicate = "data_seed" if "data_seed" in ds.sizes else "seed"
    rng = np.random.default_rng(0)
    n = ds.sizes[replicate]
    draws = [ds.isel({replicate: rng.integers(n, size=n)}) for _ in range(resamples)]
    found = []
    for line in lines:
        named = 1 if line.rate == "first above" else 0
        sides = bracket(line, ds, axis)
        rates = np.array([bracket(line, draw, axis)[named] for draw in draws])
        rates = rates[np.isfinite(rates)]
        ends = (math.nan, math.nan)
        if rates.size:
            # Rates of the grid, not numbers between them.
            low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2], method="nearest")
            ends = (float(low), float(high))
        found.append(Threshold(line, sides[named], *sides, ends))
    return found


def find_thresholds(
    experiment: Experiment,
    lines: Sequence[Line],
    *,
    axis: str = "rate",
    points: int = 3,
    tolerance: float = 0.02,
    level: float = 0.95,
    results: str | Path | None = None,
    **options: Any,
) -> tuple[list[Threshold], xr.Dataset]:
    """Find lines to a tolerance: run the rates of an experiment, then ever finer ones around each line.

    Each round runs ``points`` more rates inside every bracket that is still wider than the tolerance, evenly on the
    logarithm, for all seeds at once.

    Args:
        experiment: its axis named ``axis`` is the first grid.
        lines: the lines; one that the first grid does not enclose is returned as NaN.
        axis: name of the axis of rates.
        points: rates inside a bracket in one round; it then shrinks to 1/(points + 1).
        tolerance: width of a bracket, in decades, at which it is done.
        level: of the bootstrap intervals.
        results: a folder to keep every round in, as experiments of their own (``NAME``, ``NAME_round1``, ...); a search
            that was cut off goes on there.
        **options: further arguments of :func:`lrtheory.run`.

    Returns:
        the thresholds, and the results of all rounds together.

    Example:
        >>> from lrtheory.probes.sadrtdinov2024_regimes import LINES
        >>> from lrtheory.sims import load_sim
        >>> experiment = load_sim("sadrtdinov2024_rates").experiment  # doctest: +SKIP
        >>> found, ds = find_thresholds(experiment, LINES, results="results/laptop")  # doctest: +SKIP
    """
    import xarray as xr

    from lrtheory.sweep import run

    require(isinstance(points, int) and points >= 1, field="points", value=points, allowed="a whole number >= 1")
    require(tolerance > 0, field="tolerance", value=tolerance, allowed="> 0 (decades)")
    if axis not in experiment.axes:
        raise ConfigError(f"axis = {axis!r} is not allowed: the experiment has {', '.join(experiment.axes) or 'none'}")

    def results_of(part: Experiment) -> xr.Dataset:
        return run(part, results=None if results is None else Path(results, part.name), **options)

    ds = results_of(experiment)
    for number in range(1, 100):
        wide = {b for line in lines if _decades(b := bracket(line, ds, axis)) > tolerance}
        if not wide:
            break
        rates = sorted({float(r) for low, high in wide for r in np.geomspace(low, high, points + 2)[1:-1]})
        finer = dataclasses.replace(experiment.axes[axis], values=tuple(rates), labels=None)
        more = dataclasses.replace(
            experiment, name=f"{experiment.name}_round{number}", axes={**experiment.axes, axis: finer}
        )
        both = [ds, results_of(more)]
        ds = xr.concat(both, axis, data_vars="minimal", combine_attrs="override", join="override").sortby(axis)
    return thresholds(ds, lines, axis=axis, level=level), ds


def _decades(sides: tuple[float, float]) -> float:
    low, high = sides
    return math.log10(high / low) if low > 0 else 0.0
