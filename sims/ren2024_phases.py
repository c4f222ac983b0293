"""Three phases in time on the reference problem: descent to the minima, drift along them, contraction after the decay.

The claims here are of the first two; those of the third are in ren2024_decay.
"""

from __future__ import annotations

from _ren2024 import AFTER, HIGH, LOW, OURS, P0, ROOT_SEED, nearest

from lrtheory import Claim, Experiment, SubPaths
from lrtheory.dynamics import MinibatchSGD
from lrtheory.probes.ren2024 import Manifold, Sharpness
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.relations import equal, greater, less
from lrtheory.schedules import Constant

experiment = Experiment(
    name="ren2024_phases",
    problem=P0,
    dynamics=MinibatchSGD(),
    schedule=Constant(rate=HIGH),
    probes=(Manifold(), Sharpness()),
    n_steps=60000,
    n_records=150,
    record_spacing="log",
    sub_paths=SubPaths(decay_steps=(3000, 60000), schedule=Constant(rate=LOW), n_steps=AFTER, n_records=200),
    seeds=64,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {
            "seeds": 4, "n_steps": 6000, "n_records": 60,
            "sub_paths.decay_steps": (1000, 6000), "sub_paths.n_steps": 3000,
        },
        "laptop": {},
        "paper": {"seeds": 256},
    },
)  # fmt: skip


def _fall(ds, name, first, last):
    """Return the value at the last step over that at the first, both read where the main path was recorded."""
    return ds[name].isel(record=nearest(ds, last)) / ds[name].isel(record=nearest(ds, first))


def _at_end_of_phase_1(ds):
    """Return b after 1,000 steps over the drift equation at the same step, for each seed."""
    at = nearest(ds, 1000)
    return ds.b.isel(record=at) / predicted_b(ds, HIGH**2 * int(ds.step[at]), gamma=P0.gamma)


claims = [
    Claim(
        id="ren2024-phase-1",
        statement="phase I: within 1,000 steps the training loss falls below 3 % of the first",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _fall(ds, "loss", 0, 1000),
        relation=less(0.03),
        choices="the bound was chosen after looking",
    ),
    Claim(
        id="ren2024-phase-1-b",
        statement="phase I ends where gradient flow meets the minima: after 1,000 steps b is that of the drift from there, within 15 %",
        reference=OURS,
        status="derived",
        quantity=_at_end_of_phase_1,
        relation=equal(1.0, 0.15),
        choices="the margin was chosen after looking",
    ),
    Claim(
        id="ren2024-phase-2",
        statement="phase II: from 1,000 steps to the end of the main path b falls more than tenfold",
        reference=OURS,
        status="derived",
        quantity=lambda ds: 1 / _fall(ds, "b", 1000, int(ds.step.max())),
        relation=greater(10.0),
    ),
    Claim(
        id="ren2024-phase-2-sharpness",
        statement="in phase II the sharpness falls with the norm, to less than 60 %",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _fall(ds, "sharpness", 1000, int(ds.step.max())),
        relation=less(0.6),
        choices="the bound was chosen after looking",
    ),
]
