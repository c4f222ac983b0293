"""The evidence of a sample for a statement about means over seeds.

A statement is that some means over seeds are positive: the *slacks*, one column each, linear in what was measured. It
*holds* when all slacks of one of its alternatives are positive, so

* evidence for "holds" is that of the weakest slack (an intersection-union test, as in two one-sided tests of
  equivalence), times the number of alternatives;
* evidence for "refuted" is that of the most negative slack, times the number of slacks, for every alternative.

Neither is "not significant": what is not decided is undecided. Slacks are paired within a seed.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lrtheory.inference import Inference


class Reading(NamedTuple):
    """The number that decides a claim, its interval, and for which point or step it was read."""

    estimate: float
    low: float
    high: float
    where: str = ""


class Evidence(NamedTuple):
    """P-values of "the claim is false" (small: it holds) and "the claim is true" (small: it is refuted)."""

    holds: float
    refuted: float
    #: tail probability -> the deciding number with its interval
    read: Callable[[float], Reading]
    note: str = ""
    #: by how much the p-values of ``holds`` and ``refuted`` were multiplied, for alternatives and for slacks
    factors: tuple[int, int] = (1, 1)


class Slacks(NamedTuple):
    """Numbers whose means must be positive, shape (n, k); the numbers shown for them, (n, k); and their names."""

    slack: np.ndarray
    shown: np.ndarray
    names: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Relation(abc.ABC):
    """What is claimed of a quantity; made by the functions of :mod:`lrtheory.relations`."""

    @property
    @abc.abstractmethod
    def predicted(self) -> str:
        """Return what is claimed of the number shown, in a few signs."""

    @property
    def along(self) -> str | None:
        """Return the dimension that the quantity keeps besides the seeds; None where it is one number a seed."""
        return None

    def numbers(self, values: np.ndarray, x: np.ndarray | None) -> np.ndarray:
        """Return the numbers a seed whose means are claimed, from the quantity; NaN where there is none."""
        return values

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the range that is claimed of the number shown; None where it is another kind of statement."""
        return None

    @abc.abstractmethod
    def weigh(self, values: np.ndarray, x: np.ndarray | None, ds: Any, inference: Inference) -> Evidence:
        """Return the evidence of finite numbers.

        Args:
            values: what :meth:`numbers` gave, shape (n,), (n, points of ``along``), or (n, 2) for a pair.
            x: coordinate of ``along``.
            ds: the results, for what the theory predicts of them.
            inference: tests and intervals.
        """


class Means(Relation):
    """A statement that means over seeds are positive."""

    @abc.abstractmethod
    def alternatives(self, values: np.ndarray, x: np.ndarray | None, ds: Any) -> list[Slacks]:
        """Return the slacks of every alternative, from what :meth:`weigh` is given."""

    def weigh(self, values: np.ndarray, x: np.ndarray | None, ds: Any, inference: Inference) -> Evidence:
        n = len(values)
        alternatives = self.alternatives(values, x, ds)
        holds, refuted, weakest, decisive = 1.0, 0.0, -math.inf, (alternatives[0], 0)
        flat = False
        for slacks in alternatives:
            t = t_statistic(slacks)
            constant = np.isnan(t)
            flat |= bool(constant.any())
            above, below = (np.where(constant, 1.0, inference.p(sign * t, n)) for sign in (1, -1))
            holds = min(holds, float(above.max()))
            refuted = max(refuted, min(1.0, t.size * float(below.min())))
            ranked = np.where(constant, 0.0, t)
            at = int(ranked.argmin())
            if ranked[at] > weakest:
                weakest, decisive = float(ranked[at]), (slacks, at)
        slacks, at = decisive
        shown = slacks.shown[:, at]

        def read(a: float) -> Reading:
            mean = float(shown.mean())
            half = math.inf
            if np.ptp(shown) > 0:
                half = inference.threshold(n, a) * float(shown.std(ddof=1)) / math.sqrt(n)
            return Reading(mean, mean - half, mean + half, slacks.names[at])

        note = "no spread between seeds tells a mean nothing: state it as a share of seeds" if flat else ""
        factors = (len(alternatives), slacks.slack.shape[1])
        return Evidence(min(1.0, len(alternatives) * holds), refuted, read, note, factors)


def t_statistic(slacks: Slacks) -> np.ndarray:
    """Return sqrt(n) mean/std of every slack; NaN where it is constant but for rounding.

    A constant sample looks infinitely sure, but what it says is only that departures are rare.
    """
    slack, n = slacks.slack, slacks.slack.shape[0]
    mean, std = slack.mean(0), slack.std(0, ddof=1)
    rounding = 8 * np.finfo(float).eps * np.abs(slacks.shown).max(0)
    return np.divide(math.sqrt(n) * mean, std, out=np.full(mean.shape, np.nan), where=np.ptp(slack, axis=0) > rounding)
