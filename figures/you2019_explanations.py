"""What decay does: each observable against what two explanations predict, noise removed and new patterns learnt."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures import _you2019 as you
from figures import style
from figures._you2019_readings import DECAYED, KEPT, Row, rows_of, speaks_for, to_explain, told
from lrtheory.statistics import Interval

INPUTS = ("you2019_main", "you2019_decay", "you2019_gd")

ALT = (
    "A table. Rows: observables at a decay, from averaged weights to what a return to the large rate undoes. Columns: "
    "what is predicted if decay only removes noise, what if it teaches new patterns, a strip with ranges that count "
    "for either (plain, hatched) and the measured point and interval, the number, and which it speaks for. Look for "
    "points in plain ranges against points in hatched ones."
)

NOISE, PATTERNS = "#cfe4f3", "#fbd9b5"
#: What the interval says: words, and the colour they are written in.
VERDICTS = {
    "noise removed": style.COLOURS["blue"],
    "against new patterns": style.COLOURS["blue"],
    "new patterns": "#a64800",
    "against noise alone": "#a64800",
    "neither": style.COLOURS["black"],
    "undecided": style.COLOURS["black"],
    "not measured": style.NEUTRAL,
}
SMALL = {
    "linestyle": "none", "markerfacecolor": "white", "markeredgecolor": "#444444", "markersize": 3.5,
    "markeredgewidth": 0.7,
}  # fmt: skip
WIDTHS = (2.35, 1.1, 1.15, 2.0, 1.0, 1.15)


def draw(main, decay, gd):
    """Return the table."""
    rows = rows_of(decay, gd)
    gains = to_explain(main)
    figure, _ = style.new("double", 0.62 * len(rows) + 1.75)
    figure.clear()
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.01, hspace=0.0, wspace=0.0, rect=(0.012, 0.005, 0.976, 0.99))
    grid = figure.add_gridspec(len(rows) + 1, len(WIDTHS), width_ratios=WIDTHS, height_ratios=[0.4] + [1] * len(rows))
    heads = ("observable", "if decay only\nremoves noise", "if it teaches\nnew patterns", "measured against both",
             "mean, 99 %\ninterval", "speaks for")  # fmt: skip
    for i, head in enumerate(heads):
        _cell(figure.add_subplot(grid[0, i]), head, weight="bold", line=False)
    words = []
    for k, row in enumerate(rows):
        cells = [figure.add_subplot(grid[k + 1, i]) for i in range(len(WIDTHS))]
        words.append(_row(cells, row))
    first, at = (float(you.epochs(decay, step)) for step in (decay.decay_step.values[0], told(decay)))
    figure.legend(handles=_keys(first), loc="outside lower center", ncol=4, handlelength=1.6, columnspacing=1.5)
    style.title(figure, _statement(words, decay, rows, at), n_seeds=None, interval=_context(gains, main))
    return figure


def _row(cells: list[Any], row: Row) -> str:
    """Draw a row in its cells; return its verdict."""
    name, noise, patterns, strip, number, verdict = cells
    word = speaks_for(row.measured, row.noise, row.patterns)
    _cell(name, row.name, row.detail, width=33)
    _cell(noise, row.if_noise, width=15)
    _cell(patterns, row.if_patterns, width=16)
    _strip(strip, row)
    mean, low, high = row.measured
    interval = f"[{_short(low)}, {_short(high)}]" if np.isfinite(mean) and not np.isnan(low) else ""
    _cell(number, _short(mean), f"{interval}\nn = {row.n}")
    _cell(verdict, word, row.remark, width=16, weight="bold", color=VERDICTS[word])
    return word


def _cell(ax: Any, text: str, more: str = "", *, width: int = 40, line: bool = True, **font: Any) -> None:
    """Write a text at the left of a cell, and more of it below in grey."""
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    font = {"fontsize": style.SMALLEST, "linespacing": 1.05} | font
    below = "\n".join(wrapped for part in more.split("\n") for wrapped in textwrap.wrap(part, width))
    above = "\n".join(wrapped for part in text.split("\n") for wrapped in textwrap.wrap(part, width))
    lines = above.count("\n") + 1
    ax.text(0, 0.92 if line else 0.5, above, va="top" if line else "center", in_layout=False, **font)
    if below:
        ax.annotate(below, (0, 0.92), (0, -9.2 * lines), textcoords="offset points", va="top", color="#555555",
                    in_layout=False, fontsize=style.SMALLEST, linespacing=1.05)  # fmt: skip
    if line:
        ax.plot([-0.05, 1.05], [1, 1], color="#bbbbbb", linewidth=0.5, clip_on=False, in_layout=False)


def _short(value: float) -> str:
    """Return a number as it stands in the table."""
    if np.isnan(value):
        return "-"
    size = abs(value)
    text = "∞" if np.isinf(size) else f"{size:.3f}" if size < 0.095 else f"{size:.2f}" if size < 10 else f"{size:.0f}"
    return ("\N{MINUS SIGN}" if value < 0 else "") + text.removeprefix("0" if size < 1 else "")


def _plain(tick: float) -> str:
    """Return the label of a tick, without a zero before the point."""
    return f"{round(tick, 6):g}".replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")


def _limits(row: Row) -> tuple[float, float]:
    """Return the limits of a strip, wider than usual where a number asks for it."""
    shown = [v for values in ([row.measured.mean], *row.others.values()) for v in values if np.isfinite(v)]
    left, right = row.limits
    beyond = [v for v in shown if not left < v < right and not (row.log and v <= 0)]
    return min([left, *(v * 1.1 if v < 0 else v / 1.1 for v in beyond)]), max([right, *(v * 1.1 for v in beyond)])


def _strip(ax: Any, row: Row) -> None:
    """Draw the ranges of both explanations, and what was measured."""
    left, right = _limits(row)
    ax.set(xscale="log" if row.log else "linear", xlim=(left, right), ylim=(0, 1))
    for (low, high), colour, hatch in ((row.noise, NOISE, None), (row.patterns, PATTERNS, "////")):
        ax.axvspan(max(low, left), min(high, right), facecolor=colour, edgecolor="white", hatch=hatch, linewidth=0)
    for key, values in row.others.items():
        marker = {"first": "v", "average": "x"}.get(key, "o")
        ax.plot(values, np.full(len(values), 0.27), marker, **SMALL, zorder=3)
    mean, low, high = row.measured
    if np.isfinite(mean):
        # An interval of no width may lie a rounding off its mean.
        ends = np.maximum([[mean - max(low, left)], [min(high, right) - mean]], 0) if not np.isnan(low) else None
        for end, beyond, arrow in ((left, low < left, "<"), (right, high > right, ">")):
            if beyond:
                ax.plot(end, 0.63, arrow, color="black", markersize=5, clip_on=False, zorder=5)
        ax.errorbar([mean], [0.63], xerr=ends, marker="o", color="black", markersize=4.5, elinewidth=1.2, capsize=2.5,
                    zorder=4)  # fmt: skip
    ax.set_yticks([])
    if row.log:
        ticks = [tick for tick in (0.5, 1, 3, 10, 30) if left <= tick <= right]
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    else:
        step = 0.05 if right - left < 0.3 else 0.1 if right < 1 else 0.25
        ticks = np.arange(round(left / step), round(right / step) + 1) * step
        ax.set_xticks(ticks, [_plain(tick) for tick in ticks])
    ax.tick_params(axis="x", length=2, pad=1)
    ax.spines["left"].set_visible(False)


def _keys(first: float) -> list[Any]:
    """Return the entries of the legend."""
    return [
        Patch(facecolor=NOISE, label="counts for noise removed"),
        Patch(facecolor=PATTERNS, edgecolor="white", hatch="////", linewidth=0, label="counts for new patterns"),
        Line2D([], [], color="black", marker="o", markersize=4.5, label="the number told, 99 % interval"),
        Line2D([], [], marker="v", label=f"decay after {first:.2g} epochs", **SMALL),
        Line2D([], [], marker="o", label="other decay times", **SMALL),
        Line2D([], [], marker="x", label="averaging alone", **SMALL),
    ]


def _statement(words: list[str], ds: Any, rows: list[Row], epoch: float) -> str:
    """Return what the table says, counted."""
    rate = float(ds.attrs["experiment"]["schedule"]["rate"])
    phrases = {
        "noise removed": "speak for noise removed", "against new patterns": "against new patterns",
        "new patterns": "for new patterns", "against noise alone": "against noise alone", "neither": "for neither",
        "undecided": "for nothing yet", "not measured": "without a number",
    }  # fmt: skip
    counts = ", ".join(f"{words.count(word)} {phrase}" for word, phrase in phrases.items() if word in words)
    text = f"What a decay from {rate:.1f} after {epoch:.2g} epochs does: of {len(words)} readings {counts}"
    gap = rows[0].measured.mean
    if np.isfinite(gap) and gap > 0:
        text += f"; averaged large-rate weights fall short of decayed ones by {_short(gap)}"
    return text


def _context(gains: dict[str, Interval], main: Any) -> str:
    """Return the gain that is to be explained, and what stands behind the numbers."""
    (with_it, *ends), (without, *more) = gains[DECAYED], gains[KEPT]
    spans = [f"{_short(m)} [{_short(a)}, {_short(b)}]" for m, (a, b) in ((with_it, ends), (without, more))]
    return (
        f"to be explained: test accuracy on complex patterns rises by {spans[0]} with decay, by {spans[1]} without "
        f"({main.sizes['data_seed']} data seeds); 99 % intervals over data seeds: t, of ratios Fieller's; readings "
        "overlap"
    )
