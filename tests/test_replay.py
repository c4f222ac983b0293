"""Replays: the seeds until a decision, with seeds added and in one go, on a claim whose effect is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

from lrtheory.claims import Claim
from lrtheory.relations import greater, share
from lrtheory.replay import FIRST, replay


def normal(effect, n=512):
    """Normal quantiles: a sample whose distribution is the normal one as well as n numbers can be."""
    return effect + special.ndtri((np.arange(n) + 0.5) / n)


def results(effect):
    return xr.Dataset({"x": ("seed", normal(effect)), "high": ("seed", normal(effect) > -2)})


CLAIM = Claim(id="toy-1", statement="-", quantity=lambda ds: ds.x, relation=greater(0.0))
TAIL = 0.0025


@pytest.mark.parametrize("effect", [1.0, 2.0])
def test_the_fixed_design_is_that_of_the_noncentral_t_test(effect):
    """99 % power by 1000 replays: 4 standard errors are 1.3 % points."""
    r = replay(CLAIM, results(effect), TAIL)
    for n, power in ((r.fixed - 3, 0.99), (r.fixed + 3, 0.99)):
        exact = stats.nct.sf(special.stdtrit(n - 1, 1 - TAIL), n - 1, effect * np.sqrt(n))
        assert (exact < power + 0.01) if n < r.fixed else (exact > power - 0.02)


def test_adding_seeds_until_decided_takes_fewer_than_a_fixed_design_of_the_same_error():
    r = replay(CLAIM, results(0.7), TAIL)
    assert FIRST < r.sequential_low < r.sequential_mean < r.fixed
    assert r.sequential_low <= r.sequential_mean <= r.sequential_high and r.planned == 512


def test_a_share_is_replayed_too():
    claim = Claim(id="toy-2", statement="-", quantity=lambda ds: ds.high, relation=share(0.5))
    assert replay(claim, results(0.0), TAIL).sequential_mean < 40


def test_nothing_is_said_of_a_claim_that_seeds_do_not_decide():
    assert replay(CLAIM, xr.Dataset({"x": ("seed", np.r_[normal(0.0, 64)])}), TAIL, replications=4) is None
    assert replay(CLAIM, xr.Dataset({"x": ("seed", [1.0, np.nan, 2.0])}), TAIL) is None


def test_the_same_results_give_the_same_replays():
    assert replay(CLAIM, results(2.0), TAIL, 50) == replay(CLAIM, results(2.0), TAIL, 50)
