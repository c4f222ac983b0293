"""What a large rate allows of Q: D2 under constant theta = 1, against the displacement r and the weight decay lambda."""

from __future__ import annotations

import math

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.relations import between, increasing, slope
from lrtheory.schedules import Constant

CHOICES = (
    "setting of li2019_separation (exploratory), read at t = 4000; coefficient where r is smallest, lambda largest"
)
REFERENCE = "Li, Wei, Ma 2019, arXiv 1907.04595"

experiment = Experiment(
    name="li2019_capacity",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=Constant(rate=1.0),
    probes=(TrainByKind(), QBranch(), Signal()),
    n_steps=500,
    n_records=50,
    axes={
        "r": Axis("problem.r", (0.005, 0.0071, 0.01, 0.0141, 0.02)),
        "weight_decay": Axis("dynamics.weight_decay", (5e-5, 1e-4, 2e-4, 4e-4), unit="1/time"),
    },
    seeds=8,
    precision="f64",  # at r = 0.005 the curvature is 1e-4 of the outputs it is taken from
    scales={
        "smoke": {"seeds": 3, "dynamics.h": 16.0, "n_steps": 250},
        "laptop": {},
        "paper": {"seeds": 64, "dynamics.h": 4.0, "n_steps": 1000},
    },
)


def _curvature(ds, **at):
    """Return -D2 at the end, which is positive, at a place of the grid."""
    return -ds.d2.isel(record=-1, **at)


def _mu(ds):
    """Return -D2 over E[alpha] r^3 s^2/(12 pi lambda) where r is smallest and lambda largest: the share mu of the formula."""
    problem = experiment.problem
    r, lam = float(ds.r[0]), float(ds.weight_decay[-1])
    unit = problem.mean_alpha * r**3 * problem.s**2 / (12 * math.pi * lam)
    return _curvature(ds, r=0, weight_decay=-1) / unit


claims = [
    Claim(
        id="li2019-3a",
        statement="at a large rate |D2| grows at least as fast as r^2: slope on log axes above 2 (it stays below C r^2/lambda as r falls)",
        reference=f"{REFERENCE}: bound on the curvature of g at the large rate",
        status="recalled",
        quantity=lambda ds: _curvature(ds, weight_decay=-1),
        relation=slope("r", 2.0, math.inf),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-3b",
        statement="at a large rate |D2| grows as r^3: slope on log axes in [2.7, 3.3]",
        reference="lrtheory: large-rate capacity",
        status="derived",
        quantity=lambda ds: _curvature(ds, weight_decay=-1),
        relation=slope("r", 2.7, 3.3),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-3c",
        statement="at a large rate |D2| falls as 1/lambda: slope on log axes in [-1.2, -0.8]",
        reference="lrtheory: large-rate capacity",
        status="derived",
        quantity=lambda ds: _curvature(ds, r=0),
        relation=slope("weight_decay", -1.2, -0.8),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-3d",
        statement="-D2/(E[alpha] r^3 s^2/(12 pi lambda)) lies between q and 1-p",
        reference="lrtheory: large-rate capacity",
        status="derived",
        quantity=_mu,
        relation=between(experiment.problem.q0, 1 - experiment.problem.p0),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-5",
        statement="the training loss left at the large rate at t = 4000 rises with weight decay, from each value to the next",
        reference="lrtheory: phase 1",
        status="derived",
        quantity=lambda ds: ds.train_loss.isel(record=-1, r=0),
        relation=increasing("weight_decay"),
        unit="nat",
        choices=CHOICES,
    ),
]
