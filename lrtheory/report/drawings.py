"""Where things lie in the drawings of the page; the template draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from lrtheory.checking import Entry
from lrtheory.report.words import number


class Label(NamedTuple):
    """A text at a place of a horizontal axis; ``anchor`` is SVG's text-anchor."""

    x: float
    text: str
    anchor: str = "middle"


class Strip(NamedTuple):
    """An interval against the range that is claimed; horizontal positions in ``width``."""

    width: float
    band: tuple[float, float]
    #: ends of the band that are bounds, and not infinity
    bounds: list[float]
    labels: list[Label]
    low: float
    high: float
    estimate: float


def strip(entry: Entry, width: float = 320.0, pad: float = 52.0) -> Strip | None:
    """Return the drawing of an interval; None where there is none, or no range to compare it with."""
    bounds, v = entry.claim.relation.bounds, entry.verdict
    if bounds is None or not math.isfinite(v.low + v.high + v.estimate):
        return None
    finite = [b for b in bounds if math.isfinite(b)]
    left, right = min([*finite, v.low]), max([*finite, v.high])
    if right == left:
        left, right = left - 1, right + 1

    def at(value: float) -> float:
        return round(min(max(pad + (value - left) / (right - left) * (width - 2 * pad), 0.0), width), 2)

    band = [at(b) if math.isfinite(b) else (0.0 if b < 0 else width) for b in bounds]
    if band[1] - band[0] < 3:  # it must be seen
        band = [band[0] - 1.5, band[1] + 1.5]
    places = [x for x, b in zip(band, bounds, strict=True) if math.isfinite(b)]
    labels = [Label(x, number(b)) for x, b in zip(places, finite, strict=True)]
    if len(labels) == 2 and labels[1].x - labels[0].x < 70:
        labels = [labels[0]._replace(anchor="end"), labels[1]._replace(anchor="start")]
    return Strip(width, (band[0], band[1]), places, labels, at(v.low), at(v.high), at(v.estimate))


class Row(NamedTuple):
    """The seeds of one claim, as horizontal positions, and the replay that they are of."""

    y: float
    replay: Any
    mean: float
    low: float
    high: float
    fixed: float
    planned: float


class Dots(NamedTuple):
    """Seeds used until a claim was decided, against a fixed design, on a logarithmic axis."""

    width: float
    height: float
    #: vertical extent of the axis
    top: float
    bottom: float
    ticks: list[Label]
    rows: list[Row]


def dots(replays: Sequence[Any], width: float = 440.0, pad: float = 14.0, step: float = 36.0) -> Dots | None:
    """Return the drawing of replays (see :class:`lrtheory.replay.Replay`); None where there are none."""
    if not replays:
        return None
    counts = [n for r in replays for n in (r.sequential_low, r.sequential_high, r.sequential_mean, r.fixed, r.planned)]
    first, last = math.floor(math.log2(max(min(counts), 1))), math.ceil(math.log2(max(max(counts), 2)))
    last = max(last, first + 1)

    def at(n: float) -> float:
        return round(pad + (math.log2(max(n, 1)) - first) / (last - first) * (width - 2 * pad), 2)

    every = -(-(last - first) // 8)  # at most nine ticks
    ticks = [Label(at(2**k), str(2**k)) for k in range(first, last + 1, every)]
    top = 8.0
    rows = [
        Row(
            top + step * i + 26, r, at(r.sequential_mean), at(r.sequential_low), at(r.sequential_high), at(r.fixed),
            at(r.planned),
        )
        for i, r in enumerate(replays)
    ]  # fmt: skip
    bottom = top + step * len(replays) + 6
    return Dots(width, bottom + 38, top, bottom, ticks, rows)
