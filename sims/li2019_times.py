"""How long P and Q take to be fitted: P in proportion to d, Q in proportion to 1/r and a power of the level.

Constant temperature: theta = 1 for P, 1e-5 for Q. alpha ~ U[0, 1] as in the paper, so that small-alpha inputs are late.
"""

from __future__ import annotations

import numpy as np

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import Constant
from lrtheory.statistics import first_time, log_slope

LEVELS = (0.2, 0.14, 0.1)
REFERENCE = "Li, Wei, Ma 2019: steps to fit"

experiment = Experiment(
    name="li2019_times",
    problem=InfiniteWidth(alpha_low=0.0),
    dynamics=ModeFlow(weight_decay=1e-5, h=4.0),
    schedule=Constant(rate=1.0),
    probes=(TrainByKind(), QBranch()),
    n_steps=750,
    n_records=375,
    axes={
        "theta": Axis("schedule.rate", (1.0, 1e-5)),
        "d": Axis("problem.d", (50, 100, 200)),
        "r": Axis("problem.r", (0.014, 0.02, 0.028, 0.04)),
    },
    seeds=12,
    precision="f32",
    scales={
        "smoke": {"seeds": 3, "axes.d": (50, 100), "axes.r": (0.02, 0.04), "dynamics.h": 10.0, "n_steps": 300},
        "laptop": {},
        "paper": {"seeds": 64, "axes.d": (50, 100, 200, 400), "dynamics.h": 2.0, "n_steps": 1500},
    },
)


def _time(ds, name, theta, level, **at):
    cells = ds.sel(theta=theta, method="nearest").sel(**at)
    values = cells[name]
    order = [d for d in values.dims if d != "record"] + ["record"]
    return values.dims, first_time(cells.time.transpose(*order).values, values.transpose(*order).values, level), order


def _slope(ds, name, theta, level, along, **at):
    _, times, order = _time(ds, name, theta, level, **at)
    return log_slope(ds[along].values, times, axis=order.index(along))


def _slope_level(ds):
    """Return, a seed, the slope of log time against log level of the Q-only loss, at the largest r."""
    times = [_time(ds, "train_loss_q_only", 1e-5, x, d=100, r=float(ds.r[-1]))[1] for x in LEVELS]
    return log_slope(LEVELS, np.stack(times, axis=-1))


claims = [
    Claim(
        id="li2019-14a",
        statement="at a large rate the time to fit P grows as d: slope on log axes in [0.8, 1.2] (loss of mixed inputs 0.5)",
        reference=REFERENCE,
        status="recalled",
        quantity=lambda ds: _slope(ds, "train_loss_both", 1.0, 0.5, "d", r=float(ds.r[0])),
        allowed=(0.8, 1.2),
    ),
    Claim(
        id="li2019-14b",
        statement="at a small rate the time to fit Q grows as 1/r: slope on log axes in [-1.2, -0.8] (Q-only loss 0.35)",
        reference=REFERENCE,
        status="recalled",
        quantity=lambda ds: _slope(ds, "train_loss_q_only", 1e-5, 0.35, "r", d=100),
        allowed=(-1.2, -0.8),
    ),
    Claim(
        id="li2019-14c",
        statement="the time to fit Q to loss eps grows as eps^-3 for alpha ~ U[0, 1]: slope in [-3.5, -2.5] at eps 0.2 to 0.1",
        reference=REFERENCE,
        status="recalled",
        quantity=_slope_level,
        allowed=(-3.5, -2.5),
    ),
]
