r"""Measures of basins, features and regimes for Sadrtdinov et al. (2024): angle, barrier, sparsity, regime lines.

Symbols: ``rates`` (P,) constant pre-training rates (time per step), runs the first axis and rates the second of arrays
(S, P). Errors, accuracies and barriers are in %, angles in radians. All arithmetic is float64. Outside its regime a
value is NaN.

The regimes: 1 converges; 2A stays on a noisy plateau, and fine-tuning or averaging of checkpoints leads to a good
model; 2B the same, to a poor one; 3 is a random walk. In the paper their lines are set by hand; the criteria here are
derived for lrtheory.

Reference: Sadrtdinov, Kodryan, Pokonechny, Lobacheva, Vetrov 2024, arXiv 2410.22113.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lrtheory.theory.sadrtdinov2024 import arrays, inside

CONVERGED = 1e-2  # mean batch loss below which a run counts as converged
BARRIER = 2.0  # median test barrier in % above which there is no common basin
SPARSE = 60.0  # accuracy in % of the best feature above which a run counts as sparse


# --- basins -------------------------------------------------------------------------------------------------


def angle(first: ArrayLike, second: ArrayLike) -> Any:
    """Angle in radians between weight vectors, arccos of the normalised inner product; (..., d) to (...).

    Without the norms it would be wrong for averaged weights, which lie inside the sphere. Computed so that small angles
    keep their digits. Regime: no zero vector. Status: paper.

    Example:
        >>> round(float(angle([1.0, 0.0], [3.0, 3.0])), 6)
        0.785398
    """
    u, v = arrays(first, second)
    with np.errstate(all="ignore"):
        u = u / np.linalg.norm(u, axis=-1, keepdims=True)
        v = v / np.linalg.norm(v, axis=-1, keepdims=True)
        return np.asarray(2.0 * np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1)))[()]


def path_norm(fraction: ArrayLike, between: ArrayLike, radius: ArrayLike = 1.0) -> Any:
    r"""Norm on the straight line between two points of the sphere, R sqrt(1 - 4 a (1 - a) sin^2(omega/2)).

    It is least in the middle, R cos(omega/2). Regime: fraction a in [0, 1], angle ``between`` omega in [0, pi], R > 0.
    Status: standard.

    Example:
        >>> round(float(path_norm(0.5, np.pi / 2)), 6)
        0.707107
    """
    a, omega, r = arrays(fraction, between, radius)
    with np.errstate(all="ignore"):
        square = 1.0 - 4.0 * a * (1.0 - a) * np.sin(omega / 2.0) ** 2
        regime = (a >= 0) & (a <= 1) & (omega >= 0) & (omega <= np.pi) & (r > 0)
        return inside(r * np.sqrt(np.maximum(square, 0.0)), regime)


def path_angle(fraction: ArrayLike, between: ArrayLike) -> Any:
    r"""Angle from the first end to a point of the straight line between two points of the sphere.

    .. math:: \operatorname{atan2}(a\sin\omega,\ 1 - a + a\cos\omega)

    What a scale-invariant net sees of the line is an arc of the great circle, run through fastest in the middle.
    Regime: fraction a in [0, 1], angle ``between`` omega in [0, pi). Status: standard.

    Example:
        >>> round(float(path_angle(0.5, 2.0)), 6), bool(path_angle(0.25, 2.0) < 0.5)
        (1.0, True)
    """
    a, omega = arrays(fraction, between)
    with np.errstate(all="ignore"):
        value = np.arctan2(a * np.sin(omega), 1.0 - a + a * np.cos(omega))
        return inside(value, a >= 0, a <= 1, omega >= 0, omega < np.pi)


def barrier(errors: ArrayLike, fractions: ArrayLike | None = None) -> Any:
    """Barrier of a straight line in weights, max over a of e(a) - (1 - a) e(0) - a e(1); at least 0.

    Args:
        errors: e in %, shape (..., P) along the line, both ends included.
        fractions: a, shape (P,), from 0 to 1; equally spaced when left out (the paper: P = 11, 21 or 7).

    Returns:
        shape (...), in the units of ``errors``; NaN unless the first fraction is 0 and the last is 1.

    Status: paper.

    Example:
        >>> float(barrier([10.0, 30.0, 20.0])), float(barrier([10.0, 12.0, 20.0]))
        (15.0, 0.0)
    """
    (e,) = arrays(errors)
    a = np.linspace(0.0, 1.0, e.shape[-1]) if fractions is None else np.asarray(fractions, np.float64)
    excess = e - (1.0 - a) * e[..., :1] - a * e[..., -1:]
    return inside(np.max(excess, axis=-1), a[0] == 0, a[-1] == 1)


# --- features -----------------------------------------------------------------------------------------------


def sorted_features(accuracies: ArrayLike) -> Any:
    """Profile of importance: accuracies sorted downwards in each run, then averaged; (S, features) to (features,).

    The other order, averaging first, hides that each run has a favourite of its own. Status: paper.

    Example:
        >>> sorted_features([[50.0, 70.0], [66.0, 52.0]]).tolist()
        [68.0, 51.0]
    """
    (a,) = arrays(accuracies)
    return np.mean(-np.sort(-a, axis=-1), axis=0)


def feature_gap(accuracies: ArrayLike) -> Any:
    """Gap a_(1) - a_(2) between the best and the second feature, (..., features) to (...). Status: derived.

    Example:
        >>> float(feature_gap([52.0, 64.0, 50.0]))
        12.0
    """
    (a,) = arrays(accuracies)
    ranked = np.sort(a, axis=-1)
    return ranked[..., -1] - ranked[..., -2]


def sparse_share(accuracies: ArrayLike, level: float = SPARSE) -> Any:
    """Share of runs whose best feature is above ``level``, a_(1) > 60 %; (S, features). Status: derived.

    Example:
        >>> float(sparse_share([[52.0, 64.0], [55.0, 54.0]]))
        0.5
    """
    (a,) = arrays(accuracies)
    return np.mean(np.max(a, axis=-1) > level)


def participation(accuracies: ArrayLike, chance: float = 50.0) -> Any:
    """Participation number of the features, (sum e_j)^2 / sum e_j^2 with e_j = max(a_j - chance, 0).

    1 for one feature, the number of features when all are equally good; (..., features) to (...). Regime: some feature
    is above chance. Status: derived.

    Example:
        >>> float(participation([60.0, 50.0, 48.0])), float(participation([52.0, 52.0, 52.0]))
        (1.0, 3.0)
    """
    (a,) = arrays(accuracies)
    e = np.maximum(a - chance, 0.0)
    with np.errstate(all="ignore"):
        return inside(np.sum(e, axis=-1) ** 2 / np.sum(e**2, axis=-1), np.any(e > 0, axis=-1))


# --- regime lines -------------------------------------------------------------------------------------------


def _pick(rates: Any, chosen: Any, choose: Any) -> float:
    return float(choose(rates[chosen])) if np.any(chosen) else float("nan")


def convergence_line(rates: ArrayLike, losses: ArrayLike, level: float = CONVERGED) -> float:
    """Line 1|2: the largest rate whose median final loss over runs is below 1e-2.

    Args:
        rates: shape (P,), in any order.
        losses: shape (S, P), each the mean batch loss over the last 1000 steps.
        level: the loss below which a run has converged.

    Returns:
        the rate; NaN where none converges. It moves with the length of the runs.

    Status: derived.

    Example:
        >>> convergence_line([0.1, 0.2, 0.4], [[0.001, 0.002, 0.5], [0.001, 0.7, 0.6], [0.001, 0.003, 0.4]])
        0.2
    """
    rates, losses = arrays(rates, losses)
    return _pick(rates, np.median(losses, axis=0) < level, np.max)


def random_line(
    rates: ArrayLike,
    losses: ArrayLike,
    accuracies: ArrayLike,
    random_loss: float,
    chance: float = 50.0,
    *,
    slack: float,
) -> float:
    """Line 2|3: the smallest rate with chance accuracy and at least the loss of a random point of the sphere.

    Args:
        rates: shape (P,), in any order.
        losses: shape (S, P), as in :func:`convergence_line`; their median over runs counts.
        accuracies: shape (S, P) in %; their mean over runs counts.
        random_loss: mean loss of random points of the sphere.
        chance: accuracy of guessing in %.
        slack: distance from chance in % that still counts as chance.

    Returns:
        the rate; NaN where there is none.

    Status: derived.

    Example:
        >>> random_line([0.1, 0.2, 0.4], [[0.5, 3.9, 5.0]], [[60.0, 50.4, 50.0]], 3.0, slack=2.0)
        0.2
    """
    rates, losses, accuracies = arrays(rates, losses, accuracies)
    lost = np.abs(np.mean(accuracies, axis=0) - chance) <= slack
    return _pick(rates, lost & (np.median(losses, axis=0) >= random_loss), np.min)


def basin_line(
    rates: ArrayLike,
    first_line: float,
    averaged: ArrayLike,
    pretrained: ArrayLike,
    barriers: ArrayLike | None = None,
    level: float = BARRIER,
) -> float:
    """Line 2A|2B: the smallest rate above line 1|2 at which averaging fails, or fine-tuned models share no basin.

    Averaging fails where its accuracy is below that of pre-training at the smallest rate; there is no common basin
    where the median barrier between fine-tuning at a low and at a high rate is above 2 %.

    Args:
        rates: shape (P,), in any order.
        first_line: the rate of :func:`convergence_line`.
        averaged: shape (S, P), test accuracies in % of the mean of 5 checkpoints; their mean over runs counts.
        pretrained: shape (S, P), test accuracies in % at the end of pre-training; only the smallest rate is used.
        barriers: shape (S, P), test barriers in %; left out, the first criterion decides alone.
        level: the barrier above which there is no common basin.

    Returns:
        the rate; NaN where there is none, or no line 1|2.

    Status: derived.

    Example:
        >>> basin_line([0.1, 0.2, 0.4], 0.1, [[70.0, 77.0, 65.0]], [[70.0, 68.0, 60.0]])
        0.4
    """
    rates, averaged, pretrained = arrays(rates, averaged, pretrained)
    poor = np.mean(averaged, axis=0) < np.mean(pretrained, axis=0)[np.argmin(rates)]
    if barriers is not None:
        poor = poor | (np.median(np.asarray(barriers, np.float64), axis=0) > level)
    return _pick(rates, poor & (rates > first_line), np.min)
