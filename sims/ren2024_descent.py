"""Gradient descent without noise over rates: where it ends, and where it stops surviving."""

from __future__ import annotations

import numpy as np
from _ren2024 import OURS, P0, ROOT_SEED

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics import GD
from lrtheory.experiment import with_value
from lrtheory.probes.ren2024 import Manifold
from lrtheory.relations import decreasing, equal, share
from lrtheory.schedules import Constant
from lrtheory.theory import ren2024 as law

experiment = Experiment(
    name="ren2024_descent",
    problem=with_value(P0, "label_noise", 0.0),
    dynamics=GD(),
    schedule=Constant(rate=1e-3),
    probes=(Manifold(),),
    n_steps=20000,
    n_records=20,
    axes={
        "rate": Axis(
            "schedule.rate", (1e-3, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.14, 0.2), unit="time per step"
        ),
    },
    seeds=64,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {"seeds": 4, "n_steps": 6000, "axes.rate": (1e-3, 0.02, 0.04, 0.1, 0.2)},
        "laptop": {},
        "paper": {"seeds": 512, "n_steps": 100000},
    },
)


def _end(ds):
    return ds.b.isel(record=-1)


def _invariant(ds):
    """Return b/s^kappa at the end over that of the start, for each seed, at the smallest rate."""
    cells = ds.isel(rate=0)
    end = law.invariant(_end(cells), cells.s.isel(record=-1), P0.gamma)
    return end / law.invariant(cells.b0, cells.s0, P0.gamma)


def _flow_end(ds):
    """Return b at the end over the root of the invariant, for each seed, at the smallest rate."""
    cells = ds.isel(rate=0)
    return _end(cells) / law.flow_end(cells.b0, cells.s0, cells.m, P0.gamma)


def _survives_below(ds):
    """Tell, for each seed, whether all rates below 2/lambda_max at its start survive."""
    below = ds.rate < 2 / ds.sharpness0
    return ((ds.diverged_at < 0) | ~below).all("rate")


def _survives_above(ds):
    """Tell, for each seed, whether some rate above 2/lambda_max at its start survives."""
    above = ds.rate > 2 / ds.sharpness0
    return ((ds.diverged_at < 0) & above).any("rate")


claims = [
    Claim(
        id="ren2024-2",
        statement="gradient descent at rate 1e-3 keeps b/s^kappa within 1 %",
        reference=OURS,
        status="derived",
        quantity=_invariant,
        relation=equal(1.0, 0.01),
    ),
    Claim(
        id="ren2024-3",
        statement="gradient descent at rate 1e-3 ends at the root of the invariant, b within 1 %",
        reference=OURS,
        status="derived",
        quantity=_flow_end,
        relation=equal(1.0, 0.01),
    ),
    Claim(
        id="ren2024-14",
        statement="noise-free gradient descent: b at the end falls with the rate, from each to the next up to 0.05",
        reference=OURS,
        status="derived",
        quantity=lambda ds: np.log(_end(ds).sel(rate=ds.rate <= 0.05)),
        relation=decreasing("rate"),
    ),
    Claim(
        id="ren2024-14-below",
        statement="below 2/lambda_max(J Sigma_hat J) of its start no run diverges (all rates of at least 90 % of seeds)",
        reference=OURS,
        status="derived",
        quantity=_survives_below,
        relation=share(0.9),
    ),
    Claim(
        id="ren2024-14-above",
        statement="runs survive somewhat above 2/lambda_max of their start (some rate of at least 80 % of seeds)",
        reference=OURS,
        status="derived",
        quantity=_survives_above,
        relation=share(0.8),
    ),
    Claim(
        id="ren2024-14-wall",
        statement="at rate 0.2, over three times the threshold of P0, runs diverge (at least 90 % of seeds)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: (ds.diverged_at >= 0).sel(rate=0.2),
        relation=share(0.9),
    ),
]
