"""What a claim says of its quantity: greater than, equal within a margin, rising along an axis, and so on.

The functions at the end make them. How a relation is held against a sample is in :mod:`lrtheory.evidence`.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lrtheory.errors import ConfigError
from lrtheory.evidence import Evidence, Means, Reading, Relation, Slacks
from lrtheory.inference import Inference
from lrtheory.statistics import fieller, log_slope


@dataclasses.dataclass(frozen=True)
class Range(Means):
    """low <= mean <= high; a bound may be infinite."""

    low: float
    high: float
    #: how the range is written, where not as an interval
    text: str = ""

    def __post_init__(self) -> None:
        """Refuse an empty range, and one without bounds."""
        if not self.low < self.high or (self.low, self.high) == (-math.inf, math.inf):
            raise ConfigError(f"range {self.low} .. {self.high} is not allowed: it must be low < high, one finite")

    @property
    def predicted(self) -> str:
        if self.text:
            return self.text
        if math.isinf(self.high):
            return f"> {self.low:g}"
        return f"< {self.high:g}" if math.isinf(self.low) else f"in [{self.low:g}, {self.high:g}]"

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    def alternatives(self, values: np.ndarray, x: Any, ds: Any) -> list[Slacks]:
        sides = [
            (values - self.low) if math.isfinite(self.low) else None,
            (self.high - values) if math.isfinite(self.high) else None,
        ]
        slack = np.stack([s for s in sides if s is not None], 1)
        return [Slacks(slack, np.broadcast_to(values[:, None], slack.shape), [""] * slack.shape[1])]


@dataclasses.dataclass(frozen=True)
class Slope(Range):
    """The mean slope on logarithmic axes lies in a range."""

    axis: str = ""

    @property
    def along(self) -> str | None:
        return self.axis

    @property
    def predicted(self) -> str:
        return f"slope {super().predicted}"

    def numbers(self, values: np.ndarray, x: Any) -> np.ndarray:
        x = np.asarray(x)
        if x.dtype.kind not in "iuf" or x.size < 2 or not (x > 0).all():
            raise ConfigError(f"a slope along {self.axis!r} needs two positive numbers on it or more, not {x.tolist()}")
        return log_slope(x, values)


@dataclasses.dataclass(frozen=True)
class Ratio(Range):
    """The ratio of two means lies in a range: E x - low E y >= 0 and high E y - E x >= 0, given E y > 0 (Fieller)."""

    def weigh(self, values: Any, x: Any, ds: Any, inference: Inference) -> Evidence:
        top, bottom = values.T
        n = top.size
        evidence = super().weigh(values, x, ds, inference)
        # Where the denominator is not surely positive the ratio has no meaning, and neither verdict is given.
        mean, std = float(bottom.mean()), float(bottom.std(ddof=1))
        positive = float(mean <= 0) if std == 0 else float(inference.p(math.sqrt(n) * mean / std, n))

        def read(a: float) -> Reading:
            if mean <= 0:
                return Reading(math.nan, -math.inf, math.inf)
            return Reading(float(top.mean()) / mean, *fieller(top, bottom, inference.threshold(n, a)))

        note = "the denominator is not positive" if mean <= 0 else evidence.note
        refuted = max(evidence.refuted, min(1.0, evidence.factors[1] * positive))
        return Evidence(max(evidence.holds, positive), refuted, read, note, evidence.factors)

    def alternatives(self, values: np.ndarray, x: Any, ds: Any) -> list[Slacks]:
        top, bottom = values.T
        sides = [top - self.low * bottom if math.isfinite(self.low) else None,
                 self.high * bottom - top if math.isfinite(self.high) else None]  # fmt: skip
        slack = np.stack([s for s in sides if s is not None], 1)
        return [Slacks(slack, slack, [""] * slack.shape[1])]


@dataclasses.dataclass(frozen=True)
class Monotone(Means):
    """No later mean lies below (sign -1: above) an earlier one by more than a tolerance."""

    axis: str
    sign: int
    tolerance: float

    @property
    def along(self) -> str | None:
        return self.axis

    @property
    def predicted(self) -> str:
        word = "rises" if self.sign > 0 else "falls"
        return f"{word} along {self.axis}" + (f" (back by {self.tolerance:g} at most)" if self.tolerance else "")

    def alternatives(self, values: np.ndarray, x: Any, ds: Any) -> list[Slacks]:
        steps = _steps(values, x, [(i, j, self.sign) for i, j in itertools.combinations(range(values.shape[1]), 2)])
        return [steps._replace(slack=steps.slack + self.tolerance)]


@dataclasses.dataclass(frozen=True)
class Unimodal(Means):
    """The means rise strictly to a peak inside the axis and fall strictly after it."""

    axis: str

    @property
    def along(self) -> str | None:
        return self.axis

    @property
    def predicted(self) -> str:
        return f"rises, then falls along {self.axis}"

    def alternatives(self, values: np.ndarray, x: Any, ds: Any) -> list[Slacks]:
        k = values.shape[1]
        if k < 3:
            raise ConfigError(f"a peak along {self.axis!r} needs at least 3 points, not {k}")
        return [
            _steps(values, x, [
                *((i, j, 1) for i, j in itertools.combinations(range(peak + 1), 2)),
                *((i, j, -1) for i, j in itertools.combinations(range(peak, k), 2)),
            ])
            for peak in range(1, k - 1)
        ]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Crosses(Means):
    """The mean is below a level at the smallest value of an axis and above it at the largest."""

    axis: str
    level: float

    @property
    def along(self) -> str | None:
        return self.axis

    @property
    def predicted(self) -> str:
        return f"below {self.level:g} at the first {self.axis}, above at the last"

    def alternatives(self, values: np.ndarray, x: Any, ds: Any) -> list[Slacks]:
        if values.shape[1] < 2:
            raise ConfigError(f"a crossing along {self.axis!r} needs at least 2 points")
        order = np.argsort(x, kind="stable") if x.dtype.kind in "iuf" else np.arange(len(x))
        ends = order[[0, -1]]
        shown = values[:, ends]
        names = [f"at {self.axis} = {_text(x[i])}" for i in ends]
        return [Slacks(np.array([-1, 1]) * (shown - self.level), shown, names)]


def _steps(values: np.ndarray, x: Any, pairs: Sequence[tuple[int, int, int]]) -> Slacks:
    """Return the differences of pairs of points, in the order of their coordinate, turned so as to be positive.

    Labels keep the order of declaration.
    """
    if values.shape[1] < 2:
        raise ConfigError("a relation along an axis needs at least 2 points")
    if x.dtype.kind in "iuf":
        order = np.argsort(x, kind="stable")
        values, x = values[:, order], x[order]
    first, second, sign = (np.asarray(c) for c in zip(*pairs, strict=True))
    shown = values[:, second] - values[:, first]
    return Slacks(sign * shown, shown, [f"{_text(x[i])} → {_text(x[j])}" for i, j, _ in pairs])


def _text(x: Any) -> str:
    return f"{x:g}" if isinstance(x, float | np.floating) else str(x)


@dataclasses.dataclass(frozen=True)
class Follows(Means):
    """The mean at every point lies within a band around a predicted curve."""

    prediction: Callable[[Any], Any]
    axis: str
    relative: float | None
    margin: float | None

    @property
    def along(self) -> str | None:
        return self.axis

    @property
    def predicted(self) -> str:
        if self.relative is not None:
            return f"measured/theory in 1 ± {self.relative:g} at every {self.axis}"
        return f"measured − theory in ± {self.margin:g} at every {self.axis}"

    def alternatives(self, values: np.ndarray, x: Any, ds: Any) -> list[Slacks]:
        curve = self.prediction(ds)
        if self.axis in getattr(curve, "coords", ()):
            curve = curve.reindex({self.axis: x})
        curve = np.asarray(curve, float)
        if curve.shape != values.shape[1:] or not np.isfinite(curve).all():
            raise ConfigError(
                f"the prediction along {self.axis!r} is {curve.tolist()}: it must be {values.shape[1]} finite numbers"
            )
        if self.relative is not None and not curve.all():
            raise ConfigError(f"the prediction along {self.axis!r} is 0 somewhere: claim a margin, not a relative band")
        if self.relative is not None:
            shown, width = values / curve, self.relative
            centre = 1.0
        else:
            shown, width, centre = values - curve, float(self.margin or 0.0), 0.0
        slack = np.concatenate([shown - (centre - width), (centre + width) - shown], 1)
        names = [f"at {self.axis} = {_text(v)}" for v in x]
        return [Slacks(slack, np.concatenate([shown, shown], 1), names * 2)]


@dataclasses.dataclass(frozen=True)
class Share(Relation):
    """At least a share of all seeds has a true quantity."""

    at_least: float

    @property
    def predicted(self) -> str:
        return f"true for ≥ {100 * self.at_least:g} % of seeds"

    @property
    def bounds(self) -> tuple[float, float]:
        return self.at_least, 1.0

    def weigh(self, values: Any, x: Any, ds: Any, inference: Inference) -> Evidence:
        hits, n = int(np.sum(values)), len(values)
        above, below = inference.share_p(hits, n, self.at_least)
        return Evidence(above, below, lambda a: Reading(hits / n, *inference.share_interval(hits, n, a)))


def greater(than: float) -> Relation:
    """The mean of the quantity is greater than ``than``."""
    return Range(than, math.inf)


def less(than: float) -> Relation:
    """The mean of the quantity is less than ``than``."""
    return Range(-math.inf, than)


def between(low: float, high: float) -> Relation:
    """The mean of the quantity lies in [low, high]."""
    return Range(low, high)


def equal(to: float, margin: float) -> Relation:
    """The mean of the quantity is ``to`` within a margin > 0 (two one-sided tests)."""
    if not 0 < margin < math.inf:
        raise ConfigError(f"margin = {margin} is not allowed: it must be finite and > 0")
    return Range(to - margin, to + margin, f"{to:g} ± {margin:g}")


def ratio(low: float = -math.inf, high: float = math.inf) -> Relation:
    """The quantity is a pair (x, y); the ratio of their means, E x / E y, lies in [low, high]; y must be positive."""
    return Ratio(low, high)


def slope(along: str, low: float, high: float) -> Relation:
    """The mean over seeds of the least-squares slope of log quantity on log ``along`` lies in [low, high]."""
    return Slope(low, high, axis=along)


def increasing(along: str, tolerance: float = 0.0) -> Relation:
    """The means rise along an axis; with a tolerance, none falls below an earlier one by more than that."""
    return Monotone(along, 1, _tolerance(tolerance))


def decreasing(along: str, tolerance: float = 0.0) -> Relation:
    """The means fall along an axis; with a tolerance, none rises above an earlier one by more than that."""
    return Monotone(along, -1, _tolerance(tolerance))


def _tolerance(value: float) -> float:
    if not 0 <= value < math.inf:
        raise ConfigError(f"tolerance = {value} is not allowed: it must be finite and >= 0")
    return value


def crosses(along: str, level: float) -> Relation:
    """The mean is below a level at the smallest value of an axis, and above it at the largest."""
    if not math.isfinite(level):
        raise ConfigError(f"level = {level} is not allowed: it must be finite")
    return Crosses(along, level)


def unimodal(along: str) -> Relation:
    """The means rise along an axis to a peak inside it, then fall."""
    return Unimodal(along)


def follows(
    prediction: Callable[[Any], Any], along: str, *, relative: float | None = None, margin: float | None = None
) -> Relation:
    """The mean at every point of an axis lies within a band around ``prediction(ds)``.

    Args:
        prediction: results -> the predicted curve, one number a point.
        along: the axis.
        relative: half-width of the band as a share of the prediction; or
        margin: half-width in the unit of the quantity.
    """
    if (relative is None) == (margin is None) or not 0 < (relative or margin or 0.0) < math.inf:
        raise ConfigError(f"relative = {relative}, margin = {margin} is not allowed: one must be given, finite and > 0")
    return Follows(prediction, along, relative, margin)


def share(at_least: float) -> Relation:
    """The quantity, true or false a seed, is true for at least this share of seeds (exact binomial test).

    A seed without an answer is a NaN among 1 and 0; a comparison with NaN would count as an answer.
    """
    if not 0 < at_least < 1:
        raise ConfigError(
            f"at_least = {at_least} is not allowed: it must be in (0, 1) (no number of seeds shows what all do)"
        )
    return Share(at_least)
