"""The regimes of the tick network in runs of seconds: each effect where it must be, and gone in its control."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr

import lrtheory
from lrtheory.experiment import with_values
from lrtheory.probes.sadrtdinov2024 import Curves
from lrtheory.sims import load_sim

RATES = (3.16e-3, 1e-2, 0.178)


@pytest.fixture(scope="module")
def short():
    """Runs of 3,000 iterations: rates of regimes 1, 2A and 3, with all features informative and with none."""
    experiment = load_sim("sadrtdinov2024_controls").experiment
    experiment = dataclasses.replace(experiment, sub_paths=None, probes=(Curves(),))
    changes = {"axes.rate": RATES, "axes.informative": (0.0, 16.0), "data_seeds": 4, "n_steps": 30, "n_records": 2}
    return lrtheory.run(with_values(experiment, changes)).isel(record=-1, seed=0)


def test_regime_1_fits_whatever_the_labels_say_and_generalises_only_where_features_tell(short):
    cells = short.sel(rate=RATES[0])
    assert (cells.train_accuracy == 100).all()
    # 4 data sets of 2,000 test inputs: 5 s.d. of their mean at chance are 2.8 points.
    assert abs(float(cells.sel(informative=0).test_accuracy.mean()) - 50) < 2.8
    assert float(cells.sel(informative=16).test_accuracy.min()) > 65


def test_regime_2_rests_on_a_plateau_and_regime_3_is_a_random_walk(short):
    cells = short.sel(informative=16)
    loss = cells.batch_loss
    assert (loss.sel(rate=RATES[0]) < 0.05).all() and (loss.sel(rate=RATES[1]) > 0.1).all()
    lost = cells.sel(rate=RATES[2])
    assert (lost.batch_loss > lost.random_loss).all() and abs(float(lost.train_accuracy.mean()) - 50) < 8
    assert (cells.gradient_norm.sel(rate=RATES[2]) > 5 * cells.gradient_norm.sel(rate=RATES[1])).all()


def test_a_claim_on_2a_fails_on_other_cells():
    """A gap that is the same at every rate is none of 2A."""
    sim = load_sim("sadrtdinov2024_rates")
    claims = {c.id: c for c in sim.claims}
    rng = np.random.default_rng(0)
    rates = sim.experiment.axes["rate"].values
    n = 12
    features = 50 + rng.normal(0, 1, (1, 1, n, 1, 16))
    dims = ("rate", "seed", "data_seed", "decay_step", "feature")
    flat = xr.Dataset(
        {"feature_accuracy": (dims, np.repeat(features, len(rates), 0))},
        {"rate": list(rates), "data_seed": np.arange(n), "seed": [0], "decay_step": [200]},
    )
    flat["step"] = ("record", [0, 200])
    claim = claims["sadrtdinov2024-5"]
    assert claim.verdict(flat).verdict != "holds"
    apart = flat.copy(deep=True)
    apart.feature_accuracy.loc[{"rate": [1e-2, 1.33e-2], "feature": 0}] = 70 + rng.normal(0, 1, (2, 1, n, 1))
    assert claim.verdict(apart).verdict == "holds"
