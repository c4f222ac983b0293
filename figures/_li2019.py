"""What the figures of Li, Wei, Ma 2019 share: names, labels, reference lines. Not a figure itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from figures import style
from figures.style import note, number, seeds_first
from lrtheory.statistics import Interval, mean_interval
from lrtheory.theory import li2019 as theory

#: Algorithm to colour; the order is the order in panels.
ALGORITHMS = {"L-S": style.LARGE, "S": style.SMALL}

#: Kind of input to (name, colour, line style).
KINDS = {
    "p_only": ("P only", style.COLOURS["green"], "-"),
    "q_only": ("Q only", style.COLOURS["purple"], "-"),
    "both": ("both", style.NEUTRAL, "--"),
}

INTERVAL = "99 % t-intervals of the mean"
TIME = r"training time $t$ (summed learning rate)"
TIME_SHORT = r"training time $t=\Sigma\,\eta$"
LOG2 = float(np.log(2))

#: Fields of the problem that a title may name: field to (symbol, function of the value and the problem). No mathtext:
#: a title is wrapped by the number of its characters.
_SYMBOLS = {
    "d": ("d", lambda v, p: v),
    "kappa": ("κ", lambda v, p: f"{v:g}"),
    "gamma0": ("γ₀√d", lambda v, p: f"{v * p['d'] ** 0.5:.3g}"),
    "q0": ("q", lambda v, p: v),
    "r": ("r", lambda v, p: number(v)),
    "s": ("s", lambda v, p: f"{v:g}"),
    "alpha_low": ("α", lambda v, p: f"U[{v:g},\N{NO-BREAK SPACE}1]"),
    "weight_decay": ("λ", lambda v, p: number(v)),
}


class Reference(NamedTuple):
    """A reference classifier: the average of n inputs with P. Error and cosine follow from n/d."""

    label: str
    error: Any
    cosine: Any


def problem_of(ds: Any) -> dict[str, Any]:
    """Return the problem of the manifest, with the weight decay of the dynamics or the problem."""
    experiment = ds.attrs["experiment"]
    problem = dict(experiment["problem"])
    if "weight_decay" not in problem:
        problem["weight_decay"] = experiment["dynamics"].get("weight_decay", np.nan)
    return problem


def width_of(ds: Any) -> str:
    """Return what is said of the width: infinite, or the number of units of either block."""
    problem = problem_of(ds)
    if "Infinite" in str(problem.get("class", "")):
        return "infinite width"
    widths = {name: problem[name] for name in ("m_w", "m_v") if name in problem}
    return "finite width" + (f" ({widths['m_w']} P units, {widths['m_v']} Q units)" if len(widths) == 2 else "")


def parameters(ds: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return symbol to value of what the runs of one dataset have in common, for the title."""
    problem = problem_of(ds)
    return {
        symbol: shown(problem[field], problem)
        for field, (symbol, shown) in _SYMBOLS.items()
        if field in problem and field not in without
    }


def split_parameters(*datasets: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the parameters that several datasets share, and of each those in which they differ."""
    each = [parameters(ds) for ds in datasets]
    shared = {k: v for k, v in each[0].items() if all(str(own.get(k)) == str(v) for own in each)}
    return shared, [{k: v for k, v in own.items() if k not in shared} for own in each]


def in_words(values: dict[str, Any]) -> str:
    """Return parameters as one line."""
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def small_theta(ds: Any) -> float:
    """Return the temperature of the small rate, eta2/eta1: the last rate of the schedule over the first."""
    rates = ds.attrs["experiment"]["schedule"]["rates"]
    return float(rates[-1]) / float(rates[0])


def references(problem: dict[str, Any]) -> tuple[Reference, Reference]:
    """Return the two reference classifiers: of the P-only inputs (n = d/2), of all N(1-q) inputs with P."""
    gamma0, d = problem["gamma0"], problem["d"]
    few, every = problem["p_only_ratio"], (1 - problem["q0"]) / problem["kappa"] ** 2
    few_name = "d/2" if few == 0.5 else f"{few:g}\\,d"
    return tuple(
        Reference(f"${name}$", theory.averaging_error(n, gamma0, d), theory.averaging_cosine(n, gamma0, d))
        for name, n in ((few_name, few), ("N(1-q)", every))
    )


def curve(cells: Any, name: str) -> tuple[np.ndarray, Interval]:
    """Return time and the mean of a variable over seeds, with its interval.

    Seeds that annealed or stopped at other times are brought to the clock of the first one by linear interpolation.
    """
    time, values = seeds_first(cells.time, "record"), seeds_first(cells[name], "record")
    clock = time[0]
    return clock, mean_interval([np.interp(clock, t, v) for t, v in zip(time, values, strict=True)], axis=0)


def at_time(ds: Any, name: str, time: float) -> np.ndarray:
    """Return a variable at a time, linear between records; seeds first, then the other dimensions as they are."""
    dims = [dim for dim in ds[name].dims if dim not in ("seed", "record")]
    values = seeds_first(ds[name], *dims, "record")
    clock = np.broadcast_to(seeds_first(ds.time, *dims, "record"), values.shape)
    rows = zip(clock.reshape(-1, clock.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True)
    return np.reshape([np.interp(time, t, v) for t, v in rows], values.shape[:-1])


def vertical(ax: Any, time: Any, text: str, *, at: float = 0.98, side: str = "right", rotation: float = 90) -> None:
    """Mark a moment, or the range of several; the text ends at a height of the panel, along the line or beside it."""
    low, high = float(np.min(time)), float(np.max(time))
    if high > low * 1.01:
        ax.axvspan(low, high, color=style.NEUTRAL, alpha=0.2, linewidth=0, zorder=0)
    ax.axvline(high, color=style.NEUTRAL, linewidth=0.8, linestyle=":", zorder=0)
    note(ax, text, (high, at), (2 if side == "right" else -2, 0), xycoords=("data", "axes fraction"),
         rotation=rotation, va="top", ha="left" if side == "right" else "right")  # fmt: skip


def last_time(ds: Any) -> str:
    """Return the time of the last record, or the range where cells stopped at different times."""
    ends = ds.time.isel(record=-1)
    low, high = float(ends.min()), float(ends.max())
    return f"{high:.4g}" if low > 0.99 * high or np.isnan(low) else f"{low:.4g}–{high:.4g}"


def annealing_time(cells: Any) -> np.ndarray:
    """Return when the first stage ended, for each seed."""
    return cells.stage_time.isel(stage_index=0).values


def percent(values: Interval) -> Interval:
    """Return an interval in per cent."""
    return Interval(*(100 * np.asarray(v) for v in values))
