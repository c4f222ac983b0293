"""The drift law over gamma: exponential at 1, faster below, a power law above; from a start on the minima far out.

|alpha*| = .1 makes m small (about .002): the early law asks for b far above (1 + gamma)^2 m.
"""

from __future__ import annotations

import numpy as np
from _ren2024 import OURS, P0, ROOT_SEED

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics import MinibatchSGD
from lrtheory.probes.ren2024 import Manifold
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.problems.ren2024 import OnManifold
from lrtheory.relations import follows, less
from lrtheory.schedules import Constant
from lrtheory.theory import ren2024 as law

#: gamma to the rate at which it is read: the curvature grows with gamma, and the error of the equation with the rate.
RATES = {0.5: 5e-4, 1.0: 5e-4, 2.0: 2e-4, 3.0: 1e-4}

experiment = Experiment(
    name="ren2024_gamma",
    problem=OnManifold(n=P0.n, d=P0.d, alpha_star=0.1, static_noise=0.03, b0=7.0),
    dynamics=MinibatchSGD(),
    schedule=Constant(rate=5e-4),
    probes=(Manifold(),),
    n_steps=200000,
    n_records=300,
    record_spacing="log",
    axes={
        "gamma": Axis("problem.gamma", tuple(RATES)),
        "rate": Axis("schedule.rate", (1e-4, 2e-4, 5e-4), unit="time per step"),
    },
    seeds=64,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {"seeds": 4, "n_steps": 20000, "n_records": 100},
        "laptop": {},
        "paper": {"seeds": 256},
    },
)

#: The early law is read between these values of b: below the start, and far above (1 + gamma)^2 m, at most .04.
OUTER, INNER = 4.0, 0.8
LEVELS = np.geomspace(OUTER, INNER, 7)
_X = np.log(LEVELS[1:] * LEVELS[:-1]) / 2
_X = _X - _X.mean()


def _exponent(ds):
    """Return, a seed and gamma, the slope of log(-d log b/dk) on log b.

    The rate of the drift is read between seven values of b, from the steps at which b first is at or below them.
    """
    steps = ds.step.values.astype(float)
    out = np.full((ds.sizes["seed"], len(RATES)), np.nan)
    for j, (gamma, rate) in enumerate(RATES.items()):
        for i, b in enumerate(ds.b.sel(gamma=gamma, rate=rate).transpose("seed", "record").values):
            low = np.minimum.accumulate(b)
            if low[-1] <= INNER:
                passed = np.interp(-np.log(LEVELS), -np.log(low), steps)
                with np.errstate(divide="ignore"):  # levels passed within one record have no rate between them
                    speed = -np.diff(np.log(LEVELS)) / np.diff(passed)
                out[i, j] = (np.log(speed) * _X).sum() / (_X**2).sum() if np.isfinite(speed).all() else np.nan
    return out


def _exponent_of_equation(ds):
    """Return the same of the drift equation, for each seed and gamma."""
    b = np.exp(np.log(LEVELS[1:] * LEVELS[:-1]) / 2)[:, None]
    out = []
    for gamma, rate in RATES.items():
        cells = ds.sel(gamma=gamma, rate=rate)
        speed = -law.drift(b, rate, 1.0, cells.m.values, cells.trace.values, cells.power.values, gamma) / b
        speed = np.where(speed > 0, speed, np.nan)
        out.append((np.log(speed) * _X[:, None]).sum(axis=0) / (_X**2).sum())
    return np.transpose(out)


def _against_ode(ds):
    """Return, a seed and gamma, b over the drift equation where the equation is at INNER."""
    import xarray as xr

    out = []
    for gamma, rate in RATES.items():
        cells = ds.sel(gamma=gamma, rate=rate)
        path = predicted_b(cells, xr.DataArray(rate**2 * ds.step.values, dims="record"), gamma=gamma, start=cells.b0)
        at = np.abs(path - INNER).argmin("record")
        out.append((cells.b / path).isel(record=at).values)
    return np.transpose(out)


claims = [
    Claim(
        id="ren2024-16",
        statement="far from minimum norm -d log b/dk goes as b^((gamma - 1)/(gamma + 1)): the exponent within 0.1 at gamma = 0.5, 1, 2, 3",
        reference=OURS,
        status="derived",
        quantity=_exponent,
        relation=follows(lambda ds: (ds.gamma.values - 1) / (ds.gamma.values + 1), "gamma", margin=0.1),
        choices="|alpha*| = .1, the rates and the range of b (4 to .8) were chosen so that the early law applies; with .3, tried first, (1 + gamma)^2 m/b is .4 at gamma = 3 and the exponent there comes out .65 instead of .5",
    ),
    Claim(
        id="ren2024-16-equation",
        statement="the exponent is that of the drift equation over the same values of b, within 0.05 at every gamma (mean of the differences)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _exponent(ds) - _exponent_of_equation(ds),
        relation=follows(lambda ds: np.zeros(len(RATES)), "gamma", margin=0.05),
    ),
    Claim(
        id="ren2024-16-below",
        statement="b is below the drift equation where that is at 0.8 (mean of the ratios over gamma)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _against_ode(ds).mean(axis=1),
        relation=less(1.0),
    ),
]
