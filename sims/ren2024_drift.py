"""The rate of the drift near minimum norm, over rate, label noise and batch, from a start on the manifold of minima.

Every seed starts at b = .09 m of the mean training set of the reference problem; the slope of log b against steps is held
against the drift equation at the b that the run has.
"""

from __future__ import annotations

import numpy as np
from _ren2024 import HIGH, OURS, P0, ROOT_SEED

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics import MinibatchSGD
from lrtheory.probes.ren2024 import Manifold
from lrtheory.problems.ren2024 import OnManifold
from lrtheory.relations import ratio
from lrtheory.schedules import Constant
from lrtheory.theory import ren2024 as law

#: The noise comes up within this many steps: the start is on the manifold, without fluctuations.
SETTLED = 1000

experiment = Experiment(
    name="ren2024_drift",
    problem=OnManifold(n=P0.n, d=P0.d, gamma=P0.gamma, static_noise=P0.static_noise, b0=0.018),
    dynamics=MinibatchSGD(),
    schedule=Constant(rate=HIGH),
    probes=(Manifold(),),
    n_steps=9000,
    n_records=90,
    axes={
        "rate": Axis("schedule.rate", (5e-4, HIGH), unit="time per step"),
        "sigma": Axis("problem.label_noise", (1.0, 2.0)),
        "batch": Axis("problem.batch", (1, 4)),
    },
    seeds=512,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {"seeds": 8, "n_steps": 4000, "n_records": 40},
        "laptop": {},
        "paper": {"seeds": 4096},
    },
)


def _rate(ds, rate, sigma, batch):
    """Return -d log b/dk of each seed: the least-squares slope over the settled records."""
    cells = ds.sel(rate=rate, sigma=sigma, batch=batch)
    log_b = np.log(cells.b.isel(record=(ds.step >= SETTLED).values)).transpose("seed", "record").values
    steps = ds.step.values[ds.step.values >= SETTLED]
    return -np.polynomial.polynomial.polyfit(steps - steps.mean(), log_b.T, 1)[1]


def _law(ds, rate, sigma, batch):
    """Return the drift equation at the b of each seed, mean over the settled records."""
    cells = ds.sel(rate=rate, sigma=sigma, batch=batch)
    b = cells.b.isel(record=(ds.step >= SETTLED).values).transpose("record", "seed").values
    m, trace, power = (cells[name].values for name in ("m", "trace", "power"))
    return (-law.drift(b, rate, sigma, m, trace, power, P0.gamma, batch) / b).mean(axis=0)


def _against_law(rate, sigma, batch):
    return lambda ds: (_rate(ds, rate, sigma, batch), _law(ds, rate, sigma, batch))


def _against_reference(rate, sigma, batch):
    return lambda ds: (_rate(ds, rate, sigma, batch), _rate(ds, HIGH, 1.0, 1))


claims = [
    Claim(
        id="ren2024-4",
        statement="near minimum norm -d log b/dk is that of the drift equation at the b of the run, within 10 % (ratio of means)",
        reference=OURS,
        status="derived",
        quantity=_against_law(HIGH, 1.0, 1),
        relation=ratio(0.9, 1.1),
    ),
    Claim(
        id="ren2024-5-rate",
        statement="the drift goes with eta^2: half the rate, a quarter of it, within 15 % (ratio of means)",
        reference=OURS,
        status="derived",
        quantity=_against_reference(HIGH / 2, 1.0, 1),
        relation=ratio(0.25 * 0.85, 0.25 * 1.15),
    ),
    Claim(
        id="ren2024-5-sigma",
        statement="the drift goes with sigma^2: twice the label noise at rate 5e-4, four times the drift, within 15 % (ratio of means)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: (_rate(ds, HIGH / 2, 2.0, 1), _rate(ds, HIGH / 2, 1.0, 1)),
        relation=ratio(4 * 0.85, 4 * 1.15),
    ),
    Claim(
        id="ren2024-5-batch",
        statement="the drift goes with 1/B: batches of four, a quarter of it, within 15 % (ratio of means)",
        reference=OURS,
        status="derived",
        quantity=_against_reference(HIGH, 1.0, 4),
        relation=ratio(0.25 * 0.85, 0.25 * 1.15),
    ),
]
