"""Claims: verdicts by construction, the rate of false alarms, and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from lrtheory.claims import Claim, table
from lrtheory.errors import ConfigError
from lrtheory.statistics import mean_interval


def claim(allowed=(0.0, 1.0), quantity=lambda ds: ds.x, **more):
    more = {"id": "toy-1", "statement": "x lies in the range", "reference": "-", "status": "yours", **more}
    return Claim(quantity=quantity, allowed=allowed, **more)


def data(values):
    return xr.Dataset({"x": ("seed", np.asarray(values, float))})


SPREAD = np.linspace(-0.1, 0.1, 16)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (0.5 + SPREAD, "holds"),
        (2.0 + SPREAD, "refuted"),
        (-2.0 + SPREAD, "refuted"),
        (1.0 + SPREAD, "undecided"),
        (0.5 + 100 * SPREAD, "undecided"),
        (np.full(16, 0.5), "holds"),
        (np.full(16, 1.0), "holds"),
        (np.full(16, 1.1), "refuted"),
        ([0.5], "undecided"),
        ([0.5, math.nan, 0.5, 0.5], "undecided"),
        (np.full(8, math.nan), "undecided"),
    ],
)
def test_verdicts_by_construction(values, word):
    v = claim().verdict(data(values))
    assert v.verdict == word and v.n_seeds == len(values) and v.n_missing == np.isnan(values).sum()


def test_an_infinite_seed_decides_nothing():
    with np.errstate(invalid="ignore"):
        assert claim().verdict(data([0.5, math.inf, 0.5])).verdict == "undecided"


def test_one_sided_ranges():
    assert claim((3.0, math.inf)).verdict(data(5 + SPREAD)).verdict == "holds"
    assert claim((3.0, math.inf)).verdict(data(2 + SPREAD)).verdict == "refuted"
    assert claim((-math.inf, 3.0)).verdict(data(5 + SPREAD)).verdict == "refuted"


def test_the_interval_and_its_level_are_reported():
    v = claim().verdict(data(0.5 + SPREAD), alpha=0.1)
    mean, low, high = mean_interval(0.5 + SPREAD, level=0.9)
    assert (v.estimate, v.low, v.high, v.alpha) == (mean, low, high, 0.1)
    wide = claim().verdict(data(0.5 + SPREAD), alpha=0.001)
    assert wide.low < v.low < v.high < wide.high


@pytest.mark.parametrize("border", [0.0, 1.0])
def test_false_alarms_are_as_rare_as_stated(border):
    """The truth is on the border of the range; at alpha = 0.05 "holds" and "refuted" each have probability <= 0.025.

    2000 replications of 8 normal seeds; observed <= alpha/2 + 4 standard errors. The chance that a correct claim fails
    this is about 3e-5 a comparison, four comparisons in all.
    """
    rng, alpha, n = np.random.default_rng(20), 0.05, 2000
    words = [claim().verdict(data(rng.normal(border, 0.1, 8)), alpha).verdict for _ in range(n)]
    bound = alpha / 2 + 4 * math.sqrt(alpha / 2 * (1 - alpha / 2) / n)
    for word in ("holds", "refuted"):
        assert words.count(word) / n <= bound, word
    # And the test is not so careful that it never decides: both errors together are near alpha.
    assert 1 - words.count("undecided") / n >= alpha - 4 * math.sqrt(alpha * (1 - alpha) / n)


def test_coverage_of_the_interval_is_its_level():
    """5000 intervals of 5 normal seeds at 90 %: |z| < 4, false alarm 6e-5."""
    x = np.random.default_rng(3).normal(2.0, 3.0, (5000, 5))
    _, low, high = mean_interval(x, level=0.9)
    z = (((low <= 2.0) & (high >= 2.0)).mean() - 0.9) / math.sqrt(0.09 / 5000)
    assert abs(z) < 4


def test_intervals_of_one_seed_and_of_missing_ones_are_nan():
    mean, low, high = mean_interval(np.array([[1.0], [2.0]]))
    assert mean.tolist() == [1.0, 2.0] and np.isnan(low).all() and np.isnan(high).all()
    mean, low, high = mean_interval(np.array([[1.0, math.nan], [2.0, 4.0]]))
    assert np.isnan([mean[0], low[0], high[0]]).all() and mean[1] == 3.0


def test_the_interval_runs_over_the_axis_it_is_told():
    x = np.random.default_rng(0).normal(size=(4, 6, 2))
    a = mean_interval(x, axis=1)
    assert a.mean.shape == (4, 2)
    np.testing.assert_allclose(a.low, mean_interval(np.moveaxis(x, 1, -1)).low)


@pytest.mark.parametrize("shape", [(4, 5), (), (2, 2, 2)])
def test_a_quantity_is_one_number_a_seed(shape):
    # Cells of one seed share their randomness: counted as seeds they would make the interval too narrow.
    with pytest.raises(ConfigError, match=r"toy-1.*one number a seed"):
        claim(quantity=lambda ds: np.zeros(shape)).verdict(data([1.0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "known"}, "claim toy-1: status 'known'"),
        ({"allowed": (1.0, 0.0)}, "low <= high"),
        ({"allowed": (math.nan, 0.0)}, "low <= high"),
    ],
)
def test_bad_claims_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        claim(**change)


def test_the_table_names_claim_verdict_numbers_and_what_is_missing():
    claims = [claim(unit="nat"), claim((3.0, 4.0), id="toy-2")]
    text = table(claims, [c.verdict(data(v)) for c, v in zip(claims, (0.5 + SPREAD, [1.0, math.nan]), strict=True)])
    lines = text.splitlines()
    assert "toy-1" in lines[2] and "holds" in lines[2] and "0.5 nat" in lines[2] and "x lies in the range" in lines[2]
    assert "toy-2" in lines[3] and "undecided" in lines[3] and "2 (1 without a value)" in lines[3]
