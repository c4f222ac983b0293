"""Which noise drifts: label noise, minibatches alone, isotropic noise; with and without replacement; momentum.

Laws are compiled apart. Isotropic noise leaves the span of start and gradients, and runs in all d dimensions.
"""

from __future__ import annotations

import numpy as np
from _ren2024 import CHOICES, HIGH, OURS, P0, ROOT_SEED, nearest

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics import Langevin, MinibatchMomentum, MinibatchSGD, Reshuffled
from lrtheory.probes.ren2024 import Manifold
from lrtheory.relations import equal, greater, less
from lrtheory.schedules import Constant

#: Isotropic noise of about the power, summed over directions, that label noise has at minimum norm, sqrt(tr H/d).
ISOTROPIC = 0.75

LAWS = {
    "SGD": MinibatchSGD(),
    "reshuffled": MinibatchSGD(sampling=Reshuffled()),
    "momentum": MinibatchMomentum(beta=0.5),
    "isotropic": Langevin(noise=ISOTROPIC),
}

experiment = Experiment(
    name="ren2024_noise",
    problem=P0,
    dynamics=MinibatchSGD(),
    schedule=Constant(rate=HIGH),
    probes=(Manifold(),),
    n_steps=32000,
    n_records=64,
    axes={
        "law": Axis("dynamics", tuple(LAWS.values()), labels=tuple(LAWS)),
        "sigma": Axis("problem.label_noise", (0.0, 1.0)),
        "rate": Axis("schedule.rate", (HIGH, 2e-3), unit="time per step"),
    },
    seeds=32,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {"seeds": 4, "n_steps": 4000, "n_records": 8},
        "laptop": {},
        "paper": {"seeds": 256},
    },
)


def _b(ds, law, sigma, rate, share=1.0):
    """Return b after a share of the steps, for each seed."""
    at = nearest(ds, share * int(ds.step.max()))
    return ds.b.sel(law=law, sigma=sigma, rate=rate).isel(record=at)


claims = [
    Claim(
        id="ren2024-noise-isotropic",
        statement="isotropic noise does not end at minimum norm: its b at the end is more than ten times that of label noise",
        reference=OURS,
        status="derived",
        quantity=lambda ds: np.log10(_b(ds, "isotropic", 0.0, HIGH) / _b(ds, "SGD", 1.0, HIGH)),
        relation=greater(1.0),
        choices=f"{CHOICES}; the strength of the isotropic noise is that of label noise at minimum norm",
    ),
    Claim(
        id="ren2024-15",
        statement="minibatches of one without label noise stop drifting: from a quarter of the steps on b changes by less than 2 %",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _b(ds, "SGD", 0.0, HIGH) / _b(ds, "SGD", 0.0, HIGH, 0.25),
        relation=equal(1.0, 0.02),
    ),
    Claim(
        id="ren2024-15-rate",
        statement="minibatches of one without label noise: a larger rate ends at smaller b (2e-3 against 1e-3)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _b(ds, "SGD", 0.0, 2e-3) / _b(ds, "SGD", 0.0, HIGH),
        relation=less(1.0),
    ),
    Claim(
        id="ren2024-noise-reshuffled",
        statement="with label noise, drawing without replacement drifts as drawing with it: log b a quarter of the way differs by less than 0.1",
        reference=OURS,
        status="derived",
        quantity=lambda ds: np.log(_b(ds, "reshuffled", 1.0, HIGH, 0.25) / _b(ds, "SGD", 1.0, HIGH, 0.25)),
        relation=equal(0.0, 0.1),
        choices="the margin is lrtheory's; a quarter of the way b is well on its way and not yet small",
    ),
    Claim(
        id="ren2024-noise-momentum",
        statement="momentum beta = 0.5 at rate 1e-3 drifts as SGD at rate 2e-3: log b a quarter of the way differs by less than 0.2",
        reference=OURS,
        status="derived",
        quantity=lambda ds: np.log(_b(ds, "momentum", 1.0, HIGH, 0.25) / _b(ds, "SGD", 1.0, 2e-3, 0.25)),
        relation=equal(0.0, 0.2),
        choices="the margin is lrtheory's; a quarter of the way b is well on its way and not yet small",
    ),
]
