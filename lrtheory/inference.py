r"""How sure may one be? P-values and intervals of a mean or a share over seeds, at one sample size or at any time.

Two instances of one interface:

* ``FIXED``: Student's t-test and the exact binomial test. Right when the number of seeds was chosen before looking.
* ``ANYTIME``: the same questions when seeds were added after looking, as often as anybody likes. The t-statistic is
  weighed by the test martingale of Wang and Ramdas (arXiv 2310.03722: a Gaussian mixture over the effect, in the
  filtration of the scale-invariant statistic), a share by Robbins' beta-binomial mixture (1970); both mixtures are
  cut to the side that is tested. By Ville's inequality the chance that such a p-value is *ever* at or below ``a`` is at
  most ``a`` when the truth is on the border. Inside the null it is smaller: lower every number by one amount, or turn
  some hits into misses, and the statistic falls at every sample size, and the mixture with it.

Both are exact for independent normal numbers (or true/false ones) and approximate for others: the mean of a skewed
quantity over few seeds is judged with too many errors (``tests/test_calibration.py`` measures how many). Of what has a
heavy tail claim the mean of its log, or a share. ``holm`` corrects for the number of claims in a report.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable
from typing import Any

import numpy as np


class Inference(abc.ABC):
    """Tests and intervals for the mean of n independent numbers, and for the share of n true/false ones."""

    name: str

    @abc.abstractmethod
    def p(self, t: Any, n: int) -> Any:
        r"""Return the evidence that a mean is positive: the p-value of "mean <= 0".

        Args:
            t: :math:`\sqrt n\,\bar x/s`, any shape.
            n: sample size.
        """

    @abc.abstractmethod
    def threshold(self, n: int, a: float) -> float:
        """Return the t at which ``p(t, n) = a``; infinite where no t suffices."""

    @abc.abstractmethod
    def share_p(self, hits: int, n: int, share: float) -> tuple[float, float]:
        """Return the evidence that the true share is above ``share``, and that it is below."""

    @abc.abstractmethod
    def share_interval(self, hits: int, n: int, a: float) -> tuple[float, float]:
        """Return the shares that neither side rejects at ``a``."""


class _Fixed(Inference):
    name = "fixed"

    def p(self, t: Any, n: int) -> Any:
        from scipy import special

        return special.stdtr(n - 1, -np.asarray(t, float))

    def threshold(self, n: int, a: float) -> float:
        from scipy import special

        return float(-special.stdtrit(n - 1, a))

    def share_p(self, hits: int, n: int, share: float) -> tuple[float, float]:
        from scipy import special

        above = special.betainc(hits, n - hits + 1, share) if hits > 0 else 1.0  # P(at least so many hits)
        below = special.betaincc(hits + 1, n - hits, share) if hits < n else 1.0  # P(at most so many)
        return float(above), float(below)

    def share_interval(self, hits: int, n: int, a: float) -> tuple[float, float]:
        from scipy import special

        low = special.betaincinv(hits, n - hits + 1, a) if hits > 0 else 0.0
        high = special.betainccinv(hits + 1, n - hits, a) if hits < n else 1.0
        return float(low), float(high)


class _AnyTime(Inference):
    name = "any-time"

    #: Variance of the normal mixture over the effect, in standard deviations of one seed: N(0, 2^2). So effects of 1/4
    #: to 3 of them are decided with about as many seeds as a fixed design of 99 % power that knows the effect takes.
    mixture = 4.0

    def p(self, t: Any, n: int) -> Any:
        from scipy import special

        t = np.asarray(t, float)
        spread = 1 + n * self.mixture
        square = np.minimum(np.abs(t), 1e150) ** 2 / (n - 1)
        two_sided = n / 2 * (np.log1p(square) - np.log1p(square / spread)) - np.log(spread) / 2
        # The effect's posterior is Student's t with n degrees of freedom: its part above 0 is the one-sided mixture.
        z = np.sqrt(n * square * (1 - 1 / spread) / (1 + square / spread))
        log_martingale = two_sided + np.log(2 * special.stdtr(n, z))
        return np.where(t > 0, np.exp(-np.maximum(log_martingale, 0)), 1.0)

    @functools.cache  # noqa: B019 - of one instance
    def threshold(self, n: int, a: float) -> float:
        from scipy import optimize

        if self.p(np.inf, n) > a:
            return np.inf
        high = 1.0
        while self.p(high, n) > a:
            high *= 2
        return float(optimize.brentq(lambda t: np.log(self.p(t, n) / a), 0.0, high))  # type: ignore[arg-type]

    def share_p(self, hits: int, n: int, share: float) -> tuple[float, float]:
        above, below = self._log_mixtures(hits, n, share)
        return float(np.exp(-max(above, 0.0))), float(np.exp(-max(below, 0.0)))

    def share_interval(self, hits: int, n: int, a: float) -> tuple[float, float]:
        from scipy import optimize

        def over(side: int) -> Callable[[float], float]:
            return lambda share: self._log_mixtures(hits, n, share)[side] + np.log(a)

        at, edge = hits / n, 1e-9
        above, below = over(0), over(1)
        low = optimize.brentq(above, edge, at) if hits and above(edge) > 0 > above(at) else 0.0
        high = optimize.brentq(below, at, 1 - edge) if hits < n and below(1 - edge) > 0 > below(at) else 1.0
        return float(low), float(high)  # type: ignore[arg-type]

    @staticmethod
    def _log_mixtures(hits: int, n: int, share: float) -> tuple[float, float]:
        """Return log of the likelihood averaged over Beta(1/2, 1/2) above ``share``, and below it, over that of it."""
        from scipy import special

        posterior, prior = (hits + 0.5, n - hits + 0.5), (0.5, 0.5)
        mixed = special.betaln(*posterior) - special.betaln(*prior)
        mixed -= special.xlogy(hits, share) + special.xlog1py(n - hits, -share)

        def one_sided(tail: Any) -> float:
            after, before = tail(*posterior, share), tail(*prior, share)
            return float(mixed + np.log(after) - np.log(before)) if after > 0 else -np.inf

        return one_sided(special.betaincc), one_sided(special.betainc)


FIXED: Inference = _Fixed()
ANYTIME: Inference = _AnyTime()


def holm(p: Any) -> np.ndarray:
    """Return Holm's adjusted p-values: rejecting those <= a makes one false rejection or more with probability <= a.

    It holds however the tests depend on each other.

    Args:
        p: p-values, shape (m,).

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * (p.size - np.arange(p.size))))
    return adjusted
