"""Intervals of ratios, as figures draw them; the interval of a mean is tested with the claims."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from lrtheory.statistics import pseudo_values, ratio_interval


def test_an_interval_of_a_ratio_holds_what_the_paired_t_test_does_not_reject():
    rng = np.random.default_rng(3)
    y = 1 + 0.1 * rng.standard_normal(12)
    x = 4 * y + 0.3 * rng.standard_normal(12)
    ratio, low, high = ratio_interval(x, y, level=0.99)
    assert ratio == x.mean() / y.mean() and low < ratio < high
    for border in (low, high):
        assert stats.ttest_1samp(x - border * y, 0.0).pvalue == pytest.approx(0.01)


def test_coverage_of_the_interval_is_its_level():
    """2000 intervals of 6 pairs at 90 %: |z| < 4, false alarm 6e-5."""
    rng, hits = np.random.default_rng(4), 0
    for _ in range(2000):
        y = 2 + 0.2 * rng.standard_normal(6)
        _, low, high = ratio_interval(3 * y + rng.standard_normal(6), y, level=0.9)
        hits += low <= 3 <= high
    assert abs(hits / 2000 - 0.9) < 4 * np.sqrt(0.09 / 2000)


def test_without_a_meaning_it_is_nan():
    assert np.isnan(ratio_interval([1.0, 2.0], [0.0, 0.0])).all()
    assert np.isnan(ratio_interval([1.0, np.nan], [1.0, 1.0])).all()
    assert ratio_interval([3.0], [2.0])[0] == 1.5 and np.isnan(ratio_interval([3.0], [2.0])[1:]).all()
    assert ratio_interval([1.0, 2.0, 1.0], [-1.0, 9.0, -7.9])[1:] == (-np.inf, np.inf)


def test_pseudo_values_of_a_correlation_have_its_value_and_its_standard_error():
    """200 samples of 60 pairs with correlation .6: their spread is that which the pseudo-values state, within 20 %."""
    rng, means, errors = np.random.default_rng(5), [], []
    for _ in range(200):
        x = rng.standard_normal(60)
        ds = xr.Dataset({"x": ("seed", x), "y": ("seed", 0.6 * x + 0.8 * rng.standard_normal(60))})
        values = pseudo_values(ds, lambda d: float(np.corrcoef(d.x, d.y)[0, 1]), "seed").values
        means.append(values.mean())
        errors.append(values.std(ddof=1) / np.sqrt(60))
    assert np.mean(means) == pytest.approx(0.6, abs=0.03)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.2)
