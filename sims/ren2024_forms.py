"""The two forms of the model: all d coordinates, and the n + 1 in which it moves because the kernel direction is conserved."""

from __future__ import annotations

import numpy as np
from _ren2024 import FULL, HIGH, OURS, P0, ROOT_SEED

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics import MinibatchSGD
from lrtheory.probes.ren2024 import Manifold
from lrtheory.relations import share
from lrtheory.schedules import Constant

experiment = Experiment(
    name="ren2024_forms",
    problem=P0,
    dynamics=MinibatchSGD(),
    schedule=Constant(rate=HIGH),
    probes=(Manifold(),),
    n_steps=4000,
    n_records=20,
    axes={"form": Axis("problem", (FULL, P0), labels=("full", "reduced"))},
    seeds=96,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={"smoke": {"seeds": 4, "n_steps": 500, "n_records": 5}, "laptop": {}, "paper": {"n_steps": 60000}},
)


def _apart(ds):
    """Return, a seed, the largest relative difference of the two forms over the records, in risk, b and training loss."""
    both = ds[["risk", "b", "loss"]]
    difference = abs(both.sel(form="full") / both.sel(form="reduced") - 1).max("record", skipna=False)
    return np.max([difference[name].values for name in difference], axis=0)


claims = [
    Claim(
        id="ren2024-1",
        statement="the kernel direction never changes: n + 1 coordinates give the risk, b and loss of all d within 1e-8 (at least 90 % of seeds)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _apart(ds) < 1e-8,
        relation=share(0.9),
        choices="rounding grows along a path: the bound is for 4,000 steps in float64",
    ),
]
