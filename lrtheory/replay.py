"""How many seeds would a claim have needed? A run replayed many times, with seeds added until decided, and in one go.

The seeds of recorded results are drawn with replacement: the replays are of a population that looks like the sample.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lrtheory.checking import next_size
from lrtheory.claims import Claim
from lrtheory.inference import ANYTIME, FIXED, Inference
from lrtheory.samples import sample

if TYPE_CHECKING:
    import xarray as xr

#: How many seeds a replay begins with; more are added as in a run.
FIRST = 8
MOST = 4096
#: A fixed design must decide this share of its replays; one that adds seeds up to MOST decides nearly all.
POWER = 0.99


@dataclasses.dataclass(frozen=True)
class Replay:
    """Seeds until a claim was decided, over replays, against those of a fixed design of the same error.

    Attributes:
        claim_id: the claim.
        sequential_mean, sequential_low, sequential_high: mean, and 5 % and 95 % quantiles, of the seeds used when seeds
            are added until decided (any-time method).
        fixed: seeds that a fixed design needs to decide 99 % of its replays, if it knows the effect beforehand.
        planned: seeds in the results that were replayed.
        replications: number of replays.
    """

    claim_id: str
    sequential_mean: float
    sequential_low: float
    sequential_high: float
    fixed: int
    planned: int
    replications: int


def replay(claim: Claim, ds: xr.Dataset, tail: float, replications: int = 1000) -> Replay | None:
    """Replay one claim; None where its results have no value for some seed, or nothing that MOST seeds would decide.

    Args:
        claim, ds: the claim and its results.
        tail: the p-value at which it is decided, one-sided; ``alpha/2`` over the number of claims in the report.
        replications: number of replays.
    """
    values, x = sample(claim.relation, claim.quantity, ds)
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return None
    rng = np.random.default_rng(0)

    def decided(rows: np.ndarray, inference: Inference) -> bool:
        evidence = claim.relation.weigh(values[rows], x, ds, inference)
        return min(evidence.holds, evidence.refuted) <= tail

    used = np.array([_until(lambda rows: decided(rows, ANYTIME), n, rng) for _ in range(replications)])
    if (used > MOST).mean() > 1 - POWER:
        return None

    def enough(size: int) -> bool:
        hits = sum(decided(rng.integers(n, size=size), FIXED) for _ in range(replications))
        return hits >= POWER * replications

    fixed = _smallest(enough)
    low, high = np.quantile(used, [0.05, 0.95])
    return Replay(claim.id, float(used.mean()), float(low), float(high), fixed, n, replications)


def _until(decided: Callable[[np.ndarray], bool], n: int, rng: np.random.Generator) -> int:
    """Return how many seeds were there at the first look that decided; above MOST where none did."""
    rows = rng.integers(n, size=FIRST)
    while not decided(rows):
        if rows.size >= MOST:
            return MOST + 1
        rows = np.append(rows, rng.integers(n, size=next_size(rows.size, MOST) - rows.size))
    return rows.size


def _smallest(enough: Callable[[int], bool]) -> int:
    """Return the smallest size that is enough, by doubling and halving; MOST where none below it is."""
    low, high = 1, 2
    while high < MOST and not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
