"""Negative controls of late decay: no exponent (gamma = 0: the minima are equally sharp), no noise at zero loss (sigma = 0).

SGD on one input a step in all four cells, in all d coordinates (in the reduced ones b cannot move at gamma = 0); without label noise its noise vanishes as the training set is fitted.
"""

from __future__ import annotations

import numpy as np
from _ren2024 import CHOICES, FULL, HIGH, LOW, OURS, ROOT_SEED, final

from lrtheory import Axis, Claim, Experiment, SubPaths
from lrtheory.dynamics import MinibatchSGD
from lrtheory.probes.ren2024 import Manifold
from lrtheory.relations import equal, greater, share
from lrtheory.schedules import Constant
from lrtheory.sub_paths import at_decay

experiment = Experiment(
    name="ren2024_controls",
    problem=FULL,
    dynamics=MinibatchSGD(),
    schedule=Constant(rate=HIGH),
    probes=(Manifold(),),
    n_steps=32000,
    n_records=32,
    sub_paths=SubPaths(decay_steps=(2000, 8000, 16000, 32000), schedule=Constant(rate=LOW), n_steps=12000, n_records=60),
    axes={"gamma": Axis("problem.gamma", (0.0, 1.0)), "sigma": Axis("problem.label_noise", (0.0, 1.0))},
    seeds=128,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {
            "seeds": 4, "n_steps": 6000, "n_records": 12,
            "sub_paths.decay_steps": (2000, 6000), "sub_paths.n_steps": 3000,
        },
        "laptop": {},
        "paper": {"seeds": 512},
    },
)  # fmt: skip


def _gain(ds, gamma, sigma):
    """Return the final risk of the latest decay over that of the first, for each seed."""
    risk = final(ds).sel(gamma=gamma, sigma=sigma)
    return risk.isel(decay_step=-1) / risk.isel(decay_step=0)


def _moved(ds):
    """Return, a seed, how far b has moved at gamma = 0, relative to the start, wherever it is read."""
    cells = ds.sel(gamma=0.0)
    b = np.abs(cells.b / cells.b0 - 1).max(["record", "sigma"], skipna=False)
    after = np.abs(final(cells, "b") / cells.b0 - 1).max(["decay_step", "sigma"], skipna=False)
    return np.maximum(b, after)


def _b_without_noise(ds):
    """Return b at the latest decay over b at the first, for each seed, with sigma = 0."""
    b = at_decay(ds.sel(gamma=1.0, sigma=0.0), "b")
    return b.isel(decay_step=-1) / b.isel(decay_step=0)


claims = [
    Claim(
        id="ren2024-10",
        statement="negative control: with noise that vanishes at zero loss (sigma = 0, minibatches of one) the decay step from 2,000 on is nothing to the final risk, within 1 %",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gain(ds, 1.0, 0.0),
        relation=equal(1.0, 0.01),
        choices=CHOICES,
        headline=True,
    ),
    Claim(
        id="ren2024-10-b",
        statement="negative control: without label noise b stays where it is from 2,000 steps on, within 1 %",
        reference=OURS,
        status="derived",
        quantity=_b_without_noise,
        relation=equal(1.0, 0.01),
        choices=CHOICES,
    ),
    Claim(
        id="ren2024-11",
        statement="negative control: at gamma = 0 b is that of the start, at every record of the main path and at the end of sub-paths, within 1e-9 (at least 90 % of seeds)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _moved(ds) < 1e-9,
        relation=share(0.9),
    ),
    Claim(
        id="ren2024-11-risk",
        statement="negative control: at gamma = 0 the decay step from 2,000 on is nothing to the final risk, within 1 %",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gain(ds, 0.0, 1.0),
        relation=equal(1.0, 0.01),
        choices=CHOICES,
    ),
    Claim(
        id="ren2024-10-positive",
        statement="positive control: with gamma = 1 and label noise the final risk of the latest decay is less than half that of the first",
        reference=OURS,
        status="derived",
        quantity=lambda ds: 1 / _gain(ds, 1.0, 1.0),
        relation=greater(2.0),
        choices=CHOICES,
    ),
]
